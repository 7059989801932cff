"""The order page answers where the order is: what stands where, for whom, and in how many queries."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stores.models import AfterShipAccount, Project
from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking.models import Checkpoint, Order, Tracking

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NOW = timezone.now()
BOOTS = {"sku": "BOOT-42", "name": {"de": "Wanderschuh", "en": "Hiking boot"}}
TITLES = [
    "Answer", "What to know", "Order", "Parcels", "Timeline", "Why did it go there?", "The shopper&#x27;s other orders",
    "For engineers",
]  # fmt: skip


def url_of(order: Order) -> str:
    return reverse("admin:tracking_order_change", args=[order.pk])


def page(client: Client, order: Order, **query: str) -> str:
    return client.get(url_of(order), query).content.decode()


def card(text: str, parcel: Any) -> str:
    """The markup of one parcel's card."""
    return text.split(f'id="parcel-{parcel.pk}"', 1)[1].split("</li>\n", 1)[0]


@pytest.fixture
def order() -> Order:
    """Two of three boots in two parcels: one arrived, one on its way and late."""
    order = make.make_order(items={"boots": 3}, item_words={"boots": BOOTS}, order_number="DE-1")
    arrived = make.make_tracking(status="delivered", delivered_at="2026-11-04T10:12:00+01:00", tag="Delivered")
    late = make.make_tracking(eta=(NOW - timedelta(days=2)).date(), tracking_url="https://carrier.example/1")
    for tracking in (arrived, late):
        make.make_parcel(order, tracking, items={"boots": 1})
    make.make_checkpoint(late, step=2, at=NOW - timedelta(hours=5))
    return order


def test_sections_stand_in_reading_order(order: Order, admin_client: Client) -> None:
    text = page(admin_client, order)
    places = [text.index(f'aria-label="{title}"') for title in TITLES[:-1]]
    assert places == sorted(places)
    assert text.index("For engineers") > places[-1]


def test_answer_is_in_the_shoppers_language_and_in_another_on_request(order: Order, admin_client: Client) -> None:
    assert re.search(r'id="tb-answer-short" lang="de"[^>]*>[^<]*Paket', page(admin_client, order))
    assert 'id="tb-answer-short" lang="fr"' in page(admin_client, order, language="fr")
    assert 'id="tb-answer-short" lang="de"' in page(admin_client, order, language="tlh")
    assert page(admin_client, order).count("data-tb-copy=") == 3  # short, long, code


@pytest.mark.parametrize(
    ("paused", "says"),
    [
        (AfterShipAccount, "AfterShip main does not answer or refuses us: its news is late"),
        (Project, "commercetools demo does not answer or refuses us: its news is late"),
        (None, ""),
    ],
)
def test_what_is_not_up_to_date_is_said(paused: Any, says: str, admin_client: Client) -> None:
    order = make.make_order(make.make_project(key="demo"))
    parcel = make.make_parcel(order, make.make_tracking(make.make_account(key="main")))
    if paused:
        paused.objects.update(pause_seconds=2)
    text = page(admin_client, order)
    assert ("Not up to date" in text) is bool(paused)
    assert says in text
    type(parcel.tracking).objects.update(status="delivered")
    assert "Not up to date" not in page(admin_client, order), "nothing is to come any more"


def test_flags_name_the_parcel_that_is_meant(order: Order, admin_client: Client) -> None:
    text = page(admin_client, order)
    late = order.parcels.order_by("pk")[1]
    flags = text.split('class="tb-flags"')[1].split("</ul>")[0]
    assert re.findall(r"tb-badge[^>]*>([^<]+)<", flags) == ["Late", "Several parcels", "Not all shipped yet"]
    assert flags.count(f'href="#parcel-{late.pk}"') == 1


def test_cards_tell_items_carrier_and_what_is_not_shipped(order: Order, admin_client: Client) -> None:
    text = page(admin_client, order)
    late = card(text, order.parcels.order_by("pk")[1])
    assert "1 × Wanderschuh" in late
    assert 'href="https://carrier.example/1" target="_blank" rel="noopener noreferrer"' in late
    assert "Parcel 2 of 2" in late
    unshipped = text.split('id="not-shipped"')[1].split("</div>")[0]
    assert "1 × Wanderschuh" in unshipped


def test_items_without_words_are_named_by_a_piece_of_their_id(admin_client: Client) -> None:
    order = make.make_order(items={"0123456789": 1})
    parcel = make.make_parcel(order, make.make_tracking(), items={"0123456789": 1})
    assert "1 × item 01234567…" in card(page(admin_client, order), parcel)


def test_order_without_parcel_and_cancelled_order_say_so(admin_client: Client) -> None:
    assert "has no parcel on this order yet" in page(admin_client, make.make_order())
    text = page(admin_client, make.make_order(order_state="Cancelled"))
    assert "cancelled before anything was shipped" in text
    assert "Order cancelled</span>" in text


def test_timeline_marks_late_news_and_says_why_nothing_changed(admin_client: Client) -> None:
    order = make.make_order()
    tracking = make.make_tracking(status="delivered")
    make.make_parcel(order, tracking)
    make.make_checkpoint(tracking, step=4, at=NOW - timedelta(hours=9))
    Checkpoint.objects.update(created_at=NOW - timedelta(hours=8))
    make.make_checkpoint(tracking, step=2, at=NOW - timedelta(hours=20))
    text = page(admin_client, order)
    assert text.count("late news</span>") == 1
    assert "newer scans were known when it came, and the state follows the newest" in text
    assert "News after the delivery</span>" in text


def test_old_number_is_linked_and_its_scans_stand_in_the_timeline(admin_client: Client) -> None:
    order = make.make_order()
    tracking = make.make_tracking(tracking_number="NEWNUMBER1")
    parcel = make.make_parcel(order, tracking)
    old = make.make_tracking(
        tracking_number="OLDNUMBER1", retired_at=NOW, retired_reason="the number was changed", replaced_by=tracking
    )
    make.make_checkpoint(old, step=0, message="announced under the old one")
    text = page(admin_client, order)
    assert reverse("admin:tracking_tracking_change", args=[old.pk]) in card(text, parcel)
    assert "Number corrected</span>" in text
    assert "announced under the old one" in text
    assert "old number</span>" in text


def test_timeline_is_filtered_by_kind_and_parcel(order: Order, admin_client: Client) -> None:
    make.make_receipt(correlation_id=order.correlation_id)
    make.make_staff_action(order=order, correlation_id=order.correlation_id)
    arrived, late = order.parcels.order_by("pk")
    kinds = lambda text: set(re.findall(r"tb-kind-(\w+)", text))  # noqa: E731
    assert {"scan", "decision", "staff"} == kinds(page(admin_client, order))
    assert "receipt" in kinds(page(admin_client, order, show="all"))
    assert kinds(page(admin_client, order, show="receipt")) == {"receipt"}
    assert kinds(page(admin_client, order, show="scan", parcel=str(late.pk))) == {"scan"}
    assert kinds(page(admin_client, order, show="scan", parcel=str(arrived.pk))) == set()
    assert kinds(page(admin_client, order, show="nonsense", parcel="999")) == kinds(page(admin_client, order))


def test_box_of_two_orders_is_named_on_both(admin_client: Client) -> None:
    tracking = make.make_tracking()
    one, other = make.make_order(), make.make_order()
    for order in (one, other):
        make.make_parcel(order, tracking)
    assert url_of(other) in card(page(admin_client, one), one.parcels.get())
    assert "One box, several orders</span>" in page(admin_client, other)


def test_other_orders_of_the_shopper_are_listed_and_those_of_others_are_not(admin_client: Client) -> None:
    one, same, stranger = (make.make_order(customer_email=f"{who}@example.com") for who in ("a", "a", "b"))
    text = page(admin_client, one).split("other orders", 1)[1]
    assert url_of(same) in text
    assert url_of(stranger) not in text
    nobody = make.make_order(customer_email="")
    make.make_order(customer_email="")
    assert "No other order of this shopper is known here." in page(admin_client, nobody)


def test_people_are_masked_for_those_who_may_not_see_them(order: Order) -> None:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    text = page(client_of(user), order)
    for personal in (order.customer_email, "Börnicke", "processed in the parcel centre"):
        assert personal not in text
    assert "•••@example.com" in text


def test_page_takes_the_same_queries_with_one_parcel_and_with_fifty_of_a_hundred_scans(admin_client: Client) -> None:
    order = make.make_order(items={"a": 60})

    def add(scans: int) -> None:
        tracking = make.make_tracking(status="delivered")
        make.make_parcel(order, tracking, items={"a": 1}, route=make.make_route(brand=make.make_brand()))
        make.make_problem(kind="silent", subject=f"tracking:{tracking.pk}", tracking=tracking, order=order)
        earlier = make.make_tracking(retired_at=NOW, replaced_by=tracking)
        make.make_parcel(make.make_order(), tracking)
        first = make.make_checkpoint(tracking)
        copies = []
        for number in range(scans):
            copy = Checkpoint(**{field.name: getattr(first, field.name) for field in Checkpoint._meta.fields})
            copy.pk, copy.fingerprint = None, f"{tracking.pk}{number}"
            copies.append(copy)
        Checkpoint.objects.bulk_create(copies)
        make.make_checkpoint(earlier)

    add(1)
    url = url_of(order)
    admin_client.get(url)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(url)
    for _ in range(49):
        add(100)
    with CaptureQueriesContext(connection) as many:
        text = admin_client.get(url).content.decode()
    assert len(many) == len(few)
    assert text.count('class="tb-card" id="parcel-') == 50
    assert "It is too long to show whole" in text
    assert Tracking.objects.count() == 100


def test_proof_file_can_be_printed_and_names_the_evidence(order: Order, admin_client: Client) -> None:
    parcel = order.parcels.order_by("pk")[0]
    make.make_checkpoint(parcel.tracking, step=4, at=NOW - timedelta(hours=9), city="Berlin")
    text = admin_client.get(reverse("parcel-proof", args=[parcel.pk])).content.decode()
    assert "The last scan is at the place of the address." in text
    assert "4 Nov 2026, 10:12 +01:00" in text
    assert "No raw webhook of this parcel is kept any more" in text
    assert text.count('type="checkbox"') == 8
    assert "data-tb-print" in text


def test_proof_file_is_refused_to_those_who_may_not_see_the_parcel(order: Order) -> None:
    parcel = order.parcels.order_by("pk")[0]
    user = User.objects.create_user("nobody", is_staff=True)
    assert client_of(user).get(reverse("parcel-proof", args=[parcel.pk])).status_code == 403
    assert Client().get(reverse("parcel-proof", args=[parcel.pk])).status_code == 302


def test_no_language_is_offered_twice_under_one_name(admin_client: Client) -> None:
    order = make.make_order(locale="en-GB")
    route = make.make_route(order.project, brand=make.make_brand(locales=["en-gb", "de"]))
    make.make_parcel(order, make.make_tracking(), route=route)
    text = page(admin_client, order)
    assert re.findall(r'href="\?language=([^"]+)"', text) == ["en-gb", "de", "fr", "es", "it", "nl", "pl", "sv"]
