"""Stories of support: what is wrong with a parcel is put right by clicks, seen at AfterShip and in commercetools."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.browser.stories.conftest import Person
from tests.end_to_end.world import World, parcel
from tracking.models import Parcel, Problem, Remap, StaffAction, Tracking
from tracking.services.doubts import examine_all

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NUMBER, RIGHT = "00340434161094000001", "00340434161094000002"
Plays = Callable[[str], Person]


def at_aftership(world: World) -> dict[str, str]:
    return {one["id"]: one["slug"] for one in world.sandbox.trackings("main")}


def carried(world: World, order: dict[str, Any]) -> dict[str, Any]:
    return next(iter(world.carried(order).values()))


def test_u3_wrong_carrier_is_proposed_with_evidence_and_put_right(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER, "UPS"))
    world.work()
    Tracking.objects.update(opened_at=timezone.now() - timedelta(hours=25))
    examine_all()
    world.work()
    agent = person("agent")
    agent.opens(f"/admin/tracking/problem/{Problem.objects.get(closed_at=None).pk}/change/")
    agent.sees("dhl-germany")
    agent.previews_and_does("Correct the courier", courier="dhl-germany")
    world.work()
    agent.sees("main/ups → main/dhl-germany")
    assert set(at_aftership(world).values()) == {"ups", "dhl-germany"}, "the old one is kept for a day"
    assert Tracking.objects.get(requested_courier="ups").retired_at
    assert carried(world, order)["tb_courier"] == "dhl-germany"
    assert StaffAction.objects.count() == 1
    assert not Problem.objects.filter(closed_at=None).exists()


def test_u4_a_hundred_of_the_same_mistake_are_mended_at_once_and_undone(world: World, person: Plays) -> None:
    numbers = [f"0034043416109400{n:04d}" for n in range(30)]
    world.order(*(parcel(number, "UPS") for number in numbers))
    world.work()
    lead = person("lead")
    lead.opens("/admin/tracking/parcel/")
    lead.page.check("#action-toggle")
    lead.page.select_option("select[name=action]", "correct_courier")
    lead.clicks("Run")
    lead.page.get_by_label("Courier", exact=True).fill("dhl-germany")
    lead.clicks("Preview")
    lead.sees("30 × a new tracking is opened")
    lead.page.get_by_label("Reason").fill("The warehouse mixed up two carriers")
    lead.page.get_by_role("button", name="Correct the courier (30)").click()
    lead.page.wait_for_url("**/tracking/remap/*/change/**")
    world.work()
    lead.sees("30 changed")
    assert set(Parcel.objects.values_list("tracking__courier", flat=True)) == {"dhl-germany"}
    lead.clicks("Undo")
    world.work()
    assert Remap.objects.get().state == "undone"
    assert set(Parcel.objects.values_list("tracking__courier", flat=True)) == {"ups"}


def test_u21_number_is_corrected_in_commercetools_too_and_the_old_one_leads_on(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    lead = person("lead")
    lead.opens_order(order)
    lead.clicks("Correct the number")
    lead.page.get_by_label("Tracking number", exact=True).fill(RIGHT)
    lead.page.get_by_label("In commercetools, too").check()
    lead.clicks("Preview")
    lead.page.get_by_label("Reason").fill("A digit was mistyped")
    lead.clicks("Correct the number")
    world.work()
    lead.sees("In commercetools: the number is corrected.")
    there = world.sandbox.order("demo", order["id"])["shippingInfo"]["deliveries"][0]["parcels"][0]
    assert there["trackingData"]["trackingId"] == RIGHT
    lead.opens_order(order)
    lead.sees(f"before: {NUMBER}")


def test_u24_expired_parcel_is_revived_from_the_console(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "Expired")
    world.work()
    agent = person("agent")
    agent.opens_order(order)
    agent.previews_and_does("Track again")
    world.work()
    assert world.sandbox.trackings("main")[0]["active"]
    world.scan(world.tracking(NUMBER), "InTransit")
    world.work()
    assert carried(world, order)["tb_status"] == "in_transit"


def test_lost_parcel_is_marked_and_the_mark_undone(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit")
    world.work()
    agent = person("agent")
    agent.opens_order(order)
    agent.previews_and_does("Mark as lost", reason="The carrier admits it")
    world.work()
    assert (carried(world, order)["tb_status"], world.sandbox.trackings("main")[0]["subtag"]) == (
        "lost",
        "Exception_013",
    )
    agent.clicks("Undo")
    world.work()
    assert carried(world, order)["tb_status"] == "in_transit"


def test_order_is_synced_by_one_click_and_shows_how_far_it_is(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.sandbox.set_dials(webhooks={"drop_rate": 1.0})
    world.scan(world.tracking(NUMBER), "Delivered")
    agent = person("agent")
    agent.opens_order(order)
    agent.clicks("Sync now")
    agent.sees("being read from commercetools and AfterShip")
    world.work()
    agent.sees("everything is read and written")
    agent.clicks("Back to the order")
    agent.sees("Delivered")
    assert carried(world, order)["tb_status"] == "delivered"


@pytest.mark.parametrize("window", [390], indirect=True)
def test_an_act_is_done_on_a_phone_by_keyboard(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    agent = person("agent")
    page = agent.opens_order(order)
    page.get_by_role("link", name="Stop tracking", exact=True).press("Enter")
    page.get_by_label("Reason").focus()
    page.keyboard.type("A test parcel")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tracking/remap/*/change/**")
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    world.work()
    assert carried(world, order) == {}
