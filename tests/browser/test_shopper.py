"""Shoppers' pages in a real browser: readable by anybody, without a script, light, and true without a click."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stores.models import Route
from tests import factories as make
from tests.browser.axe import faults_of
from tests.browser.conftest import PATIENCE_MS
from tests.tracking.pages.orders import make_branded, make_shopped, path_of, ship
from tracking.enums import ParcelStatus
from tracking.models import Order, Tracking
from tracking.services.links import link_token

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MOST_BYTES = 50_000
VIEWS = [(1400, "light"), (1400, "dark"), (390, "light"), (390, "dark")]


class Shopper:
    """A window of somebody without a log-in, and all that it loaded."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 390, "height": 900}, "locale": "en-GB"} | options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page, self.address = self.context.new_page(), address
        self.loaded: list[str] = []
        self.faults: list[str] = []
        self.expected: tuple[str, ...] = ()  # parts of what the browser itself will call an error
        self.page.on("request", lambda one: self.loaded.append(one.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda one: self.faults.append(one.text) if one.type == "error" else None)

    def open(self, path: str) -> Any:
        self.page.goto(self.address + path, wait_until="load")
        return self.page


@pytest.fixture
def shopper(chromium: Any, live_server: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Opens windows; whatever one loads from elsewhere, or leaves as a cookie, fails the test."""
    opened: list[Shopper] = []

    def open_window(**options: Any) -> Shopper:
        opened.append(Shopper(chromium, live_server.url, **options))
        return opened[-1]

    yield open_window
    for one in opened:
        cookies, elsewhere = one.context.cookies(), [url for url in one.loaded if not is_known(url, live_server.url)]
        one.context.close()
        faults = [fault for fault in one.faults if not any(part in fault for part in one.expected)]
        assert (faults, cookies, elsewhere) == ([], [], [])


def is_known(url: str, address: str) -> bool:
    return url.startswith((address, "http://127.0.0.1:"))


def make_full(origin: str = "https://shop.example.com") -> Order:
    """An order with about everything that a page can show; its brand's storefront is ``origin``."""
    _brand, route = make_branded(
        name="Acme Shoes", colour="#f2b705", storefront_origins=[origin], support_email="help@example.com",
        support_url="https://shop.example.test/help", legal={"en": "Acme Ltd, Reg. 12"},
    )  # fmt: skip
    order = make_shopped(route, order_number="AT-7001", items={"boot": 1, "sock": 2, "lace": 1})
    ship(order, ParcelStatus.AVAILABLE_FOR_PICKUP, steps=5, items={"boot": 1}, pickup_location="Kiosk, Marktstr. 12")
    ship(order, ParcelStatus.EXCEPTION, subtag="Exception_007", items={"sock": 1}, courier_url="https://dhl.example/")
    ship(order, ParcelStatus.DELIVERED, steps=5, items={"sock": 1})
    ship(order, is_return=True, items={"boot": 1})
    return order


def make_offering() -> Route:
    """A route whose brand has something to offer."""
    brand, route = make_branded()
    make.make_promotion(brand, text="Waxed, in nine colours.")
    return route


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_axe_is_content_and_nothing_is_wider_than_the_screen(shopper: Any, width: int, scheme: str) -> None:
    order, empty = make_full(), make_shopped(make_offering())
    window = shopper(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for path in (
        path_of(order),
        path_of(order) + "?lang=de",
        path_of(empty),
        "/track/",
        f"/track/find/{brand_of(order)}/",
    ):
        page = window.open(path)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert faults_of(page, colours_only=scheme == "dark") == [], path
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), path


def brand_of(order: Order) -> str:
    return str(order.store.routes.first().brand.key)


def test_everything_can_be_read_without_a_script(shopper: Any) -> None:
    order = make_full()
    page = shopper(java_script_enabled=False).open(path_of(order))
    text = page.locator("body").inner_text()
    for words in ("Your order AT-7001", "Problem with the address", "Kiosk, Marktstr. 12", "What you sent back", "UTC"):
        assert words in text
    page.get_by_text("Earlier news").first.click()
    assert page.get_by_text("Registered with the carrier").first.is_visible()
    assert page.locator("noscript meta[http-equiv=refresh]").count() == 1 or "refresh" in page.content()


def test_page_with_all_it_loads_weighs_under_fifty_kilobytes(shopper: Any) -> None:
    order, answers = make_full(), []
    window = shopper()
    window.page.on("response", lambda one: answers.append(one))
    window.open(path_of(order))
    assert len(window.loaded) <= 5, window.loaded
    assert len(answers) == len(window.loaded)
    assert 0 < sum(len(one.body()) for one in answers) < MOST_BYTES


def test_page_tells_news_by_itself_and_keeps_what_was_unfolded(shopper: Any) -> None:
    order = make_full()
    window = shopper()
    window.page.clock.install()
    page = window.open(path_of(order))
    page.locator("summary").first.click()
    assert page.get_by_text("All 3 parcels have been delivered.").count() == 0
    Tracking.objects.filter(is_return=False).update(status=ParcelStatus.DELIVERED, subtag="")
    page.clock.run_for(61_000)
    page.get_by_text("All 3 parcels have been delivered.").wait_for()
    assert page.locator("details").first.evaluate("one => one.open")


def test_order_is_found_by_keyboard_and_a_wrong_postcode_is_told(shopper: Any) -> None:
    order = make_full()
    window = shopper()
    window.expected = ("404",)
    page = window.open("/track/")
    page.get_by_label("Order number").focus()
    page.keyboard.type("at-7001")
    page.keyboard.press("Tab")
    page.keyboard.type("99999")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert "We found no order" in page.get_by_role("alert").inner_text()
    assert faults_of(page) == []
    page.get_by_label("Order number").fill("AT-7001")
    page.get_by_label("E-mail address or delivery postcode").fill("10115")
    page.keyboard.press("Enter")
    page.wait_for_url("**/track/*/")
    assert link_token(order) in page.url
    assert "7001" not in page.url


def test_what_is_hostile_is_shown_as_text(shopper: Any) -> None:
    evil = '"><img src=x onerror=alert(1)><script>alert(2)</script>{{ 7|add:7 }}'
    _brand, route = make_branded(name=evil)
    order = make_shopped(
        route, order_number=evil, item_words={"boot": {"sku": evil, "name": {"en": evil}}}, items={"boot": 1}
    )
    parcel = ship(
        order, courier=evil[:60], pickup_location=evil, pickup_note=evil, courier_url="https://x.example/" + "%22"
    )
    make.make_checkpoint(parcel.tracking, message=evil, location=evil, subtag=evil[:60], tag=evil[:60], time_text="")
    make.make_promotion(route.brand, headline=evil[:80], text=evil, button=evil[:40])
    window = shopper()
    page = window.open(path_of(order))
    assert evil in page.locator("h1").inner_text()
    assert page.locator("main img, main script").count() == 0
    assert page.locator("bdi", has_text="onerror").count() >= 1


# In the storefront ---------------------------------------------------------------------------------------------------


class Storefront:
    """The storefront's own page on a host of its own, with the element in it; ``policy`` is its security policy."""

    def __init__(self) -> None:
        self.html, self.policy = "", ""
        shop = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                if shop.policy:
                    self.send_header("Content-Security-Policy", shop.policy)
                self.end_headers()
                self.wfile.write(shop.html.encode())

            def log_message(self, *_args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def open(self, window: Shopper, token: str, policy: str = "") -> Any:
        script = f'<script src="{window.address}/static/tracking/embed.js" defer></script>'
        element = f'<trackbridge-order token="{token}" lang="en"></trackbridge-order>'
        self.html = (
            f"<!doctype html><html lang=en><title>Orders</title><main><h1>My orders</h1>{element}</main>{script}"
        )
        self.policy = policy
        window.page.goto(f"{self.origin}/account/orders", wait_until="load")
        return window.page


@pytest.fixture
def storefront() -> Iterator[Storefront]:
    shop = Storefront()
    yield shop
    shop.server.shutdown()
    shop.server.server_close()


def test_storefront_shows_the_order_in_its_own_page(shopper: Any, storefront: Storefront) -> None:
    order = make_full(storefront.origin)
    window = shopper()
    only_us = f"default-src 'none'; script-src {window.address}; connect-src {window.address}"
    page = storefront.open(window, link_token(order), only_us)
    page.get_by_text("Problem with the address").wait_for()
    for words in (
        "Hiking boot",
        "Kiosk, Marktstr. 12",
        "Not shipped yet",
        "What you sent back",
    ):
        assert page.get_by_text(words).first.is_visible(), words
    details = page.get_by_role("link", name="All details").get_attribute("href")
    assert details.endswith(f"/track/{link_token(order)}/?lang=en")
    assert faults_of(page, leave_out=frozenset({"color-contrast"})) == []
    assert re.findall(r"AT-7001", page.content()) == [], "the storefront's own document holds nothing of it"


def test_site_that_is_no_storefront_of_the_brand_gets_nothing(shopper: Any, storefront: Storefront) -> None:
    order = make_full("https://other.example")
    window = shopper()
    window.expected = ("CORS", "403", "ERR_FAILED")
    window.page.add_init_script("addEventListener('trackbridge:failed', () => { window.hasFailed = true; })")
    page = storefront.open(window, link_token(order))
    page.wait_for_function("window.hasFailed")
    assert page.evaluate("document.querySelector('trackbridge-order').shadowRoot.textContent") == ""


def test_hostile_texts_stay_texts_in_the_storefront(shopper: Any, storefront: Storefront) -> None:
    evil = "<img src=x onerror=alert(1)>"
    order = make_full(storefront.origin)
    Order.objects.update(order_number=evil, item_words={"boot": {"sku": evil, "name": {"en": evil}}})
    Tracking.objects.update(pickup_location=evil, courier_url="javascript:alert(1)")
    window = shopper()
    page = storefront.open(window, link_token(order))
    page.get_by_text(f"Pickup point {evil}").first.wait_for()
    assert page.locator("trackbridge-order img").count() == 0
    assert page.locator("trackbridge-order a[href^=javascript]").count() == 0
