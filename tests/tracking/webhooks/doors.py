"""Knocking at the two doors. Signatures are computed by the letter of AfterShip's documentation, not by our code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django_q.models import OrmQ

from tracking.models import Job, Receipt, Refusal

SECRET, PREVIOUS, TOKEN = "hook-secret-of-main", "hook-secret-of-last-year", "inbound-token-of-demo"
AFTERSHIP, COMMERCETOOLS = "/webhooks/aftership/main/", "/webhooks/commercetools/demo/"

CLIENT = Client(raise_request_exception=False)


def sign(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode("ascii")


def knock(path: str, body: bytes, headers: dict[str, str]) -> HttpResponse:
    """Post raw bytes as a web server hands them on; a 5xx is an answer here, not an exception."""
    return CLIENT.generic("POST", path, body, content_type="application/json", headers=headers)


def signed(body: bytes, *, path: str = AFTERSHIP, secret: str = SECRET, **headers: str) -> HttpResponse:
    """An authentic AfterShip webhook."""
    return knock(path, body, {"aftership-hmac-sha256": sign(body, secret), **headers})


def bearing(body: bytes, *, path: str = COMMERCETOOLS, token: str = TOKEN, **headers: str) -> HttpResponse:
    """An authentic commercetools message."""
    return knock(path, body, {"authorization": f"Bearer {token}", **headers})


def dumped(document: Any) -> bytes:
    return json.dumps(document).encode()


def refusals() -> list[tuple[str, str, str, int]]:
    return list(Refusal.objects.values_list("source", "endpoint", "reason", "count").order_by("pk"))


def nothing_was_done() -> bool:
    """No receipt, no job, no worker woken."""
    return not (Receipt.objects.exists() or Job.objects.exists() or OrmQ.objects.exists())
