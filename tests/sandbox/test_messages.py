"""Messages of commercetools: which update emits what, how they are pushed, how they are queried."""

from __future__ import annotations

from typing import Any

from tests.sandbox.conftest import Caller, Receiver, parcel_of, type_draft
from tests.sandbox.test_orders import update
from tests.sandbox.test_types import set_type
from tracking.sandbox.client import SandboxClient


def types_since(control: SandboxClient, start: int) -> list[str]:
    """Types of the messages emitted after the first ``start``."""
    return [message["type"] for message in control.messages("demo")[start:]]


def test_a_new_order_emits_its_deliveries_and_parcels(control: SandboxClient, order: dict[str, Any]) -> None:
    messages = control.messages("demo")
    types = ["OrderCreated", "DeliveryAdded", "ParcelAddedToDelivery"]
    assert [message["type"] for message in messages] == types
    assert messages[1]["delivery"]["parcels"] == []
    assert messages[2]["parcel"] == parcel_of(order)


def test_a_message_names_its_order_three_ways(control: SandboxClient, order: dict[str, Any]) -> None:
    message = control.messages("demo")[2]
    assert message == {
        **message,
        "notificationType": "Message",
        "projectKey": "demo",
        "version": 1,
        "sequenceNumber": 3,
        "resource": {"typeId": "order", "id": order["id"]},
        "resourceVersion": 1,
        "resourceUserProvidedIdentifiers": {"orderNumber": "CT/1001"},
    }


def test_an_import_emits_one_message_only(control: SandboxClient, shop: Caller) -> None:
    shop("POST", "/orders/import", {"totalPrice": {"currencyCode": "EUR", "centAmount": 1}})
    assert types_since(control, 0) == ["OrderImported"]


def test_a_delivery_is_told_without_its_parcels_which_follow(
    control: SandboxClient, shop: Caller, order: dict[str, Any]
) -> None:
    add = {"action": "addDelivery", "parcels": [{"key": "p-2"}, {"key": "p-3"}]}
    after = update(shop, order, add).body
    told = control.messages("demo")[3:]
    assert [message["type"] for message in told] == ["DeliveryAdded", *["ParcelAddedToDelivery"] * 2]
    assert told[0]["delivery"]["parcels"] == []
    assert {message["resourceVersion"] for message in told} == {after["version"]}
    assert [message["sequenceNumber"] for message in told] == [4, 5, 6]


def test_a_parcels_custom_fields_are_not_told(
    control: SandboxClient, shop: Caller, order: dict[str, Any], parcel_type: dict[str, Any]
) -> None:
    update(shop, order, set_type("on-parcel", tb_status="pending"))
    assert types_since(control, 3) == []


def test_an_orders_custom_fields_are_told(control: SandboxClient, shop: Caller, order: dict[str, Any]) -> None:
    shop("POST", "/types", type_draft("on-order", "order"))
    type_ = {"typeId": "type", "key": "on-order"}
    after = update(shop, order, {"action": "setCustomType", "type": type_}).body
    for value in ("pending", "in_transit", None):
        after = update(shop, after, {"action": "setCustomField", "name": "tb_status", "value": value}).body
    kinds = ["TypeSet", "FieldAdded", "FieldChanged", "FieldRemoved"]
    assert types_since(control, 3) == [f"OrderCustom{kind}" for kind in kinds]


def test_an_update_without_effect_tells_nothing(control: SandboxClient, shop: Caller, order: dict[str, Any]) -> None:
    update(shop, order, {"action": "setCustomerEmail", "email": "ada@example.com"})
    assert types_since(control, 3) == []


def test_cleared_tracking_data_is_absent_from_its_message(
    control: SandboxClient, shop: Caller, order: dict[str, Any]
) -> None:
    update(shop, order, {"action": "setParcelTrackingData", "parcelKey": "p-1"})
    message = control.messages("demo")[-1]
    assert (message["type"], "trackingData" in message) == ("ParcelTrackingDataUpdated", False)


def test_in_multiple_mode_messages_carry_the_shipping_key(control: SandboxClient) -> None:
    control.create_order("demo", shipping=[{"shippingKey": "sk", "shippingInfo": {"deliveries": [{"parcels": [{}]}]}}])
    assert [message.get("shippingKey") for message in control.messages("demo")] == [None, "sk", "sk"]


def test_a_deleted_order_is_told(control: SandboxClient, shop: Caller, order: dict[str, Any]) -> None:
    control.delete_order("demo", order["id"])
    assert types_since(control, 3) == ["OrderDeleted"]
    assert shop("GET", f"/orders/{order['id']}").status == 404


def test_a_rival_needs_no_version(control: SandboxClient, shop: Caller, order: dict[str, Any]) -> None:
    shipped = {"action": "changeShipmentState", "shipmentState": "Shipped"}
    after = control.foreign_update("demo", order["id"], shipped)
    assert (after["version"], after["lastModifiedBy"]["clientId"]) == (2, "rival")
    assert types_since(control, 3) == ["OrderShipmentStateChanged"]
    assert control.journal() == [entry for entry in control.journal() if entry["path"] == "/oauth/token"]


def test_messages_are_queried_in_the_api_form(control: SandboxClient, shop: Caller, order: dict[str, Any]) -> None:
    where = f'type in ("DeliveryAdded") and resource(typeId="order") and resource(id="{order["id"]}")'
    found = shop("GET", "/messages", where=[where, "sequenceNumber > 1"], sort="sequenceNumber asc").body["results"]
    assert [message["type"] for message in found] == ["DeliveryAdded"]
    assert "notificationType" not in found[0]
    assert shop("GET", f"/messages/{found[0]['id']}").body == found[0]


def test_messages_switched_off_are_not_listed(shop: Caller, order: dict[str, Any]) -> None:
    off = {"action": "changeMessagesConfiguration", "messagesConfiguration": {"enabled": False}}
    assert shop("POST", "", {"version": 1, "actions": [off]}).body["messages"]["enabled"] is False
    assert shop("GET", "/messages").body["results"] == []


def test_a_message_is_pushed_with_the_token_until_it_is_taken(control: SandboxClient, receiver: Receiver) -> None:
    receiver.statuses = [503, 500]
    control.set_dials(messages={"retry_base_seconds": 0.01})
    control.project("demo", push={"url": receiver.url, "token": "let-me-in"})
    order = control.create_order("demo")
    got = [receiver.next() for _ in range(3)]
    assert {headers["authorization"] for headers, _ in got} == {"Bearer let-me-in"}
    assert [body for _, body in got] == [control.messages("demo")[0]] * 3
    assert got[0][1]["resource"]["id"] == order["id"]
    control.wait_idle(5)
    assert control.idle()["delivered"] == 1


def test_only_the_types_asked_for_are_pushed(control: SandboxClient, receiver: Receiver, order: dict[str, Any]) -> None:
    control.project("demo", push={"url": receiver.url, "token": "t", "types": ["OrderShipmentStateChanged"]})
    control.foreign_update("demo", order["id"], {"action": "addDelivery"})
    control.foreign_update("demo", order["id"], {"action": "changeShipmentState", "shipmentState": "Ready"})
    assert receiver.next()[1]["type"] == "OrderShipmentStateChanged"
    control.wait_idle(5)
    assert receiver.got.empty()


def test_a_message_too_large_for_the_queue_loses_its_payload(control: SandboxClient, receiver: Receiver) -> None:
    control.project("demo", push={"url": receiver.url, "token": "t"})
    control.create_order("demo", lineItems=[{"name": {"en": "x" * 300_000}}])
    body = receiver.next()[1]
    assert body["payloadNotIncluded"] == {"reason": "Payload too large.", "payloadType": "OrderCreated"}
    assert "type" not in body
    assert "order" not in body
