"""Who is who without knowing who: keyed hashes of addresses, which stay when the address itself is erased.

Made with the first of FIELD_ENCRYPTION_KEYS, looked up with all of them: a new key in front loses nobody.
"""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings

PURPOSE = b"trackbridge.person"


def person_hash(address: str) -> str:
    """64 hex digits that stand for this address, whatever its case; "" for none. No way leads back."""
    return person_hashes(address)[0] if address.strip() else ""


def person_hashes(address: str) -> list[str]:
    """What stands for this address under each key, the current one first."""
    normal = address.strip().lower().encode()
    return [
        hmac.digest(hmac.digest(key.encode(), PURPOSE, hashlib.sha256), normal, hashlib.sha256).hex()
        for key in settings.FIELD_ENCRYPTION_KEYS
    ]
