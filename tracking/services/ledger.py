"""Every upstream call becomes an Attempt, the moment it is over: for a job, or for a command in the foreground."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from config.correlation import bound
from tracking.clients.http import Call, observed
from tracking.models import Attempt, Job, Order
from tracking.services.connections import note_clock


class Ledger:
    """Keeps each call to one upstream as an Attempt. ``last`` is the newest, None before the first."""

    def __init__(self, upstream: str, correlation_id: str, job: Job | None = None) -> None:
        self.upstream, self.correlation_id, self.job = upstream, correlation_id, job
        self.last: Attempt | None = None

    @cached_property
    def is_erased(self) -> bool:
        """Whether the story's shopper was erased: then what goes to and fro about them is not kept. Asked once."""
        return Order.objects.filter(correlation_id=self.correlation_id, erasure__isnull=False).exists()

    def record(self, call: Call) -> None:
        """Keep one call as an Attempt, cut to the columns' lengths; excerpts of erased people are left out."""
        self.last = Attempt.objects.create(
            job=self.job,
            upstream=self.upstream,
            correlation_id=self.correlation_id,
            endpoint=call.endpoint[:80],
            method=call.method,
            path=call.path[:1000],
            status=call.status,
            outcome=call.outcome,
            code=call.code[:80],
            message=call.message[:1000],
            request_excerpt="" if self.is_erased else call.request_excerpt,
            response_excerpt="" if self.is_erased else call.response_excerpt,
            started_at=call.started_at,
            duration_ms=call.duration_ms,
        )
        if call.clock_skew_seconds is not None:
            note_clock(self.upstream, call.clock_skew_seconds)

    def waits(self, seconds: float) -> None:
        """Note on the last call how long its job waits now."""
        if self.last:
            Attempt.objects.filter(pk=self.last.pk).update(wait_seconds=round(seconds, 3))


@contextmanager
def recorded(upstream: str, correlation_id: str, seconds: float, job: Job | None = None) -> Iterator[Ledger]:
    """Inside, each call is kept and carries the code, as does each log line; none runs past ``seconds`` from now."""
    ledger = Ledger(upstream, correlation_id, job)
    with bound(correlation_id), observed(ledger.record, correlation_id, seconds):
        yield ledger
