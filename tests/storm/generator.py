"""A world out of a seed: orders, their parcels, the way of every parcel, and what goes wrong. Pure: the same seed, the
same world.

A parcel shows one tracking number after another (usually one); each number has a way of scans. ``second`` is
AfterShip's ``updated_at``, counted from the world's start; two scans may share a second. Scans stand in the order in
which they happened: the last one is the truth, in whatever order the news of them arrives.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

CARRIERS = {"DHL": "dhl-germany", "UPS": "ups", "Hermes": "hermes-de", "Royal Mail": "royal-mail"}
CORRECTIONS = ["dpd-de", "gls", "tnt"]
START = ["InfoReceived_001", "InTransit_002", "InTransit_001"]
ANYTHING = [
    *("InTransit_003", "InTransit_004", "InTransit_005", "InTransit_006", "InTransit_007", "InTransit_008"),
    *("InTransit_009", "OutForDelivery_001", "OutForDelivery_003", "AttemptFail_001", "AttemptFail_002"),
    *("AvailableForPickup_001", "Exception_001", "Exception_004", "Exception_005", "Exception_010", "Exception_017"),
    *("Exception_099", "Expired_001", "Teleported_001"),
]
ENDS = [
    *["Delivered_001"] * 8,
    *("Delivered_002", "Delivered_003", "Delivered_005", "Exception_011", "Exception_012", "Exception_013"),
    *("Exception_020", "Exception_021", "OutForDelivery_001"),
]


@dataclass(frozen=True)
class Scan:
    """One scan by the carrier. ``courier`` corrects the slug, ``eta`` promises a day; "" says nothing about it."""

    subtag: str
    second: int
    minute: int
    message: str
    courier: str = ""
    eta: str = ""

    @property
    def tag(self) -> str:
        return self.subtag.partition("_")[0]

    def time(self, base: datetime) -> str:
        """When the carrier scanned it, as AfterShip gives it."""
        return (base + timedelta(minutes=self.minute)).isoformat(timespec="seconds")

    def updated_at(self, base: datetime) -> str:
        return (base + timedelta(seconds=self.second)).isoformat(timespec="seconds")


@dataclass(eq=False)
class Shipment:
    """One tracking number and its way."""

    number: str
    carrier: str
    scans: list[Scan]


@dataclass(eq=False)
class Parcel:
    """A parcel of an order. ``is_late``: its number comes later. Of ``shipments``, the last is what it ends with."""

    id: str
    shipments: list[Shipment]
    is_late: bool
    is_return: bool
    items: dict[str, int]


@dataclass(eq=False)
class Order:
    """An order; ``ordered`` quantities by line item."""

    id: str
    project: str
    number: str
    ordered: dict[str, int]
    parcels: list[Parcel]


@dataclass
class World:
    """Projects with the account that each ships with, and all orders. Its times count from ``base``: tomorrow, because
    what happened to a number before its order was placed is none of the order's."""

    seed: int
    accounts: dict[str, str]
    base: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0) + timedelta(days=1))
    orders: list[Order] = field(default_factory=list)

    def shipments(self) -> dict[Shipment, str]:
        """Every tracking number once, with its account."""
        return {
            shipment: self.accounts[order.project]
            for order in self.orders
            for parcel in order.parcels
            for shipment in parcel.shipments
        }

    def scans(self) -> int:
        return sum(len(shipment.scans) for shipment in self.shipments())


def make_world(seed: int, scans: int, *, projects: int = 3, accounts: int = 2, with_changes: bool = True) -> World:
    """A world of at least so many scans. ``with_changes``: some numbers come late or change."""
    chance, serial = random.Random(seed), count(1)
    names = ["demo", *(f"shop-{n}" for n in range(1, projects))]
    keys = ["main", *(f"account-{n}" for n in range(1, accounts))]
    world = World(seed, {name: keys[n % accounts] for n, name in enumerate(names)})
    total = 0
    while total < scans:
        order = make_order(chance, serial, chance.choice(names), with_changes=with_changes)
        if world.orders and chance.random() < 0.08:
            share_number(chance, world.orders, order)
        world.orders.append(order)
        total += sum(len(shipment.scans) for parcel in order.parcels for shipment in parcel.shipments)
    return world


def make_order(chance: random.Random, serial: Iterator[int], project: str, *, with_changes: bool) -> Order:
    number = next(serial)
    size = chance.choices([1, 2, 3, 4, 5], [40, 25, 15, 12, 8])[0]
    is_listed = chance.random() < 0.5
    parcels = []
    for position in range(size):
        is_changed = with_changes and chance.random() < 0.08
        shipments = [make_shipment(chance, next(serial)) for _ in range(2 if is_changed else 1)]
        parcels.append(
            Parcel(
                id=f"{chance.getrandbits(32):08x}-0000-4000-8000-{next(serial):012d}",
                shipments=shipments,
                is_late=with_changes and chance.random() < 0.15,
                is_return=position > 0 and chance.random() < 0.08,
                items={f"line-{position}": chance.randint(1, 3)} if is_listed else {},
            )
        )
    ordered = {line: quantity for parcel in parcels for line, quantity in parcel.items.items()} or {"line-0": 2}
    if is_listed and chance.random() < 0.3:
        ordered["line-on-its-way"] = 1
    return Order(f"{chance.getrandbits(32):08x}-0000-4000-9000-{number:012d}", project, f"S-{number}", ordered, parcels)


def make_shipment(chance: random.Random, serial: int) -> Shipment:
    carrier = chance.choice(list(CARRIERS))
    subtags = START[: chance.randint(0, 3)] + chance.choices(ANYTHING, k=chance.randint(0, 8))
    if chance.random() < 0.8:
        subtags.append(chance.choice(ENDS))
    scans, second, minute = [], 0, chance.randint(0, 600)
    for position, subtag in enumerate(subtags):
        second += chance.choice([0, 1, 1, 7, 60, 3600]) if position else 1
        minute += chance.randint(1, 700)
        courier = chance.choice(CORRECTIONS) if chance.random() < 0.03 else ""
        eta = f"2026-12-{chance.randint(1, 28):02d}" if chance.random() < 0.15 else ""
        scans.append(Scan(subtag, second, minute, f"scan {position} of {serial}", courier, eta))
    return Shipment(f"00340{serial:015d}", carrier, scans)


def share_number(chance: random.Random, orders: list[Order], order: Order) -> None:
    """One box, two orders: the first parcel shows the number of another order's parcel of the same project."""
    others = [
        parcel
        for other in orders[-50:]
        for parcel in other.parcels
        if other.project == order.project and len(parcel.shipments) == 1 and not parcel.is_return
    ]
    if others:
        order.parcels[0].shipments = [chance.choice(others).shipments[0]]
