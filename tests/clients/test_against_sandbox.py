"""Both clients against the sandbox, over real HTTP: what an upstream that keeps state makes of our calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.clients.conftest import MemoryBudget, MemoryTokens
from tracking.clients import commercetools as commercetools_module
from tracking.clients.aftership import RATES, AfterShipClient
from tracking.clients.commercetools import CommercetoolsClient
from tracking.clients.errors import (
    AccountStopped,
    AlreadyExists,
    Conflict,
    NotFound,
    Refused,
    RetryLater,
    UpstreamError,
)
from tracking.clients.http import Call
from tracking.sandbox.client import SandboxClient
from tracking.sandbox.server import Sandbox

NUMBER = "00340434161094042557"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[SandboxClient]:
    """A fresh sandbox with the project demo, two stores and the account main."""
    control = SandboxClient(running.url)
    control.reset()
    control.project(
        "demo",
        client_id="bridge",
        client_secret="s3cr3t",
        stores=[{"key": "de-web"}, {"key": "en-web"}],
        channels=[{"key": "ulm"}],
    )
    control.account("main", api_key="asat_main")
    yield control
    control.close()


@pytest.fixture
def tokens() -> MemoryTokens:
    return MemoryTokens()


def shop(sandbox: SandboxClient, tokens: MemoryTokens, **changes: str) -> CommercetoolsClient:
    settings = {"project_key": "demo", "client_id": "bridge", "client_secret": "s3cr3t", **changes}
    return CommercetoolsClient(api_url=sandbox.url, auth_url=sandbox.url, tokens=tokens, **settings)


def courier(sandbox: SandboxClient, budget: MemoryBudget, key: str = "asat_main") -> AfterShipClient:
    return AfterShipClient(api_url=sandbox.url, api_key=key, budget=budget)


def paths(sandbox: SandboxClient) -> list[tuple[str, int]]:
    return [(f"{entry['method']} {entry['path']}", entry["status"]) for entry in sandbox.journal()]


def state(shipment_state: str) -> list[dict[str, Any]]:
    return [{"action": "changeShipmentState", "shipmentState": shipment_state}]


# commercetools


def test_order_is_read_by_id_and_number_and_written_with_its_version(
    sandbox: SandboxClient, tokens: MemoryTokens
) -> None:
    created = sandbox.create_order("demo", orderNumber="CT/1001 ü", customerEmail="jane@example.com")
    bridge = shop(sandbox, tokens)
    assert bridge.get_order(created["id"])["orderNumber"] == "CT/1001 ü"
    order = bridge.get_order_by_number("CT/1001 ü")
    written = bridge.update_order(order["id"], order["version"], state("Shipped"))
    assert written["shipmentState"] == "Shipped"
    assert written["version"] > order["version"]
    assert sandbox.summary()["commercetools POST /oauth/token"] == 1


def test_rival_write_is_a_conflict_that_names_the_version(sandbox: SandboxClient, tokens: MemoryTokens) -> None:
    order = sandbox.create_order("demo", orderNumber="1")
    rival = sandbox.foreign_update("demo", order["id"], *state("Ready"))
    with pytest.raises(Conflict) as error:
        shop(sandbox, tokens).update_order(order["id"], order["version"], state("Shipped"))
    assert error.value.code == "ConcurrentModification"
    assert error.value.current_version in (None, rival["version"])
    assert sandbox.order("demo", order["id"])["shipmentState"] == "Ready"


def test_deleted_order_is_not_found(sandbox: SandboxClient, tokens: MemoryTokens) -> None:
    order = sandbox.create_order("demo", orderNumber="1")
    sandbox.delete_order("demo", order["id"])
    for read in (
        lambda bridge: bridge.get_order(order["id"]),
        lambda bridge: bridge.get_order_by_number("1"),
        lambda bridge: bridge.update_order(order["id"], order["version"], state("Shipped")),
    ):
        with pytest.raises(NotFound):
            read(shop(sandbox, tokens))


def test_token_that_ended_early_costs_one_new_token_and_one_repeat(
    sandbox: SandboxClient, tokens: MemoryTokens
) -> None:
    order = sandbox.create_order("demo", orderNumber="1")
    bridge = shop(sandbox, tokens)
    bridge.get_order(order["id"])
    sandbox.expire_tokens()
    bridge.get_order(order["id"])
    assert [status for _, status in paths(sandbox)] == [200, 200, 401, 200, 200]
    assert len(tokens.saved) == 2


def test_wrong_secret_and_foreign_project_stop_the_account(sandbox: SandboxClient, tokens: MemoryTokens) -> None:
    with pytest.raises(AccountStopped) as secret:
        shop(sandbox, MemoryTokens(), client_secret="wrong").get_project()
    with pytest.raises(AccountStopped) as project:
        shop(sandbox, tokens, project_key="other").get_project()
    assert (secret.value.code, project.value.code) == ("invalid_client", "insufficient_scope")


def test_type_is_made_once_found_by_key_and_extended(sandbox: SandboxClient, tokens: MemoryTokens) -> None:
    bridge = shop(sandbox, tokens)
    with pytest.raises(NotFound):
        bridge.get_type_by_key("trackbridge-parcel")
    draft = {"key": "trackbridge-parcel", "name": {"en": "Parcel"}, "resourceTypeIds": ["order-parcel"]}
    made = bridge.create_type(draft)
    with pytest.raises(Refused) as twice:
        bridge.create_type(draft)
    field = {"name": "tb_status", "label": {"en": "Status"}, "required": False, "type": {"name": "String"}}
    bridge.update_type(made["id"], made["version"], [{"action": "addFieldDefinition", "fieldDefinition": field}])
    assert (twice.value.code, twice.value.field) == ("DuplicateField", "key")
    assert [found["name"] for found in bridge.get_type(made["id"])["fieldDefinitions"]] == ["tb_status"]


def test_every_order_is_read_once_page_by_page(
    sandbox: SandboxClient, tokens: MemoryTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commercetools_module, "PAGE_SIZE", 3)
    for number in range(10):
        at = "2026-11-22T09:00:00.000Z" if number < 7 else "2026-11-22T09:00:01.000Z"
        sandbox.create_order("demo", orderNumber=f"CT-{number}", createdAt=at, lastModifiedAt=at)
    orders = shop(sandbox, tokens).iter_orders(until=datetime.now(UTC) + timedelta(days=1000))
    numbers = [order["orderNumber"] for order in orders]
    assert (len(numbers), len(set(numbers))) == (10, 10)


def test_orders_outside_the_time_span_are_not_read(sandbox: SandboxClient, tokens: MemoryTokens) -> None:
    order = sandbox.create_order("demo", orderNumber="1")
    at = datetime.fromisoformat(sandbox.order("demo", order["id"])["lastModifiedAt"])
    bridge, moment = shop(sandbox, tokens), timedelta(milliseconds=1)
    assert len(list(bridge.iter_orders(modified_since=at, until=at))) == 1
    assert list(bridge.iter_orders(modified_since=at + moment, until=at + timedelta(days=1))) == []
    assert list(bridge.iter_orders(until=at - moment)) == []


def test_stores_and_channels_come_page_by_page(
    sandbox: SandboxClient, tokens: MemoryTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commercetools_module, "PAGE_SIZE", 1)
    bridge = shop(sandbox, tokens)
    assert sorted(store["key"] for store in bridge.iter_stores()) == ["de-web", "en-web"]
    assert [channel["key"] for channel in bridge.iter_channels()] == ["ulm"]
    assert bridge.get_project()["key"] == "demo"


def test_lost_answer_of_a_write_may_have_applied_and_then_conflicts(
    sandbox: SandboxClient, tokens: MemoryTokens
) -> None:
    order = sandbox.create_order("demo", orderNumber="1")
    sandbox.set_dials(commercetools={"drop_answer": [{"count": 1, "match": "POST /demo/orders"}]})
    bridge = shop(sandbox, tokens)
    with pytest.raises(RetryLater) as lost:
        bridge.update_order(order["id"], order["version"], state("Shipped"))
    assert (lost.value.code, lost.value.maybe_applied) == ("dropped", True)
    with pytest.raises(Conflict):
        bridge.update_order(order["id"], order["version"], state("Shipped"))


def test_lost_answer_of_a_read_is_read_again(sandbox: SandboxClient, tokens: MemoryTokens) -> None:
    order = sandbox.create_order("demo", orderNumber="1")
    sandbox.set_dials(commercetools={"drop_answer": [{"count": 1, "match": "GET /demo/orders"}]})
    assert shop(sandbox, tokens).get_order(order["id"])["id"] == order["id"]


@pytest.mark.parametrize("body", ["json", "html"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_outages_of_both_upstreams_pass(
    sandbox: SandboxClient, tokens: MemoryTokens, budget: MemoryBudget, status: int, body: str
) -> None:
    rule = {"fail": [{"status": status, "count": 1, "body": body, "match": "/"}]}
    tokens.save(MemoryTokens("x", 3600).token)  # type: ignore[arg-type]
    sandbox.set_dials(commercetools=rule, aftership=rule)
    with pytest.raises(UpstreamError) as order:
        shop(sandbox, tokens).get_order("O")
    with pytest.raises(UpstreamError) as tracking:
        courier(sandbox, budget).get_tracking("t1")
    assert (type(order.value), type(tracking.value)) == (RetryLater, RetryLater)
    assert (order.value.status, tracking.value.status) == (status, status)


def test_correlation_id_reaches_both_upstreams(
    sandbox: SandboxClient, tokens: MemoryTokens, budget: MemoryBudget, calls: list[Call]
) -> None:
    shop(sandbox, tokens).get_project()
    courier(sandbox, budget).list_couriers()
    assert [entry["correlation_id"] for entry in sandbox.journal()] == ["K7MQ-2XRT"] * 3
    assert [call.outcome for call in calls] == ["ok"] * 3


# AfterShip


def test_tracking_lives_from_creation_to_deletion(sandbox: SandboxClient, budget: MemoryBudget) -> None:
    bridge = courier(sandbox, budget)
    made = bridge.create_tracking({"id": "t1", "tracking_number": NUMBER, "slug": "dhl-germany", "title": "Box"})
    assert (made["id"], made["slug"], made["tag"]) == ("t1", "dhl-germany", "Pending")
    assert bridge.update_tracking("t1", {"title": "Bag"})["title"] == "Bag"
    assert bridge.get_tracking("t1")["title"] == "Bag"
    assert bridge.mark_as_completed("t1", reason="DELIVERED")["subtag"] == "Delivered_001"
    assert bridge.delete_tracking("t1")["id"] == "t1"
    with pytest.raises(NotFound) as gone:
        bridge.get_tracking("t1")
    assert gone.value.code == "4004"


def test_second_creation_already_exists(sandbox: SandboxClient, budget: MemoryBudget) -> None:
    bridge = courier(sandbox, budget)
    fields = {"id": "t1", "tracking_number": NUMBER, "slug": "dhl-germany"}
    bridge.create_tracking(fields)
    for repeat in (fields, {**fields, "id": "t2"}):
        with pytest.raises(AlreadyExists):
            bridge.create_tracking(repeat)
    assert [tracking["id"] for tracking in sandbox.trackings("main")] == ["t1"]


def test_lost_answer_of_a_creation_is_found_by_our_own_id(sandbox: SandboxClient, budget: MemoryBudget) -> None:
    sandbox.set_dials(aftership={"drop_answer": [{"count": 1, "match": "POST"}]})
    bridge = courier(sandbox, budget)
    with pytest.raises(RetryLater) as lost:
        bridge.create_tracking({"id": "t1", "tracking_number": NUMBER, "slug": "dhl-germany"})
    assert lost.value.maybe_applied is True
    assert bridge.get_tracking("t1")["tracking_number"] == NUMBER


def test_refusals_carry_aftership_s_code(sandbox: SandboxClient, budget: MemoryBudget) -> None:
    bridge = courier(sandbox, budget)
    bridge.create_tracking({"id": "t1", "tracking_number": NUMBER, "slug": "dhl-germany"})
    with pytest.raises(Refused) as still_active:
        bridge.retrack("t1")
    with pytest.raises(Refused) as no_courier:
        bridge.create_tracking({"tracking_number": NUMBER, "slug": "no-such-courier"})
    with pytest.raises(AccountStopped) as key:
        courier(sandbox, budget, "asat_wrong").get_tracking("t1")
    assert (still_active.value.code, key.value.code) == ("4013", "401")
    assert no_courier.value.code in ("4010", "4012")


def test_list_goes_through_all_pages(sandbox: SandboxClient, budget: MemoryBudget) -> None:
    bridge = courier(sandbox, budget)
    sandbox.set_dials(aftership={"rate_limit": False})
    for number in range(205):
        bridge.create_tracking({"id": f"t{number}", "tracking_number": f"{NUMBER}{number}", "slug": "dhl-germany"})
    since = datetime.now(UTC) - timedelta(hours=1)
    found = [tracking["id"] for tracking in bridge.list_trackings(created_at_min=since, slug=["dhl-germany", "ups"])]
    assert sorted(found) == sorted(f"t{number}" for number in range(205))
    assert list(bridge.list_trackings(tag="Delivered")) == []


def test_too_many_calls_close_the_endpoint_for_a_moment(sandbox: SandboxClient, budget: MemoryBudget) -> None:
    bridge = courier(sandbox, budget)

    def ask_too_often() -> None:
        for _ in range(10 * int(RATES["GET /trackings/{id}"])):
            with pytest.raises(NotFound):
                bridge.get_tracking("t1")

    with pytest.raises(RetryLater) as error:
        ask_too_often()
    assert (error.value.code, error.value.status) == ("429", 429)
    assert [(endpoint, 1 <= seconds <= 2) for endpoint, seconds in budget.blocked] == [("GET /trackings/{id}", True)]


def test_couriers_are_listed_and_detected(sandbox: SandboxClient, budget: MemoryBudget) -> None:
    bridge = courier(sandbox, budget)
    assert {"dhl-germany", "ups"} <= {found["slug"] for found in bridge.list_couriers()}
    assert [found["slug"] for found in bridge.list_couriers(slugs=["ups"])] == ["ups"]
    assert "ups" in {found["slug"] for found in bridge.detect_couriers({"tracking_number": "1Z999AA10123456784"})}
