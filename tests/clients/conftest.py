from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.clients.scripted import ScriptedServer
from tracking.clients.commercetools import Token
from tracking.clients.http import Call, observed


class MemoryTokens:
    """A TokenStore like the database's, for one project; counts what was saved."""

    def __init__(self, value: str = "", seconds: float = 0) -> None:
        self.token = Token(value, datetime.now(UTC) + timedelta(seconds=seconds)) if value else None
        self.saved: list[str] = []

    def load(self) -> Token | None:
        return self.token

    def save(self, token: Token) -> None:
        self.token = token
        self.saved.append(token.value)


class MemoryBudget:
    """A Budget that never runs out and remembers."""

    def __init__(self) -> None:
        self.acquired: list[str] = []
        self.blocked: list[tuple[str, float]] = []

    def acquire(self, endpoint: str) -> None:
        self.acquired.append(endpoint)

    def block(self, endpoint: str, seconds: float) -> None:
        self.blocked.append((endpoint, seconds))


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def calls() -> Iterator[list[Call]]:
    """Every call of the test, as an observer with 30 seconds and the id K7MQ-2XRT sees it."""
    seen: list[Call] = []
    with observed(seen.append, "K7MQ-2XRT", 30):
        yield seen


@pytest.fixture
def budget() -> MemoryBudget:
    return MemoryBudget()
