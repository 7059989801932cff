"""What the parcels and the order should carry → the update actions that make it so, and nothing more.

    facts ─ parcel_fields, order_fields → desired tb_ fields
    desired against carried ─ changed_fields → parcel_actions, order_actions (no difference, no action)
    statuses ─ roll_up → the order's status;  parcels ─ shipment_state → the order's shipmentState

The Types: ``trackbridge-parcel`` and ``trackbridge-order``, design section 4. The actions: reference section 3.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from tracking.enums import ParcelStatus
from tracking.payloads.errors import PayloadError
from tracking.payloads.json_text import clean_text
from tracking.payloads.reading import Node

PARCEL_TYPE_KEY = "trackbridge-parcel"
ORDER_TYPE_KEY = "trackbridge-order"

# Tags are String, not Enum: keys of an Enum can be added but never removed (reference section 11, 25).
PARCEL_FIELDS: dict[str, str] = {
    "tb_status": "String",
    "tb_tag": "String",
    "tb_subtag": "String",
    "tb_message": "String",
    "tb_location": "String",
    "tb_checkpoint_at": "String",
    "tb_updated_at": "DateTime",
    "tb_eta": "Date",
    "tb_delivered_at": "String",
    "tb_courier": "String",
    "tb_tracking_id": "String",
    "tb_tracking_url": "String",
}
ORDER_FIELDS: dict[str, str] = {
    "tb_status": "String",
    "tb_parcels": "Number",
    "tb_parcels_delivered": "Number",
    "tb_eta": "Date",
}
LABELS: dict[str, str] = {
    "tb_status": "Shipping status",
    "tb_tag": "AfterShip tag",
    "tb_subtag": "AfterShip subtag",
    "tb_message": "Last checkpoint",
    "tb_location": "Last place",
    "tb_checkpoint_at": "Last checkpoint at, local time",
    "tb_updated_at": "Updated at",
    "tb_eta": "Estimated delivery",
    "tb_delivered_at": "Delivered at, local time",
    "tb_courier": "Courier",
    "tb_tracking_id": "AfterShip tracking id",
    "tb_tracking_url": "Tracking page",
    "tb_parcels": "Parcels",
    "tb_parcels_delivered": "Parcels delivered",
}
TYPES: dict[str, tuple[str, str, dict[str, str]]] = {
    PARCEL_TYPE_KEY: ("Trackbridge parcel", "order-parcel", PARCEL_FIELDS),
    ORDER_TYPE_KEY: ("Trackbridge order", "order", ORDER_FIELDS),
}

STRING_LIMIT = 1_000
CLOCK = "tb_updated_at"  # ticks with every poll of the carrier: alone it is no news
MOST_ACTIONS = 500  # per request, reference section 3

# The first of these that any outbound parcel has is the order's: problems, worst first, then the least advanced.
ROLL_UP_ORDER = (
    ParcelStatus.LOST,
    ParcelStatus.DISPOSED,
    ParcelStatus.RETURNED,
    ParcelStatus.RETURNING,
    ParcelStatus.EXCEPTION,
    ParcelStatus.ATTEMPT_FAILED,
    ParcelStatus.DELAYED,
    ParcelStatus.EXPIRED,
    ParcelStatus.UNKNOWN,
    ParcelStatus.PENDING,
    ParcelStatus.INFO_RECEIVED,
    ParcelStatus.IN_TRANSIT,
    ParcelStatus.OUT_FOR_DELIVERY,
    ParcelStatus.AVAILABLE_FOR_PICKUP,
    ParcelStatus.DELIVERED,
    ParcelStatus.CANCELLED,
)

TROUBLED = frozenset(
    {
        ParcelStatus.DELAYED,
        ParcelStatus.EXCEPTION,
        ParcelStatus.RETURNING,
        ParcelStatus.RETURNED,
        ParcelStatus.LOST,
        ParcelStatus.DISPOSED,
    }
)
MOVING = frozenset(
    {
        ParcelStatus.IN_TRANSIT,
        ParcelStatus.OUT_FOR_DELIVERY,
        ParcelStatus.ATTEMPT_FAILED,
        ParcelStatus.AVAILABLE_FOR_PICKUP,
        ParcelStatus.DELIVERED,
    }
)

# commercetools' shipmentState. Those that are not here are not ours to leave: Canceled (one l), Backorder, and any that
# commercetools may add. ``forward`` allows only the steps named.
FORWARD_STEPS: dict[str, frozenset[str]] = {
    "": frozenset({"Partial", "Shipped", "Delayed", "Delivered"}),
    "Pending": frozenset({"Partial", "Shipped", "Delayed", "Delivered"}),
    "Ready": frozenset({"Partial", "Shipped", "Delayed", "Delivered"}),
    "Partial": frozenset({"Shipped", "Delayed", "Delivered"}),
    "Shipped": frozenset({"Delayed", "Delivered"}),
    "Delayed": frozenset({"Partial", "Shipped", "Delivered"}),
    "Delivered": frozenset(),
}
OFF, FULL = "off", "full"


class ForeignType(Exception):  # noqa: N818  a verdict on the parcel, not a failure of ours
    """The parcel or order carries a foreign Type without our fields. Replacing it would delete its values."""

    def __init__(self, type_id: str) -> None:
        super().__init__(f"carries the Type {type_id}")
        self.type_id = type_id


@dataclass(frozen=True, kw_only=True)
class ParcelState:
    """A parcel as it is (``type_id``, ``carried``) and as it should be (``fields``: all tb_ names, None = absent)."""

    commercetools_id: str
    type_id: str = ""
    carried: dict[str, Any] = field(default_factory=dict)
    status: ParcelStatus
    is_return: bool = False
    items: dict[str, int] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)


def type_draft(key: str) -> dict[str, Any]:
    """The body of ``POST /types`` for PARCEL_TYPE_KEY or ORDER_TYPE_KEY."""
    name, resource, fields = TYPES[key]
    return {
        "key": key,
        "name": {"en": name},
        "resourceTypeIds": [resource],
        "fieldDefinitions": [field_definition(name, kind) for name, kind in fields.items()],
    }


def missing_field_actions(type_document: object, fields: Mapping[str, str]) -> list[dict[str, Any]]:
    """``addFieldDefinition`` for each of ``fields`` that the Type lacks.

    Raises PayloadError where the Type has the name with another field type: that can never be changed any more.
    """
    present = {}
    for definition in Node(type_document).children("fieldDefinitions"):
        kind = definition.required_child("type")
        name, present_kind = definition.required_text("name"), kind.required_text("name")
        if fields.get(name, present_kind) != present_kind:
            raise PayloadError(kind.at("name"), f"{name} is {present_kind}, has to be {fields[name]}")
        present[name] = present_kind
    return [
        {"action": "addFieldDefinition", "fieldDefinition": field_definition(name, kind)}
        for name, kind in fields.items()
        if name not in present
    ]


def field_definition(name: str, kind: str) -> dict[str, Any]:
    """Never required: a required field makes objects invalid that carry the Type already."""
    hint = {"inputHint": "SingleLine"} if kind == "String" else {}
    return {"name": name, "label": {"en": LABELS[name]}, "required": False, "type": {"name": kind}, **hint}


def parcel_fields(
    *,
    status: str,
    tag: str = "",
    subtag: str = "",
    message: str = "",
    location: str = "",
    checkpoint_at: str = "",
    updated_at: datetime | None = None,
    eta: date | None = None,
    delivered_at: str = "",
    courier: str = "",
    tracking_id: str = "",
    tracking_url: str = "",
) -> dict[str, Any]:
    """All of PARCEL_FIELDS in commercetools' own spelling, so that comparing with its answer is exact; empty → None.

    ``checkpoint_at`` and ``delivered_at`` are texts as given, ``updated_at`` is aware.
    """
    return {
        "tb_status": string(status),
        "tb_tag": string(tag),
        "tb_subtag": string(subtag),
        "tb_message": string(message),
        "tb_location": string(location),
        "tb_checkpoint_at": string(checkpoint_at),
        "tb_updated_at": date_time(updated_at) if updated_at else None,
        "tb_eta": eta.isoformat() if eta else None,
        "tb_delivered_at": string(delivered_at),
        "tb_courier": string(courier),
        "tb_tracking_id": string(tracking_id),
        # A cut address leads nowhere.
        "tb_tracking_url": string(tracking_url) if len(tracking_url) <= STRING_LIMIT else None,
    }


def order_fields(parcels: Sequence[ParcelState]) -> dict[str, Any]:
    """All of ORDER_FIELDS from the order's parcels. Returns do not count; cancelled ones only for the status.

    ``tb_eta`` is when the last of them is expected. Empty → None, while a count of 0 is a value.
    """
    outbound = [parcel for parcel in parcels if not parcel.is_return]
    counted = [parcel for parcel in outbound if counts(parcel)]
    return {
        "tb_status": string(roll_up([parcel.status for parcel in outbound]) or ""),
        "tb_parcels": len(counted),
        "tb_parcels_delivered": sum(parcel.status == ParcelStatus.DELIVERED for parcel in counted),
        "tb_eta": max((parcel.fields.get("tb_eta") or "" for parcel in counted), default="") or None,
    }


def string(text: str) -> str | None:
    return clean_text(str(text), STRING_LIMIT).strip() or None


def date_time(moment: datetime) -> str:
    """``2026-12-01T10:00:00.000Z``"""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def changed_fields(desired: Mapping[str, Any], carried: Mapping[str, Any]) -> dict[str, Any]:
    """The desired fields that differ from the carried ones, None where one has to go. {} if only the clock moved on."""
    changed = {name: value for name, value in desired.items() if value != carried.get(name)}
    return {} if changed.keys() <= {CLOCK} else changed


def parcel_actions(
    parcel: ParcelState, *, usable_type_ids: Collection[str], our_type_id: str = ""
) -> list[dict[str, Any]]:
    """The actions that make ``parcel`` carry its fields, [] if it does.

    ``usable_type_ids`` are Types that have our fields. Any other one raises ForeignType: we never replace a Type, that
    would delete the values of whoever set it.
    """
    changed = changed_fields(parcel.fields, parcel.carried if parcel.type_id else {})
    of_parcel = {"parcelId": parcel.commercetools_id}
    if not changed:
        return []
    if not parcel.type_id:
        return [{"action": "setParcelCustomType", **of_parcel, "type": by_key(PARCEL_TYPE_KEY), "fields": changed}]
    refuse_foreign(parcel.type_id, usable_type_ids, our_type_id)
    return [{"action": "setParcelCustomField", **of_parcel, **name_and_value(change)} for change in changed.items()]


def order_actions(
    *,
    type_id: str,
    carried: Mapping[str, Any],
    fields: Mapping[str, Any],
    usable_type_ids: Collection[str],
    our_type_id: str = "",
) -> list[dict[str, Any]]:
    """The same for the order itself."""
    changed = changed_fields(fields, carried if type_id else {})
    if not changed:
        return []
    if not type_id:
        return [{"action": "setCustomType", "type": by_key(ORDER_TYPE_KEY), "fields": changed}]
    refuse_foreign(type_id, usable_type_ids, our_type_id)
    return [{"action": "setCustomField", **name_and_value(change)} for change in changed.items()]


def by_key(key: str) -> dict[str, str]:
    return {"typeId": "type", "key": key}


def refuse_foreign(type_id: str, usable_type_ids: Collection[str], our_type_id: str) -> None:
    if type_id != our_type_id and type_id not in usable_type_ids:
        raise ForeignType(type_id)


def name_and_value(change: tuple[str, Any]) -> dict[str, Any]:
    """Without a value the field is removed. Removing an unset one is a 400: changed_fields never asks for that."""
    name, value = change
    return {"name": name} if value is None else {"name": name, "value": value}


def roll_up(statuses: Sequence[ParcelStatus]) -> ParcelStatus | None:
    """The order's status from those of its outbound parcels, None without any. Their order does not matter."""
    return min(statuses, key=ROLL_UP_ORDER.index, default=None)


def shipment_state(
    parcels: Sequence[ParcelState], ordered: Mapping[str, int], current: str | None, mode: str
) -> str | None:
    """The shipmentState to set, None to leave it alone.

    ``ordered``: line item id → quantity; ``mode``: off, forward, full.

    Never over Canceled or Backorder. ``forward``: Delivered is never left and Shipped never becomes Partial, while
    Delayed may recover.
    """
    now = current or ""
    if mode == OFF or now not in FORWARD_STEPS:
        return None
    target = target_state([parcel for parcel in parcels if counts(parcel)], ordered)
    if target is None or target == now or (mode != FULL and target not in FORWARD_STEPS[now]):
        return None
    return target


def counts(parcel: ParcelState) -> bool:
    return not parcel.is_return and parcel.status != ParcelStatus.CANCELLED


def target_state(parcels: Sequence[ParcelState], ordered: Mapping[str, int]) -> str | None:
    """What the parcels say. Delivered comes first: a lost parcel whose replacement arrived is no delay any more."""
    delivered = [parcel for parcel in parcels if parcel.status == ParcelStatus.DELIVERED]
    moving = [parcel for parcel in parcels if parcel.status in MOVING]
    listed = bool(parcels) and bool(ordered) and all(parcel.items for parcel in parcels)
    if covers(delivered, ordered) if listed else delivered and len(delivered) == len(parcels):
        return "Delivered"
    if any(parcel.status in TROUBLED for parcel in parcels):
        return "Delayed"
    if not moving:
        return None
    return "Partial" if listed and not covers(moving, ordered) else "Shipped"


def covers(parcels: Sequence[ParcelState], ordered: Mapping[str, int]) -> bool:
    """Whether these parcels hold all that was ordered. commercetools checks no sums, so there may be more in them."""
    return all(sum(parcel.items.get(line, 0) for parcel in parcels) >= quantity for line, quantity in ordered.items())
