"""A JSON object that knows where it stands: each read checks the type and says the path when it is wrong.

Absent and null are the same: the empty value of the type. Unknown names are never looked at.
"""

from __future__ import annotations

from datetime import datetime

from tracking.payloads.errors import PayloadError
from tracking.payloads.json_text import TEXT_LIMIT, clean_text
from tracking.payloads.times import parse_utc

ID_LIMIT = 64  # commercetools ids are UUIDs
LARGEST_INTEGER = 2**63 - 1  # bigint
LARGEST_VERSION = 2**53  # what a JSON number carries everywhere without loss


class Node:
    """``Node(value, path)`` raises PayloadError unless ``value`` is a JSON object; so do the reads on a wrong type."""

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise PayloadError(path, "missing" if value is None else "not an object")
        self.value = value
        self.path = path

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def text(self, name: str, limit: int = TEXT_LIMIT) -> str:
        """Trimmed, cleaned and cut; "" when absent."""
        value = self.value.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise PayloadError(self.at(name), "not a text")
        return clean_text(value.strip(), limit)

    def required_text(self, name: str, limit: int = TEXT_LIMIT) -> str:
        return self.text(name, limit) or self.missing(name)

    def identifier(self, name: str, limit: int = ID_LIMIT) -> str:
        """Required, and never cut: a cut id is the id of something else."""
        value = self.required_text(name, limit + 1)
        if len(value) > limit:
            raise PayloadError(self.at(name), f"longer than {limit} characters")
        return value

    def integer(self, name: str, largest: int = LARGEST_INTEGER) -> int | None:
        value = self.value.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise PayloadError(self.at(name), "not a whole number")
        if abs(value) > largest:
            raise PayloadError(self.at(name), "too large")
        return value

    def boolean(self, name: str) -> bool | None:
        value = self.value.get(name)
        if value is not None and not isinstance(value, bool):
            raise PayloadError(self.at(name), "not true or false")
        return value

    def instant(self, name: str) -> datetime | None:
        """An aware UTC time; raises where there is text that is no date-time."""
        text = self.text(name)
        value = parse_utc(text)
        if text and value is None:
            raise PayloadError(self.at(name), "not a date-time")
        return value

    def child(self, name: str) -> Node:
        """The object under ``name``, an empty one when absent."""
        value = self.value.get(name)
        return Node({} if value is None else value, self.at(name))

    def required_child(self, name: str) -> Node:
        return Node(self.value.get(name), self.at(name))

    def children(self, name: str) -> list[Node]:
        """The objects of the list under ``name``, none when absent."""
        value = self.value.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise PayloadError(self.at(name), "not a list")
        return [Node(element, f"{self.at(name)}[{index}]") for index, element in enumerate(value)]

    def missing(self, name: str) -> str:
        raise PayloadError(self.at(name), "missing")
