"""AfterShip's request rates, shared by every worker of every host through one row per endpoint.

A slot is taken by moving ``next_free_at`` forward in one UPDATE (a leaky bucket): whoever comes next gets the time
after. A slot that is near is waited for; one that is further off is not taken, and the job goes back to the queue.
Bulk waits for nearer slots only than live work does: however many workers are busy with it, the last half second of
the bucket stays free for what happens now. Jobs that would find no slot are not even claimed (``openings``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.db.models import F, Value
from django.db.models.functions import Greatest

from stores.models import AfterShipAccount, RateBudget
from tracking.clients import commerce
from tracking.clients.aftership import RATES as TRACKING_RATES
from tracking.clients.errors import BudgetSpent
from tracking.enums import JobKind, Source

RATES = TRACKING_RATES | {commerce.ENDPOINT: commerce.PER_SECOND}
LONGEST_SLEEP_SECONDS, LONGEST_SLEEP_OF_BULK_SECONDS = 1.5, 1.0
PACE = 0.9  # of the rate: room for calls that arrive late, in one second with those of the next
LATE_SECONDS, MOST_SLOTS = 0.05, 3  # at nine tenths, a tenth of a second breaks no rate: half of it is the network's
LIMITED = {  # kinds with many jobs at a time
    JobKind.PUSH: "POST /trackings",
    JobKind.UPDATE: "PUT /trackings/{id}",
    JobKind.RETIRE: "DELETE /trackings/{id}",
    JobKind.REFRESH: "GET /trackings/{id}",
    JobKind.RETRACK: "POST /trackings/{id}/retrack",
    JobKind.COMPLETE: "POST /trackings/{id}/mark-as-completed",
}
_longest_sleep = ContextVar("longest_sleep", default=LONGEST_SLEEP_SECONDS)


@contextmanager
def patience(*, is_bulk: bool) -> Iterator[None]:
    """Inside, this thread waits for a slot as long as bulk or as live work may."""
    token = _longest_sleep.set(LONGEST_SLEEP_OF_BULK_SECONDS if is_bulk else LONGEST_SLEEP_SECONDS)
    try:
        yield
    finally:
        _longest_sleep.reset(token)


def works_in_bulk() -> bool:
    """Whether this thread works off history rather than what happens now."""
    return _longest_sleep.get() == LONGEST_SLEEP_OF_BULK_SECONDS


@dataclass(frozen=True)
class Opening:
    """How many jobs of one kind would find a slot now that is near enough, if they are live and if they are bulk.

    ``free_in``: seconds until the next slot.
    """

    upstream: str
    kind: JobKind
    live: int
    bulk: int
    free_in: float


def openings() -> list[Opening]:
    """Of every kind of job that one endpoint's rate limits, as long as the endpoint was called before. One query."""
    now, kinds = time.time(), {endpoint: kind for kind, endpoint in LIMITED.items()}
    rows = RateBudget.objects.filter(endpoint__in=kinds).values_list(
        "account__key", "endpoint", "per_second", "next_free_at"
    )
    found = []
    for key, endpoint, per_second, next_free_at in rows:
        free_in = max(0.0, next_free_at - now)
        live, bulk = (
            math.floor((longest - free_in) * per_second * PACE) + 1 if free_in <= longest else 0
            for longest in (LONGEST_SLEEP_SECONDS, LONGEST_SLEEP_OF_BULK_SECONDS)
        )
        found.append(Opening(f"{Source.AFTERSHIP.value}:{key}", kinds[endpoint], live, bulk, free_in))
    return found


class SharedBudget:
    """The rate budget of one account. Fulfils the client's ``Budget`` protocol."""

    def __init__(self, account: AfterShipAccount) -> None:
        self.account = account

    def acquire(self, endpoint: str) -> None:
        """Take the next slot and sleep until it comes; raises BudgetSpent when that would be too long.

        Whoever wakes late lets it go and takes another: threads that were held up must not call all at once.
        """
        for _ in range(MOST_SLOTS):
            starts_at = self.take(endpoint)
            time.sleep(max(0.0, starts_at - time.time()))
            if time.time() - starts_at <= LATE_SECONDS:
                return

    def take(self, endpoint: str) -> float:
        """The time of the next slot, which is ours then."""
        row = RateBudget.objects.filter(account=self.account, endpoint=endpoint)
        per_second = row.values_list("per_second", flat=True).first()
        if per_second is None:
            RateBudget.objects.get_or_create(
                account=self.account, endpoint=endpoint, defaults={"per_second": RATES[endpoint]}
            )
            per_second = RATES[endpoint]
        interval = 1 / (per_second * PACE)
        for _ in range(100):  # another worker may take the slot between our read and our write
            free_at, now = row.values_list("next_free_at", flat=True).get(), time.time()
            starts_at = max(free_at, now)
            if starts_at - now > _longest_sleep.get():
                break
            if row.filter(next_free_at=free_at).update(next_free_at=starts_at + interval):
                return starts_at
        raise BudgetSpent(
            upstream="aftership",
            code="budget",
            message=f"{endpoint}: the rate budget of {per_second:g} calls a second is used up",
            retry_after_seconds=max(starts_at - now, interval),
        )

    def block(self, endpoint: str, seconds: float) -> None:
        """AfterShip said 429: nobody calls this endpoint for ``seconds``."""
        RateBudget.objects.filter(account=self.account, endpoint=endpoint).update(
            next_free_at=Greatest(F("next_free_at"), Value(time.time() + seconds))
        )
