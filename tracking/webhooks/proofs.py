"""How each way of sending proves who sends; ``stores.inbound`` says what each is told for it.

    AfterShip    HMAC-SHA256 of the body in a header
    bearer       Authorization: Bearer <secret>
    pubsub       Google's OpenID token: signature, issuer, audience, account, expiry; subscription, if pinned
    sns          the signature within the message, by Amazon's certificate; topic and age
    eventbridge  <secret> in a header
    eventgrid    Entra's token: signature, issuer, audience, expiry; or ?code=<secret> in the address
    connect      as pubsub; or HMAC-SHA256 of the body in a header; or as bearer

A proof that does not hold is Forged, by reason. KeysUnavailable is nobody's fault, and the sender has to come again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from django.http import HttpRequest
from django.utils import timezone

from stores.inbound import KEY_HEADER, can_prove
from stores.models import Project
from tracking.clients.keys import UnknownKey, certificates, key_sets
from tracking.payloads.errors import PayloadError
from tracking.payloads.from_sns import is_certificate_address, parse_sns
from tracking.payloads.json_text import loads
from tracking.payloads.signature import sign

GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v3/certs"
GOOGLE = ("https://accounts.google.com", "accounts.google.com")
ENTRA_KEYS = "https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys"
ENTRA = ("https://login.microsoftonline.com/{tenant}/v2.0", "https://sts.windows.net/{tenant}/")  # tokens v2, v1
ALGORITHM = "RS256"
LEEWAY_SECONDS = 60
SNS_OLDEST, SNS_AHEAD = timedelta(hours=1), timedelta(minutes=5)
SNS_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {"1": hashes.SHA1, "2": hashes.SHA256}

TOKEN_FAULTS: dict[type[jwt.PyJWTError], tuple[str, str]] = {
    jwt.ExpiredSignatureError: ("token_expired", "The token has expired."),
    jwt.ImmatureSignatureError: ("token_early", "The token is not valid yet: compare the clocks."),
    jwt.InvalidAudienceError: ("token_audience", "The token is made for another audience."),
    jwt.InvalidIssuerError: ("token_issuer", "The token was issued by somebody else."),
    jwt.MissingRequiredClaimError: ("token_incomplete", "The token lacks a claim."),
    jwt.InvalidSignatureError: ("token_signature", "The token's signature is wrong."),
}


class Forged(Exception):  # noqa: N818 named for what is the case
    """Not from who it should be. ``reason`` is counted, ``words`` are answered: neither tells a secret."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(f"{reason}: {words}")
        self.reason = reason
        self.words = words


class Proof(Protocol):
    """Of one endpoint, made once and used for many requests."""

    def check(self, request: HttpRequest, body: bytes) -> None:
        """Raises Forged or KeysUnavailable; returns where the request is authentic."""


@dataclass(frozen=True)
class AfterShipHmac:
    """``aftership-hmac-sha256``: base64 of HMAC-SHA256 over the raw body, with one of the secrets."""

    secrets: tuple[str, ...]

    def check(self, request: HttpRequest, body: bytes) -> None:
        given = header(request, "aftership-hmac-sha256")
        if not given:
            raise Forged("signature_missing", "The header aftership-hmac-sha256 is missing.")
        if not fits_any(given, [sign(secret, body) for secret in self.secrets]):
            raise Forged("signature_wrong", "The signature does not fit this body and this endpoint's secret.")


@dataclass(frozen=True)
class Bearer:
    secret: str

    def check(self, request: HttpRequest, body: bytes) -> None:
        if not fits_any(bearer_of(request), [self.secret]):
            raise Forged("token_wrong", "The bearer token is not this endpoint's.")


@dataclass(frozen=True)
class KeyHeader:
    name: str
    secret: str

    def check(self, request: HttpRequest, body: bytes) -> None:
        given = header(request, self.name)
        if not given:
            raise Forged("key_missing", f"The header {self.name} is missing.")
        if not fits_any(given, [self.secret]):
            raise Forged("key_wrong", "The key is not this endpoint's.")


@dataclass(frozen=True)
class QueryCode:
    """``?code=`` in the address. Query strings are logged nowhere here; a proxy in front must not do so either."""

    secret: str

    def check(self, request: HttpRequest, body: bytes) -> None:
        given = request.GET.get("code", "")
        if not given:
            raise Forged("key_missing", "The address has no code.")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self.secret.encode()):
            raise Forged("key_wrong", "The code is not this endpoint's.")


@dataclass(frozen=True)
class BodySignature:
    """HMAC-SHA256 over the raw body, in hexadecimal or base64, with or without ``sha256=`` before it."""

    name: str
    secret: str

    def check(self, request: HttpRequest, body: bytes) -> None:
        given = header(request, self.name)
        if not given:
            raise Forged("signature_missing", f"The header {self.name} is missing.")
        digest = hmac_of(self.secret, body)
        if not fits_any(given.removeprefix("sha256="), [digest.hex(), base64.b64encode(digest).decode()]):
            raise Forged("signature_wrong", "The signature does not fit this body and this endpoint's secret.")


@dataclass(frozen=True)
class GoogleToken:
    """Anybody can have Google make a token for any audience: only the account in it tells who sends."""

    audience: str
    service_account: str
    subscription: str = ""

    def check(self, request: HttpRequest, body: bytes) -> None:
        claims = claims_of(bearer_of(request), GOOGLE_KEYS, self.audience, GOOGLE)
        if claims.get("email") != self.service_account or claims.get("email_verified") is not True:
            raise Forged("other_account", "The token is another account's.")
        if self.subscription and subscription_of(body) not in (None, self.subscription):
            raise Forged("other_subscription", "The message is of another subscription.")


@dataclass(frozen=True)
class EntraToken:
    tenant: str
    audience: str

    def check(self, request: HttpRequest, body: bytes) -> None:
        issuers = [issuer.format(tenant=self.tenant) for issuer in ENTRA]
        claims_of(bearer_of(request), ENTRA_KEYS.format(tenant=self.tenant), self.audience, issuers)


@dataclass(frozen=True)
class SnsSignature:
    """Amazon's signature over its own envelope, by a key from an address that is Amazon's."""

    topic_arn: str

    def check(self, request: HttpRequest, body: bytes) -> None:
        """Raises Forged with the reason unless Amazon SNS signed this body for our topic within the last hour."""
        try:
            message = parse_sns(body)
        except PayloadError as error:
            if request.META.get("HTTP_X_AMZ_SNS_RAWDELIVERY"):
                raise Forged("raw_delivery", "Raw delivery has no signature: switch it off.") from None
            raise Forged("signature_missing", f"This is no signed message of SNS ({error}).") from None
        if message.topic_arn != self.topic_arn:
            raise Forged("other_topic", "The message is of another topic.")
        if not -SNS_AHEAD <= timezone.now() - message.sent_at <= SNS_OLDEST:
            raise Forged("too_old", "The message is older than an hour, or from the future.")
        if message.signature_version not in SNS_HASHES:
            raise Forged("signature_version", "The signature is of an unknown version.")
        if not is_certificate_address(message.certificate):
            raise Forged("certificate_address", "The certificate is not from an address of Amazon SNS.")
        try:
            key = certificates.key(message.certificate)
            key.verify(message.signature, message.signed_text, PKCS1v15(), SNS_HASHES[message.signature_version]())
        except UnknownKey:
            raise Forged("key_unknown", "There is no such certificate, or it is out of date.") from None
        except InvalidSignature:
            raise Forged("signature_wrong", "The signature does not fit this message.") from None


def proof_of(project: Project) -> Proof | None:
    """How this project's messages prove themselves; None where none are taken: it is polled, or nothing is set."""
    kind, options, secret = project.inbound_type, project.inbound_options, project.inbound_secret
    return PROOFS[kind](options, secret) if can_prove(kind, options, secret) else None


def google_token(options: dict[str, str]) -> GoogleToken:
    return GoogleToken(options["audience"], options["service_account"], options.get("subscription", ""))


def eventgrid(options: dict[str, str], secret: str) -> Proof:
    return EntraToken(options["tenant"], options["audience"]) if "tenant" in options else QueryCode(secret)


def connect(options: dict[str, str], secret: str) -> Proof:
    if "audience" in options:
        return google_token(options)
    return BodySignature(options["header"], secret) if "header" in options else Bearer(secret)


PROOFS: dict[str, Callable[[dict[str, str], str], Proof]] = {
    Project.Inbound.BEARER: lambda options, secret: Bearer(secret),
    Project.Inbound.PUBSUB: lambda options, secret: google_token(options),
    Project.Inbound.SNS: lambda options, secret: SnsSignature(options["topic_arn"]),
    Project.Inbound.EVENTBRIDGE: lambda options, secret: KeyHeader(options.get("header", KEY_HEADER), secret),
    Project.Inbound.EVENTGRID: eventgrid,
    Project.Inbound.CONNECT: connect,
}


def claims_of(token: str, key_set: str, audience: str, issuers: Collection[str]) -> dict[str, Any]:
    """What the token says, if one of ``issuers`` signed it for ``audience`` and it has not expired."""
    try:
        described = jwt.get_unverified_header(token)
        if described.get("alg") != ALGORITHM:  # none, or HS256 with the public key for a secret
            raise Forged("token_algorithm", f"The token is not signed with {ALGORITHM}.")
        key = key_sets.key(key_set, described.get("kid", ""))
        return jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=issuers,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "aud", "iss"]},
        )
    except UnknownKey:
        raise Forged("key_unknown", "The token is signed with a key that its issuer does not have.") from None
    except (jwt.PyJWTError, RecursionError) as error:
        reason, words = TOKEN_FAULTS.get(type(error), ("token_unreadable", "The token cannot be read."))  # type: ignore[arg-type]
        raise Forged(reason, words) from None


def subscription_of(body: bytes) -> str | None:
    """The subscription that a Pub/Sub envelope names, "" where it names none; None for what is no envelope."""
    try:
        document = loads(body)
    except PayloadError:
        return None
    return str(document.get("subscription", "")) if isinstance(document, dict) else None


def bearer_of(request: HttpRequest) -> str:
    scheme, _, given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not given:
        raise Forged("token_missing", "The header Authorization: Bearer … is missing.")
    return str(given)


def header(request: HttpRequest, name: str) -> str:
    """The header's value as the web server shows it: its bytes as Latin-1."""
    return str(request.META.get("HTTP_" + name.upper().replace("-", "_"), ""))


def hmac_of(secret: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


def fits_any(given: str, expected: Collection[str]) -> bool:
    """Compare with each, in constant time: neither where it differs nor which one fits shows in the time it takes."""
    proof = given.encode("latin-1", "replace")  # WSGI shows a header's bytes as Latin-1
    return bool(sum([hmac.compare_digest(proof, one.encode()) for one in expected]))
