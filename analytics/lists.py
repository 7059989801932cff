"""Where the console lists the parcels behind a number: of a whole figure, of one kind, of a day, of a courier …

    Lists(filters, may_list)  ─ narrowed(by, group) ─> Lists of that group alone  ─ of(kpi, part, kind) ─> address

Who may not list parcels gets "" for every address, and sees numbers without links.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from analytics.filters import SLICED, Filters
from analytics.kpi import KPI
from analytics.periods import next_month

NAMELESS = ("", "0")


@dataclass(frozen=True)
class Lists:
    """Lists of what these filters leave; ``filters`` is None where no filter can say it."""

    filters: Filters | None
    may_list: bool

    @classmethod
    def of_person(cls, filters: Filters, user: Any) -> Lists:
        return cls(filters, user.has_perm("tracking.view_parcel"))

    def of(self, kpi: KPI, part: str = "numerator", kind: str = "") -> str:
        """The address of one part of a figure, or of one kind that it splits into; "" where there is no list."""
        is_listed = kpi.kinds is not None if kind else part in kpi.parts
        if self.filters is None or not self.may_list or not is_listed:
            return ""
        only = f"&{urlencode({'kind': kind})}" if kind else ""
        return f"{reverse('figure-parcels', args=[kpi.key, part])}?{self.query}{only}"

    @cached_property
    def query(self) -> str:
        return urlencode(self.filters.query(), doseq=True) if self.filters else ""

    def narrowed(self, by: str, group: str) -> Lists:
        """The same for one group of a grouping."""
        return replace(self, filters=self.filters and narrowed(self.filters, by, group))


def narrowed(filters: Filters, by: str, group: str) -> Filters | None:
    """The filters that leave this group alone; None where there is none for it: a project, what has no name."""
    if by in ("day", "week", "month"):
        first = date.fromisoformat(group)
        end = {"day": first, "week": first + timedelta(days=6), "month": next_month(first) - timedelta(days=1)}[by]
        return replace(filters, first=max(first, filters.first), last=min(end, filters.last))
    courier, _, country = group.rpartition(" ")
    wanted = {"courier": courier, "country": country} if by == "lane" else {by: group}
    if not wanted.keys() <= SLICED.keys() or any(value in NAMELESS for value in wanted.values()):
        return None
    chosen = {name: (int(value) if SLICED[name].endswith("_id") else value,) for name, value in wanted.items()}
    return replace(filters, chosen=dict(filters.chosen) | chosen)
