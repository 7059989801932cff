"""Who is the same person, without saying who: keyed hashes of e-mail addresses."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import lru_cache

from tracking.models import HashKey

SHOPPERS = "shoppers"


def shopper_key(email: str) -> str:
    """64 hex digits, the same for every spelling of one address; "" for none. Cannot be turned back without our key."""
    address = email.strip().lower()
    return hmac.new(hash_key(SHOPPERS), address.encode(), hashlib.sha256).hexdigest() if address else ""


@lru_cache(maxsize=4)
def hash_key(name: str) -> bytes:
    """The key of this kind of hash. A migration makes it; a database that was emptied since gets a new one."""
    row, _ = HashKey.objects.get_or_create(name=name, defaults={"secret": secrets.token_hex(32)})
    return bytes.fromhex(row.secret)
