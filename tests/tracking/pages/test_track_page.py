"""The page of an order: everything that its shopper needs, nothing that the shopper did not show anybody."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from tests import factories as make
from tests.tracking.pages.orders import make_branded, make_shopped, path_of, ship
from tracking.enums import ParcelStatus, ProblemKind, ShopperEvent
from tracking.models import Checkpoint, Order, Outage, ShopperCount, Tracking
from tracking.services.links import withdraw_link
from tracking.services.order_facts import facts_of_order
from tracking.services.whose_clock import day_of_shopper
from tracking.words.answers import answer
from tracking.words.languages import day

pytestmark = pytest.mark.django_db


def words(html: bytes | str) -> str:
    """The page as it is read."""
    text = html.decode() if isinstance(html, bytes) else html
    main = re.search(r"<main.*?</main>", text, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main[0] if main else text)).split())


def test_split_order_shows_each_box_what_is_in_it_and_what_is_missing(client: Client) -> None:
    order = make_shopped(order_number="AT-1", items={"boot": 1, "sock": 2, "lace": 3})
    ship(order, ParcelStatus.OUT_FOR_DELIVERY, steps=4, items={"boot": 1})
    ship(order, ParcelStatus.DELIVERED, steps=5, items={"sock": 2}, delivered_at="2026-11-26T10:00:00+01:00")
    page = words(client.get(path_of(order)).content)
    assert page.startswith("Your order AT-1 Parcels delivered: 1 of 2.")
    first, second, rest = re.split(
        r"Parcel 2 of 2 Delivered|Not shipped yet", page.partition("Parcel 1 of 2 Out for")[2]
    )
    assert "1 × Hiking boot" in first
    assert "2 × Socke" in second, "there is no English name: the one there is"
    assert "3 ×" in rest


def test_page_speaks_the_language_that_was_asked_for_then_the_browsers_then_the_orders(client: Client) -> None:
    order = make_shopped(locale="de-AT")
    ship(order)
    asked = client.get(path_of(order) + "?lang=de", headers={"accept-language": "en"})
    browser = client.get(path_of(order), headers={"accept-language": "fr, de;q=0.8, en;q=0.7"})
    orders = client.get(path_of(order), headers={"accept-language": "ja"})
    other = client.get(path_of(order) + "?lang=xx<script>", headers={"accept-language": "en-GB"})
    assert [one.headers["Content-Language"] for one in (asked, browser, orders, other)] == ["de", "de", "de", "en"]
    assert {"Accept-Language"} <= set(asked.headers["Vary"].split(", "))
    assert 'lang="de"' in asked.content.decode()
    assert "xx" not in other.content.decode()


def test_brand_gives_name_and_colours_by_a_sheet_of_its_own(client: Client) -> None:
    _brand, route = make_branded(name="Schuh & Söhne", colour="#f2b705")
    order = make_shopped(route)
    html = client.get(path_of(order)).content.decode()
    assert "Schuh &amp; Söhne" in html
    address = re.search(r'href="(/brand/[^"]+)"', html)[1].replace("&amp;", "&")
    sheet = client.get(address)
    assert sheet.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "#f2b705" in sheet.content.decode()
    assert "immutable" in sheet.headers["Cache-Control"]
    assert client.get(address[:-1] + "x").headers["Cache-Control"] == "no-cache"
    assert client.get("/brand/nobody.css").status_code == 404


def test_nothing_private_is_on_the_page_or_in_its_address(client: Client) -> None:
    order = make_shopped(
        customer_email="erna.muster@example.com", destination_city="Posemuckel", destination_postal_code="SW1Y 5QT"
    )
    parcel = ship(order, steps=0, last_message="Handed to A. Muster, Lindenstr. 5", last_location="Lindenstr. 5")
    make.make_checkpoint(parcel.tracking, message="Handed to A. Muster, Lindenstr. 5", location="Lindenstr. 5")
    make.make_checkpoint(parcel.tracking, step=4, message="Delivered - MUSTER")
    html = client.get(path_of(order)).content.decode()
    hidden = (
        "erna",
        "Muster",
        "MUSTER",
        "Lindenstr",
        "Posemuckel",
        "SW1Y 5QT",
        order.correlation_id,
        parcel.tracking_id,
    )
    assert [word for word in (*hidden, parcel.tracking_id) if word in html] == []
    assert "Handed to …" in html


@pytest.mark.parametrize("path", ["order", "find", "gone"])
def test_no_page_sets_a_cookie_asks_another_host_or_is_kept_by_a_cache(client: Client, path: str) -> None:
    order = make_shopped()
    ship(order)
    response = client.get({"order": path_of(order), "find": "/track/", "gone": "/track/abc/"}[path])
    html = response.content.decode()
    assert not response.cookies
    assert "Cookie" not in response.headers.get("Vary", "")
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*"', html) == []
    assert re.findall(r"<[^>]*\s(?:style|on[a-z]+)\s*=", html) == []
    assert re.findall(r"<script(?![^>]* src=)", html) == []


def test_asking_again_costs_304_until_there_is_news(client: Client) -> None:
    order = make_shopped()
    parcel = ship(order)
    first = client.get(path_of(order))
    again = client.get(path_of(order), headers={"if-none-match": first.headers["ETag"], "x-refresh": "1"})
    assert (again.status_code, again.content) == (304, b"")
    Tracking.objects.filter(pk=parcel.tracking_id).update(status=ParcelStatus.DELIVERED)
    assert client.get(path_of(order), headers={"if-none-match": first.headers["ETag"]}).status_code == 200


def test_views_are_counted_by_day_store_and_state_but_not_the_pages_own_refresh(client: Client) -> None:
    order = make_shopped()
    ship(order)
    for headers in ({}, {}, {"x-refresh": "1"}, {"sec-purpose": "prefetch;prerender"}):
        client.get(path_of(order), headers=headers)
    client.head(path_of(order))
    row = ShopperCount.objects.get()
    assert (row.event, row.place, row.state, row.store, row.count) == (
        ShopperEvent.VIEW, "page", "in_transit", order.store, 2,
    )  # fmt: skip


# States ------------------------------------------------------------------------------------------------------------


def test_order_without_parcels_says_that_it_is_not_shipped_and_lists_its_items(client: Client) -> None:
    page = words(client.get(path_of(make_shopped())).content)
    assert "Your order has not been shipped yet." in page
    assert "Your items 1 × Hiking boot 2 × Socke" in page


def test_order_that_was_never_read_has_a_page(client: Client) -> None:
    order = make_shopped(version=None, collected_at=None, items={}, ordered_at=None, order_number="")
    assert "Your order has not been shipped yet." in words(client.get(path_of(order)).content)


def test_cancelled_order_shows_no_parcels(client: Client) -> None:
    order = make_shopped(order_state="Cancelled")
    ship(order)
    page = words(client.get(path_of(order)).content)
    assert "Your order has been cancelled." in page
    assert "Tracking number" not in page
    assert "not been shipped" not in page.lower()


def test_all_delivered_is_said_once(client: Client) -> None:
    order = make_shopped()
    for items in ({"boot": 1}, {"sock": 2}):
        ship(order, ParcelStatus.DELIVERED, steps=5, items=items)
    page = words(client.get(path_of(order)).content)
    assert "All 2 parcels have been delivered." in page
    assert "Not shipped yet" not in page


def test_unknown_status_is_called_unknown(client: Client) -> None:
    order = make_shopped()
    ship(order, ParcelStatus.UNKNOWN, tag="Teleported")
    page = words(client.get(path_of(order)).content)
    assert "Status being clarified" in page
    assert "Teleported" not in page


def test_paused_connection_is_said_with_the_time_of_the_last_news(client: Client) -> None:
    order = make_shopped(collected_at=None)
    parcel = ship(order, received_at=timezone.now().replace(year=2026, month=11, day=20, hour=8, minute=30))
    assert "We are getting no news" not in words(client.get(path_of(order)).content)
    type(parcel.tracking.account).objects.update(pause_seconds=120)
    html = client.get(path_of(order)).content.decode()
    assert "We are getting no news from the carrier at the moment." in html
    assert re.search(r'<time datetime="2026-11-20T08:30:[^"]+" data-local>[^<]*November 20[^<]*UTC</time>', html)


def test_silence_that_a_couriers_outage_explains_is_told_as_mails_and_agents_tell_it(client: Client) -> None:
    order = make_shopped()
    parcel = ship(order)
    about = {"kind": ProblemKind.SILENT, "subject": f"tracking:{parcel.tracking_id}", "tracking": parcel.tracking}
    silent = make.make_problem(order=order, **about)
    assert "not reported anything new for longer than usual" in words(client.get(path_of(order)).content)
    silent.suppressed_by = Outage.objects.create(courier="dhl-germany", cause="No news", started_at=timezone.now())
    silent.save()
    page = words(client.get(path_of(order)).content)
    assert "The carrier has technical problems at the moment" in page
    assert "longer than usual" not in page
    assert answer(facts_of_order(order), "en") in page


def test_day_is_the_recipients_late_is_what_is_late_there(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half past one in the night in UTC: still the day before in Los Angeles, long since the new one in Sydney."""
    moment = timezone.now().replace(hour=1, minute=30)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    said = {}
    for place in ({"destination_country": "US", "destination_state": "CA"}, {"destination_country": "AU"}):
        order = make_shopped(**place)
        ship(order, eta=moment.date() - timedelta(days=1))
        said[place["destination_country"]] = words(client.get(path_of(order)).content)
        assert answer(facts_of_order(order), "en") in said[place["destination_country"]], (
            "agents and mails say the same"
        )
    assert "Expected delivery: " in said["US"]
    assert "later than planned" in said["AU"]


def test_what_a_courier_says_in_our_very_words_is_not_said_twice(client: Client) -> None:
    order = make_shopped()
    parcel = ship(order, steps=0)
    make.make_checkpoint(
        parcel.tracking, tag="OutForDelivery", subtag="OutForDelivery_001", message="OUT FOR DELIVERY."
    )
    assert "OUT FOR DELIVERY" not in words(client.get(path_of(order)).content)


def test_pickup_point_is_shown_with_its_hours(client: Client) -> None:
    order = make_shopped()
    ship(
        order, ParcelStatus.AVAILABLE_FOR_PICKUP, pickup_location="Kiosk, Marktstr. 12", pickup_note="Mon-Sat 8-20",
        eta=date(2026, 11, 20),
    )  # fmt: skip
    page = words(client.get(path_of(order)).content)
    assert "Pickup point Kiosk, Marktstr. 12" in page, "the address of a shop is no secret"
    assert "Mon-Sat 8-20" in page
    assert "Last day for collection" not in page, "nobody named one"


def test_last_day_at_the_pickup_point_is_said_where_the_carriers_words_name_it(client: Client) -> None:
    order, last_day = make_shopped(), timezone.localdate() + timedelta(days=4)
    since = timezone.now() - timedelta(days=3)
    facts = {"status_changed_at": since, "pickup_note": f"Ready until {last_day:%d.%m.%Y}, Mon-Sat 8-20"}
    parcel = ship(order, ParcelStatus.AVAILABLE_FOR_PICKUP, **facts)
    assert facts_of_order(order).parcels[0].pickup_until == last_day
    said = f"Last day for collection: {day(last_day, 'en', day_of_shopper(order, timezone.now()))}."
    assert said in words(client.get(path_of(order)).content)
    Tracking.objects.filter(pk=parcel.tracking_id).update(status=ParcelStatus.RETURNING)
    assert "Last day for collection" not in words(client.get(path_of(order)).content), "it has gone by"


def test_return_stands_in_its_own_lane_and_never_comes_to_the_shopper(client: Client) -> None:
    order = make_shopped()
    ship(order, ParcelStatus.DELIVERED, steps=5)
    ship(order, ParcelStatus.OUT_FOR_DELIVERY, is_return=True, items={"boot": 1})
    page = words(client.get(path_of(order)).content)
    outbound, _lane, sent_back = page.partition("What you sent back")
    assert "The parcel has been delivered" in outbound or "Delivered" in outbound
    assert "Your return" in sent_back
    assert "Hiking boot" in sent_back
    assert not re.search(r"on its way to you|Out for delivery", sent_back)


def test_news_of_an_earlier_parcel_with_this_number_is_not_shown(client: Client) -> None:
    order = make_shopped()
    parcel = ship(
        order, ParcelStatus.PENDING, is_fenced=True, steps=0, last_message="x", courier_url="https://a.example/"
    )
    make.make_checkpoint(parcel.tracking, step=4, is_fenced=True, location="Last year's town")
    fenced = ship(order, ParcelStatus.IN_TRANSIT, steps=2)
    make.make_checkpoint(fenced.tracking, is_fenced=True, location="Two years ago")
    html = client.get(path_of(order)).content.decode()
    assert "Last year" not in html
    assert "Two years ago" not in html
    assert "a.example" not in html


def test_scans_stand_under_the_day_and_time_of_their_place(client: Client) -> None:
    order = make_shopped()
    tracking = ship(order, steps=0).tracking
    times = {"2026-11-20T23:30:00-08:00": "2026-11-20T23:30:00", "2026-11-19T07:05:00": "2026-11-19T07:05:00"}
    for text, local in times.items():
        make.make_checkpoint(tracking, time_text=text, local_time=local, location="Reno")
    make.make_checkpoint(tracking, time_text="2026-11-18", local_time="2026-11-18T00:00:00", location="Elko")
    page = words(client.get(path_of(order) + "?lang=en").content)
    assert re.search(r"Friday, November 20(, 2026)? 11:30 PM Arrived at a parcel centre · Reno", page)
    assert re.search(r"Thursday, November 19(, 2026)? 7:05 AM Arrived", page)
    assert re.search(r"Wednesday, November 18(, 2026)? Arrived at a parcel centre · Elko", page), (
        "a day has no time of day"
    )


def test_parcel_that_nothing_tracks_shows_its_number_and_says_so(client: Client) -> None:
    order = make_shopped()
    make.make_parcel(order, carrier="By hand", tracking_number="BH-1", route=order.store.routes.first())
    page = words(client.get(path_of(order)).content)
    assert "BH-1" in page
    assert "No tracking available" in page


def test_withdrawn_old_and_unknown_links_lead_to_the_form_and_show_nothing(client: Client) -> None:
    order = make_shopped(order_number="AT-77")
    path = path_of(order)
    withdraw_link(order, actor=None, reason="asked for")
    withdrawn = client.get(path)
    Order.objects.update(created_at=timezone.now() - timedelta(days=999), ordered_at=None)
    order.refresh_from_db()
    answers = {withdrawn.status_code: withdrawn, 404: client.get("/track/" + "A" * 35 + "/")}
    old = client.get(path_of(order))
    assert (withdrawn.status_code, old.status_code) == (410, 410)
    for response in (*answers.values(), old):
        assert "AT-77" not in response.content.decode()
        assert 'href="/track/"' in response.content.decode()


# Weight ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parcels", [1, 8])
def test_page_costs_a_fixed_number_of_queries(client: Client, parcels: int, django_assert_num_queries: object) -> None:
    order = make_shopped()
    for _ in range(parcels):
        ship(order)
    client.get(path_of(order))
    with django_assert_num_queries(7):  # order; parcels, scans, couriers, problems; promotion; one count
        client.get(path_of(order))


def test_order_of_many_parcels_stays_light(client: Client) -> None:
    order = make_shopped()
    for _ in range(50):
        ship(order, steps=1)
    tracking = order.parcels.first().tracking
    rows = [make.make_checkpoint(tracking, message="x" * 200) for _ in range(40)]
    response = client.get(path_of(order), headers={"accept-encoding": "gzip"})
    assert len(response.content) < 50_000
    assert Checkpoint.objects.filter(tracking=tracking).count() == len(rows) + 1
