from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tracking.clients.errors import AccountStopped, UpstreamError
from tracking.management.commands._arguments import Progress, bar, moment, project_of
from tracking.models import Run
from tracking.services import backfill, connections, runs
from tracking.services.backfill import OtherBackfill
from tracking.services.ledger import recorded

A_WEEK = 7 * 86_400


class Command(BaseCommand):
    help = (
        "Load the orders of a project that were changed since a day, and open trackings for their parcels, behind live "
        "work. May be interrupted: the same command goes on where it stood."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="Key of the project.")
        parser.add_argument("--since", type=moment, required=True, help="First day, by the order's last change.")
        parser.add_argument("--until", type=moment, help="Last moment; now by default.")
        parser.add_argument("--dry-run", action="store_true", help="Count only; change nothing.")
        parser.add_argument("--restart", action="store_true", help="Forget an unfinished run, and begin anew.")

    def handle(self, *args: Any, **options: Any) -> None:
        project, since, until = project_of(options["project"]), options["since"], options["until"]
        now, progress = timezone.now(), Progress(self.stderr)
        if since >= (until or now):
            raise CommandError("--since has to be before --until, and in the past.")
        try:
            if options["dry_run"]:
                run = backfill.begin_dry(project, since, until, now)
            else:
                run = backfill.begin(project, since, until, now, restart=options["restart"])
        except OtherBackfill as error:
            raise CommandError(
                f"A backfill {error} is unfinished: finish it first, or begin anew with --restart."
            ) from (error)
        if run.cursor:
            self.stderr.write(f"Going on at {run.cursor['at']}, after {run.counts['orders']} orders.")
        upstream = connections.upstream_key(project)
        try:
            with recorded(upstream, run.correlation_id, A_WEEK):
                runs.go(run, backfill.walk, lambda run: progress.show(words_of(run), time.monotonic()))
        except KeyboardInterrupt:
            progress.end()
            self.stderr.write("Interrupted. The same command goes on where it stood.")
            raise SystemExit(130) from None
        except UpstreamError as error:
            progress.end()
            if isinstance(error, AccountStopped):
                connections.pause(upstream, error, connections.REFUSES_US, correlation_id=run.correlation_id)
            raise CommandError(f"{error} The same command goes on where it stood.") from error
        progress.end()
        would = "would be " if options["dry_run"] else ""
        self.stdout.write(f"{counted(run)}. New orders {would}stored: {run.counts.get('new', 0)}. {run.correlation_id}")


def words_of(run: Run) -> str:
    """``[###---] 41%  1,200 orders, 1,380 parcels, at 2026-11-03T10:00:00.000Z``"""
    since, until, at = (
        datetime.fromisoformat(text) for text in (run.parameters["since"], run.parameters["until"], run.cursor["at"])
    )
    return f"{bar((at - since) / (until - since))}  {counted(run)}, at {run.cursor['at']}"


def counted(run: Run) -> str:
    counts = run.counts
    unreadable = f", {counts['unreadable']:,} unreadable" if counts.get("unreadable") else ""
    return f"{counts.get('orders', 0):,} orders, {counts.get('parcels', 0):,} parcels{unreadable}"
