"""A support agent moves a parcel and makes a rule in a real browser, by keyboard, with no more rights than needed."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from stores.models import Route
from tests import factories as make
from tracking.models import Parcel, Remap

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
RIGHTS = ["remap_parcel", "add_route", "change_route", "delete_route"]
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def agent(window: Any) -> Any:
    """The window's person has the rights of a support agent, and is no superuser."""
    User.objects.filter(username="tester").update(is_superuser=False, is_staff=True)
    person = User.objects.get(username="tester")
    person.user_permissions.set(
        Permission.objects.filter(codename__startswith="view_") | Permission.objects.filter(codename__in=RIGHTS)
    )
    return window


@pytest.fixture
def parcel() -> Parcel:
    project, account = make.make_project(key="demo"), make.make_account(key="main")
    make.make_courier("dhl-germany")
    make.make_courier("ups")
    route = make.make_route(project, account, name="Everything")
    order = make.make_order(project, store=make.make_store(project, key="de-web"))
    return make.make_parcel(order, make.make_tracking(account), carrier="DHL", route=route)


@pytest.mark.parametrize("window", [1400, 390], indirect=True)
def test_parcel_is_moved_by_keyboard(agent: Any, parcel: Parcel) -> None:
    page = agent.open(f"/admin/remap/?parcel={parcel.pk}")
    page.locator("#tb-courier").focus()
    page.keyboard.type("ups")
    page.keyboard.press("Enter")
    page.get_by_text("1 parcel would move to courier ups.").wait_for()
    assert not page.evaluate(TOO_WIDE)
    page.get_by_label("Reason").focus()
    page.keyboard.type("The shopper sent a photo of the label")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/remap/*/change/**")
    assert not page.evaluate(TOO_WIDE)
    remap = Remap.objects.get()
    assert (remap.target, remap.actor_name) == ({"courier": "ups"}, "tester")
    assert remap.reason == "The shopper sent a photo of the label"


def test_rule_is_previewed_and_saved_by_keyboard(agent: Any, parcel: Parcel) -> None:
    page = agent.open(f"/admin/stores/route/add/?project={parcel.order.project_id}&account={parcel.route.account_id}")
    page.get_by_label("Name").focus()
    page.keyboard.type("Alps")
    page.get_by_label("Countries").focus()
    page.keyboard.type("AT, CH")
    page.keyboard.press("Enter")
    page.get_by_label("Reason").wait_for()
    assert page.get_by_text("never matches").count() >= 1
    page.get_by_label("Reason").focus()
    page.keyboard.type("New contract")
    page.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Saved as").wait_for()
    route = Route.objects.get(name="Alps")
    assert (route.countries, route.version) == (["AT", "CH"], 1)
