"""Those who judge are judged: they find nothing wrong where nothing is, and the naive bridge's wrongs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.storm import oracle
from tests.storm.carriers import Carriers
from tests.storm.generator import Parcel, Scan, Shipment, make_world
from tests.storm.naive import NaiveBridge
from tracking.sandbox.client import SandboxClient
from tracking.sandbox.server import Sandbox


@pytest.fixture
def sandbox() -> Iterator[SandboxClient]:
    with Sandbox() as sandbox:
        yield SandboxClient(sandbox.url)


def scans(*subtags: str) -> list[Scan]:
    return [Scan(subtag, second, second, "") for second, subtag in enumerate(subtags)]


@pytest.mark.parametrize(
    ("subtags", "status"),
    [
        ((), "pending"),
        (("InTransit_002", "Exception_004"), "delayed"),
        (("Exception_010", "InTransit_007"), "returning"),
        (("Exception_010", "Delivered_001"), "returned"),
        (("Exception_010", "OutForDelivery_001", "Delivered_001"), "delivered"),
        (("Exception_010", "InTransit_008", "InTransit_003"), "in_transit"),
        (("Delivered_001", "Exception_001"), "exception"),
        (("Teleported_001",), "unknown"),
        (("Exception_099",), "exception"),
    ],
)
def test_the_oracle_knows_the_status_model(subtags: tuple[str, ...], status: str) -> None:
    assert oracle.status(scans(*subtags)) == status


def test_the_same_seed_makes_the_same_world() -> None:
    first, second = make_world(5, 300), make_world(5, 300)
    assert [one.scans for one in first.shipments()] == [one.scans for one in second.shipments()]
    assert [one.id for one in first.orders] == [one.id for one in second.orders]
    assert [one.id for one in make_world(6, 300).orders] != [one.id for one in first.orders]


def write(n: int, *changes: tuple[str, Any, Any], effect: str = "updated") -> dict[str, Any]:
    made = [
        {"what": "parcel", "parcel_id": "p", "name": name, "before": before, "after": after}
        for name, before, after in changes
    ]
    entry = {"n": n, "upstream": "commercetools", "method": "POST", "path": "/demo/orders/o", "status": 200}
    return entry | {"effect": effect, "changes": made, "subject": "o"}


def test_writes_that_each_change_something_are_fine() -> None:
    first = write(1, ("tb_status", None, "pending"), ("tb_updated_at", None, "2026-01-01"))
    second = write(2, ("tb_status", "pending", "delivered"), ("tb_updated_at", "2026-01-01", "2026-01-02"))
    assert oracle.double_writes([first, second, write(3, ("tb_status", "delivered", "pending"))]) == []


@pytest.mark.parametrize(
    "journal",
    [
        [write(1, effect="no_change")],
        [write(1)],
        [write(1, ("tb_status", None, "pending")), write(2, ("tb_status", None, "pending"))],
        [write(1, ("tb_updated_at", None, "2026-01-02")), write(2, ("tb_updated_at", "2026-01-02", "2026-01-01"))],
        [write(1, ("shipmentState", "Delivered", "Shipped"))],
    ],
    ids=["no change", "nothing of ours", "the same value again", "back in time", "shipment state back"],
)
def test_the_judge_finds(journal: list[dict[str, Any]]) -> None:
    assert len(oracle.double_writes(journal)) == 1


def test_trackings_are_counted_against_the_distinct_numbers() -> None:
    world = make_world(5, 50)
    made = [{"upstream": "aftership", "effect": "created"}] * len(world.shipments())
    assert oracle.wrong_trackings(world, made) == []
    assert oracle.wrong_trackings(world, made[1:])
    assert oracle.wrong_trackings(world, [*made, made[0]])


def test_control_get_then_post_in_order_of_arrival_is_found_out(sandbox: SandboxClient) -> None:
    """Shuffled news, a tenth of it twice, some answers lost: wrong ends, repeated writes, steps back in time."""
    world = make_world(11, 250, projects=1, accounts=1, with_changes=False)
    sandbox.project("demo", client_id="id", client_secret="secret")
    bridge = NaiveBridge(sandbox.url, "demo")
    sandbox.set_dials(commercetools={"drop_answer_rate": 0.01})
    carriers = Carriers(world, sandbox, random.Random(1))
    for order in world.orders:
        carriers.place(order)
    for order, parcel, scan, document in news_of(carriers):
        bridge.take(order, parcel, scan, document)
    orders = {one["id"]: one for one in sandbox.orders("demo")}
    ends = [line for line in oracle.wrong_states(world, orders) if "tb_checkpoint_at" in line]
    doubles = oracle.double_writes(sandbox.journal())
    assert len(ends) > 10
    assert any("changed nothing" in line for line in doubles)
    assert any("went back" in line for line in doubles)


def news_of(carriers: Carriers) -> list[tuple[str, str, Scan, dict[str, Any]]]:
    """Every scan as news of every parcel that shows the number: shuffled, a tenth of them twice."""
    from tracking.sandbox.trackings import new_tracking, scanned

    found = []
    for order in carriers.world.orders:
        for parcel in order.parcels:
            document = new_tracking({"tracking_number": parcel.shipments[0].number}, "ups")
            for scan in parcel.shipments[0].scans:
                times = {"checkpoint_time": scan.time(carriers.world.base)}
                times["updated_at"] = scan.updated_at(carriers.world.base)
                document = scanned(document, {"tag": scan.tag, "subtag": scan.subtag, "message": scan.message} | times)
                found.append((order.id, parcel.id, scan, document))
    chance = random.Random(2)
    found += chance.choices(found, k=len(found) // 10)
    chance.shuffle(found)
    return found


def test_a_rivals_edit_that_is_gone_is_found(sandbox: SandboxClient) -> None:
    world = make_world(11, 20, projects=1, accounts=1, with_changes=False)
    sandbox.project("demo", client_id="id", client_secret="secret")
    carriers = Carriers(world, sandbox, random.Random(1))
    for order in world.orders:
        carriers.place(order)
    carriers.rival_edit()
    assert carriers.lost_edits() == []
    ((parcel_id, (project, order_id, weight)),) = carriers.weights.items()
    carriers.weights[parcel_id] = (project, order_id, weight + 1)
    assert carriers.lost_edits() == [f"the rival's edit of parcel {parcel_id} is gone"]


def test_a_parcel_that_nobody_wrote_is_wrong(sandbox: SandboxClient) -> None:
    world = make_world(11, 20, projects=1, accounts=1, with_changes=False)
    sandbox.project("demo", client_id="id", client_secret="secret")
    carriers = Carriers(world, sandbox, random.Random(1))
    for order in world.orders:
        carriers.place(order)
    wrong = oracle.wrong_states(world, {one["id"]: one for one in sandbox.orders("demo")})
    assert sum("tb_status" in line for line in wrong) == len(world.orders) + sum(len(o.parcels) for o in world.orders)


def test_the_last_number_of_a_parcel_is_the_one_that_counts() -> None:
    first, last = Shipment("A1", "DHL", scans("Delivered_001")), Shipment("B2", "UPS", scans("InTransit_002"))
    parcel = Parcel("p", [first, last], is_late=False, is_return=False, items={})
    must = oracle.parcel_must(parcel, make_world(1, 1).base)
    assert (must["tb_status"], must["tb_courier"]) == ("in_transit", "ups")
