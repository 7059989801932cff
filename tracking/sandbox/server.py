"""The sandbox's one port: a lean HTTP/1.1 server with kept connections, and the way of a call through it.

Connection.serve_one (bytes to Request) > Sandbox.answer > control, or _as_upstream:
    dials (wait, spoil) > commercetools or AfterShip > dials (lose the answer) > journal > bytes
"""

from __future__ import annotations

import logging
import socket
import socketserver
import threading
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from tracking.sandbox.aftership import AfterShip
from tracking.sandbox.commercetools import Commercetools
from tracking.sandbox.control import Control
from tracking.sandbox.dials import Dials
from tracking.sandbox.journal import Journal
from tracking.sandbox.webhooks import Sender
from tracking.sandbox.wire import Answer, Request

logger = logging.getLogger("trackbridge.sandbox")
MAX_LINE = 65_536
MAX_BODY = 16 * 1024 * 1024
REASONS = {status.value: status.phrase for status in HTTPStatus}


class Sandbox:
    """Both upstreams on one port of this machine. A context manager: served while inside."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self.dials = Dials()
        self.journal = Journal()
        self.sender = Sender()
        self.commercetools = Commercetools(self.sender, self.dials)
        self.aftership = AfterShip(self.sender, self.dials)
        self._control = Control(self)
        self._server = _Server((host, port), self)
        self.url = f"http://{host}:{self._server.server_address[1]}"

    def __enter__(self) -> Sandbox:
        threading.Thread(target=self.serve_forever, name="sandbox", daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def serve_forever(self) -> None:
        """Serve until close() is called from another thread."""
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        """Stop listening, end open connections and the senders."""
        self._server.shutdown()
        self._server.server_close()
        self._server.end_connections()
        self.sender.close()

    def reset(self) -> None:
        """As new: no projects, no accounts, dials at rest, nothing to send, an empty journal."""
        self.dials.reset()
        self.sender.clear()
        self.commercetools.clear()
        self.aftership.clear()
        self.journal.clear()

    def answer(self, request: Request) -> Answer | None:
        """The answer to one request, or None if the connection is to be closed without one."""
        first = request.segments[0]
        if first == "_sandbox":
            return self._control.answer(request)
        return self._as_upstream(self.aftership if first in ("tracking", "commerce") else self.commercetools, request)

    def _as_upstream(self, upstream: AfterShip | Commercetools, request: Request) -> Answer | None:
        name, call = upstream.name, f"{request.method} {request.target}"
        if latency := self.dials.value(name, "latency_ms"):
            time.sleep(latency / 1000)
        rule = self.dials.fault(name, call)
        answer = upstream.spoiled(request, rule) if rule else upstream.answer(request)
        if ahead := self.dials.value(name, "clock_ahead_seconds"):
            answer.headers["Date"] = formatdate(time.time() + ahead, usegmt=True)
        dropped = rule is None and self.dials.drops_answer(name, call)
        endpoint, owner = upstream.template(request), upstream.owner(request)
        self.journal.record(name, request, answer, endpoint=endpoint, owner=owner, dropped=dropped)
        return None if dropped else answer


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        super().__init__(address, Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that it can be ended, and serve it in a thread of its own."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """Close every connection that is still open."""
        for connection in list(self._open):
            self.shutdown_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news; everything else is."""
        logger.debug("connection of %s ended", client_address, exc_info=True)


class Connection(socketserver.StreamRequestHandler):
    """One kept connection: requests one after the other until the client closes or an answer is lost on purpose."""

    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        """Serve until the connection ends."""
        while self.serve_one():
            pass

    def serve_one(self) -> bool:
        """Read one request and answer it; False ends the connection."""
        line = self.rfile.readline(MAX_LINE)
        parts = line.decode("latin-1").split()
        if len(parts) != 3:
            return False
        headers = self._read_headers()
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY or "transfer-encoding" in headers:
            self._write(Answer(411, {"error": "a Content-Length of at most 16 MiB is needed"}), keep=False)
            return False
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = Request(parts[0], parts[1], headers, self.rfile.read(int(length)))
        answer = self._answer(request)
        if answer is None:
            return False
        keep = headers.get("connection", "").lower() != "close" and parts[2] != "HTTP/1.0"
        self._write(answer, keep=keep, is_head=request.method == "HEAD")
        return keep

    def _answer(self, request: Request) -> Answer | None:
        try:
            return self.server.sandbox.answer(request)
        except Exception:  # the sandbox's own fault: told to the caller and logged, the server lives on
            logger.exception("%s %s failed", request.method, request.path)
            return Answer(500, {"error": "the sandbox itself failed; see its log"})

    def _read_headers(self) -> dict[str, str]:
        headers = {}
        while (line := self.rfile.readline(MAX_LINE)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        return headers

    def _write(self, answer: Answer, *, keep: bool, is_head: bool = False) -> None:
        body = answer.payload()
        lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, '')}", f"Content-Type: {answer.content_type}"]
        headers = {"Date": formatdate(usegmt=True)} | answer.headers
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}"] + ([] if keep else ["Connection: close"])
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head if is_head else head + body)
