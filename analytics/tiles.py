"""One figure in full: its value and change, what it counts, its interval, and where each part is listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analytics.kpi import KPI, Figure
from analytics.words import Change, change_of, value_words, words_for


@dataclass(frozen=True)
class Tile:
    """What ``templates/analytics/partials/figure.html`` shows."""

    kpi: KPI
    figure: Figure
    value: str
    change: Change | None
    parts: Sequence[tuple[str, str, str, str]]  # name of the part, its words, how many, where it is listed
    interval: str


def tile_of(kpi: KPI, figure: Figure, was: Figure | None, urls: Mapping[str, str]) -> Tile:
    """``was``: the figure of the period compared with; ``urls``: lists behind parts, by name."""
    words = words_for(kpi.unit)
    has_interval = figure.low is not None and figure.high is not None
    numbers = [
        ("numerator", kpi.numerator, figure.numerator),
        ("denominator", kpi.denominator, figure.denominator),
        *(("left_out", said, number) for said, number in figure.left_out),
    ]
    return Tile(
        kpi=kpi,
        figure=figure,
        value=value_words(kpi, figure),
        change=change_of(kpi, figure, was),
        parts=[(name, str(said), f"{number:,.0f}", urls.get(name, "")) for name, said, number in numbers],
        interval=f"{words(figure.low)} – {words(figure.high)}" if has_interval else "",
    )
