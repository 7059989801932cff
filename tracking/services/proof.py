"""What speaks for a delivery: the scans with their places, what AfterShip gave as proof, and whether the region fits.

parcel ─ scans, place of the last one ─ against the address's region ─┐
       ─ newest raw webhook that says delivered: signature, photo ────┴─> Proof
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

import pycountry

from tracking.enums import ParcelStatus, Source
from tracking.models import Checkpoint, Order, Parcel, Receipt, Tracking
from tracking.payloads import json_text
from tracking.payloads.errors import PayloadError
from tracking.services.order_facts import day_in

MOST_RECEIPTS = 10
# Of AfterShip's tracking: what can prove a delivery. Photo and signature files depend on the plan.
PROOF_FIELDS = (
    "signed_by",
    "signature_requirement",
    "delivery_location_type",
    "delivery_type",
    "shipment_delivery_date",
)


class Region(StrEnum):
    """Whether the parcel was scanned where it was to go."""

    SAME = "same"
    OTHER_PLACE = "other_place"
    OTHER_COUNTRY = "other_country"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Proof:
    """``facts`` as AfterShip names them; ``files`` as (type, address). ``is_raw_kept``: whether there was a raw webhook
    left to look into. ``scan`` is the one that says delivered, else the newest.
    """

    scans: tuple[Checkpoint, ...]
    scan: Checkpoint | None
    region: Region
    delivered_on: date | None
    facts: dict[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = ()
    is_raw_kept: bool = False


def proof_of(parcel: Parcel) -> Proof:
    """Everything about the parcel's delivery, in two queries. ``parcel`` comes with order and tracking."""
    tracking = parcel.tracking
    if tracking is None:
        return Proof((), None, Region.UNKNOWN, None)
    scans = tuple(Checkpoint.objects.filter(tracking=tracking, is_fenced=False))
    delivery = next((scan for scan in reversed(scans) if scan.tag == "Delivered"), scans[-1] if scans else None)
    message = newest_delivery(tracking)
    return Proof(
        scans=scans,
        scan=delivery,
        region=region_of(parcel.order, delivery),
        delivered_on=day_in(tracking.delivered_at) if tracking.status == ParcelStatus.DELIVERED else None,
        facts=proof_facts(message or {}),
        files=proof_files(message or {}),
        is_raw_kept=message is not None,
    )


def newest_delivery(tracking: Tracking) -> dict[str, Any] | None:
    """The tracking in the newest webhook about it that can be read; None where none is kept any more."""
    if not tracking.aftership_id:
        return None
    rows = Receipt.objects.filter(source=Source.AFTERSHIP, subject=tracking.aftership_id).order_by("-pk")
    for receipt in rows[:MOST_RECEIPTS]:
        try:
            message = json_text.loads(bytes(receipt.body))["msg"]
        except (PayloadError, KeyError, TypeError):
            continue
        if isinstance(message, dict):
            return message
    return None


def proof_facts(message: dict[str, Any]) -> dict[str, str]:
    """The proving fields that have a value."""
    return {name: str(message[name])[:200] for name in PROOF_FIELDS if message.get(name) not in (None, "", [], {})}


def proof_files(message: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Photos and signatures: (type, https address)."""
    given = message.get("proof_of_delivery")
    files = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return tuple(
        (str(one.get("type") or "file")[:40], str(one["url"]))
        for one in files
        if str(one.get("url") or "").startswith("https://")
    )


def region_of(order: Order, scan: Checkpoint | None) -> Region:
    """The scan's place against the order's address: by country, then by postal code or city where both are known."""
    if scan is None:
        return Region.UNKNOWN
    country = alpha_2(scan.country)
    if country and order.destination_country and country != order.destination_country:
        return Region.OTHER_COUNTRY
    codes = squeeze(scan.postal_code), squeeze(order.destination_postal_code)
    cities = squeeze(scan.city or scan.location.partition(",")[0]), squeeze(order.destination_city)
    if all(codes):
        return Region.SAME if codes[0] == codes[1] else Region.OTHER_PLACE
    if all(cities):
        return Region.SAME if cities[0] in cities[1] or cities[1] in cities[0] else Region.OTHER_PLACE
    return Region.UNKNOWN


def squeeze(text: str) -> str:
    return "".join(text.split()).casefold()


def alpha_2(country: str) -> str:
    """``DEU`` → ``DE``; "" for what is no country."""
    found = pycountry.countries.get(alpha_3=country) if len(country) == 3 else None
    return found.alpha_2 if found else country if len(country) == 2 else ""
