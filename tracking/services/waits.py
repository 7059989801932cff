"""How long parcels wait, as histograms that add up, and what is usual according to them. Pure but for ``Usuals.load``.

waits of one day ─> WaitDay rows ─ added up over WINDOW ─> Usual rows: 95 % waited no longer than …
one parcel's lane ─> its own row │ the courier's │ all couriers' │ a documented default ─> Limit, in words
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from tracking.enums import Measure
from tracking.models import Usual

# Hours of working days up to which a bucket counts; longer ones are in the last. Steps of about a fifth.
BOUNDS = (
    1, 2, 3, 4, 6, 8, 10, 12, 15, 18, 21, 24, 28, 32, 36, 42, 48, 56, 64, 72, 84, 96, 108, 120, 144, 168, 192, 240,
    288, 336, 408, 480, 600, 720,
)  # fmt: skip
LEAST_SAMPLE = 50  # parcels: fewer teach nothing about a lane
FLOOR_HOURS = 24.0  # nobody is bothered about less, however fast a lane is
DEFAULT_HOURS = {Measure.FIRST_SCAN: 96.0, Measure.LONGEST_GAP: 96.0}  # four working days, while nothing is learned
Lane = tuple[str, str, str]  # measure, courier, country


def empty() -> list[int]:
    return [0] * (len(BOUNDS) + 1)


def count(counts: list[int], hours: float) -> None:
    """One more parcel that waited so long."""
    counts[bisect_left(BOUNDS, hours)] += 1


def added(first: Sequence[int], second: Sequence[int]) -> list[int]:
    return [one + other for one, other in zip(first, second, strict=True)]


def within(counts: Sequence[int], share: float) -> float:
    """The shortest bound within which that share of the parcels waited; the longest bound where none does."""
    wanted, seen = ceil(sum(counts) * share), 0
    for bound, number in zip(BOUNDS, counts, strict=False):
        seen += number
        if seen >= wanted:
            return float(bound)
    return float(BOUNDS[-1])


@dataclass(frozen=True)
class Limit:
    """How long a parcel of a lane may wait before it counts as stuck, and what that rests on."""

    hours: float
    usual: Usual | None
    courier: str = ""
    country: str = ""

    def words(self) -> str:
        """``95 % of dhl-germany to AT have news within 1.5 working days (812 parcels).``"""
        if self.usual is None:
            return f"Nothing is learned yet about its courier, so {in_days(self.hours)} count as usual."
        whose = self.usual.courier or "all parcels"
        to = f" to {self.usual.country}" if self.usual.country else ""
        what = "are first scanned" if self.usual.measure == Measure.FIRST_SCAN else "have news"
        return f"95 % of {whose}{to} {what} within {in_days(self.usual.p95_hours)} ({self.usual.sample:,} parcels)."


class Usuals:
    """All that is learned, in memory: a few rows per courier and destination."""

    def __init__(self, rows: Iterable[Usual]) -> None:
        self.rows: Mapping[Lane, Usual] = {(row.measure, row.courier, row.country): row for row in rows}

    @classmethod
    def load(cls) -> Usuals:
        return cls(Usual.objects.all())

    def limit(self, measure: Measure, courier: str, country: str) -> Limit:
        """The lane's own, else the courier's, else that of all; never below FLOOR_HOURS."""
        for lane in ((measure, courier, country), (measure, courier, ""), (measure, "", "")):
            if usual := self.rows.get(lane):
                return Limit(max(usual.p95_hours, FLOOR_HOURS), usual, courier, country)
        return Limit(DEFAULT_HOURS[measure], None, courier, country)

    def shortest(self, measure: Measure) -> float:
        """No lane has a shorter limit: what waits less than this needs no look."""
        hours = [max(row.p95_hours, FLOOR_HOURS) for row in self.rows.values() if row.measure == measure]
        return min([DEFAULT_HOURS[measure], *hours])


def in_days(hours: float) -> str:
    """``1.5 working days``, ``20 working hours``."""
    if hours < FLOOR_HOURS:
        return f"{hours:g} working hour{'' if hours == 1 else 's'}"
    days = f"{hours / 24:.1f}".removesuffix(".0")
    return f"{days} working day{'' if days == '1' else 's'}"
