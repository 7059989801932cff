"""A parcel that waits at its pickup point is reminded of once, in time, and only while it waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from stores.models import Route
from tests import factories as make
from tests.tracking.services.test_notify import becomes, box
from tracking.enums import MessageState, ParcelStatus
from tracking.models import Message, Order, Parcel, Tracking
from tracking.services import message_plan
from tracking.services.message_acts import hold, release
from tracking.services.notify import notify_order, wake_planned
from tracking.services.reminders import REMINDER, remind_at

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
MONDAY = datetime(2026, 11, 16, 18, 30, tzinfo=UTC)


@pytest.fixture
def parcel() -> Parcel:
    """It came to its pickup point just now, and its shopper was told."""
    brand = make.make_brand(key="acme", name="Acme", locales=["en"], mails_per_minute=100_000)
    route = make.make_route(brand=brand, notify="platform")
    waiting = box(route, status="available_for_pickup", status_changed_at=timezone.now())
    notify_order(waiting.order_id)
    assert [one.subject for one in mail.outbox] == [f"Your order {waiting.order.order_number} is ready for collection"]
    return waiting


def reminder() -> Message:
    return Message.objects.get(occasion=REMINDER)


def pass_time(monkeypatch: Any, after: timedelta = timedelta(hours=1)) -> None:
    """It is so long after the reminder is due, for planning and for the sweep."""
    later = reminder().due_at + after
    monkeypatch.setattr(message_plan.timezone, "now", lambda: later)


def waits(note: str, country: str = "DE", state: str = "", status: str = "available_for_pickup") -> datetime | None:
    order = Order(destination_country=country, destination_state=state)
    return remind_at(order, Tracking(status=status, status_changed_at=MONDAY, pickup_note=note))


@pytest.mark.parametrize(
    ("note", "country", "state", "at"),
    [
        ("", "DE", "", datetime(2026, 11, 19, 8, tzinfo=UTC)),
        ("until 24.11.2026", "DE", "", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("until 2026-11-24", "US", "CA", datetime(2026, 11, 23, 17, tzinfo=UTC)),
        ("until 18.11.2026", "DE", "", None),
        ("until 17.11.2026", "DE", "", None),
    ],
)
def test_it_is_due_on_the_morning_before_the_last_day_or_on_the_third(
    note: str, country: str, state: str, at: datetime | None
) -> None:
    assert waits(note, country, state) == at


@pytest.mark.parametrize("status", ["delivered", "returning", "out_for_delivery"])
def test_what_does_not_wait_is_due_never(status: str) -> None:
    assert waits("", status=status) is None


def test_it_is_planned_at_once_sent_when_due_and_never_again(parcel: Parcel, monkeypatch: Any) -> None:
    row = reminder()
    assert (row.state, row.reason) == (MessageState.PLANNED, "reminds, if it still waits to be collected then")
    assert row.due_at == remind_at(parcel.order, parcel.tracking)
    notify_order(parcel.order_id)
    assert (wake_planned(), len(mail.outbox)) == (0, 1), "not before its time"
    pass_time(monkeypatch)
    assert wake_planned() == 1
    for _ in range(3):
        notify_order(parcel.order_id)
    number = parcel.order.order_number
    assert [one.subject for one in mail.outbox][1:] == [f"Your order {number} is still waiting to be collected"]
    assert "Have you collected your parcel?" in mail.outbox[1].body
    assert (reminder().state, Message.objects.count()) == (MessageState.SENT, 2)


@pytest.mark.parametrize("status", [ParcelStatus.DELIVERED, ParcelStatus.RETURNING])
def test_what_was_collected_or_goes_back_is_not_reminded_of(
    parcel: Parcel, monkeypatch: Any, status: ParcelStatus
) -> None:
    becomes(parcel, status)
    pass_time(monkeypatch)
    notify_order(parcel.order_id)
    assert (reminder().state, reminder().reason[:9]) == (MessageState.SKIPPED, "overtaken")
    assert not [one for one in mail.outbox if "still waiting" in one.subject]


def test_a_reminder_that_could_not_be_sent_for_a_day_is_none(parcel: Parcel, monkeypatch: Any) -> None:
    hold(parcel.order, actor=None, reason="She asked us to")
    pass_time(monkeypatch, timedelta(hours=25))
    Order.objects.update(messages_held_at=None)
    Message.objects.filter(state=MessageState.HELD).update(state=MessageState.PLANNED)
    notify_order(parcel.order_id)
    assert (reminder().state, len(mail.outbox)) == (MessageState.SKIPPED, 1)


def test_a_hold_that_is_over_brings_it_no_earlier(parcel: Parcel) -> None:
    due_at = reminder().due_at
    hold(parcel.order, actor=None, reason="She asked us to")
    assert reminder().state == MessageState.HELD
    release(parcel.order, actor=None, reason="She asked us to")
    notify_order(parcel.order_id)
    assert (reminder().state, reminder().due_at, len(mail.outbox)) == (MessageState.PLANNED, due_at, 1)


def test_another_last_day_moves_it(parcel: Parcel) -> None:
    last_day = timezone.now().date() + timedelta(days=6)
    Tracking.objects.update(pickup_note=f"until {last_day:%d.%m.%Y}")
    notify_order(parcel.order_id)
    parcel.tracking.refresh_from_db()
    assert reminder().due_at == remind_at(parcel.order, parcel.tracking)
    assert reminder().due_at.date() == last_day - timedelta(days=1)


def test_whoever_the_first_message_did_not_reach_is_not_reminded(parcel: Parcel, monkeypatch: Any) -> None:
    Message.objects.exclude(occasion=REMINDER).update(state=MessageState.FAILED)
    pass_time(monkeypatch)
    notify_order(parcel.order_id)
    assert (reminder().state, len(mail.outbox)) == (MessageState.SKIPPED, 1)


def test_where_somebody_else_tells_of_pickup_points_nobody_is_reminded_by_us(parcel: Parcel, monkeypatch: Any) -> None:
    Route.objects.update(notify_by_status={"available_for_pickup": "off"})
    pass_time(monkeypatch)
    notify_order(parcel.order_id)
    assert (reminder().state, len(mail.outbox)) == (MessageState.SKIPPED, 1)
