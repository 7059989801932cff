"""Order documents: made from a partial document or an import draft, and the ways into their deliveries.

Stored documents are never changed in place: an update works on a private copy and replaces the whole, so a reader
needs no lock.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

from tracking.sandbox import commercetools_errors as errors
from tracking.sandbox.clock import millis
from tracking.sandbox.types_ import TypeStore
from tracking.sandbox.wire import copy

SHIPMENT_STATES = ("Shipped", "Delivered", "Ready", "Pending", "Delayed", "Partial", "Backorder", "Canceled")
ORDER_STATES = ("Open", "Confirmed", "Complete", "Cancelled")
PAYMENT_STATES = ("BalanceDue", "CreditOwed", "Failed", "Paid", "Pending")
KEY = re.compile(r"[A-Za-z0-9_-]{2,256}")
COUNTRY = re.compile(r"[A-Z]{2}")
TRACKING_DATA = {"trackingId": str, "carrier": str, "provider": str, "providerTransaction": str, "isReturn": bool}
MEASUREMENTS = ("heightInMillimeter", "lengthInMillimeter", "widthInMillimeter", "weightInGram")


def shipping_infos(order: dict[str, Any]) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Every ShippingInfo with its shippingKey: one without key in Single mode, one per entry in Multiple mode."""
    if order.get("shippingInfo"):
        yield None, order["shippingInfo"]
    for entry in order.get("shipping", ()):
        yield entry.get("shippingKey"), entry["shippingInfo"]


def deliveries(order: dict[str, Any]) -> Iterator[tuple[str | None, list[dict[str, Any]], dict[str, Any]]]:
    """Every delivery with its shippingKey and the list it stands in."""
    for shipping_key, info in shipping_infos(order):
        for delivery in info.get("deliveries", ()):
            yield shipping_key, info["deliveries"], delivery


def complete_order(types: TypeStore, partial: dict[str, Any]) -> dict[str, Any]:
    """A whole Order of a partial one: ids, times, version, states and empty lists are filled in where they lack."""
    order = copy(partial)
    now = millis()
    created = order.setdefault("createdAt", now)
    defaults = {
        "id": str(uuid.uuid4()),
        "version": 1,
        "lastModifiedAt": created,
        "orderState": "Open",
        "returnInfo": [],
    }
    defaults |= {"syncInfo": [], "lineItems": [], "customLineItems": [], "totalPrice": _euro(0), "origin": "Customer"}
    order = {**defaults, **order}
    order.setdefault("shippingMode", "Multiple" if order.get("shipping") else "Single")
    order.setdefault("shipping", [])
    if order["shippingMode"] == "Single":
        order["shippingInfo"] = {"shippingMethodName": "Standard", **order.get("shippingInfo", {})}
    order["lineItems"] = [_line_item(item) for item in order["lineItems"]]
    order["customLineItems"] = [{"id": str(uuid.uuid4()), "quantity": 1, **item} for item in order["customLineItems"]]
    if "store" in order:
        order["store"] = {"typeId": "store", "key": order["store"]["key"]}
    if order.get("custom"):
        order["custom"] = types.custom_of_draft(order["custom"], "order")
    if order["returnInfo"]:
        order["returnInfo"] = [return_info(info, order, now) for info in order["returnInfo"]]
    for _, info in shipping_infos(order):
        info["deliveries"] = [new_delivery(types, draft, created) for draft in info.get("deliveries", ())]
    return order


def check_import(draft: Any) -> None:
    """What an OrderImportDraft must carry. Raises InvalidJsonInput naming the first value that lacks."""
    if not isinstance(draft, dict):
        raise errors.invalid_json("not an object")
    if not isinstance(draft.get("totalPrice"), dict):
        raise errors.invalid_json("totalPrice: Missing required value")
    for at, item in enumerate(draft.get("lineItems", [])):
        for name in ("name", "variant", "price", "quantity"):
            if name not in item:
                raise errors.invalid_json(f"lineItems -> at index {at} -> {name}: Missing required value")
    info = draft.get("shippingInfo")
    if info is not None and "shippingMethodName" not in info:
        raise errors.invalid_json("shippingInfo -> shippingMethodName: Missing required value")
    check_enum("shipmentState", draft.get("shipmentState"), SHIPMENT_STATES, optional=True)
    check_enum("orderState", draft.get("orderState"), ORDER_STATES, optional=True)
    if draft.get("shippingAddress") is not None:
        check_address(draft["shippingAddress"])


def new_delivery(types: TypeStore, draft: dict[str, Any], now: str) -> dict[str, Any]:
    """A Delivery with its parcels."""
    delivery = {"id": draft.get("id") or str(uuid.uuid4()), "createdAt": draft.get("createdAt") or now}
    if draft.get("key") is not None:
        delivery["key"] = check_key("deliveryKey", draft["key"])
    delivery["items"] = check_items(draft.get("items", []))
    delivery["parcels"] = [new_parcel(types, parcel, delivery["createdAt"]) for parcel in draft.get("parcels") or []]
    if draft.get("address") is not None:
        delivery["address"] = check_address(draft["address"])
    if draft.get("custom"):
        delivery["custom"] = types.custom_of_draft(draft["custom"], "order-delivery")
    return delivery


def new_parcel(types: TypeStore, draft: dict[str, Any], now: str) -> dict[str, Any]:
    """A Parcel; what is not given is left out, as in real documents."""
    parcel = {"id": draft.get("id") or str(uuid.uuid4()), "createdAt": draft.get("createdAt") or now}
    if draft.get("key") is not None:
        parcel["key"] = check_key("parcelKey", draft["key"])
    if draft.get("measurements") is not None:
        parcel["measurements"] = check_measurements(draft["measurements"])
    if draft.get("trackingData") is not None:
        parcel["trackingData"] = check_tracking_data(draft["trackingData"])
    parcel["items"] = check_items(draft.get("items") or [])
    if draft.get("custom"):
        parcel["custom"] = types.custom_of_draft(draft["custom"], "order-parcel")
    return parcel


def return_info(draft: dict[str, Any], order: dict[str, Any], now: str) -> dict[str, Any]:
    """A ReturnInfo of its draft. Items must not be empty and start as Advised or Returned."""
    items = draft.get("items")
    if not isinstance(items, list) or not items:
        raise errors.invalid_input("Return info needs at least one item.")
    info = {"items": [_return_item(item, order, now) for item in items], "returnDate": draft.get("returnDate") or now}
    if draft.get("returnTrackingId"):
        info["returnTrackingId"] = draft["returnTrackingId"]
    return info


def check_tracking_data(value: Any) -> dict[str, Any]:
    """TrackingData: every field optional, isReturn false unless given, no rule on length or characters."""
    if not isinstance(value, dict):
        raise errors.invalid_json("trackingData: not an object")
    kept: dict[str, Any] = {}
    for name, kind in TRACKING_DATA.items():
        if value.get(name) is not None:
            if not isinstance(value[name], kind):
                raise errors.invalid_json(f"trackingData -> {name}: {value[name]!r} is not a {kind.__name__}")
            kept[name] = value[name]
    return {"isReturn": False, **kept}


def check_measurements(value: Any) -> dict[str, Any]:
    """ParcelMeasurements: whole numbers only."""
    if not isinstance(value, dict):
        raise errors.invalid_json("measurements: not an object")
    for name in MEASUREMENTS:
        if value.get(name) is not None and (not isinstance(value[name], int) or isinstance(value[name], bool)):
            raise errors.invalid_json(f"measurements -> {name}: not a whole number")
    return {name: value[name] for name in MEASUREMENTS if value.get(name) is not None}


def check_items(value: Any) -> list[dict[str, Any]]:
    """DeliveryItems: a list of {id, quantity}. Sums are not compared with what was ordered."""
    if not isinstance(value, list):
        raise errors.invalid_json("items: not an array")
    for item in value:
        if (
            not isinstance(item, dict)
            or not isinstance(item.get("id"), str)
            or not isinstance(item.get("quantity"), int)
        ):
            raise errors.invalid_json("items: each needs an id and a quantity")
    return [{"id": item["id"], "quantity": item["quantity"]} for item in value]


def check_key(name: str, value: Any) -> str:
    """A delivery's or parcel's key."""
    if not isinstance(value, str) or not KEY.fullmatch(value):
        raise errors.invalid_field(name, value, f"The {name} has 2 to 256 characters of A-Z a-z 0-9 _ -.")
    return value


def check_enum(name: str, value: Any, allowed: tuple[str, ...], *, optional: bool = False) -> Any:
    """One of the allowed words."""
    if value not in allowed and not (optional and value is None):
        raise errors.invalid_json(f"{name}: {value!r} is not one of {', '.join(allowed)}")
    return value


def check_address(value: Any) -> dict[str, Any]:
    """An address has a country, alpha-2."""
    if not isinstance(value, dict) or not isinstance(value.get("country"), str):
        raise errors.invalid_json("address -> country: Missing required value")
    if not COUNTRY.fullmatch(value["country"]):
        raise errors.invalid_field("country", value["country"], "The country is not an ISO 3166-1 alpha-2 code.")
    return copy(value)


def _line_item(item: dict[str, Any]) -> dict[str, Any]:
    line_item = {"id": str(uuid.uuid4()), "quantity": 1, "name": {"en": "Item"}, **item}
    line_item["variant"] = {"id": 1, **line_item.get("variant", {})}
    return line_item


def _return_item(draft: dict[str, Any], order: dict[str, Any], now: str) -> dict[str, Any]:
    of = "lineItemId" if draft.get("lineItemId") else "customLineItemId"
    known = {item["id"] for item in [*order["lineItems"], *order["customLineItems"]]}
    if draft.get(of) not in known:
        raise errors.invalid_input(f"The return item names no line item of the order: {draft.get(of)!r}.")
    state = check_enum("shipmentState", draft.get("shipmentState", "Advised"), ("Advised", "Returned"))
    kind = "LineItemReturnItem" if of == "lineItemId" else "CustomLineItemReturnItem"
    item = {"type": kind, "id": str(uuid.uuid4()), of: draft[of], "quantity": draft.get("quantity", 1)}
    item |= {name: draft[name] for name in ("key", "comment") if draft.get(name)}
    payment = "Initial" if state == "Returned" else "NonRefundable"
    return item | {"shipmentState": state, "paymentState": payment, "createdAt": now, "lastModifiedAt": now}


def _euro(cents: int) -> dict[str, Any]:
    return {"type": "centPrecision", "currencyCode": "EUR", "centAmount": cents, "fractionDigits": 2}
