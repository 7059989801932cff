"""What a figure is asked of: a period, a cohort, and any of store, channel, courier, destination; as an address, too.

    ?from=2026-10-01&to=2026-10-31&cohort=scan&store=3&store=4&courier=dhl-germany&country=DE&compare=year

Whoever asks is limited to ``seen``, the stores they may see; what the address says never widens that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from django.db.models import Case, Q, QuerySet, When
from django.utils.translation import gettext_lazy as _

from analytics.models import ParcelFact, Slice
from analytics.names import Cohort

LONGEST = 3 * 366  # days
DEFAULT_DAYS = 28
FEW = 4  # slices
COHORTS = {"handover": Cohort.HANDOVER, "scan": Cohort.FIRST_SCAN}
COMPARISONS = ("previous", "year")
SLICED = {
    "store": "store_id",
    "channel": "channel",
    "courier": "courier",
    "country": "country",
    "account": "account_id",
}


class FilterError(ValueError):
    """A filter that cannot be: ``name`` is the parameter, ``words`` what is wrong with it."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(f"{name}: {words}")
        self.name, self.words = name, words


@dataclass(frozen=True)
class Filters:
    """The days from ``first`` to ``last``, both included. Empty choices mean all. ``as_of`` is the day for which open
    parcels are judged: how long they have been under way, whether they are overdue.
    """

    first: date
    last: date
    as_of: date
    cohort: Cohort = Cohort.HANDOVER
    chosen: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    compare: str = ""
    is_return: bool = False
    seen: frozenset[int] | None = None

    @classmethod
    def parse(cls, query: Mapping[str, Sequence[str]], *, today: date, seen: frozenset[int] | None) -> Filters:
        """From the lists of an address (``dict(request.GET.lists())``). Raises FilterError, naming the parameter."""
        last = day_in(query, "to") or today
        first = day_in(query, "from") or last - timedelta(days=DEFAULT_DAYS - 1)
        if first > last:
            raise FilterError("from", str(_("The period ends before it begins.")))
        if (last - first).days >= LONGEST:
            raise FilterError("from", str(_("The longest period is three years.")))
        cohort, compare = one_of(query, "cohort", tuple(COHORTS)), one_of(query, "compare", COMPARISONS)
        chosen = {name: values for name in SLICED if (values := choices(query, name))}
        is_return = one_of(query, "lane", ("outbound", "returns")) == "returns"
        return cls(first, last, today, COHORTS[cohort or "handover"], chosen, compare, is_return, seen)

    def query(self) -> dict[str, list[str]]:
        """The parameters of an address that parses to these filters; the defaults are left out, dates never are."""
        cohort = next(name for name, one in COHORTS.items() if one == self.cohort)
        words = {
            "from": [self.first.isoformat()],
            "to": [self.last.isoformat()],
            "cohort": [cohort] if self.cohort else [],
            "compare": [self.compare] if self.compare else [],
            "lane": ["returns"] if self.is_return else [],
        } | {name: [str(value) for value in values] for name, values in self.chosen.items()}
        return {name: values for name, values in words.items() if values}

    def compared(self) -> Filters | None:
        """The period to compare with: as long and right before, or the same days a year earlier; None if not asked."""
        if self.compare == "previous":
            length = (self.last - self.first).days + 1
            return replace(self, first=self.first - timedelta(days=length), last=self.first - timedelta(days=1))
        if self.compare == "year":
            return replace(self, first=a_year_before(self.first), last=a_year_before(self.last))
        return None

    def slices(self) -> QuerySet[Slice]:
        """The combinations that the choices leave, of what may be seen."""
        chosen = {f"{SLICED[name]}__in": values for name, values in self.chosen.items()}
        rows = Slice.objects.filter(is_return=self.is_return, **chosen)
        return rows if self.seen is None else rows.filter(store_id__in=self.seen)

    def of_stores(self) -> Q:
        """For rows of stores alone, with a ``store_id``: those that are chosen and may be seen."""
        chosen = Q(store_id__in=self.chosen["store"]) if self.chosen.get("store") else Q()
        return chosen if self.seen is None else chosen & Q(store_id__in=self.seen)

    def of_slices(self) -> Q:
        """For rows of sums: those of the slices, by keys that are asked for here; a join costs more than reading them.

        A few are named, which the database looks up in its index. It goes through the period anew for each,
        so of many the others are named: a condition that no index answers, and the period is read once. A slice that is
        made meanwhile is in neither list, and left out.
        """
        is_wanted = Case(When(pk__in=self.slices(), then=True), default=False)
        keys: dict[bool, list[int]] = {True: [], False: []}
        for key, mark in Slice.objects.order_by("pk").values_list("pk", is_wanted):
            keys[mark].append(key)
        if len(keys[True]) <= FEW:
            return Q(slice__in=keys[True])
        known = Q(slice__lte=max(map(max, filter(None, keys.values()))))
        return known & ~Q(slice__in=keys[False]) if keys[False] else known

    def facts(self) -> QuerySet[ParcelFact]:
        """The parcels that the figures are of."""
        day = "scan_day" if self.cohort == Cohort.FIRST_SCAN else "ready_day"
        period = {f"{day}__gte": self.first, f"{day}__lte": self.last}
        return ParcelFact.objects.filter(**period, slice__in=self.slices(), is_counted=True)


def day_in(query: Mapping[str, Sequence[str]], name: str) -> date | None:
    text = last_of(query, name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise FilterError(name, str(_("A day such as 2026-10-31."))) from error


def one_of(query: Mapping[str, Sequence[str]], name: str, known: Sequence[str]) -> str:
    text = last_of(query, name)
    if text and text not in known:
        raise FilterError(name, str(_("One of %(known)s.") % {"known": ", ".join(known)}))
    return text


def choices(query: Mapping[str, Sequence[str]], name: str) -> tuple[str | int, ...]:
    """The values of one dimension; ids are numbers."""
    texts = [text for text in query.get(name, []) if text]
    if not SLICED[name].endswith("_id"):
        return tuple(texts)
    if not all(text.isascii() and text.isdecimal() and len(text) < 19 for text in texts):
        raise FilterError(name, str(_("Its number is expected.")))
    return tuple(int(text) for text in texts)


def last_of(query: Mapping[str, Sequence[str]], name: str) -> str:
    return next(reversed(query.get(name, [])), "").strip()


def a_year_before(day: date) -> date:
    """The same day of the year before; 28 February for the 29th."""
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)
