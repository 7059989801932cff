from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django.live_server_helper import LiveServer

from tests.end_to_end.world import World
from tracking.sandbox.server import Sandbox
from tracking.services import pump


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _no_lasting_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live server's threads would keep theirs, and the test database could not be dropped."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


@pytest.fixture(autouse=True)
def _figures_only_where_they_are_looked_at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that says ``WITH_FIGURES`` has them brought up to date after each piece of work, as a worker does.

    That is a seventh of the time; the others follow single orders, and ask for no figure.
    """
    if not getattr(request.module, "WITH_FIGURES", False):
        monkeypatch.setattr(pump, "wish_for_figures", lambda: False)


@pytest.fixture
def world(sandbox: Sandbox, live_server: LiveServer, transactional_db: None) -> World:
    sandbox.reset()
    return World(sandbox, live_server.url)
