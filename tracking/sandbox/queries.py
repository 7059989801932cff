"""One page of a commercetools query: where, sort, limit, offset, withTotal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tracking.sandbox.commercetools_errors import invalid_input
from tracking.sandbox.predicates import PredicateError, compile_predicate
from tracking.sandbox.wire import Request

MAX_LIMIT = 500
MAX_OFFSET = 10_000


def query_page(documents: Iterable[dict[str, Any]], request: Request) -> dict[str, Any]:
    """The page object for a query request. Raises InvalidInput for a parameter that is malformed or out of bounds."""
    limit = _whole_number(request, "limit", 20, MAX_LIMIT)
    offset = _whole_number(request, "offset", 0, MAX_OFFSET)
    found = _sorted(_matching(documents, request), request.query.get("sort", []))
    results = found[offset : offset + limit]
    page: dict[str, Any] = {"limit": limit, "offset": offset, "count": len(results)}
    if request.one("withTotal", "true") != "false":
        page["total"] = min(len(found), MAX_OFFSET) if "where" in request.query else len(found)
    return {**page, "results": results}


def _matching(documents: Iterable[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    variables = {name[4:]: values[-1] for name, values in request.query.items() if name.startswith("var.")}
    try:
        tests = [compile_predicate(text, variables) for text in request.query.get("where", [])]
    except PredicateError as error:
        raise invalid_input(f"Malformed parameter: where: {error}") from error
    return [document for document in documents if all(test(document) for test in tests)]


def _sorted(documents: list[dict[str, Any]], sorts: list[str]) -> list[dict[str, Any]]:
    for sort in reversed(sorts):
        path, _, direction = sort.strip().partition(" ")
        if not path or direction.strip() not in ("", "asc", "desc"):
            raise invalid_input(f"Malformed parameter: sort: '{sort}'")
        keyed = [(_at(document, path), document) for document in documents]
        keyed.sort(key=lambda pair: (pair[0] is not None, pair[0]), reverse=direction.strip() == "desc")
        documents = [document for _, document in keyed]
    return documents


def _at(document: dict[str, Any], path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _whole_number(request: Request, name: str, default: int, highest: int) -> int:
    text = request.one(name, str(default)) or ""
    if not text.isdecimal() or int(text) > highest:
        raise invalid_input(f"Malformed parameter: {name}: value must be between 0 and {highest}")
    return int(text)
