"""A day is over where the order goes to, not where the server stands: in the answer of the desk as in a mail."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests import factories as make
from tracking.services.order_facts import facts_of_order
from tracking.words.answers import answer

pytestmark = pytest.mark.django_db
EVENING = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)  # 09:00 of the 21st in Auckland


@pytest.mark.parametrize(
    ("country", "today", "says"),
    [("NZ", date(2026, 11, 21), "It is later than planned"), ("DE", date(2026, 11, 20), "Expected delivery: Friday")],
)
def test_the_answer_counts_by_the_shoppers_day(
    country: str, today: date, says: str, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = make.make_order(destination_country=country, locale="en")
    make.make_parcel(order, make.make_tracking(eta=date(2026, 11, 20)))
    page = reverse("admin:tracking_order_change", args=[order.pk])
    monkeypatch.setattr(timezone, "now", lambda: EVENING)
    facts = facts_of_order(order)
    assert facts.today == today
    assert says in answer(facts, "en")
    assert says in admin_client.get(page, {"language": "en"}).content.decode()
