"""Blocks that are more than figures of parcels: what shoppers do, what couriers score, how we ourselves did.

Each is a function of the filters and the person, that gives (template, title, facts) per block.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, Min
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.charts import Range, Series, bars, lines, percent, plain, ranges
from analytics.connections import Connections, connections_of
from analytics.exports import ALL_KPIS
from analytics.filters import Filters
from analytics.kpi import LEAST_SAMPLE, Figure
from analytics.kpis import KPIS
from analytics.repeat import COUNTED, WINDOWS
from analytics.scorecard import WEIGHTS, Grouped, scores_of
from analytics.service import measure_service, service_by
from analytics.shoppers import ShopperTotals, figures_of
from analytics.tiles import Tile, interval_words, tile_of
from analytics.totals import groups_between
from analytics.words import day_words, grain_of, of_seconds, value_words, words_for
from tracking.enums import ContactCause, ProblemKind
from tracking.models import Job, Problem
from tracking.services.scope import visible

Parts = Iterable[tuple[str, Any, Mapping[str, Any]]]
Figures = Mapping[str, Figure]
LINES = (
    (gettext_lazy("How fast AfterShip told us"), ("lag_to_us_p50", "lag_to_us_p95")),
    (gettext_lazy("How fast we wrote it"), ("lag_to_commercetools_p50", "lag_to_commercetools_p95")),
    (gettext_lazy("What was spared"), ("without_effect", "writes_avoided")),
    (gettext_lazy("Drift, in 10,000 compared"), ("drift",)),
)
NO_URLS: Mapping[str, Mapping[str, str]] = {}


def shoppers(filters: Filters, user: Any) -> Parts:
    """Whether they come back, why they write, what they were told and look at: of sums that are asked for once."""
    before = filters.compared()
    now, was = ShopperTotals(filters), ShopperTotals(before) if before else None
    yield from repeat(now)
    yield from contacts(now, was, user)
    yield from told(now, was)


def repeat(totals: ShopperTotals) -> Parts:
    """Shoppers who ordered again within 30, 60 and 90 days, by how the delivery of their first order went."""
    found = [one for one in totals.again.values() if one.number]
    counted = [one for one in found if one.course in COUNTED]
    for window in WINDOWS:
        rows = [
            Range(one.course.label, None, None, None, figure.denominator)
            if figure.is_small
            else Range(one.course.label, figure.value, figure.low, figure.high, figure.denominator)
            for one in counted
            if (figure := one.figures[window]).denominator
        ]
        title = _("Ordered again within %(days)d days") % {"days": window}
        note = _("Of shoppers whose delivery ended at least %(days)d days ago; with 95%% intervals.") % {"days": window}
        yield "chart", title, {"chart": ranges(title, rows, words=percent, note=note)}
    left_out = [(one.course.label, f"{one.number:,}") for one in found if one.course not in COUNTED]
    rows = [
        (one.course.label, f"{one.number:,}", *(cell(one.figures[window]) for window in WINDOWS)) for one in counted
    ]
    headings = ["", _("Shoppers"), *(_("%(days)d days") % {"days": window} for window in WINDOWS)]
    facts = {"headings": headings, "rows": rows, "left_out": left_out, "least": LEAST_SAMPLE}
    yield "repeat", _("Repeat purchase, by how the delivery went"), facts


def cell(figure: Any) -> str:
    if not figure.denominator:
        return "–"
    words = percent(figure.value) if figure.value is not None else "–"
    return _("%(value)s (%(again)s of %(ripe)s)") % {
        "value": words, "again": f"{figure.numerator:,.0f}", "ripe": f"{figure.denominator:,}",
    }  # fmt: skip


def contacts(totals: ShopperTotals, before: ShopperTotals | None, user: Any) -> Parts:
    """How many write to us, what was the matter when they did, and whether they had been told."""
    keys = ["contact_rate", "contact_matter", "warned_before_ticket", "handling_p50", "handling_p90"]
    figures, was = figures_of(totals, keys), figures_of(before, keys) if before else {}
    filters = totals.filters
    tickets = ticket_list(filters, user)
    yield "tiles", _("Contacts"), {"tiles": tiles_of(figures, was, {key: {"numerator": tickets} for key in keys[:1]})}
    causes = sorted(figures["contact_matter"].parts.items(), key=lambda one: -one[1])
    rows = [
        Range(str(ContactCause(cause).label), number, url=ticket_list(filters, user, cause)) for cause, number in causes
    ]
    title = _("Why shoppers asked")
    note = _("The state of the order at the moment of the ticket, the gravest of its parcels.")
    yield "chart", title, {"chart": bars(title, rows, note=note, name=_("tickets"))}


def ticket_list(filters: Filters, user: Any, cause: str = "") -> str:
    """Where the console lists the tickets of the period; "" for who may not see them, or of several stores at once."""
    stores = filters.chosen.get("store", ())
    if not user.has_perm("tracking.view_contact") or len(stores) > 1:
        return ""
    query = {"opened_at_from": filters.first.isoformat(), "opened_at_to": filters.last.isoformat()}
    query |= {"cause__exact": cause} if cause else {}
    query |= {"order__store__id__exact": stores[0]} if stores else {}
    return f"{reverse('admin:tracking_contact_changelist')}?{urlencode(query)}"


def told(totals: ShopperTotals, before: ShopperTotals | None) -> Parts:
    """What shoppers were mailed, and what they looked at."""
    keys = ["mails_sent", "mails_arrived", "mail_clicks", "page_views", "page_clicks"]
    figures, was = figures_of(totals, keys), figures_of(before, keys) if before else {}
    yield "tiles", _("What they were told and looked at"), {"tiles": tiles_of(figures, was)}


def tiles_of(figures: Figures, was: Figures, urls: Mapping[str, Mapping[str, str]] = NO_URLS) -> list[Tile]:
    """Figures that no parcels stand behind, each in full; ``urls``: lists behind parts, by key and part."""
    return [tile_of(ALL_KPIS[key], figure, was.get(key), urls.get(key, {})) for key, figure in figures.items()]


def scorecard(filters: Filters, couriers: Grouped, lanes: Grouped) -> Parts:
    """Couriers by their own mix of lanes: scores in standard deviations, each figure with its sample."""
    found = scores_of(couriers, lanes)
    keys = [*WEIGHTS, "transit_p90", "scan_gap_p95", "lost_rate"]
    rows = [
        {
            "name": one.courier or _("no courier"),
            "overall": signed_score(one.overall),
            "sample": f"{one.sample:,}",
            "cells": [
                {
                    "value": value_words(KPIS[key], one.figures[key]),
                    "score": signed_score(one.scores.get(key)),
                    "sample": f"{one.figures[key].denominator:,}",
                    "is_small": one.figures[key].is_small,
                    "interval": interval_words(KPIS[key], one.figures[key]),
                }
                for key in keys
            ],
        }
        for one in found
    ]
    weights = ", ".join(f"{KPIS[key].title} × {weight}" for key, weight in WEIGHTS.items())
    address = f"{reverse('scorecard-csv')}?{urlencode(filters.query(), doseq=True)}"
    facts = {"headings": [KPIS[key].title for key in keys], "rows": rows, "weights": weights, "least": LEAST_SAMPLE}
    facts |= {"address": address}
    yield "scorecard", _("Scorecard"), facts


def signed_score(score: float | None) -> str:
    return "" if score is None else f"{score:+.1f}".replace("-", "−")


def service(filters: Filters, user: Any) -> Parts:
    """How fast news travels and what it spared; what waits for people at this moment."""
    connections, before = connections_of(filters), filters.compared()
    figures = measure_service(filters.first, filters.last, connections)
    was = measure_service(before.first, before.last, connections) if before else {}
    if said := connections_said(filters, connections):
        yield "said", said, {}
    yield "tiles", _("How fast, and what it spared: of connections, in days of UTC"), {"tiles": tiles_of(figures, was)}
    yield from over_time(filters, connections)
    yield "waiting", _("What waits for people now"), {"rows": waiting(user)}


def over_time(filters: Filters, connections: Connections) -> Parts:
    """Lines of our service by day, week or month: when it was slow, and whether sides drift apart."""
    grain = grain_of(filters.first, filters.last)
    figures = service_by(filters.first, filters.last, connections, grain)
    groups = groups_between(filters.first, filters.last, grain)
    labels = [day_words(group, grain) for group in groups]
    for title, keys in LINES:
        series = [
            Series(
                str(ALL_KPIS[key].title),
                [figures[group][key].value if group in figures else None for group in groups],
            )
            for key in keys
        ]
        unit = ALL_KPIS[keys[0]].unit
        words = plain if unit == "per_10_000" else words_for(unit)  # its title says of how many
        yield "chart", title, {"chart": lines(str(title), labels, series, words=words)}


def connections_said(filters: Filters, connections: Connections) -> str:
    """What these figures are of, where they are not of all; and what does not narrow them."""
    said = []
    if connections.mine is not None:
        named = ", ".join(sorted(connections.mine)) or _("none")
        said.append(_("Of whole connections, those that serve what is chosen: %(names)s.") % {"names": named})
    if connections.mine is not None and connections.mine != connections.family:
        shared = ", ".join(sorted(connections.family or ()))
        words = _("Writes avoided are of all connections that hang together with these")
        said.append(
            f"{words}." if filters.seen is not None else f"{words}: {shared}."
        )  # whose names others may not see
    if {"channel", "courier", "country"} & filters.chosen.keys() or filters.is_return:
        said.append(_("Filters of channels, couriers, destinations and lanes leave these figures as they are."))
    return " ".join(said)


def waiting(user: Any) -> list[tuple[Any, str, str, str]]:
    """Unrouted parcels and dead letters, within what the person may see: words, number, age of the oldest, list."""
    found = []
    if user.has_perm("tracking.view_problem"):
        rows = visible(user, Problem.objects.filter(kind=ProblemKind.UNROUTED, closed_at=None))
        found.append((_("Unrouted parcels"), rows.aggregate(n=Count("pk"), at=Min("opened_at")), reverse("unrouted")))
    if user.has_perm("tracking.view_job"):
        rows = visible(user, Job.objects.filter(dead_at__isnull=False))
        found.append((_("Dead letters"), rows.aggregate(n=Count("pk"), at=Min("dead_at")), reverse("dead-letters")))
    now = timezone.now()
    return [
        (words, f"{row['n']:,}", of_seconds((now - row["at"]).total_seconds()) if row["at"] else "–", url)
        for words, row, url in found
    ]
