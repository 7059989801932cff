"""Tokens and scopes of commercetools."""

from __future__ import annotations

import base64

from tests.sandbox.conftest import Caller, grant
from tracking.sandbox.client import SandboxClient
from tracking.sandbox.server import Sandbox

INVALID_TOKEN = {
    "statusCode": 401,
    "message": "invalid_token",
    "errors": [{"code": "invalid_token", "message": "invalid_token"}],
    "error": "invalid_token",
}


def test_missing_token_gets_the_documented_body(control: SandboxClient, anonymous: Caller) -> None:
    reply = anonymous("GET", "/demo/orders")
    assert (reply.status, reply.body) == (401, INVALID_TOKEN)


def test_wrong_secret_is_invalid_client(sandbox: Sandbox, control: SandboxClient) -> None:
    reply = grant(sandbox, basic="Basic " + base64.b64encode(b"client:wrong").decode())
    assert (reply.status, reply.body["error"], reply.code) == (401, "invalid_client", "invalid_client")


def test_garbage_instead_of_basic_is_invalid_client(sandbox: Sandbox, control: SandboxClient) -> None:
    assert grant(sandbox, basic="Basic %%%").status == 401


def test_token_without_scope_asked_carries_all_of_the_client(sandbox: Sandbox, control: SandboxClient) -> None:
    body = grant(sandbox).body
    assert body == {**body, "token_type": "Bearer", "expires_in": 172_800, "scope": "manage_project:demo"}


def test_scope_not_granted_to_the_client_is_refused(sandbox: Sandbox, control: SandboxClient) -> None:
    reply = grant(sandbox, {"grant_type": "client_credentials", "scope": "manage_orders:demo"})
    assert (reply.status, reply.body["error"]) == (400, "invalid_scope")


def test_token_ends_after_its_seconds(sandbox: Sandbox, control: SandboxClient) -> None:
    control.project("demo", token_seconds=0)
    token = grant(sandbox).body["access_token"]
    assert Caller(sandbox.url, "/demo", {"Authorization": f"Bearer {token}"})("GET", "/orders").status == 401


def test_expired_by_hand_a_token_is_invalid_and_a_new_one_works(sandbox: Sandbox, shop: Caller) -> None:
    assert SandboxClient(sandbox.url).expire_tokens() == 1
    assert shop("GET", "/orders").body == INVALID_TOKEN
    shop.headers["Authorization"] = f"Bearer {grant(sandbox).body['access_token']}"
    assert shop("GET", "/orders").status == 200


def test_a_view_scope_reads_but_does_not_write(sandbox: Sandbox, control: SandboxClient, order: dict) -> None:
    control.project("demo", scope="view_orders:demo view_types:demo")
    shop = Caller(sandbox.url, "/demo", {"Authorization": f"Bearer {grant(sandbox).body['access_token']}"})
    assert shop("GET", f"/orders/{order['id']}").status == 200
    refused = shop("POST", f"/orders/{order['id']}", {"version": 1, "actions": []})
    assert (refused.status, refused.code) == (403, "insufficient_scope")
    assert "manage_orders:demo" in refused.body["message"]


def test_a_store_scope_works_only_inside_the_store(sandbox: Sandbox, control: SandboxClient, order: dict) -> None:
    control.project("demo", scope="view_orders:demo:de-web")
    shop = Caller(sandbox.url, "/demo", {"Authorization": f"Bearer {grant(sandbox).body['access_token']}"})
    assert shop("GET", f"/orders/{order['id']}").status == 403
    assert shop("GET", f"/in-store/key=de-web/orders/{order['id']}").status == 200


def test_a_token_opens_no_other_project(control: SandboxClient, shop: Caller) -> None:
    control.project("other", client_id="x", client_secret="y")
    shop.prefix = "/other"
    assert shop("GET", "/orders").status == 403
