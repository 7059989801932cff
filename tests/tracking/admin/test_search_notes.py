"""A list that was searched by a piece of a number says so where it looked at the newest such numbers only."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests import factories as make
from tracking.admin import search

pytestmark = pytest.mark.django_db
BY_NUMBER = ["order", "parcel", "tracking", "checkpoint", "message"]
BY_STORY = ["problem", "job", "attempt", "write", "staffaction", "receipt"]
OF_NUMBERS = "More than 2 numbers hold this, and the newest were looked at: give more of the number."
OF_STORIES = "More than 2 orders have this, and not all were looked at: give more of the number."


@pytest.fixture(autouse=True)
def three_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in ("PIECE-1", "PIECE-2", "PIECE-3", "OTHER-1", "OTHER-2"):
        make.make_order(order_number=number)
    monkeypatch.setattr(search, "MOST_STORIES", 2)


@pytest.mark.parametrize("name", [*BY_NUMBER, *BY_STORY])
def test_list_says_that_it_looked_at_the_newest_only(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name in BY_NUMBER:
        monkeypatch.setattr(search, "MOST_NUMBERS", 2)
    words = OF_NUMBERS if name in BY_NUMBER else OF_STORIES
    address = reverse(f"admin:tracking_{name}_changelist")
    for text, is_noted in [("piece-", True), ("PIECE-2", False), ("other-", False), ("anna@example.com", False)]:
        page = admin_client.get(address, {"q": text, "o": "1"})
        assert page.status_code == 200
        assert (words in page.text) is is_noted, text
    assert words not in admin_client.get(address).text
