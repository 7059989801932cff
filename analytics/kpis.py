"""All KPIs, and the one function that measures them: what page, CSV, REST and mail show is what it returns.

    measure(filters, ["on_time_estimate", "transit_p90"])                 → {"": {key: Figure}}
    measure(filters, keys, by="courier")                                  → {"dhl-germany": {key: Figure}, …}
    compared(filters, keys)                                               → the same of the period to compare with
    behind(KPIS["late_estimate"], filters, "numerator")                   → the parcels (analytics/behind.py)

``by``: "", day, week, month, project, store, account, channel, courier, country, lane (analytics/totals.py). Two
queries for all KPIs together. KPIs of our own service stand in ``service.py``,
courier scores in ``scorecard.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from analytics import kpis_of_problems, kpis_of_promises, kpis_of_times, kpis_of_volume
from analytics.filters import Filters
from analytics.kpi import KPI, Figure
from analytics.totals import totals

KPIS: dict[str, KPI] = {
    kpi.key: kpi for module in (kpis_of_volume, kpis_of_promises, kpis_of_times, kpis_of_problems) for kpi in module.ALL
}


def measure(filters: Filters, keys: Iterable[str] = tuple(KPIS), *, by: str = "") -> dict[str, dict[str, Figure]]:
    """The figures by group and key. Raises KeyError for a key or a grouping that there is not."""
    wanted = [KPIS[key] for key in keys]
    counts = {name for kpi in wanted for name in kpi.counts}
    spreads = {spread for kpi in wanted for spread in kpi.spreads}
    found = totals(filters, counts=sorted(counts), spreads=spreads, by=by)
    return {group: {kpi.key: kpi.figure(sums) for kpi in wanted} for group, sums in found.items()}


def compared(filters: Filters, keys: Collection[str] = tuple(KPIS), *, by: str = "") -> dict[str, dict[str, Figure]]:
    """The same figures of the period to compare with; {} where the filters ask for no comparison."""
    before = filters.compared()
    return measure(before, keys, by=by) if before else {}
