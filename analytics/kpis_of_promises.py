"""Promised and estimated: kept, early, late, by how much, and what threatens to be late. Days, not hours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics.buckets import EARLIEST, LATEST, day_of, days_of
from analytics.filters import Filters
from analytics.kpi import KPI, MAY_STILL_BECOME, Figure, Part, Undecided, Words, rate, share_of
from analytics.kpis_of_volume import TRACKED
from analytics.names import Reason, Spread
from analytics.statistics import mean, quantile
from analytics.totals import Totals

AGES = ((1, 1, "1"), (2, 3, "2-3"), (4, 7, "4-7"), (8, None, "8+"))  # days overdue
ESTIMATED = _("attempted parcels with an estimate from before the attempt")
PROMISED = _("attempted parcels with a promise")
NO_ESTIMATE = (_("attempted without an estimate"), "attempted")
NO_PROMISE = (_("attempted without a promise"), "attempted")
NOT_ATTEMPTED = {
    what: Undecided(f"{what}_open", _("not attempted yet"), is_inside=False) for what in ("estimate", "promise")
}
AGAINST_ESTIMATE = _("The day of the first delivery attempt, at the place, against the first estimate ever given.")
AGAINST_PROMISE = _("The day of the first delivery attempt, at the place, against the order's day plus the days that "
                    "its route promised then.")  # fmt: skip


def kept_family(what: str, title: tuple[Words, Words, Words], base: Words, missing: tuple[Words, str],
                definition: Words) -> tuple[KPI, ...]:  # fmt: skip
    """On time, early and late against one date. On time includes early."""
    among = f"{what}_attempted"
    facts = {"section": "promise", "missing": missing, "definition": definition, "undecided": NOT_ATTEMPTED[what]}
    return (
        rate(f"on_time_{what}", title[0], f"{what}_kept", among, better="more",
             words=(_("first attempt on that day or before"), base), **facts),
        rate(f"early_{what}", title[1], f"{what}_early", among,
             words=(_("first attempt before that day"), base), **facts),
        rate(f"late_{what}", title[2], f"!{what}_kept", among, better="less",
             words=(_("first attempt after that day"), base), **facts),
    )  # fmt: skip


def lateness(what: str, title: Words, spread: Spread, base: Words, definition: Words) -> KPI:
    """By how many days the late ones were late: the mean, and how all of them lie."""

    def compute(totals: Totals) -> Figure:
        days: Counter[int] = Counter()
        for bucket, number in totals.spreads[spread].items():
            days[days_of(bucket)] += number
        late = {float(day): number for day, number in days.items() if day > 0}
        parts: dict[str, float] = {str(day): number for day, number in sorted(days.items())}
        parts |= {"p50": quantile(late, 0.5) or 0, "p90": quantile(late, 0.9) or 0}
        return Figure(mean(late), sum(late.values()), sum(days.values()), parts=parts)

    column = f"{what}_late_days__gt"

    def of_day(kind: str) -> Part:
        if not kind.removeprefix("-").isdecimal():
            raise KeyError(kind)
        number = int(kind)
        days = "__lte" if number <= EARLIEST else "__gte" if number >= LATEST else ""
        return Part((f"{what}_attempted",), condition=lambda _: Q(**{f"{what}_late_days{days}": number}))

    return KPI(
        key=f"lateness_{what}",
        title=title,
        unit="days",
        section="promise",
        better="less",
        definition=definition,
        numerator=_("late parcels, over which the mean is taken"),
        denominator=base,
        compute=compute,
        undecided=NOT_ATTEMPTED[what],
        kinds=of_day,
        spreads=(spread,),
        parts={
            "numerator": Part((f"{what}_attempted",), condition=lambda _: Q(**{column: 0})),
            "denominator": Part((f"{what}_attempted",)),
        },
    )


def overdue(what: str, title: Words, spread: Spread, column: str, definition: Words) -> KPI:
    """Open parcels whose day has passed, by how many days."""

    def compute(totals: Totals) -> Figure:
        ages = Counter({(totals.as_of - day_of(bucket)).days: n for bucket, n in totals.spreads[spread].items()})
        parts = {name: count_between(ages, first, last) for first, last, name in AGES}
        return share_of(count_between(ages, 1, None), sum(ages.values()), **parts)

    def is_overdue(filters: Filters) -> Q:
        return Q(**{f"{column}__lt": filters.as_of})

    def of_age(kind: str) -> Part:
        first, last = {name: (first, last) for first, last, name in AGES}[kind]

        def is_of_age(filters: Filters) -> Q:
            newest = Q(**{f"{column}__lte": filters.as_of - timedelta(days=first)})
            return newest if last is None else newest & Q(**{f"{column}__gte": filters.as_of - timedelta(days=last)})

        return Part((f"{what}_open",), condition=is_of_age)

    return KPI(
        key=f"overdue_{what}",
        title=title,
        unit="share",
        section="promise",
        better="less",
        definition=definition,
        numerator=_("those whose day has passed"),
        denominator=_("open parcels without an attempt that have such a day"),
        compute=compute,
        is_of_now=True,
        kinds=of_age,
        spreads=(spread,),
        parts={
            "numerator": Part((f"{what}_open",), condition=is_overdue),
            "denominator": Part((f"{what}_open",)),
        },
    )


def count_between(ages: Mapping[int, int], first: int, last: int | None) -> int:
    return sum(number for age, number in ages.items() if age >= first and (last is None or age <= last))


def accuracy(key: str, title: Words, spread: Spread, column: str, when: Words) -> KPI:
    """How near an estimate came to the first attempt."""

    def compute(totals: Totals) -> Figure:
        days = Counter({days_of(bucket): number for bucket, number in totals.spreads[spread].items()})
        whole = sum(days.values())
        exact, near = days[0], sum(number for day, number in days.items() if abs(day) <= 1)
        bias = mean({float(day): number for day, number in days.items()}) or 0.0
        return share_of(near, whole, exact=exact / whole if whole else 0.0, bias_days=bias)

    return KPI(
        key=key,
        title=title,
        unit="share",
        section="promise",
        better="more",
        definition=_("Share of estimates that were at most one day off the first attempt; also how many hit the day, "
                     "and the mean error (above 0: parcels came later than estimated)."),
        numerator=_("estimates at most one day off"),
        denominator=when,
        compute=compute,
        undecided=NOT_ATTEMPTED["estimate"],
        spreads=(spread,),
        parts={
            "numerator": Part(("estimate_attempted",), condition=lambda _: Q(**{f"{column}__range": (-1, 1)})),
            "denominator": Part(("estimate_attempted",), condition=lambda _: Q(**{f"{column}__isnull": False})),
        },
    )  # fmt: skip


def late_reasons(totals: Totals) -> Figure:
    kinds = {Reason(code).name.lower(): number for code, number in totals.spreads[Spread.LATE_REASON].items()}
    late = sum(kinds.values())
    explained = late - kinds.get("unexplained", 0)
    return share_of(explained, late, **kinds)


def late_for(reason: Reason) -> Part:
    return Part(condition=lambda _: Q(late_reason=reason))


def revised(kind: str) -> Part:
    """Facts whose estimate changed so often."""
    if not kind.isdecimal():
        raise KeyError(kind)
    return Part(("with_estimate",), condition=lambda _: Q(revisions=int(kind)))


def revisions(totals: Totals) -> Figure:
    number, base = totals.counts["revisions"], totals.counts["with_estimate"]
    spread = {str(count): n for count, n in sorted(totals.spreads[Spread.REVISIONS].items())}
    return Figure(number / base if base else None, number, base, parts=spread)


ALL = (
    rate(
        "estimate_coverage",
        _("Estimate coverage"),
        "with_estimate",
        "tracked",
        section="promise",
        better="more",
        missing=(_("pending or expired"), "created"),
        undecided=MAY_STILL_BECOME,
        words=(_("tracked parcels with an estimate before their first attempt"), TRACKED),
        definition=_("How much the figures against the estimate speak for: read them together."),
    ),
    *kept_family(
        "estimate",
        (_("On time, against the estimate"), _("Early, against the estimate"), _("Late, against the estimate")),
        ESTIMATED, NO_ESTIMATE, AGAINST_ESTIMATE,
    ),
    *kept_family(
        "promise",
        (_("On time, against the promise"), _("Early, against the promise"), _("Late, against the promise")),
        PROMISED, NO_PROMISE, AGAINST_PROMISE,
    ),
    lateness("estimate", _("Days late, against the estimate"), Spread.ESTIMATE_LATENESS, ESTIMATED, AGAINST_ESTIMATE),
    lateness("promise", _("Days late, against the promise"), Spread.PROMISE_LATENESS, PROMISED, AGAINST_PROMISE),
    rate(
        "trending_late",
        _("Trending late"),
        "trending_late",
        "estimate_open",
        section="promise",
        better="less",
        is_of_now=True,
        words=(_("open parcels whose newest estimate is later than the first"),
               _("open parcels with an estimate and no attempt yet")),
        definition=_("Parcels that will be late by the carrier's own words."),
    ),
    overdue("estimate", _("Overdue, by the estimate"), Spread.DUE, "estimate_now",
            _("Open parcels whose newest estimate has passed without an attempt, by age in days.")),
    overdue("promise", _("Overdue, by the promise"), Spread.PROMISED, "promised_on",
            _("Open parcels whose promised day has passed without an attempt, by age in days.")),
    KPI(
        key="late_reasons",
        title=_("Why late"),
        unit="share",
        section="promise",
        definition=_("Late parcels, against estimate or promise, by the first trouble that was scanned; without one, "
                     "whether they were picked up more than two days after hand-over. The value is the share that is "
                     "explained."),
        numerator=_("late parcels with a reason"),
        denominator=_("late parcels"),
        compute=late_reasons,
        kinds=lambda kind: late_for(Reason[kind.upper()]),
        spreads=(Spread.LATE_REASON,),
        parts={
            "numerator": Part(condition=lambda _: Q(late_reason__isnull=False) & ~Q(late_reason=Reason.UNEXPLAINED)),
            "denominator": Part(condition=lambda _: Q(late_reason__isnull=False)),
        },
    ),
    accuracy("accuracy_at_scan", _("Estimate at first scan"), Spread.ERROR_AT_SCAN, "error_at_scan",
             _("attempted parcels with an estimate within a day of the first scan")),
    accuracy("accuracy_3_days", _("Estimate three days before"), Spread.ERROR_3_DAYS, "error_3_days",
             _("attempted parcels with an estimate three days before the attempt")),
    accuracy("accuracy_1_day", _("Estimate the day before"), Spread.ERROR_1_DAY, "error_1_day",
             _("attempted parcels with an estimate a day before the attempt")),
    KPI(
        key="revisions",
        title=_("Changes of the estimate"),
        unit="ratio",
        section="promise",
        better="less",
        definition=_("How often an estimate changed, per parcel that had one; changes after the first attempt do not "
                     "count."),
        numerator=_("changes"),
        denominator=_("tracked parcels with an estimate"),
        compute=revisions,
        kinds=revised,
        counts=("revisions", "with_estimate"),
        spreads=(Spread.REVISIONS,),
        parts={"numerator": Part(("with_estimate", "revised")), "denominator": Part(("with_estimate",))},
    ),
    rate(
        "moved_later",
        _("Estimate moved later"),
        "moved_later",
        "with_estimate",
        section="promise",
        better="less",
        undecided=Undecided("estimate_open", _("not attempted yet"), is_inside=True),
        words=(_("parcels whose estimate moved to a later day at least once"), _("tracked parcels with an estimate")),
        definition=_("How far an estimate can be relied on."),
    ),
)  # fmt: skip
