"""Do people buy again, by how their delivery went? Day sums of orders, looked at until the last window has closed.

    day ─ orders whose first parcel was handed over then ─ their facts ─> course, end
                                                          next order of the same shopper ─> again within 30, 60, 90 days

Counted are orders, not people: of so many orders that went this way, so many were followed by another of the same
shopper within N days of their end. Returns are left out; who has no address cannot be known again and is counted apart.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Min, Q, Sum
from django.utils import timezone

from analytics.filters import Filters
from analytics.kpi import Figure, share_of
from analytics.models import ParcelFact, RepeatDay, RepeatMark
from analytics.names import Course, has
from tracking.models import Order

WINDOWS = (30, 60, 90)
LOOKED_AT_DAYS = 90 + 60  # the last window, and how long a delivery may take
LOOKED_AT_EACH = timedelta(hours=20)
RUN_SECONDS = 15.0
CHUNK = 2_000
COUNTED = (Course.ON_TIME, Course.LATE, Course.PROBLEM, Course.UNDATED)
ENDED_BADLY = ("troubled", "returned", "lost", "damaged", "disposed")


@dataclass(frozen=True)
class Delivered:
    """One order: where it belongs, how it went, and when that ended (None: not yet)."""

    place: tuple[int, int]
    course: Course
    ended_at: datetime | None


def refresh_stale(seconds: float = RUN_SECONDS) -> int:
    """Look at days again that were not looked at today, the newest first; returns how many. Safe to repeat and race."""
    ends_at, done, today = time.monotonic() + seconds, 0, timezone.localdate()
    fresh = RepeatMark.objects.filter(made_at__gte=timezone.now() - LOOKED_AT_EACH).values_list("day", flat=True)
    known = set(fresh)
    for age in range(LOOKED_AT_DAYS):
        day = today - timedelta(days=age)
        if day not in known:
            refresh_day(day)
            done += 1
        if time.monotonic() > ends_at:
            break
    return done


def every_day() -> list[date]:
    """All days that have facts, for a rebuild."""
    days = ParcelFact.objects.filter(is_counted=True).values_list("ready_day", flat=True)
    return sorted(set(days.distinct()))


@transaction.atomic
def refresh_day(day: date) -> None:
    """Make one day's rows anew from facts and orders, replaced as a whole."""
    mark, _ = RepeatMark.objects.update_or_create(pk=day, defaults={"made_at": timezone.now()})
    RepeatMark.objects.select_for_update().get(pk=mark.pk)
    sums: dict[tuple[int, int, Course], Counter[str]] = defaultdict(Counter)
    for orders in chunks(orders_of(day)):
        add_orders(sums, orders, timezone.now())
    RepeatDay.objects.filter(day=day).delete()
    RepeatDay.objects.bulk_create(
        RepeatDay(day=day, project_id=project, store_id=store, course=course, **numbers)
        for (project, store, course), numbers in sorted(sums.items())
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


def add_orders(sums: dict[tuple[int, int, Course], Counter[str]], ids: Collection[int], now: datetime) -> None:
    delivered = deliveries(ids)
    keys = dict(Order.objects.filter(pk__in=ids).values_list("pk", "shopper_key"))
    placed = orders_placed({key for key in keys.values() if key})
    for order_id, one in delivered.items():
        key = keys.get(order_id, "")
        course = one.course if key or one.course == Course.OPEN else Course.NAMELESS
        numbers = sums[*one.place, course]
        numbers["orders"] += 1
        if course in COUNTED and one.ended_at:
            for window in WINDOWS:
                if one.ended_at + timedelta(days=window) <= now:
                    numbers[f"ripe_{window}"] += 1
                    numbers[f"again_{window}"] += is_followed(placed[key], one.ended_at, window)


def deliveries(ids: Collection[int]) -> dict[int, Delivered]:
    """How the delivery of each order went, from its outbound parcels."""
    rows = ParcelFact.objects.filter(order_id__in=ids, is_counted=True, slice__is_return=False)
    parcels: dict[int, list[ParcelFact]] = defaultdict(list)
    for fact in rows.select_related("slice").order_by("pk"):
        parcels[fact.order_id].append(fact)
    return {order_id: delivery_of(facts) for order_id, facts in parcels.items()}


def delivery_of(facts: Sequence[ParcelFact]) -> Delivered:
    """The worst of the parcels counts: a problem above late, late above on time."""
    place = (facts[0].slice.project_id, facts[0].slice.store_id)
    is_bad = any(has(fact.flags, name) for fact in facts for name in ENDED_BADLY)
    ends = [end_of(fact) for fact in facts]
    if not all(ends):
        return Delivered(place, Course.OPEN, None)
    ended_at = max(end for end in ends if end)
    if is_bad:
        return Delivered(place, Course.PROBLEM, ended_at)
    late = [days for fact in facts if (days := lateness_of(fact)) is not None]
    if not late:
        return Delivered(place, Course.UNDATED, ended_at)
    return Delivered(place, Course.LATE if max(late) > 0 else Course.ON_TIME, ended_at)


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


def orders_placed(keys: Collection[str]) -> Mapping[str, list[datetime]]:
    """When each shopper placed orders, in order of time."""
    placed: dict[str, list[datetime]] = defaultdict(list)
    rows = Order.objects.filter(shopper_key__in=keys, ordered_at__isnull=False).order_by("ordered_at")
    for key, at in rows.values_list("shopper_key", "ordered_at"):
        placed[key].append(at)
    return placed


def is_followed(placed: Sequence[datetime], ended_at: datetime, window: int) -> bool:
    """Whether another order was placed after the end, within so many days."""
    at = bisect_right(placed, ended_at)
    return at < len(placed) and placed[at] <= ended_at + timedelta(days=window)


# ── what pages ask ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Repeat:
    """One way that deliveries went: its orders, and per window the share that was followed by another."""

    course: Course
    orders: int
    figures: Mapping[int, Figure]


def repeat(filters: Filters) -> list[Repeat]:
    """By course, in their order; filters by courier, channel or destination do not apply to whole orders."""
    sums = {f"{kind}_{window}": Sum(f"{kind}_{window}") for kind in ("ripe", "again") for window in WINDOWS}
    rows = rows_of(filters).values("course").order_by().annotate(total=Sum("orders"), **sums_named(sums))
    by_course = {row["course"]: row for row in rows}
    return [
        Repeat(
            Course(course),
            row["total"],
            {window: share_of(row[f"sum_again_{window}"], row[f"sum_ripe_{window}"]) for window in WINDOWS},
        )
        for course in Course.values
        if (row := by_course.get(course))
    ]


def sums_named(sums: Mapping[str, Sum]) -> dict[str, Sum]:
    return {f"sum_{name}": one for name, one in sums.items()}


def rows_of(filters: Filters) -> Iterable[RepeatDay]:
    stores = filters.chosen.get("store")
    allowed = Q() if filters.seen is None else Q(store_id__in=filters.seen)
    chosen = Q(store_id__in=stores) if stores else Q()
    return RepeatDay.objects.filter(allowed, chosen, day__gte=filters.first, day__lte=filters.last)
