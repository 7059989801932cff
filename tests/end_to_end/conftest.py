from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django.live_server_helper import LiveServer

from tests.end_to_end.world import World
from tracking.sandbox.server import Sandbox


@pytest.fixture(scope="session")
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
    return World(sandbox, live_server.url)
