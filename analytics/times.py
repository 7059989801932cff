"""Clocks of a tracking → instants and days, in one zone.

A carrier's time may have an offset, or only the clock on the wall. For durations, the latter is read in the store's
zone: an hour too much or too little at worst where the scan was made in a neighbouring one. For days, the wall's own
date counts as it was written: a parcel that was handed over at 23:50 was handed over on that day, wherever UTC was.
Times in UTC have nobody's wall; they are read in the store's zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

Clock = Mapping[str, Any]


def instant(clock: Clock | None, zone: ZoneInfo) -> datetime | None:
    """When it happened; a time without an offset is taken as one of this zone."""
    if not clock or not clock["at"]:
        return None
    at = datetime.fromisoformat(clock["at"])
    return at if clock["is_offset_known"] or not clock["local"] else at.replace(tzinfo=zone)


def local_day(clock: Clock | None, zone: ZoneInfo) -> date | None:
    """The day at the place where it happened, or in this zone where only UTC is known of it."""
    if not clock or not clock["at"]:
        return None
    at = datetime.fromisoformat(clock["at"])
    local = datetime.fromisoformat(clock["local"]) if clock["local"] else None
    if local is None or (clock["is_offset_known"] and local.replace(tzinfo=at.tzinfo) == at):
        return at.astimezone(zone).date()
    return local.date()


def zone_day(moment: datetime | None, zone: ZoneInfo) -> date | None:
    return moment.astimezone(zone).date() if moment else None


def hours(start: datetime | None, end: datetime | None) -> float | None:
    """From one to the other, to the hundredth; None where one is missing. Negative where the clocks disagree."""
    return round((end - start).total_seconds() / 3600, 2) if start and end else None
