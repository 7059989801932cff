"""AfterShip's Tracking API 2026-07: one method per call, errors by ``meta.code``.

budget (raises BudgetSpent) → call → ``meta.code`` → the ``data`` of the answer. A 429 closes the endpoint's budget for
all workers until AfterShip's window resets. Facts: https://www.aftership.com/docs/tracking (quickstart, 2026-07).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from config.redaction import redact_json
from tracking.clients.errors import AccountStopped, AlreadyExists, NotFound, Refused, RetryLater, UpstreamError
from tracking.clients.http import Answer, Http, retry_after_seconds, segment, unreadable

UPSTREAM = "aftership"
VERSION = "2026-07"
PAGE_SIZE = 200

# Calls per second and organisation: https://www.aftership.com/docs/tracking/quickstart/rate-limit
RATES: dict[str, float] = {
    "POST /trackings": 20,
    "GET /trackings": 6,
    "GET /trackings/{id}": 5,
    "PUT /trackings/{id}": 5,
    "DELETE /trackings/{id}": 5,
    "POST /trackings/{id}/retrack": 5,
    "POST /trackings/{id}/mark-as-completed": 5,
    "GET /couriers": 5,
    "POST /couriers/detect": 3,
}


class Budget(Protocol):
    """The account's share of each endpoint's rate, common to all workers and hosts."""

    def acquire(self, endpoint: str) -> None:
        """Take one call; may wait a little; raises BudgetSpent where that is not enough."""

    def block(self, endpoint: str, seconds: float) -> None:
        """AfterShip said 429: nobody calls this endpoint for so long."""


@dataclass(frozen=True)
class KeyCheck:
    """``couriers``: how many are switched on in the account; ``per_second``: the rate AfterShip itself names."""

    couriers: int
    per_second: int | None


class AfterShipClient:
    """One AfterShip account. Every method raises UpstreamError subclasses only, and BudgetSpent before sending."""

    def __init__(self, *, api_url: str, api_key: str, budget: Budget) -> None:
        self._http = Http(UPSTREAM, f"{api_url.rstrip('/')}/tracking/{VERSION}", classify)
        self._headers = {"as-api-key": api_key}
        self._budget = budget

    def create_tracking(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The new tracking. With our own ``id`` in ``fields`` a repeat is harmless: AlreadyExists (4003)."""
        return self._call("POST", "/trackings", endpoint="POST /trackings", json=fields)

    def get_tracking(self, tracking_id: str) -> dict[str, Any]:
        """By AfterShip's id or our own; NotFound also after AfterShip's purge at 120 days."""
        return self._call("GET", _tracking_path(tracking_id), endpoint="GET /trackings/{id}")

    def list_trackings(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """All trackings that match, page by page to the very end, else an error.

        Filters have AfterShip's names; lists become comma lists, aware datetimes ``+00:00`` times in whole seconds.
        """
        params: dict[str, str | int] = {"limit": PAGE_SIZE, **{name: _filter(value) for name, value in filters.items()}}
        while True:
            data = self._call("GET", "/trackings", endpoint="GET /trackings", params=params)
            trackings = _objects(data, "trackings")
            yield from trackings
            pagination = data.get("pagination")
            if not isinstance(pagination, dict):
                raise unreadable(UPSTREAM, "A page of trackings does not say whether it is the last.")
            if not pagination.get("has_next_page"):
                return
            cursor = pagination.get("next_cursor")
            if not isinstance(cursor, str) or cursor in ("", params.get("cursor")):
                raise unreadable(UPSTREAM, "A page of trackings has a next page but no way to it.")
            params["cursor"] = cursor

    def count_trackings(self, **filters: Any) -> int:
        """How many trackings match: AfterShip's own total. One call, whatever the number."""
        params = {"limit": 1, **{name: _filter(value) for name, value in filters.items()}}
        data = self._call("GET", "/trackings", endpoint="GET /trackings", params=params)
        pagination = data.get("pagination")
        total = pagination.get("total") if isinstance(pagination, dict) else None
        if not isinstance(total, int):
            raise unreadable(UPSTREAM, "A page of trackings does not say how many there are.")
        return total

    def update_tracking(self, tracking_id: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Change the named fields, leave the others; returns the tracking."""
        return self._call("PUT", _tracking_path(tracking_id), endpoint="PUT /trackings/{id}", json=fields)

    def delete_tracking(self, tracking_id: str) -> dict[str, Any]:
        """Remove it; returns what was removed. A second time: NotFound."""
        return self._call("DELETE", _tracking_path(tracking_id), endpoint="DELETE /trackings/{id}")

    def retrack(self, tracking_id: str) -> dict[str, Any]:
        """Wake an expired tracking (a part of it comes back). Refused 4013: still active; 4016: no retrack left."""
        path = f"{_tracking_path(tracking_id)}/retrack"
        return self._call("POST", path, endpoint="POST /trackings/{id}/retrack")

    def mark_as_completed(
        self, tracking_id: str, *, reason: str, event_datetime: datetime | None = None
    ) -> dict[str, Any]:
        """End it by hand; ``reason`` is DELIVERED, LOST or RETURNED_TO_SENDER. Updates stop until a retrack."""
        body = {"reason": reason, **({"event_datetime": _moment(event_datetime)} if event_datetime else {})}
        path = f"{_tracking_path(tracking_id)}/mark-as-completed"
        return self._call("POST", path, endpoint="POST /trackings/{id}/mark-as-completed", json=body)

    def list_couriers(self, *, active: bool | None = None, slugs: Sequence[str] = ()) -> list[dict[str, Any]]:
        """All couriers with their required fields; ``active=True``: only those switched on in the account."""
        params: dict[str, str | int] = {} if active is None else {"active": _filter(active)}
        if slugs:
            params["slug"] = _filter(slugs)
        return _objects(self._call("GET", "/couriers", endpoint="GET /couriers", params=params), "couriers")

    def check_key(self) -> KeyCheck:
        """One cheap call that shows whether the key works. AccountStopped where it does not."""
        answer = self._ask("GET", "/couriers", endpoint="GET /couriers", params={"active": _filter(True)})
        limit = str(answer.headers.get("X-RateLimit-Limit") or "")
        couriers = len(_objects(answer.body["data"], "couriers"))
        return KeyCheck(couriers, int(limit) if limit.isdecimal() else None)

    def detect_couriers(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        """Couriers whose numbers look like ``tracking_number``: hints, often many, sometimes none."""
        data = self._call("POST", "/couriers/detect", endpoint="POST /couriers/detect", json=fields, is_safe=True)
        return _objects(data, "couriers")

    def _call(self, method: str, path: str, *, endpoint: str, **arguments: Any) -> dict[str, Any]:
        data: dict[str, Any] = self._ask(method, path, endpoint=endpoint, **arguments).body["data"]
        return data

    def _ask(self, method: str, path: str, *, endpoint: str, **arguments: Any) -> Answer:
        self._budget.acquire(endpoint)
        try:
            return self._http.call(method, path, endpoint=endpoint, headers=self._headers, **arguments)
        except RetryLater as error:
            if error.code == "429":
                self._budget.block(endpoint, error.retry_after_seconds or 1.0)
            raise


def classify(answer: Answer) -> UpstreamError | None:
    """The error an answer means. ``meta.code`` decides, the HTTP status only where there is none (4004 is a 404)."""
    meta = answer.body.get("meta") if isinstance(answer.body, dict) else None
    meta = meta if isinstance(meta, dict) else {}
    code = meta["code"] if isinstance(meta.get("code"), int) else answer.status
    if 200 <= code < 300 and answer.status < 300:
        is_whole = isinstance(answer.body.get("data"), dict)
        return None if is_whole else unreadable(UPSTREAM, "The answer has no data.", answer.status)
    message = _message(meta, answer)
    if 429 in (code, answer.status):
        wait = max(retry_after_seconds(answer.headers) or 0.0, 1.0)  # its windows are one second
        return RetryLater(UPSTREAM, "429", message, answer.status, retry_after_seconds=wait)
    if answer.status >= 500 or 500 <= code < 600 or (answer.status == 404 and not meta) or answer.status in (408, 425):
        wait_wish = retry_after_seconds(answer.headers) if "Retry-After" in answer.headers else None
        return RetryLater(UPSTREAM, str(code), message, answer.status, True, wait_wish)
    if code in (401, 403) or answer.status in (401, 403):
        return AccountStopped(UPSTREAM, str(code), message, answer.status)
    kinds = {4003: AlreadyExists, 4004: NotFound, 404: NotFound}
    return kinds.get(code, Refused)(UPSTREAM, str(code), message, answer.status)


def _message(meta: Mapping[str, Any], answer: Answer) -> str:
    if not meta:
        return f"HTTP {answer.status} without AfterShip's envelope."
    message = str(meta.get("message") or meta.get("type") or f"HTTP {answer.status}")
    return f"{message} {redact_json(meta['errors'], limit=500)}" if meta.get("errors") else message


def _tracking_path(tracking_id: str) -> str:
    return f"/trackings/{segment(UPSTREAM, tracking_id)}"


def _objects(data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    items = data.get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise unreadable(UPSTREAM, f"The answer has no list of {name}.")
    return items


def _filter(value: Any) -> str | int:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(str(item) for item in value)
    return value if isinstance(value, int) else str(value)


def _moment(value: datetime) -> str:
    """AfterShip's filters allow no ``Z`` and no minus offset. ValueError for a naive datetime."""
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no offset")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
