from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from stores.models import AfterShipAccount, Project
from tracking.clients.errors import AccountStopped, UpstreamError
from tracking.management.commands._arguments import Progress, bar, project_of
from tracking.models import Run
from tracking.payloads.errors import PayloadError
from tracking.services import connections, registry, runs
from tracking.services.ledger import recorded

AN_HOUR = 3_600


class Command(BaseCommand):
    help = (
        "Import stores and channels of these projects; without any, of all projects, and AfterShip's couriers. Says "
        "what is new, changed and gone. Nothing is ever deleted; safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", nargs="*", metavar="PROJECT", help="Key of a project.")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = list(dict.fromkeys(options["project"]))
        asked: list[registry.Connection] = [project_of(key) for key in wanted] or [
            *Project.objects.filter(is_active=True),
            *AfterShipAccount.objects.filter(is_active=True),
        ]
        failed = [connection for connection in asked if not self.read(connection)]
        if failed:
            raise CommandError(f"Not imported: {', '.join(connections.upstream_key(one) for one in failed)}.")

    def read(self, connection: registry.Connection) -> bool:
        """Import through one connection; one that fails is named, and keeps nobody else from being imported."""
        run, upstream, progress = (
            registry.begin(connection),
            connections.upstream_key(connection),
            Progress(self.stderr),
        )
        parts = len(registry.parts_of(connection))

        def show(run: Run) -> None:
            progress.show(f"{upstream} {bar(len(run.findings) / parts)}", time.monotonic())

        try:
            with recorded(upstream, run.correlation_id, AN_HOUR):
                runs.go(run, registry.walk, show)
        except (UpstreamError, PayloadError) as error:
            progress.end()
            if isinstance(error, AccountStopped):
                connections.pause(upstream, error, connections.REFUSES_US, correlation_id=run.correlation_id)
            self.stderr.write(f"{upstream}: {error}")
            return False
        progress.end()
        for line in registry.in_words(run):
            self.stdout.write(f"{upstream} {line}")
        for warning in registry.warnings(connection):
            self.stdout.write(f"{upstream} warning: {warning}")
        return True
