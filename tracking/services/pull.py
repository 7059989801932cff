"""Queues that have to be asked: received, committed as receipts, and only then deleted.

    receive ─> store_receipts (committed) ─> delete        a death in between: it comes again, and is the same receipt

To add a source: write a Queue, and name it in OPEN under its inbound type (the options: stores/inbound.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections

from config.correlation import new_correlation_id
from stores import inbound
from stores.models import Project
from tracking.clients.errors import AccountStopped, UpstreamError
from tracking.clients.sqs import Letter, SqsQueue
from tracking.enums import ProblemKind, Source
from tracking.payloads.envelopes import unwrap
from tracking.services.problems import close_problems, open_problem
from tracking.services.receive import store_receipts

logger = structlog.get_logger("trackbridge.pull")

WAIT_SECONDS = 20  # for the first message: the longest that SQS allows
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
LOOK_SECONDS = 15.0  # how often projects are looked at anew


class Queue(Protocol):
    """A source of messages that keeps each of them until it is deleted. Its methods raise UpstreamError."""

    def receive(self, wait_seconds: int) -> list[Letter]:
        """Some messages, empty where none came within ``wait_seconds``."""

    def delete(self, letters: Sequence[Letter]) -> None:
        """They are kept here: never send them again."""


def open_sqs(project: Project) -> Queue:
    known = {name: project.inbound_options.get(name, "") for name in inbound.WAYS["sqs"].options}
    return SqsQueue(secret=project.inbound_secret, **known)


OPEN: dict[str, Callable[[Project], Queue]] = {"sqs": open_sqs}


def pulled_projects() -> list[Project]:
    """Active projects whose messages wait in a queue, and whose options are complete."""
    projects = Project.objects.filter(is_active=True, inbound_type__in=OPEN)
    return [one for one in projects if not inbound.faults(one.inbound_type, one.inbound_options)]


def pull(project: Project, queue: Queue, wait_seconds: int) -> int:
    """Take in what waits, up to ten messages; returns how many. What can never be read is kept as well, and shown.

    Raises UpstreamError, and DatabaseError where nothing was stored: then nothing is deleted either.
    """
    letters = queue.receive(wait_seconds)
    if letters:
        bodies = [body for letter in letters for body in unwrap(letter.body)]
        store_receipts(Source.COMMERCETOOLS, project.key, bodies, {}, new_correlation_id())
        queue.delete(letters)
    return len(letters)


def problem_key(project: Project) -> str:
    return f"{project.inbound_type}:{project.key}"


def found_broken(project: Project, error: UpstreamError) -> None:
    """A problem that closes by itself once the queue answers again."""
    kind = ProblemKind.UPSTREAM_PAUSED if isinstance(error, AccountStopped) else ProblemKind.UPSTREAM_DOWN
    open_problem(kind, problem_key(project), str(error), correlation_id=new_correlation_id())
    logger.warning("the queue cannot be read", project=project.key, code=error.code)


def found_working(project: Project) -> None:
    kinds = [ProblemKind.UPSTREAM_PAUSED, ProblemKind.UPSTREAM_DOWN]
    close_problems(kinds, problem_key(project), "It answers again.")


def pull_what_is_there() -> int:
    """Empty each queue, without waiting; returns how many messages came. One that is broken hinders no other."""
    total = 0
    for project in pulled_projects():
        try:
            queue = OPEN[project.inbound_type](project)
            while taken := pull(project, queue, 0):
                total += taken
        except UpstreamError as error:
            found_broken(project, error)
        else:
            found_working(project)
    return total


def follow(project: Project, stop: threading.Event, kick: Callable[[], object]) -> None:
    """Pull one project's queue until ``stop``; after an error wait, twice as long each time."""
    queue, pause, is_known_to_work = OPEN[project.inbound_type](project), 0.0, False
    while not stop.is_set():
        close_old_connections()
        try:
            if pull(project, queue, WAIT_SECONDS):
                kick()
            if not is_known_to_work:
                found_working(project)
            pause, is_known_to_work = 0.0, True
        except (UpstreamError, AnyDatabaseError) as error:
            pause, is_known_to_work = min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE), False
            note_failure(project, error)
            stop.wait(pause)


def note_failure(project: Project, error: UpstreamError | AnyDatabaseError) -> None:
    try:
        if isinstance(error, UpstreamError):
            found_broken(project, error)
            return
    except AnyDatabaseError:
        logger.exception("the problem cannot be noted", project=project.key)
    logger.error("nothing could be stored; nothing was deleted from the queue", project=project.key)


class Pullers:
    """A thread for each project that has a queue. They end with the process: what they hold then comes again."""

    def __init__(self, kick: Callable[[], object]) -> None:
        self.kick = kick
        self.running: dict[tuple[object, ...], tuple[threading.Thread, threading.Event]] = {}

    def look(self) -> None:
        """Start and stop threads as projects are now; one with other options or another secret begins anew."""
        wanted = {
            (one.pk, one.inbound_type, str(sorted(one.inbound_options.items())), one.inbound_secret): one
            for one in pulled_projects()
        }
        gone = [key for key, (thread, _) in self.running.items() if key not in wanted or not thread.is_alive()]
        for key in gone:
            self.running.pop(key)[1].set()
        for key in wanted.keys() - self.running.keys():
            stop = threading.Event()
            thread = threading.Thread(target=follow, args=(wanted[key], stop, self.kick), daemon=True, name="pull")
            self.running[key] = (thread, stop)
            thread.start()

    def end(self) -> None:
        for _, stop in self.running.values():
            stop.set()
