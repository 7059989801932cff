"""What makes a repeat of an inbound document recognisable, whatever is in it."""

from __future__ import annotations

import hashlib
import re

USABLE = re.compile(r"[\x21-\x7e]{1,128}")


def event_id_or_digest(candidate: object, raw: bytes) -> str:
    """``candidate`` if it is 1 to 128 printable ASCII characters without a space, else ``sha256:<hex of raw>``."""
    if isinstance(candidate, str) and USABLE.fullmatch(candidate):
        return candidate
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"
