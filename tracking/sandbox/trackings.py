"""The tracking object: as it is created, and as scans move it. Documents are replaced, never changed in place."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tracking.sandbox.clock import seconds
from tracking.sandbox.wire import dump, words

SUBTAG_MESSAGES = {
    "Pending_001": "Pending",
    "InfoReceived_001": "Info Received",
    "InTransit_001": "In Transit",
    "InTransit_002": "Acceptance scan",
    "InTransit_003": "Arrival scan",
    "InTransit_004": "Arrived at the destination country/region",
    "InTransit_005": "Customs clearance completed",
    "InTransit_006": "Customs clearance started",
    "InTransit_007": "Departure Scan",
    "InTransit_008": "Problem resolved",
    "InTransit_009": "Forwarded to a different delivery address",
    "OutForDelivery_001": "Out for Delivery",
    "OutForDelivery_003": "Customer contacted before delivery",
    "OutForDelivery_004": "Delivery appointment scheduled",
    "AttemptFail_001": "Failed Attempt",
    "AttemptFail_002": "Addressee not available",
    "AttemptFail_003": "Business Closed",
    "AvailableForPickup_001": "Available for pickup",
    "Delivered_001": "Delivered",
    "Delivered_002": "Picked up by the customer",
    "Delivered_003": "Sign by customer",
    "Delivered_004": "Delivered and received cash on delivery",
    "Delivered_005": "Delivered to a neighbour",
    "Exception_001": "Exception",
    "Exception_002": "Customer moved",
    "Exception_003": "Customer refused delivery",
    "Exception_004": "Delayed (Customs clearance)",
    "Exception_005": "Delayed (External factors)",
    "Exception_006": "Held for payment",
    "Exception_007": "Incorrect Address",
    "Exception_008": "Pick up missed",
    "Exception_009": "Rejected by carrier",
    "Exception_010": "Returning to sender",
    "Exception_011": "Returned to sender",
    "Exception_012": "Shipment damaged",
    "Exception_013": "Shipment lost",
    "Exception_020": "Shipment cancelled",
    "Exception_021": "Shipment disposed of",
    "Expired_001": "Expired",
}
COMPLETED = {"DELIVERED": "Delivered_001", "LOST": "Exception_013", "RETURNED_TO_SENDER": "Exception_011"}
RETURN_SUBTAGS = ("Exception_010", "Exception_011")
PLACE_NAMES = ("country_region", "state", "city", "postal_code", "raw_location")
BLANK: dict[str, Any] = dict.fromkeys(
    words(
        """courier_destination_country_region courier_estimated_delivery_date note order_id order_id_path order_number
    order_date shipment_package_count shipment_pickup_date shipment_delivery_date shipment_type shipment_weight
    shipment_dimensions signed_by transit_time language order_promised_delivery_date delivery_type pickup_location
    pickup_note courier_tracking_link first_attempted_at courier_redirect_link tracking_account_number tracking_key
    tracking_ship_date on_time_status on_time_difference aftership_estimated_delivery_date
    custom_estimated_delivery_date first_estimated_delivery latest_estimated_delivery courier_connection_id
    carbon_emissions location_id shipping_method signature_requirement delivery_location_type aftership_tracking_url
    aftership_tracking_order_url first_mile last_mile proof_of_delivery multi_piece_info shipment_direction
    return_shipment forward_shipment custom_fields"""
    )
) | {f"{side}_{name}": None for side in ("origin", "destination") for name in PLACE_NAMES}


@dataclass
class Shipment:
    """One tracking with what AfterShip knows but does not show. ``document`` is what it shows."""

    n: int
    document: dict[str, Any]
    seen_tags: set[str] = field(default_factory=lambda: {"Pending"})
    retracks: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """What is unique within an account: number and courier."""
        return self.document["tracking_number"], self.document["slug"]


def new_tracking(fields: dict[str, Any], slug: str) -> dict[str, Any]:
    """A fresh tracking: Pending, no checkpoints; its id is the caller's own where one was given, else 32 hex digits."""
    now = seconds()
    given = {name: value for name, value in fields.items() if name not in ("id", "slug", "slug_group")}
    if "last_mile" in given:
        given["last_mile"] = {**given["last_mile"], "transit_time": None, "source": "user"}
    return {
        "id": fields.get("id") or uuid.uuid4().hex,
        "legacy_id": uuid.uuid4().hex[:24],
        "created_at": now,
        "updated_at": now,
        "slug": slug,
        "active": True,
        "title": fields["tracking_number"],
        "source": "api",
        **_state("Pending", "Pending_001"),
        "tracked_count": 0,
        "unique_token": "deprecated",
        "checkpoints": [],
        "subscribed_smses": [],
        "subscribed_emails": [],
        "return_to_sender": False,
        "failed_delivery_attempts": None,
        "order_tags": [],
        "shipment_tags": [],
        "customers": [],
        **BLANK,
        **given,
    }


def merged(document: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The tracking after a PUT: named fields are replaced whole, the others stay; the very same object if nothing
    differs.
    """
    if all(document.get(name) == value for name, value in fields.items()):
        return document
    return {**document, **fields, "updated_at": later_than(document)}


def scanned(document: dict[str, Any], scan: dict[str, Any], *, source: str = "carrier") -> dict[str, Any]:
    """The tracking after one scan: ``tag`` and optionally subtag, message, location, checkpoint_time, raw_tag,
    courier, eta, updated_at.

    A scan that repeats a checkpoint to the letter does not add it again, as at AfterShip (same ``hash``).
    """
    subtag = scan.get("subtag") or f"{scan['tag']}_001"
    slug = scan.get("courier") or document["slug"]
    checkpoint = _checkpoint(scan, slug, subtag, source)
    known = document["checkpoints"]
    checkpoints = known if any(past["hash"] == checkpoint["hash"] for past in known) else [*known, checkpoint]
    changed = {
        **document,
        "slug": slug,
        **_state(scan["tag"], subtag),
        "active": scan["tag"] not in ("Delivered", "Expired") and source == "carrier",
        "tracked_count": document["tracked_count"] + 1,
        "checkpoints": checkpoints,
        "return_to_sender": document["return_to_sender"] or subtag in RETURN_SUBTAGS,
        "updated_at": scan.get("updated_at") or later_than(document),
        **_milestones(document, scan["tag"], checkpoint["checkpoint_time"]),
    }
    return {**changed, **_promise(document, scan["eta"])} if scan.get("eta") else changed


def later_than(document: dict[str, Any]) -> str:
    """Now in whole seconds, or one second after the tracking's last change if that is later: updated_at only grows."""
    now = datetime.now(UTC).replace(microsecond=0)
    return seconds(max(now, datetime.fromisoformat(document["updated_at"]) + timedelta(seconds=1)))


def _state(tag: str, subtag: str) -> dict[str, Any]:
    return {"tag": tag, "subtag": subtag, "subtag_message": SUBTAG_MESSAGES.get(subtag, tag)}


def _checkpoint(scan: dict[str, Any], slug: str, subtag: str, source: str) -> dict[str, Any]:
    place = dict(scan.get("location") or {})
    parts = [place.get(name) for name in ("city", "state", "country_region")]
    now = seconds()
    facts = {
        "slug": slug,
        "checkpoint_time": scan.get("checkpoint_time") or now,
        "location": place.get("location") or ", ".join(part for part in parts if part) or None,
        "city": place.get("city"),
        "state": place.get("state"),
        "postal_code": place.get("postal_code"),
        "country_region": place.get("country_region"),
        "country_region_name": place.get("country_region_name"),
        "coordinate": place.get("coordinate"),
        "message": scan.get("message") or SUBTAG_MESSAGES.get(subtag, scan["tag"]),
        **_state(scan["tag"], subtag),
        "raw_tag": scan.get("raw_tag"),
        "events": scan.get("events") or [],
        "source": source,
    }
    return {"created_at": now, **facts, "hash": hashlib.sha1(dump(facts)).hexdigest()}


def _milestones(document: dict[str, Any], tag: str, at: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if tag == "InTransit" and not document["shipment_pickup_date"]:
        found["shipment_pickup_date"] = at
    if tag == "Delivered":
        found["shipment_delivery_date"] = at
    if tag == "AttemptFail":
        found["failed_delivery_attempts"] = (document["failed_delivery_attempts"] or 0) + 1
        found["first_attempted_at"] = document["first_attempted_at"] or at
    picked_up = document["shipment_pickup_date"]
    if tag == "Delivered" and picked_up:
        days = datetime.fromisoformat(at[:10]) - datetime.fromisoformat(picked_up[:10])
        found["transit_time"] = max(days.days, 0)
    return found


def _promise(document: dict[str, Any], eta: str) -> dict[str, Any]:
    edd = {"type": "specific", "source": "Carrier EDD", "datetime": eta, "datetime_min": None, "datetime_max": None}
    carrier = {"estimated_delivery_date": eta, "estimated_delivery_date_min": None, "estimated_delivery_date_max": None}
    return {
        "courier_estimated_delivery_date": carrier,
        "first_estimated_delivery": document["first_estimated_delivery"] or edd,
        "latest_estimated_delivery": {**edd, "revise_reason": None},
    }
