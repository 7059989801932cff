"""/healthz and /readyz: what they say when a part does not work, and that they say no more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from config import health
from tests import factories as make
from tests.ages import aged
from tracking.enums import JobKind, ReceiptState, Source
from tracking.models import Heartbeat, Job, Receipt
from tracking.services import backlog
from tracking.services.jobs import BACKFILL

pytestmark = pytest.mark.django_db


def ago(seconds: float) -> datetime:
    return timezone.now() - timedelta(seconds=seconds)


@pytest.fixture
def beating_worker(db: None) -> Heartbeat:
    return Heartbeat.objects.create(name="worker", at=ago(5))


def make_receipt(age_seconds: float, **changes: Any) -> Receipt:
    facts: dict[str, Any] = {
        "source": Source.AFTERSHIP,
        "endpoint": "main",
        "event_id": f"event-{age_seconds}",
        "body": b"{}",
        "state": ReceiptState.PENDING,
        "next_attempt_at": ago(age_seconds),
        "request_id": "K7MQ-2XRT",
        "correlation_id": "K7MQ-2XRT",
        "received_at": ago(age_seconds),
    }
    return Receipt.objects.create(**facts | changes)


def make_job(due_seconds_ago: float, **changes: Any) -> Job:
    facts: dict[str, Any] = {
        "kind": JobKind.COLLECT,
        "subject": f"order-{due_seconds_ago}",
        "upstream": "commercetools:demo",
        "correlation_id": "K7MQ-2XRT",
        "next_attempt_at": ago(due_seconds_ago),
        "due_since": ago(due_seconds_ago),
    }
    return Job.objects.create(**facts | changes)


def readyz(client: Client) -> tuple[int, dict[str, Any]]:
    response = client.get("/readyz")
    return response.status_code, response.json()


def test_alive_asks_the_database_nothing(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


def test_database_that_is_away_is_named_without_its_words(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_recorder: MigrationRecorder) -> None:
        raise OperationalError("connection to 10.1.2.3 failed: password swordfish")

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", refuse)
    status, body = readyz(client)
    assert (status, body) == (
        503,
        {"status": "not ready", "failing": ["database"], "parts": {"database": {"ok": False}}},
    )


def test_unapplied_migration_is_counted_and_nothing_else_is_asked(client: Client) -> None:
    MigrationRecorder(connection).record_unapplied("tracking", "0001_initial")
    status, body = readyz(client)
    assert (status, body["failing"]) == (503, ["migrations"])
    assert body["parts"] == {"database": {"ok": True}, "migrations": {"ok": False, "unapplied": 1}}


def test_without_any_sign_of_a_worker_it_is_not_ready(client: Client) -> None:
    status, body = readyz(client)
    assert (status, body["failing"]) == (503, ["worker"])
    assert body["parts"]["worker"] == {"ok": False, "beat_seconds": None}


def test_worker_that_has_gone_silent(client: Client) -> None:
    Heartbeat.objects.create(name="worker", at=ago(health.BEAT_LIMIT_SECONDS + 5))
    assert readyz(client)[1]["failing"] == ["worker"]


def test_receipt_that_nobody_works_on(client: Client, beating_worker: Heartbeat) -> None:
    make_receipt(30)
    make_receipt(health.RECEIPT_LIMIT_SECONDS + 5)
    status, body = readyz(client)
    assert (status, body["failing"]) == (503, ["receipts"])
    assert body["parts"]["receipts"]["oldest_seconds"] == aged(305)


def test_job_that_nobody_claims(client: Client, beating_worker: Heartbeat) -> None:
    make_job(health.JOB_LIMIT_SECONDS + 5)
    status, body = readyz(client)
    assert (status, body["failing"]) == (503, ["jobs"])
    assert body["parts"]["jobs"]["oldest_seconds"] == aged(305)


def test_finished_dead_and_backing_off_work_is_not_waiting(client: Client, beating_worker: Heartbeat) -> None:
    make_receipt(9000, state=ReceiptState.QUARANTINED)
    make_job(9000, want=3, done=3)
    make_job(9001, dead_at=ago(10))
    make_job(-60, due_since=ago(9000), attempts=7)
    status, body = readyz(client)
    assert (status, body["failing"]) == (200, [])
    assert body["parts"]["receipts"]["oldest_seconds"] is body["parts"]["jobs"]["oldest_seconds"] is None


def test_work_of_a_paused_connection_is_held_back_and_nobodys_fault(client: Client, beating_worker: Heartbeat) -> None:
    make.make_project(key="demo", pause_seconds=900, paused_until=ago(-800))
    make_job(9000)
    make_job(10, upstream="aftership:main")
    status, body = readyz(client)
    assert (status, body["parts"]["connections"]) == (200, {"ok": True, "paused": 1})
    jobs = body["parts"]["jobs"]
    assert (jobs["waiting"], jobs["held_back"]) == (1, 1)
    assert jobs["oldest_seconds"] == aged(10)


def test_what_waits_for_a_person_is_told_and_does_not_make_it_unready(
    client: Client, beating_worker: Heartbeat
) -> None:
    make_job(9001, dead_at=ago(3600))
    make_receipt(7200, state=ReceiptState.QUARANTINED)
    status, body = readyz(client)
    assert (status, body["failing"]) == (200, [])
    assert body["parts"]["dead_letters"] == {"ok": True, "number": 1, "oldest_seconds": aged(3600)}
    assert body["parts"]["quarantined"] == {"ok": True, "number": 1, "oldest_seconds": aged(7200)}


def test_nothing_waits_and_nothing_will_take_long(client: Client, beating_worker: Heartbeat) -> None:
    parts = readyz(client)[1]["parts"]
    assert parts["receipts"] == {"ok": True, "oldest_seconds": None, "waiting": 0, "drained_in_seconds": 0}
    assert parts["jobs"] == {
        "ok": True,
        "oldest_seconds": None,
        "waiting": 0,
        "drained_in_seconds": 0,
        "held_back": 0,
    }


def test_how_long_it_takes_is_unknown_while_nothing_moves(client: Client, beating_worker: Heartbeat) -> None:
    make_receipt(20)
    make_receipt(9000, state=ReceiptState.DONE, processed_at=ago(backlog.WINDOW.total_seconds() + 5))
    make_job(20)
    make.make_attempt(make_job(9001, done=1), outcome="retry")
    parts = readyz(client)[1]["parts"]
    assert (parts["receipts"]["drained_in_seconds"], parts["jobs"]["drained_in_seconds"]) == (None, None)


def test_how_long_it_takes_follows_the_pace_of_the_last_minutes(client: Client, beating_worker: Heartbeat) -> None:
    for second in range(6):
        make_receipt(20 + second)
        make_job(20 + second)
    for second in range(3):
        make_receipt(9000 + second, state=ReceiptState.DONE, processed_at=ago(30))
    job = make_job(9000, done=1)
    make.make_attempt(job)
    make.make_attempt(job)
    parts = readyz(client)[1]["parts"]
    window = backlog.WINDOW.total_seconds()
    assert parts["receipts"]["drained_in_seconds"] == 6 / 3 * window
    assert parts["jobs"]["drained_in_seconds"] == 6 / 1 * window


def test_clocks_that_agree(client: Client, beating_worker: Heartbeat) -> None:
    clock = readyz(client)[1]["parts"]["clock"]
    assert clock["ok"]
    assert clock["skew_seconds"] == pytest.approx(0, abs=4)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no clock but ours")
def test_database_with_another_clock_makes_leases_unsafe(
    client: Client, beating_worker: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now
    monkeypatch.setattr(backlog.timezone, "now", lambda: now() - timedelta(seconds=30))
    assert backlog.clock_skew_seconds() == pytest.approx(30, abs=4)
    Heartbeat.objects.update(at=timezone.now())
    status, body = readyz(client)
    assert (status, body["failing"]) == (503, ["clock"])


def test_an_upstream_with_another_clock_is_told_and_is_no_reason_to_be_unready(
    client: Client, beating_worker: Heartbeat
) -> None:
    assert readyz(client)[1]["parts"]["upstream_clocks"] == {"ok": True, "skewed": 0, "skew_seconds": None}
    make.make_project(clock_skew_seconds=-4000.5)
    make.make_account(clock_skew_seconds=30)
    make.make_account(clock_skew_seconds=30.1)
    status, body = readyz(client)
    assert (status, body["parts"]["upstream_clocks"]) == (200, {"ok": True, "skewed": 2, "skew_seconds": -4000.5})


def test_bulk_that_waits_for_hours_is_no_reason_to_be_unready(client: Client, beating_worker: Heartbeat) -> None:
    make_job(health.JOB_LIMIT_SECONDS + 5, priority=BACKFILL)
    make_job(20)
    status, body = readyz(client)
    assert (status, body["parts"]["jobs"]["waiting"]) == (200, 2)
    assert body["parts"]["jobs"]["oldest_seconds"] == aged(20)


@pytest.mark.sqlite
def test_ready_costs_a_dozen_queries(
    client: Client, beating_worker: Heartbeat, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(15):
        status, body = readyz(client)
    assert (status, body["status"]) == (200, "ready")


def test_probes_by_address_and_without_tls_are_answered(client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz", headers={"host": "10.2.3.4:8000"}).status_code == 200
    assert client.get("/healthz/", headers={"host": "10.2.3.4:8000"}).status_code == 200


def test_probes_are_read_only_and_never_cached(client: Client) -> None:
    assert client.post("/readyz").status_code == 405
    assert client.get("/healthz").headers["Cache-Control"] == "no-store"
