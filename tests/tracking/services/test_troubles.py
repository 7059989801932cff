"""Trouble that a status says: opens with the news, closes with the next, also twice, late, and after a person's no."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests import factories as make
from tests.tracking.services.snapshots import document, receipt, scan
from tracking.enums import ParcelStatus, ProblemKind
from tracking.models import Problem, Tracking
from tracking.services.apply_update import apply_receipts
from tracking.services.deadlines import deadline_in
from tracking.services.problems import NEXT_STEP
from tracking.services.troubles import FOR_RETURNS, check_troubles, troubles_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def tracking() -> Tracking:
    tracking = make.make_tracking(status_changed_at=NOW, last_news_at=NOW, last_message="")
    make.make_parcel(make.make_order(order_number="DE-1", ordered_at=NOW - timedelta(days=2)), tracking)
    return tracking


def news(tracking: Tracking, status: str, subtag: str = "", **facts: object) -> None:
    """The tracking's state changes, and is checked as news are."""
    facts |= {"status": status, "subtag": subtag}
    for name, value in facts.items():
        setattr(tracking, name, value)
    tracking.save()
    check_troubles([tracking])


def open_kinds() -> list[str]:
    return sorted(Problem.objects.filter(closed_at=None).values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("status", "subtag", "kind", "cause"),
    [
        ("attempt_failed", "AttemptFail_002", "attempts_failed", "1 delivery attempt failed."),
        ("exception", "Exception_007", "address", "The address is wrong or incomplete."),
        ("exception", "Exception_002", "address", "The recipient has moved."),
        ("exception", "Exception_006", "address", "It is held until something is paid."),
        ("exception", "Exception_003", "returning", "The recipient refused it; carriers mostly send it back."),
        ("returning", "Exception_010", "returning", "The carrier brings it back to the sender."),
        ("returned", "Exception_011", "returning", "It is back at the sender."),
        ("exception", "Exception_012", "lost", "The carrier says it is damaged."),
        ("lost", "Exception_013", "lost", "The carrier says it is lost."),
        ("disposed", "Exception_021", "lost", "The carrier has disposed of it."),
        ("expired", "Expired_001", "silent", "AfterShip gave up after 30 days without news."),
    ],
)
def test_a_status_opens_its_problem(tracking: Tracking, status: str, subtag: str, kind: str, cause: str) -> None:
    news(tracking, status, subtag)
    problem = Problem.objects.get(closed_at=None)
    assert (problem.kind, problem.cause, problem.tracking) == (kind, cause, tracking)
    assert (str(problem.order), problem.correlation_id) == ("DE-1", tracking.correlation_id)


@pytest.mark.parametrize(
    ("ended", "cause"), [("", "Staff marked it as lost."), ("overtaken", "The carrier says it is lost.")]
)
def test_what_staff_said_is_not_put_in_the_carriers_mouth(tracking: Tracking, ended: str, cause: str) -> None:
    tracking.mark = {"status": "lost", "ended": ended}
    tracking.status = "lost"
    assert [trouble.cause for trouble in troubles_of(tracking)] == [cause]


@pytest.mark.parametrize("status", ["pending", "in_transit", "out_for_delivery", "available_for_pickup", "delivered"])
def test_a_parcel_that_does_well_has_no_problem(tracking: Tracking, status: str) -> None:
    news(tracking, status)
    assert open_kinds() == []


def test_the_next_status_closes_it(tracking: Tracking) -> None:
    news(tracking, "exception", "Exception_007")
    news(tracking, "in_transit", "InTransit_008")
    problem = Problem.objects.get()
    assert problem.closed_reason == "It is in transit now."
    assert problem.closed_by is None


def test_the_same_news_twice_opens_one_and_leaves_it_as_it_is(tracking: Tracking) -> None:
    news(tracking, "attempt_failed")
    before = Problem.objects.values().get()
    news(tracking, "attempt_failed")
    assert Problem.objects.values().get() == before


def test_attempts_are_counted_and_the_words_follow(tracking: Tracking) -> None:
    for _ in range(2):
        make.make_checkpoint(tracking, tag="AttemptFail")
    make.make_checkpoint(tracking, tag="AttemptFail", is_fenced=True)
    news(tracking, "attempt_failed", last_message="Left with Ms Miller.")
    assert Problem.objects.get().cause == "2 delivery attempts failed."
    make.make_checkpoint(tracking, tag="AttemptFail")
    news(tracking, "attempt_failed", last_message="Left with Ms Miller.", status_changed_at=NOW + timedelta(days=1))
    problem = Problem.objects.get()
    assert (problem.cause, problem.occurrences) == ("3 delivery attempts failed.", 2)


def test_what_a_person_closed_stays_closed_until_something_new_happens(tracking: Tracking) -> None:
    news(tracking, "returning", "Exception_010")
    Problem.objects.update(closed_at=timezone.now(), closed_by=User.objects.create_user("anna"))
    news(tracking, "returning", "Exception_010", last_message="Sorted.")
    assert open_kinds() == []
    news(tracking, "returned", "Exception_011", status_changed_at=NOW + timedelta(days=3))
    assert open_kinds() == ["returning"]


def test_returns_have_their_own_words(tracking: Tracking) -> None:
    news(tracking, "lost", is_return=True)
    problem = Problem.objects.get()
    assert problem.cause == "Return: The carrier says it is lost."
    assert problem.next_step == FOR_RETURNS[ProblemKind.LOST] != NEXT_STEP[ProblemKind.LOST]
    news(tracking, "returned", is_return=True)  # it is where it should be
    assert open_kinds() == []


def test_the_carriers_own_deadline_is_when_it_is_due(tracking: Tracking) -> None:
    news(tracking, "exception", "Exception_007", last_message="Adresse fehlt. Rücksendung ab 27.11.2026")
    problem = Problem.objects.get()
    assert problem.due_at == datetime(2026, 11, 28, tzinfo=UTC)
    assert problem.cause == "The address is wrong or incomplete. It goes back after 27 November."


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("until 2026-11-27", 28),
        ("bis 27.11.2026, 18 Uhr", 28),
        ("from 21.11.2026 to 25.11.2026", 26),
        ("27/11/2026", None),
        ("31.11.2026", None),
        ("01.02.2030", None),
        ("19.11.2026", None),
        ("parcel 1227.11.20261", None),
    ],
)
def test_deadlines_are_read_in_one_way_only(text: str, day: int | None) -> None:
    assert deadline_in(text, NOW) == (datetime(2026, 11, day, tzinfo=UTC) if day else None)


def test_many_trackings_without_trouble_cost_one_query() -> None:
    many = [make.make_tracking() for _ in range(30)]
    with CaptureQueriesContext(connection) as queries:
        check_troubles(many)
    assert len(queries) == 1


def test_many_in_trouble_are_opened_in_a_handful_of_queries() -> None:
    many = [make.make_tracking(status=ParcelStatus.LOST, status_changed_at=NOW) for _ in range(30)]
    with CaptureQueriesContext(connection) as queries:
        check_troubles(many)
    assert (len(queries), Problem.objects.count()) == (4, 30)


def test_the_road_opens_and_closes_it(tracking: Tracking) -> None:
    def hook(hours: float, tag: str, subtag: str, scans: int) -> None:
        checkpoints = [scan(number) for number in range(scans)]
        body = document(tracking.pk, hours, tag, subtag, checkpoints=checkpoints)
        apply_receipts([receipt(body, endpoint=tracking.account.key)])

    Tracking.objects.filter(pk=tracking.pk).update(updated_at=None, status_changed_at=None)
    hook(10, "AttemptFail", "AttemptFail_002", 2)
    assert open_kinds() == ["attempts_failed"]
    hook(9, "InTransit", "InTransit_003", 1)  # late news change nothing
    assert open_kinds() == ["attempts_failed"]
    hook(11, "OutForDelivery", "OutForDelivery_001", 3)
    assert open_kinds() == []
