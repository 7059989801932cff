"""Days of shoppers: who ordered again, and what was mailed. Looked at again until nothing of them can change.

a day whose turn it is ─ refresh_day ─┬─ repeat ─> RepeatDay ─> RepeatMonth
                                      └─ mails  ─> MailDay
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from analytics.mails import count_mails
from analytics.models import DayCount, FigureState, MailDay, RepeatDay, RepeatMark
from analytics.names import Cohort
from analytics.refresh import lock
from analytics.repeat import add_up_month, count_orders
from tracking.models import Message

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
    """Today and yesterday each hour, others each day until their windows have closed; every day after a rebuild."""
    now, today = timezone.now(), timezone.localdate()
    known = dict(RepeatMark.objects.values_list("day", "made_at"))
    rebuilt_at = FigureState.objects.filter(pk=1).values_list("rebuilt_at", flat=True).first()
    for age in range(LOOKED_AT_DAYS):
        day, turn = today - timedelta(days=age), now - (LOOKED_AT_FIRST if age < 2 else LOOKED_AT_EACH)
        if day not in known or known[day] <= max(turn, rebuilt_at or turn):
            yield day
    if rebuilt_at:
        for day in reversed(every_day(before=today - timedelta(days=LOOKED_AT_DAYS - 1))):
            if day not in known or known[day] < rebuilt_at:
                yield day


def every_day(*, before: date = date.max) -> list[date]:
    """All days that have parcels, or had anything when they were looked at."""
    counted = DayCount.objects.filter(cohort=Cohort.HANDOVER, day__lt=before)
    rows = [counted, RepeatDay.objects.filter(day__lt=before), MailDay.objects.filter(day__lt=before)]
    return sorted({day for found in rows for day in found.order_by().values_list("day", flat=True).distinct()})


def next_day(after: date) -> date | None:
    """The first day after this one that anything is stored of, mails that went out on a day without parcels, too."""
    since = datetime.combine(after + timedelta(days=1), datetime.min.time(), UTC)
    mailed = Message.objects.filter(sent_at__gte=since).aggregate(at=Min("sent_at"))["at"]
    rows = [DayCount.objects.filter(cohort=Cohort.HANDOVER), RepeatDay.objects.all(), MailDay.objects.all()]
    days = [found.filter(day__gt=after).aggregate(day=Min("day"))["day"] for found in rows]
    return min([*filter(None, days), *([mailed.astimezone(UTC).date()] if mailed else [])], default=None)


@transaction.atomic
def refresh_day(day: date, *, is_rebuild: bool = False) -> None:
    """Make one day's rows anew, replaced as a whole; those of its month where they changed, in a rebuild always."""
    mark, _made = RepeatMark.objects.update_or_create(pk=day, defaults={"made_at": timezone.now()})
    RepeatMark.objects.select_for_update().get(pk=mark.pk)
    has_changed = count_orders(day)
    count_mails(day)
    if has_changed or is_rebuild:
        lock()  # two days of one month: the second one sees what the first has written
        add_up_month(day)
