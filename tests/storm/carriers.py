"""The carriers and the shop at work: orders appear, numbers come late or change, rivals edit, parcels are scanned, and
the news of it waits in a pool from which it is drawn in any order.

Everything goes through the sandbox's control API. AfterShip's own state follows the scans in order; a webhook's body is
AfterShip's state at its scan.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.storm.generator import Order, Parcel, Shipment, World
from tracking.sandbox.client import SandboxClient

ACTIVE_SHIPMENTS = 120
AGAIN, REWRAPPED = 0.15, 0.10
LOOK_SECONDS = 0.7


@dataclass(frozen=True)
class Webhook:
    """One webhook as AfterShip would send it."""

    account: str
    event_id: str
    body: bytes


@dataclass
class Carriers:
    """Plays a world; ``draw`` gives the next webhook to send, or None where there is none yet."""

    world: World
    sandbox: SandboxClient
    chance: random.Random
    window: int = 150
    pool: list[Webhook] = field(default_factory=list)
    weights: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.orders = list(reversed(self.world.orders))
        self.accounts = self.world.shipments()
        self.position: dict[Shipment, int] = {}
        self.ids: dict[tuple[str, str], str] = {}
        self.active: list[Shipment] = []  # AfterShip tracks it, scans to come
        self.expected: set[Shipment] = set()  # a parcel shows it, AfterShip does not track it yet
        self.owners: dict[Shipment, list[tuple[Order, Parcel]]] = {}
        self.silent: list[tuple[Order, Parcel]] = []  # waits for its number
        self.replaced: set[Shipment] = set()
        self.looked_at = 0.0

    @property
    def is_over(self) -> bool:
        return not (self.orders or self.active or self.expected or self.silent or self.pool)

    def draw(self) -> Webhook | None:
        """Let a little happen, then give a webhook of the pool: any, so that news overtakes news."""
        self.happen()
        while len(self.pool) < self.window and self.active:
            self.scan(self.chance.choice(self.active))
        is_ready = len(self.pool) >= self.window or not (self.orders or self.active or self.expected or self.silent)
        if not self.pool or not (is_ready or self.chance.random() < 0.5):
            return None
        place = self.chance.randrange(len(self.pool))
        self.pool[place], self.pool[-1] = self.pool[-1], self.pool[place]
        return self.pool.pop()

    def happen(self) -> None:
        """A new order while few parcels are under way, a late number, a rival's edit; and look what is tracked now."""
        if self.orders and len(self.active) + len(self.expected) < ACTIVE_SHIPMENTS:
            self.place(self.orders.pop())
        if self.silent and (self.chance.random() < 0.05 or not self.orders):
            order, parcel = self.silent.pop(0)
            self.show(order, parcel, parcel.shipments[0])
        if self.chance.random() < 0.05 and self.owners:
            self.rival_edit()
        if self.expected and time.monotonic() > self.looked_at + LOOK_SECONDS:
            self.look()

    def place(self, order: Order) -> None:
        drafts = []
        for parcel in order.parcels:
            draft = {"id": parcel.id, "items": [{"id": line, "quantity": n} for line, n in parcel.items.items()]}
            if parcel.is_late:
                self.silent.append((order, parcel))
            else:
                draft["trackingData"] = tracking_data(parcel, parcel.shipments[0])
                self.expect(order, parcel, parcel.shipments[0])
            drafts.append(draft)
        self.sandbox.create_order(
            order.project,
            id=order.id,
            orderNumber=order.number,
            customerEmail="shopper@example.com",
            shippingAddress={"country": "DE", "postalCode": "10115", "city": "Berlin"},
            lineItems=[{"id": line, "quantity": quantity} for line, quantity in order.ordered.items()],
            shippingInfo={"deliveries": [{"items": [], "parcels": drafts}]},
        )

    def show(self, order: Order, parcel: Parcel, shipment: Shipment) -> None:
        """The warehouse writes a number on the parcel."""
        self.expect(order, parcel, shipment)
        data = tracking_data(parcel, shipment)
        action = {"action": "setParcelTrackingData", "parcelId": parcel.id, "trackingData": data}
        self.sandbox.foreign_update(order.project, order.id, action)

    def expect(self, order: Order, parcel: Parcel, shipment: Shipment) -> None:
        self.owners.setdefault(shipment, []).append((order, parcel))
        if shipment not in self.position:
            self.position[shipment] = 0
            self.expected.add(shipment)

    def rival_edit(self) -> None:
        """Somebody weighs a parcel: the edit has to survive all of ours."""
        order, parcel = self.chance.choice(self.owners[self.chance.choice(list(self.owners))])
        weight = self.chance.randrange(1, 1_000_000)
        measurements = {"weightInGram": weight}
        action = {"action": "setParcelMeasurements", "parcelId": parcel.id, "measurements": measurements}
        self.sandbox.foreign_update(order.project, order.id, action)
        self.weights[parcel.id] = (order.project, order.id, weight)

    def look(self) -> None:
        """Which of the expected numbers does AfterShip track by now?"""
        for account in {self.accounts[shipment] for shipment in self.expected}:
            for one in self.sandbox.trackings(account):
                self.ids[account, one["tracking_number"]] = one["id"]
        for shipment in sorted(self.expected, key=lambda one: one.number):
            if (self.accounts[shipment], shipment.number) in self.ids:
                self.expected.remove(shipment)
                if shipment.scans:
                    self.active.append(shipment)
                else:
                    self.replace(shipment)
        self.looked_at = time.monotonic()

    def scan(self, shipment: Shipment) -> None:
        """The carrier scans the parcel; the news goes into the pool, sometimes twice, sometimes under a new id."""
        scan = shipment.scans[self.position[shipment]]
        document = self.sandbox.scan(
            self.accounts[shipment],
            self.ids[self.accounts[shipment], shipment.number],
            scan.tag,
            scan.subtag,
            webhook=False,
            message=scan.message,
            checkpoint_time=scan.time(self.world.base),
            updated_at=scan.updated_at(self.world.base),
            **({"courier": scan.courier} if scan.courier else {}),
            **({"eta": f"{scan.eta}T12:00:00+01:00"} if scan.eta else {}),
        )["tracking"]
        news = self.webhook(self.accounts[shipment], document)
        self.pool.append(news)
        if self.chance.random() < AGAIN:
            self.pool.append(news)
        if self.chance.random() < REWRAPPED:
            self.pool.append(self.webhook(self.accounts[shipment], document))
        self.position[shipment] += 1
        if self.position[shipment] == len(shipment.scans):
            self.active.remove(shipment)
            self.replace(shipment)

    def webhook(self, account: str, document: dict[str, Any]) -> Webhook:
        event_id = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        body = {"event": "tracking_update", "event_id": event_id, "ts": int(time.time()), "msg": document}
        return Webhook(account, event_id, json.dumps(body).encode())

    def replace(self, shipment: Shipment) -> None:
        """Parcels that change their number get the next one once the first was scanned to its end."""
        for order, parcel in list(self.owners[shipment]):
            at = parcel.shipments.index(shipment)
            if at + 1 < len(parcel.shipments):
                self.show(order, parcel, parcel.shipments[at + 1])

    def lost_edits(self) -> list[str]:
        """Edits of the rival that are not there any more."""
        lost = []
        for parcel_id, (project, order_id, weight) in self.weights.items():
            deliveries = self.sandbox.order(project, order_id)["shippingInfo"]["deliveries"]
            parcel = next(one for each in deliveries for one in each["parcels"] if one["id"] == parcel_id)
            if parcel.get("measurements", {}).get("weightInGram") != weight:
                lost.append(f"the rival's edit of parcel {parcel_id} is gone")
        return lost


def tracking_data(parcel: Parcel, shipment: Shipment) -> dict[str, Any]:
    return {"trackingId": shipment.number, "carrier": shipment.carrier, "isReturn": parcel.is_return}
