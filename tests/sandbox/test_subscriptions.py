"""Subscriptions: made, changed, broken, probed without a token, with secrets that never come back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import BASIC, Caller, Receiver
from tracking.sandbox.client import SandboxClient

SNS = {"type": "SNS", "topicArn": "arn:aws:sns:eu-central-1:1:orders", "accessSecret": "s3cr3t-key-of-aws"}
MESSAGES = [{"resourceTypeId": "order", "types": ["ParcelAddedToDelivery"]}]
DRAFT = {"key": "orders", "destination": SNS, "messages": MESSAGES}


@pytest.fixture
def made(shop: Caller) -> dict[str, Any]:
    reply = shop("POST", "/subscriptions", DRAFT)
    assert reply.status == 201, reply.text
    return reply.body


def test_a_secret_comes_back_masked(shop: Caller, made: dict[str, Any]) -> None:
    assert made["destination"] == SNS | {"accessSecret": "s3****ws"}
    assert shop("GET", "/subscriptions/key=orders").body == made
    assert shop("GET", "/subscriptions").body["results"] == [made]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"messages": []}, "InvalidJsonInput"),
        ({"destination": {"type": "HTTP", "url": "https://example.com"}}, "InvalidJsonInput"),
        ({"destination": {"type": "SQS", "queueUrl": "https://sqs"}}, "InvalidJsonInput"),
        ({"key": "orders"}, "DuplicateField"),
        (
            {"key": "grid", "destination": {"type": "EventGrid", "uri": "https://grid", "accessKey": "k"}},
            "InvalidOperation",
        ),
    ],
)
def test_a_draft_that_cannot_be_is_refused(
    shop: Caller, made: dict[str, Any], changes: dict[str, Any], code: str
) -> None:
    assert shop("POST", "/subscriptions", {**DRAFT, "key": "other", **changes}).code == code


def test_the_probe_needs_no_token_and_tells_by_status(
    control: SandboxClient, anonymous: Caller, shop: Caller, made: dict[str, Any]
) -> None:
    path = f"/demo/subscriptions/{made['id']}/health"
    seen = {}
    for status in ("Healthy", "TemporaryError", "ConfigurationErrorDeliveryStopped", "ManuallySuspended"):
        control.set_subscription_status("demo", "orders", status)
        seen[status] = anonymous("GET", path).status
    assert seen == {
        "Healthy": 200, "TemporaryError": 503, "ConfigurationErrorDeliveryStopped": 400, "ManuallySuspended": 400
    }  # fmt: skip
    assert anonymous("GET", "/demo/subscriptions").status == 401


def test_a_new_destination_revives_one_that_was_stopped(
    control: SandboxClient, shop: Caller, made: dict[str, Any]
) -> None:
    control.set_subscription_status("demo", "orders", "ConfigurationErrorDeliveryStopped")
    action = {"action": "changeDestination", "destination": SNS}
    stale = shop("POST", f"/subscriptions/{made['id']}", {"version": 7, "actions": [action]})
    assert stale.code == "ConcurrentModification"
    reply = shop("POST", f"/subscriptions/{made['id']}", {"version": 1, "actions": [action]})
    assert (reply.body["status"], reply.body["version"]) == ("Healthy", 2)


def test_a_test_notification_is_sent_first(control: SandboxClient, shop: Caller, receiver: Receiver) -> None:
    control.project("demo", push={"url": receiver.url, "token": "t"})
    document = shop("POST", "/subscriptions", DRAFT).body
    _headers, body = receiver.got.get(timeout=60)
    assert json.loads(body) == {
        "notificationType": "ResourceCreated",
        "projectKey": "demo",
        "resource": {"typeId": "subscription", "id": document["id"]},
        "version": 1,
        "modifiedAt": document["createdAt"],
    }


def test_without_the_scope_nothing_is_even_read(control: SandboxClient, made: dict[str, Any]) -> None:
    control.project("demo", scope="manage_orders:demo")
    control.expire_tokens()
    token = token_of(control)
    weak = Caller(control.url, "/demo", {"Authorization": f"Bearer {token['access_token']}"})
    assert token["scope"] == "manage_orders:demo"
    assert weak("GET", "/subscriptions").code == "insufficient_scope"
    assert weak("DELETE", f"/subscriptions/{made['id']}", version=1).status == 403


def token_of(control: SandboxClient) -> dict[str, Any]:
    caller = Caller(control.url, "", {"Authorization": BASIC})
    return caller("POST", "/oauth/token", b"grant_type=client_credentials").body


def test_deleting_needs_the_version(shop: Caller, made: dict[str, Any]) -> None:
    assert shop("DELETE", f"/subscriptions/{made['id']}", version=4).code == "ConcurrentModification"
    assert shop("DELETE", f"/subscriptions/{made['id']}", version=1).status == 200
    assert shop("GET", "/subscriptions/key=orders").status == 404
