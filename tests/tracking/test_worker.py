"""The watchdog: a cluster that hangs or dies is killed with all it started, and started again; SIGTERM ends everything.

In the cluster's place stands a small program that starts a child, notes both process ids, and behaves as it is told.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from tests.storm.processes import children, family, kill
from tracking.management.commands import worker
from tracking.management.commands.worker import Cluster
from tracking.models import Heartbeat

pytestmark = pytest.mark.django_db(transaction=True)

STUB = """
import os, signal, subprocess, sys, time
if sys.argv[1] == "worker":
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
    sys.exit()
assert sys.argv[1:] == ["qcluster"]
manner = open({manner!r}).read()
if manner == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
with open({pids!r}, "a") as notes:
    notes.write(f"{{os.getpid()}} {{child.pid}}\\n")
if manner == "dies":
    sys.exit(3)
time.sleep(300)
"""


class Stub:
    """The program that stands in for the cluster."""

    def __init__(self, directory: Path) -> None:
        self.path, self.pids, self.manner = directory / "stub.py", directory / "pids", directory / "manner"
        self.path.write_text(STUB.format(pids=str(self.pids), manner=str(self.manner)))
        self.pids.touch()
        self.will("hang")

    def will(self, manner: str) -> None:
        self.manner.write_text(manner)

    def started(self, times: int) -> list[int]:
        """Wait until it was started so often; the ids of the last one and of its child."""
        wait_until(lambda: self.pids.read_text().count("\n") >= times)
        return [int(pid) for pid in self.pids.read_text().splitlines()[times - 1].split()]


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    ends_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether the process runs; one that is dead but not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def all_dead(pids: list[int]) -> bool:
    return not any(lives(pid) for pid in pids)


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    stub = Stub(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(stub.path)])
    monkeypatch.setattr(worker, "STOP_SECONDS", 5.0)
    yield stub
    for pid in stub.pids.read_text().split():  # of a test that failed
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


@pytest.fixture
def cluster(stub: Stub) -> Iterator[Cluster]:
    cluster = Cluster(stale_seconds=45)
    cluster.start()
    yield cluster
    cluster.kill()


def show_life(cluster: Cluster, seconds_ago: float) -> None:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    Heartbeat.objects.update_or_create(name=cluster.heartbeat, defaults={"at": at})


def test_a_cluster_that_hangs_is_killed_with_its_children_and_started_again(cluster: Cluster, stub: Stub) -> None:
    first = stub.started(1)
    show_life(cluster, seconds_ago=46)
    cluster.started_at -= timedelta(seconds=60)
    cluster.watch()
    second = stub.started(2)
    wait_until(lambda: all_dead(first))
    assert all(lives(pid) for pid in second)
    assert cluster.process.pid == second[0]


def test_a_stubborn_one_is_killed_too(stub: Stub) -> None:
    stub.will("stubborn")
    cluster = Cluster(stale_seconds=45)
    cluster.start()
    first = stub.started(1)
    cluster.started_at -= timedelta(seconds=60)
    cluster.watch()
    second = stub.started(2)
    wait_until(lambda: all_dead(first))
    assert all(lives(pid) for pid in second)
    cluster.kill()


def test_a_cluster_that_shows_life_is_left_alone(cluster: Cluster, stub: Stub) -> None:
    pids = stub.started(1)
    cluster.started_at -= timedelta(seconds=600)
    show_life(cluster, seconds_ago=5)
    cluster.watch()
    assert all(lives(pid) for pid in pids)
    assert cluster.process.pid == pids[0]


def test_a_cluster_that_has_just_started_is_given_time(cluster: Cluster, stub: Stub) -> None:
    pids = stub.started(1)
    show_life(cluster, seconds_ago=3600)
    cluster.watch()
    assert cluster.process.pid == pids[0]


def test_a_cluster_that_dies_is_started_again_and_its_orphans_are_killed(cluster: Cluster, stub: Stub) -> None:
    first = stub.started(1)
    stub.will("dies")
    os.kill(first[0], signal.SIGKILL)
    wait_until(lambda: cluster.process.poll() is not None)
    cluster.watch()
    second = stub.started(2)
    wait_until(lambda: all_dead(first))
    wait_until(lambda: cluster.process.poll() == 3)
    assert lives(second[1]), "the child of the second one, which died by itself"
    stub.will("hang")
    cluster.watch()
    third = stub.started(3)
    wait_until(lambda: all_dead(second))
    assert all(lives(pid) for pid in third)


def test_another_clusters_life_does_not_hide_that_this_one_hangs(cluster: Cluster, stub: Stub) -> None:
    stub.started(1)
    cluster.started_at -= timedelta(seconds=600)
    other = Cluster(stale_seconds=45)
    other.heartbeat = "pump of another:1"
    show_life(other, seconds_ago=1)
    Heartbeat.objects.update_or_create(name="pump", defaults={"at": timezone.now()})
    cluster.watch()
    assert cluster.process.pid == stub.started(2)[0]


def test_the_cluster_is_told_which_heartbeat_is_its_own(cluster: Cluster, stub: Stub) -> None:
    pid = stub.started(1)[0]
    assert f"TRACKBRIDGE_HEARTBEAT={cluster.heartbeat}".encode() in Path(f"/proc/{pid}/environ").read_bytes()


def test_each_look_kicks_a_pump_but_never_two(cluster: Cluster, stub: Stub) -> None:
    show_life(cluster, seconds_ago=0)
    assert [cluster.watch() for _ in range(3)] == [False] * 3
    assert OrmQ.objects.count() == 1


def test_one_that_is_silent_is_kicked_at_each_look_whatever_is_queued(cluster: Cluster, stub: Stub) -> None:
    cluster.started_at -= timedelta(seconds=20)
    assert [cluster.watch() for _ in range(3)] == [True] * 3
    assert OrmQ.objects.count() == 3


def test_after_a_restart_the_kick_of_before_does_not_count(cluster: Cluster, stub: Stub) -> None:
    cluster.watch()
    OrmQ.objects.all().delete()  # the dead cluster had taken it
    cluster.restart()
    cluster.watch()
    assert OrmQ.objects.count() == 1


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_while_the_database_is_down_the_cluster_is_left_alone(
    cluster: Cluster, stub: Stub, error: type[Exception]
) -> None:
    pids = stub.started(1)
    cluster.started_at -= timedelta(seconds=600)
    with connection.execute_wrapper(down(error)):
        cluster.watch()
    assert cluster.process.pid == pids[0]


def test_a_cluster_that_died_with_the_database_is_started_again_when_that_is_back(cluster: Cluster, stub: Stub) -> None:
    first = stub.started(1)
    os.kill(first[0], signal.SIGKILL)
    wait_until(lambda: cluster.process.poll() is not None)
    with connection.execute_wrapper(down(OperationalError)):
        cluster.watch()
    cluster.watch()
    stub.started(2)
    assert cluster.process.poll() is None


def down(error: type[Exception]) -> Callable[..., Any]:
    def is_down(*_: Any) -> None:
        raise error("server closed the connection unexpectedly")

    return is_down


@pytest.mark.parametrize("manner", ["hang", "stubborn", "dies"])
def test_the_end_leaves_nothing_of_the_group(stub: Stub, monkeypatch: pytest.MonkeyPatch, manner: str) -> None:
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.3)
    stub.will(manner)
    cluster = Cluster(stale_seconds=45)
    cluster.start()
    pids = stub.started(1)
    cluster.end()
    wait_until(lambda: all_dead(pids))
    assert cluster.process.returncode is not None


def start_worker(program: Path | str) -> subprocess.Popen[str]:
    """The real command, on the test's database."""
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + quote(str(connection.settings_dict["NAME"])))
    environment = os.environ | {"DATABASE_URL": database.geturl(), "PYTHONPATH": str(settings.BASE_DIR)}
    return subprocess.Popen(
        [sys.executable, str(program), "worker"],
        env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=settings.BASE_DIR,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_command_and_all_it_started(stub: Stub, number: int) -> None:
    process = start_worker(stub.path)
    try:
        pids = stub.started(1)
        wait_until(lambda: OrmQ.objects.exists())
        assert Schedule.objects.filter(name="trackbridge sweep").count() == 1
        guard = children(process.pid)[1]
        process.send_signal(number)
        _, log = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, log
    assert '"event": "workers ended"' in log
    wait_until(lambda: all_dead([*pids, guard]))


def end_alone(process: subprocess.Popen[str]) -> None:
    """SIGKILL for the watchdog only. Its log is not read to the end: what outlived it would keep that open."""
    process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


@pytest.mark.parametrize("manner", ["hang", "stubborn"])
def test_a_cluster_whose_watchdog_is_killed_ends_with_it(stub: Stub, manner: str) -> None:
    stub.will(manner)
    process = start_worker(stub.path)
    try:
        pids = stub.started(1)
        wait_until(lambda: len(children(process.pid)) == 2)
        guard = children(process.pid)[1]
        assert all(lives(pid) for pid in [*pids, guard])
    finally:
        end_alone(process)
    wait_until(lambda: all_dead([*pids, guard]))


def test_nothing_of_a_real_cluster_outlives_its_watchdog() -> None:
    process, pids = start_worker(settings.BASE_DIR / "manage.py"), []
    try:
        wait_until(lambda: Heartbeat.objects.filter(name__startswith="pump of ").exists())
        pids = family(process.pid)
        assert len(pids) >= 5, "the guard, django-q2's own process, its sentinel, and workers"
    finally:
        end_alone(process)
    try:
        wait_until(lambda: all_dead(pids))
    finally:
        kill(*pids)


def test_a_guard_that_died_is_started_again_and_leaves_the_cluster_alone(cluster: Cluster, stub: Stub) -> None:
    pids, guard = stub.started(1), cluster.guard
    guard.kill()
    guard.wait()
    cluster.watch()
    assert cluster.guard.pid != guard.pid
    assert cluster.guard.poll() is None
    assert all(lives(pid) for pid in pids)
