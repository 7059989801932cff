from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tracking.enums import JobKind
from tracking.management.commands._arguments import account_of, project_of
from tracking.services.connections import upstream_key
from tracking.services.dead_letters import Selection, groups, requeue


class Command(BaseCommand):
    help = "Show the jobs that gave up, grouped by their cause; with --yes, make them due again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--id", type=int, help="One job.")
        parser.add_argument("--kind", choices=JobKind.values)
        parser.add_argument("--code", help="Error code of the cause, such as InvalidField or 4012.")
        parser.add_argument("--project", help="Key of the project whose jobs are meant.")
        parser.add_argument("--account", help="Key of the AfterShip account whose jobs are meant.")
        parser.add_argument("--yes", action="store_true", help="Make them due again.")
        parser.add_argument("--reason", default="", help="Why, for the log; such as what was mended.")

    def handle(self, *args: Any, **options: Any) -> None:
        named = [project_of(options["project"])] if options["project"] else []
        named += [account_of(options["account"])] if options["account"] else []
        selection = Selection(
            job=options["id"],
            kind=options["kind"],
            code=options["code"],
            upstreams=tuple(upstream_key(connection) for connection in named),
        )
        found = groups(selection)
        for group in found:
            cause, since = group.cause, f"{group.oldest_at:%Y-%m-%d %H:%M}"
            facts = f"{cause.kind}, {cause.upstream}, {cause.code}, since {since}"
            self.stdout.write(f"{group.number:>8,}  {facts}: {group.sample.last_error[:200]}")
        if options["yes"]:
            number = requeue(selection, actor="command line", reason=options["reason"])
            self.stdout.write(f"{number:,} dead letters are due again.")
        else:
            number = sum(group.number for group in found)
            self.stdout.write(f"{number:,} dead letters. With --yes they are made due again.")
