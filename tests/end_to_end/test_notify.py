"""A parcel's life as its shopper reads it: over HTTP and SMTP, each message once, whatever is repeated or killed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stores.models import Brand, Route
from tests.end_to_end.world import World, parcel
from tests.smtp import Inbox, smtp_server
from tracking.enums import MessageState
from tracking.models import Message

NUMBER, OTHER = "00340434161094000001", "00340434161094000002"


@pytest.fixture
def inbox(settings: Any) -> Iterator[Inbox]:
    with smtp_server(settings) as inbox:
        yield inbox


@pytest.fixture
def shop(world: World) -> World:
    """Trackbridge writes to the shoppers of this world, as Acme."""
    brand = Brand.objects.create(key="acme", name="Acme", locales=["en", "de"], mails_per_minute=100_000)
    Route.objects.update(notify=Route.Notify.PLATFORM, brand=brand)
    return world


def ledger() -> list[tuple[str, str]]:
    return [(row.kind, row.state) for row in Message.objects.order_by("pk")]


def test_a_whole_life_is_told_step_by_step(shop: World, inbox: Inbox) -> None:
    shop.order(parcel(NUMBER))
    shop.work()
    for tag in ("InfoReceived", "InTransit", "OutForDelivery", "Delivered"):
        shop.scan(shop.tracking(NUMBER), tag)
        shop.work()
    kinds = ["shipped", "in_transit", "out_for_delivery", "delivered"]
    assert ledger() == [(kind, MessageState.SENT) for kind in kinds]
    assert inbox.recipients == ["anna.muster@example.com"] * 4
    assert len({mail["Message-ID"] for mail in inbox.mails}) == 4
    assert {mail["Auto-Submitted"] for mail in inbox.mails} == {"auto-generated"}
