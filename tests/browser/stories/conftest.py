"""The running product in a browser: both upstreams are the sandbox, workers run in the test by ``world.work()``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core import mail
from django.db import connections
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from stores.models import Courier
from tests.browser.conftest import Window
from tests.end_to_end.world import World
from tracking.models import Order
from tracking.sandbox.server import Sandbox
from tracking.services.roles import keep_roles


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _no_lasting_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live server's threads would keep theirs, and the test database could not be dropped."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


@pytest.fixture
def world(sandbox: Sandbox, live_server: LiveServer, transactional_db: None) -> World:
    sandbox.reset()
    world = World(sandbox, live_server.url)
    Courier.objects.update(imported_at=timezone.now())
    mail.outbox.clear()
    return world


class Person:
    """Somebody who clicks. ``role`` is the group that gives all their rights."""

    def __init__(self, window: Window, role: str) -> None:
        self.window, self.page = window, window.page
        self.plays(role)

    def plays(self, role: str) -> None:
        keep_roles()
        user = User.objects.get(username="tester")
        user.is_superuser = False
        user.save()
        user.groups.set([Group.objects.get(name=role)])

    def opens(self, path: str) -> Any:
        return self.window.open(path)

    def opens_order(self, order: dict[str, Any]) -> Any:
        """As from the search box: by its number."""
        ours = Order.objects.get(commercetools_id=order["id"])
        return self.opens(f"/admin/tracking/order/{ours.pk}/change/")

    def clicks(self, name: str) -> None:
        """A link or a button of this name, the first one; all of them lead to another page, which is waited for."""
        link, button = (self.page.get_by_role(role, name=name, exact=True) for role in ("link", "button"))
        with self.page.expect_navigation():
            (link.or_(button)).first.click()

    def previews_and_does(self, act: str, button: str = "", reason: str = "The shopper called", **fields: str) -> None:
        """One act, from its button on the page to the page that shows how far it is, which loads itself anew."""
        self.clicks(act)
        for label, value in fields.items():
            self.page.get_by_label(label.replace("_", " ").capitalize(), exact=True).fill(value)
        if self.page.get_by_role("button", name="Preview").count():
            self.clicks("Preview")
        self.page.get_by_label("Reason").fill(reason)
        self.clicks(button or act)
        self.page.wait_for_url("**/tracking/remap/*/change/**")

    def sees(self, words: str) -> None:
        self.page.get_by_text(words).first.wait_for()


@pytest.fixture
def person(window: Window) -> Callable[[str], Person]:
    """``person("agent")`` has a window, and the rights of that role."""
    return lambda role: Person(window, role)
