"""A Chromium for the tests that need one: one program per run, one window per test, nothing but this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.chromium import find_chromium

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright runs a loop in the test's own thread
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

PATIENCE_MS = 120_000  # for whatever comes in a moment, on a machine that has nothing else to do


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


class Window:
    """A page of one person, and what went wrong on it: script errors, console errors, calls to elsewhere."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, address
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda one: self.faults.append(one.text) if one.type == "error" else None)
        page.on("request", lambda one: None if self.is_here(one.url) else self.faults.append(f"loads {one.url}"))

    def is_here(self, url: str) -> bool:
        return url.startswith((self.address, "data:"))

    def open(self, path: str) -> Any:
        """Go there and wait until everything that the page names has loaded."""
        self.page.goto(self.address + path, wait_until="load")
        return self.page


@pytest.fixture
def window(chromium: Any, live_server: Any, request: pytest.FixtureRequest) -> Iterator[Window]:
    """Logged in as a superuser; ``@pytest.mark.parametrize("window", [390], indirect=True)`` sets the width."""
    client = Client()
    client.force_login(User.objects.create_superuser("tester"))
    context = chromium.new_context(viewport={"width": getattr(request, "param", 1400), "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    window = Window(context.new_page(), live_server.url)
    yield window
    context.close()
    assert window.faults == []
