"""commercetools' documents → what the road needs of them.

body (unwrapped: see envelopes) ─ message_event_id → the receipt's id
body ─ loads, parse_message → OrderMessage: which order to read again
order document ─ parse_order → OrderSnapshot with the parcels of both shipping modes
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tracking.payloads.envelopes import pubsub_data
from tracking.payloads.errors import PayloadError
from tracking.payloads.event_ids import event_id_or_digest
from tracking.payloads.from_fields import DELIVERY, ORDER, TrackingSource, read_field
from tracking.payloads.json_text import clean_text, loads
from tracking.payloads.reading import LARGEST_INTEGER, LARGEST_VERSION, Node

MESSAGE = "Message"
CHANGES = frozenset({"ResourceCreated", "ResourceUpdated", "ResourceDeleted"})

# Messages after which the order has to be read again. Left out on purpose: what our own writes echo
# (OrderShipmentStateChanged), or each write would cost a read; a version that moved on is met by the 409. And what we
# make nothing of: addresses of single deliveries, measurements, workflow states, states and payments of return items.
# "" is a message too big for the broker (payloadNotIncluded): it has no type at all.
RELEVANT_TYPES = frozenset(
    {
        "",
        "OrderCreated",
        "OrderImported",
        "OrderCreatedFromRecurringOrder",
        "OrderDeleted",
        "DeliveryAdded",
        "DeliveryItemsUpdated",
        "DeliveryRemoved",
        "ParcelAddedToDelivery",
        "ParcelItemsUpdated",
        "ParcelRemovedFromDelivery",
        "ParcelTrackingDataUpdated",
        "OrderCustomerEmailSet",
        "OrderEditApplied",
        "OrderShippingAddressSet",
        "OrderShippingInfoSet",
        "OrderStateChanged",
        "OrderStoreSet",
        "ReturnInfoAdded",
        "ReturnInfoSet",
        *CHANGES,
    }
)
# About custom fields, of orders and of deliveries: ours, or the merchant's, which matter where a route asks for them or
# tracking numbers stand in them.
FIELD_TYPES = {
    f"{resource}CustomField{change}": owner
    for resource, owner in (("Order", ORDER), ("Delivery", DELIVERY))
    for change in ("Added", "Changed", "Removed")
}
TYPE_SET = {"OrderCustomTypeSet": ORDER, "DeliveryCustomTypeSet": DELIVERY}
TYPE_REMOVED = {"OrderCustomTypeRemoved": ORDER, "DeliveryCustomTypeRemoved": DELIVERY}
CUSTOM_TYPES = FIELD_TYPES | TYPE_SET | TYPE_REMOVED  # message type → what carries the fields: order or delivery

OWN_FIELD_PREFIX = "tb_"
ALPHA_2 = re.compile(r"[A-Z]{2}")
# Of an order's own custom fields, for rules: so many fields, values of one field, and characters of a value.
MOST_FIELDS, LONGEST_FIELD = 50, 100
# Of what an order's items are called: so many languages, and characters of a name.
MOST_LOCALES, LONGEST_NAME = 30, 200


@dataclass(frozen=True, kw_only=True)
class OrderMessage:
    """``type``: the message's, a change notification's own ("ResourceUpdated"), "" where the payload was left out.

    ``fields``: the custom fields that one of CUSTOM_TYPES is about; None where that may be any.
    """

    message_id: str = ""
    type: str
    resource_type: str
    resource_id: str
    resource_version: int | None = None
    sequence_number: int | None = None
    order_number: str = ""
    project_key: str = ""
    fields: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where the order goes. ``country`` is ISO 3166-1 alpha-2, "" where it is not."""

    country: str = ""
    state: str = ""
    city: str = ""
    postal_code: str = ""


NO_DESTINATION = Destination()


@dataclass(frozen=True, kw_only=True)
class ParcelSnapshot:
    """One parcel, what the order's return info announces, or what a custom field says.

    ``items`` are its own: line item id → quantity.

    ``delivery_items`` are those of its delivery where it is alone in it: of several, nobody says which one holds what.
    """

    commercetools_id: str
    key: str = ""
    delivery_id: str = ""
    shipping_key: str = ""
    tracking_number: str = ""
    carrier: str = ""
    provider: str = ""
    is_return: bool = False
    items: dict[str, int] = field(default_factory=dict)
    delivery_items: dict[str, int] = field(default_factory=dict)
    created_at: datetime | None = None
    type_id: str = ""
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OrderSnapshot:
    """An order at one version. ``items`` are the ordered quantities, ``fields`` only our own (``tb_…``).

    ``item_words``: line item id → its ``sku`` ("" where it has none) and ``name`` by locale, as commercetools has them.
    ``item_channels``: line item id → ids of its [supply, distribution] channel, "" where it has none; the order itself
    has no channel. ``custom_fields``: the merchant's own, name → values as text, as far as a rule can compare them.
    ``source_faults``: what cannot be read of the custom fields in which the project's numbers stand.
    """

    commercetools_id: str
    version: int
    order_number: str = ""
    customer_email: str = ""
    locale: str = ""
    order_state: str = ""
    shipment_state: str = ""
    store_key: str = ""
    item_words: dict[str, dict[str, Any]] = field(default_factory=dict)
    item_channels: dict[str, list[str]] = field(default_factory=dict)
    custom_fields: dict[str, list[str]] = field(default_factory=dict)
    created_at: datetime | None = None
    last_modified_at: datetime | None = None
    destination: Destination = NO_DESTINATION
    items: dict[str, int] = field(default_factory=dict)
    parcels: tuple[ParcelSnapshot, ...] = ()
    source_faults: tuple[str, ...] = ()
    type_id: str = ""
    fields: dict[str, Any] = field(default_factory=dict)


def message_event_id(raw: bytes) -> str:
    """The id under which a repeat of this message is recognised. Never raises.

    A message has its own id, a change notification none: ``change:<resource id>:<version>``. A deletion may carry the
    version of the last update, so it gets ``:deleted`` on top. Anything else: the digest of the bytes.
    """
    try:
        document = loads(raw)
    except PayloadError:
        return event_id_or_digest(None, raw)
    return event_id_or_digest(own_event_id(document), raw)


def own_event_id(document: object) -> object:
    """What makes this notification one: a message's id, or resource and version; None without either."""
    if not isinstance(document, dict):
        return None
    kind = document.get("notificationType", MESSAGE)
    if kind == MESSAGE:
        return document.get("id")
    resource, version = document.get("resource"), document.get("version")
    if not isinstance(kind, str) or kind not in CHANGES or not isinstance(resource, dict):
        return None
    if not isinstance(resource.get("id"), str) or not isinstance(version, int) or isinstance(version, bool):
        return None
    if abs(version) > LARGEST_INTEGER:
        return None
    return f"change:{resource['id']}:{version}" + (":deleted" if kind == "ResourceDeleted" else "")


def parse_message(document: object) -> OrderMessage:
    """A Platform message (pushed or polled), a change notification, or a message whose payload was left out.

    Raises PayloadError with the path. An unknown type is no error: it is kept as it is called.
    """
    node = Node(document)
    if pubsub_data(document):
        raise PayloadError("message.data", "an envelope that cannot be opened")
    kind = node.text("notificationType", 100) or MESSAGE
    is_message = kind == MESSAGE
    resource = node.required_child("resource")
    return OrderMessage(
        message_id=node.identifier("id", 128) if is_message else node.text("id", 128),
        type=message_type(node) if is_message else kind,
        resource_type=resource.required_text("typeId", 100),
        resource_id=resource.identifier("id"),
        # A message's own "version" is always 1; the order's stands beside it (reference 7.1).
        resource_version=node.integer("resourceVersion" if is_message else "version", LARGEST_VERSION),
        sequence_number=node.integer("sequenceNumber"),
        order_number=node.child("resourceUserProvidedIdentifiers").text("orderNumber", 256),
        project_key=node.text("projectKey", 256),
        fields=fields_touched(node) if is_message else None,
    )


def message_type(node: Node) -> str:
    left_out = node.value.get("payloadNotIncluded") is not None
    return "" if left_out else node.required_text("type", 100)


def fields_touched(node: Node) -> frozenset[str] | None:
    """Names of the custom fields that this message is about; None where it may be any."""
    kind = node.value.get("type")
    if kind in FIELD_TYPES:
        return frozenset({node.text("name", 36)})
    if kind in TYPE_SET and not node.text("oldTypeId", 64):
        return frozenset(node.child("customFields").child("fields").value)
    return None


def parse_order(document: object, source: TrackingSource | None = None) -> OrderSnapshot:
    """An Order document, of either shipping mode, with the parcels of all deliveries. PayloadError with the path.

    ``source``: the custom field in which numbers stand as well.
    """
    node = Node(document)
    parcels = parse_parcels(node)
    sourced, source_faults = sourced_parcels(node, parcels, source) if source else ((), ())
    line_items, custom_items = node.children("lineItems"), node.children("customLineItems")
    custom = node.child("custom")
    return OrderSnapshot(
        commercetools_id=node.identifier("id"),
        version=order_version(node),
        order_number=node.text("orderNumber", 256),
        customer_email=email(node.text("customerEmail", 321)),
        locale=node.text("locale", 35),
        order_state=node.text("orderState", 30),
        shipment_state=node.text("shipmentState", 30),
        store_key=node.child("store").text("key", 256),
        item_channels=item_channels(line_items),
        custom_fields=merchant_fields(custom),
        created_at=node.instant("createdAt"),
        last_modified_at=node.instant("lastModifiedAt"),
        destination=parse_destination(node),
        items=quantities([*line_items, *custom_items]),
        item_words=item_words([*line_items, *custom_items]),
        parcels=parcels + sourced + announced_returns(node, parcels),
        source_faults=source_faults,
        type_id=type_id(custom),
        fields=own_fields(custom),
    )


def order_version(node: Node) -> int:
    version = node.integer("version", LARGEST_VERSION)
    if version is None or version < 1:
        raise PayloadError(node.at("version"), "missing" if version is None else "not positive")
    return version


def email(text: str) -> str:
    """Too long to be one (RFC 5321: 320 with the @) is none: a cut address is somebody else's."""
    return text if len(text) <= 320 else ""


def item_words(items: list[Node]) -> dict[str, dict[str, Any]]:
    """What each item is, in the words of the shop. What cannot be read of it is left out: no order fails for a name."""
    found = {}
    for item in items:
        variant, name = item.value.get("variant"), item.value.get("name")
        sku = variant.get("sku") if isinstance(variant, dict) else None
        names = list(name.items())[:MOST_LOCALES] if isinstance(name, dict) else []
        found[item.identifier("id")] = {
            "sku": clean_text(sku, LONGEST_NAME) if isinstance(sku, str) else "",
            "name": {
                clean_text(locale, 35): clean_text(text, LONGEST_NAME)
                for locale, text in names
                if isinstance(text, str)
            },
        }
    return found


def item_channels(line_items: list[Node]) -> dict[str, list[str]]:
    """Where the goods come from and which prices apply, of line items that say either."""
    found = {}
    for item in line_items:
        channels = [item.child(name).text("id", 64) for name in ("supplyChannel", "distributionChannel")]
        if any(channels):
            found[item.identifier("id")] = channels
    return found


def merchant_fields(custom: Node) -> dict[str, list[str]]:
    """The order's fields that are not ours, as texts: what is text, number, truth, enum, reference or a set of these.

    Long texts, texts by locale, money and objects are no condition of a rule, and may name people: left out.
    """
    found = {}
    for name, value in list(custom.child("fields").value.items())[:MOST_FIELDS]:
        if name.startswith(OWN_FIELD_PREFIX) or len(name) > 36:
            continue
        several = value if isinstance(value, list) else [value]
        if texts := [text for one in several[:MOST_FIELDS] if (text := field_text(one))]:
            found[clean_text(name, 36)] = texts
    return found


def field_text(value: object) -> str:
    """``True`` → ``true``, ``3.50`` → ``3.5``, a reference → its id; "" for what cannot be compared as one text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) <= LARGEST_INTEGER else ""
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, dict) and isinstance(value.get("typeId"), str):
        value = value.get("id") or value.get("key")
    if not isinstance(value, str) or len(value) > LONGEST_FIELD:
        return ""
    return clean_text(value, LONGEST_FIELD).strip()


def parse_destination(node: Node) -> Destination:
    """The order's address; in Multiple mode there may be none but those of the shippings, of which the first counts."""
    address = node.child("shippingAddress")
    for shipping in node.children("shipping"):
        address = address if address.value else shipping.child("shippingAddress")
    country = address.text("country").upper()
    return Destination(
        country=country if ALPHA_2.fullmatch(country) else "",
        state=address.text("state", 200) or address.text("region", 200),
        city=address.text("city", 200),
        postal_code=address.text("postalCode", 40),
    )


def deliveries(node: Node) -> Iterator[tuple[str, Node]]:
    """(shipping key, delivery) from both places. Code that reads only the first misses all Multiple-mode orders."""
    for delivery in node.child("shippingInfo").children("deliveries"):
        yield "", delivery
    for shipping in node.children("shipping"):
        key = shipping.text("shippingKey", 256)
        for delivery in shipping.child("shippingInfo").children("deliveries"):
            yield key, delivery


def parse_parcels(node: Node) -> tuple[ParcelSnapshot, ...]:
    parcels: dict[str, ParcelSnapshot] = {}
    for shipping_key, delivery in deliveries(node):
        together = delivery.children("parcels")
        delivery_items = quantities(delivery.children("items"))
        for parcel in together:
            snapshot = parse_parcel(parcel, delivery, shipping_key, delivery_items if len(together) == 1 else {})
            if snapshot.commercetools_id in parcels:
                raise PayloadError(parcel.at("id"), "the same id as an earlier parcel")
            parcels[snapshot.commercetools_id] = snapshot
    return tuple(parcels.values())


def announced_returns(node: Node, parcels: tuple[ParcelSnapshot, ...]) -> tuple[ParcelSnapshot, ...]:
    """What ``returnInfo`` gives a number for and no return parcel has: one snapshot for each number.

    A return info has no id and may be set anew as a whole: the number itself makes the id, so that it stays the same.
    """
    known = {same_number(parcel.tracking_number) for parcel in parcels if parcel.is_return}
    found: dict[str, ParcelSnapshot] = {}
    for info in node.children("returnInfo"):
        number = info.text("returnTrackingId", 500)
        same = same_number(number)
        if not same or same in known:
            continue
        made_up_id = made_up("return", same)
        first = found.get(same, ParcelSnapshot(commercetools_id=made_up_id, tracking_number=number, is_return=True))
        items = quantities(info.children("items"), "lineItemId", "customLineItemId")
        found[same] = replace(first, items=added(first.items, items))
    return tuple(found.values())


def sourced_parcels(
    node: Node, parcels: tuple[ParcelSnapshot, ...], source: TrackingSource
) -> tuple[tuple[ParcelSnapshot, ...], tuple[str, ...]]:
    """What the custom field of the order, or of its deliveries, gives a number for and no parcel has; and its faults.

    One snapshot for each number, which makes its id: an entry has none, and a field is set anew as a whole.
    """
    known = {same_number(parcel.tracking_number) for parcel in parcels}
    found: dict[str, ParcelSnapshot] = {}
    told: list[str] = []
    for custom, delivery_items in carriers_of_field(node, source):
        path = f"{custom.path}.fields.{source.field}"
        entries, faults = read_field(custom.child("fields").value.get(source.field), source, path)
        told += [str(fault) for fault in faults]
        is_alone = len({same_number(entry.number) for entry in entries}) == 1
        if is_alone and not any(entry.items for entry in entries):
            entries = [replace(entries[0], items=delivery_items)]
        for entry in entries:
            if (same := same_number(entry.number)) in known:
                continue
            new = ParcelSnapshot(
                commercetools_id=made_up("field", same), tracking_number=entry.number, carrier=entry.carrier
            )
            first = found.get(same, new)
            found[same] = replace(first, items=added(first.items, entry.items))
    return tuple(found.values()), tuple(told)


def carriers_of_field(node: Node, source: TrackingSource) -> Iterator[tuple[Node, dict[str, int]]]:
    """(custom, items) of all that may carry the field; items where a number alone in it would hold them all."""
    if source.where == ORDER:
        yield node.child("custom"), {}
        return
    for _, delivery in deliveries(node):
        has_parcels = bool(delivery.children("parcels"))
        yield delivery.child("custom"), {} if has_parcels else quantities(delivery.children("items"))


def made_up(kind: str, number: str) -> str:
    """The id of something that only a number makes known; ``number`` as `same_number` gives it."""
    return f"{kind}-{hashlib.sha256(number.encode()).hexdigest()[:32]}"


def added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """The sum by line item, no more than the database holds."""
    return {item: min(one.get(item, 0) + other.get(item, 0), LARGEST_INTEGER) for item in one | other}


def same_number(number: str) -> str:
    """One text for all spellings of a number."""
    return "".join(number.split()).upper()


def parse_parcel(parcel: Node, delivery: Node, shipping_key: str, delivery_items: dict[str, int]) -> ParcelSnapshot:
    """One parcel of a delivery. Raises PayloadError with the field's name where something is not as documented."""
    tracking_data = parcel.child("trackingData")
    custom = parcel.child("custom")
    return ParcelSnapshot(
        commercetools_id=parcel.identifier("id"),
        key=parcel.text("key", 256),
        delivery_id=delivery.identifier("id"),
        shipping_key=shipping_key,
        tracking_number=tracking_data.text("trackingId", 500),
        carrier=tracking_data.text("carrier", 500),
        provider=tracking_data.text("provider", 500),
        is_return=bool(tracking_data.boolean("isReturn")),
        items=quantities(parcel.children("items")),
        delivery_items=delivery_items,
        created_at=parcel.instant("createdAt"),
        type_id=type_id(custom),
        fields=own_fields(custom),
    )


def quantities(items: list[Node], *names: str) -> dict[str, int]:
    """Line item id → quantity, summed over repeats. Nothing and less than nothing is not shipped, so not counted.

    ``names``: where the line item's id may stand, "id" by default.
    """
    found: dict[str, int] = {}
    for item in items:
        quantity = item.integer("quantity")
        if quantity is None:
            raise PayloadError(item.at("quantity"), "missing")
        if quantity > 0:
            line = item.identifier(next((name for name in names if name in item.value), "id"))
            found[line] = min(found.get(line, 0) + quantity, LARGEST_INTEGER)
    return found


def type_id(custom: Node) -> str:
    return custom.child("type").text("id", 64)


def own_fields(custom: Node) -> dict[str, Any]:
    """Our fields as carried. None of ours is a list or an object: such a field under a ``tb_`` name is a stranger's."""
    node = custom.child("fields")
    found: dict[str, Any] = {}
    for name, value in node.value.items():
        if not name.startswith(OWN_FIELD_PREFIX) or value is None or isinstance(value, list | dict):
            continue
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            raise PayloadError(clean_text(node.at(name), 100), "too large")
        found[clean_text(name, 36)] = clean_text(value, None) if isinstance(value, str) else value
    return found
