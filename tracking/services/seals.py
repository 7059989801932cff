"""What we hand out to strangers and want back unchanged: sealed, so that nobody can read, guess, alter or make one.

AES-SIV (RFC 5297) under a key per purpose, derived from FIELD_ENCRYPTION_KEYS: the first key seals, all of them open.
The same content gives the same seal, so a link is the same in every mail; nothing of it is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings

LONGEST = 200  # characters: what is longer is none of ours


@lru_cache(maxsize=32)
def _cipher(key: str, purpose: str) -> AESSIV:
    return AESSIV(hmac.digest(key.encode(), f"trackbridge.seal.{purpose}".encode(), hashlib.sha512))


def seal(purpose: str, content: bytes) -> str:
    """``content`` as a text of letters, digits, ``-`` and ``_`` that only ``unseal`` of this purpose can open."""
    sealed = _cipher(settings.FIELD_ENCRYPTION_KEYS[0], purpose).encrypt(content, None)
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(purpose: str, text: str) -> bytes | None:
    """The content of a seal; None for anything that ``seal`` did not make for this purpose, letter by letter."""
    if len(text) > LONGEST or not text.isascii():
        return None
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != text:
        return None  # the last letter has bits to spare: another one would open it as well
    for key in settings.FIELD_ENCRYPTION_KEYS:
        try:
            return _cipher(key, purpose).decrypt(sealed, None)
        except (InvalidTag, ValueError):
            continue
    return None
