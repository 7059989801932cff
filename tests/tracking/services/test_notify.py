"""What shoppers are told: once each, only what is new, true and theirs. The ledger first, then the mail."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from stores.models import Brand, Route
from tests import factories as make
from tracking.clients.errors import BudgetSpent
from tracking.enums import BlockReason, JobKind, MessageState, ParcelStatus, ProblemKind
from tracking.models import BlockedAddress, Job, Mailer, Message, Order, Parcel, Problem, ShopperCount, Tracking
from tracking.services import link, notify, outages
from tracking.services.message_acts import hold
from tracking.services.notify import notify_order, wake_planned
from tracking.services.reminders import REMINDER
from tracking.services.shoppers import shopper_key

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NOW = timezone.now


@pytest.fixture
def route() -> Route:
    """Trackbridge tells everything, as Acme."""
    brand = make.make_brand(key="acme", name="Acme", mails_per_minute=100_000)
    return make.make_route(brand=brand, notify="platform")


def box(route: Route, order: Order | None = None, *, status: str = "info_received", **facts: Any) -> Parcel:
    """A parcel whose tracking has just come to this status."""
    order = order or make.make_order(route.project)
    now = timezone.now()
    fresh = {"status": status, "updated_at": now, "last_news_at": now, "eta": None}
    parcel_facts = {name: facts.pop(name) for name in ("is_return", "items", "delivery_id") if name in facts}
    tracking = facts.pop("tracking", None) or make.make_tracking(route.account, **fresh | facts)
    return make.make_parcel(order, tracking, route=route, **parcel_facts)


def becomes(parcel: Parcel, status: str, **facts: Any) -> None:
    now = timezone.now()
    fresh = {"status": status, "updated_at": now, "last_news_at": now}
    Tracking.objects.filter(pk=parcel.tracking_id).update(**fresh | facts)


def ledger(order: Order | None = None) -> list[tuple[str, str]]:
    rows = Message.objects.filter(order=order) if order else Message.objects.all()
    return [(row.kind, row.state) for row in rows.order_by("pk")]


def reasons() -> list[str]:
    return list(Message.objects.exclude(reason="").order_by("pk").values_list("reason", flat=True))


def recipients() -> list[str]:
    return [address for one in mail.outbox for address in one.to]


# ── once ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("info_received", "shipped"), ("in_transit", "in_transit"), ("out_for_delivery", "out_for_delivery"),
        ("available_for_pickup", "available_for_pickup"), ("attempt_failed", "attempt_failed"),
        ("delivered", "delivered"), ("delayed", "delayed"), ("exception", "exception"), ("lost", "exception"),
        ("returning", "returning"), ("returned", "returned"),
    ],
)  # fmt: skip
def test_each_status_is_told_once_however_often_it_is_looked_at(route: Route, status: str, kind: str) -> None:
    parcel = box(route, status=status)
    for _ in range(3):
        notify_order(parcel.order_id)
    told = [(row.kind, row.state) for row in Message.objects.exclude(occasion=REMINDER)]
    assert told == [(kind, MessageState.SENT)]
    assert recipients() == [parcel.order.customer_email]


@pytest.mark.parametrize("status", ["pending", "cancelled", "expired", "unknown"])
def test_what_no_shopper_can_use_is_not_told(route: Route, status: str) -> None:
    notify_order(box(route, status=status).order_id)
    assert (ledger(), mail.outbox) == ([], [])


def test_the_database_refuses_a_second_row_for_the_same_news(route: Route) -> None:
    parcel = box(route)
    notify_order(parcel.order_id)
    row = Message.objects.get()
    with pytest.raises(IntegrityError, match=r"message_once_per_parcel|parcel_id"), transaction.atomic():
        Message.objects.create(
            order=row.order, parcel=parcel, kind="shipped", correlation_id="x", news_at=NOW(), due_at=NOW()
        )


def test_a_status_that_comes_again_is_told_once(route: Route) -> None:
    parcel = box(route, status="in_transit")
    for status in ("in_transit", "exception", "in_transit", "exception", "delivered", "in_transit", "delivered"):
        becomes(parcel, status)
        notify_order(parcel.order_id)
    assert [kind for kind, _ in ledger()] == ["in_transit", "exception", "delivered"]
    assert len(mail.outbox) == 3


@pytest.mark.parametrize(("status", "shown"), [("in_transit", [1]), ("lost", [])])
def test_an_offer_is_counted_once_the_mail_is_out_and_never_made_in_trouble(
    route: Route, status: str, shown: list[int]
) -> None:
    make.make_promotion(route.brand, headline="New boots", language="de")
    parcel = box(route, status=status)
    for _ in range(2):
        notify_order(parcel.order_id)
    counts = ShopperCount.objects.filter(event="shown", place="mail", state=status)
    assert list(counts.values_list("count", flat=True)) == shown
    assert ("New boots" in mail.outbox[0].body) == bool(shown)


def test_a_parcel_that_is_remapped_is_not_told_again(route: Route) -> None:
    parcel = box(route, status="in_transit")
    notify_order(parcel.order_id)
    parcel.tracking = make.make_tracking(route.account, status="in_transit", last_news_at=NOW(), updated_at=NOW())
    parcel.save()
    notify_order(parcel.order_id)
    assert (ledger(), len(mail.outbox)) == ([("in_transit", "sent")], 1)


def test_a_parcel_taken_off_and_put_on_with_another_number_is_not_told_again(route: Route) -> None:
    old = box(route, status="in_transit", items={"li-1": 1})
    notify_order(old.order_id)
    Parcel.objects.filter(pk=old.pk).update(removed_at=NOW())
    new = box(route, old.order, status="in_transit", items={"li-1": 1})
    notify_order(old.order_id)
    assert Message.objects.get(parcel=new).reason == f"told already, under the number …{str(old)[-4:]}"
    assert len(mail.outbox) == 1


# ── only what is new ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_after_an_outage_only_the_newest_status_is_told(route: Route) -> None:
    parcel = box(route)
    for status in ("in_transit", "out_for_delivery", "delivered"):
        becomes(parcel, status)
    notify_order(parcel.order_id)
    assert ledger() == [("delivered", "sent")]


def test_old_news_is_not_told_and_says_why(route: Route) -> None:
    parcel = box(route, status="out_for_delivery", last_news_at=NOW() - timedelta(hours=30))
    notify_order(parcel.order_id)
    assert ledger() == [("out_for_delivery", "skipped")]
    assert reasons() == ["stale: it happened 30 hours before we could tell it"]
    assert mail.outbox == []


def test_what_waits_is_dropped_once_it_is_overtaken(route: Route) -> None:
    parcel = box(route, status="in_transit")
    Order.objects.update(messages_held_at=NOW())
    notify_order(parcel.order_id)
    becomes(parcel, "out_for_delivery")
    notify_order(parcel.order_id)
    assert ledger() == [("in_transit", "skipped"), ("out_for_delivery", "held")]
    assert "overtaken: the parcel is out for delivery now" in reasons()


def test_a_cancelled_order_stops_at_once(route: Route) -> None:
    parcel = box(route, status="in_transit")
    Order.objects.update(messages_held_at=NOW())
    notify_order(parcel.order_id)
    Order.objects.update(order_state="Cancelled", messages_held_at=None)
    notify_order(parcel.order_id)
    assert ledger() == [("in_transit", "skipped")]
    assert (reasons(), mail.outbox) == (["the order was cancelled"], [])


def test_an_order_cancelled_between_plan_and_claim_is_not_written_to(route: Route, monkeypatch: Any) -> None:
    parcel = box(route, status="in_transit")
    monkeypatch.setattr(notify, "take_slot", lambda brand: Order.objects.update(order_state="Cancelled"))
    notify_order(parcel.order_id)
    assert (ledger(), mail.outbox) == ([("in_transit", "planned")], [])


def test_an_address_that_changes_between_plan_and_claim_gets_the_mail_and_the_old_one_none(
    route: Route, monkeypatch: Any
) -> None:
    parcel = box(route, status="in_transit")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(notify, "take_slot", lambda brand: Order.objects.update(message_email="new@example.com"))
        notify_order(parcel.order_id)
    assert (ledger(), mail.outbox) == ([("in_transit", "planned")], [])
    notify_order(parcel.order_id)
    assert (ledger(), recipients()) == ([("in_transit", "sent")], ["new@example.com"])


def test_messages_held_between_plan_and_claim_are_not_sent(route: Route, monkeypatch: Any) -> None:
    parcel = box(route, status="in_transit")
    holding = partial(hold, parcel.order, actor=None, reason="They asked for it.")
    monkeypatch.setattr(notify, "take_slot", lambda brand: holding())
    notify_order(parcel.order_id)
    assert (ledger(), mail.outbox) == ([("in_transit", "held")], [])


def test_a_number_that_was_used_before_says_nothing(route: Route) -> None:
    notify_order(box(route, status="delivered", is_fenced=True).order_id)
    assert (ledger(), mail.outbox) == ([], [])


def test_late_scans_after_delivery_say_nothing(route: Route) -> None:
    parcel = box(route, status="delivered")
    notify_order(parcel.order_id)
    becomes(parcel, "delivered", subtag="Delivered_003")
    notify_order(parcel.order_id)
    assert len(mail.outbox) == 1


def test_history_that_is_loaded_is_told_to_nobody(route: Route) -> None:
    from tracking.services.message_plan import HISTORY, note_history

    parcel = box(route, status="in_transit")
    note_history(parcel.tracking)
    notify_order(parcel.order_id)
    assert (ledger(), reasons(), mail.outbox) == ([("in_transit", "skipped")], [HISTORY], [])
    becomes(parcel, "delivered")
    notify_order(parcel.order_id)
    assert len(mail.outbox) == 1


# ── several parcels, several orders ──────────────────────────────────────────────────────────────────────────────────


def test_boxes_of_a_split_order_are_shipped_in_one_mail(route: Route) -> None:
    first = box(route)
    second = box(route, first.order, status="pending")
    notify_order(first.order_id)
    becomes(second, "info_received")
    notify_order(first.order_id)
    assert ledger() == [("shipped", "sent"), ("shipped", "sent")]
    (only,) = mail.outbox
    assert first.tracking_number in only.body
    assert second.tracking_number in only.body
    assert Message.objects.get(parcel=second).told_with == Message.objects.get(parcel=first)


def test_all_arrived_is_told_once_and_takes_the_last_delivery_along(route: Route) -> None:
    first = box(route, status="delivered")
    second = box(route, first.order, status="in_transit")
    notify_order(first.order_id)
    becomes(second, "delivered")
    for _ in range(2):
        notify_order(first.order_id)
    kinds = [("delivered", first.pk), ("in_transit", second.pk), ("delivered", second.pk), ("all_arrived", None)]
    assert sorted(Message.objects.values_list("kind", "parcel"), key=str) == sorted(kinds, key=str)
    assert len(mail.outbox) == 3, "delivered, in transit, all arrived"
    assert Message.objects.get(parcel=second, kind="delivered").told_with.kind == "all_arrived"


def test_all_has_not_arrived_while_something_is_still_to_be_sent(route: Route) -> None:
    order = make.make_order(route.project, items={"li-1": 3})
    for number in (1, 1):
        box(route, order, status="delivered", items={"li-1": number})
    notify_order(order.pk)
    assert [kind for kind, _ in ledger()] == ["delivered", "delivered"]
    assert len(mail.outbox) == 1, "both were delivered: one mail"


def test_one_box_of_two_orders_is_told_once_per_person(route: Route) -> None:
    first = box(route, status="in_transit")
    same = make.make_order(route.project, customer_email=first.order.customer_email.upper())
    other = make.make_order(route.project)
    for order in (same, other):
        make.make_parcel(order, first.tracking, route=route)
    for order in (first.order, same, other):
        notify_order(order.pk)
        notify_order(order.pk)
    assert recipients() == [first.order.customer_email, other.customer_email]
    assert Message.objects.get(order=same).reason == "told to the same person with another order in the same box"


def test_the_other_order_of_a_box_tells_it_if_the_first_never_did(route: Route) -> None:
    first = box(route, status="in_transit")
    same = make.make_order(route.project, customer_email=first.order.customer_email)
    make.make_parcel(same, first.tracking, route=route)
    Order.objects.filter(pk=first.order_id).update(messages_held_at=NOW())
    for order in (first.order, same):
        notify_order(order.pk)
    assert mail.outbox == []
    Order.objects.filter(pk=first.order_id).update(order_state="Cancelled")
    for order in (first.order, same):
        notify_order(order.pk)
    assert recipients() == [first.order.customer_email]
    assert ledger(same) == [("in_transit", "sent")]


@pytest.mark.parametrize(
    ("status", "kind"), [("in_transit", "return_in_transit"), ("delivered", "return_delivered"), ("exception", None)]
)
def test_what_shoppers_send_back_has_words_of_its_own(route: Route, status: str, kind: str | None) -> None:
    notify_order(box(route, status=status, is_return=True).order_id)
    assert ledger() == ([(kind, "sent")] if kind else [])


# ── delay ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_estimate_that_moves_is_told_against_the_day_they_were_told(route: Route) -> None:
    parcel = box(route, status="in_transit", eta=date(2030, 5, 1))
    notify_order(parcel.order_id)
    for day in (1, 3, 2, 3, 4):
        becomes(parcel, "in_transit", eta=date(2030, 5, day))
        notify_order(parcel.order_id)
    told = Message.objects.order_by("pk").values_list("kind", "occasion")
    assert list(told) == [("in_transit", ""), ("delayed", "2030-05-03"), ("delayed", "2030-05-04")]


def test_nobody_is_told_of_more_than_three_delays(route: Route) -> None:
    parcel = box(route, status="in_transit", eta=date(2030, 5, 1))
    for day in range(1, 10):
        becomes(parcel, "in_transit", eta=date(2030, 5, day))
        notify_order(parcel.order_id)
    assert [kind for kind, _ in ledger()] == ["in_transit", "delayed", "delayed", "delayed"]


def test_a_moved_estimate_is_no_news_beside_a_new_status(route: Route) -> None:
    parcel = box(route, eta=date(2030, 5, 1))
    notify_order(parcel.order_id)
    becomes(parcel, "in_transit", eta=date(2030, 5, 9))
    notify_order(parcel.order_id)
    notify_order(parcel.order_id)
    assert [kind for kind, _ in ledger()] == ["shipped", "in_transit"]


def test_during_a_couriers_outage_nobody_hears_of_delay(route: Route) -> None:
    parcel = box(route, status="delayed")
    outage = outages.begin("dhl-germany", cause="No news since noon.")
    notify_order(parcel.order_id)
    assert (ledger(), mail.outbox) == ([("delayed", "planned")], [])
    outages.end(outage, "News again.")
    notify_order(parcel.order_id)
    assert (ledger(), len(mail.outbox)) == ([("delayed", "sent")], 1)


# ── when, and to whom ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "country", "state", "at", "due"),
    [
        ("in_transit", "DE", "", "2030-01-10T22:30+00:00", "2030-01-11T06:00+00:00"),
        ("in_transit", "DE", "", "2030-01-10T04:00+00:00", "2030-01-10T06:00+00:00"),
        ("in_transit", "DE", "", "2030-01-10T12:00+00:00", None),
        ("in_transit", "US", "CA", "2030-01-10T12:00+00:00", "2030-01-10T15:00+00:00"),
        ("in_transit", "US", "US-NY", "2030-01-10T12:30+00:00", None),
        ("in_transit", "JP", "", "2030-01-10T14:00+00:00", "2030-01-10T22:00+00:00"),
        ("out_for_delivery", "DE", "", "2030-01-10T22:30+00:00", None),
    ],
)
def test_what_can_wait_is_not_sent_in_the_shoppers_night(
    route: Route, monkeypatch: Any, status: str, country: str, state: str, at: str, due: str | None
) -> None:
    Brand.objects.update(quiet_from=time(22), quiet_until=time(7))
    now = datetime.fromisoformat(at)
    order = make.make_order(route.project, destination_country=country, destination_state=state)
    box(route, order, status=status, last_news_at=now, updated_at=now)
    monkeypatch.setattr(timezone, "now", lambda: now)
    notify_order(order.pk)
    row = Message.objects.get()
    assert row.state == ("planned" if due else "sent")
    assert row.due_at == (datetime.fromisoformat(due) if due else now).astimezone(UTC)


def test_what_is_planned_for_later_is_woken_when_its_time_has_come(route: Route) -> None:
    parcel = box(route, status="in_transit")
    notify_order(parcel.order_id)
    Message.objects.update(state="planned", due_at=NOW() + timedelta(hours=1), sent_at=None)
    assert wake_planned() == 0
    Message.objects.update(due_at=NOW())
    assert wake_planned() == 1
    job = Job.objects.get(kind=JobKind.NOTIFY)
    assert (job.subject, job.upstream) == (str(parcel.order_id), "mail:acme")
    assert wake_planned() == 0, "its job waits already"


def test_an_address_that_staff_chose_gets_the_messages(route: Route) -> None:
    parcel = box(route)
    Order.objects.update(message_email="new@example.com")
    notify_order(parcel.order_id)
    assert recipients() == ["new@example.com"]
    assert Message.objects.get().recipient_hash == shopper_key("NEW@example.com")


def test_a_blocked_address_gets_nothing_for_that_brand(route: Route) -> None:
    parcel = box(route)
    facts = {"address_hash": shopper_key(parcel.order.customer_email), "reason": BlockReason.UNSUBSCRIBED}
    blocked = BlockedAddress.objects.create(brand=make.make_brand(), **facts)
    notify_order(parcel.order_id)
    assert len(mail.outbox) == 1, "another brand's is none of ours"
    BlockedAddress.objects.filter(pk=blocked.pk).update(brand=None)
    becomes(parcel, "in_transit")
    notify_order(parcel.order_id)
    assert (len(mail.outbox), reasons()) == (1, ["the address is blocked: The shopper unsubscribed"])


def test_blocks_outlive_a_new_encryption_key(route: Route, settings: Any) -> None:
    parcel = box(route)
    BlockedAddress.objects.create(address_hash=shopper_key(parcel.order.customer_email), reason=BlockReason.BOUNCED)
    settings.FIELD_ENCRYPTION_KEYS = ["BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=", *settings.FIELD_ENCRYPTION_KEYS]
    notify_order(parcel.order_id)
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"customer_email": ""}, "the order has no e-mail address"),
        ({"brand": None}, "its route has no brand to write as"),
    ],
)
def test_what_is_missing_is_said(route: Route, facts: dict[str, Any], reason: str) -> None:
    parcel = box(route)
    Order.objects.update(**{name: value for name, value in facts.items() if name != "brand"})
    if "brand" in facts:
        Route.objects.update(brand=None)
    notify_order(parcel.order_id)
    assert (ledger(), reasons(), mail.outbox) == ([("shipped", "skipped")], [reason], [])


def test_a_status_that_somebody_else_tells_is_not_ours(route: Route) -> None:
    route.notify_by_status = {"shipped": "off", "in_transit": "aftership"}
    route.save()
    parcel = box(route)
    for status in ("info_received", "in_transit", "delivered"):
        becomes(parcel, status)
        notify_order(parcel.order_id)
    assert ledger() == [("delivered", "sent")]


# ── the budget ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_slot_messages_queue_up_behind_each_other(route: Route) -> None:
    import time as clock

    Brand.objects.update(mails_per_minute=10)
    Mailer.objects.create(key="acme", next_free_at=clock.time() + 30)
    first, second = box(route), box(route)
    for parcel in (first, second):
        notify_order(parcel.order_id)
    assert (ledger(), mail.outbox) == ([("shipped", "planned")] * 2, [])
    assert reasons() == ["waits for the brand's mail budget"] * 2
    one, two = ((row.due_at - NOW()).total_seconds() for row in Message.objects.order_by("pk"))
    assert 28 < one <= 30
    assert 6 < two - one < 7.5, "a slot each 6.7 seconds"
    Mailer.objects.update(next_free_at=0)
    Message.objects.update(due_at=NOW())
    assert wake_planned() == 2
    notify_order(first.order_id)
    assert ledger(first.order) == [("shipped", "sent")]


def test_a_minute_has_no_more_mails_than_the_budget(route: Route, monkeypatch: Any) -> None:
    from tracking.services import mail_budget

    Brand.objects.update(mails_per_minute=60)
    brand, now, taken = Brand.objects.get(), [1_000_000.0], []
    monkeypatch.setattr(mail_budget.time, "time", lambda: now[0])
    while now[0] < 1_000_180:
        try:
            taken.append(max(mail_budget.next_slot(brand), now[0]))
        except BudgetSpent as spent:
            now[0] += spent.retry_after_seconds
    worst = max(sum(1 for at in taken if start <= at < start + 60) for start in taken)
    assert 54 <= worst <= 60


# ── crashes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Killed(BaseException):
    """As a kill of the process: nothing catches it."""


def kill(*args: object, **kwargs: object) -> None:
    raise Killed


def test_killed_before_the_claim_all_is_done_again(route: Route, monkeypatch: Any) -> None:
    parcel = box(route)
    for step in ("facts_for", "take_slot", "claim"):
        with monkeypatch.context() as patch:
            patch.setattr(notify, step, kill)
            with pytest.raises(Killed):
                notify_order(parcel.order_id)
        assert ledger() == [("shipped", "planned")]
    notify_order(parcel.order_id)
    assert (ledger(), len(mail.outbox)) == ([("shipped", "sent")], 1)


def lease_is_over() -> None:
    Message.objects.filter(state="sending").update(sending_at=NOW() - timedelta(minutes=2))


@pytest.mark.parametrize(("step", "mails"), [("CHANNELS", 0), ("sent", 1)])
def test_killed_after_the_claim_it_is_unsure_and_never_sent_again(
    route: Route, monkeypatch: Any, step: str, mails: int
) -> None:
    parcel = box(route)
    with monkeypatch.context() as patch:
        patch.setattr(notify, step, {"email": lambda letter: kill} if step == "CHANNELS" else kill)
        with pytest.raises(Killed):
            notify_order(parcel.order_id)
    assert (ledger(), len(mail.outbox)) == ([("shipped", "sending")], mails)
    notify_order(parcel.order_id)
    assert ledger() == [("shipped", "sending")], "its sender may still be at it"
    lease_is_over()
    wake_planned()
    notify_order(parcel.order_id)
    assert (ledger(), len(mail.outbox)) == ([("shipped", "unsure")], mails)
    problem = Problem.objects.get(kind=ProblemKind.MAIL_UNSURE)
    assert (problem.order_id, problem.closed_at) == (parcel.order_id, None)


def test_a_sender_that_was_given_up_may_still_say_that_it_was_sent(route: Route, monkeypatch: Any) -> None:
    parcel = box(route)

    def slow(letter: Any) -> Any:
        def hand_over() -> str:
            lease_is_over()
            wake_planned()
            assert ledger() == [("shipped", "unsure")]
            return "provider-7"

        return hand_over

    monkeypatch.setattr(notify, "CHANNELS", {"email": slow})
    notify_order(parcel.order_id)
    row = Message.objects.get()
    assert (row.state, row.provider_id) == ("sent", "provider-7")
    assert Problem.objects.get().closed_reason == "The mail server had taken it."


def test_a_changed_status_wishes_for_one_look_per_order(route: Route) -> None:
    parcel = box(route)
    link.want_notify([parcel.tracking_id])
    link.want_notify([parcel.tracking_id])
    job = Job.objects.get()
    assert (job.kind, job.subject, job.upstream, job.want) == ("notify", str(parcel.order_id), "mail:acme", 2)
    Route.objects.update(notify="aftership")
    Job.objects.all().delete()
    link.want_notify([parcel.tracking_id])
    assert not Job.objects.exists(), "we tell these shoppers nothing"


def test_a_status_means_what_the_model_says() -> None:
    from tracking.services.news import KIND_OF, KIND_OF_RETURN, LIMITS

    assert set(KIND_OF) | set(KIND_OF_RETURN) <= set(ParcelStatus)
    assert {*KIND_OF.values(), *KIND_OF_RETURN.values(), "all_arrived"} == set(LIMITS)
