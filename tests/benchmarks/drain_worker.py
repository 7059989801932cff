"""One process that drains receipts: says "ready", waits for a line, drains until nothing is pending, says "done".

python -m tests.benchmarks.drain_worker
"""

from __future__ import annotations

import sys
import time

import django

from tests.benchmarks.progress import quiet


def main() -> None:
    """Needs DJANGO_SETTINGS_MODULE and DATABASE_URL."""
    django.setup()
    quiet()
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
