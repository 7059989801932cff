"""Every way of sending: the genuine message is one receipt; each forged one is refused, counted by reason, and nothing
is kept of it. Keys and certificates are the tests' own, signatures genuine."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from stores.models import Project
from tests.factories import make_project
from tests.tracking.webhooks import doors
from tests.tracking.webhooks.doors import COMMERCETOOLS, bearing, dumped, knock, refusals
from tests.tracking.webhooks.senders import (
    ACCOUNT,
    APP,
    AUDIENCE,
    CERTIFICATE,
    ENTRA_KEYS,
    EVENT_ID,
    GOOGLE_KEYS,
    MESSAGE,
    SUBSCRIPTION,
    TENANT,
    TOPIC,
    KeyServer,
    cloud_event,
    entra_claims,
    event_bridge,
    google_claims,
    own_key,
    pem_of,
    post_sns,
    pubsub,
    segment,
    sns,
    sns_control,
    sns_signed,
    sns_time,
    token,
    with_token,
)
from tests.tracking.webhooks.test_storing import Lines
from tracking.clients import keys
from tracking.clients.errors import RetryLater
from tracking.enums import ReceiptState
from tracking.models import Receipt
from tracking.services import pump

pytestmark = pytest.mark.django_db
DOWN = RetryLater("keys", "timeout", "No answer in time.")


@pytest.fixture(autouse=True)
def key_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyServer]:
    """Google and the tenant know ``key-1``; Amazon has one certificate."""
    public = {name: own_key(name).public_key() for name in ("issuer", "sns")}
    known = {"key-1": public["issuer"]}
    server = KeyServer({GOOGLE_KEYS: known, ENTRA_KEYS: known, CERTIFICATE: {keys.CERTIFICATE: public["sns"]}})
    for source in (keys.key_sets, keys.certificates):
        source.forget()
        monkeypatch.setattr(source, "fetch", server.fetch)
    yield server
    for source in (keys.key_sets, keys.certificates):
        source.forget()


def project(kind: str, secret: str = "", **options: str) -> Project:
    return make_project(key="demo", inbound_type=kind, inbound_secret=secret, inbound_options=options)


def is_taken(answer: HttpResponse) -> bool:
    """Answered 200 and kept once, as the message that was inside."""
    receipt = Receipt.objects.get()
    kept = (receipt.event_id, json.loads(bytes(receipt.body)))
    return answer.status_code == 200 and kept == (EVENT_ID, json.loads(MESSAGE))


def is_refused(answer: HttpResponse, reason: str) -> bool:
    counted = refusals()
    assert counted == [("commercetools", "demo", reason, 1)]
    return answer.status_code == 401 and doors.nothing_was_done()


# ── Google Pub/Sub ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def google() -> Project:
    return project("pubsub", audience=AUDIENCE, service_account=ACCOUNT, subscription=SUBSCRIPTION)


@pytest.mark.parametrize("issuer", ["https://accounts.google.com", "accounts.google.com"])
def test_pubsub_s_own_message_is_taken(google: Project, issuer: str) -> None:
    assert is_taken(with_token(pubsub(), token(google_claims(iss=issuer))))


def test_pubsub_without_a_pinned_subscription_takes_any() -> None:
    project("pubsub", audience=AUDIENCE, service_account=ACCOUNT)
    assert is_taken(with_token(pubsub(subscription="projects/other/subscriptions/x"), token(google_claims())))


def test_pubsub_with_cloud_events_inside(google: Project) -> None:
    assert is_taken(with_token(pubsub(dumped(cloud_event())), token(google_claims())))


FORGED_CLAIMS = {
    "another audience": ({"aud": "https://elsewhere.example.com"}, "token_audience"),
    "no audience": ({"aud": None}, "token_incomplete"),
    "expired": ({"exp": int(time.time()) - 300, "iat": int(time.time()) - 4000}, "token_expired"),
    "never expires": ({"exp": None}, "token_incomplete"),
    "from tomorrow": ({"iat": int(time.time()) + 86_400, "exp": int(time.time()) + 90_000}, "token_early"),
    "another issuer": ({"iss": "https://accounts.example.com"}, "token_issuer"),
    "Entra as issuer": ({"iss": f"https://sts.windows.net/{TENANT}/"}, "token_issuer"),
    "no issuer": ({"iss": None}, "token_incomplete"),
    "another account": ({"email": "evil@other.iam.gserviceaccount.com"}, "other_account"),
    "no account": ({"email": None}, "other_account"),
    "account in a list": ({"email": [ACCOUNT]}, "other_account"),
    "unverified account": ({"email_verified": False}, "other_account"),
    "verified as text": ({"email_verified": "true"}, "other_account"),
}


@pytest.mark.parametrize("case", FORGED_CLAIMS)
def test_a_google_token_that_says_something_else_is_refused(google: Project, case: str) -> None:
    claims, reason = FORGED_CLAIMS[case]
    assert is_refused(with_token(pubsub(), token(google_claims(**claims))), reason)


def by_hand(header: dict[str, Any], claims: dict[str, Any], signature: bytes) -> str:
    return f"{segment(header)}.{segment(claims)}.{segment(signature)}"


def hs256_with_public_key(claims: dict[str, Any]) -> str:
    """The attack on libraries that let the token choose: the public key, which everybody has, as an HMAC secret."""
    text = f"{segment({'alg': 'HS256', 'kid': 'key-1'})}.{segment(claims)}"
    return f"{text}.{segment(hmac.new(pem_of('issuer'), text.encode(), hashlib.sha256).digest())}"


FORGED_TOKENS = {
    "another key": (lambda: token(google_claims(), key="forger"), "token_signature"),
    "another key by its own name": (lambda: token(google_claims(), key="forger", key_id="key-2"), "key_unknown"),
    "no key named": (lambda: token(google_claims(), key_id=None), "key_unknown"),
    "alg none": (lambda: by_hand({"alg": "none", "kid": "key-1"}, google_claims(), b""), "token_algorithm"),
    "alg None": (lambda: by_hand({"alg": "NoNe", "kid": "key-1"}, google_claims(), b""), "token_algorithm"),
    "no alg": (lambda: by_hand({"kid": "key-1"}, google_claims(), b""), "token_algorithm"),
    "HS256 with the public key": (lambda: hs256_with_public_key(google_claims()), "token_algorithm"),
    "RS256 without a signature": (
        lambda: by_hand({"alg": "RS256", "kid": "key-1"}, google_claims(), b""),
        "token_signature",
    ),
    "changed claims": (lambda: swapped_claims(), "token_signature"),
    "key id that is a list": (lambda: by_hand({"alg": "RS256", "kid": [1]}, {}, b""), "token_unreadable"),
    "header that is a list": (lambda: f"{segment([1])}.{segment({})}.", "token_unreadable"),
    "very deep header": (lambda: f"{segment(b'[' * 5000)}.{segment({})}.", "token_unreadable"),
    "no token": (lambda: "abc", "token_unreadable"),
    "not ASCII": (lambda: "\xe9.\xe9.\xe9", "token_unreadable"),
    "the project's secret": (lambda: doors.TOKEN, "token_unreadable"),
}


def swapped_claims() -> str:
    head, _, signature = token(google_claims(email="evil@other.example.com")).split(".")
    return f"{head}.{segment(google_claims())}.{signature}"


@pytest.mark.parametrize("case", FORGED_TOKENS)
def test_a_token_that_google_did_not_sign_is_refused(google: Project, case: str) -> None:
    made, reason = FORGED_TOKENS[case]
    assert is_refused(with_token(pubsub(), made()), reason)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {"authorization": "Basic YTpi"}])
def test_without_a_token_nothing_is_taken(google: Project, headers: dict[str, str]) -> None:
    assert is_refused(knock(COMMERCETOOLS, pubsub(), headers), "token_missing")


@pytest.mark.parametrize("body", [pubsub(subscription="projects/shop/subscriptions/other"), MESSAGE])
def test_another_subscription_is_refused(google: Project, body: bytes) -> None:
    assert is_refused(with_token(body, token(google_claims())), "other_subscription")


def test_an_envelope_that_holds_nothing_readable_is_kept(google: Project) -> None:
    for body in (b"no JSON", b"[]x", dumped({"message": {"data": "%%%"}, "subscription": SUBSCRIPTION})):
        assert with_token(body, token(google_claims())).status_code == 200
        assert bytes(Receipt.objects.latest("pk").body) == body


def test_the_same_message_again_with_a_new_token_is_one_receipt(google: Project) -> None:
    assert with_token(pubsub(), token(google_claims())).json()["new"] == 1
    again = with_token(pubsub(), token(google_claims(iat=int(time.time()) - 2)))
    assert (again.status_code, again.json()["new"]) == (200, 0)


def test_keys_are_fetched_once(google: Project, key_server: KeyServer) -> None:
    for _ in range(3):
        assert with_token(pubsub(), token(google_claims())).status_code == 200
    assert key_server.asked == [GOOGLE_KEYS]


def test_made_up_key_ids_cost_no_fetch_each(google: Project, key_server: KeyServer) -> None:
    answers = {with_token(pubsub(), token(google_claims(), key_id=f"made-up-{n}")).status_code for n in range(5)}
    assert (answers, key_server.asked) == ({401}, [GOOGLE_KEYS])


def test_a_new_key_is_found(google: Project, key_server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_token(pubsub(), token(google_claims())).status_code == 200
    key_server.keys[GOOGLE_KEYS] = {"key-2": own_key("next").public_key()}
    assert with_token(pubsub(), token(google_claims(), key="next", key_id="key-2")).status_code == 401, "too soon"
    monkeypatch.setattr(keys, "AGAIN_SECONDS", -1)
    keys.key_sets.forget()
    assert with_token(pubsub(), token(google_claims(), key="next", key_id="key-2")).status_code == 200
    assert with_token(pubsub(), token(google_claims())).status_code == 401, "the old key was withdrawn"


@pytest.mark.parametrize("kind", ["pubsub", "eventgrid", "sns"])
def test_where_keys_cannot_be_fetched_the_broker_comes_again(kind: str, key_server: KeyServer) -> None:
    options = {
        "pubsub": {"audience": AUDIENCE, "service_account": ACCOUNT},
        "eventgrid": {"tenant": TENANT, "audience": APP},
        "sns": {"topic_arn": TOPIC},
    }
    project(kind, **options[kind])
    key_server.fails_with = DOWN

    def send() -> HttpResponse:
        if kind == "sns":
            return post_sns(sns_signed(sns()))
        return with_token(pubsub(), token(google_claims() if kind == "pubsub" else entra_claims()))

    answer = send()
    assert answer.status_code == 503
    assert answer.json() == {"detail": "The keys to check this message with cannot be fetched now. Send it again."}
    assert doors.nothing_was_done()
    assert refusals() == [], "nobody is to blame"
    assert (send().status_code, len(key_server.asked)) == (503, 1), "not asked again at once"
    key_server.fails_with = None
    for source in (keys.key_sets, keys.certificates):
        source.forget()
    assert is_taken(send())


def test_keys_that_are_known_serve_while_new_ones_cannot_be_fetched(
    google: Project, key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert with_token(pubsub(), token(google_claims())).status_code == 200
    key_server.fails_with = DOWN
    monkeypatch.setattr(keys, "KEPT_SECONDS", -1)
    assert with_token(pubsub(), token(google_claims())).status_code == 200
    assert key_server.asked == [GOOGLE_KEYS], "they were fetched a moment ago"


# ── Azure Event Grid ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def entra() -> Project:
    return project("eventgrid", tenant=TENANT, audience=APP)


@pytest.mark.parametrize(
    "issuer", [f"https://sts.windows.net/{TENANT}/", f"https://login.microsoftonline.com/{TENANT}/v2.0"]
)
def test_event_grid_s_event_is_taken(entra: Project, issuer: str) -> None:
    assert is_taken(with_token(dumped(cloud_event()), token(entra_claims(iss=issuer))))


def test_a_batch_is_a_receipt_for_each(entra: Project) -> None:
    other = json.loads(MESSAGE) | {"id": "another-message"}
    batch = dumped([cloud_event(), cloud_event(dumped(other)), cloud_event()])
    answer = with_token(batch, token(entra_claims()))
    assert (answer.json()["received"], answer.json()["new"]) == (3, 2)
    assert set(Receipt.objects.values_list("event_id", flat=True)) == {EVENT_ID, "another-message"}


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "api://another"}, "token_audience"),
        ({"iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/"}, "token_issuer"),
        ({"iss": "https://accounts.google.com"}, "token_issuer"),
        ({"exp": int(time.time()) - 300}, "token_expired"),
        ({"nbf": int(time.time()) + 3600}, "token_early"),
    ],
)
def test_an_entra_token_that_says_something_else_is_refused(
    entra: Project, claims: dict[str, Any], reason: str
) -> None:
    assert is_refused(with_token(dumped(cloud_event()), token(entra_claims(**claims))), reason)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: token(entra_claims(), key="forger"), "token_signature"),
        (lambda: hs256_with_public_key(entra_claims()), "token_algorithm"),
        (lambda: by_hand({"alg": "none", "kid": "key-1"}, entra_claims(), b""), "token_algorithm"),
    ],
)
def test_a_token_that_entra_did_not_sign_is_refused(entra: Project, made: Any, reason: str) -> None:
    assert is_refused(with_token(dumped(cloud_event()), made()), reason)


def test_event_grid_without_a_token_is_refused(entra: Project) -> None:
    assert is_refused(knock(COMMERCETOOLS, dumped(cloud_event()), {}), "token_missing")


def by_code(code: str) -> HttpResponse:
    return knock(f"{COMMERCETOOLS}?code={code}", dumped(cloud_event()), {"aeg-event-type": "Notification"})


def test_event_grid_with_a_code_in_the_address_is_taken() -> None:
    project("eventgrid", "a-long-code")
    assert is_taken(by_code("a-long-code"))


@pytest.mark.parametrize(("code", "reason"), [("", "key_missing"), ("guess", "key_wrong"), ("%C3%A9", "key_wrong")])
def test_another_code_is_refused(code: str, reason: str) -> None:
    project("eventgrid", "a-long-code")
    assert is_refused(by_code(code), reason)


def test_where_tokens_are_asked_for_a_code_is_none() -> None:
    project("eventgrid", "a-long-code", tenant=TENANT, audience=APP)
    assert is_refused(by_code("a-long-code"), "token_missing")


def test_the_code_reaches_no_log_and_no_row() -> None:
    project("eventgrid", "a-long-code")
    written = Lines()
    logging.getLogger().addHandler(written)
    try:
        assert by_code("a-long-code").status_code == 200
        assert by_code("a-guessed-code").status_code == 401
        assert Client().get(f"{COMMERCETOOLS}?code=a-long-code").status_code == 405
        assert Client().post(f"{COMMERCETOOLS[:-1]}?code=a-long-code", b"", "text/plain").status_code == 301
    finally:
        logging.getLogger().removeHandler(written)
    assert len(written.lines) >= 3
    text = "\n".join([*written.lines, *map(str, Receipt.objects.values())])
    assert [code for code in ("a-long-code", "a-guessed-code") if code in text] == []


def handshake(path: str = COMMERCETOOLS, **headers: str) -> HttpResponse:
    return Client().options(path, headers=headers)


def test_event_grid_s_handshake_is_answered(entra: Project) -> None:
    answer = handshake(**{"webhook-request-origin": "eventgrid.azure.net", "webhook-request-rate": "120"})
    assert answer.status_code == 200
    assert (answer["WebHook-Allowed-Origin"], answer["WebHook-Allowed-Rate"]) == ("eventgrid.azure.net", "*")
    assert doors.nothing_was_done()


@pytest.mark.parametrize("origin", ["", "https://evil.example.com/", "a b"])
def test_a_handshake_without_a_host_is_not(entra: Project, origin: str) -> None:
    assert handshake(**({"webhook-request-origin": origin} if origin else {})).status_code == 400


def test_no_other_project_shakes_hands(google: Project) -> None:
    for path in (COMMERCETOOLS, "/webhooks/commercetools/unknown/", "/webhooks/aftership/main/"):
        answer = handshake(path, **{"webhook-request-origin": "eventgrid.azure.net"})
        assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert refusals() == []


def test_a_handshake_is_no_proof(entra: Project) -> None:
    handshake(**{"webhook-request-origin": "eventgrid.azure.net"})
    headers = {"webhook-request-origin": "eventgrid.azure.net"}
    assert is_refused(knock(COMMERCETOOLS, dumped(cloud_event()), headers), "token_missing")


# ── AWS SNS ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def amazon() -> Project:
    return project("sns", topic_arn=TOPIC)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("more", [{}, {"Subject": "Grüße\nfrom commercetools"}, {"Subject": ""}])
def test_sns_own_message_is_taken(amazon: Project, version: str, more: dict[str, str]) -> None:
    assert is_taken(post_sns(sns_signed(sns(SignatureVersion=version, **more))))


def test_sns_comes_as_plain_text(amazon: Project) -> None:
    body = dumped(sns_signed(sns()))
    assert is_taken(Client().generic("POST", COMMERCETOOLS, body, content_type="text/plain; charset=UTF-8"))


def test_sns_with_cloud_events_inside(amazon: Project) -> None:
    assert is_taken(post_sns(sns_signed(sns(dumped(cloud_event())))))


def test_the_same_notification_again_is_one_receipt(amazon: Project) -> None:
    message = sns_signed(sns())
    assert [post_sns(message).json()["new"] for _ in range(2)] == [1, 0]
    assert post_sns(sns_signed(sns(MessageId="another", SignatureVersion="2"))).json()["new"] == 0, "one change"


def test_keys_of_certificates_are_fetched_once(amazon: Project, key_server: KeyServer) -> None:
    for _ in range(3):
        assert post_sns(sns_signed(sns())).status_code == 200
    assert key_server.asked == [CERTIFICATE]


def changed(name: str, value: Any) -> dict[str, Any]:
    """Signed, then changed."""
    return {key: one for key, one in (sns_signed(sns()) | {name: value}).items() if one is not None}


FORGED_NOTIFICATIONS = {
    "another topic": (lambda: sns_signed(sns(TopicArn=f"{TOPIC}-other")), "other_topic"),
    "the topic of another account": (
        lambda: sns_signed(sns(TopicArn=TOPIC.replace("123456789012", "999999999999"))),
        "other_topic",
    ),
    "two hours old": (lambda: sns_signed(sns(Timestamp=sns_time(minutes_ago=120))), "too_old"),
    "from the future": (lambda: sns_signed(sns(Timestamp=sns_time(minutes_ago=-30))), "too_old"),
    "no time": (lambda: sns_signed(sns(Timestamp="soon")), "signature_missing"),
    "another key": (lambda: sns_signed(sns(), key="forger"), "signature_wrong"),
    "changed message": (lambda: changed("Message", "{}"), "signature_wrong"),
    "changed id": (lambda: changed("MessageId", "x"), "signature_wrong"),
    "added subject": (lambda: changed("Subject", "x"), "signature_wrong"),
    "changed time": (lambda: changed("Timestamp", sns_time(minutes_ago=3)), "signature_wrong"),
    "version 1 said to be 2": (lambda: changed("SignatureVersion", "2"), "signature_wrong"),
    "version 3": (lambda: changed("SignatureVersion", "3"), "signature_version"),
    "no signature": (lambda: changed("Signature", None), "signature_missing"),
    "empty signature": (lambda: changed("Signature", ""), "signature_wrong"),
    "signature that is no base64": (lambda: changed("Signature", "%%%"), "signature_missing"),
    "half a character": (lambda: changed("Message", "\ud83d"), "signature_missing"),
    "message that is no text": (lambda: changed("Message", {"id": "x"}), "signature_missing"),
    "no certificate": (lambda: changed("SigningCertURL", None), "signature_missing"),
    "unknown type": (lambda: changed("Type", "Greeting"), "signature_missing"),
    "said to be a confirmation": (
        lambda: changed("Type", "SubscriptionConfirmation"),
        "signature_missing",
    ),
}


@pytest.mark.parametrize("case", FORGED_NOTIFICATIONS)
def test_what_sns_did_not_send_is_refused(amazon: Project, case: str) -> None:
    made, reason = FORGED_NOTIFICATIONS[case]
    assert is_refused(post_sns(made()), reason)


@pytest.mark.parametrize(
    "address",
    [
        CERTIFICATE.replace("https:", "http:"),
        CERTIFICATE.replace("amazonaws.com", "amazonaws.com.evil.example"),
        CERTIFICATE.replace("https://sns", "https://evil.example/https://sns"),
        CERTIFICATE.replace("https://sns.eu-central-1", "https://s3.eu-central-1"),
        CERTIFICATE.replace("https://sns", "https://evil@sns"),
        CERTIFICATE.replace("amazonaws.com", "amazonaws.com:8443"),
        CERTIFICATE.replace("sns.eu-central-1.", "sns.eu-central-1.evil.example/."),
        CERTIFICATE.replace("sns.eu-central-1.amazonaws.com", "sns-eu-central-1xamazonaws.com"),
        CERTIFICATE.replace("/Simple", "/../Simple"),
        CERTIFICATE + "?x=https://evil.example",
        CERTIFICATE + "\n",
        "https://sns.eu-central-1.amazonaws.com/",
        "file:///etc/passwd",
    ],
)
def test_a_certificate_from_elsewhere_is_never_fetched(amazon: Project, key_server: KeyServer, address: str) -> None:
    key_server.keys[address] = {keys.CERTIFICATE: own_key("forger").public_key()}
    assert is_refused(post_sns(sns_signed(sns(SigningCertURL=address), key="forger")), "certificate_address")
    assert key_server.asked == []


def test_china_has_its_own_hosts(key_server: KeyServer) -> None:
    topic = TOPIC.replace("arn:aws:", "arn:aws-cn:").replace("eu-central-1", "cn-north-1")
    address = CERTIFICATE.replace("eu-central-1.amazonaws.com", "cn-north-1.amazonaws.com.cn")
    project("sns", topic_arn=topic)
    key_server.keys[address] = key_server.keys[CERTIFICATE]
    assert is_taken(post_sns(sns_signed(sns(TopicArn=topic, SigningCertURL=address))))


def test_a_certificate_that_amazon_does_not_have_is_refused(amazon: Project) -> None:
    other = CERTIFICATE.replace("0123", "4567")
    assert is_refused(post_sns(sns_signed(sns(SigningCertURL=other), key="forger")), "key_unknown")


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[]", b"{}", MESSAGE, b"[" * 50_000])
def test_what_is_no_message_of_sns_is_refused(amazon: Project, body: bytes) -> None:
    assert is_refused(knock(COMMERCETOOLS, body, {}), "signature_missing")


def test_raw_delivery_is_refused_in_plain_words(amazon: Project) -> None:
    answer = knock(COMMERCETOOLS, MESSAGE, {"x-amz-sns-rawdelivery": "true"})
    assert answer.json() == {"detail": "Raw delivery has no signature: switch it off."}
    assert is_refused(answer, "raw_delivery")


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_a_confirmation_is_kept_and_nobody_is_called_while_answering(amazon: Project, kind: str) -> None:
    message = sns_signed(sns_control(kind))
    assert [post_sns(message).json()["new"] for _ in range(2)] == [1, 0]
    assert json.loads(bytes(Receipt.objects.get().body)) == message


def test_a_confirmation_with_another_address_is_refused(amazon: Project) -> None:
    message = sns_signed(sns_control()) | {"SubscribeURL": "https://evil.example/?Action=ConfirmSubscription"}
    assert is_refused(post_sns(message), "signature_wrong")


# ── EventBridge ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["", "x-trackbridge-key"])
@pytest.mark.parametrize("body", [event_bridge(), MESSAGE, dumped(cloud_event())])
def test_eventbridge_s_event_is_taken(name: str, body: bytes) -> None:
    project("eventbridge", "a-long-key", **({"header": name} if name else {}))
    assert is_taken(knock(COMMERCETOOLS, body, {name or "x-api-key": "a-long-key"}))


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "key_missing"),
        ({"x-api-key": ""}, "key_missing"),
        ({"x-other-key": "a-long-key"}, "key_missing"),
        ({"authorization": "Bearer a-long-key"}, "key_missing"),
        ({"x-api-key": "a-long-ke"}, "key_wrong"),
        ({"x-api-key": "A-LONG-KEY"}, "key_wrong"),
        ({"x-api-key": "\xe9"}, "key_wrong"),
    ],
)
def test_another_key_is_refused(headers: dict[str, str], reason: str) -> None:
    project("eventbridge", "a-long-key")
    assert is_refused(knock(COMMERCETOOLS, event_bridge(), headers), reason)


def test_the_same_event_again_is_one_receipt() -> None:
    project("eventbridge", "a-long-key")
    answers = [knock(COMMERCETOOLS, event_bridge(), {"x-api-key": "a-long-key"}) for _ in range(2)]
    assert [answer.json()["new"] for answer in answers] == [1, 0]


# ── Connect ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_connect_with_a_google_token() -> None:
    project("connect", audience=AUDIENCE, service_account=ACCOUNT)
    assert is_taken(with_token(pubsub(), token(google_claims())))


def test_connect_with_another_account_s_google_token_is_refused() -> None:
    project("connect", "also-a-secret", audience=AUDIENCE, service_account=ACCOUNT)
    assert is_refused(with_token(pubsub(), token(google_claims(email="evil@example.com"))), "other_account")


def test_connect_s_forwarder_with_a_bearer_token() -> None:
    project("connect", "a-long-secret")
    assert is_taken(bearing(pubsub(), token="a-long-secret"))


def mac(body: bytes, secret: str = "a-long-secret") -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


MAC_FORMS = {
    "hexadecimal": lambda digest: digest.hex(),
    "with its name": lambda digest: f"sha256={digest.hex()}",
    "base64": lambda digest: base64.b64encode(digest).decode(),
}


@pytest.mark.parametrize("form", MAC_FORMS)
def test_connect_s_forwarder_with_an_hmac(form: str) -> None:
    project("connect", "a-long-secret", header="x-signature")
    assert is_taken(knock(COMMERCETOOLS, pubsub(), {"x-signature": MAC_FORMS[form](mac(pubsub()))}))


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "signature_missing"),
        ({"authorization": "Bearer a-long-secret"}, "signature_missing"),
        ({"x-signature": mac(b"another body").hex()}, "signature_wrong"),
        ({"x-signature": mac(pubsub(), "guess").hex()}, "signature_wrong"),
        ({"x-signature": "sha256="}, "signature_wrong"),
        ({"x-signature": "a-long-secret"}, "signature_wrong"),
    ],
)
def test_another_hmac_is_refused(headers: dict[str, str], reason: str) -> None:
    project("connect", "a-long-secret", header="x-signature")
    assert is_refused(knock(COMMERCETOOLS, pubsub(), headers), reason)


# ── what is authentic and can never be read ──────────────────────────────────────────────────────────────────────────

JUNK = {
    "no JSON": b"no JSON",
    "half a message": MESSAGE[:200],
    "no resource": b'{"notificationType": "Message", "id": "m", "type": "OrderCreated"}',
    "text": b'"hello"',
}


def send_to(kind: str, body: bytes) -> HttpResponse:
    """An authentic request of a project of this type, just as its broker would wrap the body."""
    if kind == "pubsub":
        project(kind, audience=AUDIENCE, service_account=ACCOUNT)
        return with_token(pubsub(body), token(google_claims()))
    if kind == "sns":
        project(kind, topic_arn=TOPIC)
        return post_sns(sns_signed(sns(body)))
    if kind == "eventgrid":
        project(kind, tenant=TENANT, audience=APP)
        return with_token(body, token(entra_claims()))
    project(kind, "a-long-key", **({"header": "x-api-key"} if kind == "eventbridge" else {}))
    return knock(COMMERCETOOLS, body, {"x-api-key": "a-long-key", "authorization": "Bearer a-long-key"})


@pytest.mark.parametrize("kind", ["bearer", "pubsub", "sns", "eventbridge", "eventgrid", "connect"])
@pytest.mark.parametrize("junk", JUNK)
def test_what_can_never_be_read_is_answered_200_kept_and_quarantined_with_its_cause(kind: str, junk: str) -> None:
    assert send_to(kind, JUNK[junk]).status_code == 200
    receipt = Receipt.objects.get()
    assert bytes(receipt.body) == JUNK[junk]
    assert pump.drain_receipts() == 1
    receipt.refresh_from_db()
    assert (receipt.state, receipt.attempts) == (ReceiptState.QUARANTINED, 0)
    assert receipt.outcome.startswith(("not JSON: ", "resource: missing", "not an object"))


# ── doors that are shut ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "secret", "options"),
    [
        ("sqs", "s", {"queue_url": "https://sqs.eu-central-1.amazonaws.com/1/q", "region": "eu-central-1"}),
        ("poll", "s", {}),
        ("pubsub", "s", {"audience": AUDIENCE}),
        ("pubsub", "s", {"service_account": ACCOUNT}),
        ("pubsub", "s", {"audience": "", "service_account": ""}),
        ("sns", "s", {}),
        ("eventbridge", "", {}),
        ("eventgrid", "", {}),
        ("eventgrid", "", {"tenant": TENANT}),
        ("connect", "", {"header": "x-signature"}),
        ("connect", "", {"audience": AUDIENCE}),
        ("pigeon", "s", {}),
    ],
)
def test_where_nothing_can_prove_a_sender_there_is_no_endpoint(kind: str, secret: str, options: dict[str, str]) -> None:
    project(kind, secret, **options)
    for headers in ({"authorization": "Bearer s"}, {"authorization": "Bearer "}, {"x-api-key": ""}, {}):
        assert knock(COMMERCETOOLS, MESSAGE, headers).status_code == 404
    assert refusals() == [("commercetools", "", "unknown_endpoint", 4)]
    assert doors.nothing_was_done()


def test_half_of_a_pair_of_options_opens_no_door_with_a_secret() -> None:
    """The secret alone is good for it: what is half set is no token to be checked."""
    project("eventgrid", "a-long-code", tenant=TENANT)
    assert by_code("a-long-code").status_code == 404


def test_a_change_of_type_is_noticed(google: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracking.webhooks import authentication

    assert with_token(pubsub(), token(google_claims())).status_code == 200
    Project.objects.update(inbound_type="bearer", inbound_secret="a-token")
    monkeypatch.setattr(authentication, "REMEMBER_SECONDS", -1)
    assert with_token(pubsub(), token(google_claims())).status_code == 401
    assert bearing(pubsub(), token="a-token").status_code == 200
