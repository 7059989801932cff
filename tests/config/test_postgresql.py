"""Kept connections are looked after without asking the server each time."""

from __future__ import annotations

import select
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's health check"),
]


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    """Somebody else's connection to the same database."""
    connection.ensure_connection()
    with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
        yield other


def asked(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def last_question(other: psycopg.Connection, pid: int) -> str:
    return other.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()[0]


def test_a_connection_that_is_quiet_works_and_nobody_asks_it(other: psycopg.Connection) -> None:
    pid = asked("SELECT pg_backend_pid()")
    assert connection.is_usable()
    assert last_question(other, pid) == "SELECT pg_backend_pid()"


def test_a_connection_that_the_server_ended_is_noticed_and_made_anew(other: psycopg.Connection) -> None:
    pid = asked("SELECT pg_backend_pid()")
    assert other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone()[0]
    assert not connection.is_usable()
    connection.health_check_enabled, connection.health_check_done = True, False  # as at the beginning of a request
    assert asked("SELECT pg_backend_pid()") != pid


def test_after_an_error_the_server_is_asked(other: psycopg.Connection) -> None:
    pid = asked("SELECT pg_backend_pid()")
    connection.errors_occurred = True
    assert connection.is_usable()
    assert last_question(other, pid) == "SELECT 1"


def test_news_that_nobody_asked_for_is_looked_into(other: psycopg.Connection) -> None:
    pid = asked("SELECT pg_backend_pid()")
    connection.cursor().execute("LISTEN anything")
    other.execute("NOTIFY anything")
    select.select([connection.connection.fileno()], [], [], 30)  # it is on its way, and may need a moment
    assert connection.is_usable()
    assert last_question(other, pid) == "SELECT 1"
