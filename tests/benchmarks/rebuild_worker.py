"""One rebuild of all figures in a process of its own: its seconds and the process's peak memory, as JSON."""

from __future__ import annotations

import json
import resource
import time

import django


def main() -> None:
    """Needs DJANGO_SETTINGS_MODULE and DATABASE_URL."""
    django.setup()
    from analytics import rebuild
    from tracking.services import runs

    started = time.perf_counter()
    run = rebuild.begin(is_whole=True)
    runs.go(run, rebuild.walk)
    seconds, peak_mb = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb, "parcels": run.counts["parcels"]}))


if __name__ == "__main__":
    main()
