"""Days of shoppers: who ordered again, and what was mailed. Looked at again until nothing of them can change.

a day whose turn it is ─ refresh_day ─┬─ repeat ─> RepeatDay
                                      └─ mails  ─> MailDay
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from analytics.mails import count_mails
from analytics.models import DayCount, FigureState, MailDay, RepeatDay, RepeatMark
from analytics.names import Cohort
from analytics.repeat import count_orders

LOOKED_AT_DAYS = 90 + 60  # the last window, and how long a delivery may take
LOOKED_AT_FIRST, LOOKED_AT_EACH = timedelta(hours=1), timedelta(hours=20)
RUN_SECONDS = 15.0


def refresh_stale(seconds: float = RUN_SECONDS) -> int:
    """Look at days again whose turn it is, the newest first; returns how many. Safe to repeat and race."""
    ends_at, done = time.monotonic() + seconds, 0
    for day in stale_days():
        refresh_day(day)
        done += 1
        if time.monotonic() > ends_at:
            break
    return done


def stale_days() -> Iterator[date]:
    """Today and yesterday each hour, others each day until their windows have closed; all others after a rebuild."""
    now, today = timezone.now(), timezone.localdate()
    known = dict(RepeatMark.objects.values_list("day", "made_at"))
    for age in range(LOOKED_AT_DAYS):
        day = today - timedelta(days=age)
        if day not in known or now - known[day] >= (LOOKED_AT_FIRST if age < 2 else LOOKED_AT_EACH):
            yield day
    state = FigureState.objects.filter(pk=1).first()
    if state and state.rebuilt_at:
        for day in reversed(every_day(before=today - timedelta(days=LOOKED_AT_DAYS - 1))):
            if day not in known or known[day] < state.rebuilt_at:
                yield day


def every_day(*, before: date = date.max) -> list[date]:
    """All days that have parcels, or had something when they were looked at."""
    counted = DayCount.objects.filter(cohort=Cohort.HANDOVER, day__lt=before)
    rows = [counted, RepeatDay.objects.filter(day__lt=before), MailDay.objects.filter(day__lt=before)]
    return sorted({day for found in rows for day in found.order_by().values_list("day", flat=True).distinct()})


@transaction.atomic
def refresh_day(day: date) -> None:
    """Make one day's rows anew, replaced as a whole."""
    mark, _made = RepeatMark.objects.update_or_create(pk=day, defaults={"made_at": timezone.now()})
    RepeatMark.objects.select_for_update().get(pk=mark.pk)
    count_orders(day)
    count_mails(day)
