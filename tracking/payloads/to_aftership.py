"""A parcel that is to be tracked → the body of AfterShip's ``POST /trackings`` (API 2026-07)."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pycountry

from tracking.payloads.errors import PayloadError
from tracking.payloads.from_commercetools import NO_DESTINATION, Destination

# reference 4.1: 4 to 100 characters of these
SHORTEST_NUMBER, LONGEST_NUMBER = 4, 100
# Checked before upper-casing: "ß".upper() is "SS" and the Kelvin sign lower-cases to "k", each another parcel's number.
STRANGE_IN_NUMBER = re.compile(r"[^A-Za-z0-9\-._/]")
POSTAL_CODE = re.compile(r"[A-Za-z0-9+\- ]{1,10}")

NUMBER_PATH = "trackingData.trackingId"
# What a carrier mapping's extra fields can never change: which tracking this is.
IDENTITY = frozenset({"id", "tracking_number", "slug"})
# What may still change on an order once AfterShip has the tracking: all of it can be sent by PUT (reference 4.1).
FORWARD = "forward"  # the direction of whatever is not said to be a return
PLACE = ("country_region", "state", "city", "postal_code")
CHANGEABLE = frozenset(
    {
        "language",
        "customers",
        "order_promised_delivery_date",
        "shipment_direction",
        "tracking_account_number",
        "tracking_key",
        *(f"{side}_{part}" for side in ("origin", "destination") for part in PLACE),
    }
)
# Of what its messages need, what a PUT can take away again: null is documented for the promise, none for the language.
UNTOLD = {"customers": [], "order_promised_delivery_date": {"promised_delivery_date": None}}
# AfterShip documents two forms of the ship date; ours is ISO. As a mapping's extra field, this asks for the other one.
COMPACT_DATE = "YYYYMMDD"


@dataclass(frozen=True, kw_only=True)
class TrackingRequest:
    """What we know of a parcel. ``id`` is our Tracking row's, so that a repeated POST is harmless.

    ``courier`` "" lets AfterShip detect it. ``notify_email``, ``locale`` and ``promised_date`` are for AfterShip's own
    messages, and blank where it sends none: an e-mail there may start them. The order's ids and day are for more than
    that: a tracking is found by them, and a corrected courier is checked against the day. ``extra_fields`` have
    AfterShip's names and win over what the order says.
    """

    id: str
    tracking_number: str
    courier: str = ""
    order_id: str = ""
    order_number: str = ""
    order_date: datetime | None = None
    destination: Destination = NO_DESTINATION
    locale: str = ""
    ship_date: date | None = None
    is_return: bool = False
    extra_fields: dict[str, str] = field(default_factory=dict)
    notify_email: str = ""
    promised_date: date | None = None


def clean_number(raw: str) -> str:
    """The number as AfterShip takes it: no white space, no invisible characters, upper case.

    Raises PayloadError("trackingData.trackingId", why) unless 4 to 100 of ``A-Z 0-9 - . _ /`` are left.
    """
    number = "".join(sign for sign in raw if not sign.isspace() and unicodedata.category(sign) != "Cf")
    strange = STRANGE_IN_NUMBER.search(number)
    if not number:
        raise PayloadError(NUMBER_PATH, "empty")
    if strange:
        raise PayloadError(
            NUMBER_PATH, f"has {name_of(strange.group())}; only letters, digits and - . _ / are possible"
        )
    if not SHORTEST_NUMBER <= len(number) <= LONGEST_NUMBER:
        raise PayloadError(NUMBER_PATH, f"{len(number)} characters long; 4 to 100 are possible")
    return number.upper()


def name_of(sign: str) -> str:
    """A character so that support can see it, be it a dash that only looks like one."""
    known = unicodedata.name(sign, "").lower() or f"U+{ord(sign):04X}"
    return f'"{sign}" ({known})' if sign.isprintable() else known


def country_alpha3(alpha2: str) -> str | None:
    """``DE`` → ``DEU``; None for what ISO 3166-1 does not know."""
    country = pycountry.countries.get(alpha_2=alpha2.strip().upper())
    return country.alpha_3 if country else None


def language(locale: str) -> str | None:
    """``de-CH`` → ``de`` (ISO 639-1); None for what has no such code."""
    code = re.split(r"[-_]", locale.strip(), maxsplit=1)[0].lower()
    return code if pycountry.languages.get(alpha_2=code) else None


def tracking_fields(request: TrackingRequest) -> dict[str, Any]:
    """The body of ``POST /trackings``. Without blanks: AfterShip refuses empty strings on create (reference 4.1)."""
    fields: dict[str, Any] = {
        "id": request.id,
        "tracking_number": request.tracking_number,
        "slug": request.courier,
        "order_id": request.order_id,
        "order_number": request.order_number,
        "order_date": request.order_date.isoformat(timespec="seconds") if request.order_date else "",
        "language": language(request.locale),
        "tracking_ship_date": ship_date(request),
        "shipment_direction": "return" if request.is_return else "",
        "order_promised_delivery_date": promised(request),
        "customers": customers(request),
        **place_fields(request),
        **{name: value for name, value in request.extra_fields.items() if is_own_value(name, value)},
    }
    return {name: value for name, value in fields.items() if has_value(value)}


def update_fields(request: TrackingRequest, *, settles_messages: bool) -> dict[str, Any]:
    """The body of ``PUT /trackings/{id}``: what may have changed on the order.

    A PUT leaves what it does not name, so a place that is blank now is named and cleared (a country cannot be); so are
    customer and promise (``settles_messages``), unless what AfterShip has of them is to stay.
    """
    side = "origin" if request.is_return else "destination"
    cleared: dict[str, Any] = {f"{side}_{part}": "" for part in PLACE[1:]} | {"shipment_direction": FORWARD}
    cleared |= UNTOLD if settles_messages else {}
    told = {name: value for name, value in tracking_fields(request).items() if name in CHANGEABLE}
    return cleared | told


def digest(fields: Mapping[str, Any]) -> str:
    """Of what may change; blank or left out is the same. The same text for the same facts, and no way back to them."""
    known = {name: without_blanks(fields.get(name)) for name in CHANGEABLE}
    told = {name: value for name, value in known.items() if has_value(value) and value != FORWARD}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def without_blanks(value: object) -> object:
    return {name: one for name, one in value.items() if has_value(one)} if isinstance(value, Mapping) else value


def is_own_value(name: str, value: str) -> bool:
    """Whether a mapping's extra field is one to send as it is."""
    return name not in IDENTITY and not (name == "tracking_ship_date" and value == COMPACT_DATE)


def ship_date(request: TrackingRequest) -> str:
    """``2026-11-22``, or ``20261122`` where the carrier mapping asks for that form; "" where it is not known."""
    if request.ship_date is None:
        return ""
    is_compact = request.extra_fields.get("tracking_ship_date") == COMPACT_DATE
    return request.ship_date.strftime("%Y%m%d") if is_compact else request.ship_date.isoformat()


def place_fields(request: TrackingRequest) -> dict[str, str | None]:
    """The shopper's place: where an outbound parcel goes, and where a return comes from."""
    side = "origin" if request.is_return else "destination"
    place = request.destination
    return {
        f"{side}_country_region": country_alpha3(place.country),
        f"{side}_state": place.state,
        f"{side}_city": place.city,
        # AfterShip answers 4008 to longer or odd ones; without it the tracking still works.
        f"{side}_postal_code": place.postal_code if POSTAL_CODE.fullmatch(place.postal_code) else "",
    }


def promised(request: TrackingRequest) -> dict[str, str]:
    """An object since API 2026-01, a plain string before."""
    return {"promised_delivery_date": request.promised_date.isoformat()} if request.promised_date else {}


def customers(request: TrackingRequest) -> list[dict[str, str]]:
    """Never for a return: AfterShip's own mails would say "your order is on its way"."""
    if request.is_return or not request.notify_email:
        return []
    customer = {"role": "buyer", "email": request.notify_email, "language": language(request.locale)}
    return [{name: value for name, value in customer.items() if value}]


def missing_fields(required: Sequence[str], fields: Mapping[str, Any]) -> list[str]:
    """Those of a courier's ``required_fields`` (AfterShip's names) that ``fields`` does not carry, in their order."""
    return [name for name in required if not has_value(fields.get(name))]


def has_value(value: object) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value)
