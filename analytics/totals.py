"""Filters → sums of the roll-ups, whole or by day, week, courier …: three queries, whatever the number of KPIs.

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
from analytics.periods import parts_of
from analytics.statistics import Survival, survival

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
    survivals: dict[Spread, Survival] = field(default_factory=dict)

    def survival(self, spread: Spread) -> Survival:
        """How long parcels take, by a spread of hours: worked out once for all percentiles."""
        if spread not in self.survivals:
            self.survivals[spread] = survival(spread, self.spreads[spread], self.as_of)
        return self.survivals[spread]


def totals(
    filters: Filters, *, counts: Collection[str] = COUNTS, spreads: Collection[Spread] = (), by: str = ""
) -> dict[str, Totals]:
    """Sums by group; without ``by`` one group, "". A group without parcels is not there, but "" always is."""
    columns, of_slices = DIMENSIONS[by], filters.of_slices()
    found: dict[str, Totals] = {} if by else {"": Totals(filters.as_of)}
    if counts:
        add_counts(found, filters, of_slices, counts, columns, by)
    if spreads:
        add_spreads(found, filters, of_slices, spreads, columns, by)
    return found


def add_counts(
    found: dict[str, Totals], filters: Filters, of_slices: Q, names: Collection[str], columns: tuple[str, ...], by: str
) -> None:
    sums = {f"sum_{name}": Sum(name) for name in names}
    period = {"cohort": filters.cohort, "day__gte": filters.first, "day__lte": filters.last}
    for *key, numbers in grouped(DayCount.objects.filter(of_slices, **period), columns, sums):
        counts = found.setdefault(group(by, key), Totals(filters.as_of)).counts
        for name, number in zip(names, numbers, strict=True):
            counts[name] += number or 0


def add_spreads(
    found: dict[str, Totals],
    filters: Filters,
    of_slices: Q,
    spreads: Collection[Spread],
    columns: tuple[str, ...],
    by: str,
) -> None:
    """The database sums up each range of the index by itself; what the ranges have in common is added here."""
    names = (*columns, "spread", "bucket")
    wanted = of_slices & Q(spread__in=sorted(int(spread) for spread in spreads))
    parts = [
        DayBucket.objects.filter(part, wanted).order_by().values_list(*names).annotate(sum=Sum("number"))
        for part in days_and_months(filters, by)
    ]
    summed: dict[tuple, Counter[int]] = defaultdict(Counter)
    for *key, bucket, number in parts[0].union(*parts[1:], all=True) if parts[1:] else parts[0]:
        if number:
            summed[tuple(key)][bucket] += number
    for (*key, spread), buckets in summed.items():
        found.setdefault(group(by, key), Totals(filters.as_of)).spreads[Spread(spread)].update(buckets)


def days_and_months(filters: Filters, by: str) -> list[Q]:
    """The rows of spreads that make up the period: whole months as such, where nothing is asked by day or week.

    Each of these is one range of the index. As one condition with OR, the planner read the whole index: 2 s of a year.
    """
    if by in ("day", "week"):
        return [Q(cohort=filters.cohort, day__gte=filters.first, day__lte=filters.last)]
    return [
        Q(cohort=filters.cohort + (0 if part.is_days else BY_MONTH), day__gte=part.first, day__lte=part.last)
        for part in parts_of(filters.first, filters.last)
    ]


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


def groups_between(first: date, last: date, by: str) -> list[str]:
    """Every day, week or month of a period, by its ISO day, also those without a parcel: a gap is seen as a gap."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return list(dict.fromkeys(start_of(by, day).isoformat() for day in days))


def start_of(by: str, day: date) -> date:
    if by == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if by == "month" else day
