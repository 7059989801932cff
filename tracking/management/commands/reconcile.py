from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from stores.models import AfterShipAccount, Project
from tracking.clients.errors import AccountStopped, UpstreamError
from tracking.management.commands._arguments import Progress, account_of, moment, project_of
from tracking.models import Run
from tracking.services import connections, reconcile, runs
from tracking.services.ledger import recorded
from tracking.services.reconcile import CHECKED, FORGOTTEN, STRANGERS, Drift

A_DAY = 86_400


class Command(BaseCommand):
    help = "Compare commercetools, our rows and AfterShip; repair what is safe, list the rest as problems."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", action="append", metavar="KEY", help="Only this project's orders.")
        parser.add_argument("--account", action="append", metavar="KEY", help="Only this account's trackings.")
        parser.add_argument("--since", type=moment, help="Start of the window; three days ago by default.")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--repair", action="store_true", help="Repair what is safe: the default.")
        what.add_argument("--dry-run", action="store_true", help="Compare and count only.")

    def handle(self, *args: Any, **options: Any) -> None:
        failed = []
        for connection in connections_of(options["project"], options["account"]):
            run = reconcile.begin(connection, options["since"], is_dry=options["dry_run"])
            try:
                self.sweep(connection, run)
            except UpstreamError as error:
                failed.append(f"{run.subject}: {error}")
                if isinstance(error, AccountStopped):
                    connections.pause(run.subject, error, connections.REFUSES_US, correlation_id=run.correlation_id)
                continue
            self.report(run)
        if failed:
            raise CommandError("Not compared to the end: " + "; ".join(failed))

    def sweep(self, connection: Project | AfterShipAccount, run: Run) -> None:
        progress = Progress(self.stderr)
        with recorded(run.subject, run.correlation_id, A_DAY):
            runs.go(
                run,
                reconcile.walk_of(connection),
                lambda run: progress.show(f"{run.subject}: {run.counts.get(CHECKED, 0):,} compared", time.monotonic()),
            )
        progress.end()

    def report(self, run: Run) -> None:
        """One line per connection, and one per kind of drift found."""
        rate, counts = reconcile.drift_per_10_000(run.counts), run.counts
        what = "parcels" if run.subject.startswith("commercetools") else "trackings"
        self.stdout.write(
            f"{run.subject}: {counts.get(CHECKED, 0):,} {what} compared, drift {rate:.1f} per 10,000. "
            f"{run.correlation_id}"
        )
        for name in [*Drift, FORGOTTEN, STRANGERS]:
            if counts.get(name):
                self.stdout.write(f"  {name.replace('_', ' ')}: {counts[name]:,}")


def connections_of(projects: Sequence[str] | None, accounts: Sequence[str] | None) -> list[Project | AfterShipAccount]:
    """Those that are named; all active ones if none is."""
    if projects or accounts:
        return [*map(project_of, projects or []), *map(account_of, accounts or [])]
    return [*Project.objects.filter(is_active=True), *AfterShipAccount.objects.filter(is_active=True)]
