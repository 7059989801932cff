"""Changes that commercetools is asked for, beside those it sends: worked once, whichever comes first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stores.models import Project
from tests.end_to_end.world import World, parcel
from tracking.models import Receipt
from tracking.services import poll_project as polling
from tracking.services.poll_project import poll_projects

NUMBER = "00340434161094000001"


@pytest.fixture(autouse=True)
def _no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "CLOCK_LAG", timedelta(seconds=-5))


def poll(world: World) -> None:
    """Two minutes later: a poll by a job, and the work that follows."""
    poll_projects()
    world.work()


@pytest.mark.parametrize("kind", ["messages", "orders"])
def test_where_nothing_is_sent_the_poll_finds_the_parcel_and_works_it_once(world: World, kind: str) -> None:
    world.sandbox.project("demo", push=None)
    Project.objects.update(poll=kind, inbound_type="poll")
    since, order = world.mark(), world.order(parcel(NUMBER))
    poll(world)
    poll(world)
    orders = [call for call in world.calls("commercetools", since) if f"/orders/{order['id']}" in call]
    assert orders == [f"GET /demo/orders/{order['id']}", f"POST /demo/orders/{order['id']}"]
    assert world.carried(order)[order["shippingInfo"]["deliveries"][0]["parcels"][0]["id"]]["tb_status"] == "pending"


@pytest.mark.parametrize("kind", ["messages", "orders"])
def test_the_same_change_by_push_and_by_poll_is_worked_once(world: World, kind: str) -> None:
    Project.objects.update(poll=kind)
    since, order = world.mark(), world.order(parcel(NUMBER))
    world.work()
    receipts = Receipt.objects.count()
    poll(world)
    poll(world)
    orders = [call for call in world.calls("commercetools", since) if f"/orders/{order['id']}" in call]
    assert orders == [f"GET /demo/orders/{order['id']}", f"POST /demo/orders/{order['id']}"]
    assert Receipt.objects.filter(source="commercetools").count() == receipts
