"""Couriers side by side, each judged by its own mix of lanes: who delivers at home only is not better for that.

    figures of each courier · on each lane · of all couriers on that destination
        └─> expected: what its parcels would have got at the rate of all couriers there
        └─> score: observed against expected, in standard deviations; above 0 is better than expected

A score needs LEAST_SAMPLE parcels, and another courier on some of its lanes: alone on a lane, nobody is better than
oneself. Scores of -2 to 2 are within what chance does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analytics.filters import Filters
from analytics.kpi import LEAST_SAMPLE, Figure
from analytics.kpis import KPIS, measure
from analytics.statistics import z_score

WEIGHTS = {"on_time_promise": 3, "on_time_estimate": 2, "first_attempt": 2, "exception_rate": 2, "returned_rate": 1}
BESIDE = ("created", "transit_p50", "transit_p90", "estimate_coverage", "scan_gap_p95", "lost_rate")
ASKED = {"courier": (*WEIGHTS, *BESIDE), "lane": tuple(WEIGHTS)}
Grouped = Mapping[str, Mapping[str, Figure]]


@dataclass(frozen=True)
class Score:
    """One courier. ``scores`` by KPI, None where it cannot be told; ``overall`` is their mean by WEIGHTS, None where
    fewer than half of the weights are there.
    """

    courier: str
    figures: Mapping[str, Figure]
    scores: Mapping[str, float | None] = field(default_factory=dict)
    overall: float | None = None

    @property
    def sample(self) -> int:
        return self.figures["created"].denominator


def scorecard(filters: Filters) -> list[Score]:
    """Couriers, the best first, then those that cannot be ranked by their number of parcels. Four queries."""
    couriers, lanes = (measure(filters, keys, by=by) for by, keys in ASKED.items())
    return scores_of(couriers, lanes)


def scores_of(couriers: Grouped, lanes: Grouped) -> list[Score]:
    """The same from figures by courier and by lane, of those in ASKED, that are measured already."""
    found = []
    for courier, mine in couriers.items():
        scores = {key: score(key, courier, lanes, mine[key]) for key in WEIGHTS}
        found.append(Score(courier, mine, scores, overall_of(scores)))
    return sorted(found, key=lambda one: (one.overall is None, -(one.overall or 0), -one.sample, one.courier))


def score(key: str, courier: str, lanes: Grouped, figure: Figure) -> float | None:
    """How much better than expected; None for few parcels, or without anybody to compare with."""
    if figure.denominator < LEAST_SAMPLE:
        return None
    everyone: dict[str, list[float]] = {}
    for lane, figures in lanes.items():
        _, _, country = lane.rpartition(" ")
        whole = everyone.setdefault(country, [0.0, 0.0, 0.0])
        whole[0] += figures[key].numerator
        whole[1] += figures[key].denominator
        whole[2] += figures[key].denominator if not lane.startswith(f"{courier} ") else 0
    mine = []
    for lane, figures in lanes.items():
        name, _, country = lane.rpartition(" ")
        successes, parcels, of_others = everyone[country]
        if name == courier and of_others:
            mine.append((figures[key].numerator, figures[key].denominator, successes / parcels))
    found = z_score(mine)
    return found if found is None or KPIS[key].better == "more" else -found


def overall_of(scores: Mapping[str, float | None]) -> float | None:
    known = {key: value for key, value in scores.items() if value is not None}
    weight = sum(WEIGHTS[key] for key in known)
    if 2 * weight < sum(WEIGHTS.values()):
        return None
    return sum(WEIGHTS[key] * value for key, value in known.items()) / weight
