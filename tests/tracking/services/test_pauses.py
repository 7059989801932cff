"""Pausing a connection that is down: what makes the pause longer, and how the one job that may try ends it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from stores.models import AfterShipAccount
from tests.factories import make_account
from tracking.clients.errors import RetryLater, UpstreamError
from tracking.enums import JobKind
from tracking.models import Job
from tracking.services import connections, jobs, pump

pytestmark = pytest.mark.django_db
DOWN = RetryLater("aftership", "503", "Down.", 503)
KEY = "aftership:main"


@pytest.fixture
def account() -> AfterShipAccount:
    return make_account(key="main")


def seconds_left() -> float:
    until = AfterShipAccount.objects.get().paused_until
    return (until - timezone.now()).total_seconds() if until else 0


def pause_is_over() -> None:
    AfterShipAccount.objects.update(paused_until=timezone.now() - timedelta(seconds=1))


def take_probe() -> connections.Probe:
    pause_is_over()
    (probe,) = connections.gate().probes
    return probe


def test_calls_under_way_when_the_pause_began_make_it_no_longer(account: AfterShipAccount) -> None:
    for _ in range(connections.FAILURES_BEFORE_PAUSE + 7):
        connections.found_down(KEY, DOWN, correlation_id="")
    assert AfterShipAccount.objects.get().pause_seconds == connections.IS_DOWN.first


def test_each_probe_that_fails_doubles_the_pause_up_to_a_limit(account: AfterShipAccount) -> None:
    for _ in range(connections.FAILURES_BEFORE_PAUSE):
        connections.found_down(KEY, DOWN, correlation_id="")
    found = []
    for _ in range(7):
        take_probe()
        connections.found_down(KEY, DOWN, correlation_id="", is_probe=True)
        found.append(AfterShipAccount.objects.get().pause_seconds)
    assert found == [4, 8, 15, 15, 15, 15, 15]


@pytest.mark.parametrize(
    "error", [None, RetryLater("aftership", "429", "Slow down.", 429)], ids=["no call was needed", "429"]
)
def test_a_probe_that_shows_nothing_is_given_back(
    account: AfterShipAccount, monkeypatch: pytest.MonkeyPatch, error: UpstreamError | None
) -> None:
    def push(_subject: str) -> None:
        if error:
            raise error

    monkeypatch.setitem(pump.HANDLERS, JobKind.PUSH, push)
    connections.pause(KEY, DOWN, connections.IS_DOWN, correlation_id="")
    jobs.want([jobs.Wish(JobKind.PUSH, "t-1", KEY, "K7MQ-2XRT")])
    pause_is_over()
    assert pump.Runner().start_due() == 1
    assert Job.objects.get().attempts == (1 if error else 0)
    assert 0 < seconds_left() <= 1


def test_a_probe_that_comes_late_takes_nothing_from_the_next_one(account: AfterShipAccount) -> None:
    connections.pause(KEY, DOWN, connections.IS_DOWN, correlation_id="")
    first, second = take_probe(), take_probe()
    connections.give_back(first)
    assert AfterShipAccount.objects.get().paused_until == second.until
