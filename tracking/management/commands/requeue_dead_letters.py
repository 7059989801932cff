from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Count, Max, Min

from tracking.enums import JobKind
from tracking.management.commands._arguments import account_of, project_of
from tracking.models import Job
from tracking.services import jobs
from tracking.services.connections import upstream_key


class Command(BaseCommand):
    help = "Show the jobs that gave up, grouped by their cause; with --yes, make them due again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--id", type=int, help="One job.")
        parser.add_argument("--kind", choices=JobKind.values)
        parser.add_argument("--code", help="Error code of the cause, such as InvalidField or 4012.")
        parser.add_argument("--project", help="Key of the project whose jobs are meant.")
        parser.add_argument("--account", help="Key of the AfterShip account whose jobs are meant.")
        parser.add_argument("--yes", action="store_true", help="Make them due again.")

    def handle(self, *args: Any, **options: Any) -> None:
        dead = Job.objects.filter(dead_at__isnull=False)
        for field, value in {"pk": options["id"], "kind": options["kind"], "last_error_code": options["code"]}.items():
            dead = dead.filter(**{field: value}) if value is not None else dead
        named = [project_of(options["project"])] if options["project"] else []
        named += [account_of(options["account"])] if options["account"] else []
        if named:
            dead = dead.filter(upstream__in=[upstream_key(connection) for connection in named])
        groups = dead.values("kind", "upstream", "last_error_code")
        for group in groups.annotate(n=Count("pk"), oldest=Min("dead_at"), words=Max("last_error")).order_by("-n"):
            since = f"{group['oldest']:%Y-%m-%d %H:%M}"
            cause = f"{group['kind']}, {group['upstream']}, {group['last_error_code']}"
            self.stdout.write(f"{group['n']:>8,}  {cause}, since {since}: {group['words'][:200]}")
        if options["yes"]:
            self.stdout.write(f"{jobs.requeue(dead):,} dead letters are due again.")
        else:
            self.stdout.write(f"{dead.count():,} dead letters. With --yes they are made due again.")
