"""Rows to drain: orders of three parcels each, all known to AfterShip, and a heap of webhooks about them."""

from __future__ import annotations

import random
import uuid
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from config.correlation import new_correlation_id
from stores.models import AfterShipAccount, Project
from tests.benchmarks.bodies import WAY, webhook
from tracking.enums import Source
from tracking.models import Checkpoint, Job, KnownNumber, Order, Parcel, Problem, Receipt, Tracking

PARCELS_PER_ORDER = 3
REPEATS = 0.1
EMPTIED = (Receipt, Checkpoint, Job, Problem, Parcel, Tracking, Order, KnownNumber)


def clear() -> None:
    """Empty the tables of orders and everything about them."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(model._meta.db_table for model in EMPTIED)} CASCADE")


def seed(orders: int, webhooks: int) -> dict[str, int]:
    """Empty the tables, make the orders and the pending webhooks about them; the newest step by tracking id.

    The webhooks come in no order, and a tenth of them says, under an event id of its own, what another one says.
    """
    clear()
    account, _ = AfterShipAccount.objects.get_or_create(key="bench", defaults={"api_key": "none"})
    numbers = seed_trackings(account, orders)
    events = choose_events(list(numbers), webhooks)
    seed_receipts([webhook(one, numbers[one], steps, str(uuid.uuid4())) for one, steps in events])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    newest: dict[str, int] = {}
    for tracking_id, steps in events:
        newest[tracking_id] = max(steps, newest.get(tracking_id, 0))
    return newest


def choose_events(tracking_ids: list[str], count: int) -> list[tuple[str, int]]:
    """``count`` pairs of tracking and step, shuffled; the steps are spread over the way, from the last one back."""
    chance = random.Random(7)
    spread = range(len(WAY), 0, -4)
    all_events = [(tracking_id, steps) for steps in spread for tracking_id in tracking_ids]
    events = all_events[: round(count * (1 - REPEATS))]
    events += chance.sample(events, count - len(events))
    chance.shuffle(events)
    return events


def seed_trackings(account: AfterShipAccount, orders: int) -> dict[str, str]:
    """Orders with their parcels; the number of each tracking by its id."""
    project, _ = Project.objects.get_or_create(
        key="bench",
        defaults={"api_url": "http://127.0.0.1:1", "auth_url": "http://127.0.0.1:1", "client_id": "id"},
    )
    rows = Order.objects.bulk_create(
        Order(project=project, commercetools_id=str(uuid.uuid4()), correlation_id=new_correlation_id(), version=1)
        for _ in range(orders)
    )
    pairs = [(order, f"00340434{n:012d}") for n, order in enumerate(rows * PARCELS_PER_ORDER)]
    ids = [uuid.uuid4().hex for _ in pairs]
    trackings = Tracking.objects.bulk_create(
        Tracking(
            id=key,
            aftership_id=key,
            account=account,
            correlation_id=order.correlation_id,
            tracking_number=number,
            requested_courier="dhl-germany",
            opened_at=timezone.now(),
        )
        for key, (order, number) in zip(ids, pairs, strict=True)
    )
    Parcel.objects.bulk_create(
        Parcel(
            order=order,
            commercetools_id=str(uuid.uuid4()),
            delivery_id=str(uuid.uuid4()),
            tracking_number=number,
            tracking=tracking,
        )
        for tracking, (order, number) in zip(trackings, pairs, strict=True)
    )
    return dict(zip(ids, (number for _, number in pairs), strict=True))


def seed_receipts(bodies: list[bytes]) -> None:
    now = timezone.now()
    Receipt.objects.bulk_create(
        (
            Receipt(
                source=Source.AFTERSHIP,
                endpoint="bench",
                event_id=str(uuid.uuid4()),
                body=body,
                request_id=new_correlation_id(),
                correlation_id=new_correlation_id(),
                received_at=now,
                next_attempt_at=now - timedelta(seconds=len(bodies) - position),
            )
            for position, body in enumerate(bodies)
        ),
        batch_size=500,
    )
