"""Amazon SNS over HTTPS: the message, the text that its signature is over, and which addresses in it are to be trusted.

Notification              its ``Message`` is what was published, see ``envelopes``
SubscriptionConfirmation  somebody subscribed this address: ``SubscribeURL`` confirms it
UnsubscribeConfirmation   the subscription was ended: nothing more will come
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from tracking.payloads.errors import PayloadError
from tracking.payloads.json_text import loads
from tracking.payloads.times import parse_utc

NOTIFICATION, SUBSCRIBE, UNSUBSCRIBE = "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
# In the order that they are signed in; ``Subject`` only where there is one.
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIBE: _CONFIRMATION,
    UNSUBSCRIBE: _CONFIRMATION,
}
HOST = re.compile(r"https://sns\.[a-z]{2}[a-z0-9-]{1,30}\.amazonaws\.com(?:\.cn)?")
CERTIFICATE = re.compile(HOST.pattern + r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")


@dataclass(frozen=True)
class SnsMessage:
    """``signature_version``: ``1`` is RSA with SHA-1, ``2`` with SHA-256. ``certificate`` is an address, unchecked."""

    type: str
    topic_arn: str
    sent_at: datetime
    signature_version: str
    signature: bytes
    certificate: str
    signed_text: bytes


def parse_sns(raw: bytes) -> SnsMessage:
    """A signed message of SNS. PayloadError with the name where it is none."""
    document = loads(raw)
    if not isinstance(document, dict):
        raise PayloadError("", "not an object")
    kind = required(document, "Type")
    if kind not in SIGNED:
        raise PayloadError("Type", "not a type that SNS signs")
    sent_at = parse_utc(required(document, "Timestamp"))
    if sent_at is None:
        raise PayloadError("Timestamp", "not a date-time")
    return SnsMessage(
        type=kind,
        topic_arn=required(document, "TopicArn"),
        sent_at=sent_at,
        signature_version=required(document, "SignatureVersion"),
        signature=signature(document),
        certificate=required(document, "SigningCertURL"),
        signed_text=signed_text(document, kind),
    )


def signed_text(document: Mapping[str, object], kind: str) -> bytes:
    """Each name and value on a line of its own."""
    names = [name for name in SIGNED[kind] if name != "Subject" or document.get(name) is not None]
    try:
        return "".join(f"{name}\n{required(document, name)}\n" for name in names).encode()
    except UnicodeEncodeError:
        raise PayloadError("", "half a character") from None


def signature(document: Mapping[str, object]) -> bytes:
    try:
        return base64.b64decode(required(document, "Signature"), validate=True)
    except ValueError:
        raise PayloadError("Signature", "not base64") from None


def required(document: Mapping[str, object], name: str) -> str:
    """The text exactly as it was signed: nothing trimmed or replaced."""
    value = document.get(name)
    if not isinstance(value, str):
        raise PayloadError(name, "missing" if value is None else "not text")
    return value


def is_certificate_address(address: str) -> bool:
    """Whether a certificate there can only be Amazon's own."""
    return CERTIFICATE.fullmatch(address) is not None


def control_type(document: object) -> str:
    """SubscriptionConfirmation or UnsubscribeConfirmation; "" for anything else."""
    kind = document.get("Type") if isinstance(document, dict) and "SubscribeURL" in document else ""
    return kind if kind in (SUBSCRIBE, UNSUBSCRIBE) else ""


def confirmation_of(document: Mapping[str, object], topic_arn: str) -> tuple[str, dict[str, str]]:
    """(host, query) of the call that confirms the subscription to this topic.

    PayloadError where ``SubscribeURL`` leads anywhere but to Amazon SNS, or confirms anything else.
    """
    parts = urlsplit(required(document, "SubscribeURL"))
    host = f"{parts.scheme}://{parts.netloc}"
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if not HOST.fullmatch(host) or parts.path not in ("", "/") or query.get("Action") != "ConfirmSubscription":
        raise PayloadError("SubscribeURL", "not an address of Amazon SNS that confirms a subscription")
    if query.get("TopicArn") != topic_arn or required(document, "TopicArn") != topic_arn:
        raise PayloadError("SubscribeURL", "confirms another topic than this project's")
    if not query.get("Token"):
        raise PayloadError("SubscribeURL", "has no token")
    return host, query
