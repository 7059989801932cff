"""A ticket is kept once, and its cause is the state of the order at the moment it was opened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from stores.models import Project
from tests import factories as make
from tracking.enums import ContactCause as Cause
from tracking.enums import ProblemKind
from tracking.models import Contact, Message, Order, Parcel, Problem
from tracking.services.contacts import Ticket, take_ticket
from tracking.services.shoppers import shopper_key

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def project() -> Project:
    return make.make_project()


def an_order(project: Project, **facts: object) -> Order:
    return make.make_order(project, ordered_at=NOON - 9 * DAY, **facts)


def a_parcel(order: Order, *steps: tuple[int, datetime], **facts: object) -> Parcel:
    """Shipped eight days before noon, with these scans: (step of factories.STEPS, when)."""
    tracking = make.make_tracking(clocks={}, **facts)
    for step, at in steps:
        make.make_checkpoint(tracking, step=step, at=at)
    return make.make_parcel(order, tracking, shipped_at=NOON - 8 * DAY)


def cause(order: Order, at: datetime = NOON, **named: str) -> tuple[str, str]:
    named = named or {"order_number": order.order_number}
    ticket = Ticket(source="zendesk", ticket=f"T-{Contact.objects.count()}", opened_at=at, **named)
    contact, _ = take_ticket(order.project, ticket)
    return contact.cause, contact.status


def test_repeat_changes_nothing_but_when_it_was_closed(project: Project) -> None:
    order = an_order(project)
    ticket = Ticket(source="zendesk", ticket="1", opened_at=NOON, order_number=order.order_number)
    first, is_new = take_ticket(project, ticket)
    assert (is_new, first.cause) == (True, Cause.NOT_SHIPPED)
    a_parcel(order, (1, NOON - DAY))
    closed = Ticket(source="zendesk", ticket="1", opened_at=NOON - DAY, closed_at=NOON + HOUR)
    again, is_new = take_ticket(project, closed)
    assert (is_new, again.pk, again.cause, again.opened_at) == (False, first.pk, Cause.NOT_SHIPPED, NOON)
    assert again.closed_at == NOON + HOUR
    later, _ = take_ticket(project, Ticket(source="zendesk", ticket="1", opened_at=NOON, closed_at=NOON + 9 * HOUR))
    assert later.closed_at == NOON + HOUR


def test_database_refuses_a_second_row_of_one_ticket_and_an_unknown_cause(project: Project) -> None:
    make.make_contact(ticket="1")
    for facts in ({"ticket": "1"}, {"cause": "weather"}, {"closed_at": NOON - 900 * DAY}, {"ticket": ""}):
        with pytest.raises(IntegrityError), transaction.atomic():
            make.make_contact(**facts)


def test_state_of_then_counts_not_that_of_now(project: Project) -> None:
    order = an_order(project)
    a_parcel(order, (0, NOON - 7 * DAY), (1, NOON - HOUR), (4, NOON + DAY))
    assert cause(order, NOON - 2 * HOUR) == (Cause.NOT_SCANNED, "info_received")
    assert cause(order, NOON) == (Cause.NONE, "in_transit")
    assert cause(order, NOON + 2 * DAY) == (Cause.NOT_RECEIVED, "delivered")
    assert cause(order, NOON - 9 * DAY) == (Cause.NOT_SHIPPED, "")


def test_late_is_against_the_promise_and_the_first_estimate(project: Project) -> None:
    order = an_order(project)
    parcel = a_parcel(order, (1, NOON - DAY))
    assert cause(order)[0] == Cause.NONE
    parcel.route = make.make_route(project, promise_days=3)
    parcel.save()
    assert cause(order) == (Cause.LATE, "in_transit")
    parcel.route.promise_days = 30
    parcel.route.save()
    parcel.tracking.clocks = {"first_estimate": {"local": "2026-11-19"}}
    parcel.tracking.save()
    assert cause(order)[0] == Cause.LATE


@pytest.mark.parametrize(
    ("tag", "subtag", "expected"),
    [
        ("Exception", "Exception_004", (Cause.PROBLEM, "delayed")),
        ("Exception", "Exception_013", (Cause.PROBLEM, "lost")),
        ("AttemptFail", "AttemptFail_001", (Cause.ATTEMPT, "attempt_failed")),
        ("AvailableForPickup", "AvailableForPickup_001", (Cause.ATTEMPT, "available_for_pickup")),
    ],
)
def test_trouble_is_named(project: Project, tag: str, subtag: str, expected: tuple[str, str]) -> None:
    order = an_order(project)
    parcel = a_parcel(order, (1, NOON - DAY))
    make.make_checkpoint(parcel.tracking, at=NOON - HOUR, tag=tag, subtag=subtag)
    assert cause(order) == expected


@pytest.mark.parametrize(
    ("kind", "step", "expected"),
    [(ProblemKind.SILENT, 1, Cause.STALLED), (ProblemKind.NO_SCAN, 0, Cause.NOT_SCANNED)],
)
def test_stall_counts_while_its_problem_was_open(
    project: Project, kind: ProblemKind, step: int, expected: Cause
) -> None:
    order = an_order(project)
    parcel = a_parcel(order, (step, NOON - 6 * DAY))
    problem = make.make_problem(kind=kind, tracking=parcel.tracking, subject=f"tracking:{parcel.tracking_id}")
    Problem.objects.filter(pk=problem.pk).update(opened_at=NOON - DAY, closed_at=NOON + DAY)
    assert cause(order)[0] == expected
    if kind == ProblemKind.SILENT:
        assert cause(order, NOON - 2 * DAY)[0] == Cause.NONE
        assert cause(order, NOON + 2 * DAY)[0] == Cause.NONE


def test_of_several_parcels_the_gravest_matter_counts_and_a_part_that_arrived_is_a_split(project: Project) -> None:
    order = an_order(project)
    a_parcel(order, (4, NOON - DAY))
    second = a_parcel(order, (1, NOON - DAY))
    assert cause(order) == (Cause.SPLIT, "in_transit")
    assert cause(order, tracking_number=second.tracking_number) == (Cause.NONE, "in_transit")
    make.make_checkpoint(second.tracking, at=NOON - HOUR, tag="Exception", subtag="Exception_004")
    assert cause(order) == (Cause.PROBLEM, "delayed")


def test_fenced_scans_and_returns_say_nothing(project: Project) -> None:
    order = an_order(project)
    parcel = a_parcel(order)
    make.make_checkpoint(parcel.tracking, step=4, at=NOON - DAY, is_fenced=True)
    back = a_parcel(order, (4, NOON - DAY))
    back.is_return = True
    back.save()
    assert cause(order) == (Cause.NOT_SCANNED, "pending")


def test_address_leads_to_the_newest_order_before_the_ticket_and_is_not_kept(project: Project) -> None:
    email = "Erika@Example.com "
    _older, newer, _later = (
        make.make_order(project, ordered_at=NOON - days * DAY, shopper_key=shopper_key(email)) for days in (9, 2, -1)
    )
    ticket = Ticket(source="zendesk", ticket="1", opened_at=NOON, email="erika@example.com")
    contact, _ = take_ticket(project, ticket)
    assert contact.order == newer
    assert "erika" not in str(Contact.objects.values().get()).lower()


def test_order_of_another_project_is_not_found(project: Project) -> None:
    order = an_order(make.make_project())
    ticket = Ticket(source="zendesk", ticket="1", opened_at=NOON, order_number=order.order_number)
    contact, _ = take_ticket(project, ticket)
    assert (contact.order, contact.cause) == (None, Cause.UNKNOWN_ORDER)


def test_key_of_a_shopper_is_the_same_for_all_spellings_and_nobody_elses() -> None:
    assert shopper_key(" Erika@Example.COM") == shopper_key("erika@example.com") != shopper_key("erik@example.com")
    assert shopper_key("") == ""
    assert len(shopper_key("a@b.de")) == 64


def told(parcel: Parcel, kind: str, hours_before: float, **facts: object) -> None:
    make.make_message(parcel, kind=kind, sent_at=NOON - hours_before * HOUR, **facts)


def warned_at(order: Order, **named: str) -> datetime | None:
    cause(order, **named)
    return Contact.objects.latest("pk").warned_at


def test_told_of_the_very_matter_before_the_ticket(project: Project) -> None:
    order = an_order(project)
    parcel = a_parcel(order, (1, NOON - 2 * DAY), (4, NOON - DAY))
    assert warned_at(order) is None
    told(parcel, "in_transit", 40)
    assert warned_at(order) is None, "that it is on its way tells nothing of the delivery"
    told(parcel, "delivered", -1)
    assert warned_at(order) is None, "that came after the ticket"
    told(parcel, "all_arrived", 3)
    Message.objects.filter(kind="all_arrived").update(parcel=None)
    assert warned_at(order) == NOON - 3 * HOUR
    Message.objects.all().delete()
    told(parcel, "delivered", 5, state="bounced")
    assert warned_at(order) is None, "that mail came back"


def test_told_of_another_parcel_is_not_told_of_this_one(project: Project) -> None:
    order = an_order(project)
    parcel, other = (a_parcel(order, (1, NOON - 2 * DAY), (4, NOON - DAY)) for _ in range(2))
    told(other, "delivered", 5)
    assert warned_at(order, tracking_number=parcel.tracking_number) is None
    assert warned_at(order, tracking_number=other.tracking_number) == NOON - 5 * HOUR
    assert warned_at(order) == NOON - 5 * HOUR


def test_database_refuses_a_warning_after_the_ticket() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make.make_contact(opened_at=NOON, warned_at=NOON + HOUR)
