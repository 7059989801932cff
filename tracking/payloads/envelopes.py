"""What brokers wrap around a commercetools message, and what is left when they are taken off.

    a list ─────────────────────── each of its elements
    Pub/Sub push, Connect ──────── message.data, base64
    SNS ────────────────────────── Message, text                (confirmations are no envelopes: they stay whole)
    EventBridge ────────────────── detail, as it stands
    CloudEvents (Event Grid) ───── data, as it stands           (reference 7.1, 7.4)

Envelopes may be within each other (SNS to SQS, EventBridge with CloudEvents), so they are taken off one by one. Which
one may come is no question here: who sends has proven itself before, and what is inside counts.
"""

from __future__ import annotations

import base64

from tracking.payloads.errors import PayloadError
from tracking.payloads.json_text import loads, member, split_list

# A body of 1 MiB cannot hold more real messages; a list of a million zeros must not become a million receipts.
MOST_MESSAGES = 5_000
MOST_ENVELOPES = 4


def unwrap(raw: bytes) -> list[bytes]:
    """One body per message in ``raw``, each an exact slice of what came, or what an envelope held.

    Never raises: what cannot be taken apart comes back whole, so that it is kept and quarantined rather than lost.
    """
    try:
        document = loads(raw)
        if not isinstance(document, list):
            return [unwrap_one(document, raw)]
        if len(document) > MOST_MESSAGES:
            return [raw]
        return [unwrap_one(*pair) for pair in zip(document, split_list(raw), strict=True)]
    except PayloadError:
        return [raw]


def unwrap_one(document: object, raw: bytes) -> bytes:
    """What is inside all envelopes of one message; where an inner one cannot be opened, that one."""
    for _ in range(MOST_ENVELOPES):
        inner = open_envelope(document, raw)
        if inner is None:
            return raw
        raw = inner
        try:
            document = loads(raw)
        except PayloadError:
            return raw
    return raw


def open_envelope(document: object, raw: bytes) -> bytes | None:
    """What the outermost envelope holds; None where there is none, or it cannot be opened."""
    if not isinstance(document, dict):
        return None
    if data := pubsub_data(document):
        return decoded(data)
    if "detail-type" in document and isinstance(document.get("detail"), dict):
        return member(raw, "detail")
    if isinstance(document.get("specversion"), str) and isinstance(document.get("data"), dict):
        return member(raw, "data")
    if document.get("Type") == "Notification" and isinstance(document.get("Message"), str):
        return encoded(document["Message"])
    return None


def pubsub_data(document: object) -> str:
    """The base64 text of a Pub/Sub push envelope, "" where ``document`` is none."""
    message = document.get("message") if isinstance(document, dict) else None
    data = message.get("data") if isinstance(message, dict) else None
    return data if isinstance(data, str) else ""


def decoded(data: str) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True) or None
    except ValueError:
        return None


def encoded(text: str) -> bytes | None:
    try:
        return text.encode() or None
    except UnicodeEncodeError:
        return None
