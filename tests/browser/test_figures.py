"""Pages of figures in a real browser: they fit, axe is content, filters and numbers lead on by keyboard."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.pages import PAGES
from tests import factories as make
from tests.analytics.worlds import MONDAY, World
from tests.browser.axe import faults_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PERIOD = "from=2026-10-05&to=2026-10-11&compare=previous"


@pytest.fixture
def world() -> World:
    world = World()
    for number in range(24):
        late = number % 6 == 0
        world.parcel(promise=1 if late else 5, scan=4, attempt=90 if late else 50, delivered=90 if late else 50)
    lost = world.parcel("lost", scan=5, exception=30, tallies={"troubles": [["lost", "Exception_013"]]})
    world.parcel("in_transit", scan=5, courier="a-courier-with-a-very-long-name-indeed")
    make.make_contact(lost.order, opened_at=MONDAY)
    world.figure("created")
    return world


def is_too_wide(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


@pytest.mark.parametrize("window", [1400, 390], indirect=True)
def test_every_page_fits_and_axe_is_content_light_and_dark(window: Any, world: World) -> None:
    faults = {}
    for slug in PAGES:
        page = window.open(f"/analytics/{slug}/?{PERIOD}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert not is_too_wide(page), slug
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            if found := faults_of(page, colours_only=scheme == "dark"):
                faults[f"{slug} {scheme}"] = found
    assert faults == {}, "\n".join(f"{where}: {one}" for where, found in faults.items() for one in found)


def test_number_leads_to_its_parcels_and_back_by_keyboard(window: Any, world: World) -> None:
    page = window.open(f"/analytics/overview/?{PERIOD}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the figures"
    figure = page.locator(".figure").filter(has=page.get_by_role("heading", name="On time, against the promise"))
    figure.locator("summary").focus()
    page.keyboard.press("Enter")
    figure.get_by_role("link", name="20").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/figures/on_time_promise/numerator/**")
    assert page.get_by_text("20 parcels").is_visible()
    page.get_by_role("link", name="Back to the figures").click()
    page.wait_for_url("**/analytics/overview/**")


def test_filters_work_without_a_script_and_can_be_shared(window: Any, world: World) -> None:
    page = window.open(f"/analytics/couriers/?{PERIOD}")
    page.locator("select[name=courier]").select_option("dhl-germany")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**courier=dhl-germany**")
    assert "a-courier-with" not in page.locator("tbody").last.inner_text()
    page.goto(page.url)
    assert page.locator("select[name=courier]").input_value() == "dhl-germany"
    page.get_by_role("link", name="Problems").click()
    page.wait_for_url("**/analytics/problems/**courier=dhl-germany**")


def test_print_shows_figures_and_leaves_filters_away(window: Any, world: World) -> None:
    page = window.open(f"/analytics/overview/?{PERIOD}")
    page.emulate_media(media="print")
    assert not page.locator(".filters").is_visible()
    assert page.locator("svg.chart").first.is_visible()
