"""Orders as shoppers have them: two boxes, what is not shipped yet, and a return. For the tests of their pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from stores.models import Brand, Route
from tests import factories as make
from tracking.enums import ParcelStatus
from tracking.models import Order, Parcel
from tracking.services.links import link_token

ITEMS = {"boot": 1, "sock": 2}
WORDS = {
    "boot": {"sku": "BOOT-42", "name": {"de": "Wanderschuh", "en": "Hiking boot"}},
    "sock": {"sku": "SOCK-1", "name": {"de": "Socke"}},
}


def make_branded(**facts: Any) -> tuple[Brand, Route]:
    """A brand that speaks English and German, and the route of a store that leads to it."""
    brand = make.make_brand(**{"locales": ["en", "de"], "colour": "#0b5fff"} | facts)
    project = make.make_project()
    return brand, make.make_route(project, store=make.make_store(project), brand=brand)


def make_shopped(route: Route | None = None, **facts: Any) -> Order:
    """An order of a boot and two socks, of the route's store."""
    route = route or make_branded()[1]
    defaults = {"items": ITEMS, "item_words": WORDS, "store": route.store, "locale": "en-GB"}
    return make.make_order(route.project, **defaults | facts)


def ship(order: Order, status: ParcelStatus = ParcelStatus.IN_TRANSIT, *, steps: int = 3, **facts: Any) -> Parcel:
    """A parcel of the order, with so many of the usual scans. ``facts``: of its tracking, or items, is_return."""
    own = {name: facts.pop(name) for name in ("items", "route", "carrier", "is_return") if name in facts}
    route = own.pop("route", None) or order.store.routes.first()
    now = timezone.now()
    is_return = own.get("is_return", False)
    tracking = make.make_tracking(
        route.account, **{"status": status, "received_at": now, "is_return": is_return, "subtag": ""} | facts
    )
    for step in range(steps):
        make.make_checkpoint(tracking, step=step, at=now - timedelta(hours=30 - 5 * step))
    return make.make_parcel(order, tracking, route=route, **own)


def path_of(order: Order) -> str:
    return f"/track/{link_token(order)}/"
