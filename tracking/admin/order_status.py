"""An order's status in one word, from parcels that are loaded."""

from __future__ import annotations

from tracking.enums import ParcelStatus
from tracking.models import Order
from tracking.payloads.to_commercetools import roll_up


def status_of(order: Order) -> str | None:
    """The roll-up over the parcels that are shipped out, as it will stand in commercetools; None without a tracking.

    The order comes with its ``live_parcels``.
    """
    statuses = [one.tracking.status for one in order.live_parcels if one.tracking and not one.is_return]
    return roll_up([ParcelStatus(status) for status in statuses])
