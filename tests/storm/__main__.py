"""``make storm``: the long form. Each part prints its report; the exit status is 1 if anything was wrong."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.storm.storm import Plan, run

STARTED_AT = time.monotonic()


def note(words: str) -> None:
    print(f"{time.monotonic() - STARTED_AT:7.1f} s  {words}", flush=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--webhooks", type=int, default=25_000)
    parser.add_argument("--rate", type=float, default=80, help="webhooks a second")
    parser.add_argument("--web", type=int, default=20, help="kills of web processes")
    parser.add_argument("--worker", type=int, default=25, help="kills among the worker clusters")
    parser.add_argument("--database", type=int, default=10, help="crashes of PostgreSQL")
    parser.add_argument("--outage", type=float, default=60, help="seconds that each upstream is down")
    parser.add_argument("--clusters", type=int, default=2)
    parser.add_argument("--sqlite", action="store_true", help="on SQLite, with one cluster")
    parser.add_argument("--quick", action="store_true", help="short leases, for short storms")
    parser.add_argument("--not-durable", action="store_true", help="control: acknowledged commits may be lost")
    options = parser.parse_args(arguments)
    plan = Plan(
        seed=options.seed,
        webhooks=options.webhooks,
        rate=options.rate,
        kills={
            "web": options.web,
            "worker": options.worker,
            **({} if options.sqlite else {"database": options.database}),
        },
        clusters=1 if options.sqlite else options.clusters,
        sqlite=options.sqlite,
        quick=options.quick,
        outage_seconds=options.outage,
        database=("synchronous_commit=off", "wal_writer_delay=10s") if options.not_durable else (),
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    logs = Path(tempfile.mkdtemp(prefix="storm"))
    note(f"logs: {logs}")
    report = run(plan, logs, note)
    print("\n".join(["", *report.lines()]))
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
