from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand

from analytics import rebuild, refresh
from analytics.models import ParcelFact
from tracking.management.commands._arguments import Progress, bar
from tracking.models import Parcel, Run
from tracking.services import runs


class Command(BaseCommand):
    help = "Make all delivery figures anew from the rows, beside live work. Goes on where it was interrupted."

    def handle(self, *args: Any, **options: Any) -> None:
        run, progress = rebuild.begin(), Progress(self.stderr)
        total = Parcel.objects.count()

        def report(run: Run) -> None:
            done = run.counts.get("parcels", 0)
            words = f"{bar(done / total if total else 1)} {done:,} of {total:,} parcels"
            progress.show(f"{words}, {run.counts.get('days', 0):,} days", time.monotonic())

        runs.go(run, rebuild.walk, report)
        refresh.drain(float("inf"))
        progress.end()
        counts = run.counts
        self.stdout.write(
            f"{ParcelFact.objects.count():,} facts, {counts.get('changed', 0):,} of them changed; "
            f"{counts.get('days', 0):,} day sums checked, {counts.get('mended', 0):,} mended."
        )
