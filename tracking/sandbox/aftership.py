"""AfterShip's Tracking API 2026-07 over HTTP, and the webhooks it sends.

    answer() > _account (key) > _endpoint (which call?) > _limit (per endpoint, one-second windows) > a verb method

A tracking is unique by number and courier within its account. What a scan changes is told to the account's webhook,
signed, except Pending.
"""

from __future__ import annotations

import base64
import itertools
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tracking.sandbox import commerce, couriers
from tracking.sandbox.aftership_errors import (
    AfterShipError,
    already_exists,
    invalid,
    no_such_tracking,
    not_json,
)
from tracking.sandbox.dials import Dials
from tracking.sandbox.tracking_fields import check_completion, check_create, check_detect, check_update
from tracking.sandbox.trackings import COMPLETED, Shipment, later_than, merged, new_tracking, scanned
from tracking.sandbox.webhooks import Sender, webhook_headers, webhook_retry
from tracking.sandbox.wire import Answer, Request, dump, words

VERSION = "2026-07"
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
RATES = {"POST /trackings": 20, "GET /trackings": 6, "POST /couriers/detect": 3}
OTHER_RATE = 5
RETENTION = timedelta(days=120)
MAX_RETRACKS = 3
FILTER_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+\d\d:\d\d")
LIST_FIELDS = frozenset(words("title order_id tag checkpoints"))
GET_FIELDS = LIST_FIELDS | {*couriers.EXTRA_FIELDS}
ALWAYS_SHOWN = ("id", "legacy_id", "created_at", "updated_at", "tracking_number", "slug", "active")
FILTERS = frozenset(
    words(
        """cursor limit keyword tracking_numbers slug transit_time origin destination tag created_at_min created_at_max
    updated_at_min updated_at_max fields return_to_sender courier_destination_country_region shipment_tags
    order_id"""
    )
)


@dataclass
class Account:
    """One organisation: its key, its trackings, where its webhooks go."""

    key: str
    api_key: str = ""
    webhook: dict[str, str] | None = None
    plan_webhooks: bool = True
    slugs: list[str] = field(default_factory=lambda: [courier.slug for courier in couriers.ALL])
    shipments: dict[str, Shipment] = field(default_factory=dict)
    store_id: str = ""
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    fulfillments: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_key: dict[tuple[str, str], str] = field(default_factory=dict)
    legacy_ids: dict[str, str] = field(default_factory=dict)
    windows: dict[str, tuple[int, int]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def find(self, tracking_id: str) -> Shipment:
        """A shipment by AfterShip's id (the caller's own where it gave one) or legacy id. Raises 4004."""
        shipment = self.shipments.get(self.legacy_ids.get(tracking_id, tracking_id))
        if shipment is None:
            raise no_such_tracking()
        return shipment

    def replace(self, shipment: Shipment, document: dict[str, Any]) -> None:
        """Give a shipment a new state; number and courier have to stay unique (else 4003)."""
        key = document["tracking_number"], document["slug"]
        if self.by_key.get(key, document["id"]) != document["id"]:
            raise already_exists()
        self.by_key.pop(shipment.key, None)
        self.by_key[key] = document["id"]
        shipment.document = document


@dataclass
class Endpoint:
    """Which call a request is: "METHOD /path/{id}" and who answers."""

    name: str
    verb: Callable[..., Answer]
    values: dict[str, str] = field(default_factory=dict)


class AfterShip:
    """All accounts of the sandbox. ``answer`` serves the real API, the other public methods the control API."""

    name = "aftership"

    def __init__(self, sender: Sender, dials: Dials) -> None:
        self._sender, self._dials = sender, dials
        self._accounts: dict[str, Account] = {}
        self._numbers = itertools.count(1)

    # -- the real API

    def answer(self, request: Request) -> Answer:
        """The answer to one call; refusals come in AfterShip's own envelope."""
        headers = {"as-api-version": VERSION}
        try:
            account = self._account(request)
            endpoint = self._endpoint(request)
            if account is None or endpoint is None:
                raise AfterShipError(401, "The API key is invalid.")
            self._limit(account, endpoint.name, headers)
            answer = endpoint.verb(request, account, **endpoint.values)
        except AfterShipError as error:
            answer = Answer(error.status, error.body(), error=str(error.code))
        answer.headers.update(headers)
        return answer

    def spoiled(self, request: Request, rule: dict[str, Any]) -> Answer:
        """The answer a ``fail`` rule asks for, in the form a call of this kind would get."""
        status = rule.get("status", 503)
        headers = {"as-api-version": VERSION, **rule.get("headers", {})}
        if rule.get("body") == "html":
            return Answer(status, HTML, headers, "text/html", error="html")
        if status == 429 and (endpoint := self._endpoint(request)):
            spent = _limit_headers(RATES.get(endpoint.name, OTHER_RATE), 0, int(time.time()))
            headers = {**spent, **headers}
        error = AfterShipError(status, f"The sandbox was told to answer {status}.")
        return Answer(status, error.body(), headers, error=str(status))

    def owner(self, request: Request) -> str:
        """The label of the account a call belongs to, "" if the key is unknown."""
        account = self._account(request)
        return account.key if account else ""

    def template(self, request: Request) -> str:
        """ "METHOD /path/{id}" of a call, without the base path."""
        endpoint = self._endpoint(request)
        return endpoint.name if endpoint else f"{request.method} (unknown)"

    def _account(self, request: Request) -> Account | None:
        api_key = request.headers.get("as-api-key")
        return next(
            (account for account in list(self._accounts.values()) if api_key and account.api_key == api_key), None
        )

    def _endpoint(self, request: Request) -> Endpoint | None:
        if request.segments[0] == "commerce":
            name, verb = commerce.endpoint(request.method, request.segments[1:])
            return Endpoint(name, verb) if verb else None
        match [request.method, *request.segments[1:]]:
            case ["POST", "2026-07", "trackings"]:
                return Endpoint("POST /trackings", self._create)
            case ["GET", "2026-07", "trackings"]:
                return Endpoint("GET /trackings", self._list)
            case ["GET" | "PUT" | "DELETE" as method, "2026-07", "trackings", tracking_id]:
                verb = {"GET": self._get, "PUT": self._update, "DELETE": self._delete}[method]
                return Endpoint(f"{method} /trackings/{{id}}", verb, {"tracking_id": tracking_id})
            case ["POST", "2026-07", "trackings", tracking_id, "retrack" | "mark-as-completed" as what]:
                verb = self._retrack if what == "retrack" else self._complete
                return Endpoint(f"POST /trackings/{{id}}/{what}", verb, {"tracking_id": tracking_id})
            case ["GET", "2026-07", "couriers"]:
                return Endpoint("GET /couriers", self._couriers)
            case ["POST", "2026-07", "couriers", "detect"]:
                return Endpoint("POST /couriers/detect", self._detect)
        return None

    def _limit(self, account: Account, endpoint: str, headers: dict[str, str]) -> None:
        rate = RATES.get(endpoint, OTHER_RATE)
        second = int(time.time())
        with account.lock:
            window, used = account.windows.get(endpoint, (second, 0))
            used = used + 1 if window == second else 1
            account.windows[endpoint] = (second, used)
        limited = self._dials.value("aftership", "rate_limit")
        headers.update(_limit_headers(rate, max(rate - used, 0) if limited else rate, second))
        if limited and used > rate:
            message = f"You have exceeded the API call rate limit. The default limit is {rate} requests per second."
            raise AfterShipError(429, message)

    # -- trackings

    def _create(self, request: Request, account: Account) -> Answer:
        fields = _json_object(request)
        check_create(fields)
        with account.lock:
            if fields.get("id") in account.shipments:
                raise already_exists()
            courier = self._courier(account, fields)
            if (fields["tracking_number"], courier.slug) in account.by_key:
                raise already_exists()
            shipment = Shipment(next(self._numbers), new_tracking(fields, courier.slug))
            document = shipment.document
            account.shipments[document["id"]] = shipment
            account.by_key[shipment.key] = document["id"]
            account.legacy_ids[document["legacy_id"]] = document["id"]
        return _success(201, document, effect="created", subject=document["id"])

    def _courier(self, account: Account, fields: dict[str, Any]) -> couriers.Courier:
        if fields.get("slug"):
            candidates = [couriers.BY_SLUG[fields["slug"]]]
        else:
            candidates = couriers.detect(fields["tracking_number"], account.slugs, fields.get("slug_group"))
        if not candidates and self._dials.value("aftership", "takes_unrecognized"):
            return couriers.UNRECOGNIZED
        if not candidates:
            message = f"The courier of the tracking number {fields['tracking_number']} cannot be detected."
            raise AfterShipError(4012, message)
        complete = [courier for courier in candidates if not couriers.missing_fields(courier, fields)]
        if not complete:
            names = ", ".join(f"`{name}`" for name in couriers.missing_fields(candidates[0], fields))
            raise AfterShipError(4011, f"{names} is required for the courier {candidates[0].slug}.")
        return complete[0]

    def _get(self, request: Request, account: Account, tracking_id: str) -> Answer:
        document = account.find(tracking_id).document
        return _success(200, _shown(document, request, GET_FIELDS), subject=document["id"])

    def _list(self, request: Request, account: Account) -> Answer:
        limit = request.one("limit", "100") or ""
        if not limit.isdecimal() or not 1 <= int(limit) <= 200:
            raise invalid("limit", "a number from 1 to 200")
        after = _read_cursor(request.one("cursor"))
        tests = _filters(request)
        shipments = list(account.shipments.values())
        found = [shipment for shipment in shipments if all(test(shipment.document) for test in tests)]
        rest = [shipment for shipment in found if shipment.n > after]
        page = rest[: int(limit)]
        more = len(rest) > len(page)
        cursor = base64.urlsafe_b64encode(f"after:{page[-1].n}".encode()).decode() if more else None
        pagination = {"total": len(found), "next_cursor": cursor, "has_next_page": more}
        shown = [_shown(shipment.document, request, LIST_FIELDS) for shipment in page]
        return _success(200, {"pagination": pagination, "trackings": shown})

    def _update(self, request: Request, account: Account, tracking_id: str) -> Answer:
        fields = _json_object(request)
        check_update(fields)
        with account.lock:
            shipment = account.find(tracking_id)
            before = shipment.document
            document = merged(before, fields)
            if document is not before:
                account.replace(shipment, document)
        effect = "no_change" if document is before else "updated"
        return _success(200, document, effect=effect, subject=document["id"])

    def _delete(self, _request: Request, account: Account, tracking_id: str) -> Answer:
        with account.lock:
            shipment = account.find(tracking_id)
            document = shipment.document
            del account.shipments[document["id"]]
            account.by_key.pop(shipment.key, None)
            account.legacy_ids.pop(document["legacy_id"], None)
        return _success(200, document, effect="deleted", subject=document["id"])

    def _retrack(self, _request: Request, account: Account, tracking_id: str) -> Answer:
        with account.lock:
            shipment = account.find(tracking_id)
            if shipment.document["active"]:
                raise AfterShipError(4013, "Retrack is not allowed. You can only retrack an inactive tracking.")
            if shipment.retracks >= MAX_RETRACKS:
                raise AfterShipError(4016, "Retrack is not allowed. The tracking was retracked before.")
            shipment.retracks += 1
            document = {**shipment.document, "active": True, "updated_at": later_than(shipment.document)}
            shipment.document = document
        partial = {name: document[name] for name in ("id", "legacy_id", "tracking_number", "slug", "active")}
        return _success(200, partial, effect="updated", subject=document["id"])

    def _complete(self, request: Request, account: Account, tracking_id: str) -> Answer:
        fields = _json_object(request)
        check_completion(fields)
        subtag = COMPLETED[fields["reason"]]
        scan = {"tag": subtag.partition("_")[0], "subtag": subtag, "checkpoint_time": fields.get("event_datetime")}
        document, _ = self.scan(account, tracking_id, scan, source="user")
        return _success(200, document, effect="updated", subject=document["id"])

    # -- couriers

    def _couriers(self, request: Request, account: Account) -> Answer:
        wanted = (request.one("slug") or "").split(",") if "slug" in request.query else None
        only_active = request.one("active") == "true"
        found = [
            courier.document()
            for courier in couriers.ALL
            if (wanted is None or courier.slug in wanted) and (not only_active or courier.slug in account.slugs)
        ]
        return _success(200, {"total": len(found), "couriers": found})

    def _detect(self, request: Request, account: Account) -> Answer:
        fields = _json_object(request)
        check_detect(fields)
        slugs: Iterable[str] = fields.get("slug") or account.slugs
        found = couriers.detect(fields["tracking_number"], slugs, fields.get("slug_group"))
        return _success(200, {"total": len(found), "couriers": [courier.document() for courier in found]})

    # -- the control API's side

    def configure(self, settings: dict[str, Any]) -> Account:
        """Create an account, or change what ``settings`` names of one."""
        account = self._accounts.setdefault(settings["key"], Account(settings["key"]))
        for name in ("api_key", "webhook", "plan_webhooks", "store_id"):
            if name in settings:
                setattr(account, name, settings[name])
        if settings.get("couriers") is not None:
            unknown = [slug for slug in settings["couriers"] if slug not in couriers.BY_SLUG]
            if unknown:
                raise ValueError(f"unknown courier {unknown[0]}")
            account.slugs = list(settings["couriers"])
        return account

    def account(self, key: str) -> Account:
        """An account by its label. Raises KeyError."""
        return self._accounts[key]

    def scan(
        self, account: Account, tracking_id: str, scan: dict[str, Any], *, source: str = "carrier"
    ) -> tuple[dict[str, Any], str | None]:
        """One scan of the courier: the tracking after it, and the event id of the webhook sent, if one was."""
        with account.lock:
            shipment = account.find(tracking_id)
            document = scanned(shipment.document, scan, source=source)
            account.replace(shipment, document)
            is_first = document["tag"] not in shipment.seen_tags
            shipment.seen_tags.add(document["tag"])
        if document["tag"] == "Pending" or scan.get("webhook") is False:
            return document, None
        return document, self._notify(account, document, scan.get("event", "tracking_update"), is_first=is_first)

    def _notify(self, account: Account, document: dict[str, Any], event: str, *, is_first: bool) -> str | None:
        if not account.webhook or not account.plan_webhooks:
            return None
        event_id = str(uuid.uuid4())
        envelope = {"event": event, "event_id": event_id, "is_tracking_first_tag": is_first, "ts": int(time.time())}
        body = dump({**envelope, "msg": document})
        headers = webhook_headers(account.webhook["secret"], body)
        retry = webhook_retry(self._dials.value("webhooks", "retry_base_seconds"))
        for delay in self._dials.sending_delays("webhooks"):
            self._sender.post(account.webhook["url"], headers, body, retry=retry, delay_seconds=delay)
        return event_id

    def clear(self) -> None:
        """Forget all accounts."""
        self._accounts.clear()


def _success(status: int, data: Any, *, effect: str | None = None, subject: str = "") -> Answer:
    return Answer(status, {"meta": {"code": status}, "data": data}, effect=effect, subject=subject)


def _limit_headers(rate: int, remaining: int, second: int) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(rate),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(second + 1),
    }


def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except ValueError as error:
        raise not_json() from error
    if not isinstance(body, dict):
        raise AfterShipError(400, "The body has to be a JSON object.")
    return body


def _read_cursor(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(cursor).decode().partition(":")
        return int(number) if word == "after" else 0
    except ValueError as error:
        raise invalid("cursor", "not a cursor of this list") from error


def _shown(document: dict[str, Any], request: Request, allowed: frozenset[str]) -> dict[str, Any]:
    asked = [name for name in (request.one("fields") or "").split(",") if name]
    if not asked:
        return document
    if unknown := [name for name in asked if name not in allowed]:
        raise invalid("fields", f"{unknown[0]} cannot be asked for")
    return {name: document[name] for name in (*ALWAYS_SHOWN, *asked)}


def _filters(request: Request) -> list[Callable[[dict[str, Any]], bool]]:
    """One test per filter of the query; without created_at_min, what is older than 120 days is not listed."""
    given = {name: values[-1] for name, values in request.query.items() if name in FILTERS}
    given.setdefault("created_at_min", (datetime.now(UTC) - RETENTION).isoformat(timespec="seconds"))
    return [test for name, value in given.items() if (test := _filter(name, value)) is not None]


def _filter(name: str, value: str) -> Callable[[dict[str, Any]], bool] | None:
    if name.endswith(("_at_min", "_at_max")):
        return _moment_filter(name, value)
    wanted = value.split(",")
    match name:
        case "tracking_numbers":
            return lambda document: document["tracking_number"] in wanted
        case "slug" | "order_id" | "tag" | "courier_destination_country_region":
            return lambda document: document[name] in wanted
        case "origin" | "destination":
            return lambda document: document[f"{name}_country_region"] in wanted
        case "shipment_tags":
            return lambda document: bool(set(document["shipment_tags"]) & set(wanted))
        case "return_to_sender":
            return lambda document: str(document["return_to_sender"]).lower() in wanted
        case "transit_time":
            return lambda document: str(document["transit_time"]) == value
        case "keyword":
            return lambda document: value in _searched(document)
    return None


def _moment_filter(name: str, value: str) -> Callable[[dict[str, Any]], bool]:
    if not FILTER_MOMENT.fullmatch(value):
        raise invalid(name, "expected YYYY-MM-DDTHH:mm:ss+HH:MM")
    limit, held = datetime.fromisoformat(value), name.rpartition("_")[0]
    if name.endswith("_min"):
        return lambda document: datetime.fromisoformat(document[held]) >= limit
    return lambda document: datetime.fromisoformat(document[held]) <= limit


def _searched(document: dict[str, Any]) -> str:
    people = [value for customer in document["customers"] for value in customer.values()]
    texts = [document["tracking_number"], document["title"], document["order_id"], *people]
    return " ".join(text for text in [*texts, *(document["custom_fields"] or {}).values()] if text)
