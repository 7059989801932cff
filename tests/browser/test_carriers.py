"""The carrier workbench in a real browser: it fits the screen, and a text is mapped without a mouse."""

from __future__ import annotations

from typing import Any

import pytest

from stores.models import CarrierMapping
from tests import factories as make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = "/admin/carriers/"
LONG = "Fahrradkurier" * 12


@pytest.fixture
def bench() -> None:
    """Two texts of one store that nothing maps: one with a proposal, and a very long one."""
    project, account = make.make_project(key="demo"), make.make_account(key="main")
    route, store = make.make_route(project, account), make.make_store(project, key="de-web")
    make.make_courier("colissimo", name="Colissimo")
    for carrier in ("Colisimo", "Colisimo", LONG):
        order = make.make_order(project, store=store)
        tracking = make.make_tracking(account, requested_courier="", courier="unrecognized", status="pending")
        make.make_parcel(order, tracking, carrier=carrier, route=route)


@pytest.mark.parametrize("window", [1400, 390], indirect=True)
def test_pages_fit_the_screen(window: Any, bench: None) -> None:
    chosen = "map/?project=demo&store=de-web&courier=colissimo&carrier="
    for path in (LIST, LIST + "?show=ignored", LIST + chosen + "Colisimo", LIST + chosen + LONG):
        page = window.open(path)
        is_too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not page.evaluate(is_too_wide), path


def test_text_is_mapped_from_its_proposal_by_keyboard(window: Any, bench: None) -> None:
    page = window.open(LIST)
    page.get_by_role("link", name="colissimo").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**courier=colissimo**")
    page.get_by_label("project demo").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Look at what it would do").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**scope=project**")
    page.get_by_label("Reason").focus()
    page.keyboard.type("asked the shop")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("“Colisimo” is colissimo now.").wait_for()
    mapping = CarrierMapping.objects.get()
    assert (str(mapping.project), mapping.store) == ("demo", None)
    assert page.get_by_role("link", name="colissimo").count() == 0
