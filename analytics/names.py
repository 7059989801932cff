"""What is counted of a parcel: flags (yes or no), numbers (how many) and spreads (how long, how late, of which kind).

Roll-ups keep these and nothing else. Positions are stored: append, never reorder. A change of what one of them means is
a new VERSION (``analytics/facts.py``) and a new version of every KPI that uses it.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

from django.db import models
from django.utils.translation import gettext_lazy as _


class Cohort(models.IntegerChoices):
    """Which day a parcel belongs to, in its store's zone."""

    HANDOVER = 0, _("day of hand-over")  # made in commercetools: every parcel has one
    FIRST_SCAN = 1, _("day of first scan")  # parcels without a scan are left out


class Course(models.TextChoices):
    """How the delivery of a whole order went; the worst of its parcels counts."""

    ON_TIME = "on_time", _("On time")
    LATE = "late", _("Late")
    PROBLEM = "problem", _("With a problem")
    UNDATED = "undated", _("Arrived; nothing was promised or estimated")
    OPEN = "open", _("Not ended yet")
    NAMELESS = "nameless", _("Without an address to know the shopper by")


# Spreads are kept by month, too, so that a year is twelve sums: in DayBucket under the cohort plus this.
BY_MONTH = 2
# Each is a column of DayCount, and a bit of ParcelFact.flags in this order.
FLAGS = (
    "created",  # shown in commercetools with a number
    "covered",  # AfterShip has a live tracking for it
    "unrouted",  # no rule took it
    "mismatched",  # AfterShip tracks it with another courier than the one that was asked for
    "announced",
    "scanned",
    "pending",  # AfterShip knows nothing, or has no tracking yet
    "expired",  # AfterShip gave up waiting
    "tracked",  # neither pending nor expired: AfterShip's base of most rates
    "open",  # tracked, and has not come to an end
    "delivered",
    "returned",  # turned back to the sender, whether there yet or not
    "lost",
    "damaged",
    "disposed",
    "cancelled",  # by the carrier
    "troubled",  # ever an exception
    "troubled_now",
    "recovered",  # an exception, delivered later
    "with_estimate",  # tracked, any estimate before the first attempt
    "attempted",
    "first_try",  # delivered at the first attempt
    "estimate_attempted",  # attempted, with a first estimate
    "estimate_early",
    "estimate_kept",  # attempted on the estimated day or before: early ones included
    "estimate_open",  # open, not attempted, with an estimate
    "trending_late",  # of those: the newest estimate is later than the first
    "promise_attempted",
    "promise_early",
    "promise_kept",
    "promise_open",
    "complete",  # delivered, with order, hand-over and first scan known
    "gapped",  # delivered, but one of these is missing
    "zoneless",  # a clock that counts here has no offset
    "revised",  # its estimate changed at least once
    "moved_later",  # … to a later day at least once
    "warned",  # ever an exception, and the shopper was told of it before asking about trouble
)
NUMBERS = ("attempts", "revisions")
COUNTS = FLAGS + NUMBERS
BIT = {name: 1 << position for position, name in enumerate(FLAGS)}


class Spread(IntEnum):
    """A distribution: each parcel falls into one bucket of it (of kinds: into one per kind), or into none."""

    TRANSIT = 1  # first scan → delivered
    ORDER_TO_DELIVERY = 2
    ATTEMPT = 3  # first scan → first attempt
    PICKUP = 4  # hand-over → first scan
    PROCESSING = 5  # order → hand-over
    RECOVERY = 6  # first exception → delivered
    GAP = 7  # the longest between two scans
    ESTIMATE_LATENESS = 20  # days: first attempt against the first estimate
    PROMISE_LATENESS = 21
    ERROR_AT_SCAN = 22  # days: first attempt against the estimate at first scan, 3 days before, 1 day before
    ERROR_3_DAYS = 23
    ERROR_1_DAY = 24
    DUE = 40  # open parcels by the day that is estimated now
    PROMISED = 41  # … that was promised
    UNSCANNED = 42  # … that the carrier has not scanned, by the day of hand-over
    SILENT = 43  # … that it has, by the day of the newest scan
    STATUS = 60  # kinds
    REASON = 61
    ACTOR = 62
    LATE_REASON = 63
    REVISIONS = 64
    REASON_NOW = 65


class Reason(models.IntegerChoices):
    """Why a parcel had trouble, told from AfterShip's subtags."""

    OTHER = 1, _("Other exception")
    ADDRESS = 2, _("Wrong address or moved")
    REFUSED = 3, _("Refused by the recipient")
    CUSTOMS = 4, _("Customs")
    OUTSIDE = 5, _("Outside cause")
    PAYMENT = 6, _("Waits for a payment")
    NOT_COLLECTED = 7, _("Not collected in time")
    REJECTED = 8, _("Rejected by the carrier")
    RETURNING = 9, _("Sent back")
    DAMAGED = 10, _("Damaged")
    LOST = 11, _("Lost")
    PROCESSING = 12, _("Carrier's own processing")
    WEATHER = 13, _("Weather")
    DOCUMENTS = 14, _("Documents wrong or missing")
    CANCELLED = 15, _("Cancelled with the carrier")
    DISPOSED = 16, _("Disposed of")
    ABSENT = 17, _("Nobody there")
    CLOSED = 18, _("Business closed")
    ATTEMPT = 19, _("Attempt failed")
    LATE_PICKUP = 40, _("Picked up late")
    UNEXPLAINED = 41, _("No scan explains it")


SUBTAG_REASON = {
    "Exception_002": Reason.ADDRESS,
    "Exception_003": Reason.REFUSED,
    "Exception_004": Reason.CUSTOMS,
    "Exception_005": Reason.OUTSIDE,
    "Exception_006": Reason.PAYMENT,
    "Exception_007": Reason.ADDRESS,
    "Exception_008": Reason.NOT_COLLECTED,
    "Exception_009": Reason.REJECTED,
    "Exception_010": Reason.RETURNING,
    "Exception_011": Reason.RETURNING,
    "Exception_012": Reason.DAMAGED,
    "Exception_013": Reason.LOST,
    "Exception_016": Reason.PROCESSING,
    "Exception_017": Reason.WEATHER,
    "Exception_018": Reason.DOCUMENTS,
    "Exception_019": Reason.PROCESSING,
    "Exception_020": Reason.CANCELLED,
    "Exception_021": Reason.DISPOSED,
    "AttemptFail_002": Reason.ABSENT,
    "AttemptFail_003": Reason.CLOSED,
}
STATUS_REASON = {
    "attempt_failed": Reason.ATTEMPT,
    "delayed": Reason.PROCESSING,
    "returning": Reason.RETURNING,
    "returned": Reason.RETURNING,
    "lost": Reason.LOST,
    "disposed": Reason.DISPOSED,
    "cancelled": Reason.CANCELLED,
}
# Positions are stored, like those of flags.
STATUSES = (
    "pending", "info_received", "in_transit", "out_for_delivery", "attempt_failed", "available_for_pickup", "delivered",
    "delayed", "exception", "returning", "returned", "lost", "disposed", "cancelled", "expired", "unknown",
)  # fmt: skip
ACTORS = ("carrier", "merchant", "shopper", "customs", "weather")


def has(flags: int, name: str) -> bool:
    return bool(flags & BIT[name])


@lru_cache(maxsize=4096)
def names_of(flags: int) -> tuple[str, ...]:
    """The names of the bits that are set; parcels have few combinations."""
    return tuple(name for name, bit in BIT.items() if flags & bit)


def reason_of(status: str, subtag: str) -> Reason:
    """The reason that one trouble of a parcel stands for."""
    return SUBTAG_REASON.get(subtag) or STATUS_REASON.get(status, Reason.OTHER)
