"""How much is ordered on a day, against an ordinary one: weekdays, Black Friday, Christmas, sales, holidays."""

from __future__ import annotations

from datetime import date, timedelta

WEEKDAYS = (1.2, 1.05, 1.0, 1.0, 0.95, 0.8, 1.1)  # Monday first
GROWTH = 0.25  # over the year


def black_friday(year: int) -> date:
    """The day after the fourth Thursday of November."""
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 22)


def season(day: date) -> float:
    """1 for an ordinary day."""
    since = (day - black_friday(day.year)).days
    if since == 0:
        return 3.8
    if since == 3:
        return 2.3
    if -4 <= since <= 5:
        return 1.7
    if day.month == 12:
        return 1.6 if day.day <= 17 else 0.9 if day.day <= 22 else 0.4
    if day.month == 1 and day.day <= 14:
        return 1.25
    return 0.8 if day.month == 8 else 1.0


def is_peak(day: date) -> bool:
    """Whether carriers have more than they can carry."""
    since = (day - black_friday(day.year)).days
    return -1 <= since <= 9 or (day.month == 12 and 5 <= day.day <= 23)


def demand(day: date, last: date) -> float:
    """Season, weekday and growth together."""
    age = (last - day).days / 365
    return season(day) * WEEKDAYS[day.weekday()] * (1 + GROWTH * (1 - age))
