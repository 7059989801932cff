"""How AfterShip proves that a webhook is its own."""

from __future__ import annotations

import base64
import hashlib
import hmac

HEADER = "aftership-hmac-sha256"


def sign(secret: str, body: bytes) -> str:
    """AfterShip's signature of a body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
