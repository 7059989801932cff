"""AfterShip's Commerce API 2026-07: orders and fulfilments, which its order mails, order look-up and page choice need.

The same key and envelope as the Tracking API, one store per account (``as-store-id``), ten calls a second in all.
"""

from __future__ import annotations

from typing import Any

from tracking.clients.aftership import UPSTREAM, VERSION, Budget, classify
from tracking.clients.errors import UpstreamError
from tracking.clients.http import Answer, Http, segment, unreadable

ENDPOINT = "commerce"
PER_SECOND = 10.0  # of the organisation, all endpoints together


def classify_commerce(answer: Answer) -> UpstreamError | None:
    """As in the Tracking API, but for success: its codes have five digits here (``20000``)."""
    is_whole = isinstance(answer.body, dict) and isinstance(answer.body.get("data"), dict)
    return None if answer.status < 300 and is_whole else classify(answer)


class CommerceClient:
    """One AfterShip account's store. Every method raises UpstreamError, and BudgetSpent before sending."""

    def __init__(self, *, api_url: str, api_key: str, store_id: str, budget: Budget) -> None:
        self._http = Http(UPSTREAM, f"{api_url.rstrip('/')}/commerce/{VERSION}", classify_commerce)
        self._headers = {"as-api-key": api_key, "as-store-id": store_id}
        self._budget = budget

    def find_order(self, source_id: str) -> dict[str, Any] | None:
        """The store's order with our id; None where there is none."""
        data = self._call("GET", "/orders", params={"source_id": source_id})
        return self._with_source_id(data, "orders", source_id)

    def create_order(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The new order. Look for it first: a repeat is not recognised by AfterShip."""
        return self._call("POST", "/orders", json=fields)

    def update_order(self, order_id: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Change the named fields, leave the others."""
        return self._call("PATCH", f"/orders/{segment(UPSTREAM, order_id)}", json=fields)

    def find_fulfillment(self, order_id: str, source_id: str) -> dict[str, Any] | None:
        """The order's fulfilment with our id; None where there is none."""
        data = self._call("GET", "/fulfillments", params={"order_id": order_id})
        return self._with_source_id(data, "fulfillments", source_id)

    def create_fulfillment(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The new fulfilment; ``trackings`` refer to trackings by AfterShip's id."""
        return self._call("POST", "/fulfillments", json=fields)

    def update_fulfillment(self, fulfillment_id: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Change the named fields. ``trackings`` is replaced as a whole."""
        return self._call("PATCH", f"/fulfillments/{segment(UPSTREAM, fulfillment_id)}", json=fields)

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        self._budget.acquire(ENDPOINT)
        try:
            answer = self._http.call(
                method, path, endpoint=f"{method} {path.split('/')[1]}", headers=self._headers, **arguments
            )
        except UpstreamError as error:
            if error.code == "429":
                self._budget.block(ENDPOINT, error.retry_after_seconds or 1.0)
            raise
        data: dict[str, Any] = answer.body["data"]
        return data

    @staticmethod
    def _with_source_id(data: dict[str, Any], name: str, source_id: str) -> dict[str, Any] | None:
        items = data.get(name)
        if not isinstance(items, list):
            raise unreadable(UPSTREAM, f"The answer has no list of {name}.")
        return next((one for one in items if isinstance(one, dict) and one.get("source_id") == source_id), None)
