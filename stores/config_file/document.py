"""The whole file, checked: its schema, its references to other rows, and what stands in it twice.

The values of an entry carry the names of the model's fields; keys that the file leaves out are not among them.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stores.carriers import normalise_carrier
from stores.config_file import kinds
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

POSITION_STEP = 10
INBOUND = {"type": Field(kinds.inbound_type, is_required=True), "secret": Field(kinds.secret)}
SCHEMA: dict[str, dict[str, Field]] = {
    "projects": {
        "key": Field(kinds.key(256), is_required=True),
        "api_url": Field(kinds.address, is_required=True),
        "auth_url": Field(kinds.address, is_required=True),
        "client_id": Field(kinds.text_or_reference, is_required=True),
        "client_secret": Field(kinds.secret, is_required=True),
        "inbound": Field(lambda place: read_mapping(place, INBOUND)),
        "shipment_state": Field(kinds.choice("off", "forward", "full")),
        "is_active": Field(kinds.yes_no),
    },
    "aftership_accounts": {
        "key": Field(kinds.key(64), is_required=True),
        "api_url": Field(kinds.address),
        "api_key": Field(kinds.secret, is_required=True),
        "webhook_secrets": Field(kinds.secrets),
        "is_active": Field(kinds.yes_no),
    },
    "brands": {
        "key": Field(kinds.key(64), is_required=True),
        "name": Field(kinds.text(200), is_required=True),
        "colour": Field(kinds.colour),
        "locales": Field(kinds.locales),
    },
    "routes": {
        "project": Field(kinds.key(256), is_required=True),
        "store": Field(kinds.key(256)),
        "account": Field(kinds.key(64), is_required=True),
        "brand": Field(kinds.key(64)),
        "promise_days": Field(kinds.days),
        "notify": Field(kinds.choice("platform", "aftership", "off")),
        "is_active": Field(kinds.yes_no),
    },
    "carrier_mappings": {
        "carrier": Field(kinds.carrier, is_required=True),
        "courier": Field(kinds.slug, is_required=True),
        "project": Field(kinds.key(256)),
        "store": Field(kinds.key(256)),
        "extra_fields": Field(kinds.extra_fields),
    },
}
REFERENCES = {"project": "projects", "account": "aftership_accounts", "brand": "brands"}


@dataclass(frozen=True)
class Entry:
    """One item of a section: its place in the file, and its values by model field."""

    place: Place
    values: dict[str, Any]

    def get(self, name: str) -> Any:
        """The value, or None where the file leaves it out."""
        return self.values.get(name)


@dataclass
class Document:
    """A file without faults. ``sections`` names those that stand in it, also empty ones."""

    sections: frozenset[str] = frozenset()
    projects: list[Entry] = field(default_factory=list)
    aftership_accounts: list[Entry] = field(default_factory=list)
    brands: list[Entry] = field(default_factory=list)
    routes: list[Entry] = field(default_factory=list)
    carrier_mappings: list[Entry] = field(default_factory=list)

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


def flatten(document: Document) -> None:
    """From the file's names to those of the models."""
    for entry in document.projects:
        inbound = entry.values.pop("inbound", {})
        entry.values.update({f"inbound_{name}": value for name, value in inbound.items()})
    for entry in document.aftership_accounts:
        secrets = [*entry.values.pop("webhook_secrets", []), ""]
        if len(secrets) > 1:
            entry.values["webhook_secret"], entry.values["previous_webhook_secret"] = secrets[:2]
    for index, entry in enumerate(document.routes, 1):
        entry.values["position"] = index * POSITION_STEP


def check_twice(document: Document) -> None:
    """Note every entry that says again what another one has said."""
    for name in ("projects", "aftership_accounts", "brands"):
        firsts: dict[Hashable, Entry] = {}
        for entry in getattr(document, name):
            note_twice(firsts, entry.get("key"), entry, f"{entry.get('key')} is there already", "key")
    firsts = {}
    for entry in document.routes:
        scope = (entry.get("project"), entry.get("store"))
        store = f"store {scope[1]}" if scope[1] else "every store"
        note_twice(firsts, scope[0] and scope, entry, f"a second route for {store} of {scope[0]}")
    firsts = {}
    for entry in document.carrier_mappings:
        carrier = normalise_carrier(entry.get("carrier") or "")
        scope = (carrier, entry.get("project"), entry.get("store"))
        note_twice(firsts, carrier and scope, entry, f"a second mapping of '{entry.get('carrier')}'")


def note_twice(firsts: dict[Hashable, Entry], key: Hashable, entry: Entry, words: str, name: str = "") -> None:
    """Remember the first entry of a key; note a fault at any later one. Entries without a key are left out."""
    if key and key in firsts:
        first = firsts[key].place
        entry.place.wrong(f"{words}, see {first.path} in line {first.line}", name)
    elif key:
        firsts[key] = entry


def check_references(document: Document, known: Mapping[str, Collection[str]]) -> None:
    """Note every key that leads nowhere, and every store without the project it belongs to."""
    for entry in (*document.routes, *document.carrier_mappings):
        for name, section in REFERENCES.items():
            key = entry.get(name)
            keys = {other.get("key") for other in getattr(document, section)} - {None} | set(known[section])
            if key is not None and key not in keys:
                words = f"no {name} {key} in this file or in the database{did_you_mean(key, keys)}"
                entry.place.wrong(words, name)
    for entry in document.carrier_mappings:
        if entry.get("store") and not entry.get("project"):
            entry.place.wrong("needs the project that it belongs to", "store")
