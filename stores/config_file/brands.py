"""``brands`` of the file: groups of keys → the fields of the model, and what is wrong with a brand as a whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from stores import branding
from stores.brands import WIDEST_RADIUS, Brand
from stores.config_file import kinds
from stores.config_file.source import Field, Kind, Place, Wrong, children_of, read, read_mapping
from stores.pictures import BadPictureError, Picture, read_picture
from stores.validators import order_url_validator, web_validator

if TYPE_CHECKING:
    from stores.config_file.document import Entry

MOST_LEGAL = 2_000


def email(place: Place) -> str:
    value: str = kinds.text(254)(place)
    try:
        validate_email(value)
    except ValidationError:
        raise Wrong("an e-mail address is expected") from None
    return value


def web_address(place: Place) -> str:
    value: str = kinds.text(500)(place)
    try:
        web_validator(value)
    except ValidationError:
        raise Wrong("an address such as https://shop.example.com is expected") from None
    return value


def order_address(place: Place) -> str:
    value: str = kinds.text(500)(place)
    try:
        order_url_validator(value)
    except ValidationError as error:
        raise Wrong(error.messages[0].rstrip(".")) from None
    return value


def radius(place: Place) -> int:
    value: str = kinds.text(80)(place)
    if not re.fullmatch(r"[0-9]{1,2}", value) or kinds.is_quoted(place) or int(value) > WIDEST_RADIUS:
        raise Wrong(f"a whole number of pixels from 0 to {WIDEST_RADIUS} is expected")
    return int(value)


def paragraph(place: Place) -> str:
    """Text of several lines."""
    if not isinstance(place.node, yaml.ScalarNode):
        raise Wrong("text is expected")
    value = place.node.value.strip()
    if len(value) > MOST_LEGAL:
        raise Wrong(f"longer than {MOST_LEGAL} characters")
    if any(not (sign.isprintable() or sign == "\n") for sign in value):
        raise Wrong("holds control characters")
    return str(value)


def by_language(place: Place) -> dict[str, str]:
    """Language → text."""
    values: dict[str, str] = {}
    for name, child in children_of(place).items():
        if not kinds.LOCALE.match(name):
            child.wrong("a language such as en or de-CH is expected")
            continue
        is_good, value = read(child, paragraph)
        values |= {name: value} if is_good else {}
    return values


def logo(place: Place) -> Picture:
    """``{file: logo.png}``. A relative path starts at the folder of the configuration file."""
    if not isinstance(place.node, yaml.MappingNode) or [key.value for key, _ in place.node.value] != ["file"]:
        raise Wrong("give a file: {file: logo.png}")
    path = place.source.folder / Path(str(kinds.text(1000)(children_of(place)["file"])))
    try:
        return read_picture(path.read_bytes())
    except OSError as error:
        raise Wrong(f"file: cannot be read ({error.strerror}); a relative path starts beside this file") from None
    except BadPictureError as error:
        raise Wrong(f"file: is {error}") from None


def group(fields: dict[str, Kind]) -> Field:
    """A mapping of such keys."""
    return Field(lambda place: read_mapping(place, {name: Field(kind) for name, kind in fields.items()}))


GROUPS: dict[str, dict[str, Kind]] = {
    "dark": dict.fromkeys(branding.DARK, kinds.colour),
    "sender": {"name": kinds.text(200), "address": email, "reply_to": email},
    "support": {"url": web_address, "email": email, "phone": kinds.text(60)},
}
SCHEMA: dict[str, Field] = {
    "key": Field(kinds.key(64), is_required=True),
    "name": Field(kinds.text(200), is_required=True),
    "locales": Field(kinds.locales),
    **{name: Field(kinds.colour) for name in branding.LIGHT},
    "radius": Field(radius),
    "font": Field(kinds.choice(*Brand.Font.values)),
    "logo": Field(logo),
    "storefront_url": Field(web_address),
    "order_url": Field(order_address),
    "legal": Field(by_language),
    "storefront_origins": Field(kinds.several(kinds.origin)),
    **{name: group(fields) for name, fields in GROUPS.items()},
    "quiet_from": Field(kinds.clock),
    "quiet_until": Field(kinds.clock),
    "mails_per_minute": Field(kinds.mails),
    "offers_unsubscribe": Field(kinds.yes_no),
}


def flatten_brand(values: dict[str, Any]) -> None:
    """From the file's groups to the model's fields: ``sender.reply_to`` is a field of its own name."""
    for name in GROUPS:
        for key, value in (values.pop(name, None) or {}).items():
            values["reply_to" if key == "reply_to" else f"{name}_{key}"] = value


def check_brand(brand: Brand, entry: Entry) -> None:
    """Note texts that could not be read once the file's values are on the row, at the key of the file."""
    try:
        brand.clean()
    except ValidationError as error:
        for name, words in error.message_dict.items():
            key = "dark" if name.startswith("dark_") else name
            entry.place.wrong(words[0].rstrip("."), key if key in entry.names else "")
