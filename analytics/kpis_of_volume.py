"""How many, and how much of it we see at all."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from analytics.kpi import KPI, MAY_STILL_BECOME, Figure, Part, Words, rate
from analytics.totals import Totals

CREATED = _("parcels with a number in commercetools")
TRACKED = _("tracked parcels: neither pending nor expired")


def number(key: str, title: Words, name: str, definition: Words) -> KPI:
    """How many parcels have this flag."""

    def compute(totals: Totals) -> Figure:
        return Figure(totals.counts[name], totals.counts[name], totals.counts["created"])

    return KPI(
        key=key,
        title=title,
        unit="count",
        section="overview",
        definition=definition,
        numerator=title,
        denominator=CREATED,
        compute=compute,
        counts=tuple(dict.fromkeys([name, "created"])),
        parts={"numerator": Part((name,)), "denominator": Part(("created",))},
    )


ALL = (
    number(
        "created",
        _("Created parcels"),
        "created",
        _("Parcels with a tracking number that commercetools shows; without removed ones and cancelled orders."),
    ),
    number(
        "tracked",
        _("Tracked parcels"),
        "tracked",
        _("Parcels that AfterShip tells something of: all states but pending and expired."),
    ),
    number("delivered", _("Delivered parcels"), "delivered", _("Parcels whose state is delivered now.")),
    number("open", _("Parcels under way"), "open", _("Tracked parcels that have not come to an end.")),
    rate(
        "coverage",
        _("Tracking coverage"),
        "covered",
        "created",
        section="overview",
        better="more",
        words=(_("parcels with a live tracking at AfterShip"), CREATED),
        definition=_("Share of parcels that AfterShip tracks for us. What is missing is our own loss: not routed, "
                     "refused, or still waiting to be opened."),
    ),
    rate(
        "unrouted_rate",
        _("Unrouted parcels"),
        "unrouted",
        "created",
        section="service",
        better="less",
        words=(_("parcels that no route took"), CREATED),
        definition=_("Share of parcels that no rule sends to an account. They wait as problems."),
    ),
    rate(
        "mismatch_rate",
        _("Corrected couriers"),
        "mismatched",
        "covered",
        section="service",
        better="less",
        words=(_("parcels that AfterShip tracks with another courier than we asked for"), _("covered parcels")),
        definition=_("Share of parcels whose courier AfterShip corrected: mappings to mend."),
    ),
    rate(
        "pending_rate",
        _("Pending"),
        "pending",
        "created",
        section="overview",
        better="less",
        is_of_now=True,
        words=(_("parcels that AfterShip knows nothing of yet"), CREATED),
        definition=_("Share of parcels in the state pending. Expired ones are a figure of their own, not part of it."),
    ),
    rate(
        "expired_rate",
        _("Expired"),
        "expired",
        "created",
        section="overview",
        better="less",
        is_of_now=True,
        words=(_("parcels without any news for 30 days"), CREATED),
        definition=_("Share of parcels that AfterShip stopped asking about."),
    ),
    rate(
        "not_scanned",
        _("Not scanned"),
        "!scanned",
        "created",
        section="overview",
        better="less",
        is_of_now=True,
        words=(_("parcels that no carrier scanned as in its hands"), CREATED),
        definition=_("Share of parcels without a first carrier scan. A created label is no scan."),
    ),
    rate(
        "delivery_rate",
        _("Delivery rate"),
        "delivered",
        "tracked",
        section="overview",
        better="more",
        undecided=MAY_STILL_BECOME,
        missing=(_("pending or expired"), "created"),
        words=(_("delivered parcels"), TRACKED),
        definition=_("Share of tracked parcels that are delivered by now. Young cohorts look bad: give them time."),
    ),
    rate(
        "zoneless_rate",
        _("Times without an offset"),
        "zoneless",
        "scanned",
        section="service",
        words=(_("parcels with a clock that the carrier gave without an offset"), _("scanned parcels")),
        definition=_("Share of scanned parcels whose durations may be off by a zone's hours."),
    ),
)  # fmt: skip
