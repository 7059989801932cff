"""A parcel's story with one row of everything, for the tests of what shows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from tests import factories as make
from tracking.enums import JobKind, Source
from tracking.models import Order, Tracking, Write

CODE = "K7MQ-2XRT"
NUMBER = "00340434161094000001"
WORDS = "Handed to A. Muster, next door"


def make_write(order: Order, changes: list[dict[str, Any]] | None = None, **facts: Any) -> Write:
    """An accepted write: the order's status changed."""
    default = [{"what": "order", "name": "tb_status", "before": "pending", "after": "in_transit"}]
    defaults = {
        "correlation_id": order.correlation_id,
        "version_before": 5,
        "version_after": 6,
        "changes": default if changes is None else changes,
        "written_at": timezone.now(),
    }
    return Write.objects.create(order=order, **defaults | facts)


def tell_story(code: str = CODE, start: datetime | None = None) -> Order:
    """Message in, decision, push tried twice, webhook in, write; ten seconds apart, and an unmapped carrier mended."""
    start = start or timezone.now() - timedelta(minutes=10)

    def at(seconds: int) -> datetime:
        return start + timedelta(seconds=seconds)

    order = make.make_order(correlation_id=code, order_number="DE-1001")
    make.make_receipt(
        source=Source.COMMERCETOOLS, endpoint="demo", event="ParcelAddedToDelivery", outcome="the order will be read",
        correlation_id=code, received_at=at(0), processed_at=at(1), subject=order.commercetools_id,
    )  # fmt: skip
    tracking = make.make_tracking(correlation_id=code, tracking_number=NUMBER)
    parcel = make.make_parcel(
        order, tracking, route_trace=[[3, False, "store is de-web, not en-web"], [4, True, "all"]]
    )
    Tracking.objects.filter(pk=tracking.pk).update(created_at=at(10))
    type(parcel).objects.filter(pk=parcel.pk).update(created_at=at(9))
    problem = make.make_problem(
        order=order, parcel=parcel, subject=f"parcel:{parcel.pk}", correlation_id=code,
        closed_at=at(70), closed_reason="AfterShip has taken it.",
    )  # fmt: skip
    type(problem).objects.filter(pk=problem.pk).update(opened_at=at(15))
    push = make.make_job(kind=JobKind.PUSH, subject=tracking.pk, upstream="aftership:main", done=1, correlation_id=code)
    type(push).objects.filter(pk=push.pk).update(created_at=at(20))
    make.make_attempt(
        push, method="POST", path="/tracking/2026-07/trackings", status=503, outcome="retry", code="503",
        message="Service unavailable", started_at=at(30), wait_seconds=1.5,
    )  # fmt: skip
    make.make_attempt(push, method="POST", path="/tracking/2026-07/trackings", status=201, started_at=at(40))
    make.make_receipt(correlation_id=code, received_at=at(50), subject=tracking.aftership_id)
    new = {"tb_status": "pending", "tb_message": WORDS}
    of_parcel = {"what": "parcel", "parcel_id": parcel.commercetools_id, "before": None}
    changes = [of_parcel | {"name": name, "after": value} for name, value in new.items()]
    make_write(order, changes, written_at=at(60))
    return order
