"""The box on every page: where a search leads, what a list of hits says, and what stands in no address."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking.models import Order, StoreLimit

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
FIND = "/admin/find/"


def page_of(order: Order) -> str:
    return reverse("admin:tracking_order_change", args=[order.pk])


def test_one_hit_opens_the_order_at_its_parcel(admin_client: Client) -> None:
    parcel = make.make_parcel(make.make_order(order_number="CT-1"), make.make_tracking(tracking_number="RR1234567"))
    response = admin_client.post(FIND, {"text": "Hi,\nwhere is rr1234567?\n"})
    assert (response.status_code, response["Location"]) == (302, f"{page_of(parcel.order)}#parcel-{parcel.pk}")


def test_several_hits_are_listed_without_the_address_in_url_page_or_session(
    admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    orders = [make.make_order(customer_email="erika@example.com") for _ in range(2)]
    response = admin_client.post(FIND, {"text": "erika@example.com"}, follow=True)
    assert response.redirect_chain == [(FIND, 302)]
    page = response.content.decode()
    assert "2 orders could be meant" in page
    for order in orders:
        assert page_of(order) in page
    assert "e•••@example.com" in page
    assert "erika@example.com" not in page
    assert "erika@example.com" not in str([session.get_decoded() for session in Session.objects.all()])
    assert "erika" not in caplog.text
    assert response["Cache-Control"].startswith("max-age=0")


def test_nothing_says_what_was_looked_for_and_what_to_try(admin_client: Client) -> None:
    page = admin_client.post(FIND, {"text": "CT-404404 <b>"}, follow=True).content.decode()
    assert "Nothing was found" in page
    assert "CT-404404 &lt;b&gt;" in page
    assert "The order number as it stands in the shop" in page
    assert (
        "Nothing in the text looks like" in admin_client.post(FIND, {"text": "\nhm\n?"}, follow=True).content.decode()
    )


def test_code_without_order_leads_to_its_story(admin_client: Client) -> None:
    make.make_job(correlation_id="ZZZZ-2222")
    assert admin_client.post(FIND, {"text": "zzzz2222"})["Location"] == "/admin/story/?code=ZZZZ-2222"


def test_box_stands_on_every_page_for_those_who_may_see_orders(admin_client: Client) -> None:
    nobody = client_of(User.objects.create_user("nobody", is_staff=True))
    assert 'id="tb-find"' not in nobody.get("/admin/").content.decode()
    assert nobody.post(FIND, {"text": "x"}).status_code == 403
    for path in ("/admin/", FIND, "/admin/story/", reverse("admin:tracking_job_changelist")):
        assert admin_client.get(path).content.decode().count('id="tb-find"') == 1


def test_list_is_checked_again_for_what_one_may_see_now(viewer: User) -> None:
    store = make.make_store()
    orders = [make.make_order(store.project, customer_email="a@example.com") for _ in range(2)]
    client = client_of(viewer)
    assert "2 orders could be meant" in client.post(FIND, {"text": "a@example.com"}, follow=True).content.decode()
    StoreLimit.objects.create(user=viewer, store=store)
    page = client.get(FIND).content.decode()
    assert not any(page_of(order) in page for order in orders)


def test_form_without_token_is_refused(admin_user: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    assert strict.post(FIND, {"text": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("text", "words"),
    [("T-7", "Too short for a piece of a number"), ("T-77", "With four signs only beginnings and ends"), ("T-772", "")],
)
def test_too_short_a_piece_is_told(text: str, words: str, admin_client: Client) -> None:
    make.make_order(order_number="CT-77001")
    page = admin_client.post(FIND, {"text": text}, follow=True).content.decode()
    assert "Nothing was found" in page
    assert words in page
    assert ("Too short for" in page or "With four signs" in page) == bool(words)


def test_middle_of_a_number_opens_its_order(admin_client: Client) -> None:
    order = make.make_order(order_number="CT-77001")
    assert admin_client.post(FIND, {"text": "T-770"})["Location"] == page_of(order)


def test_several_middles_say_why_they_are_listed(admin_client: Client) -> None:
    for number in (1, 2):
        make.make_order(order_number=f"CT-7700-{number}")
    assert "middle of the order number" in admin_client.post(FIND, {"text": "T-7700"}, follow=True).content.decode()
