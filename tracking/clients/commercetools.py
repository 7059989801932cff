"""commercetools' HTTP API: the order, its Types, and what the registry is imported from.

token (shared by all processes) → call → on a 401 exactly one other token and one repeat → the document. Lists are read
by keyset, never by offset: offset ends at 10,000 and shifts under writes. Facts: https://docs.commercetools.com/api.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any, Protocol
from urllib.parse import quote

from tracking.clients.errors import AccountStopped, Conflict, NotFound, Refused, RetryLater, UpstreamError
from tracking.clients.http import Answer, Http, retry_after_seconds, segment, unreadable

UPSTREAM = "commercetools"
PAGE_SIZE = 500
POLL_PAGE_SIZE = 200  # each page is one transaction
TOKEN_MARGIN = timedelta(minutes=5)
CLOCK_LAG = timedelta(seconds=60)  # a write becomes visible to queries some time after its own timestamp
TOO_BIG = frozenset({"QueryTimedOut", "ContentTooLarge"})

Position = tuple[str, str]  # of a row in a list by time: its timestamp as the upstream spelled it, and its id
Where = Callable[[Mapping[str, Any] | None], str]  # the last row read, None at the start → the predicate, "" for none


@dataclass(frozen=True)
class Token:
    """An access token and the moment (aware) it ends."""

    value: str
    expires_at: datetime

    def is_fresh(self) -> bool:
        """Good for at least five more minutes."""
        return self.expires_at - TOKEN_MARGIN > datetime.now(UTC)


@dataclass(frozen=True)
class Grant:
    """What a token allows, as commercetools names it (``manage_orders:demo``), and for how long."""

    scopes: frozenset[str]
    lifetime: timedelta


class TokenStore(Protocol):
    """Where all processes keep the project's one token."""

    def load(self) -> Token | None:
        """The newest token saved, however old, or None."""

    def save(self, token: Token) -> None:
        """Replace it."""


class CommercetoolsClient:
    """One commercetools project. Every method raises UpstreamError subclasses only.

    ``in_stores``: keys of the stores that the API client is limited to. Then all calls about orders go in-store, and
    an order of no store, or of another one, does not exist. Everything else has no in-store path: it needs scopes of
    the whole project.
    """

    def __init__(
        self,
        *,
        project_key: str,
        api_url: str,
        auth_url: str,
        client_id: str,
        client_secret: str,
        tokens: TokenStore,
        in_stores: Sequence[str] = (),
    ) -> None:
        self._api = Http(UPSTREAM, f"{api_url.rstrip('/')}/{quote(project_key, safe='')}", classify)
        self._auth = Http(UPSTREAM, auth_url, classify_auth)
        self._credentials = (client_id, client_secret)
        self._tokens = tokens
        self._in_stores = list(in_stores)

    def get_order(self, order_id: str, *, store: str = "") -> dict[str, Any]:
        """The whole order; NotFound where it was deleted. ``store``: where it was last, so that this is asked first."""
        return self._call_order("GET", f"/orders/{_segment(order_id)}", "/orders/{id}", store)

    def get_order_by_number(self, order_number: str) -> dict[str, Any]:
        """The whole order; not every order has a number."""
        path = f"/orders/order-number={_segment(order_number)}"
        return self._call_order("GET", path, "/orders/order-number={orderNumber}")

    def update_order(
        self, order_id: str, version: int, actions: list[dict[str, Any]], *, store: str = ""
    ) -> dict[str, Any]:
        """All actions (at most 500) or none; returns the whole order. Conflict unless ``version`` is the newest.

        ``store`` as for `get_order`.
        """
        body = {"version": version, "actions": actions}
        return self._call_order("POST", f"/orders/{_segment(order_id)}", "/orders/{id}", store, json=body)

    def get_type(self, type_id: str) -> dict[str, Any]:
        """The Type with its fieldDefinitions."""
        return self._call("GET", f"/types/{_segment(type_id)}", "GET /types/{id}")

    def get_type_by_key(self, key: str) -> dict[str, Any]:
        """The Type; NotFound where setup_commercetools has not made it."""
        return self._call("GET", f"/types/key={_segment(key)}", "GET /types/key={key}")

    def create_type(self, draft: dict[str, Any]) -> dict[str, Any]:
        """The new Type; Refused ``DuplicateField`` where the key is taken."""
        return self._call("POST", "/types", "POST /types", json=draft)

    def update_type(self, type_id: str, version: int, actions: list[dict[str, Any]]) -> dict[str, Any]:
        """Returns the Type. Conflict unless ``version`` is the newest."""
        return self._update(f"/types/{_segment(type_id)}", "POST /types/{id}", version, actions)

    def delete_type(self, type_id: str, version: int) -> dict[str, Any]:
        """Refused ``ReferenceExists`` while an order or parcel carries it."""
        return self._delete(f"/types/{_segment(type_id)}", "DELETE /types/{id}", version)

    def list_subscriptions(self) -> list[dict[str, Any]]:
        """All of the project (at most 50), secrets masked."""
        return list(self._scan("subscriptions"))

    def create_subscription(self, draft: dict[str, Any]) -> dict[str, Any]:
        """The new Subscription. commercetools sends a test notification first: Refused where that cannot be sent."""
        return self._call("POST", "/subscriptions", "POST /subscriptions", json=draft)

    def update_subscription(self, subscription_id: str, version: int, actions: list[dict[str, Any]]) -> dict[str, Any]:
        """Returns the Subscription. Conflict unless ``version`` is the newest."""
        path = f"/subscriptions/{_segment(subscription_id)}"
        return self._update(path, "POST /subscriptions/{id}", version, actions)

    def delete_subscription(self, subscription_id: str, version: int) -> dict[str, Any]:
        """Returns what was deleted. Conflict unless ``version`` is the newest."""
        return self._delete(f"/subscriptions/{_segment(subscription_id)}", "DELETE /subscriptions/{id}", version)

    def subscription_health(self, subscription_id: str) -> int:
        """HTTP status of the probe, which needs no token: 200 healthy, 503 may pass, 400 will not by itself.

        RetryLater where there was no answer at all.
        """
        path = f"/subscriptions/{_segment(subscription_id)}/health"
        try:
            return self._api.call("GET", path, endpoint="GET /subscriptions/{id}/health").status
        except UpstreamError as error:  # also "unreadable": no body is documented for a 200
            if error.status is None:
                raise
            return error.status

    def check_credentials(self) -> Grant:
        """A new token, shared with all processes, whatever the old one is still good for; and what it allows."""
        answer, asked_at = self._ask_for_token()
        token = _token_of(answer, asked_at)
        self._tokens.save(token)
        return Grant(frozenset(str(answer.body.get("scope") or "").split()), token.expires_at - asked_at)

    def get_project(self) -> dict[str, Any]:
        """Languages, countries, whether messages are kept."""
        return self._call("GET", "", "GET /")

    def iter_stores(self) -> Iterator[dict[str, Any]]:
        """All stores, by id."""
        return self._scan("stores")

    def iter_channels(self) -> Iterator[dict[str, Any]]:
        """All channels, by id (their key may change while we read)."""
        return self._scan("channels")

    def iter_orders(
        self, *, modified_since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[dict[str, Any]]:
        """All orders last modified from ``modified_since`` to ``until`` (aware, inclusive), oldest first.

        ``until`` is a minute ago by default. Ordered by (lastModifiedAt, id) with the compound condition: orders with
        equal timestamps across a page's end are neither lost nor repeated. An order written meanwhile moves past
        ``until`` and belongs to the next reading.
        """
        upper = f'lastModifiedAt <= "{moment(until or datetime.now(UTC) - CLOCK_LAG)}"'
        lower = f'lastModifiedAt >= "{moment(modified_since)}" and ' if modified_since else ""

        def where(last: Mapping[str, Any] | None) -> str:
            if last is None:
                return lower + upper
            at, order_id = _quoted(last, "lastModifiedAt"), _quoted(last, "id")
            return f"(lastModifiedAt > {at} or (lastModifiedAt = {at} and id > {order_id})) and {upper}"

        sort = ["lastModifiedAt asc", "id asc"]
        readings = [self._pages("orders", sort, where, prefix) for prefix in self._prefixes()]
        return readings[0] if len(readings) == 1 else heapq.merge(*readings, key=_last_change)

    def pages_of_changes(
        self, resource: str, time_field: str, after: Position, until: datetime, condition: str = ""
    ) -> Iterator[list[dict[str, Any]]]:
        """What a poll reads: rows of ``resource`` behind ``after``, up to ``until`` (aware), oldest first, in pages.

        An ``after`` without an id includes its own timestamp. Only one page is in memory. ``condition``: a predicate.
        """
        upper = f'{time_field} <= "{moment(until)}"' + (f" and {condition}" if condition else "")

        def where(last: Mapping[str, Any] | None) -> str:
            row = last if last is not None else {time_field: after[0], "id": after[1]}
            at, row_id = _quoted(row, time_field), _quoted(row, "id")
            if last is None and not after[1]:
                return f"{time_field} >= {at} and {upper}"
            return f"({time_field} > {at} or ({time_field} = {at} and id > {row_id})) and {upper}"

        sort, prefixes = [f"{time_field} asc", "id asc"], self._prefixes() if resource == "orders" else [""]
        readings = [self._lists(resource, sort, where, POLL_PAGE_SIZE, prefix) for prefix in prefixes]
        if len(readings) == 1:
            return readings[0]
        rows = heapq.merge(*(chain.from_iterable(reading) for reading in readings), key=_last_change)
        return iter(lambda: list(islice(rows, POLL_PAGE_SIZE)), [])

    def newest_orders(self, store: str, most: int) -> list[dict[str, Any]]:
        """The store's newest orders, newest first: one call for each 500."""
        prefix, found = f"/in-store/key={_segment(store)}", list[dict[str, Any]]()
        while len(found) < most:
            limit = min(PAGE_SIZE, most - len(found))
            params = {"sort": "createdAt desc", "limit": limit, "offset": len(found), "withTotal": "false"}
            rows = _rows(self._call("GET", f"{prefix}/orders", "GET /orders", params=params))
            found += rows
            if len(rows) < limit:
                break
        return found

    def get_orders(self, order_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Those of these orders that exist, in no particular order: one call for up to 500 (keep to 100 or so)."""
        listed = ", ".join(f'"{_escaped(order_id)}"' for order_id in order_ids)
        params = {"where": f"id in ({listed})", "limit": PAGE_SIZE, "withTotal": "false"}
        if not order_ids:
            return []
        pages = [self._call("GET", f"{prefix}/orders", "GET /orders", params=params) for prefix in self._prefixes()]
        return [row for page in pages for row in _rows(page)]

    def _prefixes(self, first: str = "") -> list[str]:
        """What paths of orders begin with: nothing, or one of the stores each, that of ``first`` at the front."""
        stores = sorted(self._in_stores, key=lambda store: store != first)
        return [f"/in-store/key={_segment(store)}" for store in stores] or [""]

    def _call_order(self, method: str, path: str, endpoint: str, store: str = "", **arguments: Any) -> dict[str, Any]:
        """A call about one order, in the store that has it."""
        *others, last = self._prefixes(store)
        for prefix in others:
            try:
                return self._call(method, prefix + path, f"{method} {endpoint}", **arguments)
            except NotFound:
                continue
        return self._call(method, last + path, f"{method} {endpoint}", **arguments)

    def _scan(self, resource: str) -> Iterator[dict[str, Any]]:
        return self._pages(resource, ["id asc"], lambda last: f"id > {_quoted(last, 'id')}" if last else "")

    def _pages(self, resource: str, sort: list[str], where: Where, prefix: str = "") -> Iterator[dict[str, Any]]:
        return chain.from_iterable(self._lists(resource, sort, where, PAGE_SIZE, prefix))

    def _lists(
        self, resource: str, sort: list[str], where: Where, limit: int, prefix: str
    ) -> Iterator[list[dict[str, Any]]]:
        """Page after page behind the last row read, until a short one. Where a page is too big, smaller ones."""
        condition = where(None)
        while True:
            params = {"sort": sort, "limit": limit, "withTotal": "false"} | ({"where": condition} if condition else {})
            try:
                page = self._call("GET", f"{prefix}/{resource}", f"GET /{resource}", params=params)
            except UpstreamError as error:
                if error.code not in TOO_BIG or limit == 1:
                    raise
                limit = max(limit // 5, 1)
                continue
            rows = _rows(page)
            yield rows
            if len(rows) < limit:
                return
            last_condition, condition = condition, where(rows[-1])
            if condition == last_condition:
                raise unreadable(UPSTREAM, f"Paging through {resource} does not move on.")

    def _update(self, path: str, endpoint: str, version: int, actions: list[dict[str, Any]]) -> dict[str, Any]:
        return self._call("POST", path, endpoint, json={"version": version, "actions": actions})

    def _delete(self, path: str, endpoint: str, version: int) -> dict[str, Any]:
        return self._call("DELETE", path, endpoint, params={"version": version})

    def _call(self, method: str, path: str, endpoint: str, **arguments: Any) -> dict[str, Any]:
        token = self._token()
        try:
            return self._send(token, method, path, endpoint, **arguments)
        except AccountStopped as error:
            if error.status != 401:
                raise
        return self._send(self._token(rejected=token), method, path, endpoint, **arguments)

    def _send(self, token: Token, method: str, path: str, endpoint: str, **arguments: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token.value}"}
        body: dict[str, Any] = self._api.call(method, path, endpoint=endpoint, headers=headers, **arguments).body
        return body

    def _token(self, rejected: Token | None = None) -> Token:
        """The shared token if fresh, also one that another process got after ``rejected``; else a new one, shared."""
        shared = self._tokens.load()
        if shared and shared.is_fresh() and (rejected is None or shared.value != rejected.value):
            return shared
        token = self._fetch_token()
        self._tokens.save(token)
        return token

    def _fetch_token(self) -> Token:
        return _token_of(*self._ask_for_token())

    def _ask_for_token(self) -> tuple[Answer, datetime]:
        """The answer, and when it was asked for. Without ``scope`` the token carries every scope of the client."""
        form = {"grant_type": "client_credentials"}
        asked_at = datetime.now(UTC)
        try:
            answer = self._auth.call(
                "POST", "/oauth/token", endpoint="POST /oauth/token", form=form, auth=self._credentials, is_safe=True
            )
        except Refused as error:  # nothing the auth host refuses may look like a refusal of the order
            raise AccountStopped(UPSTREAM, error.code, error.message, error.status) from error
        return answer, asked_at


def _token_of(answer: Answer, asked_at: datetime) -> Token:
    return Token(answer.body["access_token"], asked_at + timedelta(seconds=answer.body["expires_in"]))


def classify(answer: Answer) -> UpstreamError | None:
    """The error an answer of the API host means, with the code, field and words of its error envelope."""
    if answer.status < 300:
        return None
    errors = _errors(answer)
    code = str(errors[0].get("code") or answer.status)
    message = "; ".join(dict.fromkeys(str(error.get("message") or "") for error in errors))
    field = str(errors[0].get("field") or "")
    if answer.status == 409:
        version = errors[0].get("currentVersion")
        current_version = version if isinstance(version, int) else None
        return Conflict(UPSTREAM, code, message, 409, current_version=current_version)
    if answer.status in (401, 403):
        return AccountStopped(UPSTREAM, code, message, answer.status)
    if code == "QueryTimedOut" or _is_passing(answer):
        maybe_applied = answer.status in (500, 504)
        return RetryLater(
            UPSTREAM, code, message, answer.status, maybe_applied, retry_after_seconds(answer.headers), field
        )
    kind = NotFound if answer.status == 404 else Refused
    return kind(UPSTREAM, code, message, answer.status, field=field)


def classify_auth(answer: Answer) -> UpstreamError | None:
    """The error an answer of the auth host means: it passes, or the credentials do not work. Never about an order."""
    if answer.status < 300:
        value, lifetime = answer.body.get("access_token"), answer.body.get("expires_in")
        is_token = isinstance(value, str) and value and isinstance(lifetime, int) and 0 < lifetime < 10**9
        return None if is_token else unreadable(UPSTREAM, "The auth host's answer has no token.", answer.status)
    body = answer.body if isinstance(answer.body, dict) else {}
    code = str(body.get("error") or answer.status)
    message = str(body.get("error_description") or body.get("message") or f"HTTP {answer.status} from the auth host.")
    if _is_passing(answer):
        return RetryLater(UPSTREAM, code, message, answer.status, False, retry_after_seconds(answer.headers))
    return AccountStopped(UPSTREAM, code, message, answer.status)


def _is_passing(answer: Answer) -> bool:
    """Overload and outages; also a 404 that is not commercetools' own, which must never read as "the order is gone"."""
    is_foreign_404 = answer.status == 404 and not isinstance(answer.body, dict)
    return answer.status in (408, 425, 429) or answer.status >= 500 or is_foreign_404


def _errors(answer: Answer) -> list[dict[str, Any]]:
    """The envelope's errors, at least one; made up from the status where the answer has no envelope."""
    body = answer.body if isinstance(answer.body, dict) else {}
    errors = body.get("errors")
    listed = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    message = str(body.get("message") or f"HTTP {answer.status} without an error envelope.")
    return listed or [{"code": answer.status, "message": message}]


def _rows(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = page.get("results")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise unreadable(UPSTREAM, "The page has no results.")
    return rows


def _last_change(row: Mapping[str, Any]) -> tuple[str, str]:
    """What orders of several readings are merged by: times in one spelling, so that text compares as time does."""
    return str(row.get("lastModifiedAt")), str(row.get("id"))


def _quoted(row: Mapping[str, Any], name: str) -> str:
    """A value of the last row read, as a string literal of a predicate, exactly as the upstream spelled it."""
    value = row.get(name)
    if not isinstance(value, str):
        raise unreadable(UPSTREAM, f"A row of the page has no {name}.")
    return f'"{_escaped(value)}"'


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def moment(value: datetime) -> str:
    """UTC with milliseconds. ValueError for a naive datetime."""
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no offset")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _segment(value: str) -> str:
    return segment(UPSTREAM, value)
