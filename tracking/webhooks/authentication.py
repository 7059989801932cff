"""Who may post to a webhook endpoint: the one who proves to be its sender. Nothing is stored of anybody else's request.

The proof of an endpoint is remembered for a few seconds per process, so that a webhook costs no look-up; a new secret,
or switching an endpoint off, takes that long to be noticed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NoReturn

import structlog
from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, NotFound, ParseError
from rest_framework.request import Request

from stores.models import AfterShipAccount, Project
from tracking.clients.keys import KeysUnavailable
from tracking.enums import Source
from tracking.services.receive import count_refusal
from tracking.webhooks.proofs import AfterShipHmac, Forged, Proof, proof_of

logger = structlog.get_logger("trackbridge.webhooks")

REMEMBER_SECONDS = 5.0
remembered: dict[tuple[Source, str], tuple[float, Proof]] = {}


class BodyTooLarge(APIException):
    status_code = 413
    default_detail = "The body is larger than this endpoint accepts."
    default_code = "body_too_large"


class CannotTell(APIException):
    status_code = 503
    default_detail = "The keys to check this message with cannot be fetched now. Send it again."
    default_code = "keys_unavailable"


class EndpointAuthentication(BaseAuthentication):
    """Checks size, then endpoint, then proof. Refusals are counted by reason and answered in words."""

    source: Source
    realm: str

    def load(self, key: str) -> Proof | None:
        """The endpoint's proof from its row; None where there is no such endpoint, or it takes nothing."""
        raise NotImplementedError

    def authenticate(self, request: Request) -> tuple[None, bytes]:
        """The body, once its sender has proved itself. CannotTell where keys cannot be fetched now."""
        key = request.parser_context["kwargs"]["key"]
        body = self.read_body(request, key)
        proof = remember(self.source, key, self.load)
        if proof is None:
            self.refuse("", "unknown_endpoint", NotFound("There is no such endpoint, or it takes no messages."))
        try:
            proof.check(request._request, body)
        except Forged as forged:
            self.refuse(key, forged.reason, AuthenticationFailed(forged.words, code=forged.reason))
        except KeysUnavailable as error:
            logger.error("keys cannot be fetched", source=self.source.value, endpoint=key, address=str(error))
            raise CannotTell from None
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


def remember(source: Source, key: str, load: Callable[[str], Proof | None]) -> Proof | None:
    """The endpoint's proof, read at most every few seconds."""
    now = time.monotonic()
    known = remembered.get((source, key))
    if known and now - known[0] <= REMEMBER_SECONDS:
        return known[1]
    proof = load(key)
    if proof:
        remembered[(source, key)] = (now, proof)
    else:
        remembered.pop((source, key), None)
    return proof


class AfterShipSignature(EndpointAuthentication):
    """AfterShip's HMAC, with the current or the previous secret: that one is good while it stands on the row."""

    source = Source.AFTERSHIP
    realm = "AfterShip-HMAC-SHA256"

    def load(self, key: str) -> Proof | None:
        account = AfterShipAccount.objects.filter(key=key, is_active=True).first()
        return AfterShipHmac(tuple(account.webhook_secrets)) if account and account.webhook_secrets else None


class CommercetoolsSender(EndpointAuthentication):
    """Whatever proof belongs to the way that the project's messages come."""

    source = Source.COMMERCETOOLS
    realm = "Bearer"

    def load(self, key: str) -> Proof | None:
        project = Project.objects.filter(key=key, is_active=True).first()
        return proof_of(project) if project else None


def forget() -> None:
    """Drop what is remembered of endpoints: for tests, and after changing a secret in the same process."""
    remembered.clear()
