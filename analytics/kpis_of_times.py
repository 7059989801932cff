"""How long: percentiles in which open parcels count as far as they have come, so that none is of survivors only."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics.filters import Filters
from analytics.kpi import KPI, Part, Words, percentile
from analytics.names import Spread

NAMES = {0.5: _("half of the parcels"), 0.9: _("nine of ten parcels"), 0.95: _("19 of 20 parcels")}
GAPPED = (_("delivered, but order, hand-over, first scan or delivery has no time"), "gapped")


def family(
    key: str,
    title: Words,
    spread: Spread,
    shares: tuple[float, ...],
    definition: Words,
    ended: Words,
    column: str,
    still: Q,
    missing: tuple[Words, str] | None = None,
) -> Iterator[KPI]:
    """One KPI per percentile of the same spread. ``column`` holds the hours; ``still`` are the facts without hours that
    count as longer, or as never.
    """

    def has_ended(_: Filters) -> Q:
        return Q(**{f"{column}__isnull": False})

    def is_base(_: Filters) -> Q:
        return Q(**{f"{column}__isnull": False}) | still

    for share in shares:
        yield percentile(
            f"{key}_p{round(share * 100)}",
            _("%(title)s, P%(percent)d") % {"title": title, "percent": round(share * 100)},
            spread,
            share,
            section="time",
            better="less",
            missing=missing,
            is_of_now=spread == Spread.GAP,  # of parcels under way the longest gap may be to come
            definition=_("%(definition)s Within this time %(share)s have ended.")
            % {"definition": definition, "share": NAMES[share]},
            words=(ended, _("those and the ones that have not ended so far") if still != NONE else ended),
            parts={"numerator": Part(condition=has_ended), "denominator": Part(condition=is_base)},
        )


# Of facts: those whose duration has no end (counted.not_ended).
NONE = Q(pk__in=[])
STILL = ~Q(status__in=["delivered", "cancelled"])
SCANNED = Q(first_scan_at__isnull=False) & STILL
ORDERED = Q(ordered_at__isnull=False) & STILL & ~Q(status="pending")
EXCEPTED = Q(exception_at__isnull=False) & STILL
UNSCANNED = Q(first_scan_at=None) & ~Q(status__in=["delivered", "cancelled", "returned", "lost", "disposed"])

ALL = (
    *family(
        "transit", _("Transit time"), Spread.TRANSIT, (0.5, 0.9, 0.95),
        _("From the first carrier scan to the delivery, in hours of all days."),
        _("delivered parcels"), "transit_hours", SCANNED,
    ),
    *family(
        "order_to_delivery", _("Order to delivery"), Spread.ORDER_TO_DELIVERY, (0.5, 0.9, 0.95),
        _("From the order to the delivery, where order, hand-over and first scan are known."),
        _("delivered parcels with all clocks"), "order_hours", ORDERED, GAPPED,
    ),
    *family(
        "attempt_time", _("Time to first attempt"), Spread.ATTEMPT, (0.5, 0.9, 0.95),
        _("From the first carrier scan to the first attempt: the carrier's part, without the shopper's absence."),
        _("attempted parcels"), "attempt_hours", SCANNED,
    ),
    *family(
        "pickup", _("Time to first scan"), Spread.PICKUP, (0.5, 0.9, 0.95),
        _("From hand-over in commercetools to the first carrier scan."),
        _("scanned parcels"), "pickup_hours", UNSCANNED,
    ),
    *family(
        "processing", _("Processing time"), Spread.PROCESSING, (0.5, 0.9),
        _("From the order to the hand-over in commercetools."),
        _("parcels handed over"), "processing_hours", NONE,
    ),
    *family(
        "recovery", _("Time to recover"), Spread.RECOVERY, (0.5, 0.9),
        _("From the first exception to the delivery."),
        _("delivered parcels that had an exception"), "recovery_hours", EXCEPTED,
    ),
    *family(
        "scan_gap", _("Longest gap between scans"), Spread.GAP, (0.5, 0.95),
        _("The longest time without a scan of each parcel that has two or more."),
        _("parcels with two or more scans"), "longest_gap_hours", NONE,
    ),
)  # fmt: skip
