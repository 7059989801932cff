"""One sandbox for all tests of this folder, as new for each; plain HTTP callers for both upstreams; a receiver."""

from __future__ import annotations

import base64
import http.client
import json
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tracking.sandbox.client import SandboxClient
from tracking.sandbox.server import Sandbox

BASIC = "Basic " + base64.b64encode(b"client:secret").decode()


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: Any
    text: str

    @property
    def body(self) -> Any:
        """The answer as JSON."""
        return json.loads(self.text)

    @property
    def code(self) -> Any:
        """The error code, of either upstream."""
        return self.body["errors"][0]["code"] if "errors" in self.body else self.body["meta"]["code"]


class Caller:
    """Calls one upstream with its credentials."""

    def __init__(self, url: str, prefix: str, headers: dict[str, str]) -> None:
        self._netloc, self.prefix, self.headers = urlsplit(url).netloc, prefix, headers

    def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> Reply:
        connection = http.client.HTTPConnection(self._netloc, timeout=60)
        target = self.prefix + path + (f"?{urlencode(query, doseq=True)}" if query else "")
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, target, body=content, headers=self.headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return Reply(response.status, response.headers, text)


class Receiver:
    """A web endpoint: keeps what it gets, answers the statuses it was told to (then 200)."""

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                receiver.got.put(({name.lower(): value for name, value in self.headers.items()}, body))

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook/"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def next(self) -> tuple[dict[str, str], Any]:
        """Headers and parsed body of the next post; fails after a minute."""
        headers, body = self.got.get(timeout=60)
        return headers, json.loads(body)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="session")
def _served() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(_served: Sandbox) -> Iterator[Sandbox]:
    """A sandbox as new."""
    _served.reset()
    yield _served
    _served.reset()


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[SandboxClient]:
    """The control API, with project ``demo`` and account ``main`` set up."""
    client = SandboxClient(sandbox.url)
    client.project("demo", client_id="client", client_secret="secret", stores=[{"key": "de-web"}])
    client.account("main", api_key="asat_1")
    yield client
    client.close()


@pytest.fixture
def anonymous(sandbox: Sandbox) -> Caller:
    """Calls without credentials, from the root."""
    return Caller(sandbox.url, "", {})


def grant(sandbox: Sandbox, form: dict[str, str] | None = None, basic: str = BASIC) -> Reply:
    """Ask for a token."""
    caller = Caller(sandbox.url, "", {"Authorization": basic, "Content-Type": "application/x-www-form-urlencoded"})
    return caller("POST", "/oauth/token", urlencode(form or {"grant_type": "client_credentials"}).encode())


@pytest.fixture
def shop(sandbox: Sandbox, control: SandboxClient) -> Caller:
    """Calls to project ``demo`` with a token."""
    return Caller(sandbox.url, "/demo", {"Authorization": f"Bearer {grant(sandbox).body['access_token']}"})


@pytest.fixture
def aftership(sandbox: Sandbox, control: SandboxClient) -> Caller:
    """Calls to AfterShip with the key of account ``main``; rate limits are off."""
    control.set_dials(aftership={"rate_limit": False})
    return Caller(sandbox.url, "/tracking/2026-07", {"as-api-key": "asat_1"})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An endpoint that listens."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def order(control: SandboxClient) -> dict[str, Any]:
    """An order with one delivery of one parcel, version 1."""
    parcel = {"key": "p-1", "trackingData": {"trackingId": "1Z999AA10123456784", "carrier": "UPS"}}
    delivery = {"key": "d-1", "items": [{"id": "li-1", "quantity": 1}], "parcels": [parcel]}
    return control.create_order(
        "demo",
        orderNumber="CT/1001",
        customerEmail="ada@example.com",
        store={"key": "de-web"},
        lineItems=[{"id": "li-1", "quantity": 2}],
        shippingAddress={"country": "DE"},
        shippingInfo={"deliveries": [delivery]},
    )


FIELD_TYPES = {
    "tb_status": {"name": "String"},
    "tb_eta": {"name": "Date"},
    "tb_updated_at": {"name": "DateTime"},
    "tb_parcels": {"name": "Number"},
    "late": {"name": "Boolean"},
    "kind": {"name": "Enum", "values": [{"key": "out", "label": "Outbound"}]},
    "ids": {"name": "Set", "elementType": {"name": "String"}},
}


def type_draft(key: str, *resources: str) -> dict[str, Any]:
    """A TypeDraft with one field of each kind."""
    fields = [{"name": name, "label": {"en": name}, "type": kind} for name, kind in FIELD_TYPES.items()]
    return {"key": key, "name": {"en": key}, "resourceTypeIds": list(resources), "fieldDefinitions": fields}


@pytest.fixture
def parcel_type(shop: Caller) -> dict[str, Any]:
    """A Type for parcels."""
    return shop("POST", "/types", type_draft("on-parcel", "order-parcel")).body


def parcel_of(order: dict[str, Any]) -> dict[str, Any]:
    """The first parcel of a Single mode order."""
    return order["shippingInfo"]["deliveries"][0]["parcels"][0]
