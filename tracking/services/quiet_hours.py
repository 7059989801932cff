"""When what can wait is not sent: a brand's quiet hours, on the clock of the place that the parcel goes to."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from stores.models import Brand
from stores.statuses import MessageKind
from tracking.models import Order
from tracking.payloads.zones import zone_of

# News that a shopper acts upon at once, or waits for at the door: never held up by quiet hours.
URGENT = frozenset(
    {
        MessageKind.OUT_FOR_DELIVERY,
        MessageKind.ATTEMPT_FAILED,
        MessageKind.AVAILABLE_FOR_PICKUP,
        MessageKind.DELIVERED,
        MessageKind.ALL_ARRIVED,
    }
)


def not_before(kind: str, brand: Brand, order: Order, now: datetime) -> datetime:
    """When news of this kind may be sent: now, or at the end of the quiet hours that reign where the order goes to."""
    if kind in URGENT or brand.quiet_from is None or brand.quiet_until is None:
        return now
    here = now.astimezone(zone_of(order.destination_country, order.destination_state))
    if not is_within(here.time(), brand.quiet_from, brand.quiet_until):
        return now
    end = here.replace(hour=brand.quiet_until.hour, minute=brand.quiet_until.minute, second=0, microsecond=0, fold=0)
    return (end if end > here else end + timedelta(days=1)).astimezone(now.tzinfo)


def is_within(at: time, begin: time, end: time) -> bool:
    """Whether the hours from ``begin`` to ``end``, past midnight where they must, have ``at`` in them."""
    return begin <= at < end if begin <= end else at >= begin or at < end
