"""What a KPI is: its words, its version, what it needs of the roll-ups, and how its figure follows from them.

    @dataclass KPI ── key, version, title, definition, numerator, denominator, left_out   words for page, CSV and docs
                  ├── counts, spreads      what is asked of the roll-ups: ``analytics/totals.py``
                  ├── compute(Totals)      → Figure: value, numerator, denominator, interval, what was left out
                  └── parts                → the parcels behind it: ``analytics/behind.py``

A figure never comes without its sample. The same function makes the number of the page, the CSV and the API. Changing
what a KPI means is a new ``version``, said in docs/analytics.md; history is never rewritten silently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analytics.filters import Filters
from analytics.names import Spread
from analytics.statistics import wilson
from analytics.totals import Totals

LEAST_SAMPLE = 20  # below this a figure is marked as of few parcels, and nobody is ranked by it
Words = str | Promise
PARCELS = _("parcels")


@dataclass(frozen=True)
class Figure:
    """One number with all that is needed to judge it.

    ``value`` is None where there is nothing to measure, or where a percentile is not reached. ``low`` and ``high`` are
    the 95 % interval of a rate or a percentile (without ``high`` where the latter may as well not be reached).
    ``left_out`` counts parcels of the period that are in neither part, by words. ``parts`` are numbers beside the
    value, or the kinds that a whole splits into. ``undecided`` are parcels that may still count: the quick ones were
    first.
    """

    value: float | None
    numerator: float = 0
    denominator: int = 0
    low: float | None = None
    high: float | None = None
    left_out: tuple[tuple[Words, int], ...] = ()
    parts: Mapping[str, float] = field(default_factory=dict)
    undecided: int = 0

    @property
    def sample(self) -> int:
        return self.denominator

    @property
    def is_small(self) -> bool:
        """Of so few parcels that chance alone may explain it."""
        return self.denominator < LEAST_SAMPLE


@dataclass(frozen=True)
class Part:
    """Which facts are behind one part of a figure: all of these flags, none of those, and a condition of its own."""

    flags: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    condition: Callable[[Filters], Q] | None = None


@dataclass(frozen=True)
class Undecided:
    """Parcels that have not come far enough to be judged: their flag, in words, and whether they are in the denominator
    already (a delivery rate) or will enter both numbers together (on time).
    """

    flag: str
    words: Words
    is_inside: bool


UNDER_WAY = _("still under way")
MAY_STILL_BECOME = Undecided("open", UNDER_WAY, is_inside=True)
MAY_STILL_ENTER = Undecided("open", UNDER_WAY, is_inside=False)


@dataclass(frozen=True, kw_only=True)
class KPI:
    """``better`` is "more", "less" or "" where neither is. ``parts`` has "numerator", "denominator", "left_out" and
    "undecided" as far as parcels stand behind them; ``kinds``: those of one kind that the figure splits into, by its
    name in ``Figure.parts`` (KeyError for no such kind). ``is_of_now``: it says how things stand at this moment, so
    periods of different age cannot be judged by it.
    """

    key: str
    title: Words
    unit: str  # share, count, ratio (so many for each), hours, days, seconds, per_10_000
    section: str  # overview, promise, time, problems, service, shoppers
    definition: Words
    numerator: Words
    denominator: Words
    compute: Callable[[Totals], Figure]
    version: int = 1
    sample: Words = PARCELS  # what the denominator counts, in a word
    left_out: Words = ""
    better: str = ""
    counts: tuple[str, ...] = ()
    spreads: tuple[Spread, ...] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)
    kinds: Callable[[str], Part] | None = None
    undecided: Undecided | None = None
    is_of_now: bool = False

    def __post_init__(self) -> None:
        """What is undecided is asked of the sums, and listed, as well."""
        if self.undecided:
            flag = self.undecided.flag
            object.__setattr__(self, "counts", tuple(dict.fromkeys([*self.counts, flag])))
            object.__setattr__(self, "parts", {**self.parts, "undecided": Part((flag,))})

    def figure(self, totals: Totals) -> Figure:
        """The figure of these sums, with what is still undecided."""
        found = self.compute(totals)
        return replace(found, undecided=totals.counts[self.undecided.flag]) if self.undecided else found

    def may_become(self, figure: Figure) -> tuple[float | None, float | None]:
        """Its interval once all that is undecided is decided, whichever way."""
        if self.undecided is None or figure.low is None:
            return figure.low, figure.high
        whole = figure.denominator + (0 if self.undecided.is_inside else figure.undecided)
        least, most = wilson(figure.numerator, whole), wilson(min(figure.numerator + figure.undecided, whole), whole)
        return (least[0], most[1]) if least and most else (None, None)


def share_of(numerator: float, denominator: int, *left_out: tuple[Words, int], **parts: float) -> Figure:
    """A rate with its interval."""
    low, high = wilson(numerator, denominator) or (None, None)
    value = numerator / denominator if denominator else None
    return Figure(value, numerator, denominator, low, high, left_out, parts)


def rate_of(happened: int, times: int) -> Figure:
    """So many for each: no share, since it may be more than one, so an interval only while it is not."""
    if happened <= times:
        return share_of(happened, times)
    return Figure(happened / times if times else None, happened, times)


def rate(
    key: str,
    title: Words,
    of: str,
    among: str,
    *,
    missing: tuple[Words, str] | None = None,
    words: tuple[Words, Words],
    **facts: Any,
) -> KPI:
    """A share of parcels: those with flag ``of`` among those with flag ``among``; with "!" before it, those without.

    ``words`` say numerator and denominator. ``missing`` is what is left out of both: its words, and a wider flag, of
    which those without ``among`` are meant. Where more is better, the others are what somebody can act on.
    """
    wanted, is_negated = of.removeprefix("!"), of.startswith("!")

    def compute(totals: Totals) -> Figure:
        number, whole = totals.counts[wanted], totals.counts[among]
        left_out = [(missing[0], totals.counts[missing[1]] - whole)] if missing else []
        return share_of(whole - number if is_negated else number, whole, *left_out)

    parts = {"numerator": Part((among,), (wanted,)) if is_negated else Part((among, wanted))}
    if facts.get("better") == "more" and not is_negated:
        parts["others"] = Part((among,), (wanted,))
    parts |= {"denominator": Part((among,))} | ({"left_out": Part((missing[1],), (among,))} if missing else {})
    names = dict.fromkeys([wanted, among, *([missing[1]] if missing else [])])
    return KPI(
        key=key,
        title=title,
        unit="share",
        numerator=words[0],
        denominator=words[1],
        left_out=missing[0] if missing else "",
        compute=compute,
        counts=tuple(names),
        parts=parts,
        **facts,
    )


def percentile(
    key: str,
    title: Words,
    spread: Spread,
    share: float,
    *,
    missing: tuple[Words, str] | None = None,
    words: tuple[Words, Words],
    parts: Mapping[str, Part],
    **facts: Any,
) -> KPI:
    """The hours within which this share of parcels has ended; open ones are counted as far as they have come.

    ``missing`` is what is left out: its words, and the flag it has.
    """

    def compute(totals: Totals) -> Figure:
        found = totals.survival(spread)
        left_out = ((missing[0], totals.counts[missing[1]]),) if missing else ()
        numbers = {"ended": found.ended, "open": found.still_open, "never": found.never}
        low, high = found.interval(share)
        return Figure(found.percentile(share), found.ended, found.sample, low, high, left_out, numbers)

    return KPI(
        key=key,
        title=title,
        unit="hours",
        numerator=words[0],
        denominator=words[1],
        left_out=missing[0] if missing else "",
        compute=compute,
        counts=(missing[1],) if missing else (),
        spreads=(spread,),
        parts={**parts, **({"left_out": Part((missing[1],))} if missing else {})},
        **facts,
    )
