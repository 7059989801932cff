from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from stores.models import Project
from tracking.clients.errors import UpstreamError
from tracking.management.commands._arguments import project_of
from tracking.payloads.errors import PayloadError
from tracking.services.setup import ScopesMissing, set_up, take_back


class Command(BaseCommand):
    help = (
        "Make a commercetools project ready: check scopes, make or extend the Types that we write, make the "
        "Subscription, import stores and channels. Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="Key of the project.")
        parser.add_argument("--plan", action="store_true", help="Only say what would be done; writes nothing.")
        parser.add_argument(
            "--extend",
            "--extend-type",
            dest="extend",
            nargs="+",
            action="extend",
            default=[],
            metavar="TYPE",
            help="Also add our fields to these Types of the merchant's own, for orders or parcels that carry them.",
        )
        parser.add_argument(
            "--access-key-env",
            default="",
            metavar="NAME",
            help="Environment variable with the access key of the Event Grid topic. It is handed on, never stored.",
        )
        parser.add_argument(
            "--remove",
            action="store_true",
            help="Take back what this command made: the Subscription, and Types and fields that nothing uses.",
        )
        parser.add_argument("--yes", action="store_true", help="With --remove: do not ask.")

    def handle(self, *args: Any, **options: Any) -> None:
        project = project_of(options["project"])
        try:
            for line in self.steps(project, options):
                self.stdout.write(line)
        except (ScopesMissing, UpstreamError, PayloadError) as error:
            raise CommandError(str(error)) from error

    def steps(self, project: Project, options: dict[str, Any]) -> Iterator[str]:
        if not options["remove"]:
            extend, name = tuple(options["extend"]), options["access_key_env"]
            if name and not os.environ.get(name):
                raise CommandError(f"The environment variable {name} is not set.")
            yield from set_up(
                project, extend=extend, access_key=os.environ.get(name, "") if name else "", is_plan=options["plan"]
            )
            return
        if options["plan"] or not options["yes"]:
            yield from take_back(project, is_plan=True)
        if not options["plan"] and (options["yes"] or self.is_sure(project)):
            yield from take_back(project)

    def is_sure(self, project: Project) -> bool:
        """Asks whoever sits at the terminal; raises CommandError where the answer is not the project's key."""
        try:
            answer = input(f"Nothing was removed yet. Type {project.key} to remove it, anything else to stop: ")
        except EOFError:
            answer = ""
        if answer.strip() != project.key:
            raise CommandError("Stopped: nothing was removed. Without a terminal, say --yes.")
        return True
