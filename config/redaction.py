"""What never reaches a log line or a stored excerpt: secrets, and the personal data of shoppers.

Two nets, one after the other: values are hidden by the name of their key (``[secret]``, ``[personal]``), whole
addresses and customer lists at once; then every remaining text is searched for e-mail addresses, tokens and
``key=value`` pairs. What cannot be walked becomes ``[unreadable]``. Better to hide too much: nobody debugs with a
shopper's street.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from datetime import date, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import PurePath
from typing import Any
from uuid import UUID

SECRET = "[secret]"  # noqa: S105 the mask itself
PERSONAL = "[personal]"
UNREADABLE = "[unreadable]"
CUT = "…"
DEPTH = 40

# Keys are compared in lower case without punctuation: "as-api-key" is "asapikey".
SECRET_PARTS = (
    *("authorization", "apikey", "accesskey", "privatekey", "encryptionkey", "secret", "token", "password", "passwd"),
    *("cookie", "signature", "credential", "connectionstring"),
    *("trackingkey", "accountnumber"),  # AfterShip: what a carrier asks for as a log-in
)
PERSONAL_PARTS = (
    *("email", "phone", "mobile", "smses", "firstname", "lastname", "middlename", "fullname", "customername"),
    *("street", "address", "signedby", "dateofbirth", "proofofdelivery", "customernote"),
    *("destinationcity", "destinationstate", "destinationpostalcode", "destinationrawlocation"),
    *("tbmessage", "tblocation"),  # carriers' own words, as we write them: "handed to A. Muster"
)
PERSONAL_NAMES = frozenset(
    {"customers", "customer", "recipient", "contact", "keyword", "note", "pobox", "building", "apartment"}
    | {"salutation", "fax", "vatid"}
)
# A checkpoint's free text is the carrier's own words ("handed to A. Muster"); elsewhere these keys tell of errors.
CHECKPOINT_MARK, CHECKPOINT_WORDS = "checkpoint_time", ("message", "location")
# Only where the structure is lost (broken JSON), so that nobody can tell a shopper's name from a field's.
LOOSE_NAMES = frozenset({"name", "city", "postalcode", "zip", "company", "title", *CHECKPOINT_WORDS})

_WORD = r"[^\s\"'<>@,;:=&?()\[\]{}\\]"
_EMAIL = re.compile(rf"(?<!{_WORD}){_WORD}+(?:@|%40|\\+u0040){_WORD}+")
_HEADER = re.compile(r"(?im)\b((?:proxy-)?authorization|(?:set-)?cookie)\s*:\s*[^\r\n\"']+")
_TOKEN = re.compile(r"(?i)\b(bearer\s+|basic\s+(?=[a-z0-9+/]{8}))[a-z0-9._~+/=-]+")
_KEY = re.compile(r"asat_[A-Za-z0-9_-]+|(?<![\w-])eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")
_ROW = re.compile(r"(?m)\bDETAIL:[^\r\n]*")  # PostgreSQL shows the values of the row that it refused
_OPAQUE = re.compile(r"[A-Za-z0-9+/]{100,}={0,2}")  # base64 may wrap anything
_NAMED = re.compile(r"""(?P<key>[A-Za-z][\w.%\[\]-]{1,60})\\*["']?\s*[:=]\s*""")
_VALUE = re.compile(
    r"""\\+".*?(?:\\+"|\Z) | "(?:[^"\\]|\\.)*(?:"|\Z) | '(?:[^'\\]|\\.)*(?:'|\Z)
        | [\[{][^\]}]*[\]}]? | [^\s,;&}\])"']+""",
    re.DOTALL | re.VERBOSE,
)
_LINK = re.compile(r"(/(?:track|go)/)[\w-]{30,}")  # whoever has a shopper's link sees the order
_SUSPECT = re.compile(r"[@=:]|%40|u0040|asat_|eyJ|/track/|/go/|[A-Za-z0-9+/]{100}|(?i:bearer|basic)")
_CUT_MARGIN = 256  # longer than a half address or key that a cut may leave at the end


def redact_json(value_or_text: Any, limit: int = 2000) -> str:
    """A JSON value, JSON text, broken JSON or a query string → text of at most ``limit`` characters, safe to keep.

    The text can be stored in PostgreSQL (no NUL, no lone surrogates). Never raises for what it is given.
    """
    value = value_or_text
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", "replace")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return _shortened(_redact_long_text(value, limit, loose=True), limit)
    walked = _Walk(room=limit).value(value)
    return _shortened(_storable(json.dumps(walked, ensure_ascii=False)), limit)


def redact_text(text: str) -> str:
    """The text with e-mail addresses, tokens, keys and the values of telling ``key=value`` pairs hidden; not cut."""
    return _redact(text, loose=False)


def redact_value(value: Any) -> Any:
    """The same value, walked: dicts, lists and plain values only, everything telling hidden."""
    return _Walk(room=100_000).value(value)


def redact_event(logger: Any, method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor. Stands after ``format_exc_info`` (so that traces are text by then) and before the renderer.

    structlog's own entries (``_record``, ``exc_info``) stay as they are: it needs the objects and never renders them.
    """
    walk = _Walk(room=100_000)
    for key, value in event_dict.items():
        if not key.startswith("_") and key != "exc_info":
            event_dict[key] = walk.entry(key, value, ())
    return event_dict


class _Walk:
    """One walk over one value. ``room`` is how many characters anybody will look at: past it the rest is cut unread."""

    def __init__(self, room: int) -> None:
        self.room = room

    def value(self, value: Any, parents: tuple[int, ...] = ()) -> Any:
        if self.room <= 0:
            return CUT
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            if id(value) in parents or len(parents) >= DEPTH:
                return UNREADABLE
            parents = (*parents, id(value))
            return self._mapping(value, parents) if isinstance(value, Mapping) else self._sequence(value, parents)
        leaf = self._leaf(value)
        self.room -= len(str(leaf))
        return leaf

    def entry(self, key: str, value: Any, parents: tuple[int, ...]) -> Any:
        mask = _mask_for(key)
        if mask and value not in (None, ""):
            return mask
        return self.value(value, parents)

    def _mapping(self, value: Mapping[Any, Any], parents: tuple[int, ...]) -> dict[str, Any]:
        walked: dict[str, Any] = {}
        masks = _masks_by_neighbours(value)
        for key, inner in value.items():
            if self.room <= 0:
                walked[CUT] = CUT
                break
            name = str(key) if isinstance(key, str | int) else UNREADABLE
            self.room -= len(name) + 4
            hides = name in masks and inner not in (None, "")
            walked[redact_text(name)] = masks[name] if hides else self.entry(name, inner, parents)
        return walked

    def _sequence(self, value: Any, parents: tuple[int, ...]) -> list[Any]:
        walked: list[Any] = []
        for inner in value:
            if self.room <= 0:
                walked.append(CUT)
                break
            self.room -= 2
            walked.append(self.value(inner, parents))
        return walked

    def _leaf(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, bytes | bytearray):
            value = bytes(value).decode("utf-8", "replace")
        if isinstance(value, str):
            return _redact_long_text(value, self.room, loose=False)
        if isinstance(value, date | time | timedelta | UUID | Decimal | PurePath):
            return redact_text(str(value))
        if isinstance(value, Exception):
            return redact_text(f"{type(value).__name__}: {value}")
        return UNREADABLE


@lru_cache(maxsize=4096)  # the same few keys stand on every line
def _mask_for(key: str, *, loose: bool = False) -> str:
    name = re.sub(r"[^a-z0-9]", "", key.lower())
    if any(part in name for part in SECRET_PARTS):
        return SECRET
    if name in PERSONAL_NAMES or any(part in name for part in PERSONAL_PARTS) or (loose and name in LOOSE_NAMES):
        return PERSONAL
    return ""


def _masks_by_neighbours(value: Mapping[Any, Any]) -> dict[str, str]:
    """Keys that tell nothing by themselves: what ``{"name": "tb_message", "value": …}`` names, a checkpoint's words."""
    if CHECKPOINT_MARK in value:
        return dict.fromkeys(CHECKPOINT_WORDS, PERSONAL)
    name = value.get("name")
    mask = _mask_for(name) if isinstance(name, str) and "value" in value else ""
    return {"value": mask} if mask else {}


def _redact(text: str, *, loose: bool) -> str:
    if not _SUSPECT.search(text):
        return _storable(text)
    text = _HEADER.sub(rf"\1: {SECRET}", text)
    text = _TOKEN.sub(rf"\1{SECRET}", text)
    text = _KEY.sub(SECRET, text)
    text = _LINK.sub(rf"\1{SECRET}", text)
    text = _EMAIL.sub(PERSONAL, text)
    text = _ROW.sub(f"DETAIL: {PERSONAL}", text)
    text = _OPAQUE.sub("[opaque]", text)
    return _storable(_hide_named_values(text, loose=loose))


def _hide_named_values(text: str, *, loose: bool) -> str:
    """``key=value``, ``"key": "value"`` and the like. A harmless key does not hide its value: more may be inside."""
    parts, done = [], 0
    for named in _NAMED.finditer(text):
        mask = _mask_for(named["key"], loose=loose) if named.start() >= done else ""
        if mask and (value := _VALUE.match(text, named.end())):
            parts += [text[done : named.end()], mask]
            done = value.end()
    return "".join([*parts, text[done:]])


def _redact_long_text(text: str, room: int, *, loose: bool) -> str:
    if len(text) <= 4 * room + _CUT_MARGIN:
        return _redact(text, loose=loose)
    return _redact(text[: 4 * room + _CUT_MARGIN], loose=loose)[:-_CUT_MARGIN] + CUT


def _storable(text: str) -> str:
    return text.replace("\x00", "␀").encode("utf-8", "replace").decode("utf-8")


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + CUT
