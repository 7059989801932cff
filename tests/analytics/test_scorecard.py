"""Couriers judged by their own lanes, and not by luck."""

from __future__ import annotations

import math
from typing import Any

import pytest

from analytics.scorecard import scorecard
from tests.analytics.worlds import FILTERS, World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def world() -> World:
    return World()


def ship(world: World, courier: str, country: str, kept: int, late: int) -> None:
    """Parcels against a promise of Wednesday: attempted on Tuesday, or on Friday."""
    for hours in [34] * kept + [100] * late:
        facts: Any = {"courier": courier, "order": {"destination_country": country}}
        world.parcel(scan=10, attempt=hours, delivered=hours, promise=3, **facts)


def test_a_courier_is_compared_on_its_own_lanes(world: World) -> None:
    """DHL keeps 18 of 20 at home and 10 of 20 abroad; UPS, abroad only, 15 of 20. All in all DHL looks better than it
    is where both ship: there it is the worse one.
    """
    ship(world, "dhl-germany", "DE", kept=18, late=2)
    ship(world, "dhl-germany", "AT", kept=10, late=10)
    ship(world, "ups", "AT", kept=15, late=5)
    world.figure("created")
    scores = {one.courier: one.scores["on_time_promise"] for one in scorecard(FILTERS)}
    abroad = math.sqrt(20 * 0.625 * 0.375)  # 25 of 40 are kept by both together
    assert scores == {"ups": pytest.approx(2.5 / abroad), "dhl-germany": pytest.approx(-2.5 / abroad)}


def test_few_parcels_and_nobody_to_compare_with_give_no_score(world: World) -> None:
    ship(world, "dhl-germany", "DE", kept=20, late=5)
    ship(world, "ups", "DE", kept=5, late=0)
    ship(world, "gls", "FR", kept=30, late=0)
    world.figure("created")
    found = {one.courier: one for one in scorecard(FILTERS)}
    assert found["ups"].scores["on_time_promise"] is None
    assert found["gls"].scores["on_time_promise"] is None
    assert (found["gls"].overall, found["gls"].sample) == (None, 30)
    assert found["dhl-germany"].scores["on_time_promise"] == pytest.approx((20 - 25 * 25 / 30) / math.sqrt(25 * 5 / 36))


def test_fewer_exceptions_are_the_better_score(world: World) -> None:
    for number in range(40):
        courier = ["good", "bad"][number % 2]
        trouble: Any = {"exception": 20} if courier == "bad" and number < 20 else {}
        world.parcel(courier=courier, scan=10, attempt=34, delivered=34, **trouble)
    world.figure("created")
    found = {one.courier: one.scores["exception_rate"] for one in scorecard(FILTERS)}
    assert found["good"] == pytest.approx(-found["bad"])
    assert found["good"] > 2
