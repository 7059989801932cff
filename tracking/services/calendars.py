"""How long something took in hours of working days: a day off at the destination does not count, at all.

A working day counts 24 hours, since carriers sort at night too; days are UTC's. Weekends (Friday and Saturday in some
countries) and public holidays come with the package ``holidays``; DAYS_OFF is the place for what it does not know.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import holidays

DAY = 24.0
MONDAY = date(2018, 1, 1)  # where the count begins; nothing we look at is older
HORIZON_YEARS = 12  # from there on
SATURDAY_SUNDAY = frozenset({5, 6})
# Days off that no public calendar has, by country: a carrier's own holiday, a strike that was announced.
DAYS_OFF: dict[str, frozenset[date]] = {}


def working_hours(start: datetime, end: datetime, country: str = "") -> float:
    """Hours of working days between two moments; 0 where they are in the wrong order. ``country`` is alpha-2; where it
    is empty or unknown, Saturdays and Sundays are off.
    """
    if end <= start:
        return 0.0
    calendar = calendar_of(country)
    return calendar.hours_until(end) - calendar.hours_until(start)


@lru_cache(maxsize=300)
def calendar_of(country: str) -> Calendar:
    return Calendar(country)


class Calendar:
    """A country's days off, as sums: the hours between two moments cost two look-ups, however far apart they are."""

    def __init__(self, country: str) -> None:
        years = range(MONDAY.year, MONDAY.year + HORIZON_YEARS)
        known = holidays.country_holidays(country, years=years) if country in supported() else {}
        self.weekend = frozenset(getattr(known, "weekend", SATURDAY_SUNDAY))
        off = {*known, *DAYS_OFF.get(country, ())}
        self.holidays = sorted((day - MONDAY).days for day in off if day.weekday() not in self.weekend)

    def hours_until(self, at: datetime) -> float:
        """Working hours from the beginning of the count until then."""
        local = at.astimezone(UTC)
        number = (local.date() - MONDAY).days
        whole = self.working_days_before(number)
        if self.is_off(number):
            return whole * DAY
        return whole * DAY + (local - datetime.combine(local.date(), datetime.min.time(), UTC)) / timedelta(hours=1)

    def working_days_before(self, number: int) -> int:
        weeks, rest = divmod(number, 7)
        in_rest = sum(weekday not in self.weekend for weekday in range(rest))
        return weeks * (7 - len(self.weekend)) + in_rest - bisect_left(self.holidays, number)

    def is_off(self, number: int) -> bool:
        at = bisect_left(self.holidays, number)
        return number % 7 in self.weekend or (at < len(self.holidays) and self.holidays[at] == number)


@lru_cache(maxsize=1)
def supported() -> frozenset[str]:
    return frozenset(holidays.list_supported_countries())
