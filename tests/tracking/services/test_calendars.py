"""Working hours, worked by hand: weekends, Fridays in the Gulf, Christmas, and times in the wrong order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from tracking.services import calendars
from tracking.services.calendars import working_hours


def at(day: int, hour: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "country", "hours"),
    [
        (at(17, 8), at(17, 8), "DE", 0),
        (at(18, 8), at(17, 8), "DE", 0),  # late news: never negative
        (at(17, 8), at(18, 9), "DE", 25),  # Tuesday to Wednesday
        (at(20, 12), at(23, 12), "DE", 24),  # Friday noon to Monday noon: the weekend is off
        (at(20, 12), at(23, 12), "", 24),
        (at(20, 12), at(23, 12), "XX", 24),  # a country that nobody knows
        (at(21, 3), at(22, 22), "DE", 0),  # within one weekend
        (at(19, 12), at(22, 12), "SA", 24),  # Thursday to Sunday: Friday and Saturday are off
        (at(20, 12), at(21, 12), "SA", 0),
        (at(24, 12, 12), at(28, 12, 12), "DE", 24),  # 25 and 26 December, then a Sunday
        (at(1), at(30), "DE", 20 * 24),  # 1 November was a Sunday: 20 working days until the 30th
    ],
)
def test_only_working_days_count(start: datetime, end: datetime, country: str, hours: float) -> None:
    assert working_hours(start, end, country) == hours


def test_moments_of_any_zone_are_moments() -> None:
    berlin = timezone(timedelta(hours=1))
    assert working_hours(datetime(2026, 11, 17, 9, tzinfo=berlin), at(17, 10), "DE") == 2


def test_a_carriers_own_day_off_can_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendars, "DAYS_OFF", {"PT": frozenset({date(2026, 11, 18)})})
    calendars.calendar_of.cache_clear()
    assert working_hours(at(17, 12), at(19, 12), "PT") == 24
    calendars.calendar_of.cache_clear()
