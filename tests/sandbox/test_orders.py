"""Orders of commercetools: read, import, update with version, query."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Caller, parcel_of
from tracking.sandbox.client import SandboxClient


def update(shop: Caller, order: dict[str, Any], *actions: dict[str, Any], version: int | None = None) -> Any:
    """POST actions at the order's own version, unless another is given."""
    body = {"version": version or order["version"], "actions": list(actions)}
    return shop("POST", f"/orders/{order['id']}", body)


def test_an_unknown_order_is_404(shop: Caller) -> None:
    reply = shop("GET", "/orders/nothing")
    assert (reply.status, reply.code) == (404, "ResourceNotFound")
    assert shop("HEAD", "/orders/nothing").text == ""


def test_an_order_is_read_by_id_and_by_encoded_number(shop: Caller, order: dict[str, Any]) -> None:
    assert shop("GET", f"/orders/{order['id']}").body == order
    assert shop("GET", "/orders/order-number=CT%2F1001").body == order


def test_in_another_store_an_order_is_404(shop: Caller, order: dict[str, Any]) -> None:
    assert shop("GET", f"/in-store/key=at-web/orders/{order['id']}").status == 404
    assert shop("GET", f"/in-store/key=de-web/orders/{order['id']}").status == 200


def test_a_call_echoes_the_correlation_id(shop: Caller, order: dict[str, Any]) -> None:
    shop.headers["X-Correlation-ID"] = "abc-1"
    assert shop("GET", f"/orders/{order['id']}").headers["X-Correlation-ID"] == "abc-1"


def test_an_update_without_version_is_invalid_json_input(shop: Caller, order: dict[str, Any]) -> None:
    reply = shop("POST", f"/orders/{order['id']}", {"actions": []})
    assert (reply.status, reply.code) == (400, "InvalidJsonInput")
    assert reply.body["errors"][0]["detailedErrorMessage"] == "version: Missing required value"


def test_a_body_that_is_no_json_is_invalid_json_input(shop: Caller, order: dict[str, Any]) -> None:
    assert shop("POST", f"/orders/{order['id']}", b"{").code == "InvalidJsonInput"


def test_a_stale_version_conflicts_even_when_nothing_would_change(shop: Caller, order: dict[str, Any]) -> None:
    reply = update(shop, order, version=7)
    assert (reply.status, reply.code, reply.body["errors"][0]["currentVersion"]) == (409, "ConcurrentModification", 1)
    expected = f"Object {order['id']} has a different version than expected. Expected: 7 - Actual: 1."
    assert reply.body["message"] == expected


def test_an_unknown_action_is_invalid_input(shop: Caller, order: dict[str, Any]) -> None:
    assert update(shop, order, {"action": "doSomething"}).code == "InvalidInput"


def test_one_refused_action_keeps_all_the_others_out(shop: Caller, order: dict[str, Any]) -> None:
    good = {"action": "changeShipmentState", "shipmentState": "Shipped"}
    assert update(shop, order, good, {"action": "removeParcelFromDelivery", "parcelId": "no"}).status == 400
    assert shop("GET", f"/orders/{order['id']}").body == order


def test_an_update_that_changes_nothing_leaves_the_order_alone(shop: Caller, order: dict[str, Any]) -> None:
    same = {"action": "setCustomerEmail", "email": "ada@example.com"}
    assert update(shop, order, same).body == order


def test_the_version_grows_with_every_action_that_has_an_effect(shop: Caller, order: dict[str, Any]) -> None:
    shipped = {"action": "changeShipmentState", "shipmentState": "Shipped"}
    after = update(shop, order, shipped, {"action": "changeOrderState", "orderState": "Complete"}, shipped).body
    assert (after["version"], after["shipmentState"], after["orderState"]) == (3, "Shipped", "Complete")
    assert after["lastModifiedBy"]["clientId"] == "client"


def test_tracking_data_is_replaced_whole(shop: Caller, order: dict[str, Any]) -> None:
    new = {"trackingId": "00340434161094042557", "carrier": "DHL Paket"}
    after = update(shop, order, {"action": "setParcelTrackingData", "parcelKey": "p-1", "trackingData": new}).body
    assert parcel_of(after)["trackingData"] == {**new, "isReturn": False}
    cleared = update(shop, after, {"action": "setParcelTrackingData", "parcelKey": "p-1"}).body
    assert "trackingData" not in parcel_of(cleared)


@pytest.mark.parametrize("names", [{}, {"parcelId": "x", "parcelKey": "p-1"}])
def test_a_parcel_is_named_in_exactly_one_way(shop: Caller, order: dict[str, Any], names: dict[str, str]) -> None:
    assert update(shop, order, {"action": "setParcelTrackingData", **names}).code == "InvalidInput"


def test_a_delivery_and_a_parcel_are_added_and_removed(shop: Caller, order: dict[str, Any]) -> None:
    first = update(shop, order, {"action": "addDelivery", "deliveryKey": "d-2", "parcels": [{"key": "p-2"}]}).body
    parcel = {"action": "addParcelToDelivery", "deliveryKey": "d-2", "parcelKey": "p-3", "trackingData": {}}
    second = update(shop, first, parcel).body
    keys = [parcel["key"] for parcel in second["shippingInfo"]["deliveries"][1]["parcels"]]
    assert keys == ["p-2", "p-3"]
    third = update(shop, second, {"action": "removeDelivery", "deliveryKey": "d-2"}).body
    assert [delivery["key"] for delivery in third["shippingInfo"]["deliveries"]] == ["d-1"]


def test_a_key_is_used_once_within_an_order(shop: Caller, order: dict[str, Any]) -> None:
    again = {"action": "addParcelToDelivery", "deliveryKey": "d-1", "parcelKey": "p-1"}
    assert update(shop, order, again).code == "DuplicateField"


def test_in_multiple_mode_deliveries_live_in_shipping(control: SandboxClient, shop: Caller) -> None:
    order = control.create_order("demo", shipping=[{"shippingKey": "sk", "shippingInfo": {"deliveries": []}}])
    assert (order["shippingMode"], "shippingInfo" in order) == ("Multiple", False)
    assert update(shop, order, {"action": "addDelivery"}).code == "InvalidOperation"
    after = update(shop, order, {"action": "addDelivery", "shippingKey": "sk", "parcels": [{"key": "p-9"}]}).body
    parcel_id = after["shipping"][0]["shippingInfo"]["deliveries"][0]["parcels"][0]["id"]
    data = {"trackingId": "Z1234567890"}
    after = update(shop, after, {"action": "setParcelTrackingData", "parcelId": parcel_id, "trackingData": data}).body
    delivery = after["shipping"][0]["shippingInfo"]["deliveries"][0]
    assert delivery["parcels"][0]["trackingData"]["trackingId"] == "Z1234567890"


def test_a_return_item_moves_only_from_returned(shop: Caller, order: dict[str, Any]) -> None:
    advised = {"key": "r1", "lineItemId": "li-1", "quantity": 1, "shipmentState": "Advised"}
    after = update(shop, order, {"action": "addReturnInfo", "returnTrackingId": "RMA-1", "items": [advised]}).body
    back = {"action": "setReturnShipmentState", "returnItemKey": "r1", "shipmentState": "BackInStock"}
    assert update(shop, after, back).code == "InvalidOperation"
    returned = {**advised, "shipmentState": "Returned"}
    after = update(shop, after, {"action": "setReturnInfo", "items": [{"items": [returned]}]}).body
    after = update(shop, after, back).body
    assert after["returnInfo"][0]["items"][0]["shipmentState"] == "BackInStock"


def test_return_info_without_items_is_refused(shop: Caller, order: dict[str, Any]) -> None:
    assert update(shop, order, {"action": "addReturnInfo", "items": []}).status == 400


def test_an_order_number_is_set_once_and_is_unique(control: SandboxClient, shop: Caller, order: dict[str, Any]) -> None:
    other = control.create_order("demo")
    assert update(shop, other, {"action": "setOrderNumber", "orderNumber": "CT/1001"}).code == "DuplicateField"
    other = update(shop, other, {"action": "setOrderNumber", "orderNumber": "CT-2"}).body
    assert shop("GET", "/orders/order-number=CT-2").body["id"] == other["id"]
    assert update(shop, other, {"action": "setOrderNumber", "orderNumber": "CT-3"}).code == "InvalidOperation"


def test_an_address_needs_an_alpha_2_country(shop: Caller, order: dict[str, Any]) -> None:
    refused = update(shop, order, {"action": "setShippingAddress", "address": {"country": "DEU"}})
    assert (refused.code, refused.body["errors"][0]["invalidValue"]) == ("InvalidField", "DEU")
    after = update(shop, order, {"action": "setShippingAddress", "address": {"country": "AT"}}).body
    assert after["shippingAddress"] == {"country": "AT"}


def test_an_import_creates_an_order_with_its_deliveries(shop: Caller) -> None:
    item = {"name": {"en": "Mug"}, "variant": {"sku": "M"}, "price": {"value": {}}, "quantity": 2}
    info = {"shippingMethodName": "Standard", "deliveries": [{"items": [], "parcels": [{"trackingData": {}}]}]}
    draft = {"orderNumber": "I-1", "totalPrice": {"currencyCode": "EUR", "centAmount": 100}, "shippingInfo": info}
    reply = shop(
        "POST", "/orders/import", {**draft, "lineItems": [item], "store": {"typeId": "store", "key": "de-web"}}
    )
    assert (reply.status, reply.body["version"]) == (201, 1)
    assert parcel_of(reply.body)["trackingData"] == {"isReturn": False}
    assert shop("POST", "/orders/import", draft).code == "DuplicateField"


def test_an_import_without_a_price_is_refused(shop: Caller) -> None:
    assert shop("POST", "/orders/import", {"orderNumber": "I-2"}).code == "InvalidJsonInput"


def test_an_order_is_deleted_at_its_version_only(shop: Caller, order: dict[str, Any]) -> None:
    assert shop("DELETE", f"/orders/{order['id']}", version=2).status == 409
    assert shop("DELETE", f"/orders/{order['id']}", version=1).status == 200
    assert shop("GET", f"/orders/{order['id']}").status == 404


def _three(control: SandboxClient) -> list[str]:
    times = ("2026-01-01T10:00:00.000Z", "2026-01-01T10:00:00.000Z", "2026-01-02T10:00:00.000Z")
    named = zip("cab", times, strict=True)
    return [control.create_order("demo", id=name, createdAt=at, orderNumber=name)["id"] for name, at in named]


def test_keyset_paging_meets_every_order_once(control: SandboxClient, shop: Caller) -> None:
    _three(control)
    seen: list[str] = []
    where = 'lastModifiedAt <= "2026-11-01T00:00:00.000Z"'
    while True:
        page = shop("GET", "/orders", where=where, sort=["lastModifiedAt asc", "id asc"], limit=1, withTotal="false")
        if not page.body["results"]:
            break
        last = page.body["results"][0]
        seen.append(last["id"])
        at = last["lastModifiedAt"]
        where = f'(lastModifiedAt > "{at}" or (lastModifiedAt = "{at}" and id > "{last["id"]}"))'
    assert seen == ["a", "c", "b"]


def test_a_page_says_its_total_unless_told_not_to(control: SandboxClient, shop: Caller) -> None:
    _three(control)
    page = shop("GET", "/orders", limit=2, offset=1, sort="id desc").body
    assert {name: page[name] for name in ("limit", "offset", "count", "total")} == {
        "limit": 2,
        "offset": 1,
        "count": 2,
        "total": 3,
    }
    assert "total" not in shop("GET", "/orders", withTotal="false").body


@pytest.mark.parametrize("query", [{"where": "id ="}, {"limit": 501}, {"offset": 10_001}, {"sort": "id up"}])
def test_a_malformed_query_is_invalid_input(shop: Caller, query: dict[str, Any]) -> None:
    reply = shop("GET", "/orders", **query)
    assert (reply.status, reply.code) == (400, "InvalidInput")


def test_an_order_is_found_by_its_tracking_number(shop: Caller, order: dict[str, Any]) -> None:
    where = 'shippingInfo(deliveries(parcels(trackingData(trackingId="1Z999AA10123456784"))))'
    assert [found["id"] for found in shop("GET", "/orders", where=where).body["results"]] == [order["id"]]


def test_stores_and_channels_are_listed_and_read_by_key(control: SandboxClient, shop: Caller) -> None:
    control.project("demo", channels=[{"key": "berlin"}, {"key": "wien"}])
    listed = shop("GET", "/channels", sort="key asc", limit=500, withTotal="false").body["results"]
    assert [channel["key"] for channel in listed] == ["berlin", "wien"]
    assert shop("GET", f"/channels/{listed[0]['id']}").body == listed[0]
    assert shop("GET", "/stores/key=de-web").body["key"] == "de-web"
    assert shop("GET", "/stores/key=no").status == 404


def test_the_project_shows_languages_and_message_settings(shop: Caller) -> None:
    body = shop("GET", "").body
    assert (body["key"], body["languages"], body["messages"]["enabled"]) == ("demo", ["en", "de"], True)
