"""Every closed vocabulary of the road. What an upstream may extend at will (subtags, messages) stays text."""

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


# Nothing more is to come, as a rule; AfterShip may know better.
FINISHED = frozenset(
    {
        ParcelStatus.DELIVERED,
        ParcelStatus.RETURNED,
        ParcelStatus.LOST,
        ParcelStatus.DISPOSED,
        ParcelStatus.CANCELLED,
        ParcelStatus.EXPIRED,
    }
)


class Actor(models.TextChoices):
    """Who can act on a problem state."""

    CARRIER = "carrier", _("Carrier")
    MERCHANT = "merchant", _("Merchant")
    SHOPPER = "shopper", _("Shopper")
    CUSTOMS = "customs", _("Customs")
    WEATHER = "weather", _("Nobody: weather or outside cause")


class Source(models.TextChoices):
    """The two upstreams."""

    COMMERCETOOLS = "commercetools", "commercetools"
    AFTERSHIP = "aftership", "AfterShip"


class ReceiptState(models.TextChoices):
    """pending → done | ignored | quarantined. The last three are ends; replay makes any of them pending again."""

    PENDING = "pending", _("Pending")
    DONE = "done", _("Done")
    IGNORED = "ignored", _("Ignored")
    QUARANTINED = "quarantined", _("Quarantined")


class JobKind(models.TextChoices):
    """One thing to do upstream. The subject of each is one row: an order, a tracking, an account or a project."""

    COLLECT = "collect", _("Read the order")
    PUSH = "push", _("Open the tracking at AfterShip")
    RETIRE = "retire", _("Retire the tracking at AfterShip")
    WRITE_BACK = "write_back", _("Write to commercetools")
    IMPORT_COURIERS = "import_couriers", _("Import AfterShip's couriers")
    POLL = "poll", _("Read what AfterShip changed")
    RECONCILE_ORDERS = "reconcile_orders", _("Compare the project's orders")
    RECONCILE_TRACKINGS = "reconcile_trackings", _("Compare the account's trackings")


class RunKind(models.TextChoices):
    """Long work that walks many rows, can be interrupted and goes on where it stood."""

    BACKFILL = "backfill", _("Backfill")
    RECONCILE = "reconcile", _("Reconcile")


class ProblemKind(models.TextChoices):
    UNROUTED = "unrouted", _("No route")
    UNMAPPED_CARRIER = "unmapped_carrier", _("Carrier not recognised")
    CARRIER_MISMATCH = "carrier_mismatch", _("Carrier corrected by AfterShip")
    BAD_NUMBER = "bad_number", _("Tracking number not usable")
    MISSING_FIELD = "missing_field", _("Courier needs more fields")
    REFUSED = "refused", _("Refused upstream")
    FOREIGN_TYPE = "foreign_type", _("Another Type is set")
    TYPE_MISSING = "type_missing", _("Types not set up")
    UNKNOWN_STATUS = "unknown_status", _("Unknown status")
    UPSTREAM_PAUSED = "upstream_paused", _("Upstream refuses our credentials")
    UPSTREAM_DOWN = "upstream_down", _("Upstream does not answer")
    NUMBER_REUSED = "number_reused", _("Number was used before")
    DRIFT = "drift", _("Upstreams disagree")
    DEAD_LETTER = "dead_letter", _("Gave up")
