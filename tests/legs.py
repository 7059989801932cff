"""`make test`: the whole suite on PostgreSQL, and what is marked `sqlite` on SQLite too; the last lines count all.

The counts are pytest's own, from its JUnit report. The status is that of the first leg that failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.chromium import find_chromium

# Tests that start servers and workers, or a browser, and wait for them.
PROGRAMS = ("tests/end_to_end", "tests/storm/test_storm.py")
BROWSER = ("tests/browser",)
SLOWEST = "--durations=12"
REPORTS = Path(__file__).resolve().parent.parent / "var" / "tests"


@dataclass
class Leg:
    """What one run of pytest said of itself; ``browser`` counts the tests that drove a browser."""

    name: str
    status: int
    seconds: float = 0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    browser: int = 0

    def __str__(self) -> str:
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
        return f"{self.name}: {counts}, {self.seconds:.0f} s"


def read_report(name: str, status: int, report: Path, seconds: float = 0) -> Leg:
    """The counts of a JUnit report. A run that left none failed before its first test: one failure."""
    if not report.is_file():
        return Leg(name, status or 1, seconds, failed=1)
    leg = Leg(name, status, seconds)
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            leg.failed += 1
        elif case.find("skipped") is not None:
            leg.skipped += 1
        else:
            leg.passed += 1
            leg.browser += case.get("classname", "").startswith("tests.browser.")
    return leg


def run(name: str, arguments: list[str], environment: dict[str, str], *, is_shown: bool = True) -> Leg:
    """Runs pytest once. Its output is passed through, or shown as a whole once it is over."""
    report, log = (REPORTS / f"{name.lower().replace(' ', '-')}.{kind}" for kind in ("xml", "log"))
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", SLOWEST, f"--junitxml={report}", *arguments]
    start = time.monotonic()
    if is_shown:
        print(f"== {name}", flush=True)
        done = subprocess.run(command, env=os.environ | environment, check=False)
    else:
        with log.open("w+", encoding="utf-8") as output:
            done = subprocess.run(command, env=os.environ | environment, check=False, stdout=output, stderr=output)
        print(f"\n== {name}\n{log.read_text(encoding='utf-8', errors='replace')}", flush=True)
    return read_report(name, done.returncode, report, time.monotonic() - start)


def run_all() -> list[Leg]:
    """The suite in three parts side by side, since much of it waits: those that run whole programs; those that drive a
    browser, and SQLite after them; all others. A DATABASE_URL from outside is one database: there, one leg follows the
    other.
    """
    postgres, sqlite = {"TRACKBRIDGE_TEST_DB": ""}, {"TRACKBRIDGE_TEST_DB": "sqlite"}
    if os.environ.get("DATABASE_URL"):
        return [run("PostgreSQL", [], postgres), run("SQLite", ["-m", "sqlite"], sqlite)]
    others = [f"--ignore={folder}" for folder in (*PROGRAMS, *BROWSER)]
    with ThreadPoolExecutor(2) as beside:
        programs = beside.submit(run, "PostgreSQL with programs", [*PROGRAMS], postgres, is_shown=False)
        browser = beside.submit(run, "PostgreSQL with a browser", [*BROWSER], postgres, is_shown=False)
        on_sqlite = beside.submit(run, "SQLite", ["-m", "sqlite"], sqlite, is_shown=False)
        return [run("PostgreSQL", others, postgres), programs.result(), browser.result(), on_sqlite.result()]


def browser_line(legs: list[Leg]) -> str:
    """Whether a browser was driven, and if not, why not."""
    count = sum(leg.browser for leg in legs)
    chromium = find_chromium()
    if chromium is None:
        return "Browser: no tests ran, no Chromium found (install chromium, or set CHROMIUM to its path)"
    return f"Browser: {count} tests ran in {chromium}"


def main(arguments: list[str]) -> int:
    """Runs the whole suite, or what pytest ``arguments`` choose of it, on both databases, and prints the counts.

    0 only where every leg passed.
    """
    REPORTS.mkdir(parents=True, exist_ok=True)
    legs = (
        [
            run("PostgreSQL", arguments, {"TRACKBRIDGE_TEST_DB": ""}),
            run("SQLite", ["-m", "sqlite", *arguments], {"TRACKBRIDGE_TEST_DB": "sqlite"}),
        ]
        if arguments
        else run_all()
    )
    print()
    for leg in legs:
        print(leg)
    print(browser_line(legs))
    print(f"{sum(leg.passed for leg in legs)} passed, {sum(leg.failed for leg in legs)} failed")
    return next((leg.status for leg in legs if leg.status), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
