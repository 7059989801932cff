"""API clients of some stores only; several projects in several regions in one installation."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from stores.models import Project, Route
from tests.end_to_end.test_road import open_problems
from tests.end_to_end.world import World, parcel
from tracking.enums import ProblemKind
from tracking.models import Order
from tracking.sandbox.client import SandboxClient
from tracking.sandbox.server import Sandbox
from tracking.services import connections
from tracking.services.setup import ScopesMissing, set_up

NUMBER, OTHER = "00340434161094000001", "1Z999AA10123456784"
TYPES_AND_REGISTRY = "manage_types:demo view_stores:demo view_channels:demo"


def limit_to(world: World, *stores: str) -> None:
    """From now on, the API client has the orders of these stores only, and we know."""
    orders = " ".join(f"manage_orders:demo:{store}" for store in stores)
    world.sandbox.project("demo", scope=f"{orders} {TYPES_AND_REGISTRY}")
    world.sandbox.expire_tokens()
    Project.objects.update(in_stores=list(stores), access_token="", access_token_expires_at=None)


def in_store(key: str) -> dict[str, Any]:
    return {"store": {"typeId": "store", "key": key}}


def test_a_client_of_a_store_is_refused_where_we_do_not_know_of_it(world: World) -> None:
    limit_to(world, "de-web")
    Project.objects.update(in_stores=[])
    world.order(parcel(NUMBER))
    world.work()
    assert [kind for kind, _ in open_problems()] == [ProblemKind.UPSTREAM_PAUSED]


def test_orders_are_read_and_written_in_their_store(world: World) -> None:
    limit_to(world, "en-web", "de-web")
    since = world.mark()
    order = world.order(parcel(NUMBER))
    world.work()
    path = f"in-store/key=de-web/orders/{order['id']}"
    assert world.calls("commercetools", since) == [
        f"GET /demo/in-store/key=en-web/orders/{order['id']}",  # nobody knows its store before it is read
        f"GET /demo/{path}",
        f"POST /demo/{path}",
    ]
    since = world.mark()
    world.scan(world.tracking(NUMBER), "OutForDelivery")
    world.work()
    assert world.calls("commercetools", since) == [f"POST /demo/{path}"]
    assert next(iter(world.carried(order).values()))["tb_status"] == "out_for_delivery"
    assert open_problems() == []


def test_an_order_of_another_store_does_not_exist_for_the_client(world: World) -> None:
    limit_to(world, "en-web")
    world.order(parcel(NUMBER))
    world.work()
    assert Order.objects.get().deleted_at
    assert world.sandbox.trackings("main") == []
    assert open_problems() == []


def test_lists_of_several_stores_are_one_list_in_order_of_change(world: World) -> None:
    ids = [world.order(number=f"N-{n}", **in_store("de-web" if n % 2 else "en-web"))["id"] for n in range(4)]
    world.sandbox.create_order("demo", orderNumber="N-9", lineItems=[])
    limit_to(world, "de-web", "en-web")
    client = connections.commercetools(Project.objects.get())
    assert [order["id"] for order in client.iter_orders(until=timezone.now())] == ids
    assert {order["id"] for order in client.get_orders(ids)} == set(ids)
    assert client.get_order_by_number("N-2")["id"] == ids[2]


def test_setup_names_what_a_client_of_stores_alone_cannot_do(world: World) -> None:
    limit_to(world, "de-web")
    world.sandbox.project("demo", scope="manage_orders:demo:de-web")
    with pytest.raises(ScopesMissing) as refusal:
        list(set_up(Project.objects.get()))
    for scope in ("view_types:demo", "view_stores:demo", "view_channels:demo", "manage_types:demo"):
        assert f"{scope} (" in str(refusal.value)
    assert "manage_orders" not in str(refusal.value)


@pytest.fixture
def overseas(world: World) -> Any:
    """A second region: another host with the project ``demo-us``, whose parcels go to the same account."""
    with Sandbox() as sandbox:
        client = SandboxClient(sandbox.url)
        push = {"url": f"{world.own_url}/webhooks/commercetools/demo-us/", "token": "token-us"}
        client.project("demo-us", client_id="us", client_secret="us-secret", push=push, stores=[{"key": "us-web"}])
        hosts = {"api_url": sandbox.url, "auth_url": sandbox.url}
        project = Project.objects.create(
            key="demo-us", client_id="us", client_secret="us-secret", inbound_secret="token-us", **hosts
        )
        Route.objects.create(project=project, account=world.account)
        list(set_up(project))
        yield client
        client.close()


def test_two_projects_in_two_regions_keep_to_themselves(world: World, overseas: SandboxClient) -> None:
    here = world.order(parcel(NUMBER), id="11111111-0000-4000-8000-000000000001")
    draft = {"id": here["id"], "orderNumber": here["orderNumber"], "lineItems": [{"id": "li-1", "quantity": 1}]}
    there = overseas.create_order(
        "demo-us", **draft, shippingInfo={"deliveries": [{"id": "d-1", "items": [], "parcels": [parcel(OTHER, "UPS")]}]}
    )
    overseas.wait_idle()
    world.work()
    overseas.wait_idle()
    world.work()
    assert sorted(Order.objects.values_list("project__key", "commercetools_id")) == [
        ("demo", here["id"]),
        ("demo-us", there["id"]),
    ]
    world.scan(world.tracking(OTHER), "InTransit")
    world.work()
    (delivery,) = overseas.order("demo-us", there["id"])["shippingInfo"]["deliveries"]
    assert delivery["parcels"][0]["custom"]["fields"]["tb_status"] == "in_transit"
    assert next(iter(world.carried(here).values()))["tb_status"] == "pending"
    assert {one["path"].split("/")[1] for one in overseas.journal("commercetools")} == {"demo-us", "oauth"}


def test_a_region_that_is_down_holds_up_no_other(world: World, overseas: SandboxClient) -> None:
    overseas.set_dials(commercetools={"down": True})
    overseas.create_order("demo-us", orderNumber="US-1", lineItems=[])
    overseas.wait_idle()
    order = world.order(parcel(NUMBER))
    world.work()
    assert next(iter(world.carried(order).values()))["tb_status"] == "pending"
    assert Order.objects.get(project__key="demo-us").version is None
