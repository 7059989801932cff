"""What django-q2 runs: hints without data. The truth is in our rows, so losing or doubling one of these is harmless."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django_q.models import Failure, Schedule
from django_q.tasks import async_task

from tracking.models import Heartbeat
from tracking.services import learn
from tracking.services.changes import wish_for_figures
from tracking.services.doubts import examine_all
from tracking.services.exports import drop_expired
from tracking.services.notify import wake_planned
from tracking.services.poll import poll_all
from tracking.services.poll_project import poll_projects
from tracking.services.pump import HEARTBEAT, LEAST_SECONDS, pump
from tracking.services.reconcile import reconcile_all
from tracking.services.registry import import_all
from tracking.services.replace import release
from tracking.services.watch import watch_all

logger = structlog.get_logger("trackbridge.tasks")

KICKED = "SELECT 1 FROM tracking_heartbeat WHERE name = %s AND kicked_at >= %s"
STALE_KICK = timedelta(seconds=60)  # longer than a pump that keeps the queue waiting
FAILURES_KEPT = timedelta(days=7)


def run_pump() -> None:
    """Work until nothing is due, for a bounded time."""
    pump(settings.PUMP_SECONDS)


class Memory:
    """Until when (monotonic seconds) this process needs not ask again whether a wake-up is queued.

    The pump that was queued when we asked begins later than that, and looks again once it is LEAST_SECONDS old: so it
    sees all that is committed in the meantime.
    """

    until = 0.0

    def note(self, asked_at: float) -> None:
        self.until = asked_at + LEAST_SECONDS

    def forget(self) -> None:
        self.until = 0.0


memory = Memory()


def is_kicked(since: datetime) -> bool:
    """Whether a wake-up is queued. Plain SQL takes a fifth of the ORM's time, and no row lock."""
    with connection.cursor() as cursor:
        cursor.execute(KICKED, [HEARTBEAT, connection.ops.adapt_datetimefield_value(since)])
        return cursor.fetchone() is not None


def kick() -> bool:
    """Queue one pump unless one is queued already; returns whether it was. One that got lost is forgotten in time."""
    asked_at, now = time.monotonic(), timezone.now()
    if asked_at < memory.until:
        return False
    if is_kicked(now - STALE_KICK):
        memory.note(asked_at)
        return False
    row = Heartbeat.objects.filter(name=HEARTBEAT).filter(Q(kicked_at=None) | Q(kicked_at__lt=now - STALE_KICK))
    if not row.update(kicked_at=now):
        _, is_new = Heartbeat.objects.get_or_create(name=HEARTBEAT, defaults={"kicked_at": now})
        if not is_new:
            return False
    try:
        async_task("tracking.tasks.run_pump")
    except Exception:
        logger.exception("no worker could be woken")
        return False
    return True


def forget_kick() -> None:
    """A cluster starts anew: whatever was queued for the one before, the next kick is queued again."""
    memory.forget()
    Heartbeat.objects.filter(name=HEARTBEAT).update(kicked_at=None)


def run_sweep() -> None:
    """Each minute: work off what no kick announced, delete at AfterShip what gave way to remaps for good, wake
    messages whose time has come, and drop old exports and old failures of the queue (it never does that itself).
    """
    Failure.objects.filter(stopped__lt=timezone.now() - FAILURES_KEPT).delete()
    release()
    drop_expired()
    wish_for_figures()  # a pump that is never idle does not
    wake_planned()
    pump(settings.PUMP_SECONDS)


def run_poll() -> None:
    """Every few minutes: ask AfterShip what it changed, behind live work."""
    poll_all()
    kick()


def run_poll_projects() -> None:
    """Each minute: ask commercetools what it changed, of projects that poll."""
    if poll_projects():
        kick()


def run_examine() -> None:
    """Each hour: look into trackings that have had no news for long, behind live work."""
    examine_all()
    kick()


def run_watch() -> None:
    """Each hour: look for couriers that are out and parcels that are stuck, behind live work."""
    watch_all()
    kick()


def run_learn() -> None:
    """Each night: learn what is usual, behind live work."""
    learn.want()
    kick()


def run_reconcile() -> None:
    """Each night: compare commercetools, our rows and AfterShip, behind live work."""
    reconcile_all()
    kick()


def run_registry() -> None:
    """Each night: read stores, channels and couriers anew, behind live work."""
    import_all()
    kick()


SCHEDULES: dict[str, dict[str, object]] = {
    "trackbridge sweep": {"func": "tracking.tasks.run_sweep", "schedule_type": Schedule.MINUTES, "minutes": 1},
    "trackbridge poll": {"func": "tracking.tasks.run_poll", "schedule_type": Schedule.MINUTES, "minutes": 5},
    "trackbridge poll projects": {
        "func": "tracking.tasks.run_poll_projects",
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
    },
    "trackbridge examine": {"func": "tracking.tasks.run_examine", "schedule_type": Schedule.HOURLY},
    "trackbridge watch": {"func": "tracking.tasks.run_watch", "schedule_type": Schedule.HOURLY},
    "trackbridge learn": {"func": "tracking.tasks.run_learn", "schedule_type": Schedule.DAILY},
    "trackbridge registry": {"func": "tracking.tasks.run_registry", "schedule_type": Schedule.DAILY},
    "trackbridge reconcile": {"func": "tracking.tasks.run_reconcile", "schedule_type": Schedule.DAILY},
}
NIGHT = 2  # o'clock, UTC


def add_schedule(name: str, function: str, *, minutes: int) -> None:
    """For the apps that stand on this one: run a function (dotted name) every so many minutes."""
    SCHEDULES[name] = {"func": function, "schedule_type": Schedule.MINUTES, "minutes": minutes}


@transaction.atomic
def ensure_schedules() -> None:
    """Each schedule once: safe to repeat and to race, for django-q2 itself would take two of one name.

    The time of the next run is set where a schedule is new, and left alone afterwards.
    """
    Heartbeat.objects.get_or_create(name=HEARTBEAT)
    Heartbeat.objects.select_for_update().get(name=HEARTBEAT)  # clusters that start at the same moment wait here
    for name, facts in SCHEDULES.items():
        twins = Schedule.objects.filter(name=name).order_by("pk").values_list("pk", flat=True)
        Schedule.objects.filter(pk__in=list(twins[1:])).delete()
        new = {"next_run": next_night()} if facts["schedule_type"] == Schedule.DAILY else {}
        Schedule.objects.update_or_create(
            name=name, defaults={**facts, "repeats": -1}, create_defaults={**facts, "repeats": -1, **new}
        )


def next_night() -> datetime:
    now = timezone.now()
    tonight = now.replace(hour=NIGHT, minute=0, second=0, microsecond=0)
    return tonight if tonight > now else tonight + timedelta(days=1)
