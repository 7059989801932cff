"""A period as ranges of day sums: whole months, which have sums of their own, and the days at its ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Range:
    """Days, or months by their first day, from ``first`` to ``last``, both included."""

    first: date
    last: date
    is_days: bool = True


def parts_of(first: date, last: date) -> list[Range]:
    """The ranges of a period, of which each day is in one: months first; days alone where there is no whole month."""
    months_from = first if first.day == 1 else next_month(first)
    days_from = (last + DAY).replace(day=1)  # of the month that is not whole
    if months_from >= days_from:
        return [Range(first, last)]
    ends = [Range(first, months_from - DAY), Range(days_from, last)]
    return [Range(months_from, days_from - DAY, is_days=False), *(end for end in ends if end.first <= end.last)]


def next_month(day: date) -> date:
    """The first day of the month after."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
