"""What every parcel and order must carry at the end, from the world alone; and a judge who reads the sandbox's journal.

Nothing of the product is imported here. The tables are written from the status model of the design, by hand.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.storm.generator import CARRIERS, Order, Parcel, Scan, World

BY_TAG = {"InfoReceived": "info_received", "InTransit": "in_transit", "OutForDelivery": "out_for_delivery"}
BY_TAG |= {"AttemptFail": "attempt_failed", "AvailableForPickup": "available_for_pickup", "Delivered": "delivered"}
BY_TAG |= {"Exception": "exception", "Expired": "expired"}
BY_SUBTAG = {f"Exception_{code}": "delayed" for code in ("004", "005", "016", "017", "019")}
BY_SUBTAG |= {"Exception_010": "returning", "Exception_011": "returned", "Exception_013": "lost"}
BY_SUBTAG |= {"Exception_020": "cancelled", "Exception_021": "disposed"}
FORWARD = ("OutForDelivery", "AvailableForPickup", "AttemptFail", "InTransit_008", "InTransit_009")
WORST_FIRST = ["lost", "disposed", "returned", "returning", "exception", "attempt_failed", "delayed", "expired"]
WORST_FIRST += ["unknown", "pending", "info_received", "in_transit", "out_for_delivery", "available_for_pickup"]
WORST_FIRST += ["delivered", "cancelled"]
MOVES = {"in_transit", "out_for_delivery", "attempt_failed", "available_for_pickup", "delivered"}
TROUBLE = {"delayed", "exception", "returning", "returned", "lost", "disposed"}
NO_STEP = {("Delivered", "Shipped"), ("Delivered", "Partial"), ("Delivered", "Delayed"), ("Shipped", "Partial")}


def status(scans: list[Scan]) -> str:
    if not scans:
        return "pending"
    last = scans[-1]
    found = BY_SUBTAG.get(last.subtag) or BY_TAG.get(last.tag, "unknown")
    turned = max((n for n, scan in enumerate(scans) if scan.subtag == "Exception_010"), default=None)
    if turned is not None and not any(scan.subtag.startswith(FORWARD) for scan in scans[turned:]):
        return {"in_transit": "returning", "delivered": "returned"}.get(found, found)
    return found


def parcel_must(parcel: Parcel, base: datetime) -> dict[str, Any]:
    shipment = parcel.shipments[-1]
    scans = shipment.scans
    last = scans[-1] if scans else None
    return {
        "tb_status": status(scans),
        "tb_tag": last.tag if last else "Pending",
        "tb_subtag": last.subtag if last else "Pending_001",
        "tb_message": last.message if last else None,
        "tb_checkpoint_at": last.time(base) if last else None,
        "tb_courier": next((scan.courier for scan in reversed(scans) if scan.courier), CARRIERS[shipment.carrier]),
        "tb_eta": next((scan.eta for scan in reversed(scans) if scan.eta), None),
    }


def order_must(order: Order, base: datetime) -> dict[str, Any]:
    outbound = {parcel: parcel_must(parcel, base) for parcel in order.parcels if not parcel.is_return}
    states = [must["tb_status"] for must in outbound.values()]
    counted = [must for must in outbound.values() if must["tb_status"] != "cancelled"]
    return {
        "tb_status": min(states, key=WORST_FIRST.index, default=None),
        "tb_parcels": len(counted),
        "tb_parcels_delivered": states.count("delivered"),
        "tb_eta": max((must["tb_eta"] or "" for must in counted), default="") or None,
    }


def shipment_must(order: Order) -> str | None:
    """What the parcels say of the whole shipment; None where they say nothing."""
    counted = [(one, status(one.shipments[-1].scans)) for one in order.parcels if not one.is_return]
    counted = [(one, state) for one, state in counted if state != "cancelled"]
    is_listed = bool(counted) and all(one.items for one, _ in counted)

    def is_all(states: set[str]) -> bool:
        if not is_listed:
            return bool(counted) and all(state in states for _, state in counted)
        got = dict.fromkeys(order.ordered, 0)
        for one, state in counted:
            for line, quantity in one.items.items():
                got[line] = got.get(line, 0) + quantity * (state in states)
        return all(got[line] >= quantity for line, quantity in order.ordered.items())

    if is_all({"delivered"}):
        return "Delivered"
    if any(state in TROUBLE for _, state in counted):
        return "Delayed"
    if not any(state in MOVES for _, state in counted):
        return None
    return "Partial" if is_listed and not is_all(MOVES) else "Shipped"


def wrong_states(world: World, carried: dict[str, dict[str, Any]]) -> list[str]:
    """One line per wrong value. ``carried``: order documents of the sandbox's commercetools by id."""
    wrong = []
    for order in world.orders:
        document = carried[order.id]
        own = (document.get("custom") or {}).get("fields", {})
        wrong += differences(f"order {order.number}", order_must(order, world.base), own)
        found = [one for delivery in document["shippingInfo"]["deliveries"] for one in delivery["parcels"]]
        parcels = {one["id"]: (one.get("custom") or {}).get("fields", {}) for one in found}
        for parcel in order.parcels:
            name = f"parcel {parcel.shipments[-1].number} of {order.number}"
            wrong += differences(name, parcel_must(parcel, world.base), parcels[parcel.id])
        now, must = document.get("shipmentState"), shipment_must(order)
        if must and now != must and (now, must) not in NO_STEP:
            wrong.append(f"order {order.number}: shipmentState is {now}, must be {must}")
    return wrong


def differences(name: str, must: dict[str, Any], own: dict[str, Any]) -> list[str]:
    return [
        f"{name}: {field} is {own.get(field)!r}, must be {value!r}"
        for field, value in must.items()
        if own.get(field) != value
    ]


def double_writes(journal: list[dict[str, Any]]) -> list[str]:
    """Accepted order updates that changed nothing, wrote a value again, or went back in time or in shipment state."""
    wrong, last, clock = [], {}, {}
    for write in (one for one in journal if is_write(one)):
        if write["effect"] != "updated" or not write["changes"]:
            wrong.append(f"write {write['n']} to order {write['subject']} changed nothing")
        for change in write["changes"]:
            where = (write["subject"], change.get("parcel_id"), change["name"])
            before, after = change["before"], change["after"]
            if where in last and last[where] == after:
                wrong.append(f"write {write['n']}: {change['name']} of {where[:2]} was {after!r} already")
            last[where] = after
            if change["name"] == "shipmentState" and (before, after) in NO_STEP:
                wrong.append(f"write {write['n']}: shipmentState went from {before} to {after}")
            if change["name"] == "tb_tracking_id":
                clock.pop(where[:2], None)
        for change in (one for one in write["changes"] if one["name"] == "tb_updated_at"):
            parcel = (write["subject"], change["parcel_id"])
            if (change["after"] or "") < clock.get(parcel, ""):
                wrong.append(f"write {write['n']}: parcel {parcel} went back to {change['after']}")
            clock[parcel] = change["after"] or ""
    return wrong


def is_write(entry: dict[str, Any]) -> bool:
    is_order = entry["upstream"] == "commercetools" and "/orders/" in entry["path"]
    return is_order and entry["method"] == "POST" and entry["status"] == 200


def wrong_trackings(world: World, journal: list[dict[str, Any]]) -> list[str]:
    """AfterShip trackings made: one for each distinct number, no more and no fewer."""
    made = [one for one in journal if one["upstream"] == "aftership" and one["effect"] == "created"]
    distinct = len(world.shipments())
    return [] if len(made) == distinct else [f"{len(made)} AfterShip trackings were made for {distinct} numbers"]
