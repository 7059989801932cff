"""Loaded by ``-p tests.plugin`` before any settings: gives the run its environment and its database.

The environment is fixed here, so that nobody's `.env` changes what the tests see. The database: DATABASE_URL if set,
else a PostgreSQL of our own; with TRACKBRIDGE_TEST_DB=sqlite a temporary SQLite file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable

import pytest

from tests.chromium import find_chromium
from tests.environment import ENVIRONMENT
from tests.postgres import Postgres

UNSET = ("DEBUG", "REDIS_URL", "TRUST_PROXY", "SECRET_KEY_FILE", "FIELD_ENCRYPTION_KEYS_FILE", "DATABASE_URL_FILE")
IS_SQLITE = os.environ.get("TRACKBRIDGE_TEST_DB") == "sqlite"
_stop: list[Callable[[], None]] = []


def _use_sqlite() -> str:
    directory = tempfile.mkdtemp(prefix="tbsqlite")
    _stop.append(lambda: shutil.rmtree(directory, ignore_errors=True))
    return f"sqlite:///{directory}/db.sqlite3"


def _use_postgres() -> str:
    postgres = Postgres()
    _stop.append(postgres.stop)
    postgres.start()
    return postgres.url


os.environ.update(ENVIRONMENT)
for name in [*UNSET, *(name for name in os.environ if name.startswith(("JOB_", "PUMP_")) and name not in ENVIRONMENT)]:
    os.environ.pop(name, None)
if IS_SQLITE:
    os.environ["DATABASE_URL"] = _use_sqlite()
elif not os.environ.get("DATABASE_URL"):
    os.environ["DATABASE_URL"] = _use_postgres()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what needs a browser where there is none."""
    if find_chromium() is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="no Chromium found"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the database after the very last use of it."""
    for stop in _stop:
        stop()
