"""Queues in a real browser, by clicks: stuck before the first scan (U8), silent (U9), a courier out (U10),
and who works what (U28). What time brings about is brought about by the jobs that do it in the product.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from stores.models import AfterShipAccount
from tests import factories as make
from tests.tracking.services.snapshots import document, receipt, scan
from tracking.enums import Measure, ProblemKind, ReceiptState
from tracking.models import Problem, Pulse, StaffAction, Tracking, Usual
from tracking.services import pump, watch

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
RIGHTS = ["assign_problem", "note_problem", "close_problem", "declare_outage"]
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def agent(window: Any) -> Any:
    """The window's person works in support, and is no superuser."""
    person = User.objects.get(username="tester")
    person.is_superuser = False
    person.save()
    rights = Permission.objects.filter(codename__startswith="view_") | Permission.objects.filter(codename__in=RIGHTS)
    person.user_permissions.set(rights)
    return window


@pytest.fixture
def account() -> AfterShipAccount:
    return make.make_account(key="main", polled_until=timezone.now())


def parcel(account: AfterShipAccount, number: str, **facts: Any) -> Tracking:
    """A DHL parcel to Austria of its own order."""
    long_ago = timezone.now() - timedelta(days=9)
    tracking = make.make_tracking(account, courier="dhl", **{"opened_at": long_ago, "updated_at": None} | facts)
    order = make.make_order(order_number=number, destination_country="AT", ordered_at=long_ago - timedelta(days=1))
    make.make_parcel(order, tracking)
    return tracking


def look() -> None:
    """The hourly look, with the jobs that follow from it."""
    watch.watch_all()
    pump.drain_everything()


def learned(hours: float) -> None:
    for measure in Measure:
        facts = {"measure": measure, "courier": "dhl", "country": "AT", "p50_hours": 12, "p95_hours": hours}
        Usual.objects.create(**facts, sample=812, learned_at=timezone.now())


@pytest.mark.parametrize("window", [1400, 390], indirect=True)
def test_u8_stuck_before_the_first_scan(agent: Any, account: AfterShipAccount) -> None:
    stuck = parcel(account, "AT-1", status="info_received", last_news_at=None)
    learned(48)
    look()
    page = agent.open("/admin/")
    page.get_by_role("link", name="1 Stuck before the first scan").click()
    page.get_by_text("95 % of dhl to AT are first scanned within 2 working days (812 parcels).").click()
    page.get_by_text("Ask the warehouse whether the parcel was handed over").wait_for()
    assert not page.evaluate(TOO_WIDE)
    page.get_by_role("button", name="Make it mine").click()
    page.get_by_text("1 problem is yours now.").wait_for()
    page.get_by_label("Note").fill("The warehouse looks for it")
    page.get_by_role("button", name="Save the note").click()
    page.get_by_text("Noted on 1 problem.").wait_for()
    problem = Problem.objects.get()
    assert (str(problem.assignee), problem.note) == ("tester", "The warehouse looks for it")
    at = timezone.now()
    scanned = [scan(1, checkpoint_time=at.isoformat(), created_at=at.isoformat())]
    news = document(stuck.pk, 0, updated_at=at.isoformat(), checkpoints=scanned, slug="dhl")
    receipt(news, endpoint="main", state=ReceiptState.PENDING)
    pump.drain_everything()
    page = agent.open("/admin/queues/no_scan/")
    page.get_by_text("Nothing waits here.").wait_for()
    assert Problem.objects.get(kind=ProblemKind.NO_SCAN).closed_reason == "It is in transit now."


def test_u9_silent_by_what_its_lane_is_used_to(agent: Any, account: AfterShipAccount) -> None:
    old = timezone.now() - timedelta(days=6)  # at least two working days, whatever day it is
    parcel(account, "AT-1", last_news_at=old)
    parcel(account, "AT-2", last_news_at=timezone.now() - timedelta(hours=3))
    learned(30)
    look()
    page = agent.open("/admin/queues/")
    page.get_by_role("link", name="Silent in transit").click()
    page.get_by_role("link", name="AT-1").wait_for()
    assert page.get_by_role("link", name="AT-2").count() == 0
    page.get_by_role("link", name="Start with the first").click()
    page.get_by_text("95 % of dhl to AT have news within 1.2 working days (812 parcels).").first.wait_for()
    page.get_by_label("What was done?").fill("DHL found it")
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_text("That was the last one of this queue.").wait_for()
    look()
    page.reload()
    page.get_by_text("Nothing waits here.").wait_for()  # and it does not come back for the same silence


def test_u10_a_courier_that_is_out_is_one_banner(agent: Any, account: AfterShipAccount) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for weeks, later in product((1, 2, 3), (0, 1)):  # the look may come in the next hour
        at = hour - timedelta(weeks=weeks, hours=-later)
        Pulse.objects.create(account=account, courier="dhl", hour=at, live=100, fresh=80)
    old = timezone.now() - timedelta(days=6)
    for number in range(30):
        parcel(account, f"AT-{number}", last_news_at=old, received_at=old)
    learned(30)
    look()
    page = agent.open("/admin/")
    page.get_by_text("Courier outage: dhl").wait_for()
    page.get_by_text("30 problems explained by it").wait_for()
    assert page.get_by_role("link", name="Silent in transit").count() == 0
    page.get_by_role("link", name="Courier outages").last.click()
    page.get_by_text("0 of 30 parcels had news in 3 hours; 24 is usual.").wait_for()
    Tracking.objects.update(received_at=timezone.now())  # news again
    look()
    page.reload()
    page.get_by_text("Every courier sends news.").wait_for()
    page = agent.open("/admin/")
    page.get_by_role("link", name="30 Silent in transit").wait_for()  # still no scan: shown again


def test_u10_declared_by_a_person(agent: Any, account: AfterShipAccount) -> None:
    make.make_courier("dhl")
    parcel(account, "AT-1", last_news_at=timezone.now() - timedelta(days=6))
    look()
    page = agent.open("/admin/queues/outages/")
    page.get_by_label("Courier", exact=True).fill("dhl")
    page.get_by_label("Reason").fill("Strike")
    page.get_by_role("button", name="Declare the outage").click()
    page.get_by_text("dhl is out from now on; 1 problems are explained by it.").wait_for()
    page.get_by_label("Reason").first.fill("They work again")
    page.get_by_role("button", name="End it").click()
    page.get_by_text("The outage of dhl is over.").wait_for()
    assert StaffAction.objects.count() == 2


def test_u28_the_lead_gives_work_away_and_sees_who_works_what(agent: Any, account: AfterShipAccount) -> None:
    User.objects.create_user("ben", is_staff=True).user_permissions.set(
        Permission.objects.filter(codename__startswith="view_")
    )
    for number in range(3):
        parcel(account, f"AT-{number}", last_news_at=timezone.now() - timedelta(days=8 + number))
    look()
    page = agent.open("/admin/queues/silent/")
    page.get_by_label("Tick all on this page").check()
    page.get_by_label("Tick AT-0").uncheck()
    page.get_by_role("button", name="Assign to a colleague").click()
    page.get_by_text("2 problems: Assign to a colleague").wait_for()
    assert not Problem.objects.exclude(assignee=None).exists()
    page.get_by_label("Colleague").select_option("ben")
    page.get_by_role("button", name="Assign").click()
    page.get_by_text("2 problems were assigned.").wait_for()
    assert Problem.objects.filter(assignee__username="ben").count() == 2
    page.get_by_role("link", name="All queues").click()
    page.get_by_role("link", name="Who works what").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="ben")).first
    assert row.locator("td").nth(1).inner_text() == "2"
    row.get_by_role("link", name="ben").click()
    page.get_by_role("link", name="AT-2").wait_for()


def test_home_keeps_itself_fresh_and_says_what_changed(agent: Any, account: AfterShipAccount) -> None:
    page = agent.open("/admin/")
    page.get_by_text("Nothing: no problem is open.").wait_for()
    make.make_problem()
    page.evaluate("document.getElementById('tb-live').dispatchEvent(new Event('tb:refresh'))")
    page.get_by_role("link", name="1 Carrier not recognised").wait_for()
    assert page.locator("#tb-live-words").inner_text() == "0 problems are yours, 1 problem is nobody's"
    page.get_by_role("link", name="1 Carrier not recognised").focus()
    make.make_problem()
    page.evaluate("document.getElementById('tb-live').dispatchEvent(new Event('tb:refresh'))")
    page.get_by_role("link", name="1 Carrier not recognised").wait_for()  # not while the keyboard is there


@pytest.mark.parametrize("window", [1400], indirect=True)
def test_a_queue_by_keyboard(agent: Any, account: AfterShipAccount) -> None:
    parcel(account, "AT-1", last_news_at=timezone.now() - timedelta(days=8))
    look()
    page = agent.open("/admin/queues/silent/")
    page.get_by_label("Tick AT-1").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Make them mine").focus()
    page.keyboard.press("Enter")
    page.get_by_text("1 problem: Take them over").wait_for()
    page.get_by_role("button", name="Make them mine").focus()
    page.keyboard.press("Enter")
    page.get_by_text("1 problem is yours now.").wait_for()
    assert str(Problem.objects.get().assignee) == "tester"
