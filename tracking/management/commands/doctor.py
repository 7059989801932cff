from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tracking.enums import Health
from tracking.management.commands._arguments import project_of
from tracking.services import connections
from tracking.services.doctor.examine import ALL, found_in, whole
from tracking.services.doctor.findings import is_go


class Command(BaseCommand):
    help = (
        "Examine everything from the credentials to the mail server, and say go or no-go. A test event goes through "
        "PUBLIC_URL to our own doors; nothing else is changed. Status 1 where anything is broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", nargs="?", help="Only this project, its accounts and the installation itself.")
        parser.add_argument("--json", action="store_true", help="One JSON object instead of lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        key = options["project"]
        found = found_in(whole(connections.upstream_key(project_of(key)) if key else ALL))
        go = is_go(one for part in found.values() for one in part)
        if options["json"]:
            self.stdout.write(json.dumps({"go": go, "findings": found}, ensure_ascii=False, indent=2))
        else:
            self.show(found, go)
        if not go:
            sys.exit(1)

    def show(self, found: dict[str, list[dict[str, str]]], go: bool) -> None:
        for part, findings in found.items():
            self.stdout.write(part)
            for one in findings:
                self.stdout.write(f"  {one['state']:8} {one['area'].replace('_', ' ')}: {one['words']}")
                if one["next_step"]:
                    self.stdout.write(f"           {one['next_step']}")
        broken = sum(one["state"] == Health.BROKEN for part in found.values() for one in part)
        self.stdout.write("GO: nothing is broken." if go else f"NO-GO: {broken} broken.")
