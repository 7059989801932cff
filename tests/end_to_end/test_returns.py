"""Returns run in a lane of their own: return parcels, and numbers that only the order's return info gives."""

from __future__ import annotations

from typing import Any

import pytest

from stores.models import Route
from tests.end_to_end.test_road import open_problems
from tests.end_to_end.world import World, parcel
from tracking.models import Tracking

NUMBER, BACK = "00340434161094000001", "1Z999AA10123456784"


def announce(world: World, order: dict[str, Any], number: str | None, quantity: int = 1) -> None:
    items = [{"lineItemId": "li-1", "quantity": quantity}]
    info = {"items": items} | ({"returnTrackingId": number} if number else {})
    world.change(order, {"action": "addReturnInfo", **info})
    world.work()


def told(world: World) -> dict[str, dict[str, Any]]:
    return {one["tracking_number"]: one for one in world.sandbox.trackings("main")}


def test_a_return_info_without_a_number_is_no_parcel(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    announce(world, order, None)
    announce(world, order, "   ")
    assert world.our_order(order).parcels.count() == 1


def test_an_announced_return_is_tracked_as_a_return_and_never_written(world: World) -> None:
    Route.objects.update(notify=Route.Notify.AFTERSHIP)
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "Delivered")
    world.work()
    announce(world, order, BACK, quantity=2)
    row = world.our_order(order).parcels.get(is_return=True)
    assert (row.tracking_number, row.items, row.is_in_commercetools) == (BACK, {"li-1": 2}, False)
    known = told(world)[BACK]
    assert (known["shipment_direction"], known["customers"]) == ("return", [])
    assert (known["origin_postal_code"], known["destination_postal_code"]) == ("10115", None)
    since = world.mark()
    world.scan(world.tracking(BACK), "InTransit")
    world.work()
    assert world.writes(since) == [], "there is no parcel to write to, and the order's status is not its business"
    fields = world.order_fields(order)
    assert (fields["tb_status"], fields["tb_parcels"], fields["shipmentState"]) == ("delivered", 1, "Delivered")
    assert Tracking.objects.get(tracking_number=BACK).status == "in_transit"
    assert open_problems() == []


def test_an_announced_return_stays_one_row_however_it_is_said_again(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    announce(world, order, BACK)
    first = world.our_order(order).parcels.get(is_return=True)
    items = [{"lineItemId": "li-1", "quantity": 1}]
    infos = [{"returnTrackingId": f" {BACK.lower()}", "items": items}, {"returnTrackingId": BACK, "items": items}]
    world.change(order, {"action": "setReturnInfo", "items": infos})
    world.work()
    again = world.our_order(order).parcels.get(is_return=True)
    assert (again.pk, again.items) == (first.pk, {"li-1": 2})
    assert Tracking.objects.filter(tracking_number=BACK).count() == 1


def test_a_return_that_is_taken_back_is_tracked_no_more(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    announce(world, order, BACK)
    world.change(order, {"action": "setReturnInfo", "items": []})
    world.work()
    assert sorted(told(world)) == [NUMBER]
    assert Tracking.objects.get(tracking_number=BACK).retired_reason == "the parcel was removed"


def test_a_return_parcel_and_a_return_info_of_one_number_are_one(world: World) -> None:
    order = world.order(parcel(NUMBER), parcel(BACK, "UPS", is_return=True))
    world.work()
    announce(world, order, BACK)
    row = world.our_order(order).parcels.get(is_return=True)
    assert row.is_in_commercetools
    assert world.carried(order)[row.commercetools_id]["tb_status"] == "pending"


@pytest.mark.parametrize("first_is_return", [True, False])
def test_one_number_both_ways_is_tracked_as_what_goes_to_the_shopper(world: World, first_is_return: bool) -> None:
    order = world.order(parcel(NUMBER, is_return=first_is_return))
    world.work()
    delivery = world.sandbox.order("demo", order["id"])["shippingInfo"]["deliveries"][0]["id"]
    data = {"trackingId": NUMBER, "carrier": "DHL", "isReturn": not first_is_return}
    since = world.mark()
    world.change(order, {"action": "addParcelToDelivery", "deliveryId": delivery, "trackingData": data})
    world.work()
    (known,) = world.sandbox.trackings("main")
    direction = "forward" if first_is_return else None
    assert (known["shipment_direction"], known["destination_postal_code"]) == (direction, "10115")
    puts = [call for call in world.calls("aftership", since) if call.startswith("PUT")]
    assert len(puts) == first_is_return
    world.scan(world.tracking(NUMBER), "OutForDelivery")
    world.work()
    fields = world.order_fields(order)
    assert (fields["tb_status"], fields["tb_parcels"]) == ("out_for_delivery", 1)
