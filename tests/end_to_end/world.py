"""A whole little world for end-to-end tests: both upstreams (the sandbox) and our web server over real HTTP.

Workers run in the test's own process by ``work()``, as ``manage.py work --once`` does; ``test_processes.py`` runs the
real ones.
"""

from __future__ import annotations

import uuid
from typing import Any

from stores.models import AfterShipAccount, CarrierMapping, Courier, Project, Route, Store
from tracking.models import Order, Tracking
from tracking.sandbox.client import SandboxClient
from tracking.sandbox.server import Sandbox
from tracking.services.pump import drain_everything
from tracking.services.setup import set_up
from tracking.webhooks.authentication import forget

PATIENCE_SECONDS = 120
TOKEN, SECRET = "inbound-token-of-demo", "webhook-secret-of-main"


class World:
    """One project ``demo``, one account ``main``; DHL is mapped to ``dhl-germany``, UPS to ``ups``."""

    def __init__(self, sandbox: Sandbox, own_url: str) -> None:
        forget()
        self.sandbox = SandboxClient(sandbox.url)
        self.own_url = own_url
        self.sandbox.project(
            "demo",
            client_id="id",
            client_secret="secret",
            push={"url": f"{own_url}/webhooks/commercetools/demo/", "token": TOKEN},
            stores=[{"key": "de-web"}, {"key": "en-web"}],
        )
        self.sandbox.account(
            "main", api_key="asat_main", webhook={"url": f"{own_url}/webhooks/aftership/main/", "secret": SECRET}
        )
        self.sandbox.set_dials(webhooks={"retry_base_seconds": 0.05}, aftership={"rate_limit": False})
        self.project = Project.objects.create(
            key="demo",
            api_url=sandbox.url,
            auth_url=sandbox.url,
            client_id="id",
            client_secret="secret",
            inbound_secret=TOKEN,
        )
        self.account = AfterShipAccount.objects.create(
            key="main", api_url=sandbox.url, api_key="asat_main", webhook_secret=SECRET
        )
        self.route = Route.objects.create(project=self.project, account=self.account)
        for carrier, slug in {"DHL": "dhl-germany", "UPS": "ups"}.items():
            courier, _ = Courier.objects.get_or_create(slug=slug)
            CarrierMapping.objects.create(carrier=carrier, courier=courier)
        list(set_up(self.project))
        assert Store.objects.filter(project=self.project, imported_at__isnull=False).count() == 2

    def work(self) -> None:
        """Until nothing moves any more: what was sent has arrived, and what arrived was worked."""
        while True:
            self.sandbox.wait_idle(PATIENCE_SECONDS)
            done = drain_everything()
            if not done.receipts and not done.jobs and not self.sandbox.idle()["outstanding"]:
                return

    # -- commercetools

    def order(self, *parcels: dict[str, Any], number: str = "DE-1001", **facts: Any) -> dict[str, Any]:
        """Create an order with these parcels (see ``parcel``) in one delivery."""
        draft = {
            "orderNumber": number,
            "customerEmail": "anna.muster@example.com",
            "locale": "de-DE",
            "store": {"typeId": "store", "key": "de-web"},
            "shippingAddress": {"country": "DE", "postalCode": "10115", "city": "Berlin"},
            "lineItems": [{"id": "li-1", "quantity": 3}],
            "shippingInfo": {"deliveries": [{"id": str(uuid.uuid4()), "items": [], "parcels": list(parcels)}]},
        }
        return self.sandbox.create_order("demo", **(draft | facts))

    def change(self, order: dict[str, Any], *actions: dict[str, Any]) -> dict[str, Any]:
        """Somebody else updates the order."""
        return self.sandbox.foreign_update("demo", order["id"], *actions)

    def carried(self, order: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Our fields on each parcel in commercetools, by parcel id."""
        now = self.sandbox.order("demo", order["id"])
        parcels = [parcel for delivery in now["shippingInfo"]["deliveries"] for parcel in delivery["parcels"]]
        return {parcel["id"]: (parcel.get("custom") or {}).get("fields", {}) for parcel in parcels}

    def order_fields(self, order: dict[str, Any]) -> dict[str, Any]:
        """Our fields on the order in commercetools, and its shipmentState."""
        now = self.sandbox.order("demo", order["id"])
        return (now.get("custom") or {}).get("fields", {}) | {"shipmentState": now.get("shipmentState")}

    def writes(self, since: int = 0) -> list[dict[str, Any]]:
        """Order updates that commercetools took, in order, with what each changed: the sandbox's own record."""
        entries = self.sandbox.journal("commercetools", since)
        return [
            one for one in entries if one["method"] == "POST" and "/orders/" in one["path"] and one["status"] == 200
        ]

    def calls(self, upstream: str, since: int = 0) -> list[str]:
        """Calls that reached an upstream, without those for tokens: "GET /demo/orders/…"."""
        entries = self.sandbox.journal(upstream, since)
        return [f"{one['method']} {one['path']}" for one in entries if not one["path"].startswith("/oauth")]

    def mark(self) -> int:
        """A point in the sandbox's journal, to count from."""
        return max((one["n"] for one in self.sandbox.journal()), default=0)

    # -- AfterShip

    def scan(self, tracking: Tracking, tag: str, subtag: str | None = None, **scan: Any) -> dict[str, Any]:
        """The carrier scans the parcel: AfterShip learns of it and sends its webhook."""
        return self.sandbox.scan(tracking.account.key, tracking.pk, tag, subtag, **scan)

    # -- ours

    def our_order(self, order: dict[str, Any]) -> Order:
        return Order.objects.get(commercetools_id=order["id"])

    def tracking(self, number: str) -> Tracking:
        return Tracking.objects.select_related("account").get(tracking_number=number, retired_at=None)


def parcel(number: str | None, carrier: str | None = "DHL", **more: Any) -> dict[str, Any]:
    """A parcel draft with its tracking data."""
    data = {"trackingId": number, "carrier": carrier, "isReturn": more.pop("is_return", False)}
    parcel_id = more.pop("id", None) or str(uuid.uuid4())
    return {"id": parcel_id, "trackingData": {name: one for name, one in data.items() if one is not None}, **more}
