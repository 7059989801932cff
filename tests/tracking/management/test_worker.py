"""The watchdog over a cluster: what it takes for life, and how two of them start at the same moment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone
from django_q.models import Schedule

from tracking import tasks
from tracking.management.commands import worker
from tracking.models import Heartbeat
from tracking.services import pump


class Gone:
    """A process that ended by itself."""

    returncode = 1

    def poll(self) -> int:
        return 1


class Alive:
    """A process that runs."""

    def poll(self) -> None:
        return None


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> worker.Cluster:
    cluster = worker.Cluster(stale_seconds=45)
    cluster.started_at = timezone.now() - timedelta(minutes=5)
    return cluster


@pytest.mark.django_db
def test_the_life_of_other_clusters_does_not_hide_that_this_one_hangs(cluster: worker.Cluster) -> None:
    pump.beat()
    Heartbeat.objects.create(name="pump of another:1", at=timezone.now())
    assert cluster.silent_seconds() >= 300


@pytest.mark.django_db
def test_a_pump_under_this_watchdog_shows_it_life(cluster: worker.Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pump.OWN_HEARTBEAT, cluster.heartbeat)
    pump.beat()
    assert cluster.silent_seconds() < 5
    assert Heartbeat.objects.filter(name=pump.HEARTBEAT, at__isnull=False).exists()


@pytest.mark.django_db
def test_its_heartbeat_goes_with_it_and_those_left_behind_go_too(cluster: worker.Cluster) -> None:
    pump.beat()
    old = timezone.now() - timedelta(days=2)
    for name, at in {cluster.heartbeat: timezone.now(), "pump of a:1": old, "pump of b:2": timezone.now()}.items():
        Heartbeat.objects.create(name=name, at=at)
    cluster.forget_heartbeats()
    assert set(Heartbeat.objects.values_list("name", flat=True)) == {"pump", "pump of b:2"}


@pytest.mark.django_db
def test_two_sweeps_left_by_a_race_become_one_and_hinder_no_start() -> None:
    for _ in range(2):
        Schedule.objects.create(name="trackbridge sweep", func="tracking.tasks.run_sweep")
    tasks.ensure_schedules()
    tasks.ensure_schedules()
    assert Schedule.objects.filter(name="trackbridge sweep").count() == 1


def test_a_cluster_that_died_with_the_database_is_started_when_the_database_is_back(
    cluster: worker.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restart() -> None:
        raise DatabaseError("the database system is starting up")

    cluster.process, cluster.guard = Gone(), Alive()  # type: ignore[assignment]
    monkeypatch.setattr(cluster, "restart", restart)
    assert cluster.watch() is False
