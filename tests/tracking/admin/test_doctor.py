"""The doctor's page: shows what was found, asks a worker for more, and never examines by itself."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking.enums import JobKind, RunKind
from tracking.models import Job, Run
from tracking.services.doctor.examine import ALL, begin, walk, want

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
FINE = {"area": "mail", "state": "fine", "words": "The mail server lets us in.", "next_step": ""}
BROKEN = {"area": "types", "state": "broken", "words": "The Type is missing.", "next_step": "Run: manage.py setup"}
WARNING = {"area": "carriers", "state": "warning", "words": "'<b>pigeon</b>' (3)", "next_step": "Map these texts."}
PARTS = ["trackbridge", "commercetools:demo"]


def run(findings: dict[str, Any], *, minutes: int = 3, is_finished: bool = True) -> Run:
    ended = timezone.now() - timedelta(minutes=minutes)
    counts = {"broken": sum(one["state"] == "broken" for part in findings.values() for one in part)}
    return make.make_run(
        kind=RunKind.DOCTOR,
        subject=ALL,
        parameters={"parts": [*dict.fromkeys([*findings, *PARTS])]},
        findings=findings,
        counts=counts,
        finished_at=ended if is_finished else None,
    )


def page(client: Client) -> str:
    response = client.get(reverse("doctor"))
    assert response.status_code == 200
    return response.content.decode()


def words(html: str) -> str:
    content = html.partition('id="content-main"')[2]
    return re.sub(r"\s+", " ", strip_tags(content)).replace("\xa0", " ")


def test_nothing_was_examined_yet(admin_client: Client) -> None:
    shown = words(page(admin_client))
    assert "Nothing was examined yet." in shown
    assert "Check now" in shown


def test_the_verdict_its_age_and_the_worst_first(admin_client: Client) -> None:
    run({"trackbridge": [FINE], "commercetools:demo": [{**FINE, "area": "door"}, WARNING, BROKEN]})
    html = page(admin_client)
    shown = words(html)
    assert "No-go: 1 thing is broken Examined 3 min ago." in shown
    assert shown.index("The Type is missing.") < shown.index("pigeon") < shown.index("Webhook address")
    assert "Run: manage.py setup" in shown
    assert "&lt;b&gt;pigeon&lt;/b&gt;" in html


def test_go_with_warnings_and_a_word_where_it_is_old(admin_client: Client) -> None:
    run({"trackbridge": [FINE, WARNING]}, minutes=60 * 30)
    shown = words(page(admin_client))
    assert "Go: nothing is broken Examined 1 d ago." in shown
    assert "That was more than a day ago" in shown


def test_check_now_wishes_for_one_examination_and_returns(admin_client: Client) -> None:
    for _ in range(2):
        response = admin_client.post(reverse("doctor"))
        assert (response.status_code, response["Location"]) == (302, reverse("doctor"))
    job = Job.objects.get(kind=JobKind.DOCTOR)
    assert (job.subject, job.want > job.done) == (ALL, True)
    assert not Run.objects.exists()
    assert "it waits for a worker" in words(page(admin_client))


def test_a_wish_that_nobody_takes_is_told(admin_client: Client) -> None:
    want()
    Job.objects.update(due_since=timezone.now() - timedelta(minutes=10))
    assert "No worker has done it for minutes." in words(page(admin_client))


def test_one_under_way_shows_how_far_it_is_beside_the_last(admin_client: Client) -> None:
    run({"trackbridge": [FINE]})
    run({"trackbridge": [BROKEN]}, is_finished=False)
    shown = words(page(admin_client))
    assert "Go: nothing is broken" in shown
    assert "An examination is under way: 1 of 2 parts are done." in shown
    assert "The Type is missing." not in shown


def test_who_may_only_look_may_not_check(viewer_client: Client) -> None:
    assert "Check now" not in words(page(viewer_client))
    assert viewer_client.post(reverse("doctor")).status_code == 403
    assert not Job.objects.exists()


def test_without_the_permission_there_is_no_page_and_no_entry() -> None:
    user = User.objects.create_user("agent", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_order"))
    client = client_of(user)
    assert client.get(reverse("doctor")).status_code == 403
    assert reverse("doctor") not in client.get(reverse("admin:index")).content.decode()
    assert Client().get(reverse("doctor")).status_code == 302


def test_other_methods_are_refused(admin_client: Client) -> None:
    assert admin_client.delete(reverse("doctor")).status_code == 405


def test_more_findings_cost_no_more_queries(admin_client: Client) -> None:
    run({"trackbridge": [FINE]})
    with CaptureQueriesContext(connection) as few:
        page(admin_client)
    Run.objects.all().delete()
    run({"trackbridge": [FINE], **{f"commercetools:{n}": [FINE, WARNING, BROKEN] * 5 for n in range(20)}})
    with CaptureQueriesContext(connection) as many:
        page(admin_client)
    assert len(few) == len(many)


@pytest.mark.django_db(transaction=True)
def test_an_interrupted_examination_goes_on_where_it_stood() -> None:
    make.make_project(key="asleep", is_active=False)
    first = begin(ALL)
    next(walk(first))
    assert list(first.findings) == ["trackbridge"]
    kept = first.findings["trackbridge"]
    second = begin(ALL)
    assert second.pk == first.pk
    list(walk(second))
    assert second.findings["trackbridge"] == kept
    assert second.findings["commercetools:asleep"] == [
        {
            "area": "connection",
            "state": "warning",
            "words": "It is switched off.",
            "next_step": "Switch it on to go live.",
        }
    ]
    assert second.finished_at is not None
