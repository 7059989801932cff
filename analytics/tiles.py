"""One figure in full: its value and change, what it counts, its interval, and where each part is listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from analytics.kpi import KPI, Figure
from analytics.words import Change, change_of, value_words, words_for


@dataclass(frozen=True)
class Tile:
    """What ``templates/analytics/partials/figure.html`` shows."""

    kpi: KPI
    figure: Figure
    value: str
    change: Change | None
    sample: str
    parts: Sequence[tuple[str, str, str, str]]  # name of the part, its words, how many, where it is listed
    interval: str
    undecided: str


def interval_words(kpi: KPI, figure: Figure) -> str:
    """ "2.1 d – 2.4 d"; the end of a percentile's may not be reached."""
    words = words_for(kpi.unit)
    if figure.low is None:
        return ""
    return f"{words(figure.low)} – {words(figure.high) if figure.high is not None else _('not reached')}"


def tile_of(kpi: KPI, figure: Figure, was: Figure | None, urls: Mapping[str, str]) -> Tile:
    """``was``: the figure of the period compared with; ``urls``: lists behind parts, by name."""
    numbers = [
        ("numerator", kpi.numerator, figure.numerator),
        *([("others", _("the others"), figure.denominator - figure.numerator)] if "others" in kpi.parts else []),
        ("denominator", kpi.denominator, figure.denominator),
        *(("left_out", said, number) for said, number in figure.left_out),
    ]
    undecided = ""
    if kpi.undecided and figure.undecided:
        numbers.append(("undecided", kpi.undecided.words, figure.undecided))
        undecided = f"{figure.undecided:,} {kpi.undecided.words}"
    return Tile(
        kpi=kpi,
        figure=figure,
        value=value_words(kpi, figure),
        change=change_of(kpi, figure, was),
        parts=[(name, str(said), f"{number:,.0f}", urls.get(name, "")) for name, said, number in numbers],
        sample=f"{figure.denominator:,}",
        interval=interval_words(kpi, figure),
        undecided=undecided,
    )
