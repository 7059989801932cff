"""A person is erased: nothing of theirs is left here or at AfterShip, figures stay, and nothing brings it back."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from stores.models import Courier
from tests.end_to_end.world import World, parcel
from tracking.enums import JobKind, StaffActionKind
from tracking.models import Attempt, Erasure, Job, Order, Receipt, StaffAction, Tracking
from tracking.services.erase import plan_erasure, run_erasure, start_erasure
from tracking.services.remap import start_remap

WITH_FIGURES = True
NUMBER, SHARED = "00340434161094000001", "00340434161094000002"
ANNA, BORIS = "anna.muster@example.com", "boris@example.com"
HOME, WORK = "SW1Y 5QT", "WC2N 5DU"  # digits alone would stand in some id or microsecond by chance
HERS = [ANNA, HOME, "Berlin", "Nachbar Krause", WORK]
FIGURES = ["status", "tag", "subtag", "courier", "clocks", "first_scan_at", "delivered_at", "eta"]
APPS = ("stores", "tracking", "analytics")


def everything() -> str:
    """All that our tables hold, as text; the address of who asked for something else is not among it."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model._meta.app_label in APPS:
                cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
                found.append(
                    str([[bytes(v) if isinstance(v, memoryview) else v for v in r] for r in cursor.fetchall()])
                )
    return "\n".join(found)


@pytest.fixture
def annas(world: World) -> tuple[World, dict[str, Any]]:
    """Anna's order, delivered to a neighbour, with a postcode corrected by hand; another one shared with Boris."""
    Courier.objects.update(imported_at=timezone.now())
    order = world.order(parcel(NUMBER), shippingAddress={"country": "GB", "postalCode": HOME, "city": "Berlin"})
    world.work()
    start_remap(
        [Order.objects.get().parcels.get().pk],
        {"fields": {"destination_postal_code": WORK}},
        actor=None,
        reason="the shopper of Berlin called",
    )
    world.work()
    place = {"city": "Berlin", "postal_code": HOME, "country_region": "GBR"}
    world.scan(world.tracking(NUMBER), "InTransit", location=place)
    world.scan(world.tracking(NUMBER), "Delivered", message="Handed to Nachbar Krause.", location=place)
    world.work()
    assert all(word in everything() for word in HERS), "there is something to erase"
    return world, order


def figures() -> list[dict[str, Any]]:
    return list(Tracking.objects.order_by("pk").values(*FIGURES))


def test_nothing_of_her_is_left_here_or_at_aftership_and_figures_stay(annas: tuple[World, dict[str, Any]]) -> None:
    world, order = annas
    before = figures()
    plan = plan_erasure(" Anna.Muster@example.com ")
    assert (plan.orders, plan.parcels, plan.under_way, plan.at_aftership, plan.stores) == (1, 1, 0, 1, ["de-web"])
    erasure = start_erasure(ANNA, actor=None, reason="asked for it")
    world.work()
    erasure.refresh_from_db()
    assert erasure.finished_at is not None
    left = everything()
    assert [(line[:800], word) for line in left.splitlines() for word in HERS if word in line] == []
    assert world.sandbox.trackings("main") == []
    assert figures() == before
    (carried,) = world.carried(order).values()
    assert carried["tb_status"] == "delivered"
    assert not {"tb_message", "tb_location"} & carried.keys(), "not in our fields in commercetools either"
    assert erasure.counts["orders"] == 1
    assert erasure.counts["receipts"] > 0
    assert erasure.counts["checkpoints"] == 2
    assert StaffAction.objects.get(kind=StaffActionKind.ERASE).reason == "asked for it"


def test_nothing_brings_it_back(annas: tuple[World, dict[str, Any]]) -> None:
    world, order = annas
    start_erasure(ANNA, actor=None, reason="asked for it")
    world.work()
    codes = list(Order.objects.values_list("correlation_id", flat=True))
    world.change(order, {"action": "changeOrderState", "orderState": "Confirmed"})
    added = {"id": "p-2", "trackingData": {"trackingId": SHARED, "carrier": "DHL"}}
    delivery = world.sandbox.order("demo", order["id"])["shippingInfo"]["deliveries"][0]["id"]
    world.change(order, {"action": "addParcelToDelivery", "deliveryId": delivery, **added})
    world.work()
    assert not Receipt.objects.exclude(body=b"").exists(), "what comes in about her is read, and not kept"
    assert not Attempt.objects.exclude(response_excerpt="").filter(correlation_id__in=codes).exists()
    ours = Order.objects.get()
    assert ours.order_state == "Confirmed"
    assert (ours.customer_email, ours.destination_city, ours.destination_postal_code) == ("", "", "")
    assert world.sandbox.trackings("main") == [], "nothing is opened for her any more"
    assert [word for word in (ANNA, HOME) if word in json.dumps(list(Order.objects.values()), default=str)] == []


def test_what_others_share_stays(annas: tuple[World, dict[str, Any]]) -> None:
    world, _order = annas
    world.order(parcel(SHARED), number="DE-1002")
    world.order(parcel(SHARED), number="DE-1003", customerEmail=BORIS)
    world.work()
    world.scan(world.tracking(SHARED), "InTransit", message="Handed in.")
    world.work()
    start_erasure(ANNA, actor=None, reason="asked for it")
    world.work()
    box = Tracking.objects.get(tracking_number=SHARED)
    assert (box.retired_at, box.last_message) == (None, "Handed in.")
    assert [one["tracking_number"] for one in world.sandbox.trackings("main")] == [SHARED]
    assert Order.objects.get(order_number="DE-1003").customer_email == BORIS
    assert Erasure.objects.get().counts["trackings shared with other people"] == 1


def test_it_is_interrupted_repeated_and_asked_for_twice(
    annas: tuple[World, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _order = annas
    world.order(number="DE-1002")
    world.work()
    monkeypatch.setattr("tracking.services.erase.RUN_SECONDS", 0.0)
    first = start_erasure(ANNA, actor=None, reason="asked for it")
    assert start_erasure(ANNA, actor=None, reason="asked for it again").pk == first.pk
    run_erasure(first.pk)
    assert Order.objects.filter(erasure=None).count() == 2, "no time: it wishes for another run"
    monkeypatch.undo()
    world.work()
    first.refresh_from_db()
    assert (first.counts["orders"], first.finished_at is None, first.email) == (2, False, None)
    run_erasure(first.pk)
    assert Job.objects.get(kind=JobKind.ERASE).dead_at is None
    with pytest.raises(ValueError, match="No order"):
        start_erasure(ANNA, actor=None, reason="once more")


def test_the_command_plans_erases_and_finds_the_certificate_again(annas: tuple[World, dict[str, Any]]) -> None:
    def run(*arguments: str) -> str:
        out = StringIO()
        call_command("erase_customer", *arguments, stdout=out)
        return out.getvalue()

    assert run(ANNA, "--plan").startswith("1 orders with 1 parcels; 0 of them still on their way")
    with pytest.raises(CommandError, match="--reason"):
        run(ANNA)
    assert Order.objects.get().customer_email == ANNA
    certificate = run(ANNA, "--reason", "asked for it")
    code = Erasure.objects.get().correlation_id
    assert f"Erasure {code}" in certificate
    assert f"Erasure {code}" in run(ANNA)
    with pytest.raises(CommandError, match="No order belongs"):
        run("nobody@example.com")
