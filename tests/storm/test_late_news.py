"""A storm of old webhooks, ten of each parcel, shuffled: nothing stale is sent, and the fresh stays in the mail budget.

``STORM_FORM=long``, as ``make storm`` sets it, sends a hundred thousand of them.
"""

from __future__ import annotations

import json
import os
import random
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from stores.models import AfterShipAccount, Brand, Route
from tests import factories as make
from tests.benchmarks.bodies import ENVELOPE, SCAN
from tracking.enums import ParcelStatus, ReceiptState, Source
from tracking.models import Message, Order, Parcel, Receipt, Tracking
from tracking.services.pump import drain_everything

WEBHOOKS = 100_000 if os.environ.get("STORM_FORM") == "long" else 1_000
EACH = 10  # of a parcel: announced nine times, then in transit
NUMBER = WEBHOOKS // EACH
PIECE = 500
FRESH_EACH = 20  # of so many parcels one is in transit since this minute, the others since five days ago
PER_MINUTE = 6  # a slot each eleven seconds: the drain does not wait for one


@pytest.mark.django_db(transaction=True)
def test_late_news_are_not_told_and_fresh_ones_stay_in_the_budget(settings: Any) -> None:
    settings.JOB_THREADS = 1
    brand = make.make_brand(mails_per_minute=PER_MINUTE)
    route = make.make_route(brand=brand, notify="platform")
    now, chance = timezone.now(), random.Random(7)
    for first in range(0, NUMBER, PIECE):
        piece = range(first, min(first + PIECE, NUMBER))
        ids = world(route, now, piece)
        late = [
            receipt(route.account, pk, n, turn, now) for n, pk in zip(piece, ids, strict=True) for turn in range(EACH)
        ]
        chance.shuffle(late)
        Receipt.objects.bulk_create(late)
    began = time.monotonic()
    drain_everything()
    minutes = (time.monotonic() - began) / 60
    fresh = sum(1 for n in range(NUMBER) if n % FRESH_EACH == 0)
    told = {row.state for row in Message.objects.exclude(reason__startswith="stale")}
    assert told <= {"sent", "planned"}
    assert Message.objects.filter(state="skipped", reason__startswith="stale").count() == NUMBER - fresh
    assert Message.objects.filter(state__in=["sent", "planned"]).count() == fresh
    assert set(Message.objects.values_list("kind")) == {("in_transit",)}
    assert len(mail.outbox) == Message.objects.filter(state="sent").count()
    assert 1 <= len(mail.outbox) <= PER_MINUTE * (minutes + 1)
    assert Receipt.objects.count() == WEBHOOKS
    assert not Receipt.objects.filter(state=ReceiptState.PENDING).exists()
    assert Brand.objects.count() == 1


def world(route: Route, now: datetime, numbers: range) -> list[str]:
    """Parcels that wait for their first scan, one order each; returns the trackings' keys."""
    account, ordered = route.account, now - timedelta(days=20)
    facts = {"project": route.project, "version": 1, "ordered_at": ordered, "locale": "de-DE"}
    orders = Order.objects.bulk_create(
        Order(commercetools_id=f"o-{n}", correlation_id=f"C{n}", customer_email=f"s{n}@example.com", **facts)
        for n in numbers
    )
    trackings = Tracking.objects.bulk_create(
        Tracking(
            id=f"{n:032x}", aftership_id=f"{n:032x}", account=account, correlation_id=f"C{n}",
            tracking_number=f"N{n:09}", status=ParcelStatus.PENDING, opened_at=ordered,
        )
        for n in numbers
    )  # fmt: skip
    Parcel.objects.bulk_create(
        Parcel(
            order=order, tracking=tracking, route=route, commercetools_id=f"p-{n}", delivery_id="d",
            tracking_number=tracking.tracking_number,
        )
        for n, order, tracking in zip(numbers, orders, trackings, strict=True)
    )  # fmt: skip
    return [tracking.pk for tracking in trackings]


def receipt(account: AfterShipAccount, pk: str, n: int, turn: int, now: datetime) -> Receipt:
    """The webhook of a parcel's ``turn``: the last one is its first scan, of this minute or of five days ago."""
    is_scan = turn == EACH - 1
    before = timedelta(minutes=1) if is_scan and n % FRESH_EACH == 0 else timedelta(days=4 + EACH - turn)
    at = (now - before).isoformat(timespec="seconds")
    tag, subtag = ("InTransit", "InTransit_003") if is_scan else ("InfoReceived", "InfoReceived_001")
    event = f"e-{n}-{turn}"
    scan = SCAN | {
        "checkpoint_time": at,
        "created_at": at,
        "hash": f"{n:030x}{turn:010x}",
        "tag": tag,
        "subtag": subtag,
    }
    message = ENVELOPE["msg"] | {"id": pk, "tag": tag, "subtag": subtag, "updated_at": at}
    message |= {"checkpoints": [scan], "tracking_number": f"N{n:09}"}
    return Receipt(
        source=Source.AFTERSHIP,
        endpoint=account.key,
        event_id=event,
        body=json.dumps(ENVELOPE | {"event_id": event, "msg": message}).encode(),
        next_attempt_at=now,
        received_at=now,
        request_id=f"R{n}-{turn}",
        correlation_id=f"R{n}-{turn}",
    )
