"""AfterShip's request rates, shared by every worker of every host through one row per endpoint.

A slot is taken by moving ``next_free_at`` forward in one UPDATE (a leaky bucket): whoever comes next gets the time
after. A slot that is near is waited for; one that is further off is not taken, and the job goes back to the queue.
Bulk waits for nearer slots only than live work does: however many workers are busy with it, the last half second of
the bucket stays free for what happens now.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db.models import F, Value
from django.db.models.functions import Greatest

from stores.models import AfterShipAccount, RateBudget
from tracking.clients.aftership import RATES
from tracking.clients.errors import BudgetSpent

LONGEST_SLEEP_SECONDS, LONGEST_SLEEP_OF_BULK_SECONDS = 1.5, 1.0
_longest_sleep = ContextVar("longest_sleep", default=LONGEST_SLEEP_SECONDS)


@contextmanager
def patience(*, is_bulk: bool) -> Iterator[None]:
    """Inside, this thread waits for a slot as long as bulk or as live work may."""
    token = _longest_sleep.set(LONGEST_SLEEP_OF_BULK_SECONDS if is_bulk else LONGEST_SLEEP_SECONDS)
    try:
        yield
    finally:
        _longest_sleep.reset(token)


class SharedBudget:
    """The rate budget of one account. Fulfils the client's ``Budget`` protocol."""

    def __init__(self, account: AfterShipAccount) -> None:
        self.account = account

    def acquire(self, endpoint: str) -> None:
        """Take the next slot and sleep until it comes; raises BudgetSpent when that would be too long."""
        now = time.time()
        row = RateBudget.objects.filter(account=self.account, endpoint=endpoint)
        per_second = row.values_list("per_second", flat=True).first()
        if per_second is None:
            RateBudget.objects.get_or_create(
                account=self.account, endpoint=endpoint, defaults={"per_second": RATES[endpoint]}
            )
            per_second = RATES[endpoint]
        interval = 1 / per_second
        for _ in range(100):  # another worker may take the slot between our read and our write
            free_at = row.values_list("next_free_at", flat=True).get()
            starts_at = max(free_at, now)
            if starts_at - now > _longest_sleep.get():
                break
            if row.filter(next_free_at=free_at).update(next_free_at=starts_at + interval):
                time.sleep(max(0.0, starts_at - time.time()))
                return
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
