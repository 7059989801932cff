"""Codes that nobody has read: listed with samples, given a status after a look at what that changes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stores.models import Revision, StatusRule
from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tests.tracking.services.snapshots import START, scan, snapshot
from tracking import tasks
from tracking.enums import JobKind
from tracking.models import Job, SeenCode, StaffAction, Tracking
from tracking.services.apply_update import Batch

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
LIST, RULE = "/admin/courier-codes/", "/admin/courier-codes/rule/"
EX_17 = {"kind": "raw", "code": "EX-17", "courier": "dhl-germany"}


@pytest.fixture(autouse=True)
def kicks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    found: list[bool] = []
    monkeypatch.setattr(tasks, "kick", lambda: found.append(True))
    return found


@pytest.fixture
def agent(viewer: User) -> Client:
    codes = ["add_statusrule", "change_statusrule", "delete_statusrule"]
    viewer.user_permissions.add(*Permission.objects.filter(codename__in=codes))
    return client_of(viewer)


@pytest.fixture
def tracking() -> Tracking:
    """Ends in an exception that only the courier's own code explains."""
    make.make_courier("dhl-germany")
    tracking = make.make_tracking(updated_at=None)
    make.make_parcel(make.make_order(ordered_at=START - timedelta(days=1)), tracking)
    batch = Batch.lock(tracking.account, [tracking.pk])
    vague = scan(2, "Exception", "Exception_001", raw_tag="EX-17", slug="dhl-germany")
    batch.apply(tracking, snapshot(tracking.pk, 2, "Exception", "Exception_001", checkpoints=[scan(1), vague]))
    batch.save()
    return tracking


def test_only_codes_that_say_too_little_are_listed(viewer_client: Client, tracking: Tracking) -> None:
    page = viewer_client.get(LIST).content.decode()
    assert "1 code is unknown or vague" in page
    assert "EX-17" in page
    assert "/admin/courier-codes/rule/?kind=raw&amp;code=EX-17&amp;courier=dhl-germany" in page
    assert "InTransit_003" not in page
    assert "InTransit_003" in viewer_client.get(LIST, {"all": "1"}).content.decode()


def test_unknown_subtags_and_tags_are_listed_and_a_rule_takes_them_off(viewer_client: Client) -> None:
    for tag, subtag in (("InTransit", "InTransit_099"), ("Teleported", "Teleported_001"), ("Delivered", "")):
        SeenCode.objects.create(
            courier="ups", tag=tag, subtag=subtag, count=3, first_seen_at=timezone.now(), last_seen_at=timezone.now()
        )
    page = viewer_client.get(LIST).content.decode()
    assert "InTransit_099" in page
    assert "Teleported_001" in page
    assert "Delivered" not in page
    StatusRule.objects.create(code_kind="subtag", code="Teleported_001", status="in_transit")
    assert "Teleported_001" not in viewer_client.get(LIST).content.decode()


def test_nothing_to_read_says_so(viewer_client: Client) -> None:
    assert "Every code that came is known." in viewer_client.get(LIST).content.decode()


def test_preview_counts_and_writes_nothing(viewer_client: Client, tracking: Tracking) -> None:
    page = viewer_client.get(RULE, EX_17 | {"status": "lost"}).content.decode()
    assert "1 stored parcel on its way has this code." in page
    assert ">Exception<" in page
    assert ">Lost<" in page
    assert "You may look at status rules, but not change them." in page
    assert not StatusRule.objects.exists()


def test_saved_with_a_reason_told_and_applied_by_a_worker(agent: Client, tracking: Tracking, kicks: list[bool]) -> None:
    answer = agent.post(f"{RULE}?kind=raw&code=EX-17&courier=dhl-germany&status=lost", {"reason": "DHL told us"})
    assert (answer.status_code, answer.headers["Location"]) == (302, LIST)
    rule = StatusRule.objects.get()
    assert (rule.courier.slug, rule.code, rule.status) == ("dhl-germany", "EX-17", "lost")
    revision = Revision.objects.get()
    assert (revision.actor_name, revision.reason) == ("viewer", "DHL told us")
    assert StaffAction.objects.get().revision == revision
    assert Job.objects.get(kind=JobKind.APPLY_STATUS_RULES).subject == str(revision.pk)
    assert kicks == [True]
    again = agent.post(f"{RULE}?kind=raw&code=EX-17&courier=dhl-germany&status=aftership", {"reason": "They did not"})
    assert again.status_code == 302
    assert not StatusRule.objects.exists()


def test_without_a_reason_nothing_is_saved(agent: Client, tracking: Tracking) -> None:
    page = agent.post(f"{RULE}?kind=raw&code=EX-17&courier=&status=lost", {"reason": " "}).content.decode()
    assert "Give a reason: nothing was saved." in page
    assert not StatusRule.objects.exists()


@pytest.mark.parametrize(
    "asked", ["", "?kind=smell&code=EX-17", "?kind=raw&code=", "?kind=raw&code=EX-17&courier=nobody"]
)
def test_address_that_means_nothing_leads_back_to_the_list(agent: Client, asked: str) -> None:
    answer = agent.get(f"{RULE}{asked}")
    assert (answer.status_code, answer.headers["Location"]) == (302, LIST)


def test_who_may_not_is_refused(viewer_client: Client, tracking: Tracking) -> None:
    address = f"{RULE}?kind=raw&code=EX-17&courier=&status=lost"
    assert viewer_client.post(address, {"reason": "me"}).status_code == 403
    nobody = client_of(User.objects.create_user("nobody", is_staff=True))
    assert (nobody.get(LIST).status_code, nobody.get(RULE, EX_17).status_code) == (403, 403)
    assert not StatusRule.objects.exists()


def test_list_takes_a_fixed_number_of_queries(viewer_client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            viewer_client.get(LIST)
        return len(found)

    add_codes(2)
    few = queries()
    add_codes(40)
    assert queries() == few


def add_codes(number: int) -> None:
    now = timezone.now()
    start = SeenCode.objects.count()
    SeenCode.objects.bulk_create(
        SeenCode(courier=f"c{n}", raw_tag=f"X{n}", subtag="Exception_001", count=n, first_seen_at=now, last_seen_at=now)
        for n in range(start, start + number)
    )
