"""How many mails a brand may send: one row per brand, moved forward by whoever sends, shared by all workers.

As the budgets of AfterShip's endpoints (``budget.py``), with a small allowance for bursts: what was not used lately may
be used at once, a tenth of a minute's mails at most. So no minute has more than ``mails_per_minute``.
"""

from __future__ import annotations

import time

from stores.models import Brand
from tracking.clients.errors import BudgetSpent
from tracking.models import Mailer
from tracking.services.budget import LONGEST_SLEEP_SECONDS
from tracking.services.notify_wishes import mail_upstream

PACE, BURST = 0.9, 0.1  # of the mails of a minute: as a steady stream, and on top after a pause
TRIES = 100


def interval_of(per_minute: int) -> float:
    """Seconds between two mails of a steady stream."""
    return 60 / (per_minute * PACE)


def allowance_of(per_minute: int) -> float:
    """How far behind the clock the row may fall, in seconds: the burst after a pause."""
    return per_minute * BURST * interval_of(per_minute)


def take_slot(brand: Brand) -> None:
    """Take the brand's next slot and sleep until it comes; raises BudgetSpent where that would be too long."""
    starts_at = next_slot(brand)
    time.sleep(max(0.0, starts_at - time.time()))


def next_slot(brand: Brand) -> float:
    """The time of the next slot, which is ours then."""
    interval, allowance = interval_of(brand.mails_per_minute), allowance_of(brand.mails_per_minute)
    row = Mailer.objects.filter(key=brand.key)
    if not row.exists():
        Mailer.objects.get_or_create(key=brand.key)
    for _ in range(TRIES):  # another worker may take the slot between our read and our write
        free_at, now = row.values_list("next_free_at", flat=True).get(), time.time()
        starts_at = max(free_at, now - allowance)
        if starts_at - now > LONGEST_SLEEP_SECONDS:
            break
        if row.filter(next_free_at=free_at).update(next_free_at=starts_at + interval):
            return starts_at
    words = f"the mail budget of {brand.mails_per_minute} a minute is used up"
    raise BudgetSpent(mail_upstream(brand.key), "budget", words, retry_after_seconds=max(starts_at - now, interval))
