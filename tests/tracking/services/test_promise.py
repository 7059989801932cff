"""What was promised stays, and is a day on the store's clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.factories import make_order, make_parcel, make_project, make_route, make_store
from tracking.models import Parcel
from tracking.services.promise import promised_day

pytestmark = pytest.mark.django_db
LATE_EVENING = datetime(2026, 10, 4, 22, 30, tzinfo=UTC)  # Monday, half past midnight, in Berlin


def parcel(*, promised: int | None = 3, **facts: Any) -> Parcel:
    project = make_project()
    order = make_order(project, store=make_store(project, countries=["DE"]), **{"ordered_at": LATE_EVENING} | facts)
    route = make_route(project, promise_days=promised, promise_days_by_country={"AT": 5})
    return make_parcel(order, route=route, decision={"promise_days": promised}, shipped_at=LATE_EVENING)


def test_days_count_from_the_order_s_day_on_the_store_s_clock() -> None:
    assert str(promised_day(parcel())) == "2026-10-08"


def test_what_the_route_says_later_changes_nothing() -> None:
    one = parcel()
    one.route.promise_days = 9
    assert str(promised_day(one)) == "2026-10-08"
    one.decision = {"promise_days": None}
    assert promised_day(one) is None


def test_parcels_from_before_that_was_kept_have_what_the_route_promises() -> None:
    one = parcel(destination_country="AT")
    one.decision = {}
    assert str(promised_day(one)) == "2026-10-10"
    one.route = None
    assert promised_day(one) is None


def test_without_an_order_s_date_it_counts_from_hand_over() -> None:
    assert str(promised_day(parcel(ordered_at=None))) == "2026-10-08"
