"""What django-q2 runs: hints without data. The truth is in our rows, so losing or doubling one of these is harmless."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

from tracking.models import Heartbeat
from tracking.services.pump import HEARTBEAT, pump

STALE_KICK = timedelta(seconds=15)


def run_pump() -> None:
    """Work until nothing is due, for a bounded time."""
    pump(settings.PUMP_SECONDS)


def kick() -> bool:
    """Queue one pump unless one is queued already; returns whether it was. A kick that got lost is queued anew."""
    now = timezone.now()
    row = Heartbeat.objects.filter(name=HEARTBEAT).filter(Q(kicked_at=None) | Q(kicked_at__lt=now - STALE_KICK))
    if not row.update(kicked_at=now):
        _, is_new = Heartbeat.objects.get_or_create(name=HEARTBEAT, defaults={"kicked_at": now})
        if not is_new:
            return False
    async_task("tracking.tasks.run_pump")
    return True


def ensure_schedules() -> None:
    """The sweep, each minute: finds what no kick announced. Safe to repeat."""
    Schedule.objects.update_or_create(
        name="trackbridge sweep",
        defaults={"func": "tracking.tasks.run_pump", "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1},
    )
