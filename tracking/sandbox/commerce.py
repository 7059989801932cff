"""AfterShip's Commerce API 2026-07, as far as the bridge uses it: orders and fulfilments of one store.

    POST, GET /orders   PATCH /orders/{id}   POST, GET /fulfillments   PATCH /fulfillments/{id}

As documented: ``as-store-id`` has to name the store; required fields; ids of 32 characters at most; a fulfilment's
``trackings`` refer to trackings by id, and a PATCH replaces them. Its refusals' codes are not documented: plain ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from tracking.sandbox.aftership_errors import AfterShipError, invalid, not_json, required
from tracking.sandbox.wire import Answer, Request

LONGEST_ID, MOST_ITEMS = 32, 100
ORDER_FIELDS = ("source_id", "number", "currency", "status", "order_total")
STATUSES = ("open", "closed", "canceled")
Verb = Callable[..., Answer]


def endpoint(method: str, path: list[str]) -> tuple[str, Verb | None]:
    """Name and verb of a call below ``/commerce``."""
    match [method, *path]:
        case ["POST", "2026-07", "orders"]:
            return "POST /orders", create_order
        case ["GET", "2026-07", "orders"]:
            return "GET /orders", list_orders
        case ["PATCH", "2026-07", "orders", key]:
            return "PATCH /orders/{id}", lambda request, account: change(request, account, account.orders, key)
        case ["POST", "2026-07", "fulfillments"]:
            return "POST /fulfillments", create_fulfillment
        case ["GET", "2026-07", "fulfillments"]:
            return "GET /fulfillments", list_fulfillments
        case ["PATCH", "2026-07", "fulfillments", key]:
            return "PATCH /fulfillments/{id}", lambda request, account: change(
                request, account, account.fulfillments, key
            )
    return f"{method} (unknown)", None


def create_order(request: Request, account: Any) -> Answer:
    check_store(request, account)
    fields = body_of(request)
    for name in ORDER_FIELDS:
        if not fields.get(name):
            raise required(name)
    if len(fields["source_id"]) > LONGEST_ID:
        raise invalid("source_id", f"longer than {LONGEST_ID} characters")
    if fields["status"] not in STATUSES:
        raise invalid("status", f"one of {', '.join(STATUSES)} is expected")
    check_items(fields.get("items", []))
    return made(account, account.orders, fields)


def create_fulfillment(request: Request, account: Any) -> Answer:
    check_store(request, account)
    fields = body_of(request)
    if fields.get("order_id") not in account.orders:
        raise invalid("order_id", "there is no such order")
    check_items(fields.get("items", []))
    check_trackings(account, fields)
    return made(account, account.fulfillments, fields)


def change(request: Request, account: Any, rows: dict[str, dict[str, Any]], key: str) -> Answer:
    check_store(request, account)
    fields = body_of(request)
    check_trackings(account, fields)
    with account.lock:
        if key not in rows:
            raise AfterShipError(404, "The resource does not exist.")
        rows[key] |= fields
        return Answer(200, {"meta": {"code": 20000}, "data": rows[key]}, effect="changed", subject=key)


def list_orders(request: Request, account: Any) -> Answer:
    return listed(request, account, "orders", account.orders, "source_id")


def list_fulfillments(request: Request, account: Any) -> Answer:
    return listed(request, account, "fulfillments", account.fulfillments, "order_id")


def listed(request: Request, account: Any, name: str, rows: dict[str, dict[str, Any]], by: str) -> Answer:
    check_store(request, account)
    wanted = request.one(by)
    with account.lock:
        found = [row for row in rows.values() if wanted is None or row.get(by) == wanted]
    return Answer(200, {"meta": {"code": 20000}, "data": {name: found, "pagination": {"total": len(found)}}})


def made(account: Any, rows: dict[str, dict[str, Any]], fields: dict[str, Any]) -> Answer:
    with account.lock:
        row = {"id": uuid.uuid4().hex, **fields}
        rows[row["id"]] = row
    return Answer(201, {"meta": {"code": 20100}, "data": row}, effect="created", subject=row["id"])


def check_store(request: Request, account: Any) -> None:
    if not account.store_id or request.headers.get("as-store-id") != account.store_id:
        raise AfterShipError(404, "The store could not be found.")


def check_items(items: list[dict[str, Any]]) -> None:
    if len(items) > MOST_ITEMS:
        raise invalid("items", f"more than {MOST_ITEMS}")
    for item in items:
        if not item.get("source_id") or len(item["source_id"]) > LONGEST_ID or not isinstance(item["quantity"], int):
            raise invalid("items", "each needs a source_id of at most 32 characters and a quantity")


def check_trackings(account: Any, fields: dict[str, Any]) -> None:
    for tracking in fields.get("trackings", []):
        if tracking.get("id") not in account.shipments:
            raise invalid("trackings", "refers to a tracking that does not exist")


def body_of(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except ValueError as error:
        raise not_json() from error
    if not isinstance(body, dict):
        raise AfterShipError(400, "The body has to be a JSON object.")
    return body
