"""commercetools over HTTP: token, route and scope, then the project's answer.

    answer() > _endpoint (which call is this?) > _authorize (token, scope) > one _verb method > Answer

What a project holds and how it changes stands in projects.py.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tracking.sandbox import commercetools_errors as errors
from tracking.sandbox import orders, subscriptions
from tracking.sandbox.commercetools_errors import CommercetoolsError
from tracking.sandbox.dials import Dials
from tracking.sandbox.journal import order_changes
from tracking.sandbox.projects import Project, Projects
from tracking.sandbox.queries import query_page
from tracking.sandbox.webhooks import Sender
from tracking.sandbox.wire import Answer, Request, dump

FAULT_CODES = {400: "QueryTimedOut", 403: "insufficient_scope", 404: "ResourceNotFound", 409: "ConcurrentModification"}
FAULT_CODES |= {500: "General", 502: "BadGateway", 503: "OverCapacity", 504: "GatewayTimeout"}
HTML = b"<html><head><title>Error</title></head><body><h1>The server is having a bad time</h1></body></html>"


@dataclass
class Token:
    """What an access token allows, and until when (monotonic seconds)."""

    client_id: str
    scopes: frozenset[str]
    ends_at: float


@dataclass
class Endpoint:
    """Which call a request is: its template, the scopes of which one is needed, and who answers."""

    template: str
    scopes: tuple[str, ...]
    verb: Callable[..., Answer]
    values: dict[str, Any] = field(default_factory=dict)


class Commercetools:
    """All projects of the sandbox. ``answer`` serves the real API, the other public methods the control API."""

    name = "commercetools"

    def __init__(self, sender: Sender, dials: Dials) -> None:
        self._dials = dials
        self.projects = Projects(sender, dials)
        self._tokens: dict[str, Token] = {}

    # -- the real API

    def answer(self, request: Request) -> Answer:
        """The answer to one call; refusals come in commercetools' own envelope."""
        try:
            answer = self._answer(request)
        except CommercetoolsError as error:
            answer = Answer(error.status, error.body(), error=error.code)
        answer.headers["X-Correlation-ID"] = request.headers.get("x-correlation-id") or f"sandbox-{uuid.uuid4()}"
        if request.method == "HEAD":
            answer.body = None
        return answer

    def spoiled(self, request: Request, rule: dict[str, Any]) -> Answer:
        """The answer a ``fail`` rule asks for, in the form a call of this kind would get."""
        status = rule.get("status", 503)
        headers = {"X-Correlation-ID": request.headers.get("x-correlation-id", ""), **rule.get("headers", {})}
        if rule.get("body") == "html":
            return Answer(status, HTML, headers, "text/html", error="html")
        error = errors.invalid_token() if status == 401 else None
        code = FAULT_CODES.get(status, "General")
        error = error or CommercetoolsError(status, code, f"The sandbox was told to answer {status}.")
        return Answer(status, error.body(), headers, error=error.code)

    def owner(self, request: Request) -> str:
        """The project's key a call is about, "" for a token call or an unknown project."""
        key = request.segments[0]
        return key if key in self.projects.by_key else ""

    def template(self, request: Request) -> str:
        """ "METHOD /path/{template}" of a call."""
        endpoint = self._endpoint(request)
        return f"{request.method} {endpoint.template if endpoint else '(unknown)'}"

    def _answer(self, request: Request) -> Answer:
        if request.segments == ["oauth", "token"] and request.method == "POST":
            return self._grant(request)
        endpoint = self._endpoint(request)
        if endpoint is not None and endpoint.verb == self._probe_subscription:
            return self._probe_subscription(request, **endpoint.values)
        token = self._token(request)
        if endpoint is None:
            raise CommercetoolsError(404, "ResourceNotFound", f"The path '{request.path}' is not known.")
        key = request.segments[0]
        self._authorize(token, key, endpoint)
        project = self.projects.by_key.get(key)
        if project is None:
            raise errors.not_found(f"key '{key}'")
        return endpoint.verb(request, project, token, **endpoint.values)

    def _endpoint(self, request: Request) -> Endpoint | None:
        method, rest = request.method, request.segments[1:]
        if request.segments == ["oauth", "token"]:
            return Endpoint("/oauth/token", (), self._grant)
        prefix, store = "/{projectKey}", None
        if len(rest) > 1 and rest[0] == "in-store" and rest[1].startswith("key="):
            prefix, store, rest = "/{projectKey}/in-store/key={storeKey}", rest[1][4:], rest[2:]
        endpoint = self._order_endpoint(method, rest, store) if rest[:1] == ["orders"] else None
        if endpoint is None and store is None:
            endpoint = self._other_endpoint(method, request.segments[0], rest)
        if endpoint is not None:
            endpoint.template = prefix + endpoint.template
        return endpoint

    def _order_endpoint(self, method: str, rest: list[str], store: str | None) -> Endpoint | None:
        read, write = ("view_orders", "manage_orders"), ("manage_orders",)
        match [method, *rest]:
            case ["GET" | "HEAD", "orders"]:
                return Endpoint("/orders", read, self._query_orders, {"store": store})
            case ["POST", "orders", "import"]:
                return Endpoint("/orders/import", write, self._import_order)
            case ["GET" | "HEAD" | "POST" | "DELETE", "orders", which]:
                by_number = which.startswith("order-number=")
                template = "/orders/order-number={orderNumber}" if by_number else "/orders/{id}"
                identity = {"number": which[13:]} if by_number else {"order_id": which}
                verbs: dict[str, Callable[..., Answer]] = {"POST": self._update_order, "DELETE": self._delete_order}
                verb, scopes = verbs.get(method, self._read_order), write if method in verbs else read
                return Endpoint(template, scopes, verb, {"store": store, "identity": identity})
        return None

    def _other_endpoint(self, method: str, project_key: str, rest: list[str]) -> Endpoint | None:
        match [method, *rest]:
            case ["GET"]:
                return Endpoint("", ("view_project_settings", "manage_project_settings"), self._read_project)
            case ["POST"]:
                return Endpoint("", ("manage_project_settings",), self._update_project)
            case ["GET", "types"]:
                return Endpoint("/types", ("view_types", "manage_types"), self._query_types)
            case ["POST", "types"]:
                return Endpoint("/types", ("manage_types",), self._create_type)
            case ["GET" | "POST" | "DELETE", "types", which]:
                verb = {"GET": self._read_type, "POST": self._update_type, "DELETE": self._delete_type}[method]
                scopes = ("view_types", "manage_types") if method == "GET" else ("manage_types",)
                return Endpoint(_template("/types", which), scopes, verb, {"identity": _identity(which)})
            case ["GET", "stores" | "channels" as kind, *which] if len(which) < 2:
                scopes = {"stores": ("view_stores", "manage_stores")}.get(kind, ("view_channels", "view_products"))
                values: dict[str, Any] = {"kind": kind, "identity": _identity(which[0]) if which else None}
                return Endpoint(_template(f"/{kind}", *which), scopes, self._read_registry, values)
            case ["GET" | "POST", "subscriptions"]:
                verb = self._query_subscriptions if method == "GET" else self._create_subscription
                return Endpoint("/subscriptions", ("manage_subscriptions",), verb)
            case ["GET", "subscriptions", which, "health"]:
                values = {"project_key": project_key, "identity": _identity(which)}
                return Endpoint("/subscriptions/{id}/health", (), self._probe_subscription, values)
            case ["GET" | "POST" | "DELETE", "subscriptions", which]:
                verb = {
                    "GET": self._read_subscription,
                    "POST": self._update_subscription,
                    "DELETE": self._delete_subscription,
                }[method]
                values = {"identity": _identity(which)}
                return Endpoint(_template("/subscriptions", which), ("manage_subscriptions",), verb, values)
            case ["GET", "messages"]:
                return Endpoint("/messages", ("view_messages", "view_orders"), self._query_messages)
            case ["GET", "messages", message_id]:
                values = {"message_id": message_id}
                return Endpoint("/messages/{id}", ("view_messages", "view_orders"), self._read_message, values)
        return None

    # -- tokens and scopes

    def _grant(self, request: Request) -> Answer:
        client_id, client_secret = _basic(request.headers.get("authorization", ""))
        projects = [
            p for p in self.projects.by_key.values() if (p.client_id, p.client_secret) == (client_id, client_secret)
        ]
        if not client_id or not projects:
            message = "Please provide valid client credentials using HTTP Basic Authentication."
            raise CommercetoolsError(401, "invalid_client", message)
        form = {**parse_qs(request.body.decode("latin-1")), **request.query}
        if form.get("grant_type") != ["client_credentials"]:
            raise CommercetoolsError(400, "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}")
        granted = [scope for project in projects for scope in project.scope.split()]
        asked = form.get("scope", [""])[0].split() or granted
        if missing := [scope for scope in asked if scope not in granted]:
            raise CommercetoolsError(400, "invalid_scope", f"The scope '{missing[0]}' is not granted to the client.")
        seconds = min(project.token_seconds for project in projects)
        value = secrets.token_urlsafe(24)
        self._tokens[value] = Token(client_id, frozenset(asked), time.monotonic() + seconds)
        scope = " ".join(asked)
        return Answer(200, {"access_token": value, "token_type": "Bearer", "expires_in": int(seconds), "scope": scope})

    def _token(self, request: Request) -> Token:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        token = self._tokens.get(value) if kind == "Bearer" else None
        if token is None or token.ends_at <= time.monotonic():
            raise errors.invalid_token()
        return token

    def _authorize(self, token: Token, project_key: str, endpoint: Endpoint) -> None:
        store = endpoint.values.get("store")
        enough = {f"manage_project:{project_key}", *(f"{name}:{project_key}" for name in endpoint.scopes)}
        enough |= {f"{name}:{project_key}:{store}" for name in endpoint.scopes if store}
        if not enough & token.scopes:
            message = f"Insufficient scope. One of the following scopes is missing: {', '.join(sorted(enough))}."
            raise CommercetoolsError(403, "insufficient_scope", message)

    # -- orders

    def _read_order(self, _request: Request, project: Project, _token: Token, **which: Any) -> Answer:
        order = project.order(**which)
        return Answer(200, order, subject=order["id"])

    def _query_orders(self, request: Request, project: Project, _token: Token, store: str | None) -> Answer:
        found: Iterable[dict[str, Any]] = list(project.orders.values())
        if store is not None:
            found = [order for order in found if order.get("store", {}).get("key") == store]
        return Answer(200, query_page(found, request))

    def _import_order(self, request: Request, project: Project, token: Token) -> Answer:
        draft = _json_object(request)
        orders.check_import(draft)
        store = draft.get("store")
        if store and store.get("key") not in project.stores:
            raise errors.reference_not_found("store", store)
        order = self.projects.add_order(project, {**draft, "origin": "Merchant"}, "OrderImported", token.client_id)
        return Answer(201, order, effect="created", subject=order["id"])

    def _update_order(self, request: Request, project: Project, token: Token, **which: Any) -> Answer:
        body = _json_object(request)
        version, actions = body.get("version"), body.get("actions")
        if not isinstance(version, int) or isinstance(version, bool):
            raise errors.invalid_json("version: Missing required value")
        if not isinstance(actions, list):
            raise errors.invalid_json("actions: Missing required value")
        if self._dials.happens("commercetools", "rival_rate"):
            self.projects.rival_write(project, project.order(**which))
        before, after = self.projects.change_order(project, which, version, actions, token.client_id)
        effect = "no_change" if before is after else "updated"
        changes = [] if before is after else order_changes(before, after)
        return Answer(200, after, effect=effect, subject=after["id"], changes=changes)

    def _delete_order(self, request: Request, project: Project, _token: Token, **which: Any) -> Answer:
        version = request.one("version") or ""
        if not version.isdecimal():
            raise errors.invalid_input("Malformed parameter: version: Missing required value")
        with project.lock:
            order = project.order(**which)
            if order["version"] != int(version):
                raise errors.concurrent_modification(order["id"], int(version), order["version"])
            self.projects.delete_order(project, order["id"])
        return Answer(200, order, effect="deleted", subject=order["id"])

    # -- Types, stores, channels, messages, the project

    def _query_types(self, request: Request, project: Project, _token: Token) -> Answer:
        return Answer(200, query_page(list(project.types.by_id.values()), request))

    def _create_type(self, request: Request, project: Project, _token: Token) -> Answer:
        with project.lock:
            document = project.types.create(_json_object(request))
        return Answer(201, document, effect="created", subject=document["key"])

    def _read_type(self, _request: Request, project: Project, _token: Token, identity: dict[str, str]) -> Answer:
        return Answer(200, _type(project, identity))

    def _update_type(self, request: Request, project: Project, _token: Token, identity: dict[str, str]) -> Answer:
        body = _json_object(request)
        if not isinstance(body.get("version"), int) or not isinstance(body.get("actions"), list):
            raise errors.invalid_json("version: Missing required value")
        with project.lock:
            before = _type(project, identity)
            if before["version"] != body["version"]:
                raise errors.concurrent_modification(before["id"], body["version"], before["version"])
            after = project.types.update(before, body["actions"])
        effect = "updated" if after["version"] != before["version"] else "no_change"
        return Answer(200, after, effect=effect, subject=after["key"])

    def _delete_type(self, request: Request, project: Project, _token: Token, identity: dict[str, str]) -> Answer:
        with project.lock:
            document = _type(project, identity)
            if request.one("version") != str(document["version"]):
                raise errors.concurrent_modification(
                    document["id"], int(request.one("version") or 0), document["version"]
                )
            if any(document["id"].encode() in dump(order) for order in project.orders.values()):
                message = (
                    f"Can not delete a type while it is referenced by at least one 'order'. Type: {document['key']}"
                )
                raise CommercetoolsError(400, "ReferenceExists", message, referencedBy="order")
            del project.types.by_id[document["id"]]
        return Answer(200, document, effect="deleted", subject=document["key"])

    def _read_registry(
        self, request: Request, project: Project, _token: Token, kind: str, identity: dict[str, str] | None
    ) -> Answer:
        known = list((project.stores if kind == "stores" else project.channels).values())
        if identity is None:
            return Answer(200, query_page(known, request))
        for document in known:
            if all(document[name] == value for name, value in identity.items()):
                return Answer(200, document)
        raise errors.not_found(" ".join(f"{name} '{value}'" for name, value in identity.items()))

    def _query_messages(self, request: Request, project: Project, _token: Token) -> Answer:
        found = [_as_message(message) for message in list(project.messages)] if project.messages_enabled else []
        return Answer(200, query_page(found, request))

    def _read_message(self, _request: Request, project: Project, _token: Token, message_id: str) -> Answer:
        for message in list(project.messages):
            if message["id"] == message_id and project.messages_enabled:
                return Answer(200, _as_message(message))
        raise errors.not_found(f"ID '{message_id}'")

    def _read_project(self, _request: Request, project: Project, _token: Token) -> Answer:
        return Answer(200, project.document())

    def _update_project(self, request: Request, project: Project, _token: Token) -> Answer:
        body = _json_object(request)
        if body.get("version") != project.version:
            raise errors.concurrent_modification(project.key, body.get("version", 0), project.version)
        for action in body.get("actions") or []:
            if action.get("action") != "changeMessagesConfiguration":
                raise errors.invalid_input(f"Invalid action '{action.get('action')}' for a Project.")
            project.messages_enabled = bool(action["messagesConfiguration"]["enabled"])
            project.version += 1
        return Answer(200, project.document(), effect="updated")

    # -- subscriptions

    def _query_subscriptions(self, request: Request, project: Project, _token: Token) -> Answer:
        return Answer(200, query_page(list(project.subscriptions.by_id.values()), request))

    def _create_subscription(self, request: Request, project: Project, _token: Token) -> Answer:
        with project.lock:
            document = project.subscriptions.create(_json_object(request))
        self.projects.send(project, subscriptions.test_notification(project.key, document))
        return Answer(201, document, effect="created", subject=document.get("key", ""))

    def _read_subscription(
        self, _request: Request, project: Project, _token: Token, identity: dict[str, str]
    ) -> Answer:
        return Answer(200, project.subscriptions.find(identity))

    def _update_subscription(
        self, request: Request, project: Project, _token: Token, identity: dict[str, str]
    ) -> Answer:
        body = _json_object(request)
        with project.lock:
            document = project.subscriptions.find(identity)
            _check_version(document, str(body.get("version")))
            document = project.subscriptions.update(document, body.get("actions") or [])
        return Answer(200, document, effect="updated", subject=document.get("key", ""))

    def _delete_subscription(
        self, request: Request, project: Project, _token: Token, identity: dict[str, str]
    ) -> Answer:
        with project.lock:
            document = project.subscriptions.find(identity)
            _check_version(document, request.one("version") or "")
            del project.subscriptions.by_id[document["id"]]
        return Answer(200, document, effect="deleted", subject=document.get("key", ""))

    def _probe_subscription(self, _request: Request, project_key: str, identity: dict[str, str]) -> Answer:
        """Needs no token."""
        project = self.projects.by_key.get(project_key)
        if project is None:
            raise errors.not_found(f"key '{project_key}'")
        return Answer(subscriptions.health(project.subscriptions.find(identity)))

    def expire_tokens(self) -> int:
        """End all tokens now, as if revoked; says how many there were."""
        ended = len(self._tokens)
        self._tokens.clear()
        return ended

    def clear(self) -> None:
        """Forget all projects and tokens."""
        self.projects.by_key.clear()
        self._tokens.clear()


def _check_version(document: dict[str, Any], given: str) -> None:
    if given != str(document["version"]):
        expected = int(given) if given.isdecimal() else 0
        raise errors.concurrent_modification(document["id"], expected, document["version"])


def _type(project: Project, identity: dict[str, str]) -> dict[str, Any]:
    document = project.types.find(identity)
    if document is None:
        raise errors.not_found(" ".join(f"{name} '{value}'" for name, value in identity.items()))
    return document


def _identity(which: str) -> dict[str, str]:
    return {"key": which[4:]} if which.startswith("key=") else {"id": which}


def _template(path: str, which: str | None = None) -> str:
    if which is None:
        return path
    return path + ("/key={key}" if which.startswith("key=") else "/{id}")


def _as_message(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in ("notificationType", "projectKey")}


def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except ValueError as error:
        raise errors.invalid_json(str(error)) from error
    if not isinstance(body, dict):
        raise errors.invalid_json("not an object")
    return body


def _basic(header: str) -> tuple[str, str]:
    kind, _, value = header.partition(" ")
    try:
        text = base64.b64decode(value, validate=True).decode() if kind == "Basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    client_id, _, client_secret = text.partition(":")
    return client_id, client_secret
