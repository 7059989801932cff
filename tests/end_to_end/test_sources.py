"""Numbers that stand in a custom field of the order or delivery, not on parcels: tracked alike, shown on the order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stores.models import Project, Route
from tests.end_to_end.test_messages import message_about, tell
from tests.end_to_end.test_road import open_problems
from tests.end_to_end.world import World, parcel
from tracking.enums import ProblemKind
from tracking.models import Problem, Tracking
from tracking.services import connections
from tracking.services.poll_project import order_messages
from tracking.services.setup import set_up

NUMBER, OTHER = "00340434161094000001", "00340434161094000002"
IN_ORDER = {"where": "order", "field": "fft_parcels", "number": "tracking_number", "carrier_text": "DHL"}
IN_DELIVERY = {"where": "delivery", "field": "numbers", "carrier_text": "DHL"}


def make_type(world: World, key: str, resource: str, field: str) -> None:
    definition: dict[str, Any] = {"name": field, "label": {"en": field}, "type": {"name": "String"}}
    draft = {"key": key, "name": {"en": key}, "resourceTypeIds": [resource], "fieldDefinitions": [definition]}
    connections.commercetools(world.project).create_type(draft)


def read_from(world: World, source: dict[str, str]) -> None:
    Project.objects.filter(pk=world.project.pk).update(tracking_source=source)


@pytest.fixture
def fulfilled(world: World) -> World:
    """A merchant whose fulfilment writes JSON text into its own Type of the order, which has our fields as well."""
    make_type(world, "shop-order", "order", "fft_parcels")
    list(set_up(world.project, extend=("shop-order",)))
    read_from(world, IN_ORDER)
    return world


def value(*numbers: str) -> str:
    return json.dumps([{"tracking_number": number, "tracking_url": f"https://t/{number}"} for number in numbers])


def order_with(world: World, field: str | None, *parcels: dict[str, Any]) -> dict[str, Any]:
    custom = {"type": {"typeId": "type", "key": "shop-order"}, "fields": {"fft_parcels": field} if field else {}}
    order = world.order(*parcels, custom=custom)
    world.work()
    return order


def put(world: World, order: dict[str, Any], field: str | None) -> None:
    world.change(order, {"action": "setCustomField", "name": "fft_parcels", "value": field})
    world.work()


def tracked(world: World) -> list[str]:
    return sorted(one["tracking_number"] for one in world.sandbox.trackings("main"))


def rolled_up(world: World, order: dict[str, Any]) -> tuple[Any, ...]:
    fields = world.order_fields(order)
    return tuple(fields.get(name) for name in ("tb_status", "tb_parcels", "tb_parcels_delivered", "shipmentState"))


@pytest.mark.parametrize("field", ['[{"number": "1"}]', '[{"tracking_number": 1', "soon"])
def test_a_field_that_cannot_be_read_is_a_problem_until_it_can(fulfilled: World, field: str) -> None:
    order = order_with(fulfilled, field)
    ((kind, cause),) = open_problems()
    assert (kind, cause.split(": ")[0].split("[")[0]) == (ProblemKind.BAD_NUMBER, "custom.fields.fft_parcels")
    assert (Problem.objects.get().order, tracked(fulfilled)) == (fulfilled.our_order(order), [])
    put(fulfilled, order, value(NUMBER))
    assert (open_problems(), tracked(fulfilled)) == ([], [NUMBER])


def test_a_field_that_cannot_be_read_costs_its_order_nothing_else(fulfilled: World) -> None:
    order_with(fulfilled, json.dumps([{}, {"tracking_number": NUMBER}]), parcel(OTHER))
    assert tracked(fulfilled) == [NUMBER, OTHER]
    assert open_problems() == [(ProblemKind.BAD_NUMBER, "custom.fields.fft_parcels[0].tracking_number: missing")]


def test_a_cancelled_order_has_no_problem_with_its_field(fulfilled: World) -> None:
    order = order_with(fulfilled, "soon")
    fulfilled.change(order, {"action": "changeOrderState", "orderState": "Cancelled"})
    fulfilled.work()
    assert open_problems() == []


def test_without_the_setting_the_field_is_left_alone(fulfilled: World) -> None:
    read_from(fulfilled, {})
    order = order_with(fulfilled, value(NUMBER))
    since = fulfilled.mark()
    put(fulfilled, order, value(OTHER))
    assert (tracked(fulfilled), fulfilled.calls("commercetools", since)) == ([], [])


def test_a_number_of_the_order_is_tracked_and_its_order_delivered(fulfilled: World) -> None:
    order = order_with(fulfilled, None)
    assert tracked(fulfilled) == []
    put(fulfilled, order, value(NUMBER))
    row = fulfilled.our_order(order).parcels.get()
    assert (row.tracking_number, row.carrier, row.is_in_commercetools) == (NUMBER, "DHL", False)
    assert fulfilled.tracking(NUMBER).courier == "dhl-germany"
    assert rolled_up(fulfilled, order) == ("pending", 1, 0, None)
    fulfilled.scan(fulfilled.tracking(NUMBER), "InTransit")
    fulfilled.work()
    assert rolled_up(fulfilled, order) == ("in_transit", 1, 0, "Shipped")
    since = fulfilled.mark()
    fulfilled.scan(fulfilled.tracking(NUMBER), "Delivered")
    fulfilled.work()
    assert rolled_up(fulfilled, order) == ("delivered", 1, 1, "Delivered")
    assert fulfilled.calls("commercetools", since) == [f"POST /demo/orders/{order['id']}"], "its echo costs no read"
    assert fulfilled.order_fields(order)["fft_parcels"] == value(NUMBER)
    assert open_problems() == []


def test_the_order_waits_for_the_last_number(fulfilled: World) -> None:
    order = order_with(fulfilled, value(NUMBER), parcel(OTHER))
    fulfilled.scan(fulfilled.tracking(OTHER), "Delivered")
    fulfilled.work()
    assert rolled_up(fulfilled, order) == ("pending", 2, 1, "Shipped")
    fulfilled.scan(fulfilled.tracking(NUMBER), "Delivered")
    fulfilled.work()
    assert rolled_up(fulfilled, order) == ("delivered", 2, 2, "Delivered")


def test_a_number_that_changes_is_tracked_instead(fulfilled: World) -> None:
    order = order_with(fulfilled, value(NUMBER))
    put(fulfilled, order, value(OTHER))
    assert tracked(fulfilled) == [OTHER]
    assert Tracking.objects.get(tracking_number=NUMBER).retired_reason == "the parcel was removed"
    assert rolled_up(fulfilled, order)[:2] == ("pending", 1)


def test_a_number_that_is_written_again_stays_tracked(fulfilled: World) -> None:
    order = order_with(fulfilled, value(NUMBER))
    kept = fulfilled.tracking(NUMBER).pk
    since = fulfilled.mark()
    put(fulfilled, order, f" {NUMBER} ")
    assert (fulfilled.tracking(NUMBER).pk, fulfilled.calls("aftership", since)) == (kept, [])


def test_a_number_that_is_removed_is_tracked_no_more(fulfilled: World) -> None:
    order = order_with(fulfilled, value(NUMBER))
    put(fulfilled, order, None)
    assert (tracked(fulfilled), fulfilled.our_order(order).parcels.get().removed_at is None) == ([], False)
    assert Tracking.objects.get(tracking_number=NUMBER).retired_reason == "the parcel was removed"


def test_a_parcel_with_the_number_counts_once(fulfilled: World) -> None:
    order = order_with(fulfilled, value(NUMBER), parcel(NUMBER))
    assert tracked(fulfilled) == [NUMBER]
    assert fulfilled.our_order(order).parcels.get().is_in_commercetools
    assert rolled_up(fulfilled, order)[:2] == ("pending", 1)


def test_a_parcel_that_takes_the_number_over_keeps_its_tracking(fulfilled: World) -> None:
    order = order_with(fulfilled, value(NUMBER))
    kept, since = fulfilled.tracking(NUMBER).pk, fulfilled.mark()
    delivery = fulfilled.sandbox.order("demo", order["id"])["shippingInfo"]["deliveries"][0]["id"]
    data = {"trackingId": NUMBER, "carrier": "DHL"}
    fulfilled.change(order, {"action": "addParcelToDelivery", "deliveryId": delivery, "trackingData": data})
    fulfilled.work()
    assert (fulfilled.tracking(NUMBER).pk, fulfilled.calls("aftership", since)) == (kept, [])
    assert [fields["tb_status"] for fields in fulfilled.carried(order).values()] == ["pending"]
    assert rolled_up(fulfilled, order)[:2] == ("pending", 1)


def test_a_number_of_the_delivery_is_tracked_and_shown_on_the_order(world: World) -> None:
    make_type(world, "shop-delivery", "order-delivery", "numbers")
    read_from(world, IN_DELIVERY)
    order = world.order()
    world.work()
    delivery = world.sandbox.order("demo", order["id"])["shippingInfo"]["deliveries"][0]["id"]
    own = {"type": {"typeId": "type", "key": "shop-delivery"}, "fields": {}}
    world.change(order, {"action": "setDeliveryCustomType", "deliveryId": delivery, **own})
    named = {"action": "setDeliveryCustomField", "deliveryId": delivery, "name": "numbers"}
    world.change(order, {**named, "value": f"{NUMBER}, {OTHER}"})
    world.work()
    assert tracked(world) == [NUMBER, OTHER]
    world.scan(world.tracking(NUMBER), "Delivered")
    world.change(order, {**named, "value": NUMBER})
    world.work()
    assert tracked(world) == [NUMBER]
    assert rolled_up(world, order) == ("delivered", 1, 1, "Delivered")


@pytest.mark.parametrize(
    ("source", "kind", "fields", "is_read"),
    [
        (IN_ORDER, "OrderCustomFieldAdded", {"name": "fft_parcels"}, True),
        (IN_ORDER, "OrderCustomFieldChanged", {"name": "gift_wrap"}, False),
        (IN_ORDER, "OrderCustomTypeRemoved", {}, True),
        (IN_ORDER, "DeliveryCustomFieldChanged", {"name": "fft_parcels"}, False),
        (IN_ORDER, "DeliveryCustomTypeRemoved", {}, False),
        (IN_DELIVERY, "DeliveryCustomFieldChanged", {"name": "numbers"}, True),
        (IN_DELIVERY, "DeliveryCustomFieldRemoved", {"name": "numbers"}, True),
        (IN_DELIVERY, "DeliveryCustomFieldChanged", {"name": "other"}, False),
        (IN_DELIVERY, "DeliveryCustomTypeSet", {"customFields": {"fields": {"numbers": "1"}}}, True),
        (IN_DELIVERY, "DeliveryCustomTypeRemoved", {}, True),
        (IN_DELIVERY, "OrderCustomFieldChanged", {"name": "numbers"}, False),
        (IN_DELIVERY, "OrderCustomTypeRemoved", {}, False),
        ({}, "DeliveryCustomFieldChanged", {"name": "numbers"}, False),
    ],
)
def test_only_messages_about_that_field_lead_to_a_read(
    world: World, source: dict[str, str], kind: str, fields: dict[str, Any], is_read: bool
) -> None:
    read_from(world, source)
    order = world.order(parcel(NUMBER))
    world.work()
    since = world.mark()
    tell(world, message_about(order, kind, **fields))
    assert world.calls("commercetools", since) == ([f"GET /demo/orders/{order['id']}"] if is_read else [])


@pytest.mark.parametrize(
    ("source", "field", "asks_for"),
    [({}, "", set()), (IN_ORDER, "", {"Order"}), (IN_DELIVERY, "", {"Delivery"}), ({}, "fulfilled_by", {"Order"})],
)
def test_a_poll_of_messages_asks_for_what_matters(
    world: World, source: dict[str, str], field: str, asks_for: set[str]
) -> None:
    project = Project(pk=world.project.pk, tracking_source=source)
    Route.objects.update(field_name=field)
    condition = order_messages(project)
    assert {name for name in ("Order", "Delivery") if f'"{name}CustomFieldChanged"' in condition} == asks_for
    assert '"ParcelAddedToDelivery"' in condition
