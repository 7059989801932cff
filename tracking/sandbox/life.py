"""A merchant's day in the sandbox: orders come in, warehouses pack, carriers scan. What ``make demo`` shows.

Everything happens through the sandbox's control API, as if other systems did it: the shop, the warehouse, the carrier.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from typing import Any

from tracking.sandbox.client import SandboxClient

Way = list[tuple[str, str, str]]

INFO = ("InfoReceived", "InfoReceived_001", "Label created")
MOVING = ("InTransit", "InTransit_002", "Accepted by the carrier")
HUB = ("InTransit", "InTransit_003", "Arrived at the sorting centre")
OUT = ("OutForDelivery", "OutForDelivery_001", "Out for delivery")
DELIVERED = ("Delivered", "Delivered_001", "Delivered")
WAYS: list[tuple[int, Way]] = [
    (10, [INFO, MOVING, HUB, OUT, DELIVERED]),
    (3, [INFO, MOVING, ("Exception", "Exception_017", "Delayed by snow"), HUB, OUT, DELIVERED]),
    (2, [INFO, MOVING, OUT, ("AttemptFail", "AttemptFail_002", "Nobody there"), OUT, DELIVERED]),
    (2, [INFO, MOVING, HUB, ("AvailableForPickup", "AvailableForPickup_001", "At the pick-up point"), DELIVERED]),
    (
        1,
        [
            INFO,
            MOVING,
            ("Exception", "Exception_010", "Refused, on its way back"),
            ("Exception", "Exception_011", "Back"),
        ],
    ),
    (1, [INFO, MOVING, ("Exception", "Exception_013", "Lost")]),
]

GOODS: list[tuple[str, dict[str, str]]] = [
    ("BOOT-42", {"de": "Wanderschuh, Größe 42", "en": "Hiking boot, size 42"}),
    ("SOCK-2", {"de": "Wollsocken", "en": "Wool socks"}),
    ("TENT-1", {"de": "Zelt für zwei Personen", "en": "Two-person tent"}),
    ("LAMP-3", {"de": "Stirnlampe", "en": "Head torch"}),
    ("FLASK-1", {"de": "Thermosflasche, 0,7 l", "en": "Vacuum flask, 0.7 l"}),
]


@dataclass(frozen=True)
class Storefront:
    """One store of the demo: whose account its parcels go to, and how it ships."""

    store: str
    account: str
    country: str
    locale: str
    postal_code: str
    carriers: tuple[tuple[str, str], ...]  # carrier text, pattern of its numbers (# is a digit)


@dataclass
class Shipment:
    """A parcel on its way, and the scans that are still to come."""

    order_id: str
    parcel_id: str
    front: Storefront
    number: str
    carrier: str
    has_number: bool
    way: Way = field(default_factory=list)


class Life:
    """Moves the demo one small step at a time; ``step`` is called every second or so."""

    def __init__(self, sandbox: SandboxClient, project: str, fronts: list[Storefront], seed: int) -> None:
        self.sandbox, self.project, self.fronts = sandbox, project, fronts
        self.chance = random.Random(seed)
        self.orders = 0
        self.shipments: list[Shipment] = []

    def step(self) -> None:
        """A new order now and then, otherwise the next thing that happens to a parcel."""
        open_shipments = [one for one in self.shipments if one.way]
        if len(open_shipments) < 4 or (len(open_shipments) < 14 and self.chance.random() < 0.25):
            self.new_order()
        else:
            self.move(self.chance.choice(open_shipments))

    def new_order(self) -> None:
        """The shop takes an order; the warehouse makes one to three parcels, some of them without a number yet."""
        front = self.fronts[self.orders % len(self.fronts)]
        self.orders += 1
        parcels = [self.new_shipment(front) for _ in range(self.chance.choice((1, 1, 2, 3)))]
        order = self.sandbox.create_order(
            self.project,
            orderNumber=f"{front.store[:2].upper()}-{1000 + self.orders}",
            customerEmail=f"shopper{self.orders}@example.com",
            locale=front.locale,
            store={"typeId": "store", "key": front.store},
            shippingAddress={"country": front.country, "postalCode": front.postal_code},
            lineItems=[self.line_item(position) for position, _ in enumerate(parcels)],
            shippingInfo={"deliveries": [{"items": [], "parcels": [self.draft(*one) for one in enumerate(parcels)]}]},
        )
        for shipment in parcels:
            shipment.order_id = order["id"]
        self.shipments += parcels

    def line_item(self, position: int) -> dict[str, Any]:
        sku, names = GOODS[(self.orders + position) % len(GOODS)]
        return {"id": f"item-{position}", "quantity": 1, "name": names, "variant": {"id": 1, "sku": sku}}

    def new_shipment(self, front: Storefront) -> Shipment:
        carrier, pattern = self.chance.choice(front.carriers)
        number = "".join(str(self.chance.randrange(10)) if sign == "#" else sign for sign in pattern)
        way = list(self.chance.choices([way for _, way in WAYS], [weight for weight, _ in WAYS])[0])
        return Shipment("", str(uuid.uuid4()), front, number, carrier, self.chance.random() < 0.7, way)

    def draft(self, position: int, shipment: Shipment) -> dict[str, Any]:
        items = [{"id": f"item-{position}", "quantity": 1}]
        data = {"trackingId": shipment.number, "carrier": shipment.carrier}
        return {"id": shipment.parcel_id, "items": items} | ({"trackingData": data} if shipment.has_number else {})

    def move(self, shipment: Shipment) -> None:
        """The warehouse adds the missing number, or the carrier scans the parcel once AfterShip tracks it."""
        if not shipment.has_number:
            data = {"trackingId": shipment.number, "carrier": shipment.carrier}
            action = {"action": "setParcelTrackingData", "parcelId": shipment.parcel_id, "trackingData": data}
            self.sandbox.foreign_update(self.project, shipment.order_id, action)
            shipment.has_number = True
            return
        known = {one["tracking_number"]: one["id"] for one in self.sandbox.trackings(shipment.front.account)}
        if shipment.number in known:
            tag, subtag, message = shipment.way.pop(0)
            self.sandbox.scan(shipment.front.account, known[shipment.number], tag, subtag, message=message)
