"""Messages as the brokers send them, genuinely signed: with keys and certificates made here, by the letter of each
provider's documentation, not by our code."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from django.http import HttpResponse

from tests.payloads.documents import document, raw
from tests.tracking.webhooks.doors import COMMERCETOOLS, dumped, knock
from tracking.clients.keys import Keys

MESSAGE = raw("commercetools/message__parcel_added")
EVENT_ID = document("commercetools/message__parcel_added")["id"]
GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v3/certs"
ACCOUNT, AUDIENCE = "push@shop.iam.gserviceaccount.com", "https://bridge.example.com/webhooks/commercetools/demo/"
SUBSCRIPTION = "projects/shop/subscriptions/trackbridge"
TENANT, APP = "72f988bf-86f1-41af-91ab-2d7cd011db47", "api://trackbridge"
ENTRA_KEYS = f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:trackbridge"
CERTIFICATE = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"


@cache
def own_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def own_certificate(name: str, *, days: int = 365) -> bytes:
    """Self-made, in PEM; negative days: it has ended already."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, own_key(name).public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days))
        .sign(own_key(name), hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def pem_of(name: str) -> bytes:
    public = own_key(name).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass
class KeyServer:
    """Stands where keys are fetched: address → key id → key. Counts what it was asked; may be down."""

    keys: dict[str, Keys] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    fails_with: Exception | None = None

    def fetch(self, address: str) -> Keys:
        self.asked.append(address)
        if self.fails_with:
            raise self.fails_with
        return self.keys.get(address, {})


# ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def google_claims(**changes: Any) -> dict[str, Any]:
    """What Pub/Sub's tokens say; a claim that is None is left out."""
    now = int(time.time())
    claims = {
        "iss": "https://accounts.google.com", "aud": AUDIENCE, "azp": "113774264463038321964",
        "sub": "113774264463038321964", "email": ACCOUNT, "email_verified": True, "iat": now - 5, "exp": now + 3595,
    } | changes  # fmt: skip
    return {name: value for name, value in claims.items() if value is not None}


def entra_claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": f"https://sts.windows.net/{TENANT}/", "aud": APP, "tid": TENANT, "ver": "1.0",
        "appid": "4962773b-9cdb-44cf-a8bf-237846a00ab7", "nbf": now - 5, "iat": now - 5, "exp": now + 3595,
    } | changes  # fmt: skip
    return {name: value for name, value in claims.items() if value is not None}


def token(claims: dict[str, Any], *, key: str = "issuer", key_id: str | None = "key-1") -> str:
    headers = {"kid": key_id} if key_id is not None else {}
    return jwt.encode(claims, own_key(key), algorithm="RS256", headers=headers)


def segment(document: Any) -> str:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


# ── envelopes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def pubsub(body: bytes = MESSAGE, subscription: str = SUBSCRIPTION) -> bytes:
    message = {"data": base64.b64encode(body).decode(), "messageId": "7001", "publishTime": "2026-11-22T10:00:02Z"}
    return dumped({"message": message | {"attributes": {}}, "subscription": subscription})


def cloud_event(body: bytes = MESSAGE) -> dict[str, Any]:
    inside = json.loads(body)
    return {
        "specversion": "1.0", "id": "ce-1", "type": f"com.commercetools.order.message.{inside['type']}",
        "source": "/demo/orders", "subject": inside["resource"]["id"], "time": inside["createdAt"], "sequence": "5",
        "sequencetype": "Integer", "dataref": f"/demo/messages/{inside['id']}", "data": inside,
    }  # fmt: skip


def event_bridge(body: bytes = MESSAGE) -> bytes:
    event = {
        "version": "0", "id": "eb-1", "detail-type": "ParcelAddedToDelivery", "account": "123456789012",
        "source": "aws.partner/commercetools.com/demo/trackbridge", "time": "2026-11-22T10:00:02Z",
        "region": "eu-central-1", "resources": [], "detail": json.loads(body),
    }  # fmt: skip
    return dumped(event)


# ── SNS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def sns(body: bytes = MESSAGE, **changes: Any) -> dict[str, Any]:
    """A notification, unsigned."""
    return {
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": TOPIC,
        "Message": body.decode(), "Timestamp": sns_time(), "SignatureVersion": "1", "SigningCertURL": CERTIFICATE,
        "UnsubscribeURL": f"https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={TOPIC}:1",
    } | changes  # fmt: skip


def sns_control(kind: str = "SubscriptionConfirmation", **changes: Any) -> dict[str, Any]:
    secret = "2336412f37fb687f5d51e6e241d09c805a5a57b30d712f794cc5f6a988666d92768dd60a747ba6f3beb71854e285d6ad"
    return {
        "Type": kind, "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", "Token": secret, "TopicArn": TOPIC,
        "Message": "You have chosen to subscribe to the topic.", "Timestamp": sns_time(), "SignatureVersion": "2",
        "SubscribeURL": f"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={secret}",
        "SigningCertURL": CERTIFICATE,
    } | changes  # fmt: skip


def sns_time(*, minutes_ago: float = 0) -> str:
    moment = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def sns_signed(message: dict[str, Any], *, key: str = "sns") -> dict[str, Any]:
    """By AWS' description: names and values, a line each, in byte order; SHA-1 in version 1, SHA-256 in version 2."""
    names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
    names += ["Subject"] if "Subject" in message else []
    names += ["SubscribeURL", "Token"] if message["Type"] != "Notification" else []
    text = "".join(f"{name}\n{message[name]}\n" for name in sorted(names))
    digest = hashes.SHA1() if message["SignatureVersion"] == "1" else hashes.SHA256()
    signature = own_key(key).sign(text.encode(), padding.PKCS1v15(), digest)
    return message | {"Signature": base64.b64encode(signature).decode()}


def post_sns(message: dict[str, Any], **headers: str) -> HttpResponse:
    return knock(COMMERCETOOLS, dumped(message), {"x-amz-sns-message-type": message.get("Type", ""), **headers})


def with_token(body: bytes, bearer: str) -> HttpResponse:
    return knock(COMMERCETOOLS, body, {"authorization": f"Bearer {bearer}"})
