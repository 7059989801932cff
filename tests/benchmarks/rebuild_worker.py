"""One rebuild of all figures in a process of its own: its seconds and the process's peak memory, as JSON.

How far it got is said on standard error, ten times a minute.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import django

NOTE_SECONDS = 6


def main() -> None:
    """Needs DJANGO_SETTINGS_MODULE and DATABASE_URL."""
    django.setup()
    from analytics import rebuild
    from tests.benchmarks.progress import quiet
    from tracking.models import Run
    from tracking.services import runs

    quiet()
    started = noted = time.perf_counter()

    def report(run: Run) -> None:
        nonlocal noted
        if time.perf_counter() - noted > NOTE_SECONDS:
            noted = time.perf_counter()
            print(f"{run.counts.get('parcels', 0):,} parcels after {noted - started:,.0f} s", file=sys.stderr)

    run = rebuild.begin(is_whole=True)
    runs.go(run, rebuild.walk, report)
    seconds, peak_mb = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb, "parcels": run.counts["parcels"]}))


if __name__ == "__main__":
    main()
