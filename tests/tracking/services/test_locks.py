"""Who waits for whom, on a real PostgreSQL: orders of one project for nobody, and no two for each other."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests.factories import make_order, make_parcel, make_project, make_route, make_tracking
from tests.plugin import IS_SQLITE
from tests.tracking.services.snapshots import snapshot
from tests.tracking.services.threads import at_once
from tracking.models import Order, Tracking
from tracking.services.apply_update import Batch, want_write_back
from tracking.services.collect import store_order

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(IS_SQLITE, reason="SQLite has one writer at a time"),
]


def document_of(order: Order, **tracking_data: str) -> dict[str, Any]:
    """The order as commercetools has it now: each of its parcels with this tracking data."""
    parcels = [
        {"id": one.commercetools_id, "createdAt": "2026-11-20T08:00:00.000Z", "trackingData": tracking_data}
        for one in order.parcels.all()
    ]
    now = timezone.now().isoformat()
    return {
        "id": order.commercetools_id,
        "version": (order.version or 0) + 1,
        "createdAt": now,
        "lastModifiedAt": now,
        "orderState": "Open",
        "lineItems": [],
        "customLineItems": [],
        "shippingMode": "Single",
        "shippingInfo": {"deliveries": [{"id": "d-1", "items": [], "parcels": parcels}]},
    }


def test_orders_of_one_project_are_stored_side_by_side() -> None:
    project = make_project()
    first, second = make_order(project), make_order(project)
    with transaction.atomic():
        store_order(first, document_of(first))

        def store_second() -> int | None:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '20s'")
            return store_order(second, document_of(second)).version

        assert at_once(store_second) == [6]


def test_news_and_a_new_number_of_one_parcel_never_wait_for_each_other_for_ever() -> None:
    """The worker with the news holds the tracking and then wishes; the one with the new number must not wish first."""
    project = make_project()
    route = make_route(project)
    tracking = make_tracking(route.account)
    order = make_order(project)
    make_parcel(order, tracking)
    has_tracking = threading.Event()

    def apply_news() -> None:
        with transaction.atomic():
            batch = Batch.lock(route.account, [tracking.pk])
            has_tracking.set()
            threading.Event().wait(0.3)  # until the other has come as far as it can
            batch.apply(batch.by_id[tracking.pk], snapshot(tracking.pk, 500, "Delivered", "Delivered_001"))
            want_write_back([tracking.pk])
            batch.save()

    def change_number() -> None:
        has_tracking.wait(60)
        other = make_tracking(route.account, tracking_number="1Z999AA10123456784", requested_courier="")
        store_order(order, document_of(order, trackingId=other.tracking_number, carrier="Brown"))

    at_once(apply_news, change_number)
    assert Tracking.objects.get(pk=tracking.pk).retired_at
    assert Tracking.objects.get(pk=tracking.pk).status == "delivered"
