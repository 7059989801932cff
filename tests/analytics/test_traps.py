"""The traps that delivery figures fall into, one test each (docs/analytics.md names them)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from analytics.behind import behind
from analytics.facts import VERSION
from analytics.filters import Filters
from analytics.kpis import KPIS, compared, measure
from analytics.models import FigureState, ParcelFact
from analytics.words import change_of
from tests.analytics.worlds import BY_SCAN, DAY, FILTERS, World, clock, told
from tracking.services.pump import drain_everything

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def world() -> World:
    return World()


def test_survivors_alone_do_not_make_the_median(world: World) -> None:
    """Three arrived within a day, five are under way for weeks: the median is not a day."""
    for _ in range(3):
        world.parcel(scan=10, attempt=30, delivered=30)
    for _ in range(5):
        world.parcel("in_transit", scan=10)
    figure = world.figure("transit_p50")
    assert (figure.value, figure.numerator, figure.denominator) == (None, 3, 8)
    early = world.figure("transit_p50", replace(FILTERS, as_of=DAY))  # the five had only begun: they say nothing yet
    assert early.value == 18 + 6 * 0.5


def test_young_period_is_not_better_because_its_quick_parcels_came_first(world: World) -> None:
    """Last week half kept the promise; this week the quick half has arrived, all of it in time: nobody knows yet."""
    for number in range(40):
        world.parcel(promise=2, ready=-160, ordered=-160, scan=-160, **at(-140 if number % 2 else -60))
    for _ in range(20):
        world.parcel(promise=2, ordered=1, ready=1, scan=2, **at(30))
    slow = [world.parcel("in_transit", promise=2, ordered=1, ready=1, scan=2) for _ in range(20)]
    week = replace(FILTERS, compare="previous")
    young = world.figure("on_time_promise", week)
    assert (young.value, young.denominator, young.undecided) == (1, 20, 20)
    assert behind(KPIS["on_time_promise"], week, "undecided").count() == 20
    (change, rate) = (judged(key, week) for key in ("on_time_promise", "delivery_rate"))
    assert (change.verdict, change.is_early, change.said) == ("", True, "too early to tell")
    assert (rate.verdict, rate.said) == ("", "too early to tell"), "50 % against 100 %, but that is its age"
    for parcel in slow:
        told(parcel.tracking, status="delivered", clocks={"first_scan": clock(2)} | at_clocks(30))
    assert world.figure("on_time_promise", week).undecided == 0
    assert judged("on_time_promise", week).verdict == "better", "all of them in time: now it may be said"


def at(hours: float) -> dict[str, float]:
    return {"attempt": hours, "delivered": hours}


def at_clocks(hours: float) -> dict[str, Any]:
    return {"first_attempt": clock(hours), "delivered": clock(hours)}


def judged(key: str, filters: Filters) -> Any:
    return change_of(KPIS[key], measure(filters, [key])[""][key], compared(filters, [key])[""][key])


def test_ever_and_now_are_two_figures(world: World) -> None:
    healed = world.parcel("in_transit", scan=10, exception=20)
    assert (world.figure("exception_rate").value, world.figure("exceptions_now").value) == (1, 0)
    told(healed.tracking, status="exception")
    assert world.figure("exceptions_now").value == 1


def test_a_missing_clock_is_said_and_not_guessed(world: World) -> None:
    world.parcel(scan=10, attempt=34, delivered=34)
    world.parcel(ordered=None, scan=10, attempt=34, delivered=34)
    world.parcel(ready=None, scan=10, attempt=34, delivered=34)
    figure = world.figure("order_to_delivery_p50", replace(FILTERS, last=date(2030, 1, 1)))
    assert (figure.numerator, figure.denominator) == (1, 1)
    assert [number for _, number in figure.left_out] == [2]


def test_on_time_comes_with_its_coverage(world: World) -> None:
    world.parcel(scan=10, attempt=34, delivered=34, estimates=[(10, 1)])
    for _ in range(3):
        world.parcel(scan=10, attempt=34, delivered=34)
    assert world.figure("on_time_estimate").value == 1
    assert [number for _, number in world.figure("on_time_estimate").left_out] == [3]
    assert world.figure("estimate_coverage").value == 0.25


def test_an_estimate_made_after_the_attempt_is_none(world: World) -> None:
    world.parcel(scan=10, attempt=34, delivered=34, estimates=[(35, 1)])
    assert world.figure("on_time_estimate").denominator == 0
    assert world.figure("estimate_coverage").value == 0


def test_five_parcels_rank_nobody(world: World) -> None:
    for number in range(25):
        world.parcel(scan=10, attempt=34, delivered=34, estimates=[(10, 1 if number < 24 else 0)])
    for _ in range(5):
        world.parcel(courier="ups", scan=10, attempt=34, delivered=34, estimates=[(10, 1)])
    figures = world.figure("on_time_estimate", by="courier")
    many, few = figures["dhl-germany"], figures["ups"]
    assert (many.value, many.is_small) == (0.96, False)
    assert (few.value, few.is_small) == (1, True)
    assert (few.low, few.high) == pytest.approx((0.5655, 1), abs=1e-4)
    assert (many.low, many.high) == pytest.approx((0.8046, 0.9929), abs=1e-4)


def test_percentile_says_how_sure_it_is(world: World) -> None:
    """25 parcels that took half a day, one and a half …: the binomial's interval of the median is 12.5 ± 4.9."""
    for number in range(25):
        world.parcel(scan=0, attempt=24 * number + 12, delivered=24 * number + 12)
    year = replace(FILTERS, last=date(2027, 1, 1), as_of=date(2027, 1, 1))
    figure = world.figure("transit_p50", year)
    low, high = figure.low / 24, figure.high / 24
    assert (low, figure.value / 24, high) == pytest.approx((12.5 - 0.98 * 5, 12.5, 12.5 + 0.98 * 5), abs=0.6)
    for _ in range(10):  # of 35 ten are still open: what is not known widens the interval, and opens its end
        world.parcel("in_transit", scan=0)
    wide = world.figure("transit_p90", year)
    assert (wide.value, wide.low) == (None, None)
    wider = world.figure("transit_p50", year)
    assert wider.value > figure.value
    assert wider.high - wider.low > figure.high - figure.low


def test_a_scan_before_midnight_is_of_that_day_whether_or_not_it_has_an_offset(world: World) -> None:
    """23:30 in Berlin is 21:30 in UTC; as UTC it would be the same day, but 00:30 would be of the day before."""
    world.parcel(scan=10, attempt=47.5, delivered=47.5, estimates=[(10, 1)])
    world.parcel(scan=10, attempt=47.5, delivered=47.5, estimates=[(10, 1)], zoneless=("attempt", "delivered"))
    assert world.figure("on_time_estimate").value == 1
    world.parcel(scan=10, attempt=48.5, delivered=48.5, estimates=[(10, 1)])
    world.parcel(scan=10, attempt=48.5, delivered=48.5, estimates=[(10, 1)], zoneless=("attempt", "delivered"))
    assert world.figure("on_time_estimate").value == 0.5
    assert world.figure("zoneless_rate").numerator == 2


def test_a_time_in_utc_is_read_on_the_store_s_clock(world: World) -> None:
    """22:30 UTC on Monday is Tuesday, 00:30, in Berlin: late by a day against Monday."""
    parcel = world.parcel(scan=1, attempt=24.5, delivered=24.5, estimates=[(1, 0)])
    clocks = parcel.tracking.clocks
    clocks["first_attempt"] = {
        "at": "2026-10-05T22:30:00+00:00", "local": "2026-10-05T22:30:00", "is_offset_known": True,
    }  # fmt: skip
    told(parcel.tracking, clocks=clocks)
    assert world.figure("late_estimate").value == 1


def test_days_are_of_the_store_s_zone(world: World) -> None:
    """Handed over at 00:30 on Tuesday in Berlin, which is Monday still in UTC and in New York."""
    world.parcel(ready=24.5, scan=25)
    assert set(world.figure("created", by="day")) == {"2026-10-06"}
    world.store.time_zone = "America/New_York"
    world.store.save()
    drain_everything()
    assert set(world.figure("created", by="day")) == {"2026-10-05"}


def test_failed_attempts_alone_are_no_reasons_of_exceptions(world: World) -> None:
    """More "nobody there" than exceptions would make every reason look small beside it."""
    absent = ["attempt_failed", "AttemptFail_002"]
    for _ in range(3):
        world.parcel(scan=1, attempt=9, delivered=30, tallies={"troubles": [absent]})
    world.parcel(
        "returned", scan=1, attempt=9, exception=20, tallies={"troubles": [absent, ["returned", "Exception_011"]]}
    )
    figure = world.figure("exception_rate")
    assert (figure.numerator, figure.parts) == (1, {"absent": 1, "returning": 1})
    assert sum(world.figure("exceptions_by_actor").parts.values()) <= 2


def test_expired_is_not_hidden_in_pending(world: World) -> None:
    world.parcel("pending")
    world.parcel("expired")
    world.parcel("in_transit", scan=1)
    world.parcel("in_transit", scan=1)
    assert world.figure("pending_rate").value == world.figure("expired_rate").value == 0.25


def test_returned_of_exceptions_is_not_returned_of_parcels(world: World) -> None:
    world.parcel("returned", scan=1, exception=5, turned_back=5)
    for _ in range(9):
        world.parcel(scan=1, attempt=9, delivered=9)
    assert world.figure("returned_rate").value == 0.1
    assert world.figure("returned_of_exceptions").value == 1


def test_a_new_definition_is_a_new_version_and_history_says_so(world: World) -> None:
    """Facts carry the version they were made by; what older definitions made is rebuilt before it is shown as new."""
    world.parcel(scan=1)
    world.figure("created")
    assert set(ParcelFact.objects.values_list("version", flat=True)) == {VERSION}
    newer = {key: kpi.version for key, kpi in KPIS.items() if kpi.version != 1}
    assert newer == {"exception_rate": 2, "exceptions_by_actor": 2}, "say what changed in docs/analytics.md, then adapt"
    assert FigureState.objects.get().version in (None, VERSION)


def test_customer_returns_have_a_lane_of_their_own(world: World) -> None:
    world.parcel(scan=1, attempt=9, delivered=9)
    world.parcel(scan=1, attempt=90, delivered=90, is_return=True)
    assert world.figure("created").value == 1
    returns = replace(FILTERS, is_return=True)
    assert world.figure("created", returns).value == 1
    assert world.figure("transit_p50", returns).value == 87  # 89 hours: in the middle of its bucket from 84 to 90


def test_parcels_without_a_scan_are_in_no_cohort_of_scans(world: World) -> None:
    world.parcel("info_received")
    world.parcel(ready=0, scan=30)
    assert world.figure("created", BY_SCAN, by="day")["2026-10-06"].value == 1
    assert world.figure("created", BY_SCAN).value == 1
    assert world.figure("created", by="day")["2026-10-05"].value == 2


def test_the_comparison_is_of_another_period_alone(world: World) -> None:
    world.parcel(ready=0)
    world.parcel(ready=-30)
    world.parcel(ready=-31)
    world.parcel(ready=-365 * 24)
    world.figure("created")
    week = replace(FILTERS, compare="previous")
    assert measure(week, ["created"])[""]["created"].value == 1
    assert compared(week, ["created"])[""]["created"].value == 2
    assert compared(replace(FILTERS, compare="year"), ["created"])[""]["created"].value == 1
    assert compared(FILTERS, ["created"]) == {}


def test_nobody_sees_figures_of_stores_they_may_not_see(world: World) -> None:
    other = World()
    world.parcel(scan=1)
    other.parcel(scan=1)
    assert world.figure("created").value == 2
    mine = replace(FILTERS, seen=frozenset([world.store.pk]))
    assert world.figure("created", mine).value == 1
    asked = replace(mine, chosen={"store": (other.store.pk,)})
    assert world.figure("created", asked).value == 0
    assert world.figure("created", replace(FILTERS, seen=frozenset())).value == 0


def test_lateness_of_open_parcels_is_judged_on_the_day_asked(world: World) -> None:
    world.parcel("in_transit", scan=10, estimates=[(10, 3)])
    for days, expected in ((3, 0), (4, 1)):
        asked = replace(FILTERS, as_of=DAY + timedelta(days=days))
        assert world.figure("overdue_estimate", asked).value == expected
