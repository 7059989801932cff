"""Do people buy again, by how their delivery went? Day sums of shoppers, looked at until the last window has closed.

    day ─ orders whose first parcel was handed over then ─ their facts ─> course, end
                     the same shopper's orders in the store ─┬─ the one that ended before it ─> ``previous``
                                                             └─ the next one placed after it ─> again in 30, 60, 90 days

Counted are people, each once: with the first of their orders in the period whose delivery has ended. Which one that is
depends on the period, so each order is kept with the day of the shopper's one before (``previous``): it is the first of
a period that begins after that day. A shopper is one of a store: who buys in two stores is a shopper of both, and an
order in another store is none again in this one. So sums of stores add up, and nobody learns of stores they do not see.

Whose window has not passed is left out, also where the next order has come already: the quick ones alone would count.
Returns are left out; who has no address cannot be known again and is counted apart, like orders that have not ended.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice

from django.db import connection
from django.db.models import Min, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.filters import LONGEST, Filters
from analytics.kpi import Figure, share_of
from analytics.models import ParcelFact, RepeatDay, RepeatMonth
from analytics.names import Course, has
from analytics.periods import next_month, parts_of
from tracking.models import Order

WINDOWS = (30, 60, 90)
CHUNK = 2_000
COUNTED = (Course.ON_TIME, Course.LATE, Course.PROBLEM, Course.UNDATED)
NOT_RIPE = _("shoppers whose window has not passed")
ENDED_BADLY = ("troubled", "returned", "lost", "damaged", "disposed")


KEY = ("project_id", "store_id", "course", "previous")
Place = tuple[int, int]  # project, store
SumKey = tuple[int, int, Course, int]  # place, course, previous


@dataclass(frozen=True)
class Delivered:
    """One order: where it belongs, how it went, the day of its hand-over, and when it ended (None: not yet)."""

    place: Place
    course: Course
    day: date
    ended_at: datetime | None


@dataclass
class Shopper:
    """One person in one store: when orders were placed, and which have ended as (day, order), both in order of time."""

    placed: list[datetime] = field(default_factory=list)
    ended: list[tuple[date, int]] = field(default_factory=list)


def count_orders(day: date) -> bool:
    """Make one day's rows anew from facts and orders, in the transaction of whoever holds the day's mark; returns
    whether they differ from what was there.
    """
    sums: dict[SumKey, Counter[str]] = defaultdict(Counter)
    for orders in chunks(orders_of(day)):
        add_orders(sums, orders, timezone.now())
    made = {key: tuple(numbers[name] for name in RepeatDay.NUMBERS) for key, numbers in sums.items()}
    stored = RepeatDay.objects.filter(day=day)
    if {row[: len(KEY)]: row[len(KEY) :] for row in stored.values_list(*KEY, *RepeatDay.NUMBERS)} == made:
        return False
    stored.delete()
    RepeatDay.objects.bulk_create(
        RepeatDay(day=day, **dict(zip((*KEY, *RepeatDay.NUMBERS), (*key, *numbers), strict=True)))
        for key, numbers in sorted(made.items())
    )
    return True


def add_up_month(day: date) -> None:
    """Make the rows of the day's month anew from those of its days. The caller's transaction holds the lock of sums."""
    first = day.replace(day=1)
    RepeatMonth.objects.filter(day=first).delete()
    keys, numbers = ", ".join(KEY), RepeatDay.NUMBERS
    days, months = RepeatDay._meta.db_table, RepeatMonth._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {months} (day, {keys}, {', '.join(numbers)}) "  # noqa: S608 names of our models
            f"SELECT %s, {keys}, {', '.join(f'SUM({name})' for name in numbers)} FROM {days} "
            f"WHERE day >= %s AND day < %s GROUP BY {keys}",
            [connection.ops.adapt_datefield_value(one) for one in (first, first, next_month(first))],
        )


def orders_of(day: date) -> Iterator[int]:
    """Orders whose first outbound parcel was handed over on that day."""
    counted = ParcelFact.objects.filter(is_counted=True, slice__is_return=False)
    that_day = counted.filter(ready_day=day).values("order_id")
    first = counted.filter(order_id__in=that_day).values("order_id").annotate(first=Min("ready_day"))
    return first.filter(first=day).order_by("order_id").values_list("order_id", flat=True).iterator()


def chunks(ids: Iterator[int]) -> Iterator[list[int]]:
    while chunk := list(islice(ids, CHUNK)):
        yield chunk


def add_orders(sums: dict[SumKey, Counter[str]], ids: Collection[int], now: datetime) -> None:
    """Add each of these orders, with what came of it."""
    delivered = deliveries(ids)
    keys = dict(Order.objects.filter(pk__in=ids).values_list("pk", "shopper_key"))
    shoppers = shoppers_of({key for key in keys.values() if key})
    for order_id, one in delivered.items():
        key = keys.get(order_id, "")
        course = one.course if key or one.course == Course.OPEN else Course.NAMELESS
        shopper = shoppers.get((key, one.place), Shopper())
        is_counted = course in COUNTED and one.ended_at is not None
        numbers = sums[*one.place, course, previous_of(shopper, one.day, order_id) if is_counted else 0]
        numbers["orders"] += 1
        if is_counted and one.ended_at:
            for window in WINDOWS:
                if one.ended_at + timedelta(days=window) <= now:
                    numbers[f"ripe_{window}"] += 1
                    numbers[f"again_{window}"] += is_followed(shopper.placed, one.ended_at, window)


def shoppers_of(keys: Collection[str]) -> Mapping[tuple[str, Place], Shopper]:
    """All that these people ordered, by store."""
    found: dict[tuple[str, Place], Shopper] = defaultdict(Shopper)
    key_of: dict[int, str] = {}
    rows = Order.objects.filter(shopper_key__in=keys).order_by("ordered_at")
    for pk, key, project, store, at in rows.values_list("pk", "shopper_key", "project_id", "store_id", "ordered_at"):
        key_of[pk] = key
        if at is not None:
            found[key, (project, store or 0)].placed.append(at)
    for order_id, one in deliveries(key_of).items():
        if one.ended_at is not None:
            found[key_of[order_id], one.place].ended.append((one.day, order_id))
    for shopper in found.values():
        shopper.ended.sort()
    return found


def previous_of(shopper: Shopper, day: date, order_id: int) -> int:
    """The day (as an ordinal) of the last order before this one whose delivery has ended; 0 without any, or where it
    is so long ago that no period holds both.
    """
    at = bisect_left(shopper.ended, (day, order_id))
    if not at:
        return 0
    before = shopper.ended[at - 1][0]
    return before.toordinal() if (day - before).days < LONGEST else 0


def deliveries(ids: Iterable[int]) -> dict[int, Delivered]:
    """How the delivery of each order went, from its outbound parcels."""
    rows = ParcelFact.objects.filter(order_id__in=list(ids), is_counted=True, slice__is_return=False)
    parcels: dict[int, list[ParcelFact]] = defaultdict(list)
    for fact in rows.select_related("slice").order_by("pk"):
        parcels[fact.order_id].append(fact)
    return {order_id: delivery_of(facts) for order_id, facts in parcels.items()}


def delivery_of(facts: Sequence[ParcelFact]) -> Delivered:
    """The worst of the parcels counts: a problem above late, late above on time."""
    place = (facts[0].slice.project_id, facts[0].slice.store_id)
    day = min(fact.ready_day for fact in facts)
    is_bad = any(has(fact.flags, name) for fact in facts for name in ENDED_BADLY)
    ends = [end_of(fact) for fact in facts]
    if not all(ends):
        return Delivered(place, Course.OPEN, day, None)
    ended_at = max(end for end in ends if end)
    if is_bad:
        return Delivered(place, Course.PROBLEM, day, ended_at)
    late = [days for fact in facts if (days := lateness_of(fact)) is not None]
    if not late:
        return Delivered(place, Course.UNDATED, day, ended_at)
    return Delivered(place, Course.LATE if max(late) > 0 else Course.ON_TIME, day, ended_at)


def end_of(fact: ParcelFact) -> datetime | None:
    """When it was over with this parcel, well or badly; None where it is not."""
    if has(fact.flags, "delivered"):
        return fact.delivered_at or fact.last_news_at
    if any(has(fact.flags, name) for name in ("returned", "lost", "disposed")):
        return fact.turned_back_at or fact.last_news_at
    return None


def lateness_of(fact: ParcelFact) -> int | None:
    """Days late against what the shopper was promised, else against the first estimate."""
    return fact.estimate_late_days if fact.promise_late_days is None else fact.promise_late_days


def is_followed(placed: Sequence[datetime], ended_at: datetime, window: int) -> bool:
    """Whether another order was placed after the end, within so many days."""
    at = bisect_right(placed, ended_at)
    return at < len(placed) and placed[at] <= ended_at + timedelta(days=window)


# ── what pages ask ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Repeat:
    """One way that deliveries went: its shoppers (of the last two courses: orders), and per window the share of those
    whose window has passed that ordered again. ``shipped``: all orders of this course, also of shoppers counted before.
    """

    course: Course
    number: int
    shipped: int
    figures: Mapping[int, Figure]


def repeat(filters: Filters) -> list[Repeat]:
    """By course, in their order; filters by courier, channel or destination do not apply to whole orders. One query."""
    is_first = Q(previous__lt=filters.first.toordinal())  # those whose shoppers had none before it in the period
    sums = {f"sum_{name}": Sum(name, filter=is_first, default=0) for name in RepeatDay.NUMBERS}
    parts = [rows.order_by().values_list("course").annotate(shipped=Sum("orders"), **sums) for rows in rows_of(filters)]
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for course, *numbers in parts[0].union(*parts[1:], all=True) if parts[1:] else parts[0]:
        found[course].update(dict(zip(("shipped", *sums), numbers, strict=True)))
    return [repeat_of(Course(course), found[course]) for course in Course.values if course in found]


def repeat_of(course: Course, row: Mapping[str, int]) -> Repeat:
    number, figures = row["sum_orders"], {}
    for window in WINDOWS:
        ripe = row[f"sum_ripe_{window}"]
        figures[window] = share_of(row[f"sum_again_{window}"], ripe, (NOT_RIPE, number - ripe))
    return Repeat(
        course, number, row["shipped"], figures if course in COUNTED else {window: share_of(0, 0) for window in WINDOWS}
    )


def rows_of(filters: Filters) -> list[QuerySet[RepeatDay] | QuerySet[RepeatMonth]]:
    """The rows that make up the period: whole months as such, and the days at its ends."""
    ranges = [
        (RepeatDay if part.is_days else RepeatMonth, {"day__gte": part.first, "day__lte": part.last})
        for part in parts_of(filters.first, filters.last)
    ]
    return [model.objects.filter(filters.of_stores(), **days) for model, days in ranges]
