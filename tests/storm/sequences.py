"""Orders of arrival, in this process: every sequence of a way's snapshots, and random interleavings of many ways.

The product's own line is walked: ``Batch.apply`` for each snapshot in turn, with rows that are never saved (so it is
the decision that is tested here, not the database), then what is written on the parcel. The storm's oracle judges.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import permutations, product

from tests.storm import oracle
from tests.storm.generator import CARRIERS, Parcel, Scan, Shipment, World, make_world
from tracking.models import Parcel as ParcelRow
from tracking.models import Tracking
from tracking.payloads.from_aftership import TrackingSnapshot, parse_tracking
from tracking.sandbox.trackings import new_tracking, scanned
from tracking.services.apply_update import Batch
from tracking.services.write_back import parcel_state

WAYS = {
    "out and delivered": [
        ("InfoReceived_001", 1), ("InTransit_002", 60), ("InTransit_007", 61), ("OutForDelivery_001", 90),
        ("AttemptFail_002", 91), ("Delivered_001", 200),
    ],
    "one second for all": [
        ("InTransit_002", 5), ("InTransit_007", 5), ("Exception_004", 5), ("InTransit_005", 5),
        ("OutForDelivery_001", 5), ("Delivered_001", 5),
    ],
    "back and forth": [
        ("Delivered_001", 1), ("Exception_003", 2), ("InTransit_008", 2), ("Exception_010", 3), ("InTransit_007", 4),
        ("Delivered_001", 5),
    ],
}  # fmt: skip

STAYS = ("already applied", "older than what is applied")


def make_way(name: str) -> Shipment:
    """One of WAYS as a shipment."""
    scans = [
        Scan(subtag, second, minute=10 * place, message=f"scan {place}")
        for place, (subtag, second) in enumerate(WAYS[name])
    ]
    return Shipment("00340434161094000001", "DHL", scans)


def snapshots(world: World, shipment: Shipment, tracking_id: str) -> list[TrackingSnapshot]:
    """AfterShip's state after each scan of the way."""
    fields = {"id": tracking_id, "tracking_number": shipment.number}
    document, found = new_tracking(fields, CARRIERS[shipment.carrier]), []
    for scan in shipment.scans:
        told = {"tag": scan.tag, "subtag": scan.subtag, "message": scan.message}
        times = {"checkpoint_time": scan.time(world.base), "updated_at": scan.updated_at(world.base)}
        eta = {"eta": f"{scan.eta}T12:00:00+01:00"} if scan.eta else {}
        document = scanned(document, told | times | eta | {"courier": scan.courier or None})
        found.append(parse_tracking(document))
    return found


@dataclass
class Outcome:
    """How many orders of arrival were tried, and the first of those that ended wrong."""

    tried: int
    wrong: list[str]


def every_sequence(name: str, longest: int = 6, *, all_repeats: bool = True) -> Outcome:
    """All sequences of up to ``longest`` of the way's six snapshots: with repeats, or only the permutations of all."""
    world, shipment = World(0, {}), make_way(name)
    states = snapshots(world, shipment, "t1")
    sequences = (
        (sequence for length in range(1, longest + 1) for sequence in product(range(len(states)), repeat=length))
        if all_repeats
        else permutations(range(len(states)))
    )
    return judge(world, shipment, states, sequences)


def judge(
    world: World, shipment: Shipment, states: Sequence[TrackingSnapshot], sequences: Iterator[tuple[int, ...]]
) -> Outcome:
    """Apply each sequence to a fresh tracking. It has to end as the newest of what came, having moved only forward."""
    outcome = Outcome(0, [])
    must = {newest: must_be(world, shipment, newest) for newest in range(len(states))}
    for sequence in sequences:
        batch = Batch([])
        tracking = fresh("t1")
        moves = sum(
            "already" not in words and "older" not in words for words in apply(batch, tracking, states, sequence)
        )
        outcome.tried += 1
        leaders = sum(all(place > past for past in sequence[:at]) for at, place in enumerate(sequence))
        known = len({row.fingerprint for row in batch.new_checkpoints})
        wrong = oracle.differences(f"{sequence}", must[max(sequence)], written(tracking))
        if moves != leaders:
            wrong.append(f"{sequence}: moved {moves} times, must be {leaders}")
        if known != max(sequence) + 1 or len(batch.new_checkpoints) != known:
            wrong.append(f"{sequence}: {known} checkpoints of {max(sequence) + 1}")
        outcome.wrong += wrong
    return outcome


def apply(batch: Batch, tracking: Tracking, states: Sequence[TrackingSnapshot], sequence: Sequence[int]) -> list[str]:
    return [batch.apply(tracking, states[place]) for place in sequence]


def interleavings(seed: int, parcels: int, rounds: int) -> Outcome:
    """``rounds`` times all news of so many parcels, with repeats, in one random order through one batch."""
    chance = random.Random(seed)
    world = make_world(seed, parcels * 7, with_changes=False)
    shipments = [shipment for shipment in world.shipments() if shipment.scans][:parcels]
    assert len(shipments) == parcels, "the world is too small"
    states = {f"t{n}": snapshots(world, shipment, f"t{n}") for n, shipment in enumerate(shipments)}
    must = {f"t{n}": must_be(world, shipment, len(shipment.scans) - 1) for n, shipment in enumerate(shipments)}
    news = [(key, place) for key, way in states.items() for place in range(len(way))]
    outcome = Outcome(0, [])
    for _ in range(rounds):
        stream = news + chance.choices(news, k=len(news) // 5)
        chance.shuffle(stream)
        batch, rows = Batch([]), {key: fresh(key) for key in states}
        for key, place in stream:
            batch.apply(rows[key], states[key][place])
        for key, row in rows.items():
            outcome.tried += 1
            outcome.wrong += oracle.differences(key, must[key], written(row))
    return outcome


def fresh(key: str) -> Tracking:
    return copy(Tracking(id=key, tracking_number="00340434161094000001", courier="dhl-germany", status="pending"))


def must_be(world: World, shipment: Shipment, newest: int) -> dict[str, object]:
    """The oracle's word for a parcel whose newest news is that scan."""
    known = Shipment(shipment.number, shipment.carrier, shipment.scans[: newest + 1])
    return oracle.parcel_must(Parcel("p1", [known], is_late=False, is_return=False, items={}), world.base)


def written(tracking: Tracking) -> dict[str, object]:
    """What we would write on a parcel that shows this tracking."""
    return parcel_state(ParcelRow(commercetools_id="p1", tracking=tracking)).fields
