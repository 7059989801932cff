"""What the database itself refuses, by the names of its constraints; and what support reads aloud."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from tests.factories import (
    make_account,
    make_attempt,
    make_checkpoint,
    make_job,
    make_order,
    make_parcel,
    make_problem,
    make_project,
    make_receipt,
    make_tracking,
)
from tests.plugin import IS_SQLITE
from tracking.enums import JobKind, ReceiptState, Source
from tracking.models import Order, Parcel, Problem, Receipt, Refusal, Tracking

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def twice(make: Callable[..., Any], **facts: Any) -> Callable[[], None]:
    def make_two() -> None:
        for _ in range(2):
            make(**{name: fact() if callable(fact) else fact for name, fact in facts.items()})

    return make_two


def two_orders() -> None:
    project = make_project()
    for _ in range(2):
        make_order(project, commercetools_id="o-1")


def two_parcels() -> None:
    order = make_order()
    for _ in range(2):
        make_parcel(order, commercetools_id="p-1")


def two_trackings(**facts: Any) -> Callable[[], None]:
    def make_two() -> None:
        account = make_account()
        for number in range(2):
            make_tracking(account, **{name: fact(number) if callable(fact) else fact for name, fact in facts.items()})

    return make_two


def two_checkpoints() -> None:
    tracking = make_tracking()
    for _ in range(2):
        make_checkpoint(tracking, fingerprint="f" * 40)


def two_refusals() -> None:
    for _ in range(2):
        Refusal.objects.create(source=Source.AFTERSHIP, endpoint="main", reason="signature_wrong", day=NOW.date())


REFUSED: dict[str, Callable[[], Any]] = {
    "receipt_once_per_event": twice(make_receipt, event_id="e-1"),
    "receipt_event_id_not_blank": lambda: make_receipt(event_id=""),
    "receipt_state_known": lambda: make_receipt(state="lost"),
    "refusal_once_per_day": two_refusals,
    "order_once_per_project": two_orders,
    "order_has_correlation_id": lambda: make_order(correlation_id=""),
    "order_version_positive": lambda: make_order(version=0),
    "parcel_once_per_order": two_parcels,
    "tracking_once_per_aftership_id": two_trackings(aftership_id="a-1"),
    "tracking_number_once_while_live": two_trackings(tracking_number="1Z1", aftership_id=""),
    "tracking_has_number": lambda: make_tracking(tracking_number=""),
    "tracking_status_known": lambda: make_tracking(status="teleported"),
    "checkpoint_once_per_tracking": two_checkpoints,
    "job_once_per_subject": twice(make_job, kind=JobKind.PUSH, subject="t-1"),
    "job_done_not_above_want": lambda: make_job(want=1, done=2),
    "job_kind_known": lambda: make_job(kind="dance"),
    "problem_open_once_per_subject": twice(make_problem, subject="order:1"),
    "problem_kind_known": lambda: Problem.objects.filter(pk=make_problem().pk).update(kind="boredom"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_database_refuses(name: str) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        REFUSED[name]()
    if not IS_SQLITE:  # SQLite names the columns of a unique index, not its name
        assert name in str(caught.value)


ALLOWED: dict[str, Callable[[], Any]] = {
    "one event id at two endpoints": lambda: [make_receipt(event_id="e", endpoint=key) for key in ("main", "other")],
    "one order id in two projects": lambda: [make_order(commercetools_id="o-1") for _ in range(2)],
    "trackings that AfterShip does not have yet": two_trackings(aftership_id=""),
    "a number again once the first tracking is retired": two_trackings(
        tracking_number="1Z1", retired_at=lambda number: NOW if number == 0 else None
    ),
    "a number with two couriers": two_trackings(tracking_number="1Z1", requested_courier=lambda number: f"c-{number}"),
    "a problem again once it was closed": lambda: [
        make_problem(subject="order:1", closed_at=at) for at in (NOW, NOW, None)
    ],
    "an order that was not read yet": lambda: make_order(version=None),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_the_database_allows(name: str) -> None:
    ALLOWED[name]()


def test_an_account_with_trackings_and_a_project_with_orders_cannot_be_deleted() -> None:
    tracking, order = make_tracking(), make_order()
    with pytest.raises(ProtectedError):
        tracking.account.delete()
    with pytest.raises(ProtectedError):
        order.project.delete()


def test_a_tracking_that_a_parcel_shows_cannot_be_deleted() -> None:
    parcel = make_parcel(tracking=make_tracking())
    with pytest.raises(ProtectedError):
        parcel.tracking.delete()


def test_a_deleted_order_takes_its_parcels_and_problems_along_and_leaves_the_tracking() -> None:
    tracking = make_tracking()
    parcel = make_parcel(tracking=tracking)
    make_problem(parcel=parcel)
    parcel.order.delete()
    assert not Parcel.objects.exists()
    assert not Problem.objects.exists()
    assert Tracking.objects.get() == tracking


def test_an_attempt_outlives_its_job() -> None:
    attempt = make_attempt()
    attempt.job.delete()
    attempt.refresh_from_db()
    assert attempt.job is None


def test_any_bytes_survive_in_a_receipt() -> None:
    body = bytes(range(256)) * 10
    make_receipt(body=body, state=ReceiptState.PENDING)
    assert bytes(Receipt.objects.get().body) == body


def test_a_tracking_has_a_key_that_aftership_takes_as_its_id() -> None:
    tracking = Tracking.objects.create(account=make_account(), tracking_number="1Z1", correlation_id="K7MQ-2XRT")
    assert len(tracking.pk) == 32
    assert set(tracking.pk) <= set("0123456789abcdef")


def test_what_support_reads_aloud() -> None:
    tracking = make_tracking(tracking_number="0034", courier="dhl-germany")
    assert str(tracking) == "dhl-germany 0034"
    tracking.courier, tracking.requested_courier = "", ""
    assert str(tracking) == "? 0034"
    assert str(Order(commercetools_id="o-1", order_number="CT-7")) == "CT-7"
    assert str(Order(commercetools_id="o-1")) == "o-1"
    assert str(Parcel(commercetools_id="p-1")) == "p-1"
    assert str(make_job(kind=JobKind.PUSH, subject="t-1")) == "push t-1"
    assert str(make_attempt(method="POST", path="/trackings", status=None, code="timeout")) == "POST /trackings timeout"
    assert str(Problem(kind="refused", cause="4005: no")) == "Refused upstream: 4005: no"


def test_every_model_has_its_migration() -> None:
    call_command("makemigrations", "--check", "--dry-run", "stores", "tracking", verbosity=0)
