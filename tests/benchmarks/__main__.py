"""``make bench``: how fast, and with how many calls, measured against a baseline of the same run.

    python -m tests.benchmarks [--quick] [ingest] [drain] [write_back] [dry_run] [page] [console] [figures] [rebuild]
                                   [--rebuilt 5000000]     of `rebuild`, the larger heap: about 20 minutes per million

Runs on a PostgreSQL of its own that keeps every commit on disk. Prints what it does, then one summary; what the figures
mean stands in docs/benchmarks.md. About four minutes; with ``--quick`` under one, for a look rather than for a record.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from tests.benchmarks.progress import heading, note, quiet
from tests.postgres import Postgres

ENVIRONMENT = {
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "only-for-benchmarks-0123456789-abcdefghijklmnopqrstuvwxyz",
    "FIELD_ENCRYPTION_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "LOG_FORMAT": "json",
    "JOB_THREADS": "8",
}
PARTS = ("ingest", "drain", "write_back", "dry_run", "page", "console", "figures", "rebuild")


def main(arguments: list[str]) -> int:
    """Measure the parts that are asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--quick", action="store_true", help="smaller and fewer rounds, under a minute")
    parser.add_argument(
        "--rebuilt", type=int, default=None, help="parcels of the larger heap whose figures are rebuilt"
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    with Postgres(tcp=True, durable=True) as postgres:
        os.environ.update(ENVIRONMENT | {"DATABASE_URL": postgres.url})
        lines = measure(options.parts or PARTS, quick=options.quick, rebuilt=options.rebuilt)
    heading("Summary: median of the rounds; per second where nothing else is said")
    print("\n".join([machine(), *lines]))
    return 0


def measure(parts: list[str] | tuple[str, ...], *, quick: bool, rebuilt: int | None) -> list[str]:
    """Make the tables, run the parts; the lines of the summary."""
    import django

    django.setup()
    quiet()
    from django.core.management import call_command

    from tests.benchmarks import console, delivery_figures, drain, dry_run, ingest, page, rebuild, write_back

    call_command("migrate", verbosity=0)
    note("the database is ready")
    rounds = 2 if quick else 5
    runs: dict[str, Callable[[], list[str]]] = {
        "ingest": lambda: ingest.run(rounds=rounds, count=1_000 if quick else 3_000),
        "drain": lambda: drain.run(rounds=2 if quick else 3, count=1_500 if quick else 5_000),
        "write_back": lambda: write_back.run(rounds=1 if quick else 2, orders=10 if quick else 25),
        "dry_run": lambda: dry_run.run(rounds=2 if quick else 3, parcels=10_000 if quick else 100_000),
        "page": lambda: page.run(rounds=3 if quick else 9),
        "console": lambda: console.run(parcels=10_000 if quick else 1_000_000, rounds=5 if quick else 15),
        "figures": lambda: delivery_figures.run(parcels=5_000 if quick else 100_000),
        "rebuild": lambda: rebuild.run(sizes=(1_000, rebuilt or 5_000) if quick else (10_000, rebuilt or 100_000)),
    }
    return [line for part in PARTS if part in parts for line in runs[part]()]


def machine() -> str:
    load, _, _ = os.getloadavg()
    return f"{os.cpu_count()} cores, shared by load, web and database; load average {load:.1f} at the end"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
