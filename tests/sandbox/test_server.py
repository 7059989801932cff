"""The HTTP server, and the sandbox as a program of its own."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

from tests.sandbox.conftest import Caller
from tracking.sandbox.client import SandboxClient
from tracking.sandbox.server import Sandbox

ROOT = Path(__file__).resolve().parents[2]


def exchange(sandbox: Sandbox, sent: bytes) -> bytes:
    """What comes back for raw bytes, until the server closes."""
    with socket.create_connection(("127.0.0.1", urlsplit(sandbox.url).port or 0), timeout=60) as connection:
        connection.sendall(sent)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
        return received


def test_one_connection_serves_many_requests(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=60)
    for _ in range(3):
        connection.request("GET", "/_sandbox/dials")
        assert connection.getresponse().read()
        assert connection.sock is not None
    connection.close()


def test_a_client_may_ask_to_close(sandbox: Sandbox) -> None:
    answer = exchange(sandbox, b"GET /_sandbox/idle HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in answer


def test_garbage_ends_the_connection(sandbox: Sandbox) -> None:
    assert exchange(sandbox, b"what is this\r\n\r\n"[:6] + b"\r\n\r\n") == b""


def test_a_body_without_length_is_refused(sandbox: Sandbox) -> None:
    answer = exchange(sandbox, b"POST /demo/orders HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 411 ")


def test_parallel_creates_of_one_number_make_one_tracking(control: SandboxClient, aftership: Caller) -> None:
    statuses: list[int] = []

    def create(n: int) -> None:
        body = {"id": f"t{n}", "tracking_number": "1Z999AA10123456784"}
        statuses.append(aftership("POST", "/trackings", body).status)

    threads = [threading.Thread(target=create, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] + [400] * 11
    assert len(control.trackings("main")) == 1


def test_closing_ends_open_connections() -> None:
    with Sandbox() as sandbox:
        client = SandboxClient(sandbox.url)
        client.idle()
        connection = client._connection.sock
    assert connection.recv(1) == b""
    client.close()


def test_as_a_program_it_prints_its_address_and_ends_on_a_signal() -> None:
    command = [sys.executable, "-m", "tracking.sandbox", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("sandbox on http://127.0.0.1:")
        client = SandboxClient(line.split()[-1])
        assert client.idle()["idle"] is True
        client.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
