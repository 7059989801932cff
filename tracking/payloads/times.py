"""Date-times as the upstreams write them: with an offset, without one, or a bare date."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple

# Seen: "2026-12-01", "2026-12-01T10:00", "2026-12-01 10:00:00", "…T10:00:00.1234567Z", "…+00:00", "…+0100", "…+01".
SHAPE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"(Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
# Outside of these a date is a placeholder: 0001-01-01 is .NET's "no date", 9999-12-31 means "for ever".
FIRST_YEAR, LAST_YEAR = 1970, 2100


class Times(NamedTuple):
    """``instant`` is in UTC, only where an offset was given; ``local`` the parts as written, midnight for a date."""

    instant: datetime | None
    local: datetime | None


NO_TIMES = Times(None, None)


def parse_times(text: str) -> Times:
    """Both forms of ``text``; both None where it is no date-time. Never raises. A missing offset is never guessed."""
    found = SHAPE.fullmatch(text.strip())
    if not found:
        return NO_TIMES
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    if not FIRST_YEAR <= int(year) <= LAST_YEAR:
        return NO_TIMES
    microsecond = int((fraction or "").ljust(6, "0")[:6])
    try:
        local = datetime(  # noqa: DTZ001  the parts as written
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), microsecond
        )
        instant = local.replace(tzinfo=parse_offset(offset)).astimezone(UTC) if offset else None
    except ValueError:
        return NO_TIMES
    return Times(instant, local)


def parse_utc(text: str) -> datetime | None:
    """An instant of a field that is documented as UTC: a missing offset means UTC, a bare date is no instant."""
    instant, local = parse_times(text)
    if instant or not local or len(text.strip()) <= len("2026-12-01"):
        return instant
    return local.replace(tzinfo=UTC)


def parse_date(text: str) -> date | None:
    """The calendar day as written, whatever the offset; None where there is none."""
    local = parse_times(text).local
    return local.date() if local else None


def parse_offset(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > 3 else 0
    if minutes > 59:
        raise ValueError("no such offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
