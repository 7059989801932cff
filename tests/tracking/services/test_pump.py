"""The engine on bad days: poison among receipts, jobs that fail for reasons of our own, workers that were overtaken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from stores.models import Project
from tests.clients.scripted import ScriptedServer
from tests.factories import make_account, make_job, make_parcel, make_project, make_tracking
from tests.tracking.services.conftest import Clock
from tests.tracking.services.snapshots import document, receipt, scan
from tracking.clients.errors import AccountStopped, BudgetSpent, NotFound, Refused, RetryLater
from tracking.enums import JobKind, ProblemKind, ReceiptState
from tracking.models import Heartbeat, Job, Problem, Receipt
from tracking.services import connections, jobs, pump
from tracking.services.receive import replay

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


def open_problems() -> list[tuple[str, str]]:
    return list(Problem.objects.filter(closed_at=None).order_by("pk").values_list("kind", "cause"))


# ── receipts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def poison(clock: Clock) -> Receipt:
    """The 25th of 50 webhooks: its account was deleted after it had come, so that it fails for a reason of our own."""
    tracking = make_tracking(make_account(key="main"), updated_at=None)
    for number in range(1, 51):
        endpoint = "deleted-account" if number == 25 else "main"
        receipt(document(tracking.pk, number, checkpoints=[scan(number)]), endpoint=endpoint)
        clock.forward(0.001)
    return Receipt.objects.get(endpoint="deleted-account")


def test_one_poison_receipt_among_fifty_delays_only_itself(
    poison: Receipt, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    assert pump.drain_receipts() == 50
    assert Receipt.objects.filter(state=ReceiptState.DONE, attempts=0).count() == 49
    poison.refresh_from_db()
    assert (poison.state, poison.attempts, poison.processed_at) == (ReceiptState.PENDING, 1, None)
    assert poison.outcome == "DoesNotExist: AfterShipAccount matching query does not exist."
    assert clock.moment < poison.next_attempt_at <= clock.after(1)
    assert "a receipt failed" in caplog.text
    assert pump.drain_receipts() == 0


def test_the_poison_ends_in_quarantine_with_its_cause_after_ten_tries(poison: Receipt, clock: Clock) -> None:
    for attempts in range(1, 11):
        pump.drain_receipts()
        poison.refresh_from_db()
        assert (poison.attempts, poison.state == ReceiptState.QUARANTINED) == (attempts, attempts == 10)
        clock.forward(1000)
    assert poison.outcome == "DoesNotExist: AfterShipAccount matching query does not exist."
    assert pump.drain_receipts() == 0


def test_poison_whose_cause_was_mended_is_replayed(poison: Receipt, clock: Clock) -> None:
    Receipt.objects.filter(pk=poison.pk).update(state=ReceiptState.QUARANTINED, attempts=10, outcome="DoesNotExist: …")
    make_account(key="deleted-account")
    assert replay([poison.pk]) == 1
    pump.drain_receipts()
    poison.refresh_from_db()
    assert (poison.state, poison.attempts) == (ReceiptState.IGNORED, 0)
    assert poison.outcome.startswith("unknown tracking: ")


def test_receipts_are_taken_oldest_first(clock: Clock) -> None:
    tracking = make_tracking(make_account(key="main"), updated_at=None)
    for hour in (3, 1, 2):
        receipt(document(tracking.pk, hour), endpoint="main")
        clock.forward(1)
    for hour in (3, 1, 2):
        assert pump.drain_receipts(1) == 1
        newest = Receipt.objects.filter(state=ReceiptState.DONE).order_by("-pk").first()
        assert f"0{hour + 8}:00:00".encode()[-8:] in bytes(newest.body)


def test_a_fresh_receipt_does_not_wait_for_a_backlog_of_older_ones(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_account(key="main")
    pks, batches, handle = [], [], pump.handle
    for second in range(2 * pump.RECEIPT_BATCH + 50):
        pks.append(receipt(document("t", second), endpoint="main").pk)
        clock.forward(0.01)

    def note_and_handle(receipts: list[Receipt]) -> int:
        batches.append([one.pk for one in receipts])
        return handle(receipts)

    monkeypatch.setattr(pump, "handle", note_and_handle)
    assert pump.pump(600).receipts == len(pks)
    assert batches[:3] == [pks[:200], pks[-200:], pks[200:-200]], "from both ends, each in order"


def test_a_failing_receipt_takes_nothing_of_its_work_with_it(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    tracking = make_tracking(make_account(key="main"), updated_at=None)
    make_parcel(tracking=tracking)
    receipt(document(tracking.pk, 1, "Delivered", "Delivered_001", checkpoints=[scan(1)]), endpoint="main")

    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pump, "note_messages", fails)  # after the webhook was applied, before its end was saved
    pump.drain_receipts()
    tracking.refresh_from_db()
    assert tracking.updated_at is None
    assert not tracking.checkpoints.exists()
    assert not Job.objects.exists()


def test_while_the_database_is_down_no_receipt_is_blamed_for_it(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    one = receipt(document("t", 1), endpoint="main")

    def is_down(*_: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(pump, "handle", is_down)
    with pytest.raises(OperationalError):
        pump.drain_receipts()
    with pytest.raises(OperationalError):
        pump.drain_one(one.pk)
    one.refresh_from_db()
    assert (one.state, one.attempts) == (ReceiptState.PENDING, 0)


def test_words_of_an_error_are_kept_without_anybodys_address(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    one = receipt(document("t", 1), endpoint="main")

    def fails(*_: Any) -> None:
        raise ValueError("null\0 value for anna.muster@example.com\nDETAIL: Failing row contains (7, Anna Muster).")

    monkeypatch.setattr(pump, "apply_receipts", fails)
    pump.drain_receipts()
    one.refresh_from_db()
    assert one.outcome == "ValueError: null␀ value for [personal]"


# ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def project() -> Project:
    return make_project(key="demo")


Fail = Callable[[Exception], None]


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """From now on, pushing a tracking raises this."""

    def fail(error: Exception) -> None:
        def handler(subject: str) -> None:
            raise error

        monkeypatch.setitem(pump.HANDLERS, JobKind.PUSH, handler)

    return fail


def push_job(clock: Clock, **facts: Any) -> Job:
    times = {"next_attempt_at": clock.moment, "due_since": clock.moment}
    return make_job(**{"kind": JobKind.PUSH, "subject": "t-1", "upstream": "aftership:main"} | times | facts)


def run_one() -> Job:
    """Claim the one due job and run it; the row as it is afterwards."""
    (job,) = jobs.claim(10)
    pump.run_job(job)
    return Job.objects.get(pk=job.pk)


def test_a_failure_of_our_own_is_loud_tried_again_and_finally_a_dead_letter(
    clock: Clock, fail: Fail, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.JOB_MAX_ATTEMPTS = 3
    fail(ZeroDivisionError("division by anna.muster@example.com"))
    push_job(clock)
    for attempts in (1, 2):
        job = run_one()
        assert (job.attempts, job.dead_at, job.last_error_code) == (attempts, None, "internal")
        assert clock.moment < job.next_attempt_at <= clock.after(2)
        clock.forward(2)
    assert caplog.text.count("a job failed for a reason of our own") == 2
    assert "ZeroDivisionError" in caplog.text
    job = run_one()
    assert job.dead_at == clock.moment
    assert job.last_error == "ZeroDivisionError: division by [personal] (tried 3 times)"
    assert open_problems() == [(ProblemKind.DEAD_LETTER, f"push: {job.last_error}")]


def test_a_dead_letter_that_was_requeued_and_works_closes_its_problem(
    clock: Clock, fail: Fail, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.JOB_MAX_ATTEMPTS = 1
    fail(ZeroDivisionError())
    push_job(clock)
    run_one()
    assert jobs.requeue(Job.objects.all()) == 1
    monkeypatch.setitem(pump.HANDLERS, JobKind.PUSH, lambda subject: None)
    job = run_one()
    assert (job.done, job.dead_at, job.attempts, job.last_error_code) == (1, None, 0, "")
    assert Problem.objects.get().closed_reason == "It worked."


def test_a_job_that_keeps_killing_its_worker_becomes_a_dead_letter_without_being_run_again(
    clock: Clock, fail: Fail, settings: Any
) -> None:
    settings.JOB_MAX_ATTEMPTS = 2
    push_job(clock)
    for _ in range(2):
        jobs.claim(1)  # and the worker dies
        clock.forward(settings.JOB_LEASE_SECONDS)
    fail(AssertionError("run all the same"))
    job = run_one()
    assert (job.dead_at, job.last_error_code) == (clock.moment, "crash")
    assert job.last_error == "It never came to an end (tried 2 times)"
    assert [kind for kind, _ in open_problems()] == [ProblemKind.DEAD_LETTER]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("aftership", "4005", "The number is invalid.", 400), "4005"),
        (NotFound("aftership", "4004", "Gone.", 404), "4004"),
    ],
)
def test_what_is_refused_is_a_dead_letter_at_once_in_the_upstreams_words(
    clock: Clock, fail: Fail, error: Refused, code: str
) -> None:
    fail(error)
    push_job(clock)
    job = run_one()
    assert (job.attempts, job.dead_at, job.last_error_code) == (1, clock.moment, code)
    assert open_problems() == [(ProblemKind.DEAD_LETTER, f"push: {error}")]


def test_a_spent_budget_costs_no_try(clock: Clock, fail: Fail) -> None:
    fail(BudgetSpent("aftership", "budget", "used up", retry_after_seconds=0.4))
    push_job(clock)
    job = run_one()
    assert (job.attempts, job.next_attempt_at, job.dead_at) == (0, clock.after(0.4), None)


def test_what_may_work_later_waits_at_least_as_long_as_the_upstream_asked(clock: Clock, fail: Fail) -> None:
    fail(RetryLater("aftership", "429", "Slow down.", 429, retry_after_seconds=33))
    push_job(clock)
    job = run_one()
    assert (job.attempts, job.next_attempt_at, job.last_error_code) == (1, clock.after(33), "429")
    assert open_problems() == []


def test_refused_credentials_cost_no_try_and_pause_the_connection(clock: Clock, fail: Fail) -> None:
    account = make_account(key="main")
    fail(AccountStopped("aftership", "401", "The API key is invalid.", 401))
    push_job(clock)
    job = run_one()
    account.refresh_from_db()
    assert (job.attempts, job.next_attempt_at) == (0, clock.after(30))
    assert account.paused_until == clock.after(30)
    assert open_problems() == [(ProblemKind.UPSTREAM_PAUSED, "aftership 401: The API key is invalid.")]


def test_an_overtaken_worker_that_gives_up_opens_no_problem(clock: Clock, fail: Fail, settings: Any) -> None:
    fail(Refused("aftership", "4005", "The number is invalid.", 400))
    push_job(clock)
    (overtaken,) = jobs.claim(1)
    clock.forward(settings.JOB_LEASE_SECONDS + 1)
    (second,) = jobs.claim(1)
    assert jobs.finish(second)
    pump.run_job(overtaken)
    assert Job.objects.get().dead_at is None
    assert open_problems() == []


@pytest.mark.django_db(transaction=True)
def test_http_inside_a_transaction_is_refused_and_never_sent(server: ScriptedServer) -> None:
    project = make_project(api_url=server.url, auth_url=server.url)
    with transaction.atomic(), pytest.raises(RuntimeError, match="HTTP inside a database transaction"):
        connections.commercetools(project).get_order("o-1")
    assert server.asked == []


@pytest.mark.django_db(transaction=True)
def test_a_job_is_run_outside_of_any_transaction_with_its_claim_committed(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, int]] = []

    def handler(subject: str) -> None:
        seen.append((connection.in_atomic_block, Job.objects.get().attempts))

    monkeypatch.setitem(pump.HANDLERS, JobKind.PUSH, handler)
    push_job(clock)
    run_one()
    assert seen == [(False, 1)]


# ── the pump ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pump_shows_life_and_lets_the_next_kick_be_queued(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    Heartbeat.objects.create(name="pump", kicked_at=clock.moment)
    assert pump.pump(5) == pump.Pumped(0, 0)
    assert Heartbeat.objects.values_list("name", "at", "kicked_at").get() == ("pump", clock.moment, None)


def test_a_pump_looks_once_more_for_those_who_take_its_kick_for_granted() -> None:
    began_at = time.monotonic()
    pump.pump(5)
    assert time.monotonic() - began_at > pump.LEAST_SECONDS


def test_a_pump_ends_when_its_time_is_over_though_there_is_more(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr(pump.time, "monotonic", lambda: next(ticks))
    monkeypatch.setitem(pump.HANDLERS, JobKind.PUSH, lambda subject: None)
    for number in range(50):
        push_job(clock, subject=f"t-{number}")
    done = pump.pump(10)
    assert 0 < done.jobs < 50
    assert Job.objects.filter(done=1).count() == done.jobs


def test_every_kind_of_job_has_a_handler() -> None:
    assert set(pump.HANDLERS) == set(JobKind)
