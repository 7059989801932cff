"""Stories of truth: what happened is what the console, commercetools and the shopper are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from stores.models import Route, Store
from tests.browser.stories.conftest import Person
from tests.end_to_end.world import World, parcel
from tracking.enums import JobKind
from tracking.models import Attempt, Erasure, Job, Order, Problem, Tracking

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NUMBER, SECOND = "00340434161094000001", "00340434161094000002"
ANNA = "anna.muster@example.com"
Plays = Callable[[str], Person]


def carried(world: World, order: dict[str, Any]) -> list[str]:
    return [fields.get("tb_status", "") for fields in world.carried(order).values()]


def scans(world: World, number: str, *tags: str, **scan: Any) -> None:
    for tag in tags:
        name, _, subtag = tag.partition("_")
        world.scan(world.tracking(number), name, tag if subtag else None, **scan)
        world.work()


def test_u12_unrouted_parcel_waits_in_sight_and_goes_on_by_itself_once_a_route_takes_it(
    world: World, person: Plays
) -> None:
    world.route.delete()
    order = world.order(parcel(NUMBER), number="IT-1")
    world.work()
    late = timezone.now() - timedelta(minutes=20)
    Problem.objects.update(opened_at=late, due_at=late + timedelta(minutes=15))
    administrator = person("administrator")
    administrator.opens("/admin/queues/unrouted/")
    administrator.sees("IT-1")
    administrator.sees("5 min over")
    page = administrator.page
    page.locator("#content").get_by_role("link", name="Unrouted parcels").click()
    page.get_by_role("link", name="Make it the default of demo → main").click()
    administrator.clicks("Look at what it would change")
    page.get_by_label("Reason").fill("Italy opens")
    administrator.clicks("Confirm and save")
    page.wait_for_url("**/admin/stores/route/**")
    world.work()
    assert Route.objects.get().is_default
    assert world.tracking(NUMBER).account == world.account
    assert not Problem.objects.filter(closed_at=None).exists()
    administrator.opens("/admin/unrouted/")
    administrator.sees("Every parcel with a number has a route.")
    assert carried(world, order) == ["pending"]


def test_u14_partly_delivered_order_is_partial_until_all_is_there_and_a_store_may_opt_out(
    world: World, person: Plays
) -> None:
    items = [[{"id": "li-1", "quantity": 2}], [{"id": "li-1", "quantity": 1}]]
    order = world.order(parcel(NUMBER, items=items[0]), parcel(SECOND, items=items[1]))
    world.work()
    scans(world, NUMBER, "InTransit", "Delivered")
    assert world.order_fields(order)["shipmentState"] == "Partial"
    administrator = person("administrator")
    administrator.opens_order(order)
    administrator.sees("1 of 2 parcels delivered")
    store = Store.objects.get(key="de-web")
    page = administrator.opens(f"/admin/stores/store/{store.pk}/change/")
    page.select_option("select[name=shipment_state]", "off")
    administrator.clicks("Save")
    scans(world, SECOND, "Delivered")
    assert (carried(world, order), world.order_fields(order)["shipmentState"]) == (["delivered"] * 2, "Partial")
    page = administrator.opens(f"/admin/stores/store/{store.pk}/change/")
    page.select_option("select[name=shipment_state]", "")
    administrator.clicks("Save")
    agent = person("agent")
    agent.opens_order(order)
    agent.clicks("Sync now")
    world.work()
    assert world.order_fields(order)["shipmentState"] == "Delivered"


def test_u17_return_to_sender_is_told_as_what_it_is(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    scans(world, NUMBER, "InTransit", "Exception_010")
    assert (carried(world, order), world.order_fields(order)["tb_status"]) == (["returning"], "returning")
    agent = person("agent")
    agent.opens_order(order)
    agent.sees("Returning")
    scans(world, NUMBER, "Exception_011")
    assert (carried(world, order), world.order_fields(order)["shipmentState"]) == (["returned"], "Delayed")
    agent.page.reload()
    agent.sees("Returned")


def test_u18_customer_return_has_its_own_lane(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER), parcel(SECOND, is_return=True))
    world.work()
    scans(world, NUMBER, "InTransit", "Delivered")
    scans(world, SECOND, "InTransit")
    fields = world.order_fields(order)
    assert (fields["tb_status"], fields["tb_parcels"], fields["shipmentState"]) == ("delivered", 1, "Delivered")
    agent = person("agent")
    page = agent.opens_order(order)
    agent.sees("Return")
    assert "on its way to you" not in page.inner_text("#content-main").lower()
    there = {one["tracking_number"]: one for one in world.sandbox.trackings("main")}
    assert (there[SECOND]["shipment_direction"], there[SECOND]["customers"]) == ("return", [])


def test_u22_cancelled_order_is_closed_at_once_and_says_why(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.change(order, {"action": "changeOrderState", "orderState": "Cancelled"})
    world.work()
    assert world.sandbox.trackings("main") == []
    agent = person("agent")
    page = agent.opens_order(order)
    assert "cancelled" in page.inner_text("#content-main").lower()
    assert page.get_by_role("link", name="Stop tracking").count() == 0, "nothing is left to act on"


def test_u23_shopper_of_whom_no_mail_arrived_gets_it_at_another_address(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    agent = person("agent")
    page = agent.opens_order(order)
    agent.sees("What the shopper was told")
    agent.clicks("Change the address for messages")
    page.get_by_label("E-mail address", exact=True).fill("anna.privat@example.com")
    page.get_by_label("Reason").fill("She mistyped it at the checkout")
    with page.expect_navigation():
        page.locator("form.tb-requeue button[type=submit]").click()
    assert Order.objects.get().message_email == "anna.privat@example.com"


def test_u25_engineer_finds_the_whole_path_by_the_code_read_out_loud(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    scans(world, NUMBER, "InTransit")
    code = Order.objects.get().correlation_id
    engineer = person("operations")
    page = engineer.opens("/admin/story/")
    page.locator("#content-main input[name=code]").fill(code.lower().replace("-", " "))
    page.keyboard.press("Enter")
    engineer.sees(code)
    text = page.inner_text("#content-main")
    for step in ("POST /trackings", "tb_status", "dhl-germany", "Before and after"):
        assert step in text, step
    assert ANNA not in page.content()
    assert order["id"]


def test_u26_conflict_with_another_system_touches_only_our_fields(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    scans(world, NUMBER, "InTransit")
    world.change(order, {"action": "changeOrderState", "orderState": "Confirmed"})
    Job.objects.filter(kind=JobKind.COLLECT).delete()
    world.sandbox.set_dials(messages={"drop_rate": 1.0})
    world.change(order, {"action": "changePaymentState", "paymentState": "Paid"})
    scans(world, NUMBER, "Delivered")
    now = world.sandbox.order("demo", order["id"])
    assert (carried(world, order), now["orderState"], now["paymentState"]) == (["delivered"], "Confirmed", "Paid")
    assert Attempt.objects.filter(status=409).exists()
    engineer = person("operations")
    page = engineer.opens(f"/admin/story/?code={Order.objects.get().correlation_id}")
    assert "409" in page.inner_text("#content-main")


def test_u29_a_person_is_erased_with_a_receipt(world: World, person: Plays) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    scans(world, NUMBER, "InTransit", "Delivered", message="Left with neighbour Krause")
    before = list(Tracking.objects.values("status", "clocks", "first_scan_at"))
    administrator = person("administrator")
    page = administrator.opens_order(order)
    administrator.clicks("Erase the shopper")
    administrator.clicks("Erase")
    administrator.sees("Give a reason: nothing was erased.")
    page.get_by_label("Reason").fill("Request of today")
    page.get_by_label("I know that it cannot be undone").check()
    administrator.clicks("Erase")
    page.wait_for_url("**/tracking/erasure/*/change/**")
    world.work()
    administrator.sees("1 of 1")
    assert ANNA not in page.content()
    administrator.opens_order(order)
    assert "Krause" not in page.content()
    assert ANNA not in page.content()
    assert world.sandbox.trackings("main") == []
    assert list(Tracking.objects.values("status", "clocks", "first_scan_at")) == before
    assert Erasure.objects.get().finished_at


def test_u30_new_store_is_examined_before_it_goes_live(world: World, person: Plays) -> None:
    world.order(parcel(NUMBER, "Pigeon Express"))
    world.work()
    store = Store.objects.get(key="de-web")
    operations = person("operations")
    page = operations.opens(f"/admin/stores/store/{store.pk}/change/")
    page.locator(f"a[href='/admin/go-live/{store.pk}/']").first.click()
    operations.sees("Nothing was examined yet.")
    operations.clicks("Check now")
    operations.sees("it waits for a worker")
    world.work()
    page.goto(page.url)
    operations.sees("Next steps")
    text = page.inner_text("#content-main")
    assert "1 of 1 parcels name a carrier that nothing maps: Pigeon Express (1)." in text
    assert "The Type trackbridge-parcel has all our fields." in text
