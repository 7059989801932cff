"""The seed case of the mission: one order, three parcels, two carriers, forty webhooks in any order with repeats."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest

from tests.end_to_end.world import SECRET, World, parcel
from tracking.enums import ReceiptState, Source
from tracking.models import Receipt, Tracking

WAYS = {
    "00340434161094000001": [
        ("InfoReceived", "InfoReceived_001"),
        ("InTransit", "InTransit_002"),
        ("InTransit", "InTransit_007"),
        ("Exception", "Exception_004"),
        ("InTransit", "InTransit_005"),
        ("OutForDelivery", "OutForDelivery_001"),
        ("AttemptFail", "AttemptFail_002"),
        ("AvailableForPickup", "AvailableForPickup_001"),
        ("Delivered", "Delivered_002"),
    ],
    "1Z999AA10123456784": [
        ("InfoReceived", "InfoReceived_001"),
        ("InTransit", "InTransit_001"),
        ("OutForDelivery", "OutForDelivery_001"),
        ("Exception", "Exception_003"),
        ("Exception", "Exception_010"),
        ("InTransit", "InTransit_007"),
        ("Exception", "Exception_011"),
    ],
    "00340434161094000003": [
        ("InfoReceived", "InfoReceived_001"),
        ("Expired", "Expired_001"),
        ("InTransit", "InTransit_003"),
        ("Exception", "Exception_013"),
    ],
}
WITH_FIGURES = True
LAST = {"00340434161094000001": "delivered", "1Z999AA10123456784": "returned", "00340434161094000003": "lost"}


@pytest.mark.sqlite
@pytest.mark.parametrize("seed", range(3))
def test_three_parcels_and_forty_shuffled_webhooks(world: World, seed: int) -> None:
    first, second, third = (
        parcel("00340434161094000001", "DHL"),
        parcel("1Z999AA10123456784", "UPS"),
        parcel(None, None),
    )
    order = world.order(first, second, third)
    world.work()
    assert sorted(Tracking.objects.values_list("tracking_number", "courier")) == [
        ("00340434161094000001", "dhl-germany"),
        ("1Z999AA10123456784", "ups"),
    ]
    assert [fields.get("tb_status") for fields in world.carried(order).values()] == ["pending", "pending", None]

    data = {"trackingId": "00340434161094000003", "carrier": "DHL"}
    world.change(order, {"action": "setParcelTrackingData", "parcelId": third["id"], "trackingData": data})
    world.work()
    assert Tracking.objects.count() == len(world.sandbox.trackings("main")) == 3
    assert world.carried(order)[third["id"]]["tb_status"] == "pending"

    since = world.mark()
    bodies = webhook_bodies(world)
    chance = random.Random(seed)
    bodies += chance.choices(bodies, k=40 - len(bodies))
    chance.shuffle(bodies)
    for position, body in enumerate(bodies):
        assert world.sandbox.send("main", body, secret=SECRET) == [200]
        if position % 7 == 0:
            world.work()
    world.work()

    carried = world.carried(order)
    numbers = {
        first["id"]: "00340434161094000001",
        second["id"]: "1Z999AA10123456784",
        third["id"]: "00340434161094000003",
    }
    assert {numbers[one]: fields["tb_status"] for one, fields in carried.items()} == LAST
    assert world.order_fields(order) == {
        "tb_status": "lost",
        "tb_parcels": 3,
        "tb_parcels_delivered": 1,
        "shipmentState": "Delayed",
    }
    writes = world.writes(since)
    assert writes
    assert [one["effect"] for one in writes] == ["updated"] * len(writes)
    assert every_write_changed_something(writes)
    assert not Receipt.objects.filter(source=Source.AFTERSHIP).exclude(state=ReceiptState.DONE).exists()


def webhook_bodies(world: World) -> list[dict[str, Any]]:
    """The webhooks of all three ways, made by AfterShip in order of time but not sent."""
    bodies = []
    for number, way in WAYS.items():
        tracking = world.tracking(number)
        for tag, subtag in way:
            scanned = world.scan(tracking, tag, subtag, webhook=False)["tracking"]
            bodies.append(envelope(scanned))
    return bodies


def envelope(tracking: dict[str, Any]) -> dict[str, Any]:
    return {"event": "tracking_update", "event_id": str(uuid.uuid4()), "ts": 1_763_800_000, "msg": tracking}


def every_write_changed_something(writes: list[dict[str, Any]]) -> bool:
    """Each write moved at least one value, each value it sent moved, and it sent a version that no other write had."""
    changes = [write["changes"] for write in writes]
    return all(changes) and all(change["before"] != change["after"] for write in changes for change in write)
