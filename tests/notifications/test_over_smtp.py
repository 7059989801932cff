"""What becomes of a mail on a real SMTP server that takes it, refuses it, or breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from stores.models import Brand
from tests import factories as make
from tests.smtp import HANG_UP, Inbox, smtp_server
from tests.tracking.services.test_notify import box
from tracking.clients.errors import AccountStopped, RetryLater
from tracking.clients.mail import hand_over
from tracking.enums import ProblemKind
from tracking.models import BlockedAddress, Message, Parcel, Problem
from tracking.notifications.mail import compose, message_id
from tracking.notifications.render import Rendered
from tracking.services.notify import notify_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def inbox(settings: Any) -> Iterator[Inbox]:
    with smtp_server(settings) as inbox:
        yield inbox


@pytest.fixture
def parcel() -> Parcel:
    brand = make.make_brand(key="acme", name="Acme", mails_per_minute=100_000)
    return box(make.make_route(brand=brand, notify="platform"))


def states() -> list[str]:
    return list(Message.objects.values_list("state", flat=True))


def test_a_mail_has_the_headers_that_machines_look_at(parcel: Parcel, inbox: Inbox, settings: Any) -> None:
    Brand.objects.update(offers_unsubscribe=True)
    notify_order(parcel.order_id)
    (mail,) = inbox.mails
    row = Message.objects.get()
    assert mail["To"] == parcel.order.customer_email
    assert mail["From"] == f"Acme <{settings.DEFAULT_FROM_EMAIL}>"
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == (message_id(row), "auto-generated")
    assert mail["X-Correlation-ID"] == parcel.order.correlation_id
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].strip().startswith("<http://localhost:8000/unsubscribe/")
    assert parcel.order.customer_email not in mail["List-Unsubscribe"]


def test_a_ledger_row_is_committed_before_the_server_sees_the_mail(
    transactional_db: None, parcel: Parcel, inbox: Inbox
) -> None:
    seen: list[Any] = []
    inbox.on_data = lambda mail: seen.append(mail) or None
    notify_order(parcel.order_id)
    assert (states(), len(seen)) == (["sent"], 1)


def test_a_server_that_is_busy_is_tried_again(parcel: Parcel, inbox: Inbox) -> None:
    inbox.on_data = lambda mail: "451 4.3.0 try again later"
    with pytest.raises(RetryLater) as error:
        notify_order(parcel.order_id)
    assert (error.value.code, states()) == ("451", ["planned"])
    assert Message.objects.get().reason == "not taken yet: mail 451: 451 4.3.0 try again later"
    inbox.on_data = lambda mail: None
    notify_order(parcel.order_id)
    notify_order(parcel.order_id)
    assert (states(), len(inbox.mails), Message.objects.get().attempts) == (["sent"], 1, 2)


def test_a_mailbox_that_does_not_exist_is_shown_and_gets_nothing_more(parcel: Parcel, inbox: Inbox) -> None:
    inbox.on_rcpt = lambda address: f"550 5.1.1 <{address}> no such user here"
    notify_order(parcel.order_id)
    row = Message.objects.get()
    assert (row.state, row.reason) == ("failed", "mail 550: 550 5.1.1 <[personal]> no such user here")
    assert Problem.objects.get(kind=ProblemKind.MAIL_REFUSED).order_id == parcel.order_id
    assert BlockedAddress.objects.get().address_hash == row.recipient_hash


def test_a_mail_that_is_refused_for_its_content_blocks_no_address(parcel: Parcel, inbox: Inbox) -> None:
    inbox.on_data = lambda mail: "554 5.7.1 looks like spam"
    notify_order(parcel.order_id)
    assert (states(), BlockedAddress.objects.count()) == (["failed"], 0)


def test_a_connection_that_breaks_after_the_body_leaves_it_unsure(parcel: Parcel, inbox: Inbox) -> None:
    inbox.on_data = lambda mail: HANG_UP
    notify_order(parcel.order_id)
    assert (states(), len(inbox.mails)) == (["unsure"], 1)
    assert Problem.objects.get(kind=ProblemKind.MAIL_UNSURE).cause.startswith("Shipped: mail no_answer: no answer to")
    inbox.on_data = lambda mail: None
    notify_order(parcel.order_id)
    assert len(inbox.mails) == 1, "nobody knows, so nobody repeats it"


def test_a_server_that_is_down_is_tried_again(parcel: Parcel, settings: Any) -> None:
    with smtp_server(settings):
        pass
    with pytest.raises(RetryLater) as error:
        notify_order(parcel.order_id)
    assert (error.value.code, states()) == ("unreachable", ["planned"])


def test_a_login_that_is_refused_stops_the_brand(parcel: Parcel, inbox: Inbox, settings: Any) -> None:
    inbox.on_mail = lambda: "535 5.7.8 authentication failed"
    with pytest.raises(AccountStopped):
        notify_order(parcel.order_id)
    assert states() == ["planned"]


def test_no_mail_goes_out_inside_a_transaction(transactional_db: None, parcel: Parcel, inbox: Inbox) -> None:
    row = Message(pk=1, order=parcel.order, correlation_id="x")
    mail = compose(row, Rendered("Hello", "text", ""), Brand.objects.get(), "a@example.com")
    with transaction.atomic(), pytest.raises(RuntimeError, match="mail inside a database transaction"):
        hand_over(mail)
    assert inbox.mails == []


def test_line_breaks_in_names_inject_no_header(parcel: Parcel, inbox: Inbox) -> None:
    brand = Brand.objects.get()
    brand.name = "Acme\r\nBcc: everybody@example.com"
    row = Message(pk=1, order=parcel.order, correlation_id="x")
    hand_over(compose(row, Rendered("Hi\r\nX-Evil: 1", "text", ""), brand, "a@example.com"))
    (mail,) = inbox.mails
    assert (mail["Bcc"], mail["X-Evil"]) == (None, None)
    assert inbox.recipients == ["a@example.com"]
    assert mail["Subject"] == "Hi X-Evil: 1"
