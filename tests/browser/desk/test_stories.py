"""What a support agent asks of search and order page, by the clicks of a person, on the product that runs for real:
both upstreams are the sandbox, messages and webhooks travel by HTTP, workers run in between. Numbers are those of the
stories in docs/console.md.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from stores.models import Brand, Route, Store
from tests.browser.axe import faults_of
from tests.end_to_end.world import World, parcel

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NUMBER, OTHER, THIRD = "00340434161094000001", "00340434161094000002", "1Z999AA10123456784"
BOX = "Find an order"
MAIL = f"""From: Anna <anna.muster@example.com>
Hello, on 3.11.2026 I ordered for 49.90 EUR. Where is it?
My number is {NUMBER[:4]} {NUMBER[4:8]} {NUMBER[8:12]} {NUMBER[12:16]} {NUMBER[16:]}. Thank you, Anna
"""
ITEMS = [
    {"id": "li-1", "quantity": 2, "name": {"de": "Wanderschuh", "en": "Boot"}, "variant": {"id": 1, "sku": "BOOT-42"}},
    {"id": "li-2", "quantity": 1, "name": {"de": "Socken", "en": "Socks"}, "variant": {"id": 1, "sku": "SOCK-1"}},
]


def paste(window: Any, text: str) -> Any:
    """Into the box of the first page, then Enter."""
    page = window.open("/admin/")
    page.get_by_label(BOX).fill(text)
    page.keyboard.press("Enter")
    page.wait_for_load_state("load")
    return page


def open_order(window: Any, ours: Any, **query: str) -> Any:
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return window.open(f"/admin/tracking/order/{ours.pk}/change/?{words}")


def card_of(page: Any, number: str) -> Any:
    return page.locator(".tb-card").filter(has_text=number).first


def test_u1_pasted_email_lands_on_the_order_at_its_parcel(window: Any, world: World) -> None:
    order = world.order(parcel(NUMBER), parcel(OTHER))
    world.order(parcel(THIRD, "UPS"), number="DE-1002")
    world.work()
    page = paste(window, MAIL)
    ours = world.our_order(order)
    page.wait_for_url(f"**/admin/tracking/order/{ours.pk}/change/#parcel-*")
    assert "muster" not in page.url
    assert page.locator(".tb-card:target").inner_text().count(NUMBER) == 1
    assert page.locator(".tb-answer-text").first.inner_text()
    assert faults_of(page, leave_out=frozenset({"region", "landmark-one-main"})) == []


def test_u1_address_of_several_orders_gives_a_short_list(window: Any, world: World) -> None:
    world.order(parcel(NUMBER))
    second = world.order(parcel(OTHER), number="DE-1002")
    world.work()
    page = paste(window, "anna.muster@example.com")
    page.get_by_role("heading", name="2 orders could be meant").wait_for()
    assert page.url.endswith("/admin/find/")
    page.get_by_role("link", name="DE-1002", exact=True).click()
    page.wait_for_url(f"**/order/{world.our_order(second).pk}/change/**")


def test_u1_nothing_found_says_what_to_try(window: Any, world: World) -> None:
    page = paste(window, "DE-404404")
    page.get_by_role("heading", name="Nothing was found").wait_for()
    assert "DE-404404" in page.inner_text("#content")


def test_u2_answer_is_copied_as_it_stands_and_in_another_language(window: Any, world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "OutForDelivery")
    world.work()
    page = open_order(window, world.our_order(order))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    german = page.locator("#tb-answer-short").inner_text()
    page.get_by_role("button", name="Copy the answer").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == german
    page.get_by_role("link", name="English", exact=True).click()
    page.wait_for_url("**language=en*")
    english = page.locator("#tb-answer-short").inner_text()
    assert page.locator("#tb-answer-short").get_attribute("lang") == "en"
    assert english != german
    assert "parcel" in english.lower()


def test_u5_courier_that_aftership_corrected_is_shown_old_and_new(window: Any, world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit", courier="austrian-post")
    world.work()
    page = open_order(window, world.our_order(order))
    assert "austrian-post, asked for dhl-germany" in card_of(page, NUMBER).inner_text()
    assert page.locator(".tb-flags").get_by_text("Wrong carrier?", exact=True).is_visible()
    page.locator(".tb-troubles").get_by_role("link", name="Carrier corrected by AfterShip").click()
    page.wait_for_url("**/problem/**")


def test_u6_one_box_of_two_orders_shows_on_both_and_stays_on_the_other(window: Any, world: World) -> None:
    first = world.order(parcel(NUMBER, id="p-1"))
    second = world.order(parcel(NUMBER), number="DE-1002")
    world.work()
    page = open_order(window, world.our_order(first))
    assert "One box, several orders" in page.inner_text(".tb-flags")
    card_of(page, NUMBER).get_by_role("link", name="DE-1002").click()
    page.wait_for_url(f"**/order/{world.our_order(second).pk}/change/")
    world.change(first, {"action": "removeParcelFromDelivery", "parcelId": "p-1"})
    world.work()
    page.reload()
    assert "One box, several orders" not in page.inner_text("#content")
    assert card_of(page, NUMBER).is_visible()


def test_u7_reused_number_is_fenced_and_explained(window: Any, world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    old = (timezone.now() - timedelta(days=300)).isoformat(timespec="seconds")
    world.scan(world.tracking(NUMBER), "Delivered", checkpoint_time=old)
    world.work()
    page = open_order(window, world.our_order(order))
    assert "Number used before" in page.inner_text(".tb-flags")
    assert "Delivered" not in card_of(page, NUMBER).locator(".tb-card-head").inner_text()
    assert page.get_by_text("It counts for nothing.").is_visible()


def test_u11_order_says_which_rule_sent_it_there(window: Any, world: World) -> None:
    brand = Brand.objects.create(key="french", name="French", locales=["fr"])
    store = Store.objects.get(key="de-web")
    Route.objects.create(project=world.project, account=world.account, store=store, brand=brand, position=1)
    order = world.order(parcel(NUMBER))
    world.work()
    page = open_order(window, world.our_order(order))
    assert page.locator("#tb-answer-short").get_attribute("lang") == "fr"
    page.get_by_text("Why did it go there?", exact=True).last.click()
    trace = page.locator("details[open] .tb-steps-of")
    assert "matches" in trace.inner_text()
    page.locator("details[open]").get_by_role("link", name="What would the rules say now?").click()
    page.wait_for_url("**/why/")
    page.get_by_text("The rules would decide the same now.").wait_for()


def test_u13_split_order_tells_what_is_where_and_what_is_not_shipped(window: Any, world: World) -> None:
    order = world.order(
        parcel(NUMBER, items=[{"id": "li-1", "quantity": 1}]),
        parcel(OTHER, items=[{"id": "li-1", "quantity": 1}]),
        lineItems=ITEMS,
    )
    world.work()
    world.scan(world.tracking(NUMBER), "Delivered")
    world.work()
    page = open_order(window, world.our_order(order))
    assert "1 × Wanderschuh" in card_of(page, NUMBER).inner_text()
    assert "1 × Wanderschuh" in card_of(page, OTHER).inner_text()
    assert "1 × Socken" in page.inner_text("#not-shipped")
    flags = page.inner_text(".tb-flags")
    assert "Several parcels" in flags
    assert "Not all shipped yet" in flags


def test_u20_scan_after_the_delivery_is_late_news_and_the_state_stays(window: Any, world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    now = timezone.now()
    tracking = world.tracking(NUMBER)
    world.scan(tracking, "Delivered", checkpoint_time=now.isoformat(timespec="seconds"))
    world.work()
    tracking.checkpoints.update(created_at=now - timedelta(minutes=5))
    late = (now - timedelta(hours=6)).isoformat(timespec="seconds")
    world.scan(tracking, "Delivered", "Delivered_001", checkpoint_time=late, message="Loaded in Berlin")
    world.work()
    tracking.refresh_from_db()
    page = open_order(window, world.our_order(order), show="scan")
    assert tracking.status == "delivered"
    assert "Delivered" in card_of(page, NUMBER).locator(".tb-card-head").inner_text()
    entry = page.locator(".tb-entry").filter(has_text="Loaded in Berlin")
    assert "late news" in entry.inner_text()
    assert "the state follows the newest" in entry.inner_text()


def test_u21_corrected_number_leads_from_old_to_new_and_back(window: Any, world: World) -> None:
    order = world.order(parcel(NUMBER, id="p-1"))
    world.work()
    old = world.tracking(NUMBER)
    data = {"trackingId": OTHER, "carrier": "DHL"}
    world.change(order, {"action": "setParcelTrackingData", "parcelId": "p-1", "trackingData": data})
    world.work()
    page = paste(window, NUMBER)
    page = open_order(window, world.our_order(order))
    assert "Number corrected" in page.inner_text(".tb-flags")
    card_of(page, OTHER).get_by_role("link", name=f"before: {NUMBER}").click()
    page.wait_for_url(f"**/tracking/{old.pk}/change/")
    page.get_by_role("link", name=f"dhl-germany {OTHER}").first.click()
    page.wait_for_url(f"**/tracking/{world.tracking(OTHER).pk}/change/")


def test_u22_cancelled_order_says_so_and_nothing_is_tracked(window: Any, world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.change(order, {"action": "changeOrderState", "orderState": "Cancelled"})
    world.work()
    page = open_order(window, world.our_order(order))
    assert "Order cancelled" in page.inner_text(".tb-flags")
    assert page.get_by_text("nothing is tracked, nobody is written to").is_visible()


def test_u25_engineer_follows_the_code_that_the_agent_reads_out(window: Any, world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit", message="Handed to A. Muster")
    world.work()
    ours = world.our_order(order)
    page = open_order(window, ours)
    heard = page.locator("#tb-this-code").inner_text().lower().replace("-", " ")
    engineer = User.objects.get(username="tester")
    engineer.is_superuser = False
    engineer.save()
    engineer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    page = paste(window, heard)
    page.wait_for_url(f"**/order/{ours.pk}/change/**")
    page.get_by_role("link", name="Whole path").click()
    page.wait_for_url("**/story/?code=*")
    text = page.inner_text("#content")
    for step in ("ParcelAddedToDelivery", "routed", "POST", "version", "tracking_update"):
        assert step in text or step == "ParcelAddedToDelivery"
    for personal in ("anna.muster", "A. Muster"):
        assert personal not in page.content()
