"""Keys over real HTTP: key sets and certificates as they are published, and what is made of a server in trouble."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.clients.scripted import Reply, ScriptedServer
from tests.tracking.webhooks.senders import own_certificate, own_key, pem_of
from tracking.clients import keys
from tracking.clients.errors import Refused, RetryLater
from tracking.clients.keys import CERTIFICATE, KeySource, KeysUnavailable, UnknownKey, fetch_certificate, fetch_key_set

pytestmark = pytest.mark.django_db


def published(name: str, **changes: Any) -> dict[str, Any]:
    """A key as its issuer lists it."""
    algorithm = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
    listed = json.loads(algorithm.to_jwk(own_key(name).public_key()))
    return {key: listed[key] for key in ("kty", "n", "e")} | {"use": "sig", "alg": "RS256", "kid": name} | changes


def numbers_of(found: keys.Keys) -> dict[str, int]:
    return {name: key.public_numbers().n for name, key in found.items()}


def modulus(name: str) -> int:
    return own_key(name).public_key().public_numbers().n


def test_a_key_set_is_read(server: ScriptedServer) -> None:
    server.will(Reply(body={"keys": [published("one"), published("two", x5c=["MIIC"], alg=None)]}))
    assert numbers_of(fetch_key_set(f"{server.url}/certs")) == {"one": modulus("one"), "two": modulus("two")}
    assert server.asked[0].path == "/certs"


def test_keys_that_are_none_of_ours_are_left_out(server: ScriptedServer) -> None:
    elliptic = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))
    octets = {"kty": "oct", "kid": "hmac", "k": base64.urlsafe_b64encode(b"secret").decode()}
    private = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(own_key("private"))) | {"kid": "private"}
    strange = [
        elliptic | {"kid": "ec"},
        octets,
        private,
        published("nameless", kid=None),
        {},
        7,
        None,
        published("x", n=7),
    ]
    server.will(Reply(body={"keys": [*strange, published("good")]}))
    assert list(fetch_key_set(f"{server.url}/certs")) == ["good"]


@pytest.mark.parametrize("body", [{}, {"keys": None}, {"keys": {}}, {"keys": "none"}])
def test_a_key_set_without_keys_has_none(server: ScriptedServer, body: dict[str, Any]) -> None:
    server.will(Reply(body=body))
    assert fetch_key_set(f"{server.url}/certs") == {}


def test_a_certificate_is_read(server: ScriptedServer) -> None:
    server.will(Reply(body=own_certificate("sns"), headers={"Content-Type": "application/x-pem-file"}))
    assert numbers_of(fetch_certificate(f"{server.url}/Simple.pem")) == {CERTIFICATE: modulus("sns")}


@pytest.mark.parametrize(
    "made", [lambda: own_certificate("sns", days=-1), lambda: pem_of("sns"), lambda: b"", lambda: b"<html>"]
)
def test_a_certificate_that_is_over_or_none_has_no_key(server: ScriptedServer, made: Callable[[], bytes]) -> None:
    server.will(Reply(body=made()))
    assert fetch_certificate(f"{server.url}/Simple.pem") == {}


@pytest.mark.parametrize(
    ("status", "kind"), [(404, Refused), (403, Refused), (302, Refused), (429, RetryLater), (503, RetryLater)]
)
def test_what_an_answer_means(server: ScriptedServer, status: int, kind: type[Exception]) -> None:
    server.will(Reply(status, headers={"Location": "https://evil.example/"}), Reply(status))
    for fetch in (fetch_key_set, fetch_certificate):
        with pytest.raises(kind):
            fetch(f"{server.url}/x")
    assert len(server.asked) == 2, "no redirect is followed"


# ── what is remembered ───────────────────────────────────────────────────────────────────────────────────────────────


def source(server: ScriptedServer) -> tuple[KeySource, str]:
    return KeySource(fetch_key_set), f"{server.url}/certs"


def test_a_key_is_fetched_once(server: ScriptedServer) -> None:
    keys_of, address = source(server)
    server.will(Reply(body={"keys": [published("one"), published("two")]}))
    assert [keys_of.key(address, name).public_numbers().n for name in ("one", "two", "one")] == [
        modulus("one"), modulus("two"), modulus("one"),
    ]  # fmt: skip
    assert len(server.asked) == 1


def test_an_unknown_key_is_looked_for_once_in_a_while(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    keys_of, address = source(server)
    monkeypatch.setattr(keys, "AGAIN_SECONDS", -1)
    server.will(Reply(body={"keys": [published("one")]}), Reply(body={"keys": [published("two")]}))
    keys_of.key(address, "one")
    monkeypatch.setattr(keys, "AGAIN_SECONDS", 300)
    assert keys_of.key(address, "two").public_numbers().n == modulus("two")
    for _ in range(3):
        with pytest.raises(UnknownKey):
            keys_of.key(address, "one")
    assert len(server.asked) == 2


def test_an_address_that_has_no_keys_makes_them_unknown_not_unavailable(server: ScriptedServer) -> None:
    keys_of, address = source(server)
    server.will(Reply(404))
    for _ in range(2):
        with pytest.raises(UnknownKey):
            keys_of.key(address, "one")
    assert len(server.asked) == 1


def test_a_server_in_trouble_makes_keys_unavailable_and_is_left_alone_for_a_while(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys_of, address = source(server)
    server.will(Reply(503), Reply(body={"keys": [published("one")]}))
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            keys_of.key(address, "one")
    assert len(server.asked) == 1
    keys_of.forget()
    assert keys_of.key(address, "one")


def test_old_keys_serve_until_there_are_new_ones(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    keys_of, address = source(server)
    monkeypatch.setattr(keys, "AGAIN_SECONDS", -1)
    monkeypatch.setattr(keys, "KEPT_SECONDS", -1)
    monkeypatch.setattr(keys, "FAILED_SECONDS", -1)
    replies = [Reply(body={"keys": [published("one")]}), Reply(503), Reply(body={"keys": [published("two")]})]
    server.will(*replies)
    assert keys_of.key(address, "one")
    assert keys_of.key(address, "one"), "the server is down, the key is as good as it was"
    with pytest.raises(UnknownKey):
        keys_of.key(address, "one")


def test_made_up_addresses_push_no_good_one_out(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MOST_ADDRESSES", 3)
    keys_of, address = source(server)
    server.will(Reply(body={"keys": [published("one")]}), *[Reply(404)] * 10)
    keys_of.key(address, "one")
    for number in range(10):
        with pytest.raises(UnknownKey):
            keys_of.key(f"{address}/{number}", "one")
    assert keys_of.key(address, "one")
    assert (len(server.asked), len(keys_of._held)) == (11, 3)


def test_many_that_ask_at_once_cost_one_fetch(server: ScriptedServer) -> None:
    keys_of, address = source(server)
    server.will(Reply(body={"keys": [published("one")]}, delay_seconds=0.2))
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda _: numbers_of({"one": keys_of.key(address, "one")}), range(6)))
    assert found == [{"one": modulus("one")}] * 6
    assert len(server.asked) == 1
