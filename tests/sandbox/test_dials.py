"""The dials: every kind of misbehaviour, and that it is exact."""

from __future__ import annotations

import http.client
import time
from typing import Any

import pytest

from tests.sandbox.conftest import Caller
from tests.sandbox.test_aftership import create
from tests.sandbox.test_orders import update
from tracking.sandbox.client import SandboxClient, SandboxError
from tracking.sandbox.dials import DEFAULTS


@pytest.mark.parametrize(
    ("groups", "named"),
    [
        ({"commercetools": {"speed": 1}}, "commercetools.speed"),
        ({"weather": {"down": True}}, "weather.down"),
        ({"aftership": {"down": "yes"}}, "aftership.down"),
        ({"aftership": {"fail": [{"code": 503}]}}, "aftership.fail"),
        ({"aftership": {"latency_ms": -1}}, "aftership.latency_ms"),
    ],
)
def test_an_unknown_or_ill_typed_dial_is_refused_by_name(
    control: SandboxClient, groups: dict[str, Any], named: str
) -> None:
    with pytest.raises(SandboxError, match=named):
        control.set_dials(**groups)
    assert control.dials() == DEFAULTS


def test_dials_are_merged_and_reset(control: SandboxClient) -> None:
    control.set_dials(aftership={"down": True})
    dials = control.set_dials(commercetools={"latency_ms": 5})
    assert (dials["aftership"]["down"], dials["commercetools"]["latency_ms"]) == (True, 5)
    control.reset_dials()
    assert control.dials() == DEFAULTS


def test_a_fail_rule_answers_its_count_and_no_more(control: SandboxClient, shop: Caller, order: dict[str, Any]) -> None:
    control.set_dials(commercetools={"fail": [{"status": 503, "count": 2, "match": "POST /demo/orders"}]})
    shipped = {"action": "changeShipmentState", "shipmentState": "Shipped"}
    assert shop("GET", f"/orders/{order['id']}").status == 200
    replies = [update(shop, order, shipped) for _ in range(3)]
    assert [reply.status for reply in replies] == [503, 503, 200]
    assert (replies[0].code, replies[2].body["version"]) == ("OverCapacity", 2)
    assert control.dials()["commercetools"]["fail"][0]["count"] == 0


def test_a_failure_comes_in_the_form_of_its_upstream(control: SandboxClient, aftership: Caller, shop: Caller) -> None:
    rules = [{"status": 502, "body": "html"}, {"status": 429, "headers": {"Retry-After": "7"}}, {"status": 500}]
    control.set_dials(aftership={"fail": rules}, commercetools={"fail": [{"status": 401}]})
    html, limited, broken = (aftership("GET", "/trackings") for _ in range(3))
    assert (html.status, html.headers["Content-Type"], html.text[:6]) == (502, "text/html", "<html>")
    assert (limited.status, limited.headers["Retry-After"], limited.headers["X-RateLimit-Limit"]) == (429, "7", "6")
    assert (broken.status, broken.body["meta"]["type"]) == (500, "InternalError")
    assert shop("GET", "/orders").body["error"] == "invalid_token"


def test_down_refuses_one_upstream_and_not_the_other(
    control: SandboxClient, aftership: Caller, shop: Caller, anonymous: Caller
) -> None:
    control.set_dials(commercetools={"down": True})
    assert (shop("GET", "/orders").status, anonymous("POST", "/oauth/token").status) == (503, 503)
    assert aftership("GET", "/trackings").status == 200


def test_a_lost_answer_has_taken_effect(control: SandboxClient, aftership: Caller) -> None:
    control.set_dials(aftership={"drop_answer": [{"count": 1, "match": "POST /tracking/2026-07/trackings"}]})
    with pytest.raises(http.client.RemoteDisconnected):
        create(aftership, id="a")
    assert create(aftership, id="a").code == 4003
    entries = control.journal("aftership")
    assert [(entry["effect"], entry["answer_dropped"]) for entry in entries] == [("created", True), (None, False)]


def test_a_rate_of_one_always_happens(control: SandboxClient, aftership: Caller) -> None:
    control.set_dials(aftership={"fail_rate": 1.0})
    assert create(aftership).status == 503
    control.set_dials(aftership={"fail_rate": 0.0, "drop_answer_rate": 1.0})
    with pytest.raises(http.client.RemoteDisconnected):
        create(aftership)


def test_a_rival_writes_just_before_an_update(control: SandboxClient, shop: Caller, order: dict[str, Any]) -> None:
    control.set_dials(commercetools={"rival_rate": 1.0})
    reply = update(shop, order, {"action": "changeShipmentState", "shipmentState": "Shipped"})
    assert (reply.status, reply.body["errors"][0]["currentVersion"]) == (409, 2)


def test_latency_makes_a_call_wait(control: SandboxClient, shop: Caller) -> None:
    control.set_dials(commercetools={"latency_ms": 60})
    started = time.monotonic()
    shop("GET", "/orders")
    assert time.monotonic() - started >= 0.06
