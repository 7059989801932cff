"""Figures and facts as rows: what CSV, API and summary share. Numbers come from ``measure`` alone, like the pages'."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from analytics.connections import connections_of
from analytics.filters import FilterError, Filters
from analytics.kpi import KPI, Figure
from analytics.kpis import KPIS, compared, measure
from analytics.models import ParcelFact, Slice
from analytics.names import FLAGS, names_of
from analytics.names_of import names_of as group_names
from analytics.scorecard import WEIGHTS, scorecard
from analytics.service import SERVICE_KPIS, measure_service, service_by
from analytics.shoppers import SHOPPER_KPIS, measure_shoppers
from analytics.totals import DIMENSIONS
from stores.mappings_csv import escaped

FIGURE_HEADINGS = (
    "kpi", "version", "title", "unit", "group", "group_name", "value", "numerator", "denominator", "low", "high",
    "before", "left_out", "parts", "from", "to", "cohort", "undecided",
)  # fmt: skip
SCORE_HEADINGS = (
    "courier", "overall", "parcels", "kpi", "weight", "score", "value", "numerator", "denominator", "low", "high",
)  # fmt: skip
FACT_FIELDS = (
    "parcel_id", "order_id", "status", "subtag", "ready_day", "scan_day", "attempt_day", "ordered_at", "ready_at",
    "pushed_at", "announced_at", "first_scan_at", "out_for_delivery_at", "first_attempt_at", "delivered_at",
    "turned_back_at", "exception_at", "last_news_at", "received_at", "written_at", "estimate_first", "estimate_now",
    "revisions", "promised_on", "processing_hours", "pickup_hours", "transit_hours", "attempt_hours", "order_hours",
    "recovery_hours", "longest_gap_hours", "attempts", "estimate_late_days", "promise_late_days",
)  # fmt: skip
SLICE_FIELDS = ("project", "store", "account", "channel", "courier", "country", "is_return")
FACT_HEADINGS = (*FACT_FIELDS, *SLICE_FIELDS, *FLAGS)
CHUNK = 2_000
ALL_KPIS = KPIS | SHOPPER_KPIS | SERVICE_KPIS


def figure_rows(filters: Filters, keys: Sequence[str] = tuple(ALL_KPIS), *, by: str = "") -> list[dict[str, Any]]:
    """One row per figure and group, in the order of KPIS; the same numbers as the pages'. Raises FilterError."""
    if by not in DIMENSIONS:
        raise FilterError("by", _("One of %(known)s.") % {"known": ", ".join(filter(None, DIMENSIONS))})
    if unknown := [key for key in keys if key not in ALL_KPIS]:
        raise FilterError("kpi", _("There is no figure %(key)s.") % {"key": unknown[0]})
    others = [key for key in keys if key not in KPIS]
    keys = [key for key in keys if key in KPIS]
    now, before = measure(filters, keys, by=by), compared(filters, keys, by=by)
    named = group_names(by, now)
    cohort = "scan" if filters.query().get("cohort") else "handover"
    period = {"from": filters.first.isoformat(), "to": filters.last.isoformat(), "cohort": cohort}
    rows = [
        figure_row(KPIS[key], figures[key], before.get(group, {}).get(key))
        | {"group": group, "group_name": named[group] if by else ""}
        | period
        for group, figures in sorted(now.items())
        for key in keys
    ]
    return rows + [row | period for row in (service_rows(filters, others, by) if by else other_rows(filters, others))]


def other_rows(filters: Filters, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The figures that are not of parcels, so there is no grouping of them: of shoppers, and of our own service."""
    earlier = filters.compared()
    now, before = measure_others(filters, keys), measure_others(earlier, keys) if earlier else {}
    return [figure_row(ALL_KPIS[key], now[key], before.get(key)) | {"group": "", "group_name": ""} for key in keys]


def service_rows(filters: Filters, keys: Sequence[str], by: str) -> list[dict[str, Any]]:
    """The figures of our own service by day, week or month; there is no other grouping of them."""
    keys = [key for key in keys if key in SERVICE_KPIS]
    if by not in ("day", "week", "month") or not keys:
        return []
    found = service_by(filters.first, filters.last, connections_of(filters), by)
    return [
        figure_row(SERVICE_KPIS[key], figures[key], None) | {"group": group, "group_name": group}
        for group, figures in sorted(found.items())
        for key in keys
    ]


def measure_others(filters: Filters, keys: Sequence[str]) -> dict[str, Figure]:
    found = measure_shoppers(filters, [key for key in keys if key in SHOPPER_KPIS])
    if not SERVICE_KPIS.keys() & set(keys):
        return found
    return found | measure_service(filters.first, filters.last, connections_of(filters))


def score_rows(filters: Filters) -> list[dict[str, Any]]:
    """One row per courier and scored figure, the best courier first: what the scorecard of the page shows."""
    return [
        {
            "courier": one.courier,
            "overall": one.overall,
            "parcels": one.sample,
            "kpi": key,
            "weight": weight,
            "score": one.scores[key],
            **{name: getattr(one.figures[key], name) for name in ("value", "numerator", "denominator", "low", "high")},
        }
        for one in scorecard(filters)
        for key, weight in WEIGHTS.items()
    ]


def figure_row(kpi: KPI, figure: Figure, before: Figure | None) -> dict[str, Any]:
    """One figure as CSV and API give it; ``before`` is the one that it is compared with."""
    return {
        "kpi": kpi.key,
        "version": kpi.version,
        "title": str(kpi.title),
        "unit": kpi.unit,
        "value": figure.value,
        "numerator": figure.numerator,
        "denominator": figure.denominator,
        "low": figure.low,
        "high": figure.high,
        "before": before.value if before else None,
        "left_out": sum(number for _words, number in figure.left_out),
        "parts": dict(figure.parts),
        "undecided": figure.undecided,
    }


def fact_rows(filters: Filters, facts: QuerySet[ParcelFact]) -> Iterator[dict[str, Any]]:
    """One row per parcel of these, in constant memory; no e-mail, number, name or place."""
    slices = {one.pk: one for one in filters.slices()}
    names = {
        by: group_names(by, {str(getattr(one, f"{by}_id")) for one in slices.values()})
        for by in ("project", "store", "account")
    }
    listed = facts.order_by("pk").only(*FACT_FIELDS, "flags", "slice_id")
    for fact in listed.iterator(chunk_size=CHUNK):
        yield fact_row(fact, slices[fact.slice_id], names)


def fact_row(fact: ParcelFact, where: Slice, names: dict[str, dict[str, str]]) -> dict[str, Any]:
    held = frozenset(names_of(fact.flags))
    return {
        **{name: getattr(fact, name) for name in FACT_FIELDS},
        **{by: names[by][str(getattr(where, f"{by}_id"))] for by in names},
        **{name: getattr(where, name) for name in ("channel", "courier", "country")},
        "is_return": int(where.is_return),
        **{name: int(name in held) for name in FLAGS},
    }


class Echo:
    """A file that gives back what is written to it: csv makes lines, the response streams them."""

    def write(self, line: str) -> str:
        return line


def csv_lines(headings: Sequence[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The rows as CSV, with headings. Texts that a spreadsheet would take for a formula are made texts."""
    writer = csv.writer(Echo())
    yield writer.writerow(headings)
    for row in rows:
        yield writer.writerow([harmless(row[name]) for name in headings])


def harmless(value: Any) -> Any:
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, dict):
        return json.dumps(value) if value else ""
    return value.isoformat() if hasattr(value, "isoformat") else "" if value is None else value
