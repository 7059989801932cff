"""A store before it goes live: its newest orders are tried on the rules, without storing or opening anything."""

from __future__ import annotations

from typing import Any

import pytest

from stores.models import Route, Store
from tests.end_to_end.world import World, parcel
from tests.factories import make_brand
from tracking.enums import Area, Health, RunKind
from tracking.models import Order, Run, Tracking
from tracking.services.doctor.examine import store_subject, whole
from tracking.services.doctor.findings import is_go

OTHER = {"store": {"typeId": "store", "key": "en-web"}, "shippingAddress": {"country": "GB", "postalCode": "N1 9GU"}}


@pytest.fixture
def store(world: World) -> Store:
    """``de-web``, whose messages have not reached us yet: three orders are in commercetools only."""
    world.sandbox.project("demo", push=None)
    world.order(parcel("00340434161094000001"), number="DE-1")
    world.order(parcel("JD000000001GB", "Pigeon Express"), number="DE-2")
    world.order(number="DE-3")
    world.order(parcel("JD000000002GB", "Owl Post"), number="EN-1", **OTHER)
    return Store.objects.select_related("project").get(key="de-web")


def examined(store: Store) -> dict[str, tuple[str, str]]:
    """Of the store's own part: state and words by area; where there are several of one, the worst."""
    run = whole(store_subject(store))
    found: dict[str, tuple[str, str]] = {}
    for one in run.findings[store_subject(store)]:
        if one["area"] not in found or one["state"] == Health.BROKEN:
            found[one["area"]] = (one["state"], one["words"])
    return found


def test_it_tells_which_carriers_nobody_knows_and_stores_nothing(world: World, store: Store) -> None:
    found = examined(store)
    assert found[Area.STORE][0] == Health.FINE
    assert found[Area.ORDERS] == (Health.FINE, "Tried: 2 parcels of its 3 newest orders.")
    assert found[Area.ROUTES][1] == "Every one of 2 parcels finds a route, by 1 of them."
    words = "1 of 2 parcels name a carrier that nothing maps: Pigeon Express (1)."
    assert found[Area.CARRIERS] == (Health.WARNING, words)
    assert (Order.objects.count(), Tracking.objects.count()) == (0, 0)


def test_a_parcel_without_a_route_is_a_no_go(world: World, store: Store) -> None:
    Route.objects.update(countries=["AT"])
    found = examined(store)
    assert found[Area.ROUTES] == (Health.BROKEN, "No route takes 2 of 2 parcels: parcel to DE (2).")
    assert not is_go(one for part in Run.objects.get(kind=RunKind.DOCTOR).findings.values() for one in part)


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        ({"notify": "platform"}, Health.BROKEN, "1 routes write to shoppers without a brand."),
        ({"notify": "off"}, Health.FINE, "Nobody writes to its shoppers, as its routes say."),
        ({"notify": "platform", "brand": "acme"}, Health.FINE, "It speaks as Acme."),
    ],
)
def test_a_store_that_writes_needs_a_brand(
    world: World, store: Store, facts: dict[str, Any], state: str, words: str
) -> None:
    if "brand" in facts:
        facts = facts | {"brand": make_brand(key="acme", name="Acme")}
    Route.objects.update(**facts)
    assert examined(store)[Area.BRAND] == (state, words)


def test_a_store_without_orders_is_told_how_to_try(world: World, store: Store) -> None:
    other = Store.objects.create(project=store.project, key="new-web")
    found = examined(other)
    assert found[Area.STORE][1] == "It was named here, and never read from commercetools."
    assert found[Area.CARRIERS][0] == Health.WARNING
