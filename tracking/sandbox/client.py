"""A typed hand for the control API: what tests and the demo say to a sandbox, in this process or another."""

from __future__ import annotations

import base64
import http.client
import json
import time
from typing import Any
from urllib.parse import quote, urlencode, urlsplit


class SandboxError(Exception):
    """The sandbox refused a control call; ``status`` and ``body`` say why."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class SandboxClient:
    """Speaks to the sandbox at ``url``. Not for use by several threads at once."""

    def __init__(self, url: str, timeout_seconds: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout_seconds)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One control call below ``/_sandbox``; the parsed answer. Raises SandboxError unless it is a 200."""
        content = None if body is None else json.dumps(body).encode()
        for attempt in (1, 2):
            try:
                self._connection.request(method, f"/_sandbox{path}", body=content)
                response = self._connection.getresponse()
                break
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self._connection.close()
                if attempt == 2:
                    raise
        answer = json.loads(response.read() or b"null")
        if response.status != 200:
            raise SandboxError(response.status, answer)
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # -- commercetools

    def project(self, key: str, **settings: Any) -> dict[str, Any]:
        """Create or change a project.

        Settings: client_id, client_secret, scope, push {url, token, delay_seconds, types}, token_seconds, languages,
        stores, channels.
        """
        return self.call("POST", "/commercetools/projects", {"key": key, **settings})

    def create_order(self, project: str, **order: Any) -> dict[str, Any]:
        """A whole order of a partial one; emits OrderCreated, DeliveryAdded, ParcelAddedToDelivery."""
        return self.call("POST", f"/commercetools/{project}/orders", order)

    def order(self, project: str, order_id: str) -> dict[str, Any]:
        """An order as it stands, unseen by the journal."""
        return self.call("GET", f"/commercetools/{project}/orders/{quote(order_id, safe='')}")

    def orders(self, project: str) -> list[dict[str, Any]]:
        """All orders of a project."""
        return self.call("GET", f"/commercetools/{project}/orders")["orders"]

    def foreign_update(self, project: str, order_id: str, *actions: dict[str, Any]) -> dict[str, Any]:
        """A rival writer's update."""
        path = f"/commercetools/{project}/orders/{quote(order_id, safe='')}/foreign-update"
        return self.call("POST", path, {"actions": list(actions)})

    def delete_order(self, project: str, order_id: str) -> dict[str, Any]:
        """Delete an order; emits OrderDeleted."""
        return self.call("DELETE", f"/commercetools/{project}/orders/{quote(order_id, safe='')}")

    def messages(self, project: str) -> list[dict[str, Any]]:
        """Every message the project has emitted, in order."""
        return self.call("GET", f"/commercetools/{project}/messages")["messages"]

    def set_subscription_status(self, project: str, key: str, status: str) -> dict[str, Any]:
        """Break a Subscription, or mend it: ``ConfigurationErrorDeliveryStopped``, ``Healthy`` …"""
        return self.call("PUT", f"/commercetools/{project}/subscriptions/{key}", {"status": status})

    def expire_tokens(self) -> int:
        """End every access token now; says how many there were."""
        return self.call("POST", "/commercetools/expire-tokens")["expired"]

    # -- AfterShip

    def account(self, key: str, **settings: Any) -> None:
        """Create or change an account: api_key, webhook {url, secret}, couriers, plan_webhooks, store_id."""
        self.call("POST", "/aftership/accounts", {"key": key, **settings})

    def trackings(self, account: str) -> list[dict[str, Any]]:
        """All trackings of an account as they stand."""
        return self.call("GET", f"/aftership/{account}/trackings")["trackings"]

    def commerce(self, account: str) -> dict[str, list[dict[str, Any]]]:
        """Orders and fulfilments that were sent to the account's store."""
        return self.call("GET", f"/aftership/{account}/orders")

    def scan(self, account: str, tracking_id: str, tag: str, subtag: str | None = None, **scan: Any) -> dict[str, Any]:
        """One scan by the courier; gives the tracking and the event_id of the webhook (None if none was sent).

        Besides: message, location, checkpoint_time, eta, updated_at, raw_tag, courier (corrects the slug), event,
        webhook (False sends none).
        """
        path = f"/aftership/{account}/trackings/{quote(tracking_id, safe='')}/scan"
        return self.call("POST", path, {"tag": tag, "subtag": subtag, **scan})

    def send(self, account: str, body: Any, *, secret: str | None = None, times: int = 1) -> list[int]:
        """Sign and post a body (bytes go out as they are) to the account's webhook; the statuses answered."""
        content = {"raw_base64": base64.b64encode(body).decode()} if isinstance(body, bytes) else body
        order = {"body": content, "times": times} | ({} if secret is None else {"secret": secret})
        return self.call("POST", f"/aftership/{account}/send", order)["statuses"]

    # -- dials, journal, waiting

    def dials(self) -> dict[str, Any]:
        """All dials by group."""
        return self.call("GET", "/dials")

    def set_dials(self, **groups: dict[str, Any]) -> dict[str, Any]:
        """Set the dials named: ``set_dials(aftership={"down": True})``."""
        return self.call("PUT", "/dials", groups)

    def reset_dials(self) -> None:
        """All dials back to rest."""
        self.call("DELETE", "/dials")

    def journal(self, upstream: str | None = None, since: int = 0) -> list[dict[str, Any]]:
        """Calls that reached an upstream, numbered above ``since``."""
        query = urlencode({"upstream": upstream or "", "since": since})
        return self.call("GET", f"/journal?{query}")["entries"]

    def summary(self) -> dict[str, int]:
        """Number of calls per "upstream METHOD /path/{template}"."""
        return self.call("GET", "/journal/summary")

    def idle(self) -> dict[str, Any]:
        """Sends outstanding and waiting for a retry."""
        return self.call("GET", "/idle")

    def wait_idle(self, timeout_seconds: float = 30.0, *, retries_too: bool = True) -> None:
        """Return when nothing is outstanding (nor, unless told otherwise, waiting for a retry). Raises TimeoutError."""
        ends_at = time.monotonic() + timeout_seconds
        while True:
            state = self.idle()
            if not state["outstanding"] and not (retries_too and state["waiting_for_retry"]):
                return
            if time.monotonic() > ends_at:
                raise TimeoutError(f"the sandbox still has to send: {state}")
            time.sleep(0.02)

    def reset(self) -> None:
        """As new."""
        self.call("POST", "/reset")
