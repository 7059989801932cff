"""Numbers as people read them, and what a change of one means."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.charts import percent, plain
from analytics.kpi import KPI, Figure
from analytics.names import Reason

Interval = tuple[float | None, float | None]
SPACE = "\N{NO-BREAK SPACE}"
NOTHING = "–"
ACTORS: Mapping[str, Promise] = {
    "carrier": gettext_lazy("Carrier"),
    "merchant": gettext_lazy("Merchant"),
    "shopper": gettext_lazy("Shopper"),
    "customs": gettext_lazy("Customs"),
    "weather": gettext_lazy("Nobody: weather, outside cause"),
}
REASONS: Mapping[str, Promise | str] = {one.name.lower(): one.label for one in Reason}


def of_hours(value: float) -> str:
    """``15.2`` → "15 h", ``100`` → "4.2 d"."""
    return f"{value:.0f}{SPACE}h" if value < 48 else f"{value / 24:.1f}{SPACE}d"


def of_seconds(value: float) -> str:
    if value < 120:
        return f"{value:.1f}{SPACE}s"
    return f"{value / 60:.0f}{SPACE}min" if value < 7200 else of_hours(value / 3600)


def of_days(value: float) -> str:
    return f"{value:.1f}{SPACE}d"


def of_10_000(value: float) -> str:
    return f"{value:.1f}{SPACE}{_('in 10,000')}"


def of_ratio(value: float) -> str:
    """A count that may be a mean: "1,204", "1.14"."""
    return plain(value) if float(value).is_integer() else f"{value:,.2f}"


UNITS: Mapping[str, Callable[[float], str]] = {
    "share": percent,
    "count": of_ratio,
    "ratio": of_ratio,
    "hours": of_hours,
    "days": of_days,
    "seconds": of_seconds,
    "per_10_000": of_10_000,
}


def words_for(unit: str) -> Callable[[float], str]:
    return UNITS[unit]


def value_words(kpi: KPI, figure: Figure | None) -> str:
    """The value; a dash where there is nothing to measure, words where so many parcels have not ended (yet)."""
    if figure is None or figure.value is None:
        return _("not reached") if figure and figure.denominator and kpi.unit == "hours" else NOTHING
    return UNITS[kpi.unit](figure.value)


@dataclass(frozen=True)
class Change:
    """The difference to the period compared with, in words; ``verdict``: "better", "worse", "same" or "". One without
    is within chance, or comes too early: what is still under way may undo it.
    """

    words: str
    verdict: str = ""
    is_certain: bool = True
    is_early: bool = False

    @property
    def said(self) -> str:
        """The verdict in a word, or why there is none."""
        why = _("may be chance") if not self.is_certain else _("too early to tell") if self.is_early else _("changed")
        return {"better": _("better"), "worse": _("worse"), "same": _("the same")}.get(self.verdict, why)


def change_of(kpi: KPI, now: Figure, before: Figure | None) -> Change | None:
    """None without a comparison. A change within the intervals of both is said, but judged by nobody; nor is one of a
    mean, which has no interval, one that what is still undecided may undo (young periods know of the quick parcels
    alone), or one of how things stand now.
    """
    if before is None or before.value is None or now.value is None:
        return None
    difference = now.value - before.value
    is_number = kpi.unit == "count" and now.value == now.numerator  # a plain count is what it is
    has_intervals = now.low is not None and before.low is not None
    shown = (now.low, now.high), (before.low, before.high)
    is_certain = is_number or not (overlap(*shown) or now.is_small or before.is_small)
    is_early = is_certain and not is_number and overlap(kpi.may_become(now), kpi.may_become(before))
    was = _("was %(value)s") % {"value": value_words(kpi, before)}
    if value_words(kpi, now) == value_words(kpi, before):  # also where they differ by less than is shown
        return Change(was, "same")
    verdict = ""
    is_judged = is_certain and not is_early and not kpi.is_of_now
    if is_judged and (is_number or has_intervals) and kpi.better:
        verdict = "better" if (difference > 0) == (kpi.better == "more") else "worse"
    return Change(f"{signed(kpi, difference)} · {was}", verdict, is_certain, is_early)


def overlap(one: Interval, other: Interval) -> bool:
    """Whether what both are may be the same; an interval without an end goes on for ever, no interval is no answer."""
    (low, high), (other_low, other_high) = one, other
    if low is None or other_low is None:
        return False
    return low <= (math.inf if other_high is None else other_high) and other_low <= (math.inf if high is None else high)


def signed(kpi: KPI, difference: float) -> str:
    """``+1.4 points``: of shares, points and not percent of a percentage."""
    sign = "+" if difference > 0 else "−" if difference < 0 else "±"
    if kpi.unit == "share":
        return f"{sign}{abs(difference) * 100:.1f}{SPACE}{_('points')}"
    return f"{sign}{UNITS[kpi.unit](abs(difference))}"


def kind_words(key: str, name: str) -> str:
    """A part of the figure of this key, such as a reason, who can act, an age in days: in words."""
    return str((ACTORS if key.endswith("by_actor") else REASONS).get(name, name.replace("_", " ")))


def day_words(text: str, by: str) -> str:
    """A group's ISO day as a label: "5 Oct", of a month "Oct 2026"."""
    day = date.fromisoformat(text)
    return date_format(day, "M Y" if by == "month" else "j M")


def period_words(first: date, last: date) -> str:
    return f"{date_format(first, 'j M Y')} – {date_format(last, 'j M Y')}"


def grain_of(first: date, last: date) -> str:
    """Days up to a month and a half, weeks up to a year, then months: bars stay readable."""
    length = (last - first) / timedelta(days=1)
    return "day" if length <= 45 else "week" if length <= 200 else "month"
