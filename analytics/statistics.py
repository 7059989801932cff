"""Intervals, percentiles and scores: what lets a figure say how sure it is.

**Rates** carry Wilson's interval (95 %): it stays within 0 and 1, and is wide where few parcels are. Percentiles carry
Greenwood's.
**Percentiles of durations** count the parcels that are still open (Kaplan and Meier): one that has been under way for
five days says that its duration is longer than that, and no more. So percentiles are not those of the lucky ones that
have arrived. What will never arrive (lost, returned) stays for ever: a percentile may be "not reached".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from analytics.buckets import HOURS, NEVER, open_days
from analytics.names import Spread

Z = 1.959964  # 95 %


def wilson(successes: float, trials: int) -> tuple[float, float] | None:
    """The interval of a rate; None without trials."""
    if trials <= 0:
        return None
    share, z2 = successes / trials, Z * Z
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Survival:
    """How long parcels of one spread take: ``steps`` are (end of the bucket in hours, share that takes longer).

    ``risks``: for each step the parcels that were still at risk before it, and Greenwood's sum up to then.
    """

    steps: tuple[tuple[float, float], ...]
    risks: tuple[tuple[float, float], ...]
    width: float
    ended: int
    still_open: int
    never: int

    @property
    def sample(self) -> int:
        return self.ended + self.still_open + self.never

    def percentile(self, share: float) -> float | None:
        """The hours within which this share of all parcels has ended, interpolated; None where that is not reached."""
        target, before = 1 - share, 1.0
        for end, left in self.steps:
            if left <= target + 1e-12:
                return end - self.width * (target - left) / (before - left) if before > left else end
            before = left
        return None

    def interval(self, share: float) -> tuple[float | None, float | None]:
        """The 95 % interval of that percentile: the hours at which the curve may as well cross, by Greenwood's error.

        (None, None) where the percentile is not reached; the end is None where it may as well not be reached.
        """
        error = self.error_at(1 - share)
        if error is None:
            return None, None
        return self.percentile(max(share - Z * error, 0)), self.percentile(min(share + Z * error, 1))

    def error_at(self, target: float) -> float | None:
        """The standard error of the share that takes longer, where that is ``target``; None where it stays above."""
        before = 1.0
        for (_end, left), (at_risk, variance) in zip(self.steps, self.risks, strict=True):
            if left <= target + 1e-12:
                ended = at_risk * (1 - target / before)
                return target * math.sqrt(variance + ended / (at_risk * (at_risk - ended)))
            before = left
        return None


def survival(spread: Spread, buckets: Mapping[int, int], as_of: date) -> Survival:
    """Kaplan and Meier's estimate from a spread of hours; open parcels are censored at ``as_of``.

    Within one bucket, ends come before censoring. An open parcel whose clock starts after ``as_of`` counts as begun.
    """
    width = HOURS[spread][0]
    ends: dict[int, int] = {}
    censored: dict[int, int] = {}
    never = 0
    for bucket, number in buckets.items():
        if bucket == NEVER:
            never += number
        elif bucket >= 0:
            ends[bucket] = ends.get(bucket, 0) + number
        else:
            age = max(open_days(bucket, as_of), 0) * 24 // width
            censored[age] = censored.get(age, 0) + number
    total_open = sum(censored.values())
    at_risk, left, variance = sum(ends.values()) + total_open + never, 1.0, 0.0
    steps, risks = [], []
    for bucket in sorted(ends.keys() | censored.keys()):
        if ended := ends.get(bucket, 0):
            left *= 1 - ended / at_risk
            risks.append((float(at_risk), variance))
            variance += ended / (at_risk * (at_risk - ended)) if at_risk > ended else 0
            steps.append(((bucket + 1) * float(width), left))
        at_risk -= ended + censored.get(bucket, 0)
    return Survival(tuple(steps), tuple(risks), width, sum(ends.values()), total_open, never)


def time_within(
    share: float, bounds: Sequence[float], ended: Mapping[int, int], waiting: Mapping[int, int]
) -> float | None:
    """The same for buckets of any width: the time within which this share has ended, interpolated.

    ``bounds``: where each bucket ends; numbers by bucket, the last one beyond all bounds. None where it is not reached.
    """
    at_risk, left, target, start = sum(ended.values()) + sum(waiting.values()), 1.0, 1 - share, 0.0
    for bucket, end in enumerate(bounds):
        if number := ended.get(bucket, 0):
            after = left * (1 - number / at_risk)
            if after <= target + 1e-12:
                return start + (end - start) * (left - target) / (left - after)
            left = after
        at_risk -= number + waiting.get(bucket, 0)
        start = end
    return None


def mean(values: Mapping[float, int]) -> float | None:
    total = sum(values.values())
    return sum(value * number for value, number in values.items()) / total if total else None


def quantile(values: Mapping[float, int], share: float) -> float | None:
    """The smallest value that at least this share does not exceed."""
    total, seen = sum(values.values()), 0
    for value in sorted(values):
        seen += values[value]
        if seen >= share * total - 1e-9:
            return value
    return None


def z_score(lanes: Iterable[tuple[float, int, float]]) -> float | None:
    """How far a courier's rate is from what its mix of lanes would let one expect, in standard deviations.

    ``lanes``: (its successes, its parcels, rate of all couriers on that lane). None where nothing can differ.
    """
    observed = expected = variance = 0.0
    for successes, parcels, rate in lanes:
        observed += successes
        expected += parcels * rate
        variance += parcels * rate * (1 - rate)
    return (observed - expected) / math.sqrt(variance) if variance > 0 else None
