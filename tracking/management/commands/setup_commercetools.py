from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from stores.models import Project
from tracking.clients.errors import UpstreamError
from tracking.payloads.errors import PayloadError
from tracking.services.setup import set_up


class Command(BaseCommand):
    help = "Make a commercetools project ready: make or extend the Types that we write, import stores and channels."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="Key of the project.")
        parser.add_argument(
            "--extend-type",
            action="append",
            default=[],
            metavar="KEY",
            help="Also add our fields to this Type of the merchant's own, for orders or parcels that carry it.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(key=options["project"]).first()
        if project is None:
            known = ", ".join(Project.objects.values_list("key", flat=True)) or "none"
            raise CommandError(f"There is no project {options['project']}. Known: {known}.")
        try:
            for line in set_up(project, extend=tuple(options["extend_type"])):
                self.stdout.write(line)
        except (UpstreamError, PayloadError) as error:
            raise CommandError(str(error)) from error
