"""An order of commercetools → AfterShip's Commerce API 2026-07. Pure.

Required there: ``source_id`` (at most 32 characters), ``number``, ``currency``, ``status``, ``order_total``, and of
each item ``source_id`` and ``quantity`` (at most 100 items).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tracking.payloads.errors import PayloadError
from tracking.payloads.reading import Node

LONGEST_ID, LONGEST_NUMBER, MOST_ITEMS = 32, 64, 100
CANCELLED, COMPLETE = "Cancelled", "Complete"


def source_id(text: str) -> str:
    """An id of ours as AfterShip takes it: a UUID without its dashes; what is longer, by its digest."""
    short = text.replace("-", "")
    return short if len(short) <= LONGEST_ID else hashlib.sha256(text.encode()).hexdigest()[:LONGEST_ID]


def order_fields(document: Mapping[str, Any], *, email: str, language: str, number: str) -> dict[str, Any]:
    """The body of ``POST /orders`` from an order document. ``email`` "" names nobody whom AfterShip could write to.

    Raises PayloadError where the order has no total.
    """
    node = Node(document, "order")
    total = node.child("totalPrice")
    currency, amount = total.text("currencyCode", 3), total.integer("centAmount")
    if not currency or amount is None:
        raise PayloadError("order.totalPrice", "missing")
    digits = total.integer("fractionDigits")
    state = node.text("orderState", 30)
    fields: dict[str, Any] = {
        "source_id": source_id(node.required_text("id", 100)),
        "number": number[:LONGEST_NUMBER],
        "currency": currency,
        "status": "canceled" if state == CANCELLED else "closed" if state == COMPLETE else "open",
        "order_total": money(amount, 2 if digits is None else digits),
        "items": [item for child in node.children("lineItems")[:MOST_ITEMS] if (item := item_fields(child))],
        "placed_at": node.text("createdAt", 40),
        "shipping_address": address_fields(node.child("shippingAddress")),
        "customer": {"emails": [email], "locale": language} if email else {},
    }
    return {name: value for name, value in fields.items() if value not in ("", [], {})}


def item_fields(node: Node) -> dict[str, Any]:
    sku = node.child("variant").text("sku", 256)
    fields = {"source_id": source_id(node.text("id", 100)), "sku": sku, "quantity": node.integer("quantity") or 0}
    return {name: value for name, value in fields.items() if value != ""}


def address_fields(node: Node) -> dict[str, str]:
    """The place alone, which the order look-up by postcode needs: no name, no street."""
    names = {"country": "country_region", "state": "state", "city": "city", "postalCode": "postal_code"}
    fields = {theirs: node.text(ours, 200) for ours, theirs in names.items()}
    return {name: value for name, value in fields.items() if value}


def money(amount: int, digits: int) -> str:
    """``1999`` with two digits → ``19.99``."""
    return f"{amount / 10**digits:.{digits}f}" if digits else str(amount)


def fulfillment_fields(*, order_id: str, parcel_id: str, items: Mapping[str, int], tracking_id: str) -> dict[str, Any]:
    """The body of ``POST /fulfillments``: one parcel, and the tracking that AfterShip follows for it."""
    fields: dict[str, Any] = {
        "order_id": order_id,
        "source_id": source_id(parcel_id),
        "items": [{"source_id": source_id(line), "quantity": number} for line, number in sorted(items.items())],
        "trackings": [{"id": tracking_id}],
    }
    return {name: value for name, value in fields.items() if value}


def digest(fields: Mapping[str, Any]) -> str:
    """The same text for the same facts, and no way back to them."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
