"""The preview as a person uses it: choose, look at wide and narrow, light and dark; nothing in the frames runs."""

from __future__ import annotations

import pytest

from tests import factories as make
from tests.browser.axe import faults_of
from tests.browser.conftest import Window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("window", [1400, 390], indirect=True)
def test_a_message_is_chosen_and_seen_in_four_frames(window: Window) -> None:
    make.make_brand(key="acme", name="Acme", colour="#c6f221", legal={"en": "Acme Ltd"})
    page = window.open("/admin/preview/")
    page.get_by_label("Message").select_option(label="Out for delivery")
    page.get_by_label("Language").select_option(label="Español")
    with page.expect_navigation():
        page.get_by_role("button", name="Show", exact=True).click()
    assert "Su pedido N-10102 está en reparto" in page.locator("dl").inner_text()
    assert "El paquete está en el vehículo de reparto." in page.locator("pre").inner_text()
    names = ["Wide, light", "Narrow, light", "Wide, dark", "Narrow, dark"]
    grounds = []
    for name in names:
        frame = page.frame_locator(f'iframe[title="{name}"]')
        assert frame.locator("h1").inner_text() == "En reparto"
        grounds.append(frame.locator(".sheet").evaluate("one => getComputedStyle(one).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)"] * 2 + ["rgb(28, 33, 39)"] * 2
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert faults_of(page, leave_out=frozenset({"region", "landmark-one-main"})) == []


def test_the_page_is_seen_and_its_script_stays_out(window: Window) -> None:
    make.make_brand(key="acme", name="Acme")
    page = window.open("/admin/preview/?kind=page&language=sv&parcels=several")
    frame = page.frame_locator('iframe[title="Wide"]')
    assert "Din beställning" in frame.locator("h1").inner_text()
    assert frame.locator("script").count() == 0
