"""Long walks over many rows that may stop at any moment: a Run keeps how far it is, page by page.

begin ─> a walk yields after each page it has committed ─> note ─> … ─> finish
              └─ Ctrl-C, a kill, the end of a job's time: the next begin goes on where it stood
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from django.utils import timezone

from config.correlation import current, new_correlation_id
from tracking.clients.errors import RetryLater
from tracking.enums import RunKind
from tracking.models import Run
from tracking.services.jobs import backoff_seconds

MOST_FAILURES = 8  # in a row, without a page in between
Walk = Callable[[Run], Iterator[None]]


def open_run(kind: RunKind, subject: str) -> Run | None:
    """The unfinished run of this kind over this subject, if there is one."""
    return Run.objects.filter(kind=kind, subject=subject, finished_at=None).first()


def begin(kind: RunKind, subject: str, parameters: dict[str, Any], *, is_kept: bool = True) -> Run:
    """A new run, under the code of the job that does it; one that is not kept (a dry run) lives in memory only.

    An unfinished one has to be ended before.
    """
    code, now = current() or new_correlation_id(), timezone.now()
    run = Run(kind=kind, subject=subject, parameters=parameters, correlation_id=code, started_at=now)
    if is_kept:
        run.save()
    return run


def note(run: Run, cursor: dict[str, Any], counts: Counter[str]) -> None:
    """Keep how far the run is, and what it counted so far."""
    run.cursor, run.counts = cursor, dict(counts)
    save(run, "cursor", "counts")


def finish(run: Run) -> None:
    run.finished_at = timezone.now()
    save(run, "finished_at")


def save(run: Run, *fields: str) -> None:
    if run.pk:
        run.save(update_fields=[*fields, "seen_at"])


def go(run: Run, walk: Walk, report: Callable[[Run], None] | None = None) -> None:
    """Walk to the end in the foreground; a failure that may pass is waited for, since the walk goes on where it stood.

    Raises UpstreamError after several failures without a page in between, and at once where waiting does not help.
    """
    failures = 0
    while run.finished_at is None:
        try:
            for _ in walk(run):
                failures = 0
                if report:
                    report(run)
        except RetryLater as error:
            failures += 1
            if failures > MOST_FAILURES:
                raise
            time.sleep(max(error.retry_after_seconds or 0, min(backoff_seconds(failures), 30)))


def go_for(run: Run, walk: Walk, seconds: float) -> bool:
    """Walk for some time, as a job does; returns whether the end was reached. Raises UpstreamError."""
    ends_at = time.monotonic() + seconds
    for _ in walk(run):
        if time.monotonic() > ends_at:
            break
    return run.finished_at is not None
