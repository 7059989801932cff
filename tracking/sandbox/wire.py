"""A request as it came in and an answer as it goes out, with what the journal wants to know about it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote


@dataclass
class Request:
    """One HTTP request. ``target`` is path and query as sent; header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @cached_property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return self.target.partition("?")[0]

    @cached_property
    def segments(self) -> list[str]:
        """The path's parts, decoded one by one (an encoded slash stays inside its part)."""
        return [unquote(part) for part in self.path.strip("/").split("/")]

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """Query parameters, blank values kept."""
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    def one(self, name: str, default: str | None = None) -> str | None:
        """The last value of a query parameter."""
        return self.query.get(name, [default])[-1]

    def json(self) -> Any:
        """The body as JSON. Raises ValueError where it is none."""
        return json.loads(self.body)


@dataclass
class Answer:
    """One HTTP answer. ``body`` is bytes as they are, else JSON, or None for nothing at all.

    ``effect`` is created, updated, no_change, deleted or None (a read, a refusal); ``changes`` the journal's before
    and after.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"
    effect: str | None = None
    subject: str = ""
    error: str = ""
    changes: list[dict[str, Any]] = field(default_factory=list)

    def payload(self) -> bytes:
        """The bytes of the body."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else dump(self.body)


def dump(document: Any) -> bytes:
    """Compact JSON in UTF-8; text that UTF-8 cannot hold (lone surrogates) goes out escaped."""
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(document, separators=(",", ":")).encode()


def copy(document: Any) -> Any:
    """A private copy of a JSON document (far quicker than copy.deepcopy)."""
    return json.loads(json.dumps(document))


def words(text: str) -> list[str]:
    """The words of a text: a list that reads like a line."""
    return text.split()
