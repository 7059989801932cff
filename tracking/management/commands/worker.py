"""django-q2's cluster under a watchdog.

The cluster hangs for ever when one of its workers is killed while it holds the queue's lock. So the cluster runs in a
process group of its own, and its pulse is watched: every pump run writes a heartbeat, and a pump is
kicked every few seconds. No heartbeat for too long: the whole group is killed and started again. Nothing is lost by
that, because the queue holds hints only.

Clusters share one queue, so each has a heartbeat of its own: the others' life would hide that this one hangs. One that
was silent for a while is kicked each second, whatever is queued: among several idle clusters, chance decides who wakes.

Nobody watches a cluster whose watchdog was killed, so it ends with it: a guard (a shell of a few lines) waits at a pipe
that only the watchdog holds open, and kills the group when it breaks.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from types import FrameType
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as AnyDatabaseError
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from tracking.models import Heartbeat
from tracking.services.pull import LOOK_SECONDS, Pullers
from tracking.services.pump import HEARTBEAT, OWN_HEARTBEAT
from tracking.tasks import ensure_schedules, forget_kick, kick

logger = structlog.get_logger("trackbridge.worker")

KICK_SECONDS, URGENT_KICK_SECONDS = 5.0, 1.0
STALE_SECONDS = 45.0  # above a pump's longest stretch between two beats: one job's deadline
STOP_SECONDS = 15.0
FORGOTTEN_AFTER = timedelta(days=1)
GUARD = 'read _; kill -s KILL -- "-$0"'  # POSIX; $0 is the process group


class Command(BaseCommand):
    help = "Run the workers: django-q2's cluster, restarted whenever it dies or hangs. Ends on SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--stale-seconds", type=float, default=STALE_SECONDS, help="Restart after so long a silence."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.is_stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        ensure_schedules()
        cluster = Cluster(options["stale_seconds"])
        pullers, looked_at = Pullers(kick), 0.0
        cluster.start()
        try:
            while not self.is_stopping:
                if time.monotonic() - looked_at > LOOK_SECONDS:
                    looked_at = time.monotonic()
                    look(pullers)
                is_silent = cluster.watch()
                self.sleep(URGENT_KICK_SECONDS if is_silent else KICK_SECONDS)
        finally:
            pullers.end()
            cluster.end()

    def stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True

    def sleep(self, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        while not self.is_stopping and time.monotonic() < ends_at:
            time.sleep(0.1)


def look(pullers: Pullers) -> None:
    """Follow the queues of projects that have one."""
    try:
        pullers.look()
    except AnyDatabaseError:
        logger.exception("the database does not answer; queues are followed as before")
        connection.close()


class Cluster:
    """One qcluster process tree in a process group of its own."""

    def __init__(self, stale_seconds: float) -> None:
        self.stale_seconds = stale_seconds
        self.heartbeat = f"{HEARTBEAT} of {socket.gethostname()[:20]}:{os.getpid()}"

    def start(self) -> None:
        self.started_at = timezone.now()
        forget_kick()
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, sys.argv[0], "qcluster"],
            start_new_session=True,
            env=os.environ | {OWN_HEARTBEAT: self.heartbeat},
        )
        self.start_guard()
        logger.info("workers started", pid=self.process.pid)

    def start_guard(self) -> None:
        """In a session of its own: what ends us, such as Ctrl-C, must not end it first."""
        self.guard = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", GUARD, str(self.process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end_guard(self) -> None:
        self.guard.kill()
        self.guard.communicate()

    def watch(self) -> bool:
        """Kick a pump; restart the cluster if it died, or has shown no life for too long. Whether it is silent now."""
        try:
            if self.guard.poll() is not None:
                logger.error("the guard died and is started again", status=self.guard.returncode)
                self.end_guard()
                self.start_guard()
            if self.process.poll() is not None:
                logger.error("workers died and are started again", status=self.process.returncode)
                self.restart()
                return False
            silent = self.silent_seconds()
            is_silent = silent > 2 * KICK_SECONDS
            if is_silent:
                forget_kick()  # it may have died with whoever took it
            kick()
            if silent > self.stale_seconds:
                logger.error("workers hang and are started again", silent_seconds=round(silent))
                self.restart()
            return is_silent
        except AnyDatabaseError:
            logger.exception("the database does not answer; workers are left alone")
            connection.close()
            return False

    def silent_seconds(self) -> float:
        """How long ago a pump last showed life; a cluster that has just started is given time."""
        beat = Heartbeat.objects.filter(name=self.heartbeat).values_list("at", flat=True).first()
        newest = max(beat or self.started_at, self.started_at)
        return (timezone.now() - newest).total_seconds()

    def restart(self) -> None:
        self.kill()
        self.start()

    def end(self) -> None:
        """Let running work end, then make sure that nothing of the group is left."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("workers did not end in time and are killed")
        self.kill()
        self.forget_heartbeats()
        logger.info("workers ended")

    def forget_heartbeats(self) -> None:
        """Of this cluster, and of those whose watchdog was killed long ago."""
        old = Q(name=self.heartbeat) | Q(at__lt=timezone.now() - FORGOTTEN_AFTER)
        try:
            Heartbeat.objects.filter(old, name__startswith=f"{HEARTBEAT} of ").delete()
        except AnyDatabaseError:
            logger.exception("the heartbeat is left behind: the database does not answer")

    def kill(self) -> None:
        self.end_guard()  # first: the number of the group may be given to others afterwards
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            logger.debug("the process group is gone already")
        self.process.wait()
