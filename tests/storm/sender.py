"""AfterShip as a sender: signed webhooks over a few connections, each sent again until it is answered 2xx."""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import http.client
import threading
import time
from urllib.parse import urlsplit

from tests.storm.carriers import Webhook
from tests.storm.processes import SECRET

CONNECTIONS = 6
RETRY_SECONDS = 0.5
TIMEOUT_SECONDS = 20


class Sender:
    """``send`` returns at once. What was answered 2xx stands in ``acknowledged``, the waits for it in ``latencies``."""

    def __init__(self, web_url: str) -> None:
        self.host = urlsplit(web_url).netloc
        self.acknowledged: list[Webhook] = []
        self.latencies: list[float] = []
        self.refusals: dict[str, int] = {}
        self.sent = self.open = 0
        self.due: list[tuple[float, int, Webhook]] = []
        self.changed = threading.Condition()
        self.is_closed = False
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(CONNECTIONS)]
        for thread in self.threads:
            thread.start()

    def send(self, webhook: Webhook) -> None:
        with self.changed:
            self.sent += 1
            self.open += 1
            heapq.heappush(self.due, (0.0, self.sent, webhook))
            self.changed.notify()

    def wait(self, timeout_seconds: float) -> bool:
        """Until all that was sent is answered 2xx; False if that takes longer."""
        with self.changed:
            return self.changed.wait_for(lambda: not self.open, timeout_seconds)

    def close(self) -> None:
        with self.changed:
            self.is_closed = True
            self.changed.notify_all()
        for thread in self.threads:
            thread.join()

    def work(self) -> None:
        connection = http.client.HTTPConnection(self.host, timeout=TIMEOUT_SECONDS)
        while (item := self.take()) is not None:
            number, webhook = item
            started_at = time.monotonic()
            outcome = post(connection, webhook)
            with self.changed:
                if outcome == "200":
                    self.acknowledged.append(webhook)
                    self.latencies.append(time.monotonic() - started_at)
                    self.open -= 1
                else:
                    self.refusals[outcome] = self.refusals.get(outcome, 0) + 1
                    heapq.heappush(self.due, (time.monotonic() + RETRY_SECONDS, number, webhook))
                self.changed.notify_all()
        connection.close()

    def take(self) -> tuple[int, Webhook] | None:
        with self.changed:
            while not self.is_closed:
                wait = self.due[0][0] - time.monotonic() if self.due else None
                if wait is not None and wait <= 0:
                    _, number, webhook = heapq.heappop(self.due)
                    return number, webhook
                self.changed.wait(wait)
            return None


def post(connection: http.client.HTTPConnection, webhook: Webhook) -> str:
    """One try; the status, or in a word why there is none."""
    digest = hmac.new(SECRET.encode(), webhook.body, hashlib.sha256).digest()
    headers = {
        "aftership-hmac-sha256": base64.b64encode(digest).decode(),
        "as-webhook-version": "2026-07",
        "Content-Type": "application/json",
    }
    try:
        connection.request("POST", f"/webhooks/aftership/{webhook.account}/", webhook.body, headers)
        response = connection.getresponse()
        response.read()
    except (http.client.HTTPException, OSError) as error:
        connection.close()
        return type(error).__name__
    return str(response.status)
