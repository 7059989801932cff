"""The status vocabulary that rules speak: stands here, below the road, because rules name it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ParcelStatus(models.TextChoices):
    """Our standard status model: what one tracking, and by roll-up one order, is said to be."""

    PENDING = "pending", _("Pending")
    INFO_RECEIVED = "info_received", _("Info received")
    IN_TRANSIT = "in_transit", _("In transit")
    OUT_FOR_DELIVERY = "out_for_delivery", _("Out for delivery")
    ATTEMPT_FAILED = "attempt_failed", _("Attempt failed")
    AVAILABLE_FOR_PICKUP = "available_for_pickup", _("Available for pickup")
    DELIVERED = "delivered", _("Delivered")
    DELAYED = "delayed", _("Delayed")
    EXCEPTION = "exception", _("Exception")
    RETURNING = "returning", _("Returning to sender")
    RETURNED = "returned", _("Returned to sender")
    LOST = "lost", _("Lost")
    DISPOSED = "disposed", _("Disposed of")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")
    UNKNOWN = "unknown", _("Unknown")


class MessageKind(models.TextChoices):
    """What a shopper can be told, in the order of a parcel's life: each once per parcel, the last of ours per order.

    Routes say who tells it. ``return_…`` are about what the shopper sends back.
    """

    SHIPPED = "shipped", _("Shipped")
    IN_TRANSIT = "in_transit", _("In transit")
    DELAYED = "delayed", _("Delayed, or the estimate moved")
    EXCEPTION = "exception", _("Exception")
    OUT_FOR_DELIVERY = "out_for_delivery", _("Out for delivery")
    ATTEMPT_FAILED = "attempt_failed", _("Attempt failed")
    AVAILABLE_FOR_PICKUP = "available_for_pickup", _("Available for pickup")
    DELIVERED = "delivered", _("Delivered")
    ALL_ARRIVED = "all_arrived", _("All parcels arrived")
    RETURNING = "returning", _("Returning to sender")
    RETURNED = "returned", _("Returned to sender")
    RETURN_IN_TRANSIT = "return_in_transit", _("Return on its way")
    RETURN_DELIVERED = "return_delivered", _("Return arrived")
