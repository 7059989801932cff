"""Changes that commercetools is asked for, beside those it sends: worked once, whichever comes first."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.request import Request, urlopen

import pytest

from stores.models import Project
from tests.end_to_end.world import TOKEN, World, parcel
from tests.sqs import FakeSqs
from tracking.models import Receipt
from tracking.services import poll_project as polling
from tracking.services.poll_project import poll_projects
from tracking.services.pull import pull_what_is_there

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


@pytest.mark.parametrize("first", ["push", "sqs", "poll"])
def test_the_same_change_by_push_sqs_and_poll_is_one_receipt_one_read_and_one_write(world: World, first: str) -> None:
    """Whichever comes first, and all that was sent twice."""
    push, sqs = {"url": f"{world.own_url}/webhooks/commercetools/demo/", "token": TOKEN}, FakeSqs()
    world.sandbox.project("demo", push=push if first == "push" else None)
    Project.objects.update(poll="messages")
    since, order = world.mark(), world.order(parcel(NUMBER))
    world.work()
    ways = {
        "push": lambda: [post(push["url"], json.dumps(one).encode()) for one in world.sandbox.messages("demo")],
        "sqs": lambda: by_sqs(world, sqs),
        "poll": lambda: poll(world),
    }
    for way in [first, *ways]:
        ways[way]()
        world.work()
    sqs.close()
    orders = [call for call in world.calls("commercetools", since) if f"/orders/{order['id']}" in call]
    assert orders == [f"GET /demo/orders/{order['id']}", f"POST /demo/orders/{order['id']}"]
    received = list(Receipt.objects.filter(source="commercetools").values_list("event_id", flat=True))
    assert sorted(received) == sorted(one["id"] for one in world.sandbox.messages("demo"))


def post(url: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    with urlopen(Request(url, body, headers)) as answer:
        assert answer.status == 200


def by_sqs(world: World, sqs: FakeSqs) -> None:
    """The project's messages in a queue, for as long as it takes to pull them."""
    for message in world.sandbox.messages("demo"):
        sqs.send(json.dumps(message))
    Project.objects.update(inbound_type="sqs", inbound_options=sqs.options)
    assert pull_what_is_there() == len(world.sandbox.messages("demo"))
    Project.objects.update(inbound_type="bearer", inbound_options={})
