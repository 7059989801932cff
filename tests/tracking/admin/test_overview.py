"""The first page: each figure counts what its list shows, nobody sees figures of lists they may not open."""

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

from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking.admin import home_today
from tracking.enums import ParcelStatus, ProblemKind, ReceiptState
from tracking.models import Heartbeat, Message, Problem, StoreLimit
from tracking.services import outages

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
MOST_QUERIES = 32


@pytest.fixture
def troubled() -> None:
    """Each kind of trouble, and a little that moves."""
    now = timezone.now()
    project = make.make_project(key="demo", pause_seconds=60, paused_until=now, clock_skew_seconds=-90)
    make.make_account(key="old", is_active=False, clock_skew_seconds=90)
    make.make_account(key="main", clock_skew_seconds=30)
    order = make.make_order(project)
    make.make_parcel(order, make.make_tracking(status=ParcelStatus.DELIVERED, status_changed_at=now))
    make.make_tracking(status=ParcelStatus.DELIVERED, status_changed_at=now - timedelta(days=2))
    make.make_parcel(order, make.make_tracking(status=ParcelStatus.UNKNOWN))
    make.make_problem(order=order, kind=ProblemKind.LOST)
    yesterday = make.make_problem(order=order, kind=ProblemKind.SILENT, closed_at=now)
    Problem.objects.filter(pk=yesterday.pk).update(opened_at=now - timedelta(days=1))
    facts = {"order": order, "kind": "delivered", "news_at": now, "due_at": now, "correlation_id": order.correlation_id}
    waited = Message.objects.create(state="sent", sent_at=now, **facts)  # the night out
    Message.objects.filter(pk=waited.pk).update(created_at=now - timedelta(days=1))
    Message.objects.create(state="bounced", sent_at=now - timedelta(days=1), **facts | {"kind": "in_transit"})
    make.make_tracking(status=ParcelStatus.LOST, retired_at=now)
    make.make_parcel(order)
    for _ in range(2):
        make.make_problem(order=order)
    make.make_problem(order=order, kind=ProblemKind.BAD_NUMBER, closed_at=now)
    make.make_dead_letter()
    make.make_job(attempts=2, last_error_code="503")
    make.make_job()
    make.make_job(done=1)
    make.make_receipt(state=ReceiptState.QUARANTINED)
    make.make_receipt(state=ReceiptState.QUARANTINED, received_at=now - timedelta(days=9))
    make.make_receipt(state=ReceiptState.PENDING)
    Heartbeat.objects.create(name="pump", at=now - timedelta(minutes=10))


def sections_of(client: Client) -> dict[str, list[Any]]:
    """Tiles by section."""
    response = client.get(reverse("admin:index"))
    return {section.name: section.tiles for section in response.context["sections"]}


def words_of(tiles: list[Any]) -> list[str]:
    """Number and words of each tile; what is seconds old is new, however slow the machine."""
    found = [re.sub(r"<[^>]+>", "", f"{tile.number} {tile.words}") for tile in tiles]
    return [re.sub(r"^\d+\xa0s ago", "0\xa0s ago", words) for words in found]


def test_what_needs_a_person_and_what_moves(troubled: None, admin_client: Client) -> None:
    found = sections_of(admin_client)
    assert words_of(found["needs"]) == [
        "0 problems are yours",
        "3 problems are nobody's",
        "2 Carrier not recognised",
        "1 Lost or damaged",
    ]
    assert words_of(found["today"]) == [
        "1 Unknown",
        "1 delivered today",
        "1 new order today",
        "1 parcel got into trouble today",
        "1 message sent today",
    ]
    assert words_of(found["system"]) == [
        "Paused commercetools demo",
        "Off AfterShip old",
        "1\N{NO-BREAK SPACE}min the clock of commercetools demo is behind ours",
        "10\N{NO-BREAK SPACE}min ago a worker was last seen",
        "1 dead letter",
        "1 quarantined receipt, last 7 days",
        "5 connections answer",
        "0\N{NO-BREAK SPACE}s ago the last webhook or message came",
        "1 receipt waits to be taken in",
        "1 job waits or runs",
        "1 job backs off",
        "6 parcels wait for a number",
    ]


def test_my_own_come_first_and_overdue_ones_are_told(troubled: None, admin_client: Client, admin_user: User) -> None:
    Problem.objects.filter(kind=ProblemKind.LOST).update(
        assignee=admin_user, due_at=timezone.now() - timedelta(hours=2), opened_at=timezone.now() - timedelta(hours=5)
    )
    mine, nobodys, first, *_ = sections_of(admin_client)["needs"]
    assert (mine.number, nobodys.number, first.words) == ("1", "2", "Lost or damaged")
    assert re.sub(r"<[^>]+>", "", first.note) == "1 overdue · oldest 5\N{NO-BREAK SPACE}h ago"


def test_every_tile_leads_to_a_page_that_opens(troubled: None, admin_client: Client) -> None:
    for tile in [tile for tiles in sections_of(admin_client).values() for tile in tiles if tile.url]:
        assert admin_client.get(tile.url).status_code == 200, tile


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("delivered today", 1),
        ("new order today", 1),
        ("parcel got into trouble today", 1),
        ("job backs off", 1),
        ("message sent today", 1),
        ("Unknown", 1),
        ("parcels wait for a number", 6),
    ],
)
def test_list_behind_a_figure_has_as_many_rows(words: str, count: int, troubled: None, admin_client: Client) -> None:
    tiles = [tile for tiles in sections_of(admin_client).values() for tile in tiles]
    tile = next(one for one in tiles if one.words == words)
    assert str(tile.number) == str(count)
    assert admin_client.get(tile.url).context["cl"].result_count == count


def test_first_page_costs_few_queries_whatever_there_is(troubled: None, admin_client: Client) -> None:
    admin_client.get(reverse("admin:index"))
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(reverse("admin:index"))
        counts.append(len(queries))
        for _ in range(20):
            make.make_problem(kind=ProblemKind.BAD_NUMBER)
    assert counts[0] == counts[1] <= MOST_QUERIES


def test_fresh_install_says_what_is_missing_and_is_otherwise_content(admin_client: Client) -> None:
    response = admin_client.get(reverse("admin:index"))
    assert [words for words, _url in response.context["steps"]] == [
        "Connect a commercetools project",
        "Connect an AfterShip account",
        "Make a route from the project to the account",
    ]
    assert response.context["sections"][0].tiles == []
    assert "Nothing: no problem is open." in response.content.decode()
    make.make_route()
    assert admin_client.get(reverse("admin:index")).context["steps"] == []


def test_sidebar_counts_open_problems_and_shows_nothing_for_none(admin_client: Client) -> None:
    counted = re.compile(r">\s*inbox_customize\s*<.*?Queues(.*?)</a>", re.DOTALL)
    [after] = counted.findall(admin_client.get(reverse("admin:index")).content.decode())
    assert re.sub(r"<[^>]*>", "", after).strip() == ""
    make.make_problem()
    [after] = counted.findall(admin_client.get(reverse("admin:index")).content.decode())
    assert re.sub(r"<[^>]*>", "", after).strip() == "1"


def test_figures_of_lists_one_may_not_open_are_left_out(troubled: None) -> None:
    user = User.objects.create_user("agent", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_problem"))
    response = client_of(user).get(reverse("admin:index"))
    found = {section.name: [tile.words for tile in section.tiles] for section in response.context["sections"]}
    assert found == {
        "needs": ["problems are yours", "problems are nobody's", "Carrier not recognised", "Lost or damaged"],
        "today": ["parcel got into trouble today"],
    }
    page = response.content.decode()
    assert "Find an order" not in page
    assert "Apply_config" not in page
    assert reverse("admin:stores_project_changelist") not in page


def test_people_of_a_store_see_its_figures_only(troubled: None, viewer: User, viewer_client: Client) -> None:
    store = make.make_store()
    StoreLimit.objects.create(user=viewer, store=store)
    found = sections_of(viewer_client)
    assert found["needs"] == []
    assert words_of(found["today"]) == [
        "0 delivered today",
        "0 new orders today",
        "0 parcels got into trouble today",
        "0 messages sent today",
    ]
    make.make_problem(order=make.make_order(store.project, store=store))
    assert words_of(sections_of(viewer_client)["needs"])[1] == "1 problem is nobody's"


def test_living_worker_is_a_good_sign(admin_client: Client) -> None:
    Heartbeat.objects.create(name="pump", at=timezone.now())
    words = words_of(sections_of(admin_client)["system"])
    assert words == [
        "0\N{NO-BREAK SPACE}s ago a worker showed life",
        "0 receipts wait to be taken in",
        "0 jobs wait or run",
        "0 parcels wait for a number",
    ]


def test_an_outage_is_one_banner(admin_client: Client) -> None:
    outages.begin("dhl", cause="0 of 40 parcels had news in 3 hours; 20 is usual.", live=40)
    page = admin_client.get(reverse("admin:index")).content.decode()
    assert "Courier outage: dhl" in page
    assert "40 parcels on their way" in page


def test_live_part_has_the_same_figures_without_the_frame(troubled: None, admin_client: Client) -> None:
    response = admin_client.get(reverse("live"))
    page = response.content.decode()
    assert "<html" not in page
    assert "Carrier not recognised" in page
    assert 'data-tb-summary="0 problems are yours, 3 problems are nobody' in page
    assert "no-store" in response.headers["Cache-Control"]
    assert admin_client.post(reverse("live")).status_code == 405
    assert Client().get(reverse("live")).status_code == 302


def test_beyond_some_thousands_nobody_counts(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_today, "MOST_COUNTED", 2)
    for number in range(3):
        assert f"{number} In transit" in [*words_of(sections_of(admin_client)["today"]), "0 In transit"]
        make.make_tracking()
    assert "2+ In transit" in words_of(sections_of(admin_client)["today"])
