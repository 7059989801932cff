"""One dry run in a process of its own: its seconds (also of processor time) and the process's peak memory, as JSON.

python -m tests.benchmarks.dry_run_worker LIMIT
"""

from __future__ import annotations

import json
import resource
import sys
import time

import django


def main(limit: int) -> None:
    """Needs DJANGO_SETTINGS_MODULE and DATABASE_URL. Raises RuntimeError where there were fewer parcels."""
    django.setup()
    from tests.benchmarks.dry_run import drafted
    from tracking.services.dry_run import dry_run

    now, then = drafted()
    started, worked = time.perf_counter(), time.process_time()
    found = dry_run(now, then, limit=limit)
    seconds, processor = time.perf_counter() - started, time.process_time() - worked
    if found.looked_at != limit:
        raise RuntimeError(f"looked at {found.looked_at} of {limit}")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "processor": processor, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
