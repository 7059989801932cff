"""A small real HTTP server that answers what a test wrote down, in order, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Reply:
    """One answer. ``drop``: "before" reads the request and hangs up, "middle" hangs up within the body."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0
    drip_seconds: float = 0
    drop: str = ""
    then_hang_up: bool = False

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; ``connection`` tells which connection it came on."""

    method: str
    target: str
    headers: dict[str, str]
    content: bytes
    connection: int

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class ScriptedServer:
    """Answers with ``replies`` in order; without any left with 599, so that an unexpected call fails its test."""

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self.asked: list[Asked] = []
        self.hung_up = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def will(self, *replies: Reply) -> None:
        self.replies.extend(replies)

    def wait_until_asked(self, times: int = 1) -> None:
        """Until that many requests were read: a client whose patience is short may give up before we come to it."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while len(self.asked) < times:
            assert time.monotonic() < ends_at, "nobody asked"
            time.sleep(0.005)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(script: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.asked.append(Asked(self.command, self.path, headers, content, self.client_address[1]))
            reply = script.replies.popleft() if script.replies else Reply(599, "not in the script")
            time.sleep(reply.delay_seconds)
            try:
                self._answer(reply)
            except OSError:
                self.close_connection = True

        def _answer(self, reply: Reply) -> None:
            if reply.drop == "before":
                return self._hang_up()
            content = reply.content()
            self.send_response_only(reply.status)
            own = {"Date": self.date_time_string(), "Content-Length": str(len(content))}
            for name, value in (own | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            if reply.drop == "middle":
                self.wfile.write(content[: len(content) // 2])
                return self._hang_up()
            for piece in [content] if not reply.drip_seconds else [content[i : i + 1] for i in range(len(content))]:
                self.wfile.write(piece)
                time.sleep(reply.drip_seconds)
            if reply.then_hang_up:
                self._hang_up()
            return None

        def _hang_up(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            script.hung_up.set()

        def log_message(self, *arguments: Any) -> None:
            pass

    return Handler
