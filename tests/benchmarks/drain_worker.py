"""One process that drains receipts: says "ready", waits for a line, drains until nothing is pending, says "done".

python -m tests.benchmarks.drain_worker
"""

from __future__ import annotations

import os
import sys
import time

import django


def main() -> None:
    """Needs DJANGO_SETTINGS_MODULE and DATABASE_URL. Log lines are made and thrown away."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 for as long as the process lives
    django.setup()
    from django.db import connection
    from django.utils import timezone

    from tracking.services.pump import drain_receipts, pending_receipts

    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    while drain_receipts() or pending_receipts(timezone.now()).exists():
        time.sleep(0)
    print("done", flush=True)


if __name__ == "__main__":
    main()
