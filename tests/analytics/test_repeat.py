"""Orders again, by how the delivery before went: worked out by hand, and safe to look at twice."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from analytics.filters import Filters
from analytics.models import RepeatDay, RepeatMark
from analytics.names import Course
from analytics.refresh import drain
from analytics.repeat import refresh_day, refresh_stale, repeat
from tests import factories as make
from tests.analytics.worlds import DAY, MONDAY, World
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


def orders_again(world: World, number: int, days_after_end: float) -> None:
    placed = END + timedelta(days=days_after_end)
    make.make_order(world.store.project, store=world.store, ordered_at=placed, **shopper(number))


def on_time(world: World, number: int, **facts: Any) -> Any:
    return world.parcel(promise=9, scan=4, attempt=50, delivered=50, order=shopper(number), **facts)


def counted() -> dict[str, tuple[int, ...]]:
    drain()
    refresh_day(DAY)
    return {
        one.course.value: (one.orders, *(int(one.figures[window].numerator) for window in (30, 60, 90)))
        for one in repeat(PERIOD)
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


def test_order_counts_once_on_the_day_of_its_first_parcel(world: World) -> None:
    first = on_time(world, 1)
    later = on_time(world, 2, ready=30)
    later.order_id = first.order_id
    later.save()
    drain()
    for day in (DAY, DAY + timedelta(days=1), DAY):
        refresh_day(day)
    assert list(RepeatDay.objects.values_list("day", "course", "orders")) == [(DAY, "on_time", 1)]


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
        assert sum(one.orders for one in found) == expected


def test_days_are_looked_at_again_once_a_day_until_their_windows_close() -> None:
    assert refresh_stale(seconds=60) == 150
    assert refresh_stale(seconds=60) == 0
    RepeatMark.objects.filter(day=timezone.localdate()).update(made_at=timezone.now() - timedelta(hours=21))
    assert refresh_stale(seconds=60) == 1
    assert refresh_stale(seconds=0) == 0
    assert RepeatMark.objects.count() == 150


def test_database_refuses_more_orders_again_than_orders_that_could() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        RepeatDay.objects.create(day=date(2026, 10, 5), project_id=1, course="late", orders=1, ripe_30=1, again_30=2)
    RepeatDay.objects.create(day=date(2026, 10, 5), project_id=1, course="late")
    with pytest.raises(IntegrityError), transaction.atomic():
        RepeatDay.objects.create(day=date(2026, 10, 5), project_id=1, course="late")
