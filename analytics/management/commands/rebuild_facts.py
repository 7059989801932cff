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
    help = (
        "Make all figures anew from the rows, beside live work: of parcels, of shoppers, of our own service. "
        "Goes on where it was interrupted."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        run, progress = rebuild.begin(is_whole=True), Progress(self.stderr)
        total = Parcel.objects.count()

        def report(run: Run) -> None:
            done, days = run.counts.get("parcels", 0), run.counts.get("days", 0)
            words = f"{bar(done / total if total else 1)} {done:,} of {total:,} parcels, {days:,} days"
            for name in ("shopper", "service"):
                words += f", {number:,} of {name}" if (number := run.counts.get(f"{name}_days")) else ""
            progress.show(words, time.monotonic())

        runs.go(run, rebuild.walk, report)
        refresh.drain(float("inf"))
        progress.end()
        counts = run.counts
        self.stdout.write(
            f"{ParcelFact.objects.count():,} facts, {counts.get('changed', 0):,} of them changed; "
            f"{counts.get('days', 0):,} day sums checked, {counts.get('mended', 0):,} mended; "
            f"{counts.get('shopper_days', 0):,} days of shoppers and {counts.get('service_days', 0):,} of our service."
        )
