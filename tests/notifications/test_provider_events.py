"""What a mail provider tells afterwards: into the ledger, once, and only from who shows the secret."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

import config.urls
from tests import factories as make
from tests.tracking.services.test_notify import becomes, box
from tracking.enums import BlockReason, ProblemKind
from tracking.models import BlockedAddress, Message, Parcel, Problem
from tracking.services.message_plan import mark_unsure
from tracking.services.notify import notify_order

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
POSTMARK, MAILGUN = "/webhooks/anymail/postmark/tracking/", "/webhooks/anymail/mailgun/tracking/"
SECRET, SIGNING_KEY = "postmark:swordfish", "key-of-mailgun"
ASKING: dict[str, Any] = {"Authorization": f"Basic {b64encode(SECRET.encode()).decode()}"}


def addresses(settings: Any, provider: str, **anymail: str) -> ModuleType:
    """Our addresses as they are with this provider set."""
    settings.MAIL_PROVIDER, settings.ANYMAIL = provider, anymail
    spec = spec_from_file_location("urls_with_a_provider", config.urls.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    settings.ROOT_URLCONF = module
    return module


@pytest.fixture
def tell(settings: Any, client: Client) -> Callable[..., int]:
    """Post an event as Postmark does; the answer's status."""
    addresses(settings, "postmark", WEBHOOK_SECRET=SECRET)

    def post(kind: str, row: Message | None = None, headers: dict[str, Any] = ASKING, **facts: Any) -> int:
        event = {"RecordType": kind, "Metadata": {"message": str(row.pk)} if row else {}} | facts
        return client.post(POSTMARK, json.dumps(event), content_type="application/json", headers=headers).status_code

    return post


@pytest.fixture
def sent() -> Message:
    """A message that the mail server has taken."""
    brand = make.make_brand(key="acme", name="Acme", mails_per_minute=100_000)
    notify_order(box(make.make_route(brand=brand, notify="platform")).order_id)
    row = Message.objects.get()
    assert row.state == "sent"
    return row


def now(row: Message) -> Message:
    return Message.objects.get(pk=row.pk)


def blocks() -> list[tuple[str, str, str | None]]:
    rows = BlockedAddress.objects.order_by("pk")
    return [(one.reason, one.address_hash, one.brand.key if one.brand else None) for one in rows]


HARD = {"Type": "HardBounce", "Description": "550 5.1.1 <anna@example.com> no such user"}


# ── who may tell ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Basic bm9ib2R5"}, {"Authorization": f"Bearer {SECRET}"}, {"Authorization": "Basic"}],
)
def test_who_does_not_show_the_secret_changes_nothing(
    tell: Callable[..., int], sent: Message, headers: dict[str, str]
) -> None:
    assert tell("Bounce", sent, headers=headers, **HARD) == 400
    assert (now(sent).state, blocks(), Problem.objects.count()) == ("sent", [], 0)


@pytest.mark.parametrize(
    ("provider", "anymail"),
    [("postmark", {}), ("", {"WEBHOOK_SECRET": SECRET}), ("sendgrid", {"WEBHOOK_SECRET": SECRET})],
)
def test_without_secret_or_provider_the_address_does_not_exist(
    settings: Any, client: Client, sent: Message, provider: str, anymail: dict[str, str]
) -> None:
    addresses(settings, provider, **anymail)
    assert client.post(POSTMARK, b"{}", content_type="application/json", headers=ASKING).status_code == 404


def test_only_the_set_providers_events_are_taken(settings: Any, client: Client) -> None:
    addresses(settings, "postmark", WEBHOOK_SECRET=SECRET)
    for address in (MAILGUN, "/webhooks/anymail/postmark/inbound/", "/webhooks/anymail/mandrill/"):
        assert client.post(address, headers=ASKING).status_code == 404


def signed_by(key: str, row: Message) -> dict[str, Any]:
    """An event as Mailgun sends it."""
    timestamp, token = "1795680000", "t" * 50
    digest = hmac.new(key.encode(), (timestamp + token).encode(), hashlib.sha256).hexdigest()
    event = {"event": "complained", "user-variables": {"message": str(row.pk)}, "recipient": "anna@example.com"}
    event |= {"timestamp": 1795680000.0, "id": "e-1", "message": {"headers": {}}}
    return {"signature": {"timestamp": timestamp, "token": token, "signature": digest}, "event-data": event}


def test_a_signature_counts_beside_the_secret(settings: Any, client: Client, sent: Message) -> None:
    addresses(settings, "mailgun", WEBHOOK_SECRET=SECRET, MAILGUN_WEBHOOK_SIGNING_KEY=SIGNING_KEY)

    def post(key: str, headers: dict[str, Any]) -> int:
        body = json.dumps(signed_by(key, sent))
        return client.post(MAILGUN, body, content_type="application/json", headers=headers).status_code

    assert [post("another-key", ASKING), post(SIGNING_KEY, {})] == [400, 400]
    assert (now(sent).state, blocks()) == ("sent", [])
    assert post(SIGNING_KEY, ASKING) == 200
    assert now(sent).state == "complained"


# ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bounce_comes_back_blocks_the_address_and_nothing_more_is_sent_there(
    tell: Callable[..., int], sent: Message
) -> None:
    assert [tell("Bounce", sent, **HARD) for _ in range(2)] == [200, 200]
    row = now(sent)
    assert (row.state, row.reason) == ("bounced", "550 5.1.1 <[personal]> no such user")
    assert blocks() == [(BlockReason.BOUNCED, row.recipient_hash, None)]
    problem = Problem.objects.get(kind=ProblemKind.MAIL_REFUSED)
    assert (problem.order_id, problem.occurrences) == (row.order_id, 1), "told twice, it came back once"
    parcel = Parcel.objects.get()
    becomes(parcel, "out_for_delivery")
    notify_order(parcel.order_id)
    later = Message.objects.exclude(pk=row.pk).get()
    assert (later.state, later.reason) == ("skipped", "the address is blocked: A message came back")


def test_a_bounce_without_the_row_is_found_by_the_providers_own_id(tell: Callable[..., int], sent: Message) -> None:
    Message.objects.update(provider_id="pm-1")
    assert tell("Bounce", MessageID="pm-1", **HARD) == 200
    assert now(sent).state == "bounced"


@pytest.mark.parametrize(
    ("kind", "state"), [("Transient", "sent"), ("AutoResponder", "sent"), ("VirusNotification", "bounced")]
)
def test_what_is_not_about_the_address_blocks_nothing(
    tell: Callable[..., int], sent: Message, kind: str, state: str
) -> None:
    assert tell("Bounce", sent, Type=kind, Description="Away\x00 until\r\nMonday") == 200
    assert (now(sent).state, blocks()) == (state, [])


def test_a_complaint_blocks_the_address_once(tell: Callable[..., int], sent: Message) -> None:
    assert tell("SpamComplaint", sent, Type="SpamComplaint") == 200
    first = now(sent)
    assert tell("SpamComplaint", sent, Type="SpamComplaint") == 200
    assert (first.state, now(sent).returned_at) == ("complained", first.returned_at)
    assert blocks() == [(BlockReason.COMPLAINED, sent.recipient_hash, None)]


def test_who_unsubscribes_at_the_provider_hears_no_more_from_this_brand_alone(
    tell: Callable[..., int], sent: Message
) -> None:
    assert tell("SubscriptionChange", sent, SuppressSending=True, SuppressionReason="ManualSuppression") == 200
    assert (now(sent).state, blocks()) == ("sent", [(BlockReason.UNSUBSCRIBED, sent.recipient_hash, "acme")])


def test_that_it_arrived_settles_what_was_unsure_and_comes_too_late_after_a_bounce(
    tell: Callable[..., int], sent: Message
) -> None:
    Message.objects.update(state="sending", sent_at=None)
    mark_unsure(now(sent), "its sender never came back")
    assert tell("Delivery", sent) == 200
    first = now(sent)
    assert (first.state, first.delivered_at is not None) == ("sent", True)
    assert not Problem.objects.filter(closed_at=None).exists()
    assert tell("Delivery", sent) == 200
    assert now(sent).delivered_at == first.delivered_at
    tell("Bounce", sent, **HARD)
    tell("Delivery", sent)
    assert now(sent).state == "bounced"


@pytest.mark.parametrize("given", ["999999999", "9" * 40, "²", "-1", "", "1; DROP", None, {"x": 1}])
def test_what_is_about_no_mail_of_ours_changes_nothing(tell: Callable[..., int], sent: Message, given: Any) -> None:
    assert tell("Bounce", Metadata={"message": given}, MessageID="nobody's", **HARD) == 200
    assert (now(sent).state, blocks()) == ("sent", [])


def test_a_row_that_was_never_sent_cannot_have_come_back(tell: Callable[..., int], sent: Message) -> None:
    Message.objects.update(state="planned", sending_at=None, sent_at=None)
    assert [tell("Bounce", sent, **HARD), tell("SpamComplaint", sent, Type="SpamComplaint")] == [200, 200]
    assert (now(sent).state, blocks()) == ("planned", [])


def test_a_mail_for_several_parcels_comes_back_for_all_of_them(tell: Callable[..., int], sent: Message) -> None:
    other = make.make_parcel(sent.order, make.make_tracking(), route=Parcel.objects.get().route)
    along = Message.objects.create(
        order=sent.order, parcel=other, tracking=other.tracking, kind="shipped", state="sent", told_with=sent,
        brand=sent.brand, recipient_hash="cd" * 32, news_at=timezone.now(), due_at=timezone.now(), correlation_id="x",
        sending_at=timezone.now(), sent_at=timezone.now(), language="en", attempts=1,
    )  # fmt: skip
    assert tell("Bounce", sent, **HARD) == 200
    assert [now(sent).state, now(along).state] == ["bounced", "bounced"]
