"""The console's side of messages: what a shopper was told and why not the rest, and what staff may do about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stores.models import Route
from tests import factories as make
from tests.tracking.services.test_notify import becomes, box
from tracking.enums import ProblemKind, StaffActionKind
from tracking.models import BlockedAddress, Job, Message, Order, Parcel, Problem, StaffAction
from tracking.services.notify import notify_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def parcel() -> Parcel:
    brand = make.make_brand(key="acme", name="Acme", mails_per_minute=100_000)
    return box(make.make_route(brand=brand, notify="platform"), status="in_transit")


def act(client: Client, order: Order, key: str, **facts: str) -> Any:
    return client.post(reverse("message-act", args=[order.pk, key]), {"reason": "They asked for it."} | facts)


def page(client: Client, order: Order) -> str:
    return client.get(reverse("admin:tracking_order_change", args=[order.pk])).content.decode()


def with_permissions(*names: str) -> Client:
    user = User.objects.create_user(f"agent-{timezone.now().timestamp()}", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


def test_order_page_tells_what_was_told_and_why_not_the_rest(admin_client: Client, parcel: Parcel) -> None:
    Route.objects.update(notify_by_status={"delivered": "aftership", "out_for_delivery": "off"})
    notify_order(parcel.order_id)
    shown = page(admin_client, parcel.order)
    assert "What the shopper was told" in shown
    assert parcel.order.customer_email in shown
    for why in (
        "AfterShip tells it, as the route says",
        "nobody tells it, as the route says",
        "it came and went before it could be told",
        "it did not happen",
    ):
        assert why in shown, why


def test_times_of_messages_are_those_of_the_stores_clock_as_in_the_timeline(
    admin_client: Client, parcel: Parcel
) -> None:
    store = make.make_store(parcel.order.project, time_zone="Asia/Tokyo")
    Order.objects.filter(pk=parcel.order_id).update(store=store)
    notify_order(parcel.order_id)
    Message.objects.update(sent_at=datetime(2026, 11, 3, 20, 30, tzinfo=UTC))
    shown = page(admin_client, parcel.order)
    assert "4 Nov 2026, 05:30" in shown
    assert "3 Nov 2026, 20:30" not in shown


def test_who_may_not_see_people_sees_no_address(parcel: Parcel) -> None:
    notify_order(parcel.order_id)
    client = with_permissions("view_order", "view_message")
    for shown in (
        page(client, parcel.order),
        client.get(reverse("admin:tracking_message_changelist")).content.decode(),
    ):
        assert parcel.order.customer_email not in shown
        assert "s•••@example.com" in shown
    found = client.get(reverse("admin:tracking_message_changelist"), {"q": parcel.order.order_number})
    assert "In transit" in found.content.decode()


def test_held_messages_wait_until_they_are_released(admin_client: Client, parcel: Parcel) -> None:
    assert act(admin_client, parcel.order, "hold").status_code == 302
    notify_order(parcel.order_id)
    assert Message.objects.get().state == "held"
    assert "messages are held" in page(admin_client, parcel.order)
    act(admin_client, parcel.order, "release")
    assert Job.objects.get(kind="notify").subject == str(parcel.order_id)
    notify_order(parcel.order_id)
    assert (Message.objects.get().state, len(mail.outbox)) == ("sent", 1)
    assert (
        list(StaffAction.objects.order_by("pk").values_list("kind", "reason"))
        == [(StaffActionKind.HOLD, "They asked for it.")] * 2
    )


def test_the_current_state_is_sent_again_and_no_earlier_one(admin_client: Client, parcel: Parcel) -> None:
    notify_order(parcel.order_id)
    becomes(parcel, "out_for_delivery")
    notify_order(parcel.order_id)
    act(admin_client, parcel.order, "resend")
    notify_order(parcel.order_id)
    notify_order(parcel.order_id)
    told = list(Message.objects.order_by("pk").values_list("kind", "occasion", "state"))
    assert told[2:] == [("out_for_delivery", "resend-1", "sent")]
    assert len(mail.outbox) == 3


def test_what_was_to_be_sent_again_is_dropped_once_it_is_overtaken(admin_client: Client, parcel: Parcel) -> None:
    notify_order(parcel.order_id)
    for deed in ("hold", "resend"):
        act(admin_client, parcel.order, deed)
    becomes(parcel, "out_for_delivery")
    act(admin_client, parcel.order, "release")
    notify_order(parcel.order_id)
    told = list(Message.objects.order_by("pk").values_list("kind", "occasion", "state"))
    assert told[1:] == [("in_transit", "resend-1", "skipped"), ("out_for_delivery", "", "sent")]
    assert len(mail.outbox) == 2


def test_sending_again_settles_what_was_unsure(admin_client: Client, parcel: Parcel) -> None:
    notify_order(parcel.order_id)
    row = Message.objects.get()
    Message.objects.update(state="unsure")
    make.make_problem(kind=ProblemKind.MAIL_UNSURE, subject=f"message:{row.pk}", order=parcel.order, correlation_id="x")
    act(admin_client, parcel.order, "resend")
    assert Problem.objects.get().closed_reason == "The current state was sent again."


def test_messages_go_to_another_address_but_the_audit_trail_keeps_none(admin_client: Client, parcel: Parcel) -> None:
    assert act(admin_client, parcel.order, "readdress", address=" New@Example.com ").status_code == 302
    notify_order(parcel.order_id)
    assert mail.outbox[0].to == ["new@example.com"]
    action = StaffAction.objects.get()
    assert (action.kind, action.before, action.after) == (StaffActionKind.READDRESS, {}, {})
    assert "new@example.com" not in action.summary


@pytest.mark.parametrize(
    "address", ["nobody", "@", "@b.c", "a@b", "a@b.c, d@e.f", "a b@example.com", "a@example.com\nBcc: x@y.z"]
)
def test_what_is_no_address_is_refused(admin_client: Client, parcel: Parcel, address: str) -> None:
    shown = act(admin_client, parcel.order, "readdress", address=address).content.decode()
    assert "Nothing was done. This is no e-mail address." in shown
    assert (Order.objects.get().message_email, StaffAction.objects.count()) == ("", 0)


def test_a_blocked_address_gets_nothing_until_it_is_unblocked(admin_client: Client, parcel: Parcel) -> None:
    act(admin_client, parcel.order, "block")
    assert "blocked already" in act(admin_client, parcel.order, "block").content.decode()
    notify_order(parcel.order_id)
    assert mail.outbox == []
    refused = act(admin_client, parcel.order, "resend").content.decode()
    assert "It would not be sent: the address is blocked: Blocked by hand." in refused
    act(admin_client, parcel.order, "unblock")
    assert not BlockedAddress.objects.exists()
    act(admin_client, parcel.order, "resend")
    notify_order(parcel.order_id)
    assert len(mail.outbox) == 1


def test_only_what_makes_sense_of_the_address_is_offered(admin_client: Client, parcel: Parcel) -> None:
    def offered() -> list[str]:
        shown = page(admin_client, parcel.order)
        return [word for word in ("block", "unblock") if reverse("message-act", args=[parcel.order_id, word]) in shown]

    assert offered() == ["block"]
    act(admin_client, parcel.order, "block")
    assert offered() == ["unblock"]
    Order.objects.update(customer_email="")
    assert offered() == []


@pytest.mark.parametrize("key", ["hold", "resend", "readdress", "block", "unblock"])
def test_each_act_needs_its_permission_a_reason_and_a_post(admin_client: Client, parcel: Parcel, key: str) -> None:
    order, url = parcel.order, reverse("message-act", args=[parcel.order_id, key])
    viewer = with_permissions("view_order", "view_message")
    assert viewer.post(url, {"reason": "x"}).status_code == 403
    assert url not in page(viewer, order)
    assert admin_client.get(url).status_code == 200
    assert "Give a reason: nothing was done." in admin_client.post(url, {"reason": " "}).content.decode()
    assert (StaffAction.objects.count(), Message.objects.count()) == (0, 0)
    assert Client(enforce_csrf_checks=True).post(url, {"reason": "x"}).status_code in (302, 403)
    assert admin_client.post(reverse("message-act", args=[order.pk, "explode"]), {"reason": "x"}).status_code == 404


def test_lists_cost_the_same_for_few_and_many(
    admin_client: Client, parcel: Parcel, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        box(parcel.route, status="in_transit")
        if number % 3 == 0:
            notify_order(Order.objects.latest("pk").pk)
    with django_assert_max_num_queries(9):
        assert admin_client.get(reverse("admin:tracking_message_changelist")).status_code == 200
    assert admin_client.get(reverse("admin:tracking_blockedaddress_changelist")).status_code == 200
    row = Message.objects.first()
    assert admin_client.get(reverse("admin:tracking_message_change", args=[row.pk])).status_code == 200
