"""The update actions of an order. Each works on the private copy of an Edit, says whether it changed anything, and
leaves its Messages.

An action that is refused raises, and the copy is thrown away: all or nothing. Setting what is already so changes
nothing and emits nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tracking.sandbox import commercetools_errors as errors
from tracking.sandbox import orders
from tracking.sandbox.clock import read_moment
from tracking.sandbox.types_ import TypeStore
from tracking.sandbox.wire import copy


@dataclass
class Edit:
    """One update under way: the private copy, what may be referred to, and the messages so far (type, own fields)."""

    order: dict[str, Any]
    types: TypeStore
    now: str
    store_keys: frozenset[str] = frozenset()
    taken_order_numbers: Callable[[str], bool] = lambda _number: False
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def emit(self, message_type: str, **fields: Any) -> None:
        """Note a Message; fields without a value are left out. Later actions do not reach into it."""
        self.messages.append((message_type, copy({name: value for name, value in fields.items() if value is not None})))


Action = dict[str, Any]


def apply_actions(edit: Edit, actions: list[Any]) -> int:
    """Apply the actions in order; how many changed something. Raises CommercetoolsError at the first refusal."""
    changed = 0
    for action in actions:
        name = action.get("action") if isinstance(action, dict) else None
        act = ACTIONS.get(name or "")
        if act is None:
            raise errors.invalid_input(f"Invalid action '{name}' for an Order.")
        changed += act(edit, action)
    return changed


# -- deliveries and parcels


def _add_delivery(edit: Edit, action: Action) -> bool:
    info, shipping_key = _shipping_info(edit.order, action.get("shippingKey"))
    draft = {**action, "key": action.get("deliveryKey"), "id": None}
    draft["parcels"] = [{**parcel, "id": None} for parcel in action.get("parcels") or []]
    delivery = orders.new_delivery(edit.types, draft, edit.now)
    _check_new_keys(edit.order, [delivery, *delivery["parcels"]])
    info.setdefault("deliveries", []).append(delivery)
    edit.emit("DeliveryAdded", delivery={**delivery, "parcels": []}, shippingKey=shipping_key)
    for parcel in delivery["parcels"]:
        edit.emit("ParcelAddedToDelivery", delivery=delivery, parcel=parcel, shippingKey=shipping_key)
    return True


def _remove_delivery(edit: Edit, action: Action) -> bool:
    shipping_key, siblings, delivery = _delivery(edit.order, action)
    siblings.remove(delivery)
    edit.emit("DeliveryRemoved", delivery=delivery, shippingKey=shipping_key)
    return True


def _set_delivery_items(edit: Edit, action: Action) -> bool:
    shipping_key, _, delivery = _delivery(edit.order, action)
    old, new = delivery["items"], orders.check_items(action.get("items", []))
    if old == new:
        return False
    delivery["items"] = new
    edit.emit("DeliveryItemsUpdated", deliveryId=delivery["id"], items=new, oldItems=old, shippingKey=shipping_key)
    return True


def _set_delivery_address(edit: Edit, action: Action) -> bool:
    shipping_key, _, delivery = _delivery(edit.order, action)
    old = delivery.get("address")
    if not _put(delivery, "address", _address(action)):
        return False
    new = delivery.get("address")
    edit.emit("DeliveryAddressSet", deliveryId=delivery["id"], address=new, oldAddress=old, shippingKey=shipping_key)
    return True


def _add_parcel(edit: Edit, action: Action) -> bool:
    shipping_key, _, delivery = _delivery(edit.order, action)
    parcel = orders.new_parcel(edit.types, {**action, "key": action.get("parcelKey"), "id": None}, edit.now)
    _check_new_keys(edit.order, [parcel])
    delivery["parcels"].append(parcel)
    edit.emit("ParcelAddedToDelivery", delivery=delivery, parcel=parcel, shippingKey=shipping_key)
    return True


def _remove_parcel(edit: Edit, action: Action) -> bool:
    where, delivery, parcel = _parcel(edit.order, action)
    delivery["parcels"].remove(parcel)
    edit.emit("ParcelRemovedFromDelivery", deliveryId=delivery["id"], parcel=parcel, shippingKey=where["shippingKey"])
    return True


def _set_tracking_data(edit: Edit, action: Action) -> bool:
    where, _, parcel = _parcel(edit.order, action)
    value = action.get("trackingData")
    if not _put(parcel, "trackingData", None if value is None else orders.check_tracking_data(value)):
        return False
    edit.emit("ParcelTrackingDataUpdated", **where, trackingData=parcel.get("trackingData"))
    return True


def _set_measurements(edit: Edit, action: Action) -> bool:
    where, _, parcel = _parcel(edit.order, action)
    value = action.get("measurements")
    if not _put(parcel, "measurements", None if value is None else orders.check_measurements(value)):
        return False
    edit.emit("ParcelMeasurementsUpdated", **where, measurements=parcel.get("measurements"))
    return True


def _set_parcel_items(edit: Edit, action: Action) -> bool:
    where, _, parcel = _parcel(edit.order, action)
    old, new = parcel.get("items", []), orders.check_items(action.get("items", []))
    if old == new:
        return False
    parcel["items"] = new
    edit.emit("ParcelItemsUpdated", **where, items=new, oldItems=old)
    return True


# -- Types and custom fields: changes of the order's and of a delivery's are told in Messages, others are not


def _set_order_type(edit: Edit, action: Action) -> bool:
    return _set_type(edit, action, edit.order, "order", "Order", {})


def _set_order_field(edit: Edit, action: Action) -> bool:
    return _set_field(edit, action, edit.order, "Order", {})


def _set_delivery_type(edit: Edit, action: Action) -> bool:
    shipping_key, _, delivery = _delivery(edit.order, action)
    where = {"deliveryId": delivery["id"], "shippingKey": shipping_key}
    return _set_type(edit, action, delivery, "order-delivery", "Delivery", where)


def _set_delivery_field(edit: Edit, action: Action) -> bool:
    shipping_key, _, delivery = _delivery(edit.order, action)
    return _set_field(edit, action, delivery, "Delivery", {"deliveryId": delivery["id"], "shippingKey": shipping_key})


def _set_parcel_type(edit: Edit, action: Action) -> bool:
    return _set_type(edit, action, _parcel(edit.order, action)[2], "order-parcel", "", {})


def _set_parcel_field(edit: Edit, action: Action) -> bool:
    return _set_field(edit, action, _parcel(edit.order, action)[2], "", {})


def _set_return_item_type(edit: Edit, action: Action) -> bool:
    return _set_type(edit, action, _return_item(edit.order, action), "order-return-item", "", {})


def _set_return_item_field(edit: Edit, action: Action) -> bool:
    return _set_field(edit, action, _return_item(edit.order, action), "", {})


def _set_type(
    edit: Edit, action: Action, thing: dict[str, Any], resource: str, told_as: str, where: dict[str, Any]
) -> bool:
    old = thing.get("custom")
    new = edit.types.custom_of_draft(action, resource) if action.get("type") else None
    if not _put(thing, "custom", new):
        return False
    old_type_id = old["type"]["id"] if old else None
    if told_as and new:
        edit.emit(f"{told_as}CustomTypeSet", **where, customFields=new, oldTypeId=old_type_id)
    elif told_as:
        edit.emit(f"{told_as}CustomTypeRemoved", **where, oldTypeId=old_type_id)
    return True


def _set_field(edit: Edit, action: Action, thing: dict[str, Any], told_as: str, where: dict[str, Any]) -> bool:
    old = thing.get("custom")
    new = edit.types.set_field(old, action)
    name = action["name"]
    if new == old or old is None:
        return False
    thing["custom"] = new
    before, after = old["fields"].get(name), new["fields"].get(name)
    if told_as and after is None:
        edit.emit(f"{told_as}CustomFieldRemoved", **where, name=name)
    elif told_as and before is None:
        edit.emit(f"{told_as}CustomFieldAdded", **where, name=name, value=after)
    elif told_as:
        edit.emit(f"{told_as}CustomFieldChanged", **where, name=name, value=after, oldValue=before)
    return True


# -- states


def _change_shipment_state(edit: Edit, action: Action) -> bool:
    value = action.get("shipmentState")
    new = orders.check_enum("shipmentState", value, orders.SHIPMENT_STATES, optional=True)
    old = edit.order.get("shipmentState")
    if not _put(edit.order, "shipmentState", new):
        return False
    edit.emit("OrderShipmentStateChanged", shipmentState=new, oldShipmentState=old)
    return True


def _change_order_state(edit: Edit, action: Action) -> bool:
    new = orders.check_enum("orderState", action.get("orderState"), orders.ORDER_STATES)
    old = edit.order["orderState"]
    if not _put(edit.order, "orderState", new):
        return False
    edit.emit("OrderStateChanged", orderState=new, oldOrderState=old)
    return True


def _change_payment_state(edit: Edit, action: Action) -> bool:
    value = action.get("paymentState")
    new = orders.check_enum("paymentState", value, orders.PAYMENT_STATES, optional=True)
    old = edit.order.get("paymentState")
    if not _put(edit.order, "paymentState", new):
        return False
    edit.emit("OrderPaymentStateChanged", paymentState=new, oldPaymentState=old)
    return True


def _set_estimated_delivery(edit: Edit, action: Action) -> bool:
    multiple = edit.order["shippingMode"] == "Multiple"
    if bool(action.get("shippingKey")) != multiple:
        raise errors.invalid_operation("shippingKey is required in Multiple mode and not allowed in Single mode.")
    info, shipping_key = _shipping_info(edit.order, action.get("shippingKey"))
    window = action.get("estimatedDelivery") or {}
    moments = [read_moment(str(window[name])) for name in ("from", "until") if window.get(name)]
    if None in moments or moments != sorted(filter(None, moments)):
        raise errors.invalid_operation("estimatedDelivery: 'until' has to be at or after 'from'.")
    if not _put(info, "estimatedDelivery", window or None):
        return False
    edit.emit("OrderEstimatedDeliverySet", estimatedDelivery=window or None, shippingKey=shipping_key)
    return True


# -- returns


def _add_return_info(edit: Edit, action: Action) -> bool:
    info = orders.return_info(action, edit.order, edit.now)
    edit.order["returnInfo"].append(info)
    edit.emit("ReturnInfoAdded", returnInfo=info)
    return True


def _set_return_info(edit: Edit, action: Action) -> bool:
    infos = [orders.return_info(draft, edit.order, edit.now) for draft in action.get("items") or []]
    if not infos and not edit.order["returnInfo"]:
        return False
    edit.order["returnInfo"] = infos
    edit.emit("ReturnInfoSet", returnInfo=infos)
    return True


def _set_return_shipment_state(edit: Edit, action: Action) -> bool:
    item = _return_item(edit.order, action)
    states = ("Advised", "Returned", "BackInStock", "Unusable")
    new = orders.check_enum("shipmentState", action.get("shipmentState"), states)
    if item["shipmentState"] == new:
        return False
    if item["shipmentState"] != "Returned" or new not in ("BackInStock", "Unusable"):
        raise errors.invalid_operation(f"A return item cannot go from '{item['shipmentState']}' to '{new}'.")
    item |= {"shipmentState": new, "lastModifiedAt": edit.now}
    edit.emit("OrderReturnShipmentStateChanged", returnItemId=item["id"], returnShipmentState=new)
    return True


def _set_return_payment_state(edit: Edit, action: Action) -> bool:
    item = _return_item(edit.order, action)
    states = ("NonRefundable", "Initial", "Refunded", "NotRefunded")
    new = orders.check_enum("paymentState", action.get("paymentState"), states)
    if not _put(item, "paymentState", new):
        return False
    item["lastModifiedAt"] = edit.now
    return True


# -- plain values of the order


def _set_order_number(edit: Edit, action: Action) -> bool:
    new = _text(action, "orderNumber")
    old = edit.order.get("orderNumber")
    if new == old:
        return False
    if old is not None:
        raise errors.invalid_operation("The order number is set already.")
    if new is not None and edit.taken_order_numbers(new):
        raise errors.duplicate_field("orderNumber", new)
    edit.order["orderNumber"] = new
    return True


def _set_customer_email(edit: Edit, action: Action) -> bool:
    old = edit.order.get("customerEmail")
    if not _put(edit.order, "customerEmail", _text(action, "email")):
        return False
    edit.emit("OrderCustomerEmailSet", email=edit.order.get("customerEmail"), oldEmail=old)
    return True


def _set_shipping_address(edit: Edit, action: Action) -> bool:
    old = edit.order.get("shippingAddress")
    if not _put(edit.order, "shippingAddress", _address(action)):
        return False
    for _, info in orders.shipping_infos(edit.order):
        info.pop("estimatedDelivery", None)
    edit.emit("OrderShippingAddressSet", address=edit.order.get("shippingAddress"), oldAddress=old)
    return True


def _set_billing_address(edit: Edit, action: Action) -> bool:
    old = edit.order.get("billingAddress")
    if not _put(edit.order, "billingAddress", _address(action)):
        return False
    edit.emit("OrderBillingAddressSet", address=edit.order.get("billingAddress"), oldAddress=old)
    return True


def _set_locale(edit: Edit, action: Action) -> bool:
    return _put(edit.order, "locale", _text(action, "locale"))


def _set_store(edit: Edit, action: Action) -> bool:
    reference = action.get("store")
    new = {"typeId": "store", "key": reference.get("key")} if reference else None
    if new == edit.order.get("store"):
        raise errors.invalid_operation("The order is in this Store already." if new else "The order is in no Store.")
    if new and new["key"] not in edit.store_keys:
        raise errors.reference_not_found("store", new)
    _put(edit.order, "store", new)
    edit.emit("OrderStoreSet", store=new)
    return True


ACTIONS: dict[str, Callable[[Edit, Action], bool]] = {
    "addDelivery": _add_delivery,
    "removeDelivery": _remove_delivery,
    "setDeliveryItems": _set_delivery_items,
    "setDeliveryAddress": _set_delivery_address,
    "setDeliveryCustomType": _set_delivery_type,
    "setDeliveryCustomField": _set_delivery_field,
    "addParcelToDelivery": _add_parcel,
    "removeParcelFromDelivery": _remove_parcel,
    "setParcelTrackingData": _set_tracking_data,
    "setParcelMeasurements": _set_measurements,
    "setParcelItems": _set_parcel_items,
    "setParcelCustomType": _set_parcel_type,
    "setParcelCustomField": _set_parcel_field,
    "setCustomType": _set_order_type,
    "setCustomField": _set_order_field,
    "changeShipmentState": _change_shipment_state,
    "changeOrderState": _change_order_state,
    "changePaymentState": _change_payment_state,
    "setEstimatedDelivery": _set_estimated_delivery,
    "addReturnInfo": _add_return_info,
    "setReturnInfo": _set_return_info,
    "setReturnShipmentState": _set_return_shipment_state,
    "setReturnPaymentState": _set_return_payment_state,
    "setReturnItemCustomType": _set_return_item_type,
    "setReturnItemCustomField": _set_return_item_field,
    "setOrderNumber": _set_order_number,
    "setCustomerEmail": _set_customer_email,
    "setShippingAddress": _set_shipping_address,
    "setBillingAddress": _set_billing_address,
    "setLocale": _set_locale,
    "setStore": _set_store,
}


def _put(thing: dict[str, Any], name: str, value: Any) -> bool:
    """Set or, with None, remove; says whether that made a difference."""
    if thing.get(name) == value:
        return False
    if value is None:
        del thing[name]
    else:
        thing[name] = value
    return True


def _text(action: Action, name: str) -> str | None:
    value = action.get(name)
    if value is not None and not isinstance(value, str):
        raise errors.invalid_json(f"{action['action']} -> {name}: not a text")
    return value


def _address(action: Action) -> dict[str, Any] | None:
    return None if action.get("address") is None else orders.check_address(action["address"])


def _shipping_info(order: dict[str, Any], shipping_key: str | None) -> tuple[dict[str, Any], str | None]:
    for key, info in orders.shipping_infos(order):
        if key == shipping_key:
            return info, key
    raise errors.invalid_operation(f"The order has no shipping info for shippingKey {shipping_key!r}.")


def _named(action: Action, what: str) -> Callable[[dict[str, Any]], bool]:
    """The test for the one thing an action names by ``{what}Id`` or ``{what}Key``; exactly one of them is needed."""
    given = [(name, action[what + name]) for name in ("Id", "Key") if action.get(what + name) is not None]
    if len(given) != 1:
        raise errors.invalid_input(f"{action['action']}: exactly one of {what}Id and {what}Key is needed.")
    (name, value) = given[0]
    return lambda thing: thing.get(name.lower()) == value


def _delivery(order: dict[str, Any], action: Action) -> tuple[str | None, list[dict[str, Any]], dict[str, Any]]:
    is_meant = _named(action, "delivery")
    for shipping_key, siblings, delivery in orders.deliveries(order):
        if is_meant(delivery):
            return shipping_key, siblings, delivery
    raise errors.invalid_operation(f"{action['action']}: the order has no such delivery.")


def _parcel(order: dict[str, Any], action: Action) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """How messages name the parcel, its delivery, and the parcel."""
    is_meant = _named(action, "parcel")
    for shipping_key, _, delivery in orders.deliveries(order):
        for parcel in delivery["parcels"]:
            if is_meant(parcel):
                where = {"deliveryId": delivery["id"], "parcelId": parcel["id"], "shippingKey": shipping_key}
                return where, delivery, parcel
    raise errors.invalid_operation(f"{action['action']}: the order has no such parcel.")


def _return_item(order: dict[str, Any], action: Action) -> dict[str, Any]:
    is_meant = _named(action, "returnItem")
    for info in order["returnInfo"]:
        for item in info["items"]:
            if is_meant(item):
                return item
    raise errors.invalid_operation(f"{action['action']}: the order has no such return item.")


def _check_new_keys(order: dict[str, Any], things: list[dict[str, Any]]) -> None:
    taken = {
        thing.get("key") for _, _, delivery in orders.deliveries(order) for thing in [delivery, *delivery["parcels"]]
    }
    for thing in things:
        if "key" in thing and thing["key"] in taken:
            raise errors.duplicate_field("key", thing["key"])
        taken.add(thing.get("key"))
