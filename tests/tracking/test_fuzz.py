"""schemathesis over our own schema: whatever it thinks up at any address, nobody is answered with a 5xx.

It speaks to the WSGI application in this process. ``Envoy`` stands between them, logs in and signs what goes by: so the
bodies get in, and every one that was taken must come to an end in the inbox.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import Permission, User
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from knox.models import AuthToken
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode

from config.wsgi import application
from tests import factories as make
from tests.tracking.stories import CODE, tell_story
from tests.tracking.webhooks.doors import SECRET, TOKEN, sign
from tests.tracking.webhooks.test_malformed import MESSAGE, WEBHOOK
from tracking.enums import ReceiptState
from tracking.models import Receipt
from tracking.payloads.envelopes import unwrap
from tracking.payloads.from_aftership import webhook_event_id
from tracking.payloads.from_commercetools import message_event_id
from tracking.services.pump import drain_receipts
from tracking.webhooks.authentication import forget

pytestmark = [pytest.mark.django_db]
EXAMPLES = 35  # of each endpoint
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ENDS = {ReceiptState.DONE, ReceiptState.IGNORED, ReceiptState.QUARANTINED}
KEYS = {"/webhooks/aftership/{key}/": "main", "/webhooks/commercetools/{key}/": "demo"}
ENDPOINTS = [
    *(("post", path) for path in KEYS),
    ("get", "/api/v1/stories/{code}/"),
    ("post", "/api/v1/contacts/"),
    ("get", "/api/v1/orders/{project}/{order}/link/"),
    ("get", "/api/v1/track/{token}/"),
    ("get", "/api/v1/analytics/figures/"),
    ("get", "/api/v1/analytics/kpis/"),
    ("get", "/api/v1/analytics/scorecard/"),
]
GENUINE = {"/webhooks/aftership/{key}/": WEBHOOK, "/webhooks/commercetools/{key}/": MESSAGE}


class Envoy:
    """WSGI middleware: our application, with a program's token and proof of whatever body there is."""

    def __init__(self) -> None:
        self.token = ""
        self.taken: dict[str, set[bytes]] = {"main": set(), "demo": set()}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        environ |= {
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_HOST": "testserver",
            "HTTP_AUTHORIZATION": f"Token {self.token}",
        }
        if environ["PATH_INFO"].startswith("/webhooks/"):
            environ |= {"HTTP_AFTERSHIP_HMAC_SHA256": sign(body), "HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}

        def start(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            if status.startswith("200") and environ["PATH_INFO"].startswith("/webhooks/"):
                self.taken[environ["PATH_INFO"].split("/")[-2]].add(body)
            return start_response(status, headers, error)

        return application(environ, start)


ENVOY = Envoy()


@pytest.fixture
def one_connection(db: None) -> Iterator[None]:
    """A request's beginning and end leave the test's transaction open, as Django's own test client sees to."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def schema(one_connection: None) -> Any:
    """Our schema as it is served, of somebody who may read orders, in a world where one parcel is on its way."""
    forget()
    ENVOY.taken = {"main": set(), "demo": set()}
    make.make_account(key="main", webhook_secret=SECRET)
    make.make_project(key="demo", inbound_secret=TOKEN)
    tell_story()
    user = User.objects.create_user("agent")
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_order", "add_contact", "view_parcelfact"]))
    _, ENVOY.token = AuthToken.objects.create(user)
    return schemathesis.openapi.from_wsgi("/api/schema/", ENVOY)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_nothing_is_answered_with_a_5xx_and_all_that_is_taken_comes_to_an_end(
    schema: Any, method: str, path: str
) -> None:
    @seed(20261122)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=HealthCheck)
    @given(
        case=schema[path][method].as_strategy(GenerationMode.POSITIVE)
        | schema[path][method].as_strategy(GenerationMode.NEGATIVE),
        data=st.data(),
    )
    def fuzz(case: schemathesis.Case, data: st.DataObject) -> None:
        aim(case, data)
        case.validate_response(case.call(), checks=[not_a_server_error])
        all_that_was_taken_came_to_an_end()

    fuzz()
    assert len(ENVOY.taken[KEYS[path]]) > EXAMPLES / 4 if path in KEYS else not any(ENVOY.taken.values())


def test_the_schema_has_no_other_endpoints(schema: Any) -> None:
    assert {(one.ok().method, one.ok().path) for one in schema.get_all_operations()} == set(ENDPOINTS)


def all_that_was_taken_came_to_an_end() -> None:
    while drain_receipts():
        pass
    assert set(Receipt.objects.values_list("state", flat=True)) <= ENDS
    assert not Receipt.objects.filter(outcome="").exists()
    assert not Receipt.objects.filter(attempts__gt=0).exists(), "none of them failed for a reason of our own"
    kept = set(Receipt.objects.values_list("endpoint", "event_id"))
    assert {("main", webhook_event_id(body)) for body in ENVOY.taken["main"]} <= kept
    assert {("demo", message_event_id(one)) for body in ENVOY.taken["demo"] for one in unwrap(body)} <= kept


def aim(case: schemathesis.Case, data: st.DataObject) -> None:
    """Most go where there is something to break; of the bodies, half begin as genuine ones."""
    known = {"key": KEYS.get(case.operation.path, ""), "code": CODE, "project": "demo"}
    if data.draw(st.integers(0, 9), label="aim") < 9:
        case.path_parameters = {name: known.get(name, value) for name, value in case.path_parameters.items()}
    genuine = GENUINE.get(case.operation.path)
    if genuine and isinstance(case.body, dict) and data.draw(st.booleans(), label="genuine"):
        place, value = data.draw(st.sampled_from(sorted(genuine)), label="place"), data.draw(JSON, label="value")
        case.body = genuine | case.body | {place: value}
