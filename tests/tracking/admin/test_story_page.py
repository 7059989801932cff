"""/admin/story/: the whole story in order for who may see it, words where there is none, a way there from each code."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tests.tracking.stories import CODE, NUMBER, WORDS, make_write, tell_story
from tracking.admin.story_page import gap
from tracking.models import Attempt, Job, Order, Parcel, Problem, Receipt, Tracking, Write

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
ADDRESS = "/admin/story/"


def text_of(response: Any) -> str:
    """A page as it is read."""
    main = response.content.decode().partition('id="content-main"')[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def kinds(response: Any) -> list[str]:
    return [row["kind"] for row in response.context["rows"]]


def test_stranger_is_led_to_the_log_in_and_outsider_refused(client: Client) -> None:
    tell_story()
    assert client.get(ADDRESS, {"code": CODE}).headers["Location"].startswith("/admin/login/")
    outsider = client_of(User.objects.create_user("outsider", is_staff=True))
    assert outsider.get(ADDRESS, {"code": CODE}).status_code == 403


def test_without_a_code_it_asks_for_one(viewer_client: Client) -> None:
    response = viewer_client.get(ADDRESS)
    assert response.status_code == 200
    assert "Enter one to see everything that happened under it" in text_of(response)


@pytest.mark.parametrize("code", ["ZZZZ-2222", "<script>alert(1)</script>", "x" * 3000, "\x00"])
def test_code_that_means_nothing_is_404_and_says_so(viewer_client: Client, code: str) -> None:
    response = viewer_client.get(ADDRESS, {"code": code})
    assert response.status_code == 404
    assert "Nothing is known under the code" in text_of(response)
    assert "<script>alert" not in response.content.decode()


def test_everything_is_shown_in_order_with_words(viewer_client: Client) -> None:
    tell_story()
    response = viewer_client.get(ADDRESS, {"code": "k7mq2xrt"})
    text = text_of(response)
    assert kinds(response) == [
        *("receipt", "decision", "problem", "job", "attempt", "attempt", "receipt", "write", "problem"),
    ]
    for words in (
        "the order will be read",
        "matches: rule 4 (version 1), all",
        "Service unavailable",
        "then waits 1.5 s",
        "tb_status",
    ):
        assert words in text


def test_one_kind_can_be_looked_at_alone(viewer_client: Client) -> None:
    tell_story()
    response = viewer_client.get(ADDRESS, {"code": CODE, "kind": "attempt"})
    assert kinds(response) == ["attempt", "attempt"]
    assert [(str(one["words"]), one["number"]) for one in response.context["filters"] if one["is_chosen"]] == [
        ("Calls", 2)
    ]
    assert len(kinds(viewer_client.get(ADDRESS, {"code": CODE, "kind": "nonsense"}))) == 9


def test_kind_that_did_not_happen_says_so(viewer_client: Client) -> None:
    make.make_order(correlation_id=CODE)
    response = viewer_client.get(ADDRESS, {"code": CODE, "kind": "write"})
    assert "Nothing of this kind happened." in text_of(response)


def test_nobody_is_named(viewer_client: Client) -> None:
    order = tell_story()
    page = viewer_client.get(ADDRESS, {"code": CODE}).content.decode()
    assert not [word for word in (order.customer_email, WORDS, NUMBER) if word in page]
    assert "[personal]" in page


def test_excerpts_are_indented_and_escaped(admin_client: Client) -> None:
    make.make_attempt(correlation_id=CODE, response_excerpt='{"message": "<img src=x onerror=alert(1)>"}')
    page = admin_client.get(ADDRESS, {"code": CODE}).content.decode()
    assert "&lt;img src=x" in page
    assert "<img src=x" not in page


def test_rows_that_one_may_not_open_are_told_without_a_link() -> None:
    tell_story()
    agent = User.objects.create_user("agent", is_staff=True)
    agent.user_permissions.add(*Permission.objects.filter(codename__in=["view_order", "view_receipt"]))
    response = client_of(agent).get(ADDRESS, {"code": CODE})
    assert {row["kind"] for row in response.context["rows"] if row["url"]} == {"receipt"}


def test_stories_that_share_a_box_lead_to_each_other(viewer_client: Client) -> None:
    tell_story()
    make.make_parcel(make.make_order(correlation_id="BBBB-2222"), Tracking.objects.get(tracking_number=NUMBER))
    assert 'href="/admin/story/?code=BBBB-2222"' in viewer_client.get(ADDRESS, {"code": CODE}).content.decode()


@pytest.mark.parametrize("model", [Order, Tracking, Receipt, Job, Attempt, Problem, Write])
def test_every_code_in_the_console_leads_to_its_story(model: Any, admin_client: Client) -> None:
    tell_story()
    row = model.objects.filter(correlation_id=CODE).first()
    page = admin_client.get(reverse(f"admin:tracking_{model._meta.model_name}_change", args=[row.pk]))
    assert f'href="/admin/story/?code={CODE}"' in page.content.decode()


def test_long_story_costs_the_queries_of_a_short_one(viewer_client: Client) -> None:
    order = tell_story()

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            viewer_client.get(ADDRESS, {"code": CODE})
        return len(queries)

    cost()
    few = cost()
    for _ in range(20):
        make.make_parcel(order, make.make_tracking(correlation_id=CODE))
        make.make_attempt(make.make_job(correlation_id=CODE))
        make_write(order)
    assert cost() == few <= 18
    assert Parcel.objects.count() == 21


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.05, ""),
        (1.54, "+ 1.5 s"),
        (59.9, "+ 59.9 s"),
        (125, "+ 2 min 5 s"),
        (12_000, "+ 3 h 20 min"),
        (90_000, "+ 1 d 1 h"),
    ],
)
def test_gap_between_two_lines_is_told_in_two_units(seconds: float, words: str) -> None:
    start: datetime = timezone.now()
    assert gap(start, start + timedelta(seconds=seconds)) == words
