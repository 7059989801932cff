"""The page behind a mail's last link: in the brand's dress and the browser's language."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client

from tests import factories as make
from tests.tracking.services.test_notify import becomes, box
from tracking.models import BlockedAddress, Message, Parcel
from tracking.notifications.mail import unsubscribe_url
from tracking.services.links import link_token
from tracking.services.notify import notify_order
from tracking.services.seals import seal

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_it_speaks_the_browsers_language_where_the_brand_does(client: Client) -> None:
    brand = make.make_brand(key="acme", name="Acme", locales=["en", "de"], support_email="help@acme.example")
    path = unsubscribe_url(brand, "ab" * 32).removeprefix("http://localhost:8000")
    german = client.get(path, headers={"accept-language": "de-AT"})
    assert german.headers["Content-Language"] == "de"
    body = german.content.decode()
    assert '<html lang="de"' in body
    assert "Abmelden" in body
    assert "/brand/acme.css" in body
    assert "help@acme.example" in body
    assert not german.cookies
    assert 'lang="en"' in client.get(path, headers={"accept-language": "pl"}).content.decode()
    assert not BlockedAddress.objects.exists()
    assert "Sie sind abgemeldet" in client.post(path, headers={"accept-language": "de"}).content.decode()
    assert BlockedAddress.objects.get().brand == brand


def test_a_link_that_is_none_of_ours_says_so_in_the_browsers_language(client: Client) -> None:
    answer = client.get("/unsubscribe/nonsense/", headers={"accept-language": "sv"})
    assert answer.status_code == 404
    assert "Den här länken fungerar inte" in answer.content.decode()


ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def told() -> Message:
    """Something that Acme has told a shopper, with a link to end it."""
    brand = make.make_brand(key="acme", name="Acme", mails_per_minute=100_000, offers_unsubscribe=True)
    notify_order(box(make.make_route(brand=brand, notify="platform")).order_id)
    return Message.objects.get()


def one_click_path() -> str:
    """Where the mail's own header says that one click goes."""
    (letter,) = mail.outbox
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return letter.extra_headers["List-Unsubscribe"].strip("<>").removeprefix("http://localhost:8000")


def test_one_click_of_a_mail_program_ends_the_brands_mails_once_and_for_all(told: Message) -> None:
    program, path = Client(enforce_csrf_checks=True), one_click_path()
    answers = [program.post(path, ONE_CLICK, headers={"origin": "https://mail.example"}) for _ in range(2)]
    assert [(one.status_code, bool(one.cookies)) for one in answers] == [(200, False)] * 2
    block = BlockedAddress.objects.get()
    assert (block.reason, block.brand, block.address_hash) == ("unsubscribed", told.brand, told.recipient_hash)
    parcel = Parcel.objects.get()
    becomes(parcel, "out_for_delivery")
    notify_order(parcel.order_id)
    later = Message.objects.exclude(pk=told.pk).get()
    assert (later.state, later.reason) == ("skipped", "the address is blocked: The shopper unsubscribed")


def test_another_brand_goes_on_telling_who_unsubscribed_from_one(told: Message, client: Client) -> None:
    client.post(one_click_path(), ONE_CLICK)
    other = make.make_brand(key="other", name="Other", mails_per_minute=100_000)
    order = make.make_order(make.make_project(key="other"), customer_email=told.order.customer_email)
    notify_order(box(make.make_route(order.project, brand=other, notify="platform"), order).order_id)
    assert len(mail.outbox) == 2


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_what_opens_links_by_itself_unsubscribes_nobody(told: Message, client: Client, method: str) -> None:
    assert getattr(client, method)(one_click_path()).status_code in (200, 405)
    assert not BlockedAddress.objects.exists()


def test_a_forged_link_unsubscribes_nobody(told: Message, client: Client) -> None:
    token = one_click_path().strip("/").rpartition("/")[2]
    altered = {token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in range(len(token))}
    others = {token[:-1], token + "A", link_token(told.order), seal("unsubscribe", b"x" * 39), "%00", "A" * 5000}
    for one in altered | others:
        assert client.post(f"/unsubscribe/{one}/", ONE_CLICK).status_code == 404, one
    assert not BlockedAddress.objects.exists()
