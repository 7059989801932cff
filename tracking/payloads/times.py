"""Date-times as the upstreams write them: with an offset, without one, or a bare date."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import NamedTuple

# Seen: "2026-12-01", "2026-12-01T10:00", "2026-12-01 10:00:00", "…T10:00:00.1234567Z", "…+00:00", "…+0100", "…+01".
SHAPE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
    r"(?:[Zz]|[+-][0-9]{2}(?::?[0-5][0-9])?)?)?"
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
    if not text:
        return NO_TIMES
    found = SHAPE.fullmatch(text.strip())
    if not found:
        return NO_TIMES
    try:
        given = datetime.fromisoformat(found[0].upper())
    except ValueError:
        return NO_TIMES
    if not FIRST_YEAR <= given.year <= LAST_YEAR:
        return NO_TIMES
    return Times(given.astimezone(UTC) if given.tzinfo else None, given.replace(tzinfo=None))


def parse_utc(text: str) -> datetime | None:
    """An instant of a field that is documented as UTC: a missing offset means UTC, a bare date is no instant."""
    instant, local = parse_times(text)
    if instant or not local or len(text.strip()) <= len("2026-12-01"):
        return instant
    return as_utc(local)


def parse_date(text: str) -> date | None:
    """The calendar day as written, whatever the offset; None where there is none."""
    local = parse_times(text).local
    return local.date() if local else None


def as_utc(local: datetime | None) -> datetime | None:
    """The clock on the wall as if it were UTC's: for comparing, where nothing better is known."""
    return local.replace(tzinfo=UTC) if local else None
