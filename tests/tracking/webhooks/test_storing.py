"""What is authentic is kept as it came, once, and answered 200; only our own trouble is answered 5xx."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django_q.brokers import orm
from django_q.models import OrmQ

from config import logs
from stores.models import AfterShipAccount, Project
from tests.payloads.documents import raw
from tests.tracking.webhooks import doors
from tests.tracking.webhooks.doors import SECRET, TOKEN, bearing, dumped, knock, refusals, sign, signed
from tracking.enums import ReceiptState, Source
from tracking.models import Heartbeat, Receipt

WEBHOOK = raw("aftership/webhooks/tracking_update__in_transit")
MESSAGE = raw("commercetools/message__parcel_added")
CHANGE = raw("commercetools/change__resource_updated")


def events() -> list[str]:
    return list(Receipt.objects.order_by("pk").values_list("event_id", flat=True))


# ── what is kept ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_webhook_is_kept_byte_by_byte_and_waits(account: AfterShipAccount) -> None:
    answer = signed(WEBHOOK)
    receipt = Receipt.objects.get()
    assert answer.status_code == 200
    assert answer.json() == {"received": 1, "new": 1, "correlation_id": receipt.request_id}
    assert bytes(receipt.body) == WEBHOOK
    assert (receipt.source, receipt.endpoint) == (Source.AFTERSHIP, "main")
    assert receipt.event_id == "3f1c2b9e-6d2a-4c57-8a3e-000000000002"
    assert (receipt.state, receipt.outcome, receipt.attempts) == (ReceiptState.PENDING, "", 0)
    assert receipt.next_attempt_at == receipt.received_at
    assert receipt.correlation_id == receipt.request_id


def test_the_answer_carries_the_code_of_the_receipt_never_the_senders(account: AfterShipAccount) -> None:
    answer = signed(WEBHOOK, **{"x-correlation-id": "SEND-ERID"})
    assert answer["X-Correlation-ID"] == Receipt.objects.get().request_id != "SEND-ERID"


def test_a_refusal_carries_a_code_too(account: AfterShipAccount) -> None:
    assert len(knock(doors.AFTERSHIP, b"{}", {})["X-Correlation-ID"]) == 9


def test_only_allow_listed_headers_are_kept(account: AfterShipAccount) -> None:
    signed(
        b"{}",
        **{
            "user-agent": "aftership/1",
            "as-webhook-version": "2026-07",
            "x-correlation-id": "their-code",
            "cookie": "session=1",
            "authorization": "Bearer secret-of-a-proxy",
            "x-forwarded-for": "203.0.113.7",
            "x-customer-email": "anna.muster@example.com",
        },
    )
    assert Receipt.objects.get().headers == {
        "content-type": "application/json",
        "content-length": "2",
        "user-agent": "aftership/1",
        "as-webhook-version": "2026-07",
        "x-correlation-id": "their-code",
    }


def test_a_long_header_is_cut(account: AfterShipAccount) -> None:
    signed(b"{}", **{"user-agent": "a" * 5000})
    assert Receipt.objects.get().headers["user-agent"] == "a" * 200


# ── repeats ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_repeat_is_answered_200_and_changes_nothing(account: AfterShipAccount) -> None:
    signed(WEBHOOK)
    before = Receipt.objects.values().get()
    OrmQ.objects.all().delete()
    Heartbeat.objects.all().delete()
    assert {key: value for key, value in signed(WEBHOOK).json().items() if key != "correlation_id"} == {
        "received": 1,
        "new": 0,
    }
    assert Receipt.objects.values().get() == before
    assert not OrmQ.objects.exists(), "nobody is woken for nothing"


def test_a_repeat_of_an_applied_webhook_stays_applied(account: AfterShipAccount) -> None:
    signed(WEBHOOK)
    Receipt.objects.update(state=ReceiptState.DONE)
    assert signed(WEBHOOK).status_code == 200
    assert Receipt.objects.get().state == ReceiptState.DONE


def test_without_an_event_id_the_same_bytes_are_a_repeat_and_others_are_not(account: AfterShipAccount) -> None:
    assert [signed(body).json()["new"] for body in (b"[1]", b"[1]", b"[1] ", b"", b"")] == [1, 0, 1, 1, 0]
    assert all(event.startswith("sha256:") for event in events())


def test_one_event_id_at_two_endpoints_is_two_events(account: AfterShipAccount, project: Project) -> None:
    body = dumped({"id": "same", "event_id": "same"})
    assert (signed(body).json()["new"], bearing(body).json()["new"]) == (1, 1)


# ── commercetools: plain, envelope, list ─────────────────────────────────────────────────────────────────────────────


def envelope(body: bytes) -> dict[str, Any]:
    return {"message": {"data": base64.b64encode(body).decode(), "messageId": "7"}, "subscription": "projects/p/s"}


def test_a_plain_message_is_kept_as_it_came(project: Project) -> None:
    assert bearing(MESSAGE).status_code == 200
    receipt = Receipt.objects.get()
    assert (receipt.source, receipt.endpoint) == (Source.COMMERCETOOLS, "demo")
    assert receipt.event_id == "c4a1b6de-7f11-4b5c-9d0a-000000000001"
    assert bytes(receipt.body) == MESSAGE


def test_an_envelope_is_opened(project: Project) -> None:
    bearing(dumped(envelope(MESSAGE)))
    assert bytes(Receipt.objects.get().body) == MESSAGE


def test_a_list_becomes_one_receipt_each_and_repeats_within_it_are_one(project: Project) -> None:
    message, change = json.loads(MESSAGE), json.loads(CHANGE)
    answer = bearing(dumped([message, envelope(MESSAGE), change, change, message]))
    assert (answer.json()["received"], answer.json()["new"]) == (5, 2)
    assert events() == [message["id"], f"change:{change['resource']['id']}:9"]
    assert len(set(Receipt.objects.values_list("request_id", flat=True))) == 1


def test_a_list_with_something_known_adds_only_the_rest(project: Project) -> None:
    bearing(MESSAGE)
    answer = bearing(dumped([json.loads(CHANGE), json.loads(MESSAGE)]))
    assert (answer.json()["received"], answer.json()["new"]) == (2, 1)


def test_a_list_of_junk_loses_nothing(project: Project) -> None:
    assert bearing(b'[1, "two", null, {"id": "m-4"}, [5]]').json()["new"] == 5
    assert [bytes(body) for body in Receipt.objects.order_by("pk").values_list("body", flat=True)] == [
        b"1",
        b'"two"',
        b"null",
        b'{"id": "m-4"}',
        b"[5]",
    ]


def test_a_list_too_long_to_be_honest_is_kept_whole(project: Project) -> None:
    body = b"[" + b"0," * 5000 + b"0]"
    assert bearing(body).json()["received"] == 1
    assert bytes(Receipt.objects.get().body) == body


def test_an_empty_list_is_answered_and_leaves_nothing(project: Project) -> None:
    answer = bearing(b"[]")
    assert (answer.status_code, answer.json()["received"]) == (200, 0)
    assert doors.nothing_was_done()


# ── size ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("knock_with", "source"), [(signed, "aftership"), (bearing, "commercetools")])
def test_a_body_over_the_limit_is_refused_and_leaves_only_a_count(
    account: AfterShipAccount, project: Project, knock_with: Callable[..., Any], source: str
) -> None:
    answer = knock_with(b'"' + b"x" * (settings.WEBHOOK_MAX_BYTES - 1) + b'"')
    assert answer.status_code == 413
    assert answer.json() == {"detail": "The body is larger than this endpoint accepts."}
    assert refusals() == [(source, "", "body_too_large", 1)]
    assert doors.nothing_was_done()


def test_the_largest_body_that_is_allowed_is_kept(account: AfterShipAccount) -> None:
    body = b'"' + b"x" * (1_048_576 - 2) + b'"'
    assert signed(body).status_code == 200
    assert bytes(Receipt.objects.get().body) == body


# ── our own trouble ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("is_remembered", [True, False])
def test_without_a_database_the_sender_is_asked_to_come_again(
    account: AfterShipAccount, error: type[Exception], is_remembered: bool
) -> None:
    if is_remembered:
        signed(b'{"event_id": "before"}')

    def is_down(*_: Any) -> None:
        raise error("server closed the connection unexpectedly")

    with connection.execute_wrapper(is_down):
        answer = signed(WEBHOOK)
    assert answer.status_code == 503
    assert answer.json() == {"detail": "The message could not be stored. Send it again."}
    assert "X-Correlation-ID" in answer
    assert events() == (["before"] if is_remembered else [])
    assert signed(WEBHOOK).json()["new"] == 1


def test_a_queue_that_is_down_does_not_matter_to_the_sender(
    account: AfterShipAccount, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def is_down(*_: Any, **__: Any) -> None:
        raise ConnectionError("Error 111 connecting to redis:6379")

    monkeypatch.setattr(orm.ORM, "enqueue", is_down)
    assert signed(WEBHOOK).status_code == 200
    assert Receipt.objects.count() == 1
    assert "no worker could be woken" in caplog.text


# ── waking a worker ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_burst_wakes_one_worker(account: AfterShipAccount) -> None:
    for number in range(5):
        signed(dumped({"event_id": f"e-{number}"}))
    assert OrmQ.objects.count() == 1


def test_what_is_refused_wakes_nobody(account: AfterShipAccount) -> None:
    knock(doors.AFTERSHIP, WEBHOOK, {"aftership-hmac-sha256": sign(WEBHOOK, "guess")})
    assert not OrmQ.objects.exists()


# ── what it costs, what it says ──────────────────────────────────────────────────────────────────────────────────────


def test_a_webhook_costs_two_queries_while_its_endpoint_is_remembered(account: AfterShipAccount) -> None:
    signed(dumped({"event_id": "first"}))
    with CaptureQueriesContext(connection) as queries:
        assert signed(WEBHOOK).status_code == 200
    assert [" ".join(query["sql"].split()[:3]) for query in queries] == [
        "INSERT INTO tracking_receipt",
        "SELECT 1 FROM",  # is a worker woken already?
    ]


def test_a_repeat_costs_one_query(account: AfterShipAccount) -> None:
    signed(WEBHOOK)
    with CaptureQueriesContext(connection) as queries:
        signed(WEBHOOK)
    assert len(queries) == 1


class Lines(logging.Handler):
    """Every line as it would be printed."""

    def __init__(self) -> None:
        super().__init__()
        description = logs.logging_config("json")["formatters"]["line"]
        self.setFormatter(description["()"](**{name: one for name, one in description.items() if name != "()"}))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.mark.django_db(transaction=True)
def test_no_secret_and_nobodys_address_is_logged_on_good_and_bad_days(
    account: AfterShipAccount, project: Project
) -> None:
    def is_down(*_: Any) -> None:
        raise OperationalError(f"connection failed for anna.muster@example.com with password={TOKEN}")

    document = json.loads(WEBHOOK)
    document["msg"] |= {"customers": [{"email": "anna.muster@example.com", "phone_number": "+4930123456"}]}
    body, written = dumped(document), Lines()
    logging.getLogger().addHandler(written)
    try:
        assert signed(body).status_code == 200
        assert signed(body, secret="another-secret").status_code == 401
        assert bearing(body).status_code == 200
        assert bearing(body, token="guessed-token").status_code == 401
        with connection.execute_wrapper(is_down):
            assert signed(dumped({"event_id": "x"})).status_code == 503
    finally:
        logging.getLogger().removeHandler(written)
    assert len(written.lines) >= 5
    secrets = [SECRET, TOKEN, "another-secret", "guessed-token", sign(body), "anna.muster", "+4930123456"]
    assert [secret for secret in secrets if secret in "\n".join(written.lines)] == []
