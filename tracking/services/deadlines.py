"""Until when, as carriers write it: ``ready for collection until 24.11.2026``. AfterShip has no field for it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

from tracking.enums import ParcelStatus
from tracking.models import Tracking

LONGEST = timedelta(days=35)  # nobody keeps a parcel longer; what lies further off is no deadline
DATES = re.compile(r"\b(?:(\d{4})-(\d{2})-(\d{2})|(\d{1,2})\.(\d{1,2})\.(\d{4}))\b")  # 11/12/2026 could be two days


def deadline_of(tracking: Tracking) -> datetime | None:
    """Until when the carrier waits, where its words name a day."""
    after = tracking.status_changed_at or timezone.now()
    return deadline_in(f"{tracking.pickup_note} {tracking.last_message}", after)


def last_day_of(tracking: Tracking) -> date | None:
    """The last day on which it can be collected at its pickup point, where the carrier's words name one."""
    deadline = deadline_of(tracking) if tracking.status == ParcelStatus.AVAILABLE_FOR_PICKUP else None
    return (deadline - timedelta(days=1)).date() if deadline else None


def deadline_in(text: str, after: datetime) -> datetime | None:
    """The end of the latest day that the text names, if it lies in the weeks after that moment; None for none.

    Only forms that can be read in one way count: ``2026-11-24`` and ``24.11.2026``.
    """
    days = [day for found in DATES.findall(text) if (day := day_of(found))]
    ends = [datetime.combine(day, time(), UTC) + timedelta(days=1) for day in days]
    return max((end for end in ends if after < end <= after + LONGEST), default=None)


def day_of(found: tuple[str, ...]) -> date | None:
    year, month, day = found[:3] if found[0] else reversed(found[3:])
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
