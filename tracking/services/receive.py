"""What comes in by HTTP → a committed Receipt, and nothing else: one INSERT, then the answer.

    raw bytes ─> authentic? (the view's authentication class) ─> store_receipts ─> 200
                                                                      └─> kick: a worker is woken once

A repeat meets the unique event id and is answered 200 without effect. Reading and applying happen in workers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from django.db import connection
from django.db.models import F
from django.utils import timezone

from tracking.enums import ReceiptState, Source
from tracking.models import Receipt, Refusal
from tracking.payloads.from_aftership import webhook_event_id
from tracking.payloads.from_commercetools import message_event_id

EVENT_ID: dict[Source, Callable[[bytes], str]] = {
    Source.AFTERSHIP: webhook_event_id,
    Source.COMMERCETOOLS: message_event_id,
}
KEPT_HEADERS = {"content-type", "user-agent", "as-webhook-version", "x-correlation-id", "content-length"}

# One statement, which is its own transaction: by way of the ORM it would be four round trips instead of one.
INSERT = """
INSERT INTO tracking_receipt (source, endpoint, event_id, body, headers, event, subject, state, outcome, attempts,
    next_attempt_at, request_id, correlation_id, received_at)
VALUES {rows}
ON CONFLICT DO NOTHING
"""
ROW = f"(%s, %s, %s, %s, %s, '', '', '{ReceiptState.PENDING}', '', 0, %s, %s, %s, %s)"


def store_receipts(
    source: Source, endpoint: str, bodies: Sequence[bytes], headers: Mapping[str, str], request_id: str
) -> int:
    """Commit one receipt per body; returns how many were new. The caller may answer 2xx once this has returned.

    ``bodies`` are authentic but otherwise unchecked; any bytes are kept. Raises DatabaseError where nothing was stored.
    """
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    kept = json.dumps({name.lower(): value[:200] for name, value in headers.items() if name.lower() in KEPT_HEADERS})
    by_event = {EVENT_ID[source](body): body for body in bodies}
    if not by_event:
        return 0
    values: list[object] = []
    for event_id, body in by_event.items():
        values += [source.value, endpoint, event_id, body, kept, now, request_id, request_id, now]
    rows = ", ".join([ROW] * len(by_event))
    with connection.cursor() as cursor:
        cursor.execute(INSERT.format(rows=rows), values)
        return cursor.rowcount


def count_refusal(source: Source, endpoint: str, reason: str) -> None:
    """Count a request that was turned away; nothing of the request itself is kept."""
    today = timezone.now().date()
    row = Refusal.objects.filter(source=source, endpoint=endpoint, reason=reason, day=today)
    if not row.update(count=F("count") + 1):
        Refusal.objects.get_or_create(source=source, endpoint=endpoint, reason=reason, day=today)
        row.update(count=F("count") + 1)


def replay(receipts: Sequence[int]) -> int:
    """Make receipts pending again, whatever became of them; returns how many. Applying them twice changes nothing."""
    return (
        Receipt.objects.filter(pk__in=receipts)
        .exclude(state=ReceiptState.PENDING)
        .update(
            state=ReceiptState.PENDING,
            attempts=0,
            next_attempt_at=timezone.now() - timedelta(seconds=1),
            processed_at=None,
        )
    )
