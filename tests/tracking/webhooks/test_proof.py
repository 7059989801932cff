"""Who gets in: only a body with its own proof. Whoever does not leaves a count, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable

import pytest
from django.test import Client

from stores.models import AfterShipAccount, Project
from tests.factories import make_account, make_project
from tests.tracking.webhooks import doors
from tests.tracking.webhooks.doors import (
    AFTERSHIP,
    COMMERCETOOLS,
    PREVIOUS,
    SECRET,
    TOKEN,
    bearing,
    dumped,
    knock,
    refusals,
    sign,
    signed,
)
from tracking.models import Receipt
from tracking.webhooks import authentication
from tracking.webhooks.authentication import forget

BODY = b'{"event_id": "e-1", "event": "tracking_update", "msg": {"message": "Gr\\u00fc\xc3\x9fe"}}'
OTHER_SECRET = "hook-secret-of-another-account"


def hexadecimal(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def url_safe(body: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()


WRONG_SIGNATURES: dict[str, Callable[[bytes], str]] = {
    "wrong secret": lambda body: sign(body, "a-guess"),
    "another account's secret": lambda body: sign(body, OTHER_SECRET),
    "empty secret": lambda body: sign(body, ""),
    "hex instead of base64": hexadecimal,
    "hex, then base64": lambda body: base64.b64encode(hexadecimal(body).encode()).decode(),
    "SHA-1": lambda body: base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha1).digest()).decode(),
    "no HMAC": lambda body: base64.b64encode(hashlib.sha256(SECRET.encode() + body).digest()).decode(),
    "case flipped": lambda body: sign(body).swapcase(),
    "upper case": lambda body: sign(body).upper(),
    "padded": lambda body: sign(body) + "=",
    "padding missing": lambda body: sign(body).rstrip("="),
    "truncated": lambda body: sign(body)[:-8],
    "only its first character": lambda body: sign(body)[0],
    "twice": lambda body: sign(body) * 2,
    "with a prefix": lambda body: f"sha256={sign(body)}",
    "two in a list": lambda body: f"{sign(body)}, {sign(body)}",
    "of one byte more": lambda body: sign(body + b"\n"),
    "of an empty body": lambda body: sign(b""),
    "of the re-encoded JSON": lambda body: sign(json.dumps(json.loads(body)).encode()),
    "not ASCII": lambda body: "Sch\xfcssel",
    "bytes that are no text": lambda body: "\x80\xff\xfe",
    "the secret itself": lambda body: SECRET,
    "the word null": lambda body: "null",
}


class TestAfterShip:
    @pytest.mark.parametrize("name", WRONG_SIGNATURES)
    def test_a_wrong_signature_leaves_only_a_count(self, account: AfterShipAccount, name: str) -> None:
        make_account(key="other", webhook_secret=OTHER_SECRET)
        answer = knock(AFTERSHIP, BODY, {"aftership-hmac-sha256": WRONG_SIGNATURES[name](BODY)})
        assert answer.status_code == 401
        assert answer.json() == {"detail": "The signature does not fit this body and this endpoint's secret."}
        assert answer["WWW-Authenticate"] == "AfterShip-HMAC-SHA256"
        assert refusals() == [("aftership", "main", "signature_wrong", 1)]
        assert doors.nothing_was_done()

    @pytest.mark.parametrize("headers", [{}, {"aftership-hmac-sha256": ""}, {"am-hmac-sha256": sign(BODY)}])
    def test_a_missing_signature_leaves_only_a_count(self, account: AfterShipAccount, headers: dict[str, str]) -> None:
        answer = knock(AFTERSHIP, BODY, headers)
        assert answer.status_code == 401
        assert answer.json() == {"detail": "The header aftership-hmac-sha256 is missing."}
        assert refusals() == [("aftership", "main", "signature_missing", 1)]
        assert doors.nothing_was_done()

    def test_one_changed_byte_breaks_the_signature(self, account: AfterShipAccount) -> None:
        proof = {"aftership-hmac-sha256": sign(BODY)}
        for position in range(0, len(BODY), 7):
            changed = BODY[:position] + bytes([BODY[position] ^ 1]) + BODY[position + 1 :]
            assert knock(AFTERSHIP, changed, proof).status_code == 401
        assert doors.nothing_was_done()

    def test_refusals_are_counted_by_day_and_reason(self, account: AfterShipAccount) -> None:
        for _ in range(3):
            knock(AFTERSHIP, BODY, {"aftership-hmac-sha256": "x"})
        knock(AFTERSHIP, BODY, {})
        assert refusals() == [
            ("aftership", "main", "signature_wrong", 3),
            ("aftership", "main", "signature_missing", 1),
        ]

    @pytest.mark.parametrize("secret", [SECRET, PREVIOUS])
    def test_while_rotating_both_secrets_are_good(self, account: AfterShipAccount, secret: str) -> None:
        AfterShipAccount.objects.update(previous_webhook_secret=PREVIOUS)
        account.previous_webhook_secret = PREVIOUS
        account.save()
        assert signed(BODY, secret=secret).status_code == 200
        assert bytes(Receipt.objects.get().body) == BODY

    def test_once_rotated_the_previous_secret_is_good_no_more(self, account: AfterShipAccount) -> None:
        account.webhook_secret, account.previous_webhook_secret = "new", SECRET
        account.save()
        assert signed(BODY).status_code == 200
        account.previous_webhook_secret = ""
        account.save()
        forget()
        assert signed(b'{"event_id": "e-2"}').status_code == 401
        assert Receipt.objects.count() == 1

    def test_an_account_without_a_secret_takes_nothing_not_even_a_signature_with_an_empty_one(self, db: None) -> None:
        make_account(key="main", webhook_secret="")
        assert signed(BODY, secret="").status_code == 404
        assert doors.nothing_was_done()

    def test_an_inactive_account_is_no_endpoint(self, account: AfterShipAccount) -> None:
        account.is_active = False
        account.save()
        assert signed(BODY).status_code == 404
        assert refusals() == [("aftership", "", "unknown_endpoint", 1)]
        assert doors.nothing_was_done()

    @pytest.mark.parametrize(
        "key", ["nobody", "MAIN", "demo", "x" * 3000, "a%00b", "%ff%fe", "%F0%9F%93%A6", "main%2F"]
    )
    def test_an_unknown_key_is_no_endpoint(self, account: AfterShipAccount, project: Project, key: str) -> None:
        answer = signed(BODY, path=f"/webhooks/aftership/{key}/")
        assert answer.status_code == 404
        assert doors.nothing_was_done()

    def test_unknown_endpoints_share_one_count_so_that_nobody_can_fill_the_table(self, db: None) -> None:
        for number in range(5):
            signed(BODY, path=f"/webhooks/aftership/guess-{number}/")
        assert refusals() == [("aftership", "", "unknown_endpoint", 5)]


WRONG_TOKENS: dict[str, str] = {
    "wrong": "Bearer a-guess",
    "another project's": "Bearer inbound-token-of-another",
    "case flipped": f"Bearer {TOKEN.swapcase()}",
    "truncated": f"Bearer {TOKEN[:-1]}",
    "longer": f"Bearer {TOKEN}x",
    "twice": f"Bearer {TOKEN} {TOKEN}",
    "after two spaces": f"Bearer  {TOKEN}",
    "not ASCII": "Bearer Sch\xfcssel",
    "bytes that are no text": "Bearer \x80\xff",
}
NO_TOKENS = ["", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Token {TOKEN}", f"Bearer:{TOKEN}"]


class TestCommercetools:
    @pytest.mark.parametrize("name", WRONG_TOKENS)
    def test_a_wrong_token_leaves_only_a_count(self, project: Project, name: str) -> None:
        make_project(key="another", inbound_secret="inbound-token-of-another")
        answer = knock(COMMERCETOOLS, BODY, {"authorization": WRONG_TOKENS[name]})
        assert answer.status_code == 401
        assert answer.json() == {"detail": "The bearer token is not this endpoint's."}
        assert answer["WWW-Authenticate"] == "Bearer"
        assert refusals() == [("commercetools", "demo", "token_wrong", 1)]
        assert doors.nothing_was_done()

    @pytest.mark.parametrize("header", NO_TOKENS)
    def test_a_missing_token_leaves_only_a_count(self, project: Project, header: str) -> None:
        answer = knock(COMMERCETOOLS, BODY, {"authorization": header})
        assert answer.status_code == 401
        assert answer.json() == {"detail": "The header Authorization: Bearer … is missing."}
        assert refusals() == [("commercetools", "demo", "token_missing", 1)]
        assert doors.nothing_was_done()

    def test_a_token_in_the_address_is_no_proof(self, project: Project) -> None:
        assert knock(f"{COMMERCETOOLS}?access_token={TOKEN}", BODY, {}).status_code == 401
        assert doors.nothing_was_done()

    def test_an_aftership_signature_opens_no_commercetools_door(self, project: Project) -> None:
        answer = knock(COMMERCETOOLS, BODY, {"aftership-hmac-sha256": sign(BODY, TOKEN)})
        assert answer.status_code == 401
        assert doors.nothing_was_done()

    @pytest.mark.parametrize("change", [{"is_active": False}, {"inbound_secret": ""}])
    def test_a_project_that_takes_no_messages_is_no_endpoint(self, project: Project, change: dict[str, object]) -> None:
        for name, value in change.items():
            setattr(project, name, value)
        project.save()
        assert bearing(BODY).status_code == 404
        assert refusals() == [("commercetools", "", "unknown_endpoint", 1)]
        assert doors.nothing_was_done()

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_the_word_bearer_has_no_case(self, project: Project, scheme: str) -> None:
        assert knock(COMMERCETOOLS, BODY, {"authorization": f"{scheme} {TOKEN}"}).status_code == 200

    def test_a_token_that_is_not_ascii_is_good_as_the_bytes_it_is(self, db: None) -> None:
        make_project(key="demo", inbound_secret="Schlüssel")
        as_bytes_arrive = "Schlüssel".encode().decode("latin-1")
        assert knock(COMMERCETOOLS, BODY, {"authorization": f"Bearer {as_bytes_arrive}"}).status_code == 200


@pytest.mark.parametrize("path", [AFTERSHIP, COMMERCETOOLS])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD"])
def test_only_post_is_answered(account: AfterShipAccount, project: Project, path: str, method: str) -> None:
    answer = Client().generic(method, path)
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    assert refusals() == []


class TestRememberedSecrets:
    def test_a_new_secret_is_noticed_after_a_few_seconds(
        self, account: AfterShipAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert signed(dumped({"event_id": "1"})).status_code == 200
        account.webhook_secret = "new-secret"
        account.save()
        assert signed(dumped({"event_id": "2"}), secret="new-secret").status_code == 401
        monkeypatch.setattr(authentication, "REMEMBER_SECONDS", -1)
        assert signed(dumped({"event_id": "2"}), secret="new-secret").status_code == 200
        assert signed(dumped({"event_id": "3"})).status_code == 401

    def test_an_unknown_endpoint_is_not_remembered_as_such(self, db: None) -> None:
        assert signed(BODY).status_code == 404
        make_account(key="main", webhook_secret=SECRET)
        assert signed(BODY).status_code == 200

    def test_an_account_and_a_project_of_one_name_keep_their_own_secrets(self, db: None) -> None:
        make_account(key="same", webhook_secret=SECRET)
        make_project(key="same", inbound_secret=TOKEN)
        assert signed(BODY, path="/webhooks/aftership/same/").status_code == 200
        assert bearing(BODY, path="/webhooks/commercetools/same/", token=SECRET).status_code == 401
        assert bearing(BODY, path="/webhooks/commercetools/same/").status_code == 200
