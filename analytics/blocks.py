"""A page's blocks, drawn: each with the template that shows it, and everything it says.

page ─ keys by grouping ─ measure once per grouping (three queries each) ─> Measured ─ draw ─> Drawn blocks
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.http import urlencode
from django.utils.translation import gettext as _

from analytics import blocks_of_their_own
from analytics.charts import MOST_SERIES, Chart, Range, Series, bars, columns, lines, ranges, stacked_bars
from analytics.filters import Filters
from analytics.kpi import KPI, LEAST_SAMPLE, Figure
from analytics.kpis import KPIS, compared, measure
from analytics.lists import Lists
from analytics.names_of import names_of
from analytics.pages import Block, Custom, Grid, PageOf, Ranking, Scorecard, Split, Stack, Tiles, Trend
from analytics.scorecard import ASKED
from analytics.tiles import Tile, tile_of
from analytics.totals import groups_between
from analytics.words import day_words, grain_of, kind_words, value_words, words_for

MOST_RANKED, MOST_ROWS = 15, 50
FOUR_DAYS = 96  # hours: an axis has four parts, each of whole days
Figures = Mapping[str, Mapping[str, Figure]]


@dataclass(frozen=True)
class Drawn:
    """One block: its template in ``templates/analytics/blocks/`` and what that shows."""

    template: str
    title: Any
    facts: Mapping[str, Any] = field(default_factory=dict)
    opens: bool = False  # the first of charts that stand side by side
    closes: bool = False

    @property
    def include(self) -> str:
        return f"analytics/blocks/{self.template}.html"


@dataclass
class Measured:
    """All figures that a page needs, by grouping; ``before`` of the period compared with, where there is one."""

    filters: Filters
    now: dict[str, Figures]
    before: dict[str, Figures]
    grain: str
    lists: Lists

    def whole(self, key: str) -> Figure:
        return self.now[""][""][key]

    def was(self, key: str) -> Figure | None:
        return self.before.get("", {}).get("", {}).get(key)


def draw(page: PageOf, filters: Filters, user: Any) -> list[Drawn]:
    """The page's blocks in their order. Three queries per grouping, whatever the number of figures."""
    measured = measure_all(page.blocks, filters, Lists.of_person(filters, user))
    return side_by_side([drawn for block in page.blocks for drawn in draw_block(block, measured, user)])


def side_by_side(blocks: Sequence[Drawn]) -> list[Drawn]:
    """Charts that follow each other stand in one frame."""
    kinds = ["", *(block.template for block in blocks), ""]
    return [
        replace(block, opens=before != "chart", closes=after != "chart") if block.template == "chart" else block
        for before, block, after in zip(kinds, blocks, kinds[2:], strict=False)
    ]


def measure_all(blocks: Iterable[Block], filters: Filters, lists: Lists) -> Measured:
    grain = grain_of(filters.first, filters.last)
    wanted: dict[str, dict[str, None]] = {}
    for block in blocks:
        for by, keys in asked(block, grain):
            wanted.setdefault(by, {}).update(dict.fromkeys(keys))
    now = {by: measure(filters, keys, by=by) for by, keys in wanted.items()}
    is_compared = {"", grain} & wanted.keys()
    before = {by: compared(filters, wanted[by], by=by) for by in is_compared} if filters.compare else {}
    return Measured(filters, now, before, grain, lists)


def asked(block: Block, grain: str) -> Iterable[tuple[str, Sequence[str]]]:
    """What a block needs: groupings with keys."""
    match block:
        case Tiles(keys=keys):
            yield "", keys
        case Split(key=key):
            yield "", [key]
        case Trend(keys=keys):
            yield grain, keys
        case Stack(keys=keys):
            yield grain, [*keys, "created"]
        case Ranking(key=key, by=by):
            yield by, [key]
        case Grid(keys=keys, by=by):
            yield by, [*keys, "created"]
        case Scorecard():
            yield from ASKED.items()


def draw_block(block: Block, measured: Measured, user: Any) -> Iterable[Drawn]:
    """What a page shows for one block, by its kind."""
    match block:
        case Tiles():
            yield Drawn("tiles", block.title, {"tiles": [tile(key, measured) for key in block.keys]})
        case Trend():
            yield chart(trend(block, measured))
        case Stack():
            yield chart(stack(block, measured))
        case Split():
            yield chart(split(block, measured))
        case Ranking():
            yield chart(ranking(block, measured))
        case Grid():
            yield grid(block, measured)
        case Scorecard():
            couriers, lanes = (measured.now[by] for by in ASKED)
            yield from drawn(blocks_of_their_own.scorecard(measured.filters, couriers, lanes))
        case Custom():
            yield from own_block(block, measured, user)


def own_block(block: Custom, measured: Measured, user: Any) -> Iterable[Drawn]:
    drawing: Callable[..., Iterable[tuple[str, Any, Mapping[str, Any]]]] = getattr(blocks_of_their_own, block.name)
    yield from drawn(drawing(measured.filters, user))


def drawn(parts: blocks_of_their_own.Parts) -> Iterable[Drawn]:
    return (Drawn(template, title, facts) for template, title, facts in parts)


def chart(drawn: Chart) -> Drawn:
    return Drawn("chart", drawn.title, {"chart": drawn})


def tile(key: str, measured: Measured) -> Tile:
    """One figure with its change, its sample, and the ways to the parcels behind it."""
    kpi = KPIS[key]
    urls = {part: measured.lists.of(kpi, part) for part in kpi.parts}
    return tile_of(kpi, measured.whole(key), measured.was(key), urls)


def trend(block: Trend, measured: Measured) -> Chart:
    """A line per figure; where there is one and a period to compare with, that one's line beside it, day for day."""
    grain, kpis = measured.grain, [KPIS[key] for key in block.keys]
    days = groups_between(measured.filters.first, measured.filters.last, grain)
    figures = measured.now[grain]
    series = [
        Series(str(kpi.title), [value_in(figures, day, kpi.key) for day in days], urls_of(kpi, days, measured))
        for kpi in kpis
    ]
    earlier = measured.filters.compared()
    if earlier and len(kpis) == 1:
        past = groups_between(earlier.first, earlier.last, grain)[: len(days)]
        values = [value_in(measured.before[grain], day, kpis[0].key) for day in past]
        series.append(Series(_("period compared with"), [*values, *[None] * (len(days) - len(values))]))
    highest = max((value for one in series for value in one.values if value is not None), default=0)
    top = top_of(kpis[0].unit, highest)
    labels = [day_words(day, grain) for day in days]
    return lines(str(block.title), labels, series, words=words_for(kpis[0].unit), top=top, note=str(block.note))


def top_of(unit: str, highest: float) -> float | None:
    """The end of an axis where a round number is not the best one: the whole of a share, whole days of hours."""
    if unit == "share" and highest > 0.4:
        return 1.0
    return math.ceil(highest / FOUR_DAYS) * FOUR_DAYS if unit == "hours" and highest > 48 else None


def stack(block: Stack, measured: Measured) -> Chart:
    """Parcels by state over time; what no series counts is a last one, "Ended otherwise"."""
    grain, figures = measured.grain, measured.now[measured.grain]
    days = groups_between(measured.filters.first, measured.filters.last, grain)
    series = [
        Series(
            str(KPIS[key].title),
            [figures[day][key].numerator if day in figures else 0 for day in days],
            urls_of(KPIS[key], days, measured),
        )
        for key in block.keys
    ]
    created = [figures[day]["created"].numerator if day in figures else 0 for day in days]
    rest = [max(whole - sum(one.values[at] or 0 for one in series), 0) for at, whole in enumerate(created)]
    if any(rest) and len(series) < MOST_SERIES:
        series.append(Series(_("Ended otherwise"), rest))
    labels = [day_words(day, grain) for day in days]
    return stacked_bars(str(block.title), labels, series, note=str(block.note))


def urls_of(kpi: KPI, days: Sequence[str], measured: Measured) -> list[str]:
    """Where the numbers of each day, week or month lead."""
    return [measured.lists.narrowed(measured.grain, day).of(kpi) for day in days]


def value_in(figures: Figures, group: str, key: str) -> float | None:
    found = figures.get(group, {}).get(key)
    return found.value if found else None


def split(block: Split, measured: Measured) -> Chart:
    """The kinds that a figure splits into: days and ages in their order, other kinds the most frequent first; each
    leads to its parcels.
    """
    kpi, title, facts = KPIS[block.key], str(block.title), {"name": _("parcels"), "note": str(block.note)}
    parts = {name: number for name, number in measured.whole(block.key).parts.items() if name not in ("p50", "p90")}
    is_of_numbers = all(is_number(name) for name in parts)
    if is_of_numbers:
        parts = without_gaps(parts)
    names = list(parts)
    urls = [measured.lists.of(kpi, kind=name) if parts[name] else "" for name in names]
    if "lateness" in block.key:
        labels = [f"{int(name):+d}" if int(name) else "0" for name in names]
        return columns(title, labels, list(parts.values()), urls=urls, **facts)
    if is_of_numbers or "overdue" in block.key:
        return columns(title, names, list(parts.values()), urls=urls, **facts)
    rows = [
        Range(kind_words(kpi.key, name), parts[name], url=url)
        for name, url in zip(names, urls, strict=True)
        if parts[name]
    ]
    return bars(title, sorted(rows, key=lambda row: -(row.value or 0)), **facts)


def without_gaps(days: Mapping[str, float]) -> dict[str, float]:
    """Every day from the first to the last that has parcels: a gap is seen as a gap."""
    known = [int(name) for name in days]
    return {str(day): days.get(str(day), 0) for day in range(min(known), max(known) + 1)} if known else {}


def is_number(name: str) -> bool:
    return name.lstrip("-").isdecimal()


def ranking(block: Ranking, measured: Measured) -> Chart:
    """One figure by courier, store …: the best first, those of few parcels at the end and without a value."""
    kpi, figures = KPIS[block.key], measured.now[block.by]
    named = names_of(block.by, figures)
    found = [(group, by_key[kpi.key]) for group, by_key in figures.items() if by_key[kpi.key].denominator]
    sign = -1 if kpi.better == "more" else 1
    found.sort(key=lambda one: (one[1].is_small, sign * (one[1].value or 0), -one[1].denominator))
    rows = [ranked(kpi, figure, named[group], measured, block.by, group) for group, figure in found[:MOST_RANKED]]
    highest = max((row.high or row.value or 0 for row in rows), default=0)
    note = str(block.note) or _("With 95%% intervals; fewer than %(n)d parcels are not ranked.") % {"n": LEAST_SAMPLE}
    return ranges(str(block.title), rows, words=words_for(kpi.unit), top=top_of(kpi.unit, highest), note=note)


def ranked(kpi: KPI, figure: Figure, name: str, measured: Measured, by: str, group: str) -> Range:
    """One row of a ranking; of few parcels without a value."""
    lists = measured.lists.narrowed(by, group)
    known = (None, None, None) if figure.is_small else (figure.value, figure.low, figure.high)
    return Range(
        name,
        *known,
        figure.denominator,
        address(measured.filters, by, group),
        lists.of(kpi),
        lists.of(kpi, "denominator"),
    )


def address(filters: Filters, by: str, group: str) -> str:
    """The same page for this courier, store … alone; "" where that is no filter, or the group has no name."""
    if by not in ("store", "account", "channel", "courier", "country") or group in ("", "0"):
        return ""
    return "?" + urlencode(filters.query() | {by: [group]}, doseq=True)


def grid(block: Grid, measured: Measured) -> Drawn:
    """A table of groups by figures, the groups with most parcels first, MOST_ROWS of them."""
    figures = measured.now[block.by]
    named = names_of(block.by, figures)
    groups = sorted(figures, key=lambda group: -figures[group]["created"].numerator)
    shown = [(group, measured.lists.narrowed(block.by, group)) for group in groups[:MOST_ROWS]]
    rows = [
        {
            "name": named[group],
            "url": address(measured.filters, block.by, group),
            "cells": [cell(KPIS[key], figures[group][key], lists) for key in block.keys],
        }
        for group, lists in shown
    ]
    return Drawn(
        "grid",
        block.title,
        {"headings": [KPIS[key].title for key in block.keys], "rows": rows, "left": max(len(groups) - MOST_ROWS, 0)},
    )


def cell(kpi: KPI, figure: Figure, lists: Lists) -> dict[str, Any]:
    """A value with its sample, and where both lead; a rate of few parcels is marked."""
    is_rate = kpi.unit != "count"
    return {
        "value": value_words(kpi, figure),
        "url": lists.of(kpi) if figure.numerator else "",
        "sample": f"{figure.denominator:,}" if is_rate else "",
        "sample_url": lists.of(kpi, "denominator") if figure.denominator else "",
        "is_small": is_rate and figure.is_small,
    }
