"""Load from a process of its own: signed webhooks, each with an event id of its own, over connections that stay open.

    python -m tests.benchmarks.load URL --secret S --count 4000 --connections 16

All requests are made before the clock starts; one thread then keeps one request under way on each connection. Prints
one JSON line: seconds, statuses, p50_ms, p99_ms. A connection is closed after a while and opened anew: whichever worker
of the server is free takes it, where for ever one could hold them all. What got no answer goes out again.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import time
import uuid
from collections import Counter, deque
from urllib.parse import urlsplit

from tests.benchmarks.bodies import WAY, signature, webhook

REQUESTS_PER_CONNECTION = 50


def make_requests(url: str, secret: str, count: int) -> deque[bytes]:
    """``count`` requests, ready to send."""
    target = urlsplit(url)
    template = webhook(uuid.uuid4().hex, "00340434161094000001", len(WAY), "EVENT-ID")
    requests = deque()
    for _ in range(count):
        body = template.replace(b"EVENT-ID", str(uuid.uuid4()).encode())
        head = (
            f"POST {target.path} HTTP/1.1\r\nHost: {target.netloc}\r\nContent-Type: application/json\r\n"
            f"User-Agent: AfterShipTrackingWebhook/4.0.0\r\nas-webhook-version: 2026-07\r\n"
            f"aftership-hmac-sha256: {signature(secret, body)}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    return requests


class Line:
    """One kept connection, with at most one request under way."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.request = b""
        self.open()

    def open(self) -> None:
        self.answers = 0
        self.socket = socket.create_connection(self.address, timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> None:
        self.request, self.received, self.sent_at = request, b"", time.perf_counter()
        try:
            self.socket.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            self.open()
            self.socket.sendall(request)

    def take(self) -> int | None:
        """Read what is there; the status once the answer is whole, 0 where the server hung up without one."""
        try:
            chunk = self.socket.recv(65536)
        except ConnectionResetError:
            chunk = b""
        self.received += chunk
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not chunk:
            return 0
        if not found or len(body) < content_length(head):
            return None
        return int(head.split(b" ", 2)[1])


def content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n")[1:]:
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise ValueError(f"an answer without a length: {head!r}")


def run(url: str, requests: deque[bytes], connections: int) -> dict[str, object]:
    """Send everything; see the module's words for what comes back."""
    target = urlsplit(url)
    address = (target.hostname or "", target.port or 80)
    statuses: Counter[int] = Counter()
    waits: list[float] = []
    with selectors.DefaultSelector() as selector:
        started_at = time.perf_counter()
        for line in [Line(address) for _ in range(min(connections, len(requests)))]:
            line.send(requests.popleft())
            selector.register(line.socket, selectors.EVENT_READ, line)
        while selector.get_map():
            for key, _ in selector.select():
                step(key.data, selector, requests, statuses, waits)
        seconds = time.perf_counter() - started_at
    waits.sort()
    return {
        "seconds": seconds,
        "statuses": statuses,
        "p50_ms": waits[len(waits) // 2] * 1000,
        "p99_ms": waits[len(waits) * 99 // 100] * 1000,
    }


def step(
    line: Line,
    selector: selectors.BaseSelector,
    requests: deque[bytes],
    statuses: Counter[int],
    waits: list[float],
) -> None:
    """Take in what one connection has to say, and send the next request on it."""
    status = line.take()
    if status is None:
        return
    selector.unregister(line.socket)
    if status:
        statuses[status] += 1
        waits.append(time.perf_counter() - line.sent_at)
        line.answers += 1
    else:
        requests.append(line.request)
    if not status or not requests or line.answers == REQUESTS_PER_CONNECTION:
        line.socket.close()
    if not requests:
        return
    if line.socket.fileno() == -1:
        line.open()
    line.send(requests.popleft())
    selector.register(line.socket, selectors.EVENT_READ, line)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.load")
    parser.add_argument("url")
    parser.add_argument("--secret", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    requests = make_requests(options.url, options.secret, options.count)
    print(json.dumps(run(options.url, requests, options.connections)))


if __name__ == "__main__":
    main()
