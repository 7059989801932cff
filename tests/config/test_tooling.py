"""The suite's own tools: its database, its closed sockets, its counts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from config.env import BASE_DIR
from tests import chromium, legs
from tests.conftest import SocketClosedError

REPORT = """<testsuites><testsuite>
<testcase classname="tests.config.test_env" name="a"/>
<testcase classname="tests.browser.test_console" name="b"/>
<testcase classname="tests.browser.test_console" name="c"><skipped/></testcase>
<testcase classname="tests.config.test_env" name="d"><failure/></testcase>
<testcase classname="tests.config.test_env" name="e"><error/></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.com", 443)])
def test_other_machines_cannot_be_reached(address: tuple[str, int]) -> None:
    with socket.socket() as sock:
        with pytest.raises(SocketClosedError, match=address[0]):
            sock.connect(address)
        with pytest.raises(SocketClosedError):
            sock.connect_ex(address)


def test_opening_an_address_fails_at_the_socket() -> None:
    with pytest.raises(SocketClosedError):
        urllib.request.urlopen("http://192.0.2.1/", timeout=5)


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as one:
        assert one.getpeername() == server.getsockname()


@pytest.mark.django_db
@pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="asks PostgreSQL")
def test_main_leg_runs_on_postgresql_with_our_time_limits() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("30s",)


@pytest.mark.sqlite
@pytest.mark.django_db
@pytest.mark.skipif("sqlite" not in settings.DATABASES["default"]["ENGINE"], reason="asks SQLite")
def test_small_leg_runs_on_a_sqlite_file_that_keeps_every_commit() -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == ("wal",)
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone() == (2,)
    assert Path(connection.settings_dict["NAME"]).is_file()


def test_command_gets_a_database_over_tcp_and_its_status_is_passed_on() -> None:
    code = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL']).execute('SELECT 1'); raise SystemExit(3)"
    command = [sys.executable, "-m", "tests.postgres", "--tcp", "--", sys.executable, "-c", code]
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(command, cwd=BASE_DIR, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (3, "")


def test_report_is_counted_by_outcome(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")
    leg = legs.read_report("PostgreSQL", 1, report, 61.4)
    assert str(leg) == "PostgreSQL: 2 passed, 2 failed, 1 skipped, 61 s"
    assert leg.browser == 1


def test_run_without_a_report_is_a_failure(tmp_path: Path) -> None:
    leg = legs.read_report("SQLite", 0, tmp_path / "absent.xml")
    assert (leg.status, leg.failed) == (1, 1)


def test_missing_chromium_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    assert chromium.find_chromium() is None
    assert "no Chromium found" in legs.browser_line([])


def test_chromium_of_the_environment_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    program.touch(mode=0o755)
    monkeypatch.setenv("CHROMIUM", str(program))
    assert chromium.find_chromium() == str(program)
    assert legs.browser_line([legs.Leg("PostgreSQL", 0, browser=4)]) == f"Browser: 4 tests ran in {program}"


def test_status_is_that_of_the_leg_that_failed(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> None:
    results = iter([legs.Leg("PostgreSQL", 0, passed=9), legs.Leg("SQLite", 1, passed=2, failed=1)])
    monkeypatch.setattr(legs, "run", lambda *arguments: next(results))
    monkeypatch.setattr(legs, "REPORTS", tmp_path)
    assert legs.main(["tests"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "11 passed, 1 failed"
