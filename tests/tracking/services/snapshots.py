"""AfterShip's snapshots of one tracking, as the payload layer gives them, and as the webhooks that carry them."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from tracking.enums import ReceiptState, Source
from tracking.models import Receipt
from tracking.payloads.from_aftership import TrackingSnapshot, parse_tracking

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def moment(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat(timespec="seconds")


def scan(number: int, tag: str = "InTransit", subtag: str = "InTransit_003", **facts: Any) -> dict[str, Any]:
    """The checkpoint of this number: one hour after the one before it."""
    return {
        "hash": f"{number:040x}",
        "checkpoint_time": moment(number),
        "created_at": moment(number + 0.25),
        "tag": tag,
        "subtag": subtag,
        "message": f"Scan {number}",
        "location": f"Depot {number}",
    } | facts


def document(
    tracking_id: str, hours: float, tag: str = "InTransit", subtag: str = "InTransit_003", **facts: Any
) -> Any:
    """The tracking as AfterShip tells it at that hour."""
    return {
        "id": tracking_id,
        "tracking_number": "00340434161094000001",
        "slug": "dhl-germany",
        "tag": tag,
        "subtag": subtag,
        "updated_at": moment(hours),
        "checkpoints": [],
    } | facts


def snapshot(tracking_id: str, hours: float, *args: Any, **facts: Any) -> TrackingSnapshot:
    return parse_tracking(document(tracking_id, hours, *args, **facts))


def receipt(msg: Any, *, endpoint: str, **facts: Any) -> Receipt:
    """A webhook that came and waits."""
    event_id = str(uuid.uuid4())
    body = {"event": "tracking_update", "event_id": event_id, "msg": msg}
    now = timezone.now()
    return Receipt.objects.create(
        **{
            "source": Source.AFTERSHIP,
            "endpoint": endpoint,
            "event_id": event_id,
            "body": json.dumps(body).encode(),
            "state": ReceiptState.PENDING,
            "next_attempt_at": now,
            "received_at": now,
            "request_id": "RQST-CODE",
            "correlation_id": "RQST-CODE",
        }
        | facts
    )
