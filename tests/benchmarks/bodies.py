"""AfterShip webhooks as AfterShip sends them: the recorded envelope, and one more checkpoint with every step.

A parcel that has made all steps makes a body of 8 to 9 KB, as most of the real ones are.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "aftership" / "webhooks"
ENVELOPE = json.loads((FIXTURES / "tracking_update__in_transit.json").read_text(encoding="utf-8"))
SCAN = ENVELOPE["msg"]["checkpoints"][0]
FIRST_SCAN_AT = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
WAY = [
    ("InfoReceived", "InfoReceived_001", "The shipment data was announced electronically."),
    ("InTransit", "InTransit_002", "The shipment was handed in by the sender."),
    ("InTransit", "InTransit_003", "The shipment was processed in the parcel centre of origin."),
    ("InTransit", "InTransit_007", "The shipment has left the parcel centre of origin."),
    ("InTransit", "InTransit_003", "The shipment has arrived at the sorting centre."),
    ("InTransit", "InTransit_005", "The shipment was handed to customs."),
    ("Exception", "Exception_004", "The shipment waits for customs clearance."),
    ("InTransit", "InTransit_006", "The shipment was released by customs."),
    ("InTransit", "InTransit_003", "The shipment was processed in the destination parcel centre."),
    ("OutForDelivery", "OutForDelivery_001", "The shipment was loaded onto the delivery vehicle."),
    ("AttemptFail", "AttemptFail_002", "The recipient was not met in person."),
    ("OutForDelivery", "OutForDelivery_001", "The shipment was loaded onto the delivery vehicle."),
    ("Delivered", "Delivered_001", "The shipment was delivered."),
]


def webhook(tracking_id: str, number: str, steps: int, event_id: str) -> bytes:
    """The body of the webhook that AfterShip sends when the parcel makes its ``steps``-th step (1 to ``len(WAY)``)."""
    tag, subtag, _ = WAY[steps - 1]
    tracking = ENVELOPE["msg"] | {
        "id": tracking_id,
        "tracking_number": number,
        "title": number,
        "tag": tag,
        "subtag": subtag,
        "updated_at": (FIRST_SCAN_AT + timedelta(hours=6 * steps)).isoformat(),
        "checkpoints": [scan(tracking_id, step) for step in range(steps)],
    }
    document = ENVELOPE | {"event_id": event_id, "msg": tracking}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def scan(tracking_id: str, step: int) -> dict[str, Any]:
    tag, subtag, message = WAY[step]
    at = FIRST_SCAN_AT + timedelta(hours=6 * step)
    return SCAN | {
        "checkpoint_time": (at + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S+01:00"),
        "created_at": (at + timedelta(minutes=20)).isoformat(),
        "message": message,
        "tag": tag,
        "subtag": subtag,
        "subtag_message": message,
        "hash": hashlib.sha1(f"{tracking_id} {step}".encode()).hexdigest(),
    }


def signature(secret: str, body: bytes) -> str:
    """The header ``aftership-hmac-sha256`` of a body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
