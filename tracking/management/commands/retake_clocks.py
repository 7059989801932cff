from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand

from tracking.enums import RunKind
from tracking.management.commands._arguments import Progress
from tracking.models import Tracking
from tracking.services import runs
from tracking.services.lives import retake_all

SUBJECT = "clocks"


class Command(BaseCommand):
    help = "Take the clocks of all trackings anew from their stored scans. Goes on where it was interrupted."

    def handle(self, *args: Any, **options: Any) -> None:
        run = runs.open_run(RunKind.LEARN, SUBJECT) or runs.begin(RunKind.LEARN, SUBJECT, {})
        progress, total = Progress(self.stderr), Tracking.objects.count()
        runs.go(
            run,
            retake_all,
            lambda run: progress.show(f"{run.counts['trackings']:,} of {total:,} trackings", time.monotonic()),
        )
        progress.end()
        self.stdout.write(f"{run.counts.get('trackings', 0):,} trackings have their clocks.")
