"""Shoppers who order again, by how their delivery went: worked out by hand, and safe to look at twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analytics import rebuild
from analytics.filters import Filters
from analytics.models import FigureState, RepeatDay, RepeatMark, RepeatMonth
from analytics.names import Course
from analytics.refresh import drain
from analytics.repeat import repeat
from analytics.shopper_days import every_day, refresh_day, refresh_stale
from analytics.statistics import wilson
from tests import factories as make
from tests.analytics.worlds import DAY, MONDAY, World, clock, told
from tracking.models import Order
from tracking.services.shoppers import shopper_key

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
PERIOD = Filters(DAY, DAY, as_of=DAY)
END = MONDAY + timedelta(hours=50)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Seen from a year later: every window has passed."""
    monkeypatch.setattr("analytics.repeat.timezone.now", lambda: MONDAY + timedelta(days=365))
    return World()


def shopper(number: int) -> dict[str, Any]:
    return {"shopper_key": shopper_key(f"shopper{number}@example.com")}


def orders_again(world: World, number: int, days_after_end: float, **facts: Any) -> None:
    placed = END + timedelta(days=days_after_end)
    make.make_order(world.store.project, **{"store": world.store, "ordered_at": placed} | shopper(number) | facts)


def on_time(world: World, number: int, **facts: Any) -> Any:
    return world.parcel(promise=9, scan=4, attempt=50, delivered=50, order=shopper(number), **facts)


def days_later(world: World, number: int, days: int, promise: int = 9, **facts: Any) -> Any:
    """An order that was handed over so many days after the others, and delivered two days later."""
    hours = 24 * days
    clocks = {"ordered": hours - 24, "ready": hours, "scan": hours + 4, "attempt": hours + 50, "delivered": hours + 50}
    return world.parcel(promise=promise, order=shopper(number), **clocks | facts)


def counted(filters: Filters = PERIOD) -> dict[str, tuple[int, ...]]:
    """By course: how many, and of those that ordered again in each window."""
    drain()
    for day in every_day():
        refresh_day(day)
    return shown(filters)


def shown(filters: Filters) -> dict[str, tuple[int, ...]]:
    return {
        one.course.value: (one.number, *(int(one.figures[window].numerator) for window in (30, 60, 90)))
        for one in repeat(filters)
        if one.number
    }


def test_next_order_counts_in_every_window_it_falls_into(world: World) -> None:
    for number, days in enumerate((1, 29, 31, 89, 91, -1)):
        on_time(world, number)
        orders_again(world, number, days)
    on_time(world, 99)
    assert counted() == {Course.ON_TIME: (7, 2, 3, 4)}


def test_worst_parcel_says_how_it_went(world: World) -> None:
    first = on_time(world, 1)
    late = world.parcel(promise=1, scan=4, attempt=50, delivered=50, order=shopper(2))
    assert counted() == {Course.ON_TIME: (1, 0, 0, 0), Course.LATE: (1, 0, 0, 0)}
    second = on_time(world, 3)
    second.order_id = late.order_id
    second.save()
    third = world.parcel("lost", scan=5, last_news=60, tallies={"troubles": [["lost", "Exception_013"]]})
    third.order_id = first.order_id
    third.save()
    assert counted() == {Course.LATE: (1, 0, 0, 0), Course.PROBLEM: (1, 0, 0, 0)}


def test_what_has_not_ended_and_who_is_not_known_are_counted_apart(world: World) -> None:
    world.parcel("in_transit", scan=4, order=shopper(1))
    world.parcel(promise=9, scan=4, attempt=50, delivered=50, order={"shopper_key": ""})
    world.parcel(scan=4, attempt=50, delivered=50, order=shopper(3))
    world.parcel(scan=4, attempt=50, delivered=50, order=shopper(4), is_return=True)
    found = counted()
    assert found == {Course.UNDATED: (1, 0, 0, 0), Course.OPEN: (1, 0, 0, 0), Course.NAMELESS: (1, 0, 0, 0)}
    shares = {one.course: one.figures[30].denominator for one in repeat(PERIOD)}
    assert shares == {Course.UNDATED: 1, Course.OPEN: 0, Course.NAMELESS: 0}


def test_window_that_has_not_passed_has_no_denominator(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.repeat.timezone.now", lambda: END + timedelta(days=45))
    on_time(world, 1)
    orders_again(world, 1, 5)
    drain()
    refresh_day(DAY)
    figures = repeat(PERIOD)[0].figures
    assert [(figures[window].numerator, figures[window].denominator) for window in (30, 60, 90)] == [
        (1, 1), (0, 0), (0, 0),
    ]  # fmt: skip


def test_shopper_of_three_orders_is_one_person_with_the_first_of_the_period(world: World) -> None:
    """Handed over on days 0, 10 and 20, each in time but the second; a fourth order came on day 100."""
    days_later(world, 1, 0)
    days_later(world, 1, 10, promise=1)
    days_later(world, 1, 20)
    orders_again(world, 1, 98)
    on_time(world, 2)
    whole = Filters(DAY, DAY + timedelta(days=30), as_of=DAY)
    assert counted(whole) == {Course.ON_TIME: (2, 1, 1, 1)}
    from_second = Filters(DAY + timedelta(days=1), DAY + timedelta(days=30), as_of=DAY)
    assert shown(from_second) == {Course.LATE: (1, 1, 1, 1)}
    from_third = Filters(DAY + timedelta(days=11), DAY + timedelta(days=30), as_of=DAY)
    assert shown(from_third) == {Course.ON_TIME: (1, 0, 0, 1)}
    up_to_second = Filters(DAY, DAY + timedelta(days=10), as_of=DAY)
    assert shown(up_to_second) == {Course.ON_TIME: (2, 1, 1, 1)}
    assert [one.shipped for one in repeat(whole)] == [3, 1]


def test_first_of_the_period_is_the_first_that_has_ended(world: World) -> None:
    """Also where it ends only later: then the other one is no first any more."""
    first = world.parcel("in_transit", scan=4, promise=1, order=shopper(1))
    days_later(world, 1, 5)
    whole = Filters(DAY, DAY + timedelta(days=30), as_of=DAY)
    assert counted(whole) == {Course.ON_TIME: (1, 0, 0, 0), Course.OPEN: (1, 0, 0, 0)}
    end = clock(24 * 9)
    told(first.tracking, status="delivered", clocks={"first_scan": clock(4), "first_attempt": end, "delivered": end})
    assert counted(whole) == {Course.LATE: (1, 0, 0, 0)}


def test_two_orders_of_one_day_are_one_shopper(world: World) -> None:
    on_time(world, 1)
    on_time(world, 1)
    assert counted() == {Course.ON_TIME: (1, 0, 0, 0)}


def test_order_in_another_store_is_none_again_and_shopper_of_two_stores_is_one_of_each(world: World) -> None:
    other = World()
    on_time(world, 1)
    on_time(other, 1)
    orders_again(world, 1, 10, store=other.store)
    whole = Filters(DAY, DAY + timedelta(days=90), as_of=DAY)
    assert counted(whole) == {Course.ON_TIME: (2, 0, 0, 0)}
    orders_again(other, 1, 10)
    assert counted(whole) == {Course.ON_TIME: (2, 1, 1, 1)}
    here = Filters(whole.first, whole.last, as_of=DAY, seen=frozenset({world.store.pk}))
    assert shown(here) == {Course.ON_TIME: (1, 0, 0, 0)}


def test_who_ordered_again_at_once_waits_for_the_window_like_all_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a young period would tell of the quick ones alone: 20 days after their ends, nobody is in any window."""
    monkeypatch.setattr("analytics.repeat.timezone.now", lambda: END + timedelta(days=20))
    for number in range(5):
        on_time(world, number)
        orders_again(world, number, number)
    counted()
    (found,) = repeat(PERIOD)
    assert (found.number, found.figures[30].denominator, found.figures[30].value) == (5, 0, None)
    assert [number for _words, number in found.figures[30].left_out] == [5]


def test_interval_is_wilson_s_over_people(world: World) -> None:
    for number in range(20):
        on_time(world, number)
        if number < 5:
            orders_again(world, number, 3)
    counted()
    figure = repeat(PERIOD)[0].figures[30]
    assert (figure.value, figure.low, figure.high) == (0.25, *wilson(5, 20))


def test_order_counts_once_on_the_day_of_its_first_parcel(world: World) -> None:
    first = on_time(world, 1)
    later = on_time(world, 2, ready=30)
    later.order_id = first.order_id
    later.save()
    drain()
    for day in (DAY, DAY + timedelta(days=1), DAY):
        refresh_day(day)
    assert list(RepeatDay.objects.values_list("day", "course", "orders")) == [(DAY, "on_time", 1)]


def test_months_are_the_sums_of_their_days_and_follow_them(world: World) -> None:
    """Days of October and November, and a shopper of both; a whole month is read from its own rows."""
    gone = days_later(world, 1, 3)
    for number, day in ((1, 5), (2, 5), (1, 30), (3, 33), (2, 50)):
        days_later(world, number, day)
    counted()
    assert sums(RepeatMonth) == sums(RepeatDay)
    assert set(sums(RepeatMonth)) == {(2026, 10), (2026, 11)}
    months = Filters(date(2026, 10, 1), date(2026, 11, 30), as_of=DAY)
    as_days = Filters(date(2026, 10, 2), date(2026, 11, 29), as_of=DAY)
    assert shown(months) == shown(as_days) == {Course.ON_TIME: (3, 1, 2, 2)}
    RepeatMonth.objects.filter(day=date(2026, 11, 1)).update(orders=100)
    assert sum(one.shipped for one in repeat(months)) > 100

    list(rebuild.shoppers([], Counter()))
    assert sums(RepeatMonth) == sums(RepeatDay), "a rebuild mends them"
    gone.removed_at = timezone.now()
    gone.save()
    Order.objects.filter(parcels=gone).update(ordered_at=MONDAY - timedelta(days=900))
    counted()
    assert sums(RepeatMonth)[(2026, 10)] == sums(RepeatDay)[(2026, 10)]


def sums(model: type[RepeatDay] | type[RepeatMonth]) -> dict[tuple[int, int], Counter[Any]]:
    """By month, the numbers of each store, course and previous day."""
    found: dict[tuple[int, int], Counter[Any]] = defaultdict(Counter)
    for row in model.objects.all():
        for name in RepeatDay.NUMBERS:
            key = (row.project_id, row.store_id, row.course, row.previous, name)
            found[row.day.year, row.day.month][key] += getattr(row, name)
    return dict(found)


def test_day_that_is_as_it_was_is_not_written_again(world: World) -> None:
    on_time(world, 1)
    counted()
    kept = [*RepeatDay.objects.values_list("pk"), *RepeatMonth.objects.values_list("pk")]
    refresh_day(DAY)
    assert [*RepeatDay.objects.values_list("pk"), *RepeatMonth.objects.values_list("pk")] == kept != []


def test_stores_that_may_not_be_seen_are_left_out(world: World) -> None:
    on_time(world, 1)
    assert counted() == {Course.ON_TIME: (1, 0, 0, 0)}
    for seen, chosen, expected in (
        (frozenset({world.store.pk}), {}, 1),
        (frozenset({0}), {}, 0),
        (frozenset({0}), {"store": (world.store.pk,)}, 0),
        (None, {"store": (world.store.pk + 1,)}, 0),
    ):
        found = repeat(Filters(DAY, DAY, as_of=DAY, chosen=chosen, seen=seen))
        assert sum(one.number for one in found) == expected


def test_days_are_looked_at_again_until_their_windows_close_the_newest_more_often() -> None:
    assert refresh_stale(seconds=60) == 150
    assert refresh_stale(seconds=60) == 0
    for hours, expected in ((2, 2), (21, 150)):
        RepeatMark.objects.update(made_at=timezone.now() - timedelta(hours=hours))
        assert refresh_stale(seconds=60) == expected
    assert refresh_stale(seconds=0) == 0
    assert RepeatMark.objects.count() == 150


def test_database_refuses_more_orders_again_than_orders_that_could() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        RepeatDay.objects.create(day=date(2026, 10, 5), project_id=1, course="late", orders=1, ripe_30=1, again_30=2)
    RepeatDay.objects.create(day=date(2026, 10, 5), project_id=1, course="late")
    with pytest.raises(IntegrityError), transaction.atomic():
        RepeatDay.objects.create(day=date(2026, 10, 5), project_id=1, course="late")


def test_after_a_rebuild_every_day_is_looked_at_once_more() -> None:
    long_ago = timezone.localdate() - timedelta(days=400)
    RepeatDay.objects.create(day=long_ago, project_id=1, course="late", orders=7)
    assert refresh_stale(seconds=60) == 150
    FigureState.objects.update_or_create(pk=1, defaults={"rebuilt_at": timezone.now()})
    assert refresh_stale(seconds=60) == 151
    assert not RepeatDay.objects.exists()
    assert refresh_stale(seconds=60) == 0


# ── slowly, in random worlds ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Bought:
    """One order: whose, in which store, handed over on which day, and delivered so many days later (0: not yet)."""

    shopper: int
    store: int
    day: int
    length: int
    is_late: bool


purchases = st.builds(
    Bought, st.integers(0, 2), st.integers(0, 1), st.integers(0, 60), st.integers(0, 8), st.booleans()
)


@given(st.lists(purchases, max_size=12), st.integers(0, 60), st.integers(0, 90), st.integers(0, 140))
@settings(
    max_examples=15,
    phases=(Phase.generate,),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_shoppers_of_any_period_are_those_that_a_slow_look_finds(
    monkeypatch: pytest.MonkeyPatch, what: list[Bought], start: int, length: int, now: int
) -> None:
    moment = MONDAY + timedelta(days=now, hours=19)
    monkeypatch.setattr("analytics.repeat.timezone.now", lambda: moment)
    with transaction.atomic():
        worlds = [World(), World()]
        for one in what:
            buy(worlds[one.store], one)
        period = Filters(DAY + timedelta(days=start), DAY + timedelta(days=start + length), as_of=DAY)
        counted(period)
        found = {one.course.value: one for one in repeat(period) if one.number and one.course != Course.OPEN}
        numbers = {
            course: (one.number, *((f.numerator, f.denominator) for f in one.figures.values()))
            for course, one in found.items()
        }
        assert numbers == slowly(what, start, start + length, moment - timedelta(hours=12))
        transaction.set_rollback(True)


def buy(world: World, one: Bought) -> None:
    """All of it at noon, so that clocks going back in between change no day."""
    noon, ended = 24 * one.day + 12, 24 * (one.day + one.length) + 12
    world.parcel(
        "delivered" if one.length else "in_transit",
        ordered=noon - 24, ready=noon, scan=noon + 4, promise=one.length if one.is_late else one.length + 5,
        order=shopper(one.shopper), **({"attempt": ended, "delivered": ended} if one.length else {}),
    )  # fmt: skip


def slowly(what: list[Bought], first: int, last: int, now: datetime) -> dict[str, tuple[Any, ...]]:
    """Person by person: the first of their orders in the period that has ended, and what came after its end."""
    sums: dict[str, list[Any]] = {}
    for person in {(one.shopper, one.store) for one in what}:
        mine = sorted((one for one in what if (one.shopper, one.store) == person), key=lambda one: one.day)
        base = next((one for one in mine if one.length and first <= one.day <= last), None)
        if base is None:
            continue
        ended_at = MONDAY + timedelta(days=base.day + base.length)
        placed = [MONDAY + timedelta(days=one.day - 1) for one in mine]
        row = sums.setdefault("late" if base.is_late else "on_time", [0, [0, 0], [0, 0], [0, 0]])
        row[0] += 1
        for at, days in enumerate((30, 60, 90), 1):
            if ended_at + timedelta(days=days) <= now:
                row[at][0] += any(ended_at < moment <= ended_at + timedelta(days=days) for moment in placed)
                row[at][1] += 1
    return {course: (row[0], *map(tuple, row[1:])) for course, row in sums.items()}
