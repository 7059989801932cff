"""Bytes → JSON, strictly, and text that the database can hold."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from tracking.payloads.errors import PayloadError

TEXT_LIMIT = 1_000

SURROGATE = re.compile("[\ud800-\udfff]")
WHITE_SPACE = re.compile(r"[ \t\n\r]*")  # JSON's own four, nothing else


def loads(raw: bytes) -> Any:
    """The JSON value in ``raw``. UTF-8 only, no NaN, no Infinity (``1e999`` neither); else PayloadError at the root."""
    try:
        return STRICT.decode(raw.decode())
    except RecursionError:
        raise PayloadError("", "nested too deeply") from None
    except ValueError as error:
        raise PayloadError("", f"not JSON: {error}") from None


def split_list(raw: bytes) -> list[bytes]:
    """The elements of a top-level JSON array, each exactly as it stands in ``raw`` (so that a digest of it is stable).

    Raises PayloadError where ``raw`` is not JSON or not an array.
    """
    if not isinstance(loads(raw), list):
        raise PayloadError("", "not a list")
    text = raw.decode()
    at = skip_white_space(text, text.index("[") + 1)
    elements = []
    while text[at] != "]":
        _, end = STRICT.raw_decode(text, at)
        elements.append(text[at:end].encode())
        at = skip_white_space(text, end)
        if text[at] == ",":
            at = skip_white_space(text, at + 1)
    return elements


def member(raw: bytes, name: str) -> bytes:
    """The value of a key of a top-level JSON object, exactly as it stands in ``raw``; of a key given twice, the last.

    Raises PayloadError where ``raw`` is not JSON, not an object, or has no such key.
    """
    if not isinstance(loads(raw), dict):
        raise PayloadError("", "not an object")
    text, found = raw.decode(), None
    at = skip_white_space(text, text.index("{") + 1)
    while text[at] != "}":
        key, end = STRICT.raw_decode(text, at)
        start = skip_white_space(text, skip_white_space(text, end) + 1)
        _, end = STRICT.raw_decode(text, start)
        if key == name:
            found = text[start:end]
        at = skip_white_space(text, end)
        if text[at] == ",":
            at = skip_white_space(text, at + 1)
    if found is None:
        raise PayloadError(name, "missing")
    return found.encode()


def clean_text(value: str, limit: int | None = TEXT_LIMIT) -> str:
    """``value`` as PostgreSQL can hold it: NUL → U+2400, lone surrogates → U+FFFD, cut to ``limit`` characters."""
    if not value.isascii():
        value = SURROGATE.sub("\ufffd", value)
    return value.replace("\0", "\u2400")[:limit]


def skip_white_space(text: str, at: int) -> int:
    found = WHITE_SPACE.match(text, at)
    return found.end() if found else at


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is too large")
    return number


STRICT = json.JSONDecoder(parse_constant=refuse_constant, parse_float=finite)
