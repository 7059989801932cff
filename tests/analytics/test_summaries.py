"""The weekly mail: once a week, with the numbers of the pages, of what the person may see; never twice."""

from __future__ import annotations

import smtplib
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client

from analytics.models import Summary
from analytics.summaries import send_summary, want_due, week_before
from tests.analytics.worlds import World
from tracking.enums import JobKind
from tracking.models import Job, StoreLimit
from tracking.services.pump import drain_everything

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
MORNING = datetime(2026, 10, 12, 7, 30, tzinfo=UTC)  # Monday
WEEK = (date(2026, 10, 5), date(2026, 10, 11))


@pytest.fixture
def world() -> World:
    world = World()
    for _ in range(9):
        world.parcel(promise=5, scan=4, attempt=50, delivered=50)
    world.parcel(promise=1, scan=4, attempt=90, delivered=90)
    world.figure("created")
    return world


def reader(name: str = "mara", email: str = "mara@example.com", *rights: str) -> User:
    user = User.objects.create_user(name, email, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights or ["view_parcelfact"]))
    return user


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr("analytics.summaries.timezone.now", lambda: moment)


@pytest.mark.parametrize(
    ("moment", "last_monday"),
    [
        (datetime(2026, 10, 12, 4, 59, tzinfo=UTC), date(2026, 9, 28)),  # 6:59 in Berlin
        (datetime(2026, 10, 12, 5, 0, tzinfo=UTC), date(2026, 10, 5)),
        (datetime(2026, 10, 18, 23, 0, tzinfo=UTC), date(2026, 10, 5)),
        (datetime(2026, 10, 19, 5, 0, tzinfo=UTC), date(2026, 10, 12)),
    ],
)
def test_week_is_over_on_monday_morning_in_the_store(moment: datetime, last_monday: date) -> None:
    assert week_before(moment, BERLIN) == (last_monday, last_monday + timedelta(days=6))


def test_mail_says_what_the_page_says_and_leads_there(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    at(monkeypatch, MORNING)
    summary = Summary.objects.create(user=reader(), store=world.store)
    send_summary(str(summary.pk))
    (letter,) = mail.outbox
    assert letter.to == ["mara@example.com"]
    assert letter.subject == f"Deliveries of {world.store.key}, 5 Oct 2026 – 11 Oct 2026"
    text = letter.body.replace("\xa0", " ")
    assert "On time, against the promise: 90.0 % (of 10 parcels)" in text
    assert "Created parcels: 10\n" in text
    assert f"/analytics/overview/?from=2026-10-05&to=2026-10-11&compare=previous&store={world.store.pk}" in text
    html, kind = letter.alternatives[0]
    assert kind == "text/html"
    assert "90.0\xa0%" in html


def test_each_week_is_sent_once_and_a_new_one_waits_for_its_monday(
    monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    at(monkeypatch, MORNING)
    Summary.objects.create(user=reader())
    assert want_due() == 0
    at(monkeypatch, MORNING + timedelta(days=7))
    assert (want_due(), want_due()) == (1, 1)
    drain_everything()
    assert want_due() == 0
    drain_everything()
    assert len(mail.outbox) == 1
    summary = Summary.objects.get()
    send_summary(str(summary.pk))
    assert len(mail.outbox) == 1
    assert summary.claimed_for == date(2026, 10, 18)


def test_crash_between_claim_and_end_sends_none_twice_and_is_shown(
    monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    at(monkeypatch, MORNING)
    user = reader()
    summary = Summary.objects.create(user=user)

    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMultiAlternatives.send", die)
        with pytest.raises(Killed):
            send_summary(str(summary.pk))
    send_summary(str(summary.pk))
    assert mail.outbox == []
    client = Client()
    client.force_login(user)
    assert "unsure: begun" in client.get("/admin/analytics/summary/").content.decode()


def test_server_that_refuses_is_tried_again(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    at(monkeypatch, MORNING)
    summary = Summary.objects.create(user=reader(), claimed_for=WEEK[0] - timedelta(days=1))

    def refuse(*_: Any, **__: Any) -> None:
        raise smtplib.SMTPConnectError(421, "busy")

    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMultiAlternatives.send", refuse)
        with pytest.raises(smtplib.SMTPConnectError):
            send_summary(str(summary.pk))
    summary.refresh_from_db()
    assert (summary.claimed_for, summary.last_error) == (WEEK[0] - timedelta(days=1), "SMTPConnectError")
    send_summary(str(summary.pk))
    summary.refresh_from_db()
    assert (len(mail.outbox), summary.claimed_for, summary.last_error) == (1, WEEK[1], "")


def test_mail_is_limited_like_the_pages(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    at(monkeypatch, MORNING)
    other = World()
    other.parcel(promise=5, scan=4)
    other.figure("created")
    user = reader()
    StoreLimit.objects.create(user=user, store=other.store)
    send_summary(str(Summary.objects.create(user=user).pk))
    send_summary(str(Summary.objects.create(user=user, store=world.store).pk))
    assert ["Created parcels: 1\n" in mail.outbox[0].body, "Created parcels: 0\n" in mail.outbox[1].body] == [
        True,
        True,
    ]


def test_who_may_not_see_figures_or_has_no_address_gets_none_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, MORNING)
    left = Summary.objects.create(user=reader("left", "left@example.com", "view_order"))
    mute = Summary.objects.create(user=reader("mute", ""))
    for summary in (left, mute):
        send_summary(str(summary.pk))
        summary.refresh_from_db()
    assert mail.outbox == []
    assert left.last_error == "This person may not see figures."
    assert mute.last_error == "This person has no e-mail address."
    assert not Job.objects.filter(kind=JobKind.SUMMARY).exists()


def test_people_make_their_own_and_see_no_others(world: World) -> None:
    user, other = reader(), reader("quentin", "quentin@example.com")
    theirs = Summary.objects.create(user=other)
    client = Client()
    client.force_login(user)
    assert client.post("/admin/analytics/summary/add/", {"store": "", "is_active": "on"}).status_code == 302
    own = Summary.objects.get(user=user)
    assert own.store is None
    again = client.post("/admin/analytics/summary/add/", {"store": "", "is_active": "on"})
    assert "There is a summary of this already." in again.content.decode()
    assert "quentin" not in client.get("/admin/analytics/summary/").content.decode()
    assert client.get(f"/admin/analytics/summary/{theirs.pk}/change/").status_code == 302
    assert client.post(f"/admin/analytics/summary/{own.pk}/delete/", {"post": "yes"}).status_code == 302
    assert list(Summary.objects.all()) == [theirs]


def test_database_refuses_a_second_one() -> None:
    user = reader()
    Summary.objects.create(user=user)
    with pytest.raises(IntegrityError), transaction.atomic():
        Summary.objects.create(user=user)
