"""docs/analytics.md says of every figure what the code says: key, version, title, definition, both numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics.exports import ALL_KPIS
from analytics.kpi import KPI

PAGE = (Path(__file__).parents[2] / "docs" / "analytics.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("kpi", ALL_KPIS.values(), ids=lambda kpi: kpi.key)
def test_figure_is_described_as_it_is(kpi: KPI) -> None:
    (row,) = [line for line in ROWS if line.startswith(f"| `{kpi.key}` ")]
    left_out = f"; left out: {kpi.left_out}" if kpi.left_out else ""
    left_out += f"; may still count: {kpi.undecided.words}" if kpi.undecided else ""
    assert row == (
        f"| `{kpi.key}` v{kpi.version} | {kpi.title} | {kpi.definition} | "
        f"{kpi.numerator} / {kpi.denominator}{left_out} |"
    )


def test_nothing_else_is_described() -> None:
    assert len(ROWS) == len(ALL_KPIS)
