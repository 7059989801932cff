"""The storm's eye inside the site's database: reads questions as JSON lines, prints one JSON line for each.

A process of its own, because the harness itself has no database. Ends at the end of its input, or with an error.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command
from django.db import connection


def set_up(path: str) -> str:
    from stores.models import Project
    from tracking.services.setup import set_up as set_up_project

    call_command("migrate", verbosity=0)
    call_command("apply_config", path, stdout=sys.stderr)
    for project in Project.objects.order_by("key"):
        for line in set_up_project(project):
            sys.stderr.write(line + "\n")
    return "ready"


def lift_rates() -> str:
    """AfterShip's rates do not count: for what is to be got ready quickly, and not measured."""
    from stores.models import AfterShipAccount, RateBudget
    from tracking.clients.aftership import RATES

    for account in AfterShipAccount.objects.all():
        for endpoint in RATES:
            values = {"per_second": 100_000}
            RateBudget.objects.update_or_create(account=account, endpoint=endpoint, defaults=values)
    return "lifted"


def status() -> dict[str, Any]:
    """What is still to be done, and what was given up."""
    from django.db.models import F

    from tracking.enums import ReceiptState
    from tracking.models import Job, Receipt
    from tracking.services.jobs import LIVE

    waiting = Job.objects.filter(want__gt=F("done"))
    return {
        "receipts": Receipt.objects.filter(state=ReceiptState.PENDING).count(),
        "jobs": waiting.filter(dead_at=None).count(),
        "live": waiting.filter(dead_at=None, priority=LIVE).count(),
        "dead": waiting.exclude(dead_at=None).count(),
    }


def shown_as_down() -> list[str]:
    """The connections with an open problem that says so."""
    from tracking.enums import ProblemKind
    from tracking.models import Problem

    return sorted(
        Problem.objects.filter(kind=ProblemKind.UPSTREAM_DOWN, closed_at=None).values_list("subject", flat=True)
    )


def move(project: str, url: str) -> str:
    """From now on this project's API is at that address, and nothing is held against it."""
    from stores.models import Project

    healthy = {"failures": 0, "pause_seconds": 0, "paused_until": None}
    Project.objects.filter(key=project).update(api_url=url, **healthy)
    return "moved"


def acknowledged(path: str) -> dict[str, int]:
    """Of the event ids in this file, how many have a receipt in which state; "lost" have none."""
    from tracking.models import Receipt

    states = dict(Receipt.objects.filter(source="aftership").values_list("event_id", "state"))
    wanted = Path(path).read_text().split()
    return dict(Counter(states.get(event_id, "lost") for event_id in wanted))


def replay() -> int:
    """Make the whole inbox pending again."""
    from tracking.models import Receipt
    from tracking.services.receive import replay as replay_receipts

    return replay_receipts(list(Receipt.objects.values_list("pk", flat=True)))


def touch(project: str, order_id: str) -> str:
    """Wish for a read of this order: work for whoever is there."""
    from tracking.enums import JobKind
    from tracking.models import Order
    from tracking.services import jobs
    from tracking.services.connections import upstream_key

    order = Order.objects.get(project__key=project, commercetools_id=order_id)
    jobs.want([jobs.Wish(JobKind.COLLECT, str(order.pk), upstream_key(order.project), order.correlation_id)])
    return "wanted"


def why() -> dict[str, Any]:
    """What a person would look at where the status is not clean."""
    from django.db.models import F

    from tracking.models import Job, Problem

    jobs = Job.objects.filter(want__gt=F("done")).values_list("kind", "subject", "attempts", "last_error")[:10]
    problems = Problem.objects.filter(closed_at=None).values_list("kind", "subject", "cause")[:10]
    return {"jobs": [list(one) for one in jobs], "problems": [list(one) for one in problems]}


ANSWERS = {
    one.__name__: one for one in (set_up, lift_rates, status, shown_as_down, move, acknowledged, replay, touch, why)
}


def main() -> None:
    django.setup()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(ANSWERS[name](*arguments)), flush=True)
        connection.close()


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
