"""Rounds of the same measurement, side by side, and what is said of them: best and median, as ratios.

Other work on the machine slows every contestant of a round alike, so a ratio holds where a plain figure does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

from tests.benchmarks.progress import note


@dataclass
class Rates:
    """Things per second of one contestant, a value per round."""

    name: str
    values: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        return max(self.values)

    @property
    def median(self) -> float:
        return median(self.values)

    def share_of(self, other: Rates) -> str:
        """``0.31 (best 0.33)``: the median of the rounds' ratios, and best over best."""
        ratios = [mine / theirs for mine, theirs in zip(self.values, other.values, strict=True)]
        return f"{median(ratios):.2f} (best {self.best / other.best:.2f})"

    def times(self, other: Rates) -> str:
        """Like ``share_of`` for large ratios: ``24x (best 26x)``."""
        ratios = [mine / theirs for mine, theirs in zip(self.values, other.values, strict=True)]
        return f"{median(ratios):.3g}x (best {self.best / other.best:.3g}x)"

    def __str__(self) -> str:
        return f"{self.median:,.0f}/s (best {self.best:,.0f}/s)"


def interleave(rounds: int, contestants: Mapping[str, Callable[[], float]], unit: str = "webhooks") -> dict[str, Rates]:
    """Run every contestant once per round, in turn; each returns its rate per second."""
    rates = {name: Rates(name) for name in contestants}
    for number in range(1, rounds + 1):
        for name, run in contestants.items():
            rate = run()
            rates[name].values.append(rate)
            note(f"round {number} of {rounds}: {name} {rate:,.0f} {unit}/s")
    return rates
