"""A shop at the sandbox's upstreams, known to us: orders of three parcels, and the news that AfterShip has of them."""

from __future__ import annotations

import json
import random
import uuid
from dataclasses import dataclass
from typing import Any

from config.correlation import new_correlation_id
from stores.models import AfterShipAccount, CarrierMapping, Courier, Project, RateBudget, Route
from tests.benchmarks.seed import PARCELS_PER_ORDER, REPEATS
from tracking.clients.aftership import RATES
from tracking.enums import Source
from tracking.models import Tracking
from tracking.sandbox.client import SandboxClient
from tracking.services.pump import drain_everything
from tracking.services.receive import store_receipts
from tracking.services.setup import set_up

KEY = "bench-shop"
STEPS = (
    ("InfoReceived", "InfoReceived_001"),
    ("InTransit", "InTransit_002"),
    ("OutForDelivery", "OutForDelivery_001"),
    ("Delivered", "Delivered_001"),
)


@dataclass
class Judgement:
    """What commercetools saw, by the sandbox's own journal, while ``events`` were handled."""

    events: int
    calls: int
    writes: int
    repeated_writes: int
    changed_states: int
    wrong_parcels: int
    parcels: int

    def per_event(self) -> str:
        return f"{self.calls / self.events:.2f}"

    def per_change(self) -> str:
        return f"{self.calls / self.changed_states:.2f}"

    def faults(self) -> str:
        wrong = f"{self.wrong_parcels} of {self.parcels} parcels wrong in the end"
        return f"{self.repeated_writes} of {self.writes} writes changed nothing, {wrong}"


class Shop:
    """One project and one account. AfterShip's rate limit is off: calls are counted here, not limits."""

    def __init__(self, url: str) -> None:
        self.control = SandboxClient(url)
        self.control.project(KEY, client_id="id", client_secret="secret")
        self.control.account(KEY, api_key="asat_bench")
        self.control.set_dials(aftership={"rate_limit": False})
        self.project = Project.objects.create(
            key=KEY, api_url=url, auth_url=url, client_id="id", client_secret="secret"
        )
        self.account = AfterShipAccount.objects.create(key=KEY, api_url=url, api_key="asat_bench")
        Route.objects.create(project=self.project, account=self.account)
        courier, _ = Courier.objects.get_or_create(slug="dhl-germany")
        CarrierMapping.objects.create(carrier="DHL", courier=courier)
        for endpoint in RATES:
            RateBudget.objects.create(account=self.account, endpoint=endpoint, per_second=100_000)
        list(set_up(self.project))
        self.heard = 0
        self.numbers = 0

    def sell(self, orders: int) -> list[str]:
        """New orders, collected, their trackings opened and noted on the parcels; the ids of the orders."""
        ids = [self.control.create_order(KEY, **self.draft())["id"] for _ in range(orders)]
        self.hear()
        return ids

    def draft(self) -> dict[str, Any]:
        parcels = []
        for _ in range(PARCELS_PER_ORDER):
            self.numbers += 1
            data = {"trackingId": f"00340434{self.numbers:012d}", "carrier": "DHL", "isReturn": False}
            parcels.append({"id": str(uuid.uuid4()), "trackingData": data})
        return {
            "orderNumber": f"BENCH-{self.numbers}",
            "shippingAddress": {"country": "DE", "postalCode": "10115", "city": "Berlin"},
            "lineItems": [{"id": "li-1", "quantity": 3}],
            "shippingInfo": {"deliveries": [{"id": str(uuid.uuid4()), "items": [], "parcels": parcels}]},
        }

    def hear(self) -> None:
        """Take in the messages that commercetools has sent since, and work until nothing is due."""
        messages = self.control.messages(KEY)
        bodies = [json.dumps(message).encode() for message in messages[self.heard :]]
        self.heard = len(messages)
        store_receipts(Source.COMMERCETOOLS, KEY, bodies, {}, new_correlation_id())
        drain_everything()

    def news(self, orders: list[str]) -> list[bytes]:
        """The webhooks of every step of every parcel of these orders, shuffled, a tenth of them twice."""
        bodies = []
        for tracking in Tracking.objects.filter(parcels__order__commercetools_id__in=orders):
            for tag, subtag in STEPS:
                scanned = self.control.scan(KEY, tracking.pk, tag, subtag, webhook=False)["tracking"]
                event = {"event": "tracking_update", "event_id": str(uuid.uuid4()), "ts": 1_795_430_401, "msg": scanned}
                bodies.append(json.dumps(event).encode())
        chance = random.Random(7)
        bodies += chance.sample(bodies, round(len(bodies) * REPEATS))
        chance.shuffle(bodies)
        return bodies

    def mark(self) -> int:
        """A point in the journal to judge from."""
        return max((entry["n"] for entry in self.control.journal()), default=0)

    def judge(self, orders: list[str], events: int, since: int) -> Judgement:
        """What happened to these orders at commercetools after ``since``, and whether each parcel is right now."""
        entries = self.control.journal("commercetools", since)
        calls = [entry for entry in entries if not entry["path"].startswith("/oauth")]
        writes = [entry for entry in calls if entry["method"] == "POST" and entry["status"] == 200]
        changed = {
            (entry["n"], change["parcel_id"])
            for entry in writes
            for change in entry["changes"]
            if "parcel_id" in change
        }
        truth = {tracking["tracking_number"]: tracking["subtag"] for tracking in self.control.trackings(KEY)}
        parcels = [parcel for order in orders for parcel in self.parcels(order)]
        wrong = [one for one in parcels if said_on(one) != truth[one["trackingData"]["trackingId"]]]
        return Judgement(
            events=events,
            calls=len(calls),
            writes=len(writes),
            repeated_writes=sum(not entry["changes"] for entry in writes),
            changed_states=len(changed),
            wrong_parcels=len(wrong),
            parcels=len(parcels),
        )

    def parcels(self, order_id: str) -> list[dict[str, Any]]:
        deliveries = self.control.order(KEY, order_id)["shippingInfo"]["deliveries"]
        return [parcel for delivery in deliveries for parcel in delivery["parcels"]]


def said_on(parcel: dict[str, Any]) -> str | None:
    return (parcel.get("custom") or {}).get("fields", {}).get("tb_subtag")
