"""Links that shoppers hold: nothing can be read, guessed or altered; withdrawn and old ones open nothing."""

from __future__ import annotations

import string
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from tests.factories import make_order, make_parcel, make_tracking
from tracking.enums import StaffActionKind
from tracking.models import Order, StaffAction, Tracking
from tracking.services.links import LinkState, link_token, open_link, withdraw_link
from tracking.services.seals import seal, unseal

ALPHABET = string.ascii_letters + string.digits + "-_"


@pytest.mark.django_db
def test_link_opens_its_order_and_names_nothing_of_it() -> None:
    order = make_order(order_number="SECRET-77", customer_email="erna@example.com")
    token = link_token(order)
    opened = open_link(token)
    assert (opened.state, opened.order) == (LinkState.OPEN, order)
    assert len(token) == 35
    assert set(token) <= set(ALPHABET)
    assert all(word not in token for word in ("SECRET", "erna", str(order.pk).zfill(6)))
    assert link_token(order) == token, "the same in every mail"


@pytest.mark.django_db
def test_every_altered_letter_is_noticed() -> None:
    token = link_token(make_order())
    altered = [
        token[:place] + other + token[place + 1 :]
        for place in range(len(token))
        for other in ALPHABET
        if other != token[place]
    ]
    assert len(altered) == 35 * 63
    assert {open_link(one).state for one in altered} == {LinkState.UNKNOWN}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "token", ["", "x", "é" * 35, "A" * 35, "A" * 10_000, "../../etc/passwd", "\x00", "=" * 36, "1"]
)
def test_nonsense_opens_nothing(token: str) -> None:
    assert open_link(token).state == LinkState.UNKNOWN


def test_seal_of_one_purpose_does_not_open_another() -> None:
    assert unseal("track", seal("go", b"12345678")) is None
    assert unseal("go", seal("go", b"12345678")) == b"12345678"


def test_links_outlive_a_new_key_and_end_with_the_old_one(settings: Any) -> None:
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    sealed = seal("track", b"content")
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    assert unseal("track", sealed) == b"content"
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert unseal("track", sealed) is None


@pytest.mark.django_db
def test_withdrawn_link_opens_nothing_and_who_withdrew_it_is_kept(django_user_model: Any) -> None:
    order, agent = make_order(), django_user_model.objects.create_user("agent")
    token = link_token(order)
    withdraw_link(order, actor=agent, reason="It was posted in a forum.")
    assert open_link(token).state == LinkState.WITHDRAWN
    assert open_link(link_token(order)).order == order
    action = StaffAction.objects.get(kind=StaffActionKind.WITHDRAW)
    assert (action.order, action.actor, action.reason) == (order, agent, "It was posted in a forum.")


@pytest.mark.django_db
def test_deleted_order_has_no_page() -> None:
    order = make_order(deleted_at=timezone.now())
    assert open_link(link_token(order)).state == LinkState.UNKNOWN


@pytest.mark.django_db
def test_link_ends_when_its_order_had_no_news_for_long(settings: Any) -> None:
    settings.TRACK_LINK_DAYS = 30
    long_ago = timezone.now() - timedelta(days=31)
    order, tracking = make_order(ordered_at=long_ago), make_tracking(received_at=long_ago)
    parcel = make_parcel(order, tracking)
    Order.objects.update(created_at=long_ago)
    assert open_link(link_token(order)).state == LinkState.OPEN, "a parcel was made today"
    type(parcel).objects.update(created_at=long_ago)
    assert open_link(link_token(order)).state == LinkState.OVER
    Tracking.objects.update(received_at=timezone.now())
    assert open_link(link_token(order)).state == LinkState.OPEN, "there is news again"
