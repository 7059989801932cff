"""Times in the two spellings the upstreams use."""

from __future__ import annotations

import re
from datetime import UTC, datetime

ISO_WITH_ZONE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$")


def millis(moment: datetime | None = None) -> str:
    """commercetools' spelling, UTC with milliseconds: ``2026-11-22T10:00:00.000Z``; now if no moment is given."""
    moment = (moment or datetime.now(UTC)).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


def seconds(moment: datetime | None = None) -> str:
    """AfterShip's spelling, UTC with whole seconds: ``2026-11-22T10:00:00+00:00``; now if no moment is given."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")


def read_moment(text: str) -> datetime | None:
    """The moment an ISO 8601 date-time with offset names, else None."""
    if not ISO_WITH_ZONE.match(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
