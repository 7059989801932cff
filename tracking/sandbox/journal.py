"""The journal: every call that reached an upstream, in order, with what it did. The judge in tests.

Only the real APIs are noted, not the control API: a rival writer set off by hand is no call of ours.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tracking.sandbox.clock import millis
from tracking.sandbox.wire import Answer, Request

OWN_PREFIX = "tb_"


class Journal:
    """An append-only list of calls, numbered from 1, and a running count per upstream, method and path template."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        self._counts: Counter[str] = Counter()

    def record(
        self, upstream: str, request: Request, answer: Answer, *, endpoint: str, owner: str, dropped: bool
    ) -> None:
        """Note one call: ``endpoint`` "METHOD /path/{template}", ``owner`` the project's or account's key or ""."""
        entry = {
            "n": 0,
            "at": millis(),
            "upstream": upstream,
            "method": request.method,
            "path": request.target,
            "endpoint": endpoint,
            "status": answer.status,
            "correlation_id": request.headers.get("x-correlation-id", ""),
            "project" if upstream == "commercetools" else "account": owner,
            "subject": answer.subject,
            "effect": answer.effect,
            "error": answer.error,
            "answer_dropped": dropped,
            "changes": answer.changes,
        }
        with self._lock:
            self._entries.append(entry)
            entry["n"] = len(self._entries)
            self._counts[f"{upstream} {endpoint}"] += 1

    def read(self, *, upstream: str | None = None, since: int = 0) -> list[dict[str, Any]]:
        """Entries numbered above ``since``, of one upstream or of both."""
        with self._lock:
            entries = self._entries[since:]
        return [entry for entry in entries if upstream is None or entry["upstream"] == upstream]

    def summary(self) -> dict[str, int]:
        """How many calls per "upstream METHOD /path/{template}"."""
        with self._lock:
            return dict(self._counts)

    def clear(self) -> None:
        """Forget everything; numbering starts again at 1."""
        with self._lock:
            self._entries.clear()
            self._counts.clear()


def order_changes(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """What an update changed of our fields and the shipment state.

    Each is ``{what: "order" | "parcel", parcel_id?, name, before, after}``; absent is None.
    """
    old, new = _facts(before), _facts(after)
    changes = []
    for key in [*old, *(key for key in new if key not in old)]:
        if old.get(key) != new.get(key):
            what, parcel_id, name = key
            where = {"what": what, "parcel_id": parcel_id} if parcel_id else {"what": what}
            changes.append({**where, "name": name, "before": old.get(key), "after": new.get(key)})
    return changes


def _facts(order: dict[str, Any]) -> dict[tuple[str, str, str], Any]:
    facts: dict[tuple[str, str, str], Any] = {("order", "", "shipmentState"): order.get("shipmentState")}
    facts.update((("order", "", name), value) for name, value in _own_fields(order))
    for info in [order.get("shippingInfo"), *(entry.get("shippingInfo") for entry in order.get("shipping", ()))]:
        for delivery in (info or {}).get("deliveries", ()):
            for parcel in delivery.get("parcels", ()):
                facts.update((("parcel", parcel["id"], name), value) for name, value in _own_fields(parcel))
    return facts


def _own_fields(thing: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    fields = (thing.get("custom") or {}).get("fields", {})
    return ((name, value) for name, value in fields.items() if name.startswith(OWN_PREFIX))
