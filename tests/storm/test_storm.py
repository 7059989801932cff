"""The short forms, with the real programs; the long one is ``make storm``. See docs/storm.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storm.storm import PATIENCE_SECONDS, Plan, run

BUSY = {"quick": True, "drain_seconds": PATIENCE_SECONDS}  # other tests run beside it: how soon is the long form's

POSTGRES = Plan(
    seed=7,
    webhooks=1500,
    rate=60,
    kills={"web": 3, "worker": 4, "database": 1},
    **BUSY,
    outage_seconds=3,
    repeats=1,
)
SQLITE = Plan(
    seed=8,
    webhooks=400,
    rate=40,
    kills={"web": 1, "worker": 1},
    clusters=1,
    sqlite=True,
    **BUSY,
    outage_seconds=2,
    repeats=1,
)


@pytest.mark.parametrize("plan", [POSTGRES, SQLITE], ids=["PostgreSQL", "SQLite"])
def test_nothing_is_lost_nothing_is_twice_and_all_ends_are_right(plan: Plan, tmp_path: Path) -> None:
    report = run(plan, tmp_path, note=print)
    print("\n".join(report.lines()))
    assert report.wrong == []
    assert report.kills == plan.kills
    assert report.counts["distinct events acknowledged"] > plan.webhooks * 0.7
