"""Who may post to a webhook endpoint: the one who holds its secret. Nothing is stored of anybody else's request.

Endpoint rows are remembered for a few seconds per process, so that a webhook costs no look-up; a new secret, or
switching an endpoint off, takes that long to be noticed. The previous secret stays valid while it stands on the row.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import NoReturn

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, NotFound, ParseError
from rest_framework.request import Request

from stores.models import AfterShipAccount, Project
from tracking.enums import Source
from tracking.services.receive import count_refusal

REMEMBER_SECONDS = 5.0
remembered: dict[tuple[Source, str], tuple[float, list[str]]] = {}


class BodyTooLarge(APIException):
    status_code = 413
    default_detail = "The body is larger than this endpoint accepts."
    default_code = "body_too_large"


class EndpointAuthentication(BaseAuthentication):
    """Checks size, then endpoint, then proof. Refusals are counted by reason and answered in words."""

    source: Source
    realm: str

    def secrets_of(self, key: str) -> list[str]:
        raise NotImplementedError

    def check(self, request: Request, body: bytes, secrets: list[str]) -> str | None:
        """The reason why the request is not authentic, or None if it is."""
        raise NotImplementedError

    def authenticate(self, request: Request) -> tuple[None, bytes]:
        key = request.parser_context["kwargs"]["key"]
        body = self.read_body(request, key)
        secrets = remember(self.source, key, self.secrets_of)
        if not secrets:
            self.refuse("", "unknown_endpoint", NotFound("There is no such endpoint, or it takes no messages."))
        reason = self.check(request, body, secrets)
        if reason:
            self.refuse(
                key, reason.split(":")[0], AuthenticationFailed(reason.partition(": ")[2], code=reason.split(":")[0])
            )
        return None, body

    def read_body(self, request: Request, key: str) -> bytes:
        """The raw bytes, at most one more than allowed; also where they come in chunks of unannounced length."""
        limit = settings.WEBHOOK_MAX_BYTES
        is_chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
        announced = int(request.META.get("CONTENT_LENGTH") or 0)
        if announced > limit:
            self.refuse("", "body_too_large", BodyTooLarge())
        try:
            body = request.META["wsgi.input"].read(limit + 1) if is_chunked else request._request.body
        except Exception as error:  # the web server's own kinds: broken chunks, a sender that hung up
            raise ParseError("The body cannot be read to its end.") from error
        if len(body) < announced:  # the sender hung up: it will come again, and half a message is none
            raise ParseError("The body is shorter than it was announced to be.")
        if len(body) > limit:
            self.refuse("", "body_too_large", BodyTooLarge())
        return body

    def refuse(self, key: str, reason: str, error: APIException) -> NoReturn:
        count_refusal(self.source, key, reason)
        raise error

    def authenticate_header(self, request: Request) -> str:
        return self.realm


def remember(source: Source, key: str, load: Callable[[str], list[str]]) -> list[str]:
    """The endpoint's secrets, read at most every few seconds."""
    now = time.monotonic()
    at, secrets = remembered.get((source, key), (0.0, []))
    if not secrets or now - at > REMEMBER_SECONDS:
        secrets = load(key)
        if secrets:
            remembered[(source, key)] = (now, secrets)
        else:
            remembered.pop((source, key), None)
    return secrets


class AfterShipSignature(EndpointAuthentication):
    """``aftership-hmac-sha256``: base64 of HMAC-SHA256 over the raw body, with the current or the previous secret."""

    source = Source.AFTERSHIP
    realm = "AfterShip-HMAC-SHA256"

    def secrets_of(self, key: str) -> list[str]:
        account = AfterShipAccount.objects.filter(key=key, is_active=True).first()
        return account.webhook_secrets if account else []

    def check(self, request: Request, body: bytes, secrets: list[str]) -> str | None:
        given = request.META.get("HTTP_AFTERSHIP_HMAC_SHA256", "")
        if not given:
            return "signature_missing: The header aftership-hmac-sha256 is missing."
        if fits_any(given, [sign(secret, body) for secret in secrets]):
            return None
        return "signature_wrong: The signature does not fit this body and this endpoint's secret."


class CommercetoolsBearer(EndpointAuthentication):
    """``Authorization: Bearer <secret of the project>``."""

    source = Source.COMMERCETOOLS
    realm = "Bearer"

    def secrets_of(self, key: str) -> list[str]:
        project = Project.objects.filter(key=key, is_active=True, inbound_type=Project.Inbound.BEARER).first()
        return [project.inbound_secret] if project and project.inbound_secret else []

    def check(self, request: Request, body: bytes, secrets: list[str]) -> str | None:
        scheme, _, given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            return "token_missing: The header Authorization: Bearer … is missing."
        if fits_any(given, secrets):
            return None
        return "token_wrong: The bearer token is not this endpoint's."


def sign(secret: str, body: bytes) -> str:
    """AfterShip's signature of a body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def fits_any(given: str, expected: list[str]) -> bool:
    """Compare with each, in constant time: neither where it differs nor which one fits shows in the time it takes."""
    proof = given.encode("latin-1", "replace")  # WSGI shows a header's bytes as Latin-1
    return bool(sum([hmac.compare_digest(proof, one.encode()) for one in expected]))


def forget() -> None:
    """Drop what is remembered of endpoints: for tests, and after changing a secret in the same process."""
    remembered.clear()
