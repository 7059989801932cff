"""The outbox: wishes become jobs, workers claim them, and every end of a run is written only by who still holds it.

    want ──> claim (a lease, committed before any call) ──> finish | back_off | postpone | bury

All of it is conditional UPDATEs on one row; nothing is locked while a call is under way. The states are drawn at
:class:`tracking.models.Job`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from tracking.enums import JobKind
from tracking.models import Job
from tracking.services.budget import Opening

LIVE, BACKFILL = 0, 10
PASSED_OVER = timedelta(seconds=10)  # due for so long: there is a backlog
DEBOUNCED = {JobKind.COLLECT, JobKind.WRITE_BACK, JobKind.NOTIFY}


@dataclass(frozen=True)
class Wish:
    """To be done: ``kind`` about ``subject``, through ``upstream`` (``commercetools:demo``, ``aftership:main``)."""

    kind: JobKind
    subject: str
    upstream: str
    correlation_id: str
    priority: int = LIVE


UPSERT = """
INSERT INTO tracking_job (kind, subject, upstream, priority, correlation_id, want, done, attempts, next_attempt_at,
    due_since, last_error_code, last_error, created_at)
VALUES {rows}
ON CONFLICT (kind, subject) DO UPDATE SET
    want = tracking_job.want + 1,
    upstream = excluded.upstream,
    correlation_id = excluded.correlation_id,
    priority = CASE WHEN tracking_job.want = tracking_job.done OR excluded.priority < tracking_job.priority
        THEN excluded.priority ELSE tracking_job.priority END,
    attempts = CASE WHEN tracking_job.dead_at IS NULL THEN tracking_job.attempts ELSE 0 END,
    due_since = CASE WHEN tracking_job.want = tracking_job.done THEN excluded.due_since ELSE tracking_job.due_since END,
    next_attempt_at = CASE WHEN tracking_job.want = tracking_job.done OR tracking_job.dead_at IS NOT NULL
        THEN excluded.next_attempt_at
        WHEN excluded.priority = {live} AND tracking_job.next_attempt_at < %s THEN excluded.due_since
        ELSE tracking_job.next_attempt_at END,
    dead_at = NULL
"""


def want(wishes: Iterable[Wish]) -> None:
    """Add one to ``want`` of each job, making it where there is none. Part of the caller's transaction.

    An idle or dead job becomes due (after the debounce, for kinds that gather bursts); one that waits keeps its time,
    so that a stream of wishes cannot starve it; one that is leased runs once more afterwards. One that has been due for
    a while is part of a backlog: with fresh live news it goes to the fresh end of that.
    """
    unique = {(wish.kind, wish.subject): wish for wish in wishes}
    if not unique:
        return
    now = timezone.now()
    adapt = connection.ops.adapt_datetimefield_value
    values: list[object] = []
    for key in sorted(unique):  # one order for everybody: no deadlock between two pumps
        wish = unique[key]
        due = now + debounce_of(wish.kind)
        values += [wish.kind.value, wish.subject, wish.upstream, wish.priority, wish.correlation_id]
        values += [1, 0, 0, adapt(due), adapt(now), "", "", adapt(now)]
    rows = ", ".join(["(" + ", ".join(["%s"] * 13) + ")"] * len(unique))
    with connection.cursor() as cursor:
        cursor.execute(UPSERT.format(rows=rows, live=LIVE), [*values, adapt(now - PASSED_OVER)])


def debounce_of(kind: str) -> timedelta:
    """How long a fresh job gathers further wishes before it runs."""
    return timedelta(seconds=settings.JOB_DEBOUNCE_SECONDS if kind in DEBOUNCED else 0)


def due_jobs(now: datetime, *, ignore_debounce: bool = False) -> QuerySet[Job]:
    """Jobs that may run at ``now``; with ``ignore_debounce`` also those that only gather, never those backing off."""
    waiting = Job.objects.filter(want__gt=F("done"), dead_at=None)
    due = waiting.filter(next_attempt_at__lte=now)
    if ignore_debounce:
        due |= waiting.filter(attempts=0, next_attempt_at__lte=now + debounce_of(JobKind.COLLECT))
    return due


def claim(
    limit: int,
    *,
    paused: Collection[str] = (),
    only: str = "",
    ignore_debounce: bool = False,
    freshest: bool = False,
    openings: Sequence[Opening] = (),
    running: Sequence[Job] = (),
) -> list[Job]:
    """Lease up to ``limit`` due jobs, of all connections but ``paused`` ones, or of ``only`` one.

    Live ones go before bulk, and of those the longest due first. Behind a long backlog (an upstream was down for an
    hour) that alone would make an event of this second wait for all of it, so every other claim asks for the
    ``freshest``: the live jobs that fell due last. Half of the work is always the oldest, so nothing starves at
    either end. Where nothing live is due, ``freshest`` makes no difference.

    Jobs for which the rate of their endpoint has no slot (``openings``, less those that this process is ``running``)
    are left alone: they would be claimed and put off again and again.

    Attempts + 1 and the end of the lease are committed before this returns.

    The returned rows carry the claimed ``want`` and the claimed ``next_attempt_at``, which fences their end.
    """
    now = timezone.now()
    lease_until = now + timedelta(seconds=settings.JOB_LEASE_SECONDS)
    with transaction.atomic():
        due = due_jobs(now, ignore_debounce=ignore_debounce).exclude(upstream__in=paused)
        if only:
            due = due.filter(upstream=only)
        due = without_full(due, openings)
        oldest_first = due.order_by("priority", "next_attempt_at")
        newest_first = due.filter(priority=LIVE).order_by("-next_attempt_at")
        claimed = list(newest_first.select_for_update(skip_locked=True)[:limit]) if freshest else []
        claimed = claimed or list(oldest_first.select_for_update(skip_locked=True)[:limit])
        claimed = fitting(claimed, openings, running)
        Job.objects.filter(pk__in=[job.pk for job in claimed]).update(
            attempts=F("attempts") + 1, next_attempt_at=lease_until
        )
    for job in claimed:
        job.attempts += 1
        job.next_attempt_at = lease_until
    return claimed


def without_full(due: QuerySet[Job], openings: Sequence[Opening]) -> QuerySet[Job]:
    """Without the kinds that would find no slot; where there is one for live work only, without those in bulk."""
    for one in openings:
        if not one.live:
            due = due.exclude(upstream=one.upstream, kind=one.kind)
        elif not one.bulk:
            due = due.exclude(upstream=one.upstream, kind=one.kind, priority__gt=LIVE)
    return due


def fitting(due: list[Job], openings: Sequence[Opening], running: Sequence[Job]) -> list[Job]:
    """As many of each kind as there are slots. Those that are running may be about to take theirs, so they count."""
    limits = {(one.upstream, one.kind.value): one for one in openings}
    taken = Counter((job.upstream, job.kind) for job in running)
    fitting = []
    for job in due:
        key = (job.upstream, job.kind)
        limit = limits.get(key)
        if limit is None or taken[key] < (limit.live if job.priority == LIVE else limit.bulk):
            taken[key] += 1
            fitting.append(job)
    return fitting


def held(job: Job) -> QuerySet[Job]:
    """The job's row, if the claim that ``job`` came from still stands: an overtaken worker writes nothing."""
    return Job.objects.filter(pk=job.pk, next_attempt_at=job.next_attempt_at)


def finish(job: Job) -> bool:
    """The wishes up to the claimed ``want`` are done. Later ones make the job due again. False if overtaken."""
    now = timezone.now()
    return bool(
        held(job).update(
            done=job.want,
            attempts=0,
            next_attempt_at=now + debounce_of(job.kind),
            due_since=now,
            last_error_code="",
            last_error="",
        )
    )


def back_off(job: Job, *, code: str, message: str, at_least: float | None = None) -> float:
    """Try again later; returns the wait in seconds (exponential, full jitter, capped, never below ``at_least``)."""
    wait = max(backoff_seconds(job.attempts), at_least or 0)
    held(job).update(
        next_attempt_at=timezone.now() + timedelta(seconds=wait), last_error_code=code[:80], last_error=message[:1000]
    )
    return wait


def backoff_seconds(attempts: int) -> float:
    """Full jitter: anything up to base · 2^(attempts - 1), capped; at least a tenth of the base."""
    base, cap = settings.JOB_BACKOFF_BASE_SECONDS, settings.JOB_BACKOFF_CAP_SECONDS
    ceiling = min(cap, base * 2 ** min(attempts - 1, 32))
    return max(base / 10, random.uniform(0, ceiling))


def postpone(job: Job, *, seconds: float, code: str, message: str) -> None:
    """Nothing was tried (no budget, account paused): due again after ``seconds``, and the try does not count."""
    held(job).update(
        attempts=max(job.attempts - 1, 0),
        next_attempt_at=timezone.now() + timedelta(seconds=seconds),
        last_error_code=code[:80],
        last_error=message[:1000],
    )


def bury(job: Job, *, code: str, message: str) -> bool:
    """Give up for now: a dead letter keeps its wishes and its cause until a new wish or a person makes it due again.

    A wish that came during the run is such a new one: then the job is due again instead. False then, or if overtaken.
    """
    now, facts = timezone.now(), {"last_error_code": code[:80], "last_error": message[:1000]}
    if held(job).filter(want=job.want).update(dead_at=now, **facts):
        return True
    held(job).update(attempts=0, next_attempt_at=now + debounce_of(job.kind), **facts)
    return False


def requeue(dead: QuerySet[Job]) -> int:
    """Make dead letters due now, with a fresh count of attempts; returns how many."""
    now = timezone.now()
    return dead.filter(dead_at__isnull=False).update(dead_at=None, attempts=0, next_attempt_at=now)
