"""The control API under ``/_sandbox/``: sets up projects and accounts, plays carriers and rival writers, turns dials,
reads the journal.

No credentials and no dials apply here, and nothing of it is in the journal.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tracking.sandbox.aftership_errors import AfterShipError
from tracking.sandbox.commercetools_errors import CommercetoolsError
from tracking.sandbox.webhooks import BROKEN, Connections, webhook_headers
from tracking.sandbox.wire import Answer, Request, dump

if TYPE_CHECKING:
    from tracking.sandbox.server import Sandbox


class Control:
    """Answers control requests about one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def answer(self, request: Request) -> Answer:
        """200 with JSON; 400 with ``error`` for what makes no sense, 404 for what is not there."""
        act = self._action(request)
        if act is None:
            return Answer(404, {"error": f"no such control: {request.method} {request.path}"})
        try:
            return Answer(200, act(request))
        except (CommercetoolsError, AfterShipError) as error:
            return Answer(error.status, error.body())
        except KeyError as error:
            return Answer(404, {"error": f"not there: {error}"})
        except ValueError as error:
            return Answer(400, {"error": str(error)})

    def _action(self, request: Request) -> Callable[[Request], Any] | None:
        match [request.method, *request.segments[1:]]:
            case [_, "commercetools", *rest]:
                return self._commercetools_action(request.method, rest)
            case [_, "aftership", *rest]:
                return self._aftership_action(request.method, rest)
            case ["GET", "dials"]:
                return lambda _request: self._sandbox.dials.read()
            case ["PUT", "dials"]:
                return self._set_dials
            case ["DELETE", "dials"]:
                return self._reset_dials
            case ["GET", "journal"]:
                return self._journal
            case ["GET", "journal", "summary"]:
                return lambda _request: self._sandbox.journal.summary()
            case ["GET", "idle"]:
                return lambda _request: self._sandbox.sender.state()
            case ["POST", "reset"]:
                return self._reset
        return None

    def _commercetools_action(self, method: str, rest: list[str]) -> Callable[[Request], Any] | None:
        world = self._sandbox.commercetools.projects
        match [method, *rest]:
            case ["POST", "projects"]:
                return lambda request: world.configure(request.json()).document()
            case ["POST", "expire-tokens"]:
                return lambda _request: {"expired": self._sandbox.commercetools.expire_tokens()}
            case ["POST", key, "orders"]:
                return lambda request: world.create_order(world.project(key), request.json())
            case ["GET", key, "orders"]:
                return lambda _request: {"orders": list(world.project(key).orders.values())}
            case ["GET", key, "orders", order_id]:
                return lambda _request: world.project(key).orders[order_id]
            case ["DELETE", key, "orders", order_id]:
                return lambda _request: world.delete_order(world.project(key), order_id)
            case ["POST", key, "orders", order_id, "foreign-update"]:
                return lambda request: world.foreign_update(world.project(key), order_id, request.json()["actions"])
            case ["PUT", key, "subscriptions", which]:
                return lambda request: world.project(key).subscriptions.set_status(which, request.json()["status"])
            case ["GET", key, "messages"]:
                return lambda _request: {"messages": list(world.project(key).messages)}
        return None

    def _aftership_action(self, method: str, rest: list[str]) -> Callable[[Request], Any] | None:
        world = self._sandbox.aftership
        match [method, *rest]:
            case ["POST", "accounts"]:
                return lambda request: {"key": world.configure(request.json()).key}
            case ["GET", key, "orders"]:
                account = world.account(key)
                rows = {"orders": list(account.orders.values()), "fulfillments": list(account.fulfillments.values())}
                return lambda _request: rows
            case ["GET", key, "trackings"]:
                return lambda _request: {"trackings": [s.document for s in list(world.account(key).shipments.values())]}
            case ["POST", key, "trackings", tracking_id, "scan"]:
                return lambda request: self._scan(key, tracking_id, request.json())
            case ["POST", key, "send"]:
                return lambda request: self._send(key, request.json())
        return None

    def _scan(self, key: str, tracking_id: str, scan: dict[str, Any]) -> dict[str, Any]:
        world = self._sandbox.aftership
        document, event_id = world.scan(world.account(key), tracking_id, scan)
        return {"tracking": document, "event_id": event_id}

    def _send(self, key: str, order: dict[str, Any]) -> dict[str, Any]:
        webhook = self._sandbox.aftership.account(key).webhook
        if webhook is None:
            raise ValueError(f"the account {key} has no webhook")
        content = order["body"]
        is_raw = isinstance(content, dict) and content.keys() == {"raw_base64"}
        body = base64.b64decode(content["raw_base64"]) if is_raw else dump(content)
        headers = webhook_headers(order.get("secret", webhook["secret"]), body)
        connections = Connections()
        try:
            answers = [connections.post(webhook["url"], headers, body) for _ in range(order.get("times", 1))]
        except BROKEN as error:
            raise ValueError(f"no answer from {webhook['url']}: {error!r}") from error
        finally:
            connections.close()
        return {"statuses": [status for status, _ in answers], "answers": [_answered(*answer) for answer in answers]}

    def _set_dials(self, request: Request) -> dict[str, Any]:
        self._sandbox.dials.merge(request.json())
        return self._sandbox.dials.read()

    def _reset_dials(self, _request: Request) -> dict[str, Any]:
        self._sandbox.dials.reset()
        return self._sandbox.dials.read()

    def _journal(self, request: Request) -> dict[str, Any]:
        since = int(request.one("since") or 0)
        return {"entries": self._sandbox.journal.read(upstream=request.one("upstream") or None, since=since)}

    def _reset(self, _request: Request) -> dict[str, Any]:
        self._sandbox.reset()
        return {}


def _answered(status: int, body: bytes) -> dict[str, Any]:
    return {"status": status, "body": body.decode("utf-8", "replace")}
