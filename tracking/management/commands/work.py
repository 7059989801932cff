from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tracking.services.pull import pull_what_is_there
from tracking.services.pump import Pumped, drain_everything


class Command(BaseCommand):
    help = "Do everything that is due, in this process, and end. For scripts and tests; live systems run 'worker'."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--once",
            action="store_true",
            required=True,
            help="Drain all that is due, following jobs included. The debounce counts as over, a back-off does not.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        pull_what_is_there()
        total = drain_everything(self.report if sys.stderr.isatty() else None)
        self.stdout.write(f"{total.receipts} receipts taken in, {total.jobs} jobs run.")

    def report(self, so_far: Pumped) -> None:
        self.stderr.write(f"\r{so_far.receipts} receipts, {so_far.jobs} jobs", ending="")
