"""A custom field that holds tracking numbers → what each entry says. Nothing in it can raise: it is text of others.

The field's value may be JSON text of an object or of a list of objects, plain text with one or more numbers, or a set
of texts of either kind. What cannot be read is named by where it stands, and the rest counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tracking.payloads.errors import PayloadError
from tracking.payloads.json_text import clean_text, loads
from tracking.payloads.reading import ID_LIMIT, LARGEST_INTEGER

ORDER, DELIVERY = "order", "delivery"
BETWEEN = re.compile(r"[\s,;]+")
DIGIT = re.compile(r"[0-9]")
MOST_ENTRIES = 200
NUMBER_LIMIT = CARRIER_LIMIT = 500


@dataclass(frozen=True, kw_only=True)
class TrackingSource:
    """Where a project's numbers stand beside parcels.

    ``where``: order or delivery. ``field``: the custom field. The others: keys of each object in it, and the carrier of
    numbers that come without one; "" where not given.
    """

    where: str
    field: str
    number: str = ""
    carrier: str = ""
    carrier_text: str = ""
    items: str = ""


def source_of(options: Mapping[str, str]) -> TrackingSource | None:
    """From a project's ``tracking_source``; None where numbers stand on parcels only."""
    return TrackingSource(**options) if options else None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A number and what stands beside it. ``items``: line item id → quantity."""

    number: str
    carrier: str = ""
    items: dict[str, int] = field(default_factory=dict)


def read_field(value: object, source: TrackingSource, path: str) -> tuple[list[Entry], list[PayloadError]]:
    """The entries of a field's value, and what is wrong with it, each fault with its path from ``path`` on."""
    entries: list[Entry] = []
    faults: list[PayloadError] = []
    for found in read_value(value, source, path):
        if len(entries) == MOST_ENTRIES:
            faults.append(PayloadError(path, f"more than {MOST_ENTRIES} numbers; the others are not read"))
            break
        if isinstance(found, Entry):
            entries.append(found)
        else:
            faults.append(found)
    return entries, faults


def read_value(value: object, source: TrackingSource, path: str) -> Iterator[Entry | PayloadError]:
    if value is None:
        return
    texts = value if isinstance(value, list) else [value]
    for index, text in enumerate(texts):
        here = f"{path}[{index}]" if isinstance(value, list) else path
        if isinstance(text, str):
            yield from read_text(text.strip(), source, here)
        else:
            yield PayloadError(here, "neither a text nor a set of texts")


def read_text(text: str, source: TrackingSource, path: str) -> Iterator[Entry | PayloadError]:
    """JSON where it begins like an object or a list, else numbers with commas or white space between."""
    if not text.startswith(("[", "{")):
        yield from plain_numbers(text, source, path)
        return
    try:
        document = loads(text.encode(errors="replace"))
    except PayloadError as error:
        yield PayloadError(path, error.cause)
        return
    for index, element in enumerate(document if isinstance(document, list) else [document]):
        here = f"{path}[{index}]" if isinstance(document, list) else path
        if isinstance(element, str):
            yield from plain_numbers(element, source, here)
        elif isinstance(element, dict):
            yield from read_object(element, source, here)
        else:
            yield PayloadError(here, "neither an object nor a text")


def plain_numbers(text: str, source: TrackingSource, path: str) -> Iterator[Entry | PayloadError]:
    """One entry for each word. A word without a digit is no number of any carrier, but prose."""
    for word in filter(None, BETWEEN.split(text)):
        if DIGIT.search(word):
            yield Entry(number=clean_text(word, NUMBER_LIMIT), carrier=source.carrier_text)
        else:
            yield PayloadError(path, "a word without digits is no tracking number")


def read_object(element: Mapping[str, object], source: TrackingSource, path: str) -> Iterator[Entry | PayloadError]:
    """One entry; none, and no fault, where the number is yet to come (null or blank). Faulty carriers and items are
    told, and do not cost the number."""
    if not source.number:
        yield PayloadError(path, "an object, but the project's source names no key of its number")
        return
    if source.number not in element:
        yield PayloadError(f"{path}.{source.number}", "missing")
        return
    number = digits(element[source.number])
    if not isinstance(number, str):
        yield PayloadError(f"{path}.{source.number}", "not a text")
        return
    if not number.strip():
        return
    carrier = (element.get(source.carrier) if source.carrier else None) or ""
    if not isinstance(carrier, str):
        yield PayloadError(f"{path}.{source.carrier}", "not a text")
        carrier = ""
    items = quantities(element.get(source.items) if source.items else None)
    if items is None:
        yield PayloadError(f"{path}.{source.items}", "not an object of line item ids and whole quantities")
    yield Entry(
        number=clean_text(number.strip(), NUMBER_LIMIT),
        carrier=clean_text(carrier.strip(), CARRIER_LIMIT) or source.carrier_text,
        items=items or {},
    )


def digits(number: object) -> object:
    """A whole number as its digits, nothing (null) as "", anything else as it is."""
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= LARGEST_INTEGER:
        return str(number)
    return "" if number is None else number


def quantities(items: object) -> dict[str, int] | None:
    """Line item id → quantity above 0; {} where nothing is said, None where it is said in another form."""
    if items is None:
        return {}
    if not isinstance(items, dict):
        return None
    if not all(0 < len(line) <= ID_LIMIT for line in items) or not all(map(is_quantity, items.values())):
        return None
    return {clean_text(line): quantity for line, quantity in items.items() if quantity > 0}


def is_quantity(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_INTEGER
