"""Carrier mappings as CSV: what the configuration file says under ``carrier_mappings``, one mapping per line.

    bytes ─ decoded ─> text ─ csv ─> places ─ the file's own schema ─> entries ─ compare ─> Lines, each with its Draft
    rows ─ write ─> text, the same columns: what was exported is imported as unchanged

An import adds and changes; what the CSV does not list stays. Everything that is wrong is raised at once, by line.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from django.db.models import Model

from stores.config_file.document import SCHEMA, Document, Entry, check_rules, check_twice
from stores.config_file.rules import identity, words_of
from stores.config_file.source import ConfigFileError, Fault, Place, Source, did_you_mean, read_mapping
from stores.models import CarrierMapping, Channel, Courier, Origin, Project, Store
from stores.revisions import Draft
from stores.rule_set import snapshot

KIND = "carrier_mapping"
FIELDS = SCHEMA["carrier_mappings"]
COLUMNS = ("carrier", "courier", "project", "store", "channel", "extra_fields")
DELIMITERS = (",", ";", "\t")
MOST_BYTES = 1_000_000
MOST_ROWS = 2_000
MOST_HEADING = 60  # of an unknown heading, to name it
# What a spreadsheet would run: written with an apostrophe in front, which is taken off again when read.
FORMULA = re.compile(r"'*[=+\-@\t\r]")
TEXT = "tag:yaml.org,2002:str"
NO_TEXT = "!json"  # a number, list or the like


@dataclass(frozen=True)
class Line:
    """One mapping of the CSV against the rows. ``before`` is None where it is new."""

    number: int
    draft: Draft
    before: dict[str, Any] | None

    @property
    def after(self) -> dict[str, Any]:
        return self.draft.words or {}

    @property
    def is_change(self) -> bool:
        return self.before != self.after


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def write(mappings: Iterable[CarrierMapping]) -> str:
    """As CSV with a heading, commas and CRLF; extra fields as a JSON object. Safe to open in a spreadsheet."""
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow(COLUMNS)
    writer.writerows([escaped(cell) for cell in cells_of(snapshot(mapping))] for mapping in mappings)
    return target.getvalue()


def cells_of(words: dict[str, Any]) -> Iterator[str]:
    for name in COLUMNS:
        value = words[name]
        yield json.dumps(value, ensure_ascii=False) if isinstance(value, dict) and value else value or ""


def escaped(cell: str) -> str:
    """``=1+1`` → ``'=1+1``, ``'=1`` → ``''=1``: text to a spreadsheet, and `unescaped` gives it back."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(text: str) -> list[Entry]:
    """The mappings of a CSV, checked as the configuration file's are. Raises ConfigFileError with all that is wrong."""
    rows = rows_of(text)
    heading_line, headings = next(rows, (1, []))
    source = Source(Path())
    names = names_of(headings, Place(mapping_node(heading_line, {}), "", heading_line, source))
    entries = []
    for count, (line, cells) in enumerate(rows, 1):
        if count > MOST_ROWS:
            raise ConfigFileError([Fault(line, "", f"more than {MOST_ROWS} mappings; import them in parts")])
        if place := place_of(line, names, cells, source):
            entries.append(Entry(place, read_mapping(place, FIELDS)))
    document = Document(carrier_mappings=entries)
    check_rules(document)
    check_twice(document)
    check_known(entries)
    if source.faults:
        raise ConfigFileError(source.faults)
    return entries


def decoded(body: bytes) -> str:
    """The text of a file: UTF-8, or UTF-16 with its mark. Other encodings cannot be told apart: a guess changes names.

    Raises ConfigFileError where it is another one, too large, or empty.
    """
    if len(body) > MOST_BYTES:
        raise ConfigFileError([Fault(0, "", f"is larger than {MOST_BYTES // 1_000:,} kB; import it in parts")])
    is_utf16 = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = body.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = 0 if is_utf16 else body.count(b"\n", 0, error.start) + 1
        raise ConfigFileError([Fault(line, "", 'is not UTF-8 text; save the file as "CSV UTF-8"')]) from None
    if not text.strip():
        raise ConfigFileError([Fault(0, "", "is empty")])
    return text


def rows_of(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line it begins in; blank ones, and Excel's own first line ``sep=;``, are left out."""
    first = text.lstrip().splitlines()[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=first.count), strict=True)
    line = 1
    try:
        for cells in reader:
            stripped = [unescaped(cell.strip()) for cell in cells]
            if any(stripped) and stripped[0].lower() != "sep=":
                yield line, stripped
            line = reader.line_num + 1
    except csv.Error as error:
        raise ConfigFileError([Fault(line, "", f"not valid CSV from here on: {error}")]) from None


def names_of(headings: Sequence[str], place: Place) -> list[str]:
    """The field of each column, "" where it has no heading. Raises ConfigFileError where a heading is wrong."""
    names = [heading.lower().replace(" ", "_") for heading in headings]
    for name in dict.fromkeys(filter(None, names)):
        if name not in FIELDS:
            place.wrong(f"unknown column{did_you_mean(name, FIELDS)}", name[:MOST_HEADING])
        elif names.count(name) > 1:
            place.wrong("this column is there twice", name)
    for name, field in FIELDS.items():
        if field.is_required and name not in names:
            place.wrong(f"this column is missing; expected are {', '.join(COLUMNS)}", name)
    if place.source.faults:
        raise ConfigFileError(place.source.faults)
    return names


def place_of(line: int, names: Sequence[str], cells: Sequence[str], source: Source) -> Place | None:
    """The row as the mapping that it would be in the file; None where it cannot be split into its fields.

    An empty cell is a key that is left out, but empties the extra fields.
    """
    named = dict.fromkeys(names, "") | dict(zip(names, cells, strict=False))
    without_heading = [named.pop("", ""), *cells[len(names) :]]
    place = Place(mapping_node(line, named), "", line, source)
    if any(without_heading):
        place.wrong("a cell without a heading above it; is a delimiter inside a text that is not quoted?")
        return None
    if pairs_of(named.get("extra_fields", "")) is None:
        place.wrong('a JSON object is expected, such as {"tracking_account_number": "0123"}', "extra_fields")
    return place


def mapping_node(line: int, cells: dict[str, str]) -> yaml.MappingNode:
    """As if it stood in a YAML file, in this line."""
    mark = yaml.Mark("", 0, line - 1, 0, None, 0)

    def text(value: object) -> yaml.ScalarNode:
        return yaml.ScalarNode(TEXT if isinstance(value, str) else NO_TEXT, str(value), mark, mark, style='"')

    def mapping(pairs: Iterable[tuple[str, Any]]) -> yaml.MappingNode:
        nodes = [(text(key), value if isinstance(value, yaml.Node) else text(value)) for key, value in pairs]
        return yaml.MappingNode("", nodes, mark, mark)

    filled: dict[str, Any] = {name: cell for name, cell in cells.items() if cell}
    if "extra_fields" in cells:
        filled["extra_fields"] = mapping(pairs_of(cells["extra_fields"]) or ())
    return mapping(filled.items())


def pairs_of(cell: str) -> tuple[tuple[str, Any], ...] | None:
    """Names and values of a JSON object, also those that are there twice; none for "", None where it is none."""
    try:
        found = json.loads(cell or "{}", object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, tuple) else None


def check_known(entries: Iterable[Entry]) -> None:
    """Note every key that leads nowhere. Other than the file, a CSV makes no store, channel or courier by name."""
    projects = set(Project.objects.values_list("key", flat=True))
    couriers = set(Courier.objects.values_list("slug", flat=True))
    scopes: dict[str, type[Model]] = {"store": Store, "channel": Channel}
    keys = {name: set(model.objects.values_list("project__key", "key")) for name, model in scopes.items()}
    for entry in entries:
        project = entry.get("project")
        known = {"project": projects, "courier": couriers}
        known |= {name: {key for of, key in keys[name] if of == project} for name in scopes if entry.get(name)}
        for name, among in known.items():
            key = entry.get(name)
            if key is not None and key not in among and not (name in scopes and project not in projects):
                entry.place.wrong(f"there is no {name} {key}{did_you_mean(key, among)}", name)


# ── comparing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def compare(entries: Iterable[Entry], *, lock: bool = False) -> list[Line]:
    """Each mapping of the CSV against the rows; ``lock`` holds those rows until the caller's transaction ends.

    A column that is missing leaves what stands; an empty cell empties it. Who made a mapping stays as it is.
    """
    rows = CarrierMapping.objects.select_related("project", "store", "channel", "courier")
    if lock:
        rows = rows.select_for_update(of=("self",))
    known = {identity(KIND, snapshot(row)): row for row in rows.order_by("pk")}
    lines = []
    for entry in entries:
        words = words_of(KIND, entry.values) | {"origin": str(Origin.CONSOLE)}
        number, before = None, None
        if row := known.get(identity(KIND, words)):
            number, before = row.pk, snapshot(row)
            words["origin"] = before["origin"]
            words["extra_fields"] = entry.values.get("extra_fields", before["extra_fields"])
        lines.append(Line(entry.place.line, Draft(KIND, number, words), before))
    return lines


def fingerprint(lines: Iterable[Line]) -> str:
    """Of what would be changed, from what to what: equal as long as a preview shows what an import would do."""
    changes = [(line.draft.id, line.before, line.after) for line in lines if line.is_change]
    return hashlib.sha256(json.dumps(changes, sort_keys=True).encode()).hexdigest()
