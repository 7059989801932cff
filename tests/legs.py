"""`make test`: the whole suite on PostgreSQL, then what is marked `sqlite` on SQLite; the last lines count both.

The counts are pytest's own, from its JUnit report. The status is that of the first leg that failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from tests.chromium import find_chromium

REPORTS = Path(__file__).resolve().parent.parent / "var" / "tests"


@dataclass
class Leg:
    """What one run of pytest said of itself; ``browser`` counts the tests that drove a browser."""

    name: str
    status: int
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    browser: int = 0

    def __str__(self) -> str:
        return f"{self.name}: {self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def read_report(name: str, status: int, report: Path) -> Leg:
    """The counts of a JUnit report. A run that left none failed before its first test: one failure."""
    if not report.is_file():
        return Leg(name, status or 1, failed=1)
    leg = Leg(name, status)
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            leg.failed += 1
        elif case.find("skipped") is not None:
            leg.skipped += 1
        else:
            leg.passed += 1
            leg.browser += case.get("classname", "").startswith("tests.browser.")
    return leg


def run(name: str, arguments: list[str], environment: dict[str, str]) -> Leg:
    """Runs pytest once, its output passed through."""
    report = REPORTS / f"{name.lower()}.xml"
    report.unlink(missing_ok=True)
    print(f"== {name}", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *arguments]
    done = subprocess.run(command, env=os.environ | environment, check=False)
    return read_report(name, done.returncode, report)


def browser_line(legs: list[Leg]) -> str:
    """Whether a browser was driven, and if not, why not."""
    count = sum(leg.browser for leg in legs)
    chromium = find_chromium()
    if chromium is None:
        return "Browser: no tests ran, no Chromium found (install chromium, or set CHROMIUM to its path)"
    return f"Browser: {count} tests ran in {chromium}"


def main(arguments: list[str]) -> int:
    """Runs both legs with further pytest ``arguments`` and prints the counts; 0 only where both passed."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    legs = [
        run("PostgreSQL", arguments, {"TRACKBRIDGE_TEST_DB": ""}),
        run("SQLite", ["-m", "sqlite", *arguments], {"TRACKBRIDGE_TEST_DB": "sqlite"}),
    ]
    print()
    for leg in legs:
        print(leg)
    print(browser_line(legs))
    print(f"{sum(leg.passed for leg in legs)} passed, {sum(leg.failed for leg in legs)} failed")
    return next((leg.status for leg in legs if leg.status), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
