"""Filters → sums of the roll-ups, whole or by day, week, courier …: two queries, whatever the number of KPIs.

Groups are told by texts: an ISO day ("2026-10-05", of a week its Monday, of a month its first), a key, or the id of a
store or account. A lane is "courier country".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.db.models import Q, Sum

from analytics.filters import Filters
from analytics.models import DayBucket, DayCount
from analytics.names import BY_MONTH, COUNTS, Spread

DIMENSIONS: dict[str, tuple[str, ...]] = {
    "": (),
    "day": ("day",),
    "week": ("day",),
    "month": ("day",),
    "project": ("slice__project_id",),
    "store": ("slice__store_id",),
    "account": ("slice__account_id",),
    "channel": ("slice__channel",),
    "courier": ("slice__courier",),
    "country": ("slice__country",),
    "lane": ("slice__courier", "slice__country"),
}


@dataclass
class Totals:
    """Numbers by name of COUNTS, and per spread how many are in each bucket (analytics/buckets.py)."""

    as_of: date
    counts: Counter[str] = field(default_factory=Counter)
    spreads: dict[Spread, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))


def totals(
    filters: Filters, *, counts: Collection[str] = COUNTS, spreads: Collection[Spread] = (), by: str = ""
) -> dict[str, Totals]:
    """Sums by group; without ``by`` one group, "". A group without parcels is not there, but "" always is."""
    columns = DIMENSIONS[by]
    found: dict[str, Totals] = {} if by else {"": Totals(filters.as_of)}
    if counts:
        add_counts(found, filters, counts, columns, by)
    if spreads:
        add_spreads(found, filters, spreads, columns, by)
    return found


def add_counts(
    found: dict[str, Totals], filters: Filters, names: Collection[str], columns: tuple[str, ...], by: str
) -> None:
    sums = {f"sum_{name}": Sum(name) for name in names}
    for *key, numbers in grouped(rows_of(DayCount, filters), columns, sums):
        counts = found.setdefault(group(by, key), Totals(filters.as_of)).counts
        for name, number in zip(names, numbers, strict=True):
            counts[name] += number or 0


def add_spreads(
    found: dict[str, Totals], filters: Filters, spreads: Collection[Spread], columns: tuple[str, ...], by: str
) -> None:
    rows = DayBucket.objects.filter(days_and_months(filters, by), slice__in=filters.slice_keys)
    rows = rows.filter(spread__in=[int(spread) for spread in spreads])
    for *key, spread, bucket, (number,) in grouped(rows, (*columns, "spread", "bucket"), {"sum": Sum("number")}):
        if number:
            found.setdefault(group(by, key), Totals(filters.as_of)).spreads[Spread(spread)][bucket] += number


def days_and_months(filters: Filters, by: str) -> Q:
    """The rows of spreads that make up the period: whole months as such, where nothing is asked by day or week."""
    first, last = filters.first, filters.last
    months_from = first if first.day == 1 else next_month(first)
    days_from = (last + timedelta(days=1)).replace(day=1)  # of the month that is not whole
    if by in ("day", "week") or months_from >= days_from:
        return Q(cohort=filters.cohort, day__gte=first, day__lte=last)
    months = Q(cohort=filters.cohort + BY_MONTH, day__gte=months_from, day__lt=days_from)
    before = Q(cohort=filters.cohort, day__gte=first, day__lt=months_from)
    after = Q(cohort=filters.cohort, day__gte=days_from, day__lte=last)
    return months | before | after


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def rows_of(model, filters: Filters):
    period = {"cohort": filters.cohort, "day__gte": filters.first, "day__lte": filters.last}
    return model.objects.filter(**period, slice__in=filters.slice_keys)


def grouped(rows, columns: tuple[str, ...], sums) -> Iterable[tuple]:
    """(values of the columns …, sums) per group; one group of everything where there are no columns."""
    if not columns:
        yield (list(rows.aggregate(**sums).values()),)
        return
    for values in rows.order_by().values_list(*columns).annotate(**sums):
        yield (*values[: len(columns)], values[len(columns) :])


def group(by: str, key: list) -> str:
    """The text that a group is told by."""
    if by in ("day", "week", "month"):
        return start_of(by, key[0]).isoformat()
    return " ".join(str(value) for value in key)


def start_of(by: str, day: date) -> date:
    if by == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if by == "month" else day
