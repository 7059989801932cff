"""What a tracking may be created and updated with: one rule per field, and everything not listed is refused.

A rule takes the value and gives the cause why it cannot be, or None. Blank texts are refused where AfterShip asks for
at least one character. On update, null clears a field.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from tracking.sandbox.aftership_errors import AfterShipError, invalid, required
from tracking.sandbox.couriers import BY_SLUG
from tracking.sandbox.wire import words

Rule = Callable[[Any], str | None]
COUNTRIES = frozenset(
    words(
        """ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS
        BIH BLM BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV
        CRI CUB CUW CXR CYM CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM
        GAB GBR GEO GGY GHA GIB GIN GLP GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN
        IND IOT IRL IRN IRQ ISL ISR ITA JAM JEY JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE
        LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS
        MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL PRI PRK
        PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE SLV SMR SOM SPM SRB SSD STP SUR
        SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON TTO TUN TUR TUV TWN TZA UGA UKR UMI URY
        USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE XKX"""
    )
)
PROMISES = ("promised_delivery_date", "promised_delivery_date_min", "promised_delivery_date_max")


def text(*, least: int = 0, most: int | None = None, pattern: str | None = None) -> Rule:
    """A text within limits and of a form."""

    def rule(value: Any) -> str | None:
        if not isinstance(value, str):
            return "not a string"
        if len(value) < least:
            return f"at least {least} character(s)"
        if most is not None and len(value) > most:
            return f"at most {most} characters"
        if pattern is not None and not re.fullmatch(pattern, value):
            return f"does not match {pattern}"
        return None

    return rule


def one_of(*allowed: str) -> Rule:
    """One of the given words."""
    return lambda value: None if value in allowed else f"not one of {', '.join(allowed)}"


def country(value: Any) -> str | None:
    """ISO 3166-1 alpha-3."""
    return None if value in COUNTRIES else "not an ISO 3166-1 alpha-3 code"


def moment(*, offset_needed: bool) -> Rule:
    """A date-time with offset; without the need of one also a local date-time or a date."""

    def rule(value: Any) -> str | None:
        if not isinstance(value, str):
            return "not a string"
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            return "not an ISO 8601 date-time"
        if offset_needed and (read.tzinfo is None or "T" not in value):
            return "not an ISO 8601 date-time with offset"
        return None

    return rule


def promise(value: Any) -> str | None:
    """The three promised dates, each a text or null."""
    if not isinstance(value, dict):
        return "not an object"
    if unknown := value.keys() - set(PROMISES):
        return f"unknown key {min(unknown)}"
    return next((cause for given in value.values() if given is not None and (cause := _LOCAL_MOMENT(given))), None)


def custom_fields(value: Any) -> str | None:
    """At most 25 pairs of strings, key up to 30 characters, value up to 512."""
    if not isinstance(value, dict):
        return "not an object"
    if len(value) > 25:
        return "more than 25 pairs"
    for key, held in value.items():
        if not 1 <= len(key) <= 30:
            return "a key has 1 to 30 characters"
        if not isinstance(held, str) or len(held) > 512:
            return f"the value of {key} is not a string of at most 512 characters"
    return None


def shipment_tags(value: Any) -> str | None:
    """At most 50 texts of at most 32 characters."""
    tags_fit = isinstance(value, list) and len(value) <= 50 and all(isinstance(tag, str) for tag in value)
    return None if tags_fit and all(len(tag) <= 32 for tag in value) else "not a list of at most 50 texts of at most 32"


def customers(value: Any) -> str | None:
    """At most three customers."""
    if not isinstance(value, list) or len(value) > 3:
        return "not a list of at most 3"
    for customer in value:
        if not isinstance(customer, dict):
            return "not a list of objects"
        for name, held in customer.items():
            if name not in CUSTOMER:
                return f"unknown key {name}"
            if cause := CUSTOMER[name](held):
                return f"{name}: {cause}"
    return None


def last_mile(value: Any) -> str | None:
    """Number and slug, both needed."""
    both = isinstance(value, dict) and value.keys() == {"tracking_number", "slug"}
    return None if both else "not an object of tracking_number and slug"


_LOCAL_MOMENT = moment(offset_needed=False)
LANGUAGE = text(pattern=r"[a-z]{2}")
CUSTOMER: dict[str, Rule] = {
    "role": text(least=1),
    "name": text(least=1),
    "phone_number": text(pattern=r"\+[1-9]\d{6,14}"),
    "email": text(pattern=r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "language": LANGUAGE,
    "id": text(least=1),
}


def ship_date(value: Any) -> str | None:
    """``YYYY-MM-DD``, a date-time, or ``YYYYMMDD``: the sources disagree, so all three pass."""
    if isinstance(value, str) and re.fullmatch(r"\d{8}", value):
        return None if date.fromisoformat(value) else "not a date"
    return _LOCAL_MOMENT(value)


def _place(prefix: str) -> dict[str, Rule]:
    return {
        f"{prefix}_country_region": country,
        f"{prefix}_state": text(),
        f"{prefix}_city": text(),
        f"{prefix}_postal_code": text(pattern=r"[A-Za-z0-9+\- ]{0,10}"),
        f"{prefix}_raw_location": text(),
    }


UPDATABLE: dict[str, Rule] = {
    "slug": text(pattern=r"[a-z0-9-]+"),
    "title": text(least=1),
    "order_id": text(least=1),
    "order_number": text(),
    "order_id_path": text(least=1),
    "order_date": moment(offset_needed=True),
    "order_promised_delivery_date": promise,
    "custom_fields": custom_fields,
    "customers": customers,
    "language": LANGUAGE,
    "note": text(),
    "delivery_type": one_of("pickup_at_store", "pickup_at_courier", "door_to_door"),
    "pickup_location": text(least=1),
    "pickup_note": text(least=1),
    "shipping_method": text(),
    "shipment_type": text(),
    "tracking_account_number": text(pattern=r"[A-Za-z0-9]{1,512}"),
    "tracking_key": text(pattern=r"[A-Za-z0-9\-._]+"),
    "tracking_ship_date": ship_date,
    "location_id": text(least=1),
    "last_mile": last_mile,
    "shipment_direction": one_of("forward", "return"),
    **_place("origin"),
    **_place("destination"),
}
CREATABLE: dict[str, Rule] = {
    "id": text(pattern=r"[0-9a-zA-Z\-_]{1,128}"),
    "tracking_number": text(least=4, most=100),
    "slug_group": text(pattern=r"[a-z0-9-]+"),
    "shipment_tags": shipment_tags,
    "courier_connection_id": text(least=1),
    **UPDATABLE,
}
DETECTABLE: dict[str, Rule] = {
    name: CREATABLE[name]
    for name in words("tracking_number slug_group tracking_ship_date tracking_account_number tracking_key")
} | {name: rule for name, rule in UPDATABLE.items() if name.endswith(("_country_region", "_postal_code", "_state"))}
DETECTABLE["slug"] = lambda value: None if isinstance(value, list) else "not a list"
OWN_CODES = {"id": 4015, "tracking_number": 4005, "slug": 4010}


def check_create(fields: dict[str, Any]) -> None:
    """Check the body of POST /trackings. Raises AfterShipError with the code that belongs to the field."""
    if not fields.get("tracking_number"):
        raise AfterShipError(4007, "`tracking_number` is required.")
    for name, value in fields.items():
        _check(CREATABLE, name, value)
    if not re.fullmatch(r"[A-Z0-9\-._/]+", fields["tracking_number"]):
        raise AfterShipError(4017, "The format of `tracking_number` is invalid.")
    if fields.get("slug") and fields.get("slug_group"):
        raise invalid("slug_group", "cannot be sent together with slug")
    _check_together(fields)


def check_update(fields: dict[str, Any]) -> None:
    """Check the body of PUT /trackings/{id}; number, id, shipment_tags and courier_connection_id cannot be sent."""
    for name, value in fields.items():
        if value is not None or name == "slug" or name not in UPDATABLE:
            _check(UPDATABLE, name, value)
    _check_together(fields)


def check_detect(fields: dict[str, Any]) -> None:
    """Check the body of POST /couriers/detect."""
    if not fields.get("tracking_number"):
        raise AfterShipError(4007, "`tracking_number` is required.")
    for name, value in fields.items():
        _check(DETECTABLE, name, value)


def check_completion(fields: dict[str, Any]) -> None:
    """Check the body of POST /trackings/{id}/mark-as-completed."""
    if not fields.get("reason"):
        raise required("reason")
    rules = {"reason": one_of("DELIVERED", "LOST", "RETURNED_TO_SENDER"), "event_datetime": _LOCAL_MOMENT}
    for name, value in fields.items():
        _check(rules, name, value)


def _check(rules: dict[str, Rule], name: str, value: Any) -> None:
    if name not in rules:
        raise invalid(name, "not a field of this call")
    if cause := rules[name](value):
        if name in OWN_CODES:
            raise AfterShipError(OWN_CODES[name], f"The value of `{name}` is invalid: {cause}.")
        raise invalid(name, cause)
    if name == "slug" and isinstance(value, str) and value not in BY_SLUG:
        raise AfterShipError(4010, "The value of `slug` is invalid.")


def _check_together(fields: dict[str, Any]) -> None:
    if fields.get("location_id") and any(name.startswith("origin_") for name in fields):
        raise invalid("location_id", "cannot be sent together with origin fields")
