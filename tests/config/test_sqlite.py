"""The write lock of a SQLite file, with somebody else holding it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler

from config.sqlite import base

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
WRITE = "INSERT INTO note VALUES ('ours')"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db.sqlite3"


@pytest.fixture
def ours(path: Path) -> Iterator[Any]:
    options = {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;"}
    handler = ConnectionHandler({"default": {"ENGINE": "config.sqlite", "NAME": str(path), "OPTIONS": options}})
    connection = handler["default"]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE note (words text)")
    yield connection
    connection.close()


@pytest.fixture
def rival(ours: Any, path: Path) -> Iterator[sqlite3.Connection]:
    """Another process' connection, in the middle of a write."""
    rival = sqlite3.connect(path, isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    yield rival
    rival.close()


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch, rival: sqlite3.Connection) -> list[float]:
    """Each sleep for the lock, unslept; the rival is done after the third."""
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 3:
            rival.execute("COMMIT")

    monkeypatch.setattr(base.time, "sleep", sleep)
    return sleeps


def notes(path: Path) -> int:
    return sqlite3.connect(path).execute("SELECT count(*) FROM note").fetchone()[0]


def test_a_statement_takes_the_lock_within_milliseconds_of_its_release(
    ours: Any, path: Path, sleeps: list[float]
) -> None:
    with ours.cursor() as cursor:
        cursor.execute(WRITE)
    assert notes(path) == 1
    assert len(sleeps) == 3
    assert max(sleeps) <= 0.006


def test_so_does_a_transaction_at_its_begin(ours: Any, path: Path, sleeps: list[float]) -> None:
    ours.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    with ours.cursor() as cursor:
        cursor.execute(WRITE)
    ours.commit()
    assert (notes(path), len(sleeps)) == (1, 3)


def test_one_that_is_never_released_is_an_error_in_the_end(
    ours: Any, rival: sqlite3.Connection, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "LONGEST_WAIT_SECONDS", 0.05)
    with pytest.raises(OperationalError, match="database is locked"), ours.cursor() as cursor:
        cursor.execute(WRITE)
    rival.execute("COMMIT")
    assert notes(path) == 0


def test_other_errors_are_not_waited_for(ours: Any, sleeps: list[float]) -> None:
    with pytest.raises(OperationalError, match="no such table"), ours.cursor() as cursor:
        cursor.execute("INSERT INTO missing VALUES (1)")
    assert sleeps == []


def test_a_reader_that_would_write_is_told_at_once(ours: Any, rival: sqlite3.Connection, sleeps: list[float]) -> None:
    """What it has read is old by then: waiting inside the transaction would never help."""
    with ours.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        cursor.execute("SELECT * FROM note")
        with pytest.raises(OperationalError, match="database is locked"):
            cursor.execute(WRITE)
        cursor.execute("ROLLBACK")
    assert sleeps == []
