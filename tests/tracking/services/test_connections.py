"""Pausing a connection that refuses us or is down, trying it with one job at a time, and one token for all."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from stores.models import AfterShipAccount, Project
from tests.factories import make_account, make_job, make_project
from tests.tracking.services.conftest import Clock
from tracking.clients.commercetools import Token
from tracking.clients.errors import AccountStopped, RetryLater
from tracking.enums import JobKind, ProblemKind
from tracking.models import Job, Problem
from tracking.services import connections, jobs, pump
from tracking.services.connections import IS_DOWN, REFUSES_US, Probe, closed_upstreams, gate, resume

pytestmark = pytest.mark.django_db
KEY = "aftership:main"
REFUSED = AccountStopped("aftership", "401", "The API key is invalid.", 401)
DOWN = RetryLater("aftership", "503", "Service unavailable.", 503)


@pytest.fixture
def account(clock: Clock) -> AfterShipAccount:
    return make_account(key="main")


def pause(*, is_probe: bool = False) -> float:
    return connections.pause(KEY, REFUSED, REFUSES_US, correlation_id="K7MQ-2XRT", is_probe=is_probe)


def test_each_failed_probe_doubles_the_pause_up_to_its_limit(account: AfterShipAccount, clock: Clock) -> None:
    waits = [pause()]
    for _ in range(6):
        clock.forward(waits[-1])
        waits.append(pause(is_probe=True))
    assert waits == [30, 60, 120, 240, 480, 900, 900]
    account.refresh_from_db()
    assert account.paused_until == clock.after(900)
    assert Problem.objects.get().occurrences == 7


def test_calls_that_were_under_way_when_the_pause_began_do_not_prolong_it(
    account: AfterShipAccount, clock: Clock
) -> None:
    assert pause() == 30
    clock.forward(3)
    assert [pause() for _ in range(7)] == [27] * 7
    account.refresh_from_db()
    assert (account.pause_seconds, account.paused_until) == (30, clock.after(27))


def test_eight_jobs_that_fail_side_by_side_are_one_pause(
    account: AfterShipAccount, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(subject: str) -> None:
        raise REFUSED

    monkeypatch.setitem(pump.HANDLERS, JobKind.PUSH, refuse)
    times = {"next_attempt_at": clock.moment, "due_since": clock.moment}
    for number in range(8):
        make_job(kind=JobKind.PUSH, subject=f"t-{number}", upstream=KEY, **times)
    for job in jobs.claim(8):  # all of them claimed before the first one fails
        pump.run_job(job)
    account.refresh_from_db()
    assert account.pause_seconds == 30
    assert set(Job.objects.values_list("attempts", "next_attempt_at")) == {(0, clock.after(30))}


def test_five_calls_in_a_row_that_find_it_down_pause_it(account: AfterShipAccount, clock: Clock) -> None:
    for failures in range(1, 6):
        assert closed_upstreams() == []
        connections.found_down(KEY, DOWN, correlation_id="K7MQ-2XRT")
        account.refresh_from_db()
        assert account.failures == failures
    assert closed_upstreams() == [KEY]
    assert (account.pause_seconds, account.paused_until) == (IS_DOWN.first, clock.after(IS_DOWN.first))
    assert Problem.objects.get().kind == ProblemKind.UPSTREAM_DOWN


def test_one_call_that_works_in_between_starts_the_count_anew(account: AfterShipAccount, clock: Clock) -> None:
    for _ in range(3):
        for _ in range(4):
            connections.found_down(KEY, DOWN, correlation_id="K7MQ-2XRT")
        resume(KEY)
    assert closed_upstreams() == []
    assert not Problem.objects.exists()


def test_resuming_lifts_the_pause_and_closes_the_problem(account: AfterShipAccount, clock: Clock) -> None:
    pause()
    resume(KEY)
    account.refresh_from_db()
    assert (account.pause_seconds, account.paused_until, account.failures) == (0, None, 0)
    assert Problem.objects.get().closed_reason == "It answers again."
    assert gate().closed == []


def test_resuming_what_is_not_paused_is_one_query(account: AfterShipAccount, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        resume(KEY)


def test_another_account_is_not_touched(account: AfterShipAccount, clock: Clock) -> None:
    make_account(key="other")
    make_project(key="main")
    pause()
    assert gate().closed == [KEY]


def probed() -> list[str]:
    return [probe.key for probe in gate().probes]


class TestTheGate:
    def test_while_the_pause_lasts_nobody_gets_a_probe(self, account: AfterShipAccount, clock: Clock) -> None:
        pause()
        clock.forward(29)
        assert (gate().closed, gate().probes) == ([KEY], [])

    def test_when_it_is_over_one_looker_gets_the_probe(self, account: AfterShipAccount, clock: Clock) -> None:
        pause()
        clock.forward(30)
        assert [probed() for _ in range(3)] == [[KEY], [], []]
        assert gate().closed == [KEY], "for all other jobs it stays closed"

    def test_a_probe_whose_worker_was_killed_lets_the_next_one_follow(
        self, account: AfterShipAccount, clock: Clock
    ) -> None:
        pause()
        clock.forward(30)
        assert probed() == [KEY]
        clock.forward(connections.PROBE_SECONDS)
        assert probed() == [KEY]

    def test_what_is_switched_off_is_never_tried(self, account: AfterShipAccount, clock: Clock) -> None:
        pause()
        AfterShipAccount.objects.update(is_active=False)
        clock.forward(3600)
        assert (gate().closed, gate().probes) == ([KEY], [])

    def test_of_many_due_jobs_one_is_the_probe_and_its_success_opens_the_way(
        self, account: AfterShipAccount, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pause()
        ran: list[str] = []
        monkeypatch.setitem(pump.HANDLERS, JobKind.PUSH, ran.append)
        times = {"next_attempt_at": clock.moment, "due_since": clock.moment}
        for number in range(5):
            make_job(kind=JobKind.PUSH, subject=f"t-{number}", upstream=KEY, **times)
        assert pump.claim_through_gate(8, ignore_debounce=False) == []
        clock.forward(30)
        ((_, probe),) = pump.claim_through_gate(8, ignore_debounce=False)
        assert probe == Probe(KEY, clock.after(connections.PROBE_SECONDS))
        assert pump.claim_through_gate(8, ignore_debounce=False) == []
        resume(KEY)
        rest = pump.claim_through_gate(8, ignore_debounce=False)
        assert [probe for _, probe in rest] == [None] * 4

    def test_a_probe_without_a_job_to_try_is_given_back(self, account: AfterShipAccount, clock: Clock) -> None:
        pause()
        clock.forward(30)
        assert pump.claim_through_gate(8, ignore_debounce=False) == []
        account.refresh_from_db()
        assert account.paused_until == clock.after(1)


def test_the_access_token_is_one_for_all_and_encrypted(clock: Clock) -> None:
    project = make_project(key="demo")
    token = Token(value="ct-access-token", expires_at=clock.moment + timedelta(days=2))
    assert connections.SharedToken(project).load() is None
    connections.SharedToken(project).save(token)
    assert connections.SharedToken(Project.objects.get()).load() == token
    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token FROM stores_project")
        assert "ct-access-token" not in str(cursor.fetchone()[0])


@pytest.mark.sqlite
def test_a_clock_is_looked_at_once_a_minute_and_kept_where_it_moved(
    account: AfterShipAccount, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    make_account(key="other")
    noted_at = {KEY: time.monotonic() - 60}
    monkeypatch.setattr(connections, "_clock_noted_at", noted_at)
    kept = []
    for skew, later, queries in [(40.04, 0, 1), (90, 30, 0), (40.9, 60, 1), (42, 60, 1), (-31, 60, 1)]:
        noted_at[KEY] -= later
        with django_assert_num_queries(queries):
            connections.note_clock(KEY, skew)
        account.refresh_from_db()
        kept.append(account.clock_skew_seconds)
    assert kept == [40.0, 40.0, 40.0, 42.0, -31.0]
    assert connections.clock_skews() == {KEY: -31.0}


def test_a_connection_that_is_switched_off_has_no_clock_to_mind(account: AfterShipAccount) -> None:
    AfterShipAccount.objects.update(is_active=False, clock_skew_seconds=99)
    assert connections.clock_skews() == {}
