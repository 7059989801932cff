"""The preview: every message and the page, in every language, for who may see brands; nothing in it runs."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from stores.models import Brand
from stores.statuses import MessageKind
from tests import factories as make
from tracking.words.languages import LANGUAGES

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
PAGE, MAIL, SHOP = "/admin/preview/", "/admin/preview/mail/", "/admin/preview/page/"


@pytest.fixture
def brand() -> Brand:
    return make.make_brand(key="acme", name="Acme", colour="#c6f221")


@pytest.fixture
def client(client: Client, brand: Brand) -> Client:
    client.force_login(User.objects.create_superuser("engineer"))
    return client


def person(*permissions: str) -> Client:
    user = User.objects.create_user("somebody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("kind", "language"),
    [*((kind, "pl") for kind in [*MessageKind, "reminder"]), *(("delayed", language) for language in LANGUAGES)],
)
def test_every_message_and_every_language_is_shown(client: Client, kind: str, language: str) -> None:
    query = {"brand": "acme", "kind": kind, "language": language}
    page = client.get(PAGE, query)
    assert page.status_code == 200
    assert page.context["mail"].subject in page.content.decode().replace("&#x27;", "'")
    frame = client.get(MAIL, query)
    assert frame.status_code == 200
    assert f'lang="{language}"' in frame.content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("parcels", ["one", "several"])
def test_the_page_is_shown_in_every_language(client: Client, language: str, parcels: str) -> None:
    query = {"brand": "acme", "kind": "page", "language": language, "parcels": parcels}
    assert client.get(PAGE, query).status_code == 200
    frame = client.get(SHOP, query)
    assert frame.status_code == 200
    body = frame.content.decode()
    assert f'<html lang="{language}"' in body
    assert "N-10102" in body
    assert "Acme" in body
    assert not re.search(r"%\(|\{\{|None", body)
    assert "<script" not in body
    assert "refresh" not in body


def test_frames_have_a_policy_of_their_own_in_which_nothing_runs(client: Client) -> None:
    for address in (MAIL, SHOP):
        kind = "page" if address == SHOP else "delivered"
        answer = client.get(address, {"brand": "acme", "kind": kind})
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "; sandbox;" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'self'" in policy
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert "no-store" in answer.headers["Cache-Control"]
    outer = client.get(PAGE)
    assert "frame-src 'self'" in outer.headers["Content-Security-Policy"]
    assert outer.headers["X-Frame-Options"] == "DENY"
    assert 'sandbox=""' in outer.content.decode()


def test_dark_and_light_are_shown_whatever_the_device_is_set_to(client: Client) -> None:
    dark = client.get(MAIL, {"kind": "delivered", "scheme": "dark"}).content.decode()
    light = client.get(MAIL, {"kind": "delivered", "scheme": "light"}).content.decode()
    assert "@media all" in dark
    assert "@media not all" in light
    assert "prefers-color-scheme" not in dark + light


def test_a_real_order_is_shown_as_it_is(client: Client) -> None:
    order = make.make_order(order_number="DE-4711", item_words={"a": {"sku": "X", "name": {"de": "Zelt <b>"}}})
    tracking = make.make_tracking(status="out_for_delivery")
    make.make_parcel(order, tracking=tracking, items={"a": 1})
    query = {"brand": "acme", "kind": "out_for_delivery", "language": "de", "order": "DE-4711"}
    frame = client.get(MAIL, query).content.decode()
    assert "DE-4711" in frame
    assert "Zelt &lt;b&gt;" in frame
    assert "DE-4711" in client.get(SHOP, query | {"kind": "page"}).content.decode()


def test_an_order_that_is_not_there_or_has_no_parcels_is_said(client: Client) -> None:
    page = client.get(PAGE, {"order": "nowhere"})
    assert "There is no order nowhere." in page.content.decode()
    assert client.get(MAIL, {"order": "nowhere"}).status_code == 404
    make.make_order(order_number="EMPTY-1")
    assert "This order has no parcels" in client.get(PAGE, {"order": "EMPTY-1"}).content.decode()
    assert client.get(MAIL, {"order": "EMPTY-1"}).status_code == 404


@pytest.mark.parametrize("query", [{"brand": "other"}, {"kind": "x"}, {"language": "xx"}, {"parcels": "9"}])
def test_what_cannot_be_chosen_shows_nothing(client: Client, query: dict[str, str]) -> None:
    assert client.get(PAGE, query).status_code == 200
    assert client.get(MAIL, query).status_code == 404
    assert client.get(SHOP, query | {"kind": "page"} if "kind" not in query else query).status_code == 404


def test_before_there_is_a_brand_it_says_so(client: Client) -> None:
    Brand.objects.all().delete()
    assert client.get(PAGE).status_code == 200
    assert client.get(MAIL).status_code == 404


def test_who_may_not_see_brands_sees_no_preview(brand: Brand) -> None:
    stranger = person()
    for address in (PAGE, MAIL, SHOP):
        assert stranger.get(address).status_code == 403
        assert Client().get(address).status_code == 302


def test_seeing_brands_is_enough(brand: Brand) -> None:
    looker = person("view_brand")
    assert [looker.get(address).status_code for address in (PAGE, MAIL)] == [200, 200]


def test_who_may_not_see_orders_finds_none(brand: Brand) -> None:
    order = make.make_order(order_number="DE-1")
    make.make_parcel(order, tracking=make.make_tracking())
    looker = person("view_brand")
    assert "There is no order DE-1." in looker.get(PAGE, {"order": "DE-1"}).content.decode()
    assert looker.get(MAIL, {"order": "DE-1"}).status_code == 404


def test_nothing_is_written_and_nothing_can_be_posted(client: Client) -> None:
    for address in (PAGE, MAIL, SHOP):
        assert client.post(address).status_code == 405
    assert reverse("preview") == PAGE
