"""Hints to the queue: at most one is waiting, a lost one is replaced in time, and a broken queue breaks nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.brokers import orm
from django_q.models import Failure, OrmQ, Schedule

from tracking import tasks
from tracking.models import Heartbeat
from tracking.tasks import STALE_KICK, ensure_schedules, forget_kick, kick, run_pump, run_sweep

pytestmark = pytest.mark.django_db


def queued() -> list[str]:
    return [row.task["func"] for row in OrmQ.objects.all()]


def test_the_first_kick_queues_a_pump() -> None:
    assert kick()
    assert queued() == ["tracking.tasks.run_pump"]


def test_while_one_is_queued_no_other_is() -> None:
    assert [kick(), kick(), kick()] == [True, False, False]
    assert len(queued()) == 1


def test_a_pump_that_has_begun_lets_the_next_one_be_queued() -> None:
    kick()
    run_pump()
    assert kick()
    assert len(queued()) == 2


def test_a_kick_that_got_lost_is_queued_anew() -> None:
    kick()
    OrmQ.objects.all().delete()
    Heartbeat.objects.update(kicked_at=timezone.now() - STALE_KICK + timedelta(seconds=5))
    assert not kick(), "not yet: it may only be waiting"
    tasks.memory.forget()
    Heartbeat.objects.update(kicked_at=timezone.now() - STALE_KICK - timedelta(seconds=1))
    assert kick()
    assert len(queued()) == 1


def test_a_new_cluster_forgets_what_was_queued_for_the_one_before() -> None:
    kick()
    forget_kick()
    assert kick()


def test_while_one_is_queued_a_kick_costs_one_query_and_then_for_a_moment_none(
    django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "LEAST_SECONDS", 60)  # a moment that this test is sure to end in
    kick()
    with django_assert_num_queries(1):
        assert [kick(), kick(), kick()] == [False, False, False]


def test_a_queue_that_is_down_is_logged_and_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def is_down(*_: Any, **__: Any) -> None:
        raise ConnectionError("Error 111 connecting to redis:6379")

    monkeypatch.setattr(orm.ORM, "enqueue", is_down)
    assert not kick()
    assert "no worker could be woken" in caplog.text


def test_the_pump_is_given_its_time(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PUMP_SECONDS = 7
    given: list[float] = []
    monkeypatch.setattr(tasks, "pump", given.append)
    run_pump()
    run_sweep()
    assert given == [7, 7]


def test_the_sweep_is_scheduled_once_each_minute_for_ever() -> None:
    Schedule.objects.create(name="trackbridge sweep", func="tracking.tasks.gone", schedule_type=Schedule.DAILY)
    for _ in range(2):
        ensure_schedules()
    sweep = Schedule.objects.get(name="trackbridge sweep")
    assert (sweep.func, sweep.schedule_type, sweep.minutes, sweep.repeats) == ("tracking.tasks.run_sweep", "I", 1, -1)


def test_the_sweep_drops_old_failures_of_the_queue_and_keeps_fresh_ones() -> None:
    now = timezone.now()
    for days in (6, 8):
        stopped = now - timedelta(days=days)
        Failure.objects.create(id=str(days), name=str(days), func="f", started=stopped, stopped=stopped, success=False)
    run_sweep()
    assert [failure.id for failure in Failure.objects.all()] == ["6"]
