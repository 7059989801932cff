"""What a brand offers: one at a time, counted without a trace, and leading nowhere else."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from stores.models import Brand
from tests import factories as make
from tests.tracking.pages.orders import make_branded, make_shopped, path_of, ship
from tracking.enums import ParcelStatus, ShopperEvent, ShopperPlace
from tracking.models import Promotion, ShopperCount
from tracking.notifications.texts import OF_TROUBLE
from tracking.services.news import KIND_OF
from tracking.services.promotions import NOT_BESIDE, Where, count, count_shown, current_promotion, offer_for, open_click

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
TODAY = date(2026, 11, 27)
PAGE = ShopperPlace.PAGE


def promote(brand: Brand, **facts: Any) -> Promotion:
    defaults = {
        "language": "en", "headline": "New boots", "button": "See them", "link": "https://shop.example/boots?a=1&b=2",
        "starts_on": TODAY - timedelta(days=3),
    }  # fmt: skip
    return Promotion.objects.create(brand=brand, **defaults | facts)


def test_of_several_the_one_that_began_last_is_shown_until_it_ends() -> None:
    brand = make.make_brand()
    promote(brand, headline="week", starts_on=date(2026, 11, 23), ends_on=date(2026, 11, 29))
    promote(brand, headline="autumn", starts_on=date(2026, 9, 1))
    promote(brand, headline="next", starts_on=date(2026, 12, 1))
    promote(brand, headline="mails", starts_on=date(2026, 11, 25), on_page=False)
    promote(brand, headline="German", starts_on=date(2026, 11, 26), language="de")
    promote(make.make_brand(), headline="theirs", starts_on=date(2026, 11, 26))
    days = [date(2026, 8, 31), date(2026, 9, 1), date(2026, 11, 23), date(2026, 11, 29), date(2026, 11, 30)]
    shown = [current_promotion(brand, "en-GB", PAGE, on) for on in days]
    assert [one and one.headline for one in shown] == [None, "autumn", "week", "week", "autumn"]
    assert current_promotion(brand, "en", ShopperPlace.MAIL, TODAY).headline == "mails"
    assert current_promotion(brand, "de-AT", PAGE, TODAY).headline == "German"
    assert current_promotion(brand, "fr", PAGE, TODAY) is None


@pytest.mark.parametrize(
    ("facts", "constraint"),
    [
        ({}, "promotion_one_begins_per_day"),
        ({"link": "http://shop.example/", "language": "de"}, "promotion_link_is_https"),
        ({"link": "javascript:alert(1)", "language": "de"}, "promotion_link_is_https"),
        ({"ends_on": TODAY - timedelta(days=9), "language": "de"}, "promotion_ends_after_start"),
        ({"on_page": False, "on_mail": False, "language": "de"}, "promotion_has_a_place"),
    ],
)
def test_database_refuses_two_that_begin_together_and_links_that_are_not_https(facts: Any, constraint: str) -> None:
    brand = make.make_brand()
    promote(brand)
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        promote(brand, **facts)
    names = ("tracking_promotion.brand_id", "brand_id, language, starts_on", constraint)
    assert any(name in str(refused.value) for name in names)


def test_page_shows_it_and_a_click_is_counted_and_led_on(client: Client, settings: Any) -> None:
    brand, route = make_branded()
    promotion = promote(brand, headline="New <b>boots</b>", text="As good as the old", starts_on=timezone.localdate())
    order = make_shopped(route)
    ship(order)
    html = client.get(path_of(order)).content.decode()
    assert "New &lt;b&gt;boots&lt;/b&gt;" in html
    assert "shop.example" not in html, "the address of the click holds no target"
    address = html.partition(f'class="button" href="{settings.PUBLIC_URL}')[2].partition('"')[0]
    for headers in ({}, {}, {"sec-purpose": "prefetch"}):
        response = client.get(address, headers=headers)
        assert (response.status_code, response.headers["Location"]) == (302, "https://shop.example/boots?a=1&b=2")
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert not response.cookies
    assert client.head(address).status_code == 302
    counts = ShopperCount.objects.filter(promotion=promotion).order_by("event")
    assert [(one.event, one.place, one.state, one.store_id, one.count) for one in counts] == [
        (ShopperEvent.CLICK, "page", "in_transit", order.store_id, 2),
        (ShopperEvent.SHOWN, "page", "in_transit", order.store_id, 1),
    ]


def test_page_and_mails_know_the_same_troubles() -> None:
    assert {status for status, kind in KIND_OF.items() if kind in OF_TROUBLE} == NOT_BESIDE


@pytest.mark.parametrize("status", [ParcelStatus.LOST, ParcelStatus.DELAYED, ParcelStatus.ATTEMPT_FAILED])
def test_nobody_with_a_parcel_in_trouble_is_offered_anything(client: Client, status: ParcelStatus) -> None:
    brand, route = make_branded()
    promote(brand, starts_on=timezone.localdate())
    order = make_shopped(route)
    ship(order, status)
    assert "New boots" not in client.get(path_of(order)).content.decode()
    assert offer_for(brand, "en", Where(ShopperPlace.MAIL, ParcelStatus.RETURNING)) is None


def test_mail_that_went_out_counts_as_shown() -> None:
    brand = make.make_brand()
    promotion = promote(brand, starts_on=timezone.localdate())
    store = make.make_store()
    for _ in range(2):
        count_shown(offer_for(brand, "en", Where(ShopperPlace.MAIL, "delivered", store.pk)).url)
    count_shown("https://shop.example.com/")
    row = ShopperCount.objects.get()
    assert (row.event, row.place, row.state, row.store, row.promotion, row.count) == (
        "shown", "mail", "delivered", store, promotion, 2,
    )  # fmt: skip


@pytest.mark.parametrize("ending", ["?to=https://evil.example", "?next=//evil.example", "?url=javascript:alert(1)"])
def test_click_leads_nowhere_else(client: Client, ending: str) -> None:
    brand = make.make_brand()
    promote(brand, starts_on=timezone.localdate())
    path = offer_for(brand, "en", Where(PAGE)).url.partition("/go/")[2]
    assert client.get(f"/go/{path}{ending}").headers["Location"] == "https://shop.example/boots?a=1&b=2"
    altered = ("A" if path[5] != "A" else "B").join([path[:5], path[6:]])
    for bad in (altered, "https://evil.example", "x/"):
        response = client.get(f"/go/{bad}")
        assert response.status_code in (301, 404)
        assert "evil" not in response.headers.get("Location", "").replace("/go/https", "")
    assert not ShopperCount.objects.exclude(count=1).exists()


def test_old_mail_leads_to_a_promotion_that_has_ended(client: Client) -> None:
    brand = make.make_brand()
    promotion = promote(brand)
    where = Where(ShopperPlace.MAIL, "delivered")
    offer = offer_for(brand, "en", where, TODAY)
    Promotion.objects.update(ends_on=TODAY)
    assert open_click(offer.url.rstrip("/").rpartition("/")[2]) == (promotion, where)


def test_count_that_cannot_be_kept_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction.atomic():
        count(ShopperEvent.VIEW, Where(PAGE, "beamed"))
    assert ShopperCount.objects.get().state == ""
    monkeypatch.setattr("tracking.services.promotions.count_up", raise_integrity)
    count(ShopperEvent.VIEW, Where(PAGE))


def raise_integrity(*_args: Any, **_kwargs: Any) -> int:
    raise IntegrityError("no")
