"""The story behind a code: nothing of it missing, nothing of others in it, in order of time, and nobody named."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests import factories as make
from tests.tracking.stories import CODE, NUMBER, WORDS, make_write, tell_story
from tracking.enums import JobKind
from tracking.models import Parcel, Tracking
from tracking.services import story_of as module
from tracking.services.story_of import (
    Called,
    Change,
    Decided,
    Look,
    Received,
    Story,
    Trouble,
    Wished,
    Written,
    story_of,
)

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


def told(text: str = CODE) -> Story:
    story = story_of(text)
    assert story is not None
    return story


def only(story: Story, kind: type) -> list[Any]:
    return [entry for entry in story.entries if isinstance(entry, kind)]


@pytest.mark.parametrize("text", ["ZZZZ-2222", "", "  ", "no such code", "\x00", "x" * 5000, "' OR 1=1 --"])
def test_code_that_nobody_knows_has_no_story(text: str) -> None:
    tell_story()
    assert story_of(text) is None


def test_everything_is_told_in_order_of_time() -> None:
    tell_story()
    assert [entry.kind for entry in told().entries] == [
        *("receipt", "decision", "problem", "job", "attempt", "attempt", "receipt", "write", "problem"),
    ]


@pytest.mark.parametrize("text", ["k7mq2xrt", " K7MQ 2XRT ", "k7mq-2xrt"])
def test_code_is_found_as_typed_or_heard(text: str) -> None:
    tell_story()
    assert told(text).code == CODE


def test_story_of_somebody_else_is_left_out() -> None:
    order = tell_story()
    tell_story("BBBB-2222")
    story = told()
    assert len(story.entries) == 9
    assert [one.pk for one in story.orders] == [order.pk]


def test_attempts_come_with_their_waits_and_the_upstreams_words() -> None:
    tell_story()
    first, second = only(told(), Called)
    assert (first.status, first.outcome, first.code, first.words) == (503, "retry", "503", "Service unavailable")
    assert (first.wait_seconds, second.wait_seconds) == (1.5, None)


def test_decision_tells_route_trace_and_courier() -> None:
    tell_story()
    (decided,) = only(told(), Decided)
    assert decided.trace == (Look(3, False, "store is de-web, not en-web"), Look(4, True, "all"))
    assert (decided.carrier, decided.asked_courier, decided.parcel) == ("DHL Paket", "dhl-germany", "…0001")


def test_decision_tells_versions_what_was_seen_and_what_a_person_chose_but_no_field_s_value() -> None:
    tell_story()
    Parcel.objects.update(
        route_trace=[[4, True, "all", 7]],
        decision={
            "facts": {"store": "de-web", "carrier": "DHL", "fields": [["gift_for", ["Anna Muster"]]]},
            "courier": {"slug": "dhl", "because": "mapping #3 (everywhere): 'DHL' is dhl", "mapping_id": 3},
        },
        override={"courier": "dhl", "number": "00340434161094000001"},
    )
    (decided,) = only(told(), Decided)
    assert decided.trace == (Look(4, True, "all", 7),)
    assert decided.facts == {"store": "de-web", "carrier": "DHL", "fields": ["gift_for"]}
    assert decided.because == "mapping #3 (everywhere): 'DHL' is dhl"
    assert decided.chosen == ("courier", "number")


def test_write_tells_before_and_after_and_hides_the_carriers_words() -> None:
    tell_story()
    (written,) = only(told(), Written)
    assert written.changes == (
        Change("…0001", "tb_status", None, "pending"),
        Change("…0001", "tb_message", None, "[personal]"),
    )
    assert (written.version_before, written.version_after) == (5, 6)


def test_problem_is_told_when_it_opened_and_when_it_closed() -> None:
    tell_story()
    opened, closed = only(told(), Trouble)
    assert (opened.step, closed.step, closed.words) == ("opened", "closed", "AfterShip has taken it.")
    assert opened.at < closed.at


def test_dead_letter_is_told_when_it_was_wished_for_and_when_it_gave_up() -> None:
    order = make.make_order(correlation_id=CODE)
    make.make_dead_letter(subject=str(order.pk), correlation_id=CODE, dead_at=timezone.now() + timedelta(hours=1))
    assert [(one.state, one.code) for one in only(told(), Wished)] == [
        ("dead", "InvalidField"),
        ("gave_up", "InvalidField"),
    ]


def test_nobody_is_named() -> None:
    order = tell_story()
    make.make_problem(order=order, cause="Not deliverable: anna.muster@example.com refused it.", correlation_id=CODE)
    words = repr([dataclasses.asdict(entry) for entry in told().entries])
    assert not [one for one in (order.customer_email, "anna.muster", WORDS, NUMBER) if one in words]


def test_code_that_a_sender_was_answered_with_leads_to_the_story() -> None:
    tell_story()
    make.make_receipt(request_id="BBBB-2222", correlation_id=CODE)
    story = told("BBBB-2222")
    assert len(story.entries) == 10
    assert story.related_codes == (CODE,)


def test_request_that_began_several_stories_tells_them_all() -> None:
    for code in ("CCCC-2222", "DDDD-2222"):
        make.make_order(correlation_id=code)
        make.make_receipt(request_id=CODE, correlation_id=code)
    assert told().related_codes == ("CCCC-2222", "DDDD-2222")
    assert len(told().orders) == len(only(told(), Received)) == 2


def test_what_came_in_about_a_shared_box_is_told_in_both_stories() -> None:
    tell_story()
    second = make.make_order(correlation_id="BBBB-2222")
    tracking = Tracking.objects.get(correlation_id=CODE)
    make.make_parcel(second, tracking)
    make_write(second)
    story = told("BBBB-2222")
    assert story.related_codes == (CODE,)
    assert [entry.kind for entry in story.entries if entry.kind != "decision"] == [
        *("job", "attempt", "attempt", "receipt", "write"),
    ]
    assert told().related_codes == ("BBBB-2222",)
    assert len(only(told(), Written)) == len(only(told(), Decided)) == 1


def test_story_that_is_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 3)
    job = make.make_job(correlation_id=CODE, kind=JobKind.COLLECT)
    for wait in range(5):
        make.make_attempt(job, wait_seconds=wait)
    assert told().is_cut
    assert [attempt.wait_seconds for attempt in only(told(), Called)] == [2, 3, 4]


@pytest.mark.sqlite
def test_long_story_costs_the_queries_of_a_short_one() -> None:
    order = tell_story()
    make.make_parcel(order, make.make_tracking())
    with CaptureQueriesContext(connection) as few:
        told()
    for _ in range(5):
        tracking = make.make_tracking()
        make.make_parcel(order, tracking)
        make.make_attempt(make.make_job(correlation_id=CODE))
        make_write(order)
    with CaptureQueriesContext(connection) as many:
        told()
    assert len(few) == len(many) <= MOST_QUERIES


def test_what_the_shopper_was_told_is_part_of_it_without_their_address() -> None:
    order = make.make_order(correlation_id=CODE)
    parcel = make.make_parcel(order, make.make_tracking())
    make.make_message(parcel, state="skipped", reason="stale: asked by ella@example.com", sent_at=None)
    (entry,) = [one for one in told().entries if one.kind == "message"]
    assert (entry.message, entry.state, entry.language) == ("in_transit", "skipped", "de")
    assert entry.words == "stale: asked by [personal]"
    assert order.customer_email not in repr(entry)
