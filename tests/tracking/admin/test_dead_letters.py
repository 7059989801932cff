"""Dead letters in the console: grouped by cause, looked at first, requeued with a reason by who may."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking import tasks
from tracking.admin import dead_letters as pages
from tracking.enums import JobKind
from tracking.models import Job, StaffAction
from tracking.services.dead_letters import Cause, Selection, groups, preview

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
LIST, PREVIEW = "/admin/dead-letters/", "/admin/dead-letters/requeue/"
MISSING = {"kind": "write_back", "code": "InvalidField", "upstream": "commercetools:demo"}


@pytest.fixture(autouse=True)
def kicks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Wake-ups of workers."""
    found: list[bool] = []
    monkeypatch.setattr(tasks, "kick", lambda: found.append(True))
    return found


@pytest.fixture
def piled() -> None:
    """Three of one cause, one of another, one that lives."""
    now = timezone.now()
    for hours in (1, 5, 3):
        make.make_dead_letter(dead_at=now - timedelta(hours=hours))
    make.make_dead_letter(
        kind=JobKind.PUSH, upstream="aftership:main", last_error_code="4012", last_error="4012: cannot detect courier"
    )
    make.make_job()


@pytest.fixture
def requeuer(viewer: User) -> Client:
    viewer.user_permissions.add(Permission.objects.get(codename="requeue_job"))
    return client_of(viewer)


def dead() -> int:
    return Job.objects.filter(dead_at__isnull=False).count()


def text_of(response: Any) -> str:
    """A page as it is read."""
    main = response.content.decode().partition('id="content-main"')[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("address", [LIST, PREVIEW + "?all=1"])
def test_stranger_is_led_to_the_log_in_and_outsider_refused(piled: None, client: Client, address: str) -> None:
    assert client.get(address).headers["Location"].startswith("/admin/login/")
    outsider = client_of(User.objects.create_user("outsider", is_staff=True))
    assert outsider.get(address).status_code == 403
    assert outsider.post(address, {"reason": "because"}).status_code in (403, 405)
    assert dead() == 4


def test_who_may_only_look_sees_no_button_and_cannot_press_it(piled: None, viewer_client: Client) -> None:
    page = viewer_client.get(PREVIEW, {"all": "1"})
    assert "You may look at dead letters, but not requeue them." in text_of(page)
    assert 'name="reason"' not in page.content.decode()
    assert viewer_client.post(PREVIEW + "?all=1", {"reason": "because"}).status_code == 403
    assert dead() == 4


def test_looking_changes_nothing(piled: None, requeuer: Client, kicks: list[bool]) -> None:
    requeuer.get(LIST)
    requeuer.get(PREVIEW, {"all": "1", "reason": "because"})
    assert (dead(), kicks) == (4, [])


def test_post_without_csrf_token_is_refused(piled: None, requeuer: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = requeuer.cookies
    assert strict.post(PREVIEW + "?all=1", {"reason": "because"}).status_code == 403
    assert dead() == 4


@pytest.mark.parametrize("reason", ["", "   ", "\x00"])
def test_without_a_reason_nothing_is_requeued(piled: None, requeuer: Client, reason: str) -> None:
    page = requeuer.post(PREVIEW + "?all=1", {"reason": reason})
    assert "Give a reason: nothing was requeued." in text_of(page)
    assert dead() == 4


@pytest.mark.parametrize("asked", ["", "job=x", "job=-1", "all=0", "kind=nonsense", "job=" + "9" * 40, "job=²"])
def test_address_that_asks_for_nothing_leads_to_the_list(piled: None, requeuer: Client, asked: str) -> None:
    response = requeuer.post(f"{PREVIEW}?{asked}", {"reason": "because"})
    assert (response.status_code, response.headers["Location"], dead()) == (302, LIST, 4)


# ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_groups_come_by_cause_with_count_age_and_a_sample(piled: None) -> None:
    first, second = groups()
    assert (first.cause, first.number) == (Cause("write_back", "InvalidField", "commercetools:demo"), 3)
    assert timezone.now() - first.oldest_at == pytest.approx(timedelta(hours=5), abs=timedelta(seconds=30))
    assert (second.cause.code, second.number, second.sample.last_error) == ("4012", 1, "4012: cannot detect courier")


def test_list_shows_each_cause_with_a_way_to_its_sample_and_its_preview(piled: None, viewer_client: Client) -> None:
    response = viewer_client.get(LIST)
    page, text = response.content.decode(), text_of(response)
    assert "4 jobs gave up." in text
    assert "Write to commercetools InvalidField commercetools:demo 3" in text
    assert reverse("admin:tracking_job_change", args=[groups()[0].sample.pk]) in page
    assert "kind=write_back&amp;code=InvalidField&amp;upstream=commercetools%3Ademo" in page


def test_empty_list_says_so(viewer_client: Client) -> None:
    assert "Nothing has given up." in text_of(viewer_client.get(LIST))


def test_list_and_preview_cost_the_same_queries_whatever_there_is(piled: None, requeuer: Client) -> None:
    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert requeuer.get(address).status_code == 200
        return len(queries)

    cost(LIST)
    few = cost(LIST), cost(PREVIEW + "?all=1")
    for number in range(30):
        make.make_dead_letter(last_error_code=f"E{number % 7}", subject=str(make.make_order().pk))
    assert (cost(LIST), cost(PREVIEW + "?all=1")) == few
    assert max(few) <= 14


# ── the preview ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_preview_tells_what_would_run_and_what_would_wait_for_a_paused_connection(piled: None) -> None:
    make.make_account(key="main", pause_seconds=60)
    found = preview(Selection())
    assert [(part.kind, part.number, part.is_held_back) for part in found.parts] == [
        ("push", 1, True),
        ("write_back", 3, False),
    ]
    assert [job.dead_at for job in found.shown] == sorted(job.dead_at for job in found.shown if job.dead_at)


def test_preview_of_a_group_lists_its_jobs_with_story_and_order(piled: None, requeuer: Client) -> None:
    order = make.make_order(order_number="DE-1001")
    job = make.make_dead_letter(subject=str(order.pk), correlation_id="K7MQ-2XRT")
    page = requeuer.get(PREVIEW, MISSING)
    text = text_of(page)
    assert "Requeue 4 jobs" in text
    assert "DE-1001" in text
    assert "/admin/story/?code=K7MQ-2XRT" in page.content.decode()
    assert f"{PREVIEW}?job={job.pk}" in page.content.decode()


def test_preview_of_what_is_gone_says_so(requeuer: Client) -> None:
    text = text_of(requeuer.get(PREVIEW, {"job": "12345"}))
    assert "None of them is a dead letter any more" in text


def test_long_preview_says_how_many_are_not_listed(requeuer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracking.services.dead_letters.MOST_SHOWN", 2)
    monkeypatch.setattr(pages, "MOST_SHOWN", 2)
    for _ in range(5):
        make.make_dead_letter()
    assert "3 more are not listed." in text_of(requeuer.get(PREVIEW, {"all": "1"}))


# ── requeueing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_job_is_requeued_and_the_others_stay(piled: None, requeuer: Client, kicks: list[bool]) -> None:
    job = groups()[0].sample
    response = requeuer.post(f"{PREVIEW}?job={job.pk}", {"reason": "field added"}, follow=True)
    job.refresh_from_db()
    assert (job.dead_at, job.attempts, job.last_error_code) == (None, 0, "InvalidField")
    assert job.next_attempt_at <= timezone.now()
    assert (dead(), kicks) == (3, [True])
    assert "1 job is due again." in response.content.decode()


def test_group_is_requeued_and_other_causes_stay(piled: None, requeuer: Client) -> None:
    query = "&".join(f"{name}={value}" for name, value in MISSING.items())
    requeuer.post(f"{PREVIEW}?{query}", {"reason": "field added"})
    assert [group.cause.code for group in groups()] == ["4012"]
    assert Job.objects.count() == 5


def test_all_are_requeued_and_none_is_deleted(piled: None, requeuer: Client) -> None:
    requeuer.post(PREVIEW + "?all=1", {"reason": "outage is over"})
    assert (dead(), Job.objects.count()) == (0, 5)


def test_pressing_twice_does_it_once_and_says_so(piled: None, requeuer: Client, kicks: list[bool]) -> None:
    for _ in range(2):
        response = requeuer.post(PREVIEW + "?all=1", {"reason": "outage is over"}, follow=True)
    assert "none of them is a dead letter any more" in response.content.decode()
    assert (len(kicks), LogEntry.objects.count()) == (1, 1)


def test_reason_is_kept_and_logged_with_who_gave_it(
    piled: None, requeuer: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    requeuer.post(PREVIEW + "?all=1", {"reason": "Type extended, asked by anna.muster@example.com"})
    line = next(one.getMessage() for one in caplog.records if "dead letters requeued" in one.getMessage())
    assert "viewer" in line
    assert "Type extended" in line
    assert "anna.muster" not in line
    assert LogEntry.objects.get().change_message.startswith("Requeued: Type extended")
    kept = StaffAction.objects.filter(kind="requeue", actor_name="viewer", reason__startswith="Type extended")
    assert kept.count() == 4


def test_button_on_the_jobs_page_asks_for_the_same_permission(piled: None, viewer: User) -> None:
    job = groups()[0].sample
    address = reverse("admin:tracking_job_change", args=[job.pk])
    press = {"action": "make_due_again", "_selected_action": job.pk, "index": 0}
    viewer.user_permissions.add(Permission.objects.get(codename="change_job"))
    assert "Make due again" not in client_of(viewer).get(address).content.decode()
    client_of(viewer).post(reverse("admin:tracking_job_changelist"), press)
    assert dead() == 4
    viewer.user_permissions.add(Permission.objects.get(codename="requeue_job"))
    client_of(User.objects.get(pk=viewer.pk)).post(reverse("admin:tracking_job_changelist"), press)
    assert dead() == 3


def test_first_page_leads_here(piled: None, admin_client: Client) -> None:
    tiles = [tile for section in admin_client.get("/admin/").context["sections"] for tile in section.tiles]
    assert [(tile.number, tile.url) for tile in tiles if tile.words == "dead letters"] == [(4, LIST)]
