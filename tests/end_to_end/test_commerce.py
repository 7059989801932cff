"""Orders and fulfilments at AfterShip's Commerce API, where an account's switch is on."""

from __future__ import annotations

from typing import Any

import pytest

from stores.models import AfterShipAccount, Route
from tests.end_to_end.world import World, parcel
from tracking.models import Job, Order
from tracking.services.erase import start_erasure

NUMBER, OTHER = "00340434161094000001", "00340434161094000002"


@pytest.fixture
def shop(world: World) -> World:
    world.sandbox.account("main", store_id="store-1")
    AfterShipAccount.objects.update(sends_orders=True, commerce_store_id="store-1")
    return world


def commerce_calls(world: World, since: int = 0) -> list[str]:
    calls = [one.split(" ", 1) for one in world.calls("aftership", since)]
    return [
        f"{method} {path.split('/')[3].partition('?')[0]}" for method, path in calls if path.startswith("/commerce/")
    ]


def order(world: World, *parcels: dict[str, Any], **facts: Any) -> dict[str, Any]:
    total = {"totalPrice": {"currencyCode": "EUR", "centAmount": 4990, "fractionDigits": 2}}
    return world.order(*parcels, **total | facts)


def test_an_account_that_is_not_to_hear_of_orders_hears_of_none(world: World) -> None:
    world.order(parcel(NUMBER))
    world.work()
    assert commerce_calls(world) == []
    assert not Job.objects.filter(kind="commerce").exists()


def test_an_order_and_its_parcel_are_sent_once_with_the_tracking_that_is_followed(shop: World) -> None:
    made = order(shop, parcel(NUMBER, items=[{"id": "li-1", "quantity": 3}]))
    shop.work()
    sent = shop.sandbox.commerce("main")
    (one,), (fulfillment,) = sent["orders"], sent["fulfillments"]
    assert one["source_id"] == made["id"].replace("-", "")
    assert (one["number"], one["currency"], one["order_total"], one["status"]) == ("DE-1001", "EUR", "49.90", "open")
    assert one["shipping_address"]["postal_code"] == "10115"
    assert "customer" not in one, "AfterShip does not write to this shopper"
    assert fulfillment["order_id"] == one["id"]
    assert fulfillment["trackings"] == [{"id": shop.tracking(NUMBER).aftership_id}]
    assert commerce_calls(shop) == ["GET orders", "POST orders", "GET fulfillments", "POST fulfillments"]
    since = shop.mark()
    Job.objects.filter(kind="commerce").update(want=5)
    shop.work()
    assert commerce_calls(shop, since) == [], "nothing changed"


def test_the_shopper_is_named_where_aftership_writes(shop: World) -> None:
    Route.objects.update(notify="aftership")
    order(shop, parcel(NUMBER))
    shop.work()
    (one,) = shop.sandbox.commerce("main")["orders"]
    assert one["customer"] == {"emails": ["anna.muster@example.com"], "locale": "de"}


def test_an_order_whose_answer_was_lost_is_found_and_not_made_twice(shop: World) -> None:
    order(shop, parcel(NUMBER))
    shop.work()
    Order.objects.update(commerce={})
    Job.objects.filter(kind="commerce").update(want=5)
    shop.work()
    sent = shop.sandbox.commerce("main")
    assert (len(sent["orders"]), len(sent["fulfillments"])) == (1, 1)


def test_another_parcel_and_a_cancelled_order_are_told(shop: World) -> None:
    made = order(shop, parcel(NUMBER))
    shop.work()
    delivery = made["shippingInfo"]["deliveries"][0]["id"]
    data = {"trackingId": OTHER, "carrier": "DHL"}
    shop.change(made, {"action": "addParcelToDelivery", "deliveryId": delivery, "trackingData": data})
    shop.work()
    assert len(shop.sandbox.commerce("main")["fulfillments"]) == 2
    shop.change(made, {"action": "changeOrderState", "orderState": "Cancelled"})
    shop.work()
    (one,) = shop.sandbox.commerce("main")["orders"]
    assert one["status"] == "canceled"


def test_an_erased_shopper_is_forgotten_there(shop: World) -> None:
    Route.objects.update(notify="aftership")
    order(shop, parcel(NUMBER))
    shop.work()
    start_erasure("anna.muster@example.com", actor=None, reason="They asked for it.")
    shop.work()
    (one,) = shop.sandbox.commerce("main")["orders"]
    assert (one["customer"], one["shipping_address"]) == ({}, {})
