"""How much waits, how old it is, and how long it will take: what /readyz, /metrics and the console tell.

Read from the rows whenever it is asked, so it is the same whichever process answers. Each figure has an index.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Min, Q
from django.utils import timezone

from tracking.enums import ProblemKind, ReceiptState
from tracking.models import Attempt, Job, Problem, Receipt
from tracking.services.jobs import LIVE, due_jobs
from tracking.services.scope import visible

WINDOW = timedelta(minutes=5)
LATE = timedelta(minutes=15)  # a parcel that is unrouted for longer is worth an alarm


@dataclass(frozen=True)
class Backlog:
    """What waits for a worker now, since when, and how many were finished in the last WINDOW."""

    waiting: int
    oldest_at: datetime | None
    finished: int

    @property
    def drained_in_seconds(self) -> float | None:
        """At the pace of the last WINDOW, if nothing came in any more. None: unknown, since nothing moved."""
        if not self.waiting:
            return 0.0
        return self.waiting * WINDOW.total_seconds() / self.finished if self.finished else None


@dataclass(frozen=True)
class JobBacklog(Backlog):
    """Due jobs of connections that answer; ``held_back`` more are due, but their connection is paused."""

    held_back: int


@dataclass(frozen=True)
class Pile:
    """What waits for a person."""

    number: int
    oldest_at: datetime | None

    @property
    def is_late(self) -> bool:
        """Whether somebody should have come by now."""
        return self.oldest_at is not None and self.oldest_at < timezone.now() - LATE


def receipts() -> Backlog:
    """Receipts that are not taken in yet. Two queries."""
    found = Receipt.objects.filter(state=ReceiptState.PENDING).aggregate(n=Count("pk"), oldest=Min("received_at"))
    finished = Receipt.objects.filter(processed_at__gte=timezone.now() - WINDOW).count()
    return Backlog(found["n"], found["oldest"], finished)


def jobs(closed: Collection[str]) -> JobBacklog:
    """Due jobs; ``closed`` are the paused connections, whose jobs nobody may claim. Two queries.

    Back-off and leases are not waiting. The oldest is a live one: bulk waits behind those by design, and a large
    backfill for hours, for AfterShip's rates. Finished are jobs that got a good answer: those that found nothing to
    say upstream leave no trace.
    """
    now = timezone.now()
    open_ones = ~Q(upstream__in=closed)
    found = due_jobs(now).aggregate(
        all=Count("pk"),
        n=Count("pk", filter=open_ones),
        oldest=Min("next_attempt_at", filter=open_ones & Q(priority=LIVE)),
    )
    answered = Attempt.objects.filter(started_at__gte=now - WINDOW, outcome="ok")
    finished = answered.aggregate(n=Count("job", distinct=True))["n"]
    return JobBacklog(found["n"], found["oldest"], finished, held_back=found["all"] - found["n"])


def dead_letters() -> Pile:
    found = Job.objects.filter(dead_at__isnull=False).aggregate(n=Count("pk"), oldest=Min("dead_at"))
    return Pile(found["n"], found["oldest"])


def quarantined() -> Pile:
    found = Receipt.objects.filter(state=ReceiptState.QUARANTINED).aggregate(n=Count("pk"), oldest=Min("received_at"))
    return Pile(found["n"], found["oldest"])


def unrouted(viewer: Any = None) -> Pile:
    """Parcels that no rule takes: they wait for one, and are never dropped. Those that the viewer may see."""
    found = visible(viewer, Problem.objects.filter(kind=ProblemKind.UNROUTED, closed_at=None))
    row = found.aggregate(n=Count("pk"), oldest=Min("opened_at"))
    return Pile(row["n"], row["oldest"])


def clock_skew_seconds() -> float:
    """How far the database's clock is ahead of ours (negative: behind). SQLite has no clock but ours.

    Leases compare times that several hosts wrote; with clocks seconds apart they overlap.
    """
    if connection.vendor != "postgresql":
        return 0.0
    before = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        there: datetime = cursor.fetchone()[0]
    here = before + (timezone.now() - before) / 2
    return (there - here).total_seconds()
