"""A queue that is pulled: nothing is deleted before it is kept, and nothing is worked twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import DatabaseError

from stores.models import Project
from tests import factories as make
from tests.sqs import FakeSqs
from tracking.enums import ProblemKind, ReceiptState
from tracking.models import Problem, Receipt
from tracking.services import pull

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sqs() -> Iterator[FakeSqs]:
    sqs = FakeSqs()
    yield sqs
    sqs.close()


@pytest.fixture
def project(sqs: FakeSqs) -> Project:
    return make.make_project(key="demo", inbound_type="sqs", inbound_options=sqs.options, inbound_secret="s3cr3t")


def body(number: int) -> str:
    """A change notification about something that is no order, so that nothing follows from it."""
    resource = {"typeId": "store", "id": f"store-{number}"}
    return json.dumps({"notificationType": "ResourceUpdated", "projectKey": "demo", "resource": resource, "version": 2})


def test_everything_is_taken_in_and_deleted_without_waiting(sqs: FakeSqs, project: Project) -> None:
    for number in range(25):
        sqs.send(body(number))
    call_command("work", "--once")
    assert (sqs.messages, Receipt.objects.count(), set(sqs.waits)) == ({}, 25, {0})


def test_what_cannot_be_stored_stays_in_the_queue(
    sqs: FakeSqs, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs.send(body(1))

    def fails(*_: object) -> int:
        raise DatabaseError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(pull, "store_receipts", fails)
        with pytest.raises(DatabaseError):
            pull.pull_what_is_there()
    assert len(sqs.messages) == 1
    sqs.show_again()
    assert pull.pull_what_is_there() == 1
    assert (sqs.messages, Receipt.objects.count()) == ({}, 1)


def test_a_death_before_the_deletion_leaves_one_receipt(
    sqs: FakeSqs, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs.send(body(1))
    with monkeypatch.context() as patched:
        patched.setattr(pull.SqsQueue, "delete", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            pull.pull_what_is_there()
    assert (len(sqs.messages), Receipt.objects.count()) == (1, 1)
    sqs.show_again()
    pull.pull_what_is_there()
    assert (sqs.messages, Receipt.objects.count()) == ({}, 1)


def test_what_can_never_be_read_is_kept_and_deleted(sqs: FakeSqs, project: Project) -> None:
    sqs.send("no json")
    call_command("work", "--once")
    assert sqs.messages == {}
    assert Receipt.objects.get().state == ReceiptState.QUARANTINED


def test_a_queue_that_refuses_us_is_a_problem_until_it_does_not(
    sqs: FakeSqs, project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    for refusal, kind in [
        ((403, "AccessDeniedException"), ProblemKind.UPSTREAM_PAUSED),
        ((503, "ServiceUnavailable"), ProblemKind.UPSTREAM_DOWN),
    ]:
        sqs.refusal = refusal
        pull.pull_what_is_there()
        assert list(Problem.objects.filter(closed_at=None).values_list("kind", "subject")) == [(kind, "sqs:demo")]
        sqs.refusal = None
        pull.pull_what_is_there()
        assert not Problem.objects.filter(closed_at=None).exists()
    assert "s3cr3t" not in "".join(capfd.readouterr())


def test_the_worker_follows_a_queue_waits_long_and_stops(sqs: FakeSqs, project: Project) -> None:
    sqs.send(body(1))
    kicked = threading.Event()
    pullers = pull.Pullers(kicked.set)
    pullers.look()
    assert kicked.wait(30)
    ((thread, _),) = pullers.running.values()
    Project.objects.update(is_active=False)
    pullers.look()
    thread.join(30)
    assert (thread.is_alive(), pullers.running, sqs.messages, set(sqs.waits)) == (False, {}, {}, {20})
