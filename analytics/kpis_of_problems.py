"""What went wrong: ever and now are two figures, shares of parcels and shares of exceptions as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics.buckets import day_of
from analytics.filters import Filters
from analytics.kpi import KPI, MAY_STILL_BECOME, MAY_STILL_ENTER, Figure, Part, Words, rate, share_of
from analytics.kpis_of_volume import TRACKED
from analytics.names import ACTORS, Reason, Spread
from analytics.totals import Totals

ENDED = ["delivered", "returned", "lost", "disposed", "cancelled"]
STUCK_DAYS = {"unscanned": 4, "silent": 5}
TROUBLED = _("parcels that ever had an exception")
ENDS: Mapping[str, tuple[Words, Words]] = {
    "lost": (_("Lost"), _("lost parcels")),
    "damaged": (_("Damaged"), _("parcels reported damaged")),
    "returned": (_("Returned to sender"), _("parcels that turned back to the sender")),
}


def shares_of_ends() -> tuple[KPI, ...]:
    """Each bad end as a share of tracked parcels, and of parcels with an exception: two figures with two names."""
    found = []
    for name, (title, words) in ENDS.items():
        facts = {"section": "problems", "better": "less"}
        whole = _("Share of tracked parcels, not of exceptions.")
        found.append(
            rate(f"{name}_rate", title, name, "tracked", words=(words, TRACKED), definition=whole,
                 undecided=MAY_STILL_BECOME, **facts)
        )  # fmt: skip
        of = _("%(title)s, of exceptions") % {"title": title}
        part = _("Share of the parcels with an exception, not of all parcels.")
        found.append(among_troubled(f"{name}_of_exceptions", of, name, words, part))
    return tuple(found)


def among_troubled(key: str, title: Words, name: str, words: Words, definition: Words) -> KPI:
    """Lost, damaged and returned parcels always had an exception: so both numbers are counts of flags."""
    return rate(
        key, title, name, "troubled", section="problems", better="less", words=(words, TROUBLED), definition=definition,
        is_of_now=True,
    )  # fmt: skip


def of_reason(kind: str) -> Part:
    """Exceptions that ever had this reason: its number in the list that the fact keeps."""
    pattern = rf"[\[ ,]{int(Reason[kind.upper()])}[,\]]"
    return Part(("troubled",), condition=lambda _: Q(reasons__regex=pattern))


def of_reason_now(kind: str) -> Part:
    """The same of exceptions now: their newest reason."""
    pattern = rf"[\[ ,]{int(Reason[kind.upper()])}\]$"
    return Part(("troubled_now",), condition=lambda _: Q(reasons__regex=pattern))


def of_actor(kind: str) -> Part:
    """Exceptions that this one could act on."""
    if kind not in ACTORS:
        raise KeyError(kind)
    return Part(("troubled",), condition=lambda _: Q(actors__regex=f'"{kind}"'))


def kinds(key: str, title: Words, spread: Spread, names: Mapping[int, str], definition: Words, base: str,
          of_kind: Callable[[str], Part], version: int = 1) -> KPI:  # fmt: skip
    """How a whole splits into kinds; one parcel may be of several. The value is the share that has any."""

    def compute(totals: Totals) -> Figure:
        parts = {names[code]: number for code, number in sorted(totals.spreads[spread].items()) if code in names}
        return share_of(totals.counts[base], totals.counts["tracked"], **parts)

    return KPI(
        key=key,
        title=title,
        unit="share",
        section="problems",
        better="less",
        definition=definition,
        numerator=TROUBLED if base == "troubled" else _("parcels with an exception now"),
        denominator=TRACKED,
        compute=compute,
        undecided=MAY_STILL_BECOME if base == "troubled" else None,
        is_of_now=base != "troubled",
        kinds=of_kind,
        version=version,
        counts=(base, "tracked"),
        spreads=(spread,),
        parts={"numerator": Part(("tracked", base)), "denominator": Part(("tracked",))},
    )


def stuck(key: str, title: Words, spread: Spread, days: int, column: str, base: str, words: tuple[Words, Words],
          definition: Words) -> KPI:  # fmt: skip
    """Parcels that have waited longer than ``days``, as of the day asked."""

    def compute(totals: Totals) -> Figure:
        ages = {(totals.as_of - day_of(bucket)).days: number for bucket, number in totals.spreads[spread].items()}
        return share_of(sum(number for age, number in ages.items() if age > days), totals.counts[base])

    def is_stuck(filters: Filters) -> Q:
        return Q(**{f"{column}__lt": filters.as_of - timedelta(days=days)}) & ~Q(status__in=ENDED)

    lacks = ("scanned",) if spread == Spread.UNSCANNED else ()
    return KPI(
        key=key,
        title=title,
        unit="share",
        section="problems",
        better="less",
        definition=definition,
        numerator=words[0],
        denominator=words[1],
        compute=compute,
        is_of_now=True,
        counts=(base,),
        spreads=(spread,),
        parts={"numerator": Part((base,), lacks, is_stuck), "denominator": Part((base,))},
    )


def attempts(totals: Totals) -> Figure:
    number, delivered = totals.counts["attempts"], totals.counts["delivered"]
    return Figure(number / delivered if delivered else None, number, delivered)


REASONS = {int(reason): reason.name.lower() for reason in Reason}

ALL = (
    rate(
        "first_attempt",
        _("First attempt succeeded"),
        "first_try",
        "attempted",
        section="problems",
        better="more",
        undecided=MAY_STILL_ENTER,
        words=(_("parcels delivered at their first attempt"), _("attempted parcels")),
        definition=_("Failed are: an attempt without a delivery, left at a pickup point instead, an exception after "
                     "out for delivery, or out for delivery again more than a day later."),
    ),
    KPI(
        key="attempts_per_delivery",
        title=_("Attempts per delivery"),
        unit="ratio",
        section="problems",
        better="less",
        definition=_("Days on which somebody came, of all parcels, for each parcel that was delivered."),
        numerator=_("attempts"),
        denominator=_("delivered parcels"),
        compute=attempts,
        counts=("attempts", "delivered"),
        parts={"numerator": Part(("attempted",)), "denominator": Part(("delivered",))},
    ),
    kinds(
        "exception_rate", _("Exception rate"), Spread.REASON, REASONS,
        _("Share of tracked parcels that ever had an exception, also where it is over; by reason. A failed attempt is "
          "no exception, but a reason of one that follows."), "troubled", of_reason, version=2,
    ),
    kinds(
        "exceptions_now", _("Exceptions now"), Spread.REASON_NOW, REASONS,
        _("Share of tracked parcels that are in an exception at this moment."), "troubled_now", of_reason_now,
    ),
    kinds(
        "exceptions_by_actor", _("Exceptions, by who can act"), Spread.ACTOR, dict(enumerate(ACTORS)),
        _("The same share as the exception rate, by who could do something about it."), "troubled", of_actor, version=2,
    ),
    *shares_of_ends(),
    rate(
        "recovery_rate",
        _("Recovered"),
        "recovered",
        "troubled",
        section="problems",
        better="more",
        is_of_now=True,
        words=(_("those that were delivered after all"), TROUBLED),
        definition=_("Share of parcels with an exception that were delivered."),
    ),
    rate(
        "warned_first",
        _("Warned first"),
        "warned",
        "troubled",
        section="problems",
        better="more",
        words=(_("those whose shopper we told of it before any ticket about trouble of the order"), TROUBLED),
        definition=_("Share of parcels with an exception whose shopper heard of it from us first. Where AfterShip or "
                     "nobody tells shoppers, it says nothing."),
    ),
    stuck(
        "stalled_before_scan", _("Stalled before the first scan"), Spread.UNSCANNED, STUCK_DAYS["unscanned"],
        "ready_day", "covered",
        (_("parcels handed over more than 4 days ago without a scan"), _("covered parcels")),
        _("Waiting for the carrier to take them, or never handed over."),
    ),
    stuck(
        "stalled_in_transit", _("Silent in transit"), Spread.SILENT, STUCK_DAYS["silent"], "silent_since", "open",
        (_("parcels scanned before whose newest scan is more than 5 days old"), _("parcels under way")),
        _("Under way, and without a scan for days. The console's queue goes by what is usual on the lane; this is a "
          "fixed number, so that weeks can be compared."),
    ),
)  # fmt: skip
