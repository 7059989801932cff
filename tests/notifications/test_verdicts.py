"""What a mail server's or provider's no means: for this mail, for later, or for all mails of the brand."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from django.utils import timezone

from tests import factories as make
from tests.clients.scripted import Reply, ScriptedServer
from tests.smtp import Inbox, smtp_server
from tests.tracking.services.test_notify import box
from tracking.clients.errors import AccountStopped, RetryLater
from tracking.enums import ProblemKind
from tracking.models import BlockedAddress, Job, Mailer, Message, Parcel, Problem
from tracking.services.notify import notify_order
from tracking.services.notify_wishes import want_notify_orders
from tracking.services.pump import drain_everything

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")]


@pytest.fixture
def parcel() -> Parcel:
    brand = make.make_brand(key="acme", name="Acme", mails_per_minute=100_000)
    return box(make.make_route(brand=brand, notify="platform"))


@contextmanager
def guarded(settings: Any, *, is_let_in: bool = True) -> Iterator[Inbox]:
    """A server that takes mails only from who has logged in."""
    doors = {"auth_required": True, "auth_require_tls": False}
    with smtp_server(
        settings, **doors, authenticator=lambda *_: AuthResult(success=is_let_in, handled=is_let_in)
    ) as inbox:
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "acme", "swordfish"
        yield inbox


def row() -> Message:
    return Message.objects.get()


# ── SMTP: about us ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_login_that_is_refused_pauses_the_brand_and_no_mail_is_lost(parcel: Parcel, settings: Any) -> None:
    settings.JOB_THREADS = 1
    other = box(
        make.make_route(brand=make.make_brand(key="other"), notify="platform", project=make.make_project(key="other"))
    )
    want_notify_orders([parcel.order])
    with guarded(settings, is_let_in=False) as inbox:
        drain_everything()
        assert inbox.mails == []
    paused = Mailer.objects.get(key="acme")
    assert paused.paused_until > timezone.now()
    problem = Problem.objects.get(kind=ProblemKind.UPSTREAM_PAUSED)
    assert "535" in problem.cause
    assert "swordfish" not in problem.cause
    assert (row().state, BlockedAddress.objects.count(), Job.objects.get(kind="notify").dead_at) == ("planned", 0, None)
    with guarded(settings) as inbox:
        notify_order(other.order_id)
        assert inbox.recipients == [other.order.customer_email], "another brand goes on"
        Mailer.objects.update(paused_until=None)
        Job.objects.update(next_attempt_at=timezone.now())
        drain_everything()
        assert [one.state for one in Message.objects.order_by("pk")] == ["sent", "sent"]
    assert not Problem.objects.filter(closed_at=None).exists()


@pytest.mark.parametrize(
    ("at", "answer", "code"),
    [
        ("on_mail", "550 5.7.1 sender not allowed", "550"),
        ("on_mail", "530 5.7.0 authentication required", "530"),
        ("on_rcpt", "530 5.7.0 authentication required", "530"),
    ],
)
def test_a_server_that_does_not_want_us_stops_the_brand(
    parcel: Parcel, settings: Any, at: str, answer: str, code: str
) -> None:
    with smtp_server(settings) as inbox:
        setattr(inbox, at, lambda *_: answer)
        with pytest.raises(AccountStopped) as error:
            notify_order(parcel.order_id)
    assert (error.value.code, row().state, inbox.mails) == (code, "planned", [])


@pytest.mark.parametrize("setting", ["EMAIL_USE_TLS", "EMAIL_HOST_USER"])
def test_a_server_without_what_we_are_set_to_use_costs_no_mail(parcel: Parcel, settings: Any, setting: str) -> None:
    with smtp_server(settings) as inbox:
        settings.EMAIL_HOST_PASSWORD = "swordfish"
        setattr(settings, setting, "acme" if setting.endswith("USER") else True)
        with pytest.raises(AccountStopped) as error:
            notify_order(parcel.order_id)
    assert (error.value.code, row().state, inbox.mails) == ("unsupported", "planned", [])


@pytest.mark.parametrize(
    ("greeting", "error", "code"),
    [(b"554 5.7.1 your address is blocked\r\n", AccountStopped, "554"), (b"421 busy\r\n", RetryLater, "unreachable")],
)
def test_a_server_that_greets_us_with_a_no_costs_no_mail(
    parcel: Parcel, settings: Any, greeting: bytes, error: type[Exception], code: str
) -> None:
    with greets(settings, greeting), pytest.raises(error) as raised:
        notify_order(parcel.order_id)
    assert (raised.value.code, row().state) == (code, "planned")


@contextmanager
def greets(settings: Any, greeting: bytes) -> Iterator[None]:
    """A port on which all are greeted in these words, and with nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def greet() -> None:
            visitor, _ = door.accept()
            visitor.sendall(greeting)
            visitor.close()

        threading.Thread(target=greet, daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = *door.getsockname(), 5
        yield


# ── SMTP: later ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("at", "answer", "code"),
    [
        ("on_mail", "451 4.3.0 later", "451"),
        ("on_rcpt", "450 4.2.0 greylisted", "450"),
        ("on_data", "452 4.2.2 mailbox full", "452"),
        ("on_data", "421 4.7.0 too many mails", "unreachable"),
    ],
)
def test_not_now_is_sent_later_and_once(parcel: Parcel, settings: Any, at: str, answer: str, code: str) -> None:
    with smtp_server(settings) as inbox:
        setattr(inbox, at, lambda *_: answer)
        with pytest.raises(RetryLater) as error:
            notify_order(parcel.order_id)
        assert (error.value.code, error.value.maybe_applied, row().state) == (code, False, "planned")
        setattr(inbox, at, lambda *_: None)
        notify_order(parcel.order_id)
        notify_order(parcel.order_id)
        assert (row().state, len(inbox.mails)) == ("sent", 1)
    assert not BlockedAddress.objects.exists()


# ── a provider's interface ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def provider(settings: Any) -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "swordfish", "POSTMARK_API_URL": f"{server.url}/"}
    settings.ANYMAIL |= {"REQUESTS_TIMEOUT": (1, 1), "IGNORE_UNSUPPORTED_FEATURES": True}
    yield server
    server.close()


INACTIVE = (
    "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: {address}. "
    "Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression."
)
TAKEN = {"ErrorCode": 0, "Message": "OK", "MessageID": "pm-1", "To": "anna@example.com"}


def test_provider_is_given_the_row_and_its_own_id_is_kept(parcel: Parcel, provider: ScriptedServer) -> None:
    provider.will(Reply(200, TAKEN | {"To": parcel.order.customer_email}))
    notify_order(parcel.order_id)
    asked = provider.asked[0].json
    assert (row().state, row().provider_id) == ("sent", "pm-1")
    assert (asked["Metadata"], asked["TrackOpens"]) == ({"message": str(row().pk)}, False)


@pytest.mark.parametrize(
    ("reply", "state", "code"),
    [
        (Reply(401, {"ErrorCode": 10, "Message": "Bad server token."}), "planned", "401"),
        (Reply(422, {"ErrorCode": 406, "Message": INACTIVE}), "failed", None),
        (Reply(422, {"ErrorCode": 406, "Message": "In words that nobody has read yet"}), "unsure", None),
        (Reply(429, {"ErrorCode": 429, "Message": "Slow down"}), "planned", "429"),
        (Reply(503, "<html>"), "planned", "503"),
        (Reply(502, "<html>"), "unsure", None),
        (Reply(200, "<html>"), "unsure", None),
        (Reply(drop="before"), "unsure", None),
        (Reply(200, TAKEN, delay_seconds=1.2), "unsure", None),
    ],
)
def test_what_a_provider_answers(
    parcel: Parcel, provider: ScriptedServer, reply: Reply, state: str, code: str | None
) -> None:
    if isinstance(reply.body, dict) and reply.body.get("Message") == INACTIVE:
        words = INACTIVE.format(address=parcel.order.customer_email)
        reply = replace(reply, body=reply.body | {"Message": words})
    provider.will(reply)
    if code:
        with pytest.raises((AccountStopped, RetryLater)) as error:
            notify_order(parcel.order_id)
        assert error.value.code == code
        assert isinstance(error.value, AccountStopped) == (code == "401")
    else:
        notify_order(parcel.order_id)
    assert (row().state, len(provider.asked)) == (state, 1)
    assert "swordfish" not in row().reason
    if state == "unsure":
        notify_order(parcel.order_id)
        assert len(provider.asked) == 1, "it may have gone out: nobody repeats it"


def test_provider_that_cannot_be_reached_is_tried_again(parcel: Parcel, provider: ScriptedServer) -> None:
    provider.close()
    with pytest.raises(RetryLater) as error:
        notify_order(parcel.order_id)
    assert (error.value.code, row().state) == ("unreachable", "planned")
