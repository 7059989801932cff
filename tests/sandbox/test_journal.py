"""The journal, and the control API around it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Caller, parcel_of
from tests.sandbox.test_aftership import create
from tests.sandbox.test_orders import update
from tests.sandbox.test_types import set_field, set_type
from tracking.sandbox.client import SandboxClient, SandboxError


def test_a_call_is_noted_with_its_effect(control: SandboxClient, aftership: Caller) -> None:
    aftership.headers["X-Correlation-ID"] = "story-7"
    create(aftership, id="a")
    (entry,) = control.journal("aftership")
    assert entry == {
        "n": 1,
        "at": entry["at"],
        "upstream": "aftership",
        "method": "POST",
        "path": "/tracking/2026-07/trackings",
        "endpoint": "POST /trackings",
        "status": 201,
        "correlation_id": "story-7",
        "account": "main",
        "subject": "a",
        "effect": "created",
        "error": "",
        "answer_dropped": False,
        "changes": [],
    }


def test_reads_and_refusals_have_no_effect(control: SandboxClient, shop: Caller, order: dict[str, Any]) -> None:
    shop("GET", f"/orders/{order['id']}")
    update(shop, order, version=9)
    read, refused = control.journal()[-2:]
    assert (read["effect"], read["project"], read["subject"]) == (None, "demo", order["id"])
    assert (refused["effect"], refused["status"], refused["error"]) == (None, 409, "ConcurrentModification")


def test_an_update_is_noted_with_before_and_after(
    control: SandboxClient, shop: Caller, order: dict[str, Any], parcel_type: dict[str, Any]
) -> None:
    shipped = {"action": "changeShipmentState", "shipmentState": "Shipped"}
    parcel_id = parcel_of(order)["id"]
    first = update(shop, order, set_type("on-parcel", tb_status="pending", late=True), shipped).body
    update(shop, first, set_field("tb_status", "in_transit"), set_field("late", False))
    entries = [entry["changes"] for entry in control.journal() if entry["effect"] == "updated"]
    of_parcel = {"what": "parcel", "parcel_id": parcel_id, "name": "tb_status"}
    assert entries == [
        [
            {"what": "order", "name": "shipmentState", "before": None, "after": "Shipped"},
            {**of_parcel, "before": None, "after": "pending"},
        ],
        [{**of_parcel, "before": "pending", "after": "in_transit"}],
    ]


def test_an_update_without_effect_is_noted_as_such(control: SandboxClient, shop: Caller, order: dict[str, Any]) -> None:
    update(shop, order, {"action": "setCustomerEmail", "email": "ada@example.com"})
    entry = control.journal()[-1]
    assert (entry["effect"], entry["changes"], entry["status"]) == ("no_change", [], 200)


def test_entries_are_read_from_a_number_on(control: SandboxClient, shop: Caller) -> None:
    for _ in range(3):
        shop("GET", "/orders")
    entries = control.journal()
    assert [entry["n"] for entry in entries] == [1, 2, 3, 4]
    assert control.journal(since=2) == entries[2:]
    assert control.journal("aftership") == []


def test_the_summary_counts_by_template(control: SandboxClient, shop: Caller, order: dict[str, Any]) -> None:
    update(shop, order)
    shop("GET", f"/orders/{order['id']}")
    shop("GET", "/orders/order-number=CT%2F1001")
    assert control.summary() == {
        "commercetools POST /oauth/token": 1,
        "commercetools POST /{projectKey}/orders/{id}": 1,
        "commercetools GET /{projectKey}/orders/{id}": 1,
        "commercetools GET /{projectKey}/orders/order-number={orderNumber}": 1,
    }


def test_reset_makes_the_sandbox_as_new(control: SandboxClient, shop: Caller, order: dict[str, Any]) -> None:
    control.reset()
    assert control.journal() == []
    with pytest.raises(SandboxError):
        control.orders("demo")


def test_a_project_set_up_again_keeps_its_orders_and_ids(control: SandboxClient, shop: Caller, order: dict) -> None:
    before = shop("GET", "/stores").body["results"]
    control.project("demo", client_secret="other", stores=[{"key": "de-web", "languages": ["de"]}, {"key": "at-web"}])
    assert control.orders("demo") == [order]
    stores = shop("GET", "/stores").body["results"]
    assert [(store["key"], store["languages"]) for store in stores] == [("de-web", ["de"]), ("at-web", [])]
    assert stores[0]["id"] == before[0]["id"]


def test_an_account_takes_only_known_couriers(control: SandboxClient) -> None:
    with pytest.raises(SandboxError, match="pigeon"):
        control.account("main", couriers=["pigeon"])


def test_an_unknown_control_is_404(control: SandboxClient) -> None:
    with pytest.raises(SandboxError) as refused:
        control.call("GET", "/weather")
    assert refused.value.status == 404
