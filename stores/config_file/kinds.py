"""What one value of the file may be. Each kind takes a place, returns the checked value, or raises Wrong.

Secrets stand outside the file: ``{env: NAME}`` (or the file that ``NAME_FILE`` names) and ``{file: PATH}``. What stands
where a secret belongs is never repeated in a message, whatever it is.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pycountry
import yaml
from django.core.exceptions import ImproperlyConfigured

from config import env
from stores.carriers import normalise_carrier
from stores.config_file.source import Kind, Place, Wrong, children_of, did_you_mean, items_of, read
from stores.statuses import MessageKind
from stores.validators import ORIGIN
from stores.zones import is_zone

KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
SLUG = re.compile(r"[a-z0-9-]+\Z")
CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z")
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")
LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
FIELD_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
# Capitals only, so that a secret put there by mistake is not taken for a name and printed.
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*\Z")
SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "timestamp", "value")}
BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
PROJECT, DEFAULT = "project", "default"  # words for: not its own, but what holds without
# What an extra field must not change: which tracking it is.
IDENTITY = ("id", "tracking_number", "slug")


def text(limit: int) -> Kind:
    """Text as it was written, trimmed: ``no``, ``off`` and ``0123`` need no quotes."""

    def kind(place: Place) -> str:
        if not isinstance(place.node, yaml.ScalarNode) or place.node.tag not in SCALARS:
            raise Wrong("text is expected")
        value = place.node.value.strip()
        if len(value) > limit:
            raise Wrong(f"longer than {limit} characters")
        if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in value):
            raise Wrong("holds line breaks or control characters")
        return value

    return kind


def matching(pattern: re.Pattern[str], words: str, limit: int, shortest: int = 1) -> Kind:
    """Text of one form; ``words`` say which."""

    def kind(place: Place) -> str:
        value = text(limit)(place)
        if len(value) < shortest or not pattern.match(value):
            raise Wrong(words)
        return value

    return kind


def key(limit: int) -> Kind:
    return matching(KEY, f"2 to {limit} letters, digits, _ or - are expected", limit, shortest=2)


slug = matching(SLUG, "an AfterShip slug such as dhl-germany is expected (a-z, 0-9 and -)", 64)
colour = matching(COLOUR, 'a colour such as "#0b5fff" is expected, in quotes', 7)
locale = matching(LOCALE, "a language such as en or de-CH is expected", 35)


def locales(place: Place) -> list[str]:
    """Languages, the first is the default."""
    return [value for is_good, value in (read(item, locale) for item in items_of(place)) if is_good]


def several(kind: Kind, *, or_none: bool = False) -> Kind:
    """A list of one or more such values, none of them twice; with ``or_none`` also an empty one."""

    def read_all(place: Place) -> list[Any]:
        values: list[Any] = []
        for item in items_of(place):
            is_good, value = read(item, kind)
            if is_good and value in values:
                item.wrong("given twice")
            elif is_good:
                values.append(value)
        if not place.node.value and not or_none:
            raise Wrong("empty; give a value, or leave the key out")
        return values

    return read_all


def country(place: Place) -> str:
    """ISO 3166-1 alpha-2, in capitals."""
    return checked_country(text(80)(place))


def checked_country(code: str) -> str:
    if pycountry.countries.get(alpha_2=code.upper()) is None:
        raise Wrong("a country as two letters such as DE is expected (ISO 3166-1)")
    return code.upper()


def address(place: Place) -> str:
    """An http(s) address without credentials, query and fragment; a slash at its end makes no difference."""
    value = referred(place) if isinstance(place.node, yaml.MappingNode) else text(500)(place)
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_good = False
    if not is_good or parts.username is not None or parts.query or parts.fragment or len(value) > 500:
        raise Wrong("an address such as https://api.example.com is expected, without credentials and query")
    return value.rstrip("/")


def origin(place: Place) -> str:
    """What a browser calls a site: scheme, host and perhaps a port."""
    value = text(300)(place).lower()
    if not ORIGIN.match(value):
        raise Wrong("an origin such as https://shop.example.com is expected, without a path")
    return value


def choice(*allowed: str) -> Kind:
    """One of these words."""

    def kind(place: Place) -> str:
        value = text(80)(place)
        if value not in allowed:
            raise Wrong(f"{', '.join(allowed[:-1])} or {allowed[-1]} is expected{did_you_mean(value, allowed)}")
        return value

    return kind


def is_quoted(place: Place) -> bool:
    return isinstance(place.node, yaml.ScalarNode) and place.node.style is not None


def yes_no(place: Place) -> bool:
    value = text(80)(place)
    if value.lower() not in BOOLEANS or is_quoted(place):
        raise Wrong("true or false is expected")
    return BOOLEANS[value.lower()]


def clock(place: Place) -> time:
    """A time of day such as "22:00". YAML may take it for a number: the text as written counts."""
    if not CLOCK.fullmatch(value := text(80)(place)):
        raise Wrong('a time of day such as "22:00" is expected')
    return time.fromisoformat(value)


def zone(place: Place) -> str:
    """A time zone by its name; ``default`` is that of the store's first country."""
    value = str(text(64)(place))
    if value != DEFAULT and not is_zone(value):
        raise Wrong(f"a time zone such as Europe/Berlin is expected, or {DEFAULT}")
    return "" if value == DEFAULT else value


def store_mode(place: Place) -> str:
    """How a store's shipment state follows its parcels; ``project``: as its project says."""
    value = choice(PROJECT, "off", "forward", "full")(place)
    return "" if value == PROJECT else str(value)


def mails(place: Place) -> int:
    value = text(80)(place)
    if not re.fullmatch(r"[1-9][0-9]{0,5}", value) or is_quoted(place):
        raise Wrong("a whole number of mails from 1 is expected")
    return int(value)


def days(place: Place) -> int:
    value = text(80)(place)
    if not re.fullmatch(r"[0-9]{1,3}", value) or is_quoted(place) or int(value) > 365:
        raise Wrong("a whole number of days from 0 to 365 is expected")
    return int(value)


def days_by_country(place: Place) -> dict[str, int]:
    """Country → days."""
    values: dict[str, int] = {}
    for name, child in children_of(place).items():
        is_good, code = read(child, lambda _, name=name: checked_country(name))  # type: ignore[misc]
        if is_good and code in values:
            child.wrong("given twice")
        elif is_good:
            is_good, number = read(child, days)
            values |= {code: number} if is_good else {}
    return values


def senders_by_status(place: Place) -> dict[str, str]:
    """Kind of message → who tells it."""
    values: dict[str, str] = {}
    for name, child in children_of(place).items():
        is_good, kind = read(child, lambda _, name=name: checked_kind(name))  # type: ignore[misc]
        if is_good:
            is_good, sender = read(child, choice("platform", "aftership", "off"))
            values |= {kind: sender} if is_good else {}
    return values


def checked_kind(name: str) -> str:
    """A MessageKind as it is written. Raises Wrong for what is none."""
    if name not in MessageKind.values:
        raise Wrong(f"no such status; known are {', '.join(MessageKind.values)}")
    return name


def carrier(place: Place) -> str:
    """Carrier text that is more than punctuation."""
    value: str = text(200)(place)
    if not normalise_carrier(value):
        raise Wrong("a carrier's name needs letters or digits")
    return value


def extra_fields(place: Place) -> dict[str, str]:
    """AfterShip's names → text."""
    values = {}
    for name, child in children_of(place).items():
        if not FIELD_NAME.match(name) or name in IDENTITY:
            child.wrong("cannot be set here; a field of AfterShip such as tracking_account_number is expected")
            continue
        is_good, value = read(child, text(500))
        if is_good:
            values[name] = value
    return values


def secret(place: Place) -> str:
    """The secret that a reference leads to."""
    if not isinstance(place.node, yaml.MappingNode):
        raise Wrong("give a reference such as {env: NAME}, not the secret itself")
    return referred(place)


def text_or_reference(place: Place) -> str:
    """Text, or what a reference leads to; at most 255 characters."""
    value: str = referred(place) if isinstance(place.node, yaml.MappingNode) else text(255)(place)
    if len(value) > 255:
        raise Wrong("what the reference leads to is longer than 255 characters")
    return value


def secrets(place: Place) -> list[str]:
    """The current secret, and while it is being changed the previous one."""
    items = items_of(place)
    if not 1 <= len(items) <= 2:
        raise Wrong("one or two references are expected: the current secret, then the previous one")
    return [value for is_good, value in (read(item, secret) for item in items) if is_good]


def referred(place: Place) -> str:
    """What ``{env: NAME}`` or ``{file: PATH}`` leads to. Raises Wrong where it is unset, unreadable or not one line."""
    pairs = place.node.value
    if len(pairs) != 1 or pairs[0][0].value not in ("env", "file"):
        raise Wrong("give a reference, either {env: NAME} or {file: PATH}")
    child = children_of(place)[pairs[0][0].value]
    value = from_variable(child) if pairs[0][0].value == "env" else from_file(child)
    if not (value.isascii() and value.isprintable()):
        raise Wrong("what the reference leads to must be one line of plain ASCII")
    return value


def from_variable(place: Place) -> str:
    if not isinstance(place.node, yaml.ScalarNode) or not VARIABLE.match(place.node.value):
        raise Wrong("env: the name of an environment variable is expected, in capitals such as CT_CLIENT_SECRET")
    name = place.node.value
    try:
        value = env.secret(name)
    except ImproperlyConfigured as error:
        raise Wrong(str(error)) from None
    if not value:
        raise Wrong(f"the environment variable {name} is not set (nor {name}_FILE)")
    return value


def from_file(place: Place) -> str:
    """The contents of the file, trimmed. A relative path starts at the folder of the configuration file."""
    path = place.source.folder / Path(str(text(1000)(place)))
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise Wrong(f"file: cannot be read ({why}); a relative path starts beside this configuration") from None
    if not value:
        raise Wrong("file: is empty")
    return value
