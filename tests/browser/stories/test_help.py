"""Stories of shoppers who need help: an address that is wrong, a parcel that waits, one that never came; and of a peak.

The shop writes to them itself, so what they read stands beside what the agent sees.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from stores.models import Brand, Project, Route
from tests.browser.stories.conftest import Person
from tests.end_to_end.test_road import work_off
from tests.end_to_end.test_seed_case import envelope
from tests.end_to_end.world import World, parcel
from tracking.admin.display import day
from tracking.models import Job, Message, Problem, Tracking
from tracking.services import pump, watch

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NUMBER = "00340434161094000001"
ANNA = "anna.muster@example.com"
Plays = Callable[[str], Person]


@pytest.fixture
def shop(world: World) -> World:
    """Acme writes to its shoppers itself."""
    acme = Brand.objects.create(key="acme", name="Acme", locales=["en", "de"], mails_per_minute=100_000)
    Route.objects.update(notify=Route.Notify.PLATFORM, brand=acme)
    return world


def scans(world: World, number: str, *tags: str, **scan: Any) -> None:
    for tag in tags:
        name, _, subtag = tag.partition("_")
        world.scan(world.tracking(number), name, tag if subtag else None, **scan)
        world.work()


def opens_problem_of(agent: Person, queue: str) -> Any:
    """From the queues to the one problem that waits there."""
    page = agent.opens("/admin/queues/")
    page.get_by_role("link", name=queue).first.click()
    page.get_by_role("link", name="Start with the first").click()
    page.wait_for_load_state()
    return page


def test_u15_wrong_address_says_until_when_and_what_to_do_and_heals_by_itself(shop: World, person: Plays) -> None:
    order = shop.order(parcel(NUMBER))
    shop.work()
    scans(shop, NUMBER, "InTransit")
    last = timezone.localdate() + timedelta(days=6)
    scans(shop, NUMBER, "Exception_007", message=f"Adresse unvollständig, Rücksendung nach dem {last:%d.%m.%Y}")
    agent = person("agent")
    page = opens_problem_of(agent, "Address trouble")
    agent.sees(f"The address is wrong or incomplete. It goes back after {last.day} {last:%B}.")
    agent.opens_order(order)
    assert "Address trouble" in page.inner_text(".tb-flags")
    asked = "Bitte nennen Sie uns bald die richtige Adresse, sonst kommt das Paket an uns zurück."
    assert asked in page.locator(".tb-answer-text").first.inner_text()
    letter = mail.outbox[-1]
    assert (letter.to, asked in letter.body) == ([ANNA], True)
    agent.previews_and_does("Correct the postcode", "Tell AfterShip", postcode="10117")
    shop.work()
    scans(shop, NUMBER, "InTransit")
    agent.opens_order(order)
    assert page.locator(".tb-flags").filter(has_text="Address trouble").count() == 0
    agent.opens("/admin/queues/address/")
    agent.sees("Nothing waits here.")
    assert Problem.objects.get(kind="address").closed_reason == "It is in transit now."


def test_u16_failed_attempt_then_a_pickup_point_with_its_hours_and_its_last_day(shop: World, person: Plays) -> None:
    order = shop.order(parcel(NUMBER))
    shop.work()
    scans(shop, NUMBER, "InTransit", "AttemptFail_001")
    agent = person("agent")
    page = opens_problem_of(agent, "Delivery attempts failed")
    agent.sees("1 delivery attempt failed.")
    last = timezone.localdate() + timedelta(days=6)
    told = shop.scan(
        shop.tracking(NUMBER),
        "AvailableForPickup",
        "AvailableForPickup_001",
        message=f"Abholbereit bis {last:%d.%m.%Y}",
        webhook=False,
    )["tracking"]
    place = {"pickup_location": "Paketshop Müller, Hauptstr. 1", "pickup_note": "Mo-Sa 9-18 Uhr"}
    shop.sandbox.send("main", envelope(told | place))
    shop.work()
    page = agent.opens_order(order)
    card = page.locator(".tb-card").first.inner_text()
    for words in ("Paketshop Müller, Hauptstr. 1", "Mo-Sa 9-18 Uhr", day(last)):
        assert words in card, words
    answer = page.locator(".tb-answer-text").first.inner_text()
    assert "Abholstelle: Paketshop Müller, Hauptstr. 1." in answer
    assert "Letzter Abholtag" in mail.outbox[-1].body
    Tracking.objects.update(status_changed_at=timezone.now() - timedelta(days=4))
    watch.watch_all()
    shop.work()
    page = opens_problem_of(agent, "Waits for its shopper")
    agent.sees(f"It goes back after {last.day} {last:%B}.")
    agent.sees("Remind the shopper to collect it before the carrier sends it back.")


def test_u19_delivered_but_not_received_is_a_file_to_claim_with(shop: World, person: Plays) -> None:
    order = shop.order(parcel(NUMBER))
    shop.work()
    scans(shop, NUMBER, "InTransit", "OutForDelivery")
    place = {"city": "Potsdam", "postal_code": "14467", "country_region": "DEU"}
    told = shop.scan(shop.tracking(NUMBER), "Delivered", location=place, webhook=False)["tracking"]
    proof = {"signed_by": "Krause", "proof_of_delivery": [{"type": "SIGNATURE", "url": "https://pod.example.com/1"}]}
    shop.sandbox.send("main", envelope(told | proof))
    shop.work()
    agent = person("agent")
    page = agent.opens_order(order)
    agent.clicks("Proof file")
    page.wait_for_url("**/admin/proof/*/")
    text = page.inner_text("#content-main")
    for words in (
        "The last scan is at another place than the address.", "Krause", "https://pod.example.com/1", "Potsdam, DEU",
        "+00:00", "Out for delivery", "neighbours, porter, safe place, parcel locker", "deadline for claims",
        "Made by tester",
    ):  # fmt: skip
        assert words in text, words
    assert page.pdf().startswith(b"%PDF-")
    person("viewer").opens(page.url.removeprefix(page.evaluate("location.origin")))
    assert "Krause" not in page.inner_text("#content-main"), "who signed is for those who may see people"


def test_u27_outage_of_commercetools_is_told_and_caught_up_with_without_stale_mails(
    shop: World, person: Plays, settings: Any
) -> None:
    settings.JOB_BACKOFF_BASE_SECONDS, settings.JOB_BACKOFF_CAP_SECONDS = 0.01, 0.02
    orders = [shop.order(parcel(f"003404341610970000{n:02d}"), number=f"DE-{n}") for n in range(8)]
    shop.work()
    shop.sandbox.set_dials(commercetools={"down": True})
    for n in range(8):
        for tag in ("InTransit", "OutForDelivery", "Delivered"):
            shop.scan(shop.tracking(f"003404341610970000{n:02d}"), tag)
    shop.sandbox.wait_idle()
    pump.drain_everything()
    operations = person("operations")
    page = operations.opens("/admin/")
    operations.sees("commercetools demo")
    system = page.inner_text("#content-main")
    assert "Paused" in system
    assert re.search(r"\d+ jobs? (waits or runs|wait or run|backs? off)", re.sub(r"\s+", " ", system)), system
    shop.sandbox.set_dials(commercetools={"down": False})
    Project.objects.update(paused_until=timezone.now())
    Job.objects.filter(dead_at=None).update(next_attempt_at=timezone.now())
    work_off(shop)
    assert {shop.carried(order).popitem()[1]["tb_status"] for order in orders} == {"delivered"}
    page = operations.opens("/admin/")
    assert "Paused" not in page.inner_text("#content-main")
    told = Message.objects.filter(state="sent").values_list("order__order_number", "kind")
    assert sorted(told) == [(f"DE-{n}", "delivered") for n in range(8)], "the latest state alone"
