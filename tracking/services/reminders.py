"""The one reminder of a parcel that waits at its pickup point: when it is due. Pure.

waits since ─ the carrier names a last day ─> the morning of the day before
            └─ it does not ────────────────> the third morning, since pickup points keep a parcel for about seven days
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from tracking.enums import ParcelStatus
from tracking.models import Order, Tracking
from tracking.payloads.zones import zone_of
from tracking.services.deadlines import last_day_of

REMINDER = "reminder"  # the occasion of its row in the ledger
WITHOUT_A_LAST_DAY = timedelta(days=3)
LEAST_APART = timedelta(hours=20)  # from the first message: whoever has just been told needs no reminder
MORNING = time(9)


def remind_at(order: Order, tracking: Tracking) -> datetime | None:
    """When its shopper is to be reminded, by the clock of the place that the order goes to; None where it is too late
    or nothing waits.
    """
    since = tracking.status_changed_at
    if tracking.status != ParcelStatus.AVAILABLE_FOR_PICKUP or since is None:
        return None
    here = zone_of(order.destination_country, order.destination_state)
    last_day = last_day_of(tracking)
    day = last_day - timedelta(days=1) if last_day else (since.astimezone(here) + WITHOUT_A_LAST_DAY).date()
    at = datetime.combine(day, MORNING, here)
    return at if at - since >= LEAST_APART else None
