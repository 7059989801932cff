"""The whole file, checked: its schema, its references to other rows, and what stands in it twice.

The values of an entry carry the names of the model's fields; keys that the file leaves out are not among them.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stores import inbound, tracking_source
from stores.config_file import brands, kinds
from stores.config_file.rules import SECTIONS, identity, rule_label, words_of
from stores.config_file.source import (
    ConfigFileError,
    Field,
    Place,
    did_you_mean,
    is_empty,
    items_of,
    open_source,
    read,
    read_mapping,
)
from stores.models import StatusRule
from stores.routing import ALL, OUTBOUND, RETURNS
from stores.statuses import ParcelStatus

POSITION_STEP = 10
INBOUND = {"type": Field(kinds.choice(*inbound.WAYS), is_required=True), "secret": Field(kinds.secret)}
INBOUND |= {name: Field(kinds.text_or_reference) for name in inbound.OPTIONS}
TRACKING_SOURCE = {"where": Field(kinds.choice(*tracking_source.PLACES), is_required=True)}
TRACKING_SOURCE |= {name: Field(kinds.text(tracking_source.LONGEST)) for name in tracking_source.OPTIONS}
ORDER_FIELD = {"name": Field(kinds.key(36), is_required=True), "values": Field(kinds.several(kinds.text(256)))}
SCHEMA: dict[str, dict[str, Field]] = {
    "projects": {
        "key": Field(kinds.key(256), is_required=True),
        "api_url": Field(kinds.address, is_required=True),
        "auth_url": Field(kinds.address, is_required=True),
        "client_id": Field(kinds.text_or_reference, is_required=True),
        "client_secret": Field(kinds.secret, is_required=True),
        "inbound": Field(lambda place: read_inbound(place)),
        "poll": Field(kinds.choice("off", "messages", "orders")),
        "shipment_state": Field(kinds.choice("off", "forward", "full")),
        "tracking_source": Field(lambda place: read_tracking_source(place)),
        "in_stores": Field(kinds.several(kinds.key(256), or_none=True)),
        "is_active": Field(kinds.yes_no),
    },
    "aftership_accounts": {
        "key": Field(kinds.key(64), is_required=True),
        "api_url": Field(kinds.address),
        "api_key": Field(kinds.secret, is_required=True),
        "webhook_secrets": Field(kinds.secrets),
        "sends_orders": Field(kinds.yes_no),
        "commerce_store_id": Field(kinds.text(64)),
        "is_active": Field(kinds.yes_no),
    },
    "brands": brands.SCHEMA,
    "stores": {
        "project": Field(kinds.key(256), is_required=True),
        "key": Field(kinds.key(256), is_required=True),
        "shipment_state": Field(kinds.store_mode),
        "time_zone": Field(kinds.zone),
    },
    "routes": {
        "name": Field(kinds.text(120)),
        "project": Field(kinds.key(256), is_required=True),
        "store": Field(kinds.key(256)),
        "channel": Field(kinds.key(256)),
        "channel_role": Field(kinds.choice("supply", "distribution")),
        "countries": Field(kinds.several(kinds.country)),
        "carriers": Field(kinds.several(kinds.carrier)),
        "field": Field(lambda place: read_mapping(place, ORDER_FIELD)),
        "direction": Field(kinds.choice(OUTBOUND, RETURNS, ALL)),
        "default": Field(kinds.yes_no),
        "do_not_track": Field(kinds.yes_no),
        "account": Field(kinds.key(64)),
        "brand": Field(kinds.key(64)),
        "couriers": Field(kinds.several(kinds.slug)),
        "promise_days": Field(kinds.days),
        "promise_days_by_country": Field(kinds.days_by_country),
        "notify": Field(kinds.choice("platform", "aftership", "off")),
        "notify_by_status": Field(kinds.senders_by_status),
        "is_active": Field(kinds.yes_no),
    },
    "carrier_mappings": {
        "carrier": Field(kinds.carrier, is_required=True),
        "courier": Field(kinds.slug, is_required=True),
        "project": Field(kinds.key(256)),
        "store": Field(kinds.key(256)),
        "channel": Field(kinds.key(256)),
        "extra_fields": Field(kinds.extra_fields),
    },
    "status_rules": {
        "courier": Field(kinds.slug),
        "raw": Field(kinds.text(200)),
        "subtag": Field(kinds.text(200)),
        "status": Field(kinds.choice(*ParcelStatus.values), is_required=True),
    },
}
NEEDED = {"route": "project", "carrier_mapping": "carrier", "status_rule": "code"}  # to tell one rule from another
CONDITIONS = ("store", "channel", "channel_role", "countries", "carriers", "field", "direction")
REFERENCES = {"project": "projects", "account": "aftership_accounts", "brand": "brands"}


@dataclass(frozen=True)
class Entry:
    """One item of a section: its place in the file, and its values by model field."""

    place: Place
    values: dict[str, Any]

    def get(self, name: str) -> Any:
        """The value, or None where the file leaves it out."""
        return self.values.get(name)

    @property
    def names(self) -> set[str]:
        """The keys that stand in the file, also those whose value was refused."""
        return {key.value for key, _ in self.place.node.value}


@dataclass
class Document:
    """A file without faults. ``sections`` names those that stand in it, also empty ones."""

    sections: frozenset[str] = frozenset()
    projects: list[Entry] = field(default_factory=list)
    aftership_accounts: list[Entry] = field(default_factory=list)
    brands: list[Entry] = field(default_factory=list)
    stores: list[Entry] = field(default_factory=list)
    routes: list[Entry] = field(default_factory=list)
    carrier_mappings: list[Entry] = field(default_factory=list)
    status_rules: list[Entry] = field(default_factory=list)

    @property
    def project_keys(self) -> set[str]:
        """Every project that the file names, by itself or in a route or carrier mapping."""
        named = {entry.get("project") for entry in (*self.routes, *self.carrier_mappings)} - {None}
        return {entry.values["key"] for entry in self.projects} | named


def read_document(path: Path, known: Mapping[str, Collection[str]]) -> Document:
    """Read and check the file; ``known`` are the keys of existing rows by section, which may be referred to as well.

    Raises ConfigFileError with everything that is wrong.
    """
    top = open_source(path)
    document = Document()
    sections = {name: Field(lambda place: place, may_be_empty=True) for name in SCHEMA}
    _, places = read(top, lambda place: read_mapping(place, sections))
    for name, place in (places or {}).items():
        setattr(document, name, read_section(place, SCHEMA[name]))
    document.sections = frozenset(places or {})
    check_projects(document)
    check_accounts(document)
    check_quiet_hours(document)
    check_rules(document)
    flatten(document)
    check_twice(document)
    check_references(document, known)
    if top.source.faults:
        raise ConfigFileError(top.source.faults)
    return document


def read_section(place: Place, fields: Mapping[str, Field]) -> list[Entry]:
    """The entries of one section; a section without content has none."""
    entries = []
    is_good, items = (True, []) if is_empty(place.node) else read(place, items_of)
    for item in items if is_good else []:
        is_good, values = read(item, lambda here: read_mapping(here, fields))
        if is_good:
            entries.append(Entry(item, values))
    return entries


def read_inbound(place: Place) -> dict[str, Any]:
    """Type, secret and options in one mapping; an option that the type does not know, or misses, is noted."""
    values = read_mapping(place, INBOUND)
    written = {key.value for key, _ in place.node.value}
    options = {name: value for name, value in values.items() if name in inbound.OPTIONS}
    for name, words in inbound.faults(values["type"], options).items() if "type" in values else ():
        if name in options or name not in written:  # a value that was refused has its fault already
            place.wrong(words, name)
    return values


def read_tracking_source(place: Place) -> dict[str, str]:
    """As a project keeps it: empty where numbers stand on parcels only. What is missing or too much is noted."""
    values: dict[str, str] = read_mapping(place, TRACKING_SOURCE)
    written = {key.value for key, _ in place.node.value}
    for name, words in tracking_source.faults(values).items() if "where" in values else ():
        if name in values or name not in written:  # a value that was refused has its fault already
            place.wrong(words, name)
    return {} if values.get("where") == tracking_source.PARCEL else values


def check_accounts(document: Document) -> None:
    """Note an account that is to send orders without saying to which of AfterShip's stores."""
    for entry in document.aftership_accounts:
        if entry.get("sends_orders") and not entry.get("commerce_store_id"):
            entry.place.wrong("missing; sends_orders needs it", "commerce_store_id")


def check_quiet_hours(document: Document) -> None:
    """Note quiet hours with one end only."""
    for entry in document.brands:
        for name, other in (("quiet_from", "quiet_until"), ("quiet_until", "quiet_from")):
            if entry.get(name) and not entry.get(other):
                entry.place.wrong(f"missing; {name} needs it", other)


def check_projects(document: Document) -> None:
    """Note a project that is sent nothing and asks for nothing, or asks for what its API client may not read."""
    for entry in document.projects:
        is_polled = entry.get("poll") not in (None, "off")
        if (entry.get("inbound") or {}).get("type") == "poll" and not is_polled:
            entry.place.wrong("missing; inbound.type poll needs messages or orders", "poll")
        if entry.get("poll") == "messages" and entry.get("in_stores"):
            entry.place.wrong("an API client of some stores cannot read messages; poll orders", "poll")


def check_rules(document: Document) -> None:
    """Note what is wrong with a rule as a whole: keys that miss another one, or exclude each other."""
    for entry in document.routes:
        if "account" not in entry.names and not entry.get("do_not_track"):
            entry.place.wrong("missing; only a route with do_not_track: true needs none", "account")
        if "channel_role" in entry.names and "channel" not in entry.names:
            entry.place.wrong("needs the channel that it is about", "channel_role")
        for name in CONDITIONS if entry.get("default") else ():
            if entry.get(name) not in (None, ALL):
                entry.place.wrong("the default has no conditions; leave this out", name)
    for entry in document.carrier_mappings:
        for name in ("store", "channel"):
            if name in entry.names and "project" not in entry.names:
                entry.place.wrong("needs the project that it belongs to", name)
        if {"store", "channel"} <= entry.names:
            entry.place.wrong("give either store or channel, not both", "channel")
    for entry in document.status_rules:
        if not {"raw", "subtag"} & entry.names:
            entry.place.wrong("missing; give it, or subtag", "raw")
        elif {"raw", "subtag"} <= entry.names:
            entry.place.wrong("give either raw or subtag, not both", "subtag")


def flatten(document: Document) -> None:
    """From the file's names to those of the models."""
    for entry in document.projects:
        given = entry.values.pop("inbound", {})
        options = {name: given.pop(name) for name in inbound.OPTIONS if name in given}
        entry.values.update({f"inbound_{name}": value for name, value in given.items()})
        entry.values.update({"inbound_options": options} if given else {})
    for entry in document.aftership_accounts:
        secrets = [*entry.values.pop("webhook_secrets", []), ""]
        if len(secrets) > 1:
            entry.values["webhook_secret"], entry.values["previous_webhook_secret"] = secrets[:2]
    for entry in document.brands:
        brands.flatten_brand(entry.values)
    for index, entry in enumerate(document.routes, 1):
        entry.values["position"] = index * POSITION_STEP
        if "default" in entry.values:
            entry.values["is_default"] = entry.values.pop("default")
        order_field = entry.values.pop("field", {})
        entry.values.update({f"field_{name}": value for name, value in order_field.items()})
    for entry in document.status_rules:
        for kind in StatusRule.Code.values:
            if code := entry.values.pop(kind, ""):
                entry.values.update(code_kind=kind, code=code)


def check_twice(document: Document) -> None:
    """Note every entry that says again what another one has said."""
    for name in ("projects", "aftership_accounts", "brands"):
        firsts: dict[Hashable, Entry] = {}
        for entry in getattr(document, name):
            note_twice(firsts, entry.get("key"), entry, f"{entry.get('key')} is there already", "key")
    stores: dict[Hashable, Entry] = {}
    for entry in document.stores:
        pair = (entry.get("project"), entry.get("key"))
        note_twice(stores, pair if all(pair) else None, entry, f"{pair[1]} of {pair[0]} is there already", "key")
    for kind, section in SECTIONS.items():
        firsts = {}
        for entry in getattr(document, section):
            words = words_of(kind, entry.values)
            key = identity(kind, words) if entry.get(NEEDED[kind]) else None
            note_twice(firsts, key, entry, f"a second {rule_label(kind, words)}")


def note_twice(firsts: dict[Hashable, Entry], key: Hashable, entry: Entry, words: str, name: str = "") -> None:
    """Remember the first entry of a key; note a fault at any later one. Entries without a key are left out."""
    if key and key in firsts:
        entry.place.wrong(f"{words}, see {firsts[key].place.words}", name)
    elif key:
        firsts[key] = entry


def check_references(document: Document, known: Mapping[str, Collection[str]]) -> None:
    """Note every key that leads nowhere."""
    for entry in (*document.stores, *document.routes, *document.carrier_mappings):
        for name, section in REFERENCES.items():
            key = entry.get(name)
            keys = {other.get("key") for other in getattr(document, section)} - {None} | set(known[section])
            if key is not None and key not in keys:
                words = f"no {name} {key} in this file or in the database{did_you_mean(key, keys)}"
                entry.place.wrong(words, name)
