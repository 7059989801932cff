"""A program's token: made once, kept as a digest, ended by time, by hand and with its user."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from tests.tracking.stories import CODE, tell_story

pytestmark = pytest.mark.django_db
STORY = f"/api/v1/stories/{CODE}/"


def call(*arguments: str) -> str:
    out = StringIO()
    call_command("api_token", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def secret() -> str:
    tell_story()
    user = User.objects.create_user("erp")
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
    return call("make", "erp", "--days", "30").strip()


def ask(secret: str) -> int:
    return Client().get(STORY, headers={"Authorization": f"Token {secret}"}).status_code


def test_token_does_what_its_user_may(secret: str) -> None:
    assert ask(secret) == 200
    User.objects.get().user_permissions.clear()
    assert ask(secret) == 403


@pytest.mark.parametrize("wrong", ["", "tb_", "tb_" + "0" * 64, "a b", "\xff\xfe"])
def test_anything_else_is_refused_with_401(secret: str, wrong: str) -> None:
    assert ask(wrong) == 401
    assert ask(secret + "0") == 401


def test_nobody_is_answered_without_proof(secret: str) -> None:
    answer = Client().get(STORY)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Token")


def test_only_a_digest_is_kept(secret: str) -> None:
    row = AuthToken.objects.values().get()
    assert not any(secret in str(value) for value in row.values())
    assert secret.startswith("tb_")


def test_token_ends_by_time(secret: str) -> None:
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert ask(secret) == 401


def test_token_ends_with_its_user(secret: str) -> None:
    User.objects.update(is_active=False)
    assert ask(secret) == 401


def test_token_is_listed_without_its_secret_and_revoked(secret: str) -> None:
    listed = call("list")
    assert secret not in listed
    beginning = listed.split("…")[0]
    assert call("revoke", beginning) == "Revoked.\n"
    assert ask(secret) == 401


def test_mistakes_are_named() -> None:
    with pytest.raises(CommandError, match="there is no user 'nobody'"):
        call("make", "nobody")
    User.objects.create_user("erp")
    with pytest.raises(CommandError, match="--days: at least 1"):
        call("make", "erp", "--days", "0")
    with pytest.raises(CommandError, match="0 tokens begin with 'tb_x'"):
        call("revoke", "tb_x")
