"""The doors behind the real web server: bodies in chunks, bodies too large, a database that is really gone."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.conf import settings
from django.db import connection
from pytest_django import DjangoDbBlocker

from stores.models import AfterShipAccount
from tests.tracking.webhooks.doors import AFTERSHIP, nothing_was_done, refusals, sign
from tracking.models import Receipt

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 1_048_576


@pytest.fixture(scope="module")
def port(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """gunicorn with our configuration, on the test database."""
    with django_db_blocker.unblock():
        name = str(connection.settings_dict["NAME"])
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + quote(name.lstrip("/"))).geturl()
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "-b", "127.0.0.1:0"]
    log = tmp_path_factory.mktemp("gunicorn") / "log"
    with log.open("wb") as output:
        environment = os.environ | {"DATABASE_URL": url}
        process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stderr=output)
    try:
        yield int(wait_for(log, r"Listening at: http://127\.0\.0\.1:(\d+)"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def wait_for(log: Path, pattern: str) -> str:
    ends_at = time.monotonic() + 120
    while not (found := re.search(pattern, log.read_text())):
        assert time.monotonic() < ends_at, log.read_text()
        time.sleep(0.05)
    return found[1]


def post(port: int, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Post with a Content-Length, or in chunks where ``body`` is an iterator."""
    http = HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        http.request("POST", AFTERSHIP, body, {"Content-Type": "application/json", **headers})
        answer = http.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        http.close()


def raw(port: int, request: bytes) -> bytes:
    """Send these bytes and no more; everything that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65_536), b""))


def proof(body: bytes) -> dict[str, str]:
    return {"aftership-hmac-sha256": sign(body)}


def test_a_body_in_chunks_is_kept_whole(port: int, account: AfterShipAccount) -> None:
    body = json.dumps({"event_id": "chunks", "words": "ä" * 100_000}, ensure_ascii=False).encode()
    status, _ = post(port, (body[at : at + 7001] for at in range(0, len(body), 7001)), proof(body))
    assert status == 200
    assert bytes(Receipt.objects.get().body) == body


def test_the_largest_body_that_is_allowed_comes_through_in_chunks_too(port: int, account: AfterShipAccount) -> None:
    body = b'"' + b"x" * (LIMIT - 2) + b'"'
    assert post(port, iter([body]), proof(body))[0] == 200
    assert bytes(Receipt.objects.get().body) == body


@pytest.mark.parametrize("in_chunks", [False, True])
@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])
def test_a_body_over_the_limit_is_refused(port: int, account: AfterShipAccount, in_chunks: bool, size: int) -> None:
    body = b"x" * size
    try:
        status, answer = post(port, iter([body[: size // 2], body[size // 2 :]]) if in_chunks else body, proof(body))
    except (BrokenPipeError, ConnectionResetError):  # the server need not read it to its end
        pass
    else:
        assert (status, answer) == (413, {"detail": "The body is larger than this endpoint accepts."})
    assert refusals() == [("aftership", "", "body_too_large", 1)]
    assert nothing_was_done()


def test_a_length_over_the_limit_is_refused_before_the_body_is_sent(port: int, account: AfterShipAccount) -> None:
    head = f"POST {AFTERSHIP} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n"
    assert raw(port, head.encode()).startswith(b"HTTP/1.1 413 ")
    assert nothing_was_done()


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: many\r\n\r\n{}",
        b"Content-Length: -1\r\n\r\n{}",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nno size\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: rot13\r\n\r\n{}",
        b"Content-Length: 10\r\n\r\n{}",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ],
)
def test_a_request_that_is_no_http_leaves_nothing_and_is_no_fault_of_ours(
    port: int, account: AfterShipAccount, rest: bytes
) -> None:
    head = f"POST {AFTERSHIP} HTTP/1.1\r\nHost: localhost\r\naftership-hmac-sha256: {sign(b'{}')}\r\n"
    answer = raw(port, head.encode() + rest)
    assert answer[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 501"), answer
    assert nothing_was_done()


def test_the_senders_expectation_of_a_100_is_met(port: int, account: AfterShipAccount) -> None:
    body = b'{"event_id": "expects"}'
    head = (
        f"POST {AFTERSHIP} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\naftership-hmac-sha256: {sign(body)}\r\n\r\n"
    )
    assert b"HTTP/1.1 200 OK" in raw(port, head.encode() + body)
    assert Receipt.objects.count() == 1


def test_while_the_database_is_gone_the_answer_is_503_and_afterwards_200(port: int, account: AfterShipAccount) -> None:
    body = b'{"event_id": "patient"}'
    assert post(port, b"{}", proof(b"{}"))[0] == 200
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (own_pid,) = cursor.fetchone()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
                [connection.settings_dict["NAME"], own_pid],
            )
            answers = [post(port, body, proof(body)) for _ in range(8)]
        finally:
            cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert answers == [(503, {"detail": "The message could not be stored. Send it again."})] * 8
    ends_at = time.monotonic() + 60
    while post(port, body, proof(body))[0] != 200:
        assert time.monotonic() < ends_at
        time.sleep(0.1)
    assert [bytes(one.body) for one in Receipt.objects.order_by("pk")] == [b"{}", body]
