"""What the upstreams send by themselves: AfterShip's signed webhooks and commercetools' messages.

post() puts a send on the heap; a bounded pool of threads takes what is due, over connections that stay open; an answer
outside 200-299 (or none) puts it back with a growing wait, as long as its retry rule gives one. URL, headers and body
stay those of the first attempt.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import http.client
import itertools
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

POOL_SIZE = 8
TIMEOUT_SECONDS = 15.0
WEBHOOK_ATTEMPTS = 14
MESSAGE_WAIT_CAP_SECONDS = 5.0
RetryRule = Callable[[int], float | None]
BROKEN = (http.client.HTTPException, OSError)


def signature(secret: str, body: bytes) -> str:
    """AfterShip's ``aftership-hmac-sha256``: base64 of the HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def webhook_headers(secret: str, body: bytes) -> dict[str, str]:
    """The headers AfterShip sends with a webhook of version 2026-07."""
    return {
        "aftership-hmac-sha256": signature(secret, body),
        "as-webhook-version": "2026-07",
        "Content-Type": "application/json",
        "User-Agent": "AfterShipTrackingWebhook/4.0.0 (https://www.aftership.com)",
    }


def webhook_retry(base_seconds: float) -> RetryRule:
    """AfterShip's waits: base, doubled each time, 14 attempts in all. Takes the attempts made, gives seconds or None
    for never.
    """
    return lambda attempts: base_seconds * 2 ** (attempts - 1) if attempts < WEBHOOK_ATTEMPTS else None


def message_retry(base_seconds: float) -> RetryRule:
    """A broker's waits: growing, capped, without end."""
    return lambda attempts: min(base_seconds * 2 ** min(attempts - 1, 20), MESSAGE_WAIT_CAP_SECONDS)


@dataclass(order=True)
class Send:
    """One thing to deliver; ordered by when it is due."""

    due: float
    n: int
    url: str = field(compare=False)
    headers: dict[str, str] = field(compare=False)
    body: bytes = field(compare=False)
    retry: RetryRule = field(compare=False)
    attempts: int = field(default=0, compare=False)
    generation: int = field(default=0, compare=False)


class Connections:
    """Open connections of one thread, by host. Not for sharing."""

    def __init__(self) -> None:
        self._open: dict[str, http.client.HTTPConnection] = {}

    def post(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of one POST; a kept connection that went stale is replaced once. Raises OSError or
        HTTPException.
        """
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        kept = self._open.get(parts.netloc)
        try:
            return self._exchange(kept or self._connect(parts.scheme, parts.netloc), target, headers, body)
        except TimeoutError:
            self._drop(parts.netloc)
            raise
        except BROKEN:
            self._drop(parts.netloc)
            if kept is None:
                raise
        return self._exchange(self._connect(parts.scheme, parts.netloc), target, headers, body)

    def close(self) -> None:
        """Close all of them."""
        for netloc in list(self._open):
            self._drop(netloc)

    def _exchange(
        self, connection: http.client.HTTPConnection, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes]:
        connection.request("POST", target, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _connect(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
        connection = kind(netloc, timeout=TIMEOUT_SECONDS)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open[netloc] = connection
        return connection

    def _drop(self, netloc: str) -> None:
        connection = self._open.pop(netloc, None)
        if connection is not None:
            connection.close()


class Sender:
    """The pool that delivers. Threads start with the first send and end with close()."""

    def __init__(self, pool_size: int = POOL_SIZE) -> None:
        self._pool_size = pool_size
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._heap: list[Send] = []
        self._numbers = itertools.count()
        self._in_flight = 0
        self._generation = 0
        self._delivered = 0
        self._given_up = 0
        self._closed = False

    def post(
        self, url: str, headers: dict[str, str], body: bytes, *, retry: RetryRule, delay_seconds: float = 0.0
    ) -> None:
        """Deliver by POST, first after ``delay_seconds``; returns at once."""
        with self._changed:
            due = time.monotonic() + delay_seconds
            heapq.heappush(
                self._heap,
                Send(due, next(self._numbers), url, headers, body, retry, generation=self._generation),
            )
            self._start_threads()
            self._changed.notify()

    def state(self) -> dict[str, int | bool]:
        """Sends not yet tried or on their way, sends waiting for a retry, and what has become of the others."""
        with self._changed:
            retrying = sum(1 for send in self._heap if send.attempts)
            outstanding = len(self._heap) - retrying + self._in_flight
            return {
                "idle": not (outstanding or retrying),
                "outstanding": outstanding,
                "waiting_for_retry": retrying,
                "delivered": self._delivered,
                "given_up": self._given_up,
            }

    def clear(self) -> None:
        """Forget all sends; one that is on its way is not retried."""
        with self._changed:
            self._heap.clear()
            self._generation += 1
            self._delivered = self._given_up = 0

    def close(self) -> None:
        """Forget all sends and end the threads."""
        self.clear()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _start_threads(self) -> None:
        while not self._closed and len(self._threads) < self._pool_size:
            thread = threading.Thread(target=self._work, name=f"sandbox-sender-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        connections = Connections()
        while (send := self._next()) is not None:
            self._finish(send, succeeded=_deliver(connections, send))
        connections.close()

    def _next(self) -> Send | None:
        with self._changed:
            while not self._closed:
                wait = self._heap[0].due - time.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    self._in_flight += 1
                    return heapq.heappop(self._heap)
                self._changed.wait(wait)
            return None

    def _finish(self, send: Send, *, succeeded: bool) -> None:
        with self._changed:
            self._in_flight -= 1
            if send.generation != self._generation:
                return
            send.attempts += 1
            wait = None if succeeded else send.retry(send.attempts)
            if succeeded:
                self._delivered += 1
            elif wait is None:
                self._given_up += 1
            else:
                send.due = time.monotonic() + wait
                heapq.heappush(self._heap, send)
                self._changed.notify()


def _deliver(connections: Connections, send: Send) -> bool:
    try:
        status, _ = connections.post(send.url, send.headers, send.body)
    except BROKEN:
        return False
    return 200 <= status <= 299
