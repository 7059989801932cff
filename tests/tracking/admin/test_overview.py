"""The first page: each figure counts what its list shows, nobody sees figures of lists they may not open."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking.enums import ParcelStatus, ProblemKind, ReceiptState
from tracking.models import Heartbeat

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
MOST_QUERIES = 26


@pytest.fixture
def troubled() -> None:
    """Each kind of trouble, and a little that moves."""
    now = timezone.now()
    project = make.make_project(key="demo", pause_seconds=60, paused_until=now, clock_skew_seconds=-90)
    make.make_account(key="old", is_active=False, clock_skew_seconds=90)
    make.make_account(key="main", clock_skew_seconds=30)
    order = make.make_order(project)
    make.make_parcel(order, make.make_tracking(status=ParcelStatus.DELIVERED))
    make.make_parcel(order, make.make_tracking(status=ParcelStatus.LOST))
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


def tiles_of(client: Client) -> list[str]:
    """Number and words of each tile."""
    response = client.get(reverse("admin:index"))
    groups = (response.context["trouble"], response.context["flow"], response.context["trackings"])
    return [re.sub(r"<[^>]+>", "", f"{tile.number} {tile.words}") for tiles in groups for tile in tiles]


def test_what_needs_a_person_and_what_moves(troubled: None, admin_client: Client) -> None:
    assert tiles_of(admin_client) == [
        "Paused commercetools demo",
        "Off AfterShip old",
        "1\N{NO-BREAK SPACE}min the clock of commercetools demo is behind ours",
        "10\N{NO-BREAK SPACE}min ago a worker was last seen",
        "2 Carrier not recognised",
        "1 dead letter",
        "1 quarantined receipt, last 7 days",
        "1 new order in 24 hours",
        "4 parcels wait for a number",
        "1 receipt waits to be taken in",
        "1 job waits or runs",
        "1 job backs off",
        "1 Delivered",
        "1 Lost",
    ]


def test_every_tile_leads_to_a_page_that_opens(troubled: None, admin_client: Client) -> None:
    response = admin_client.get(reverse("admin:index"))
    for tile in [*response.context["trouble"], *response.context["flow"], *response.context["trackings"]]:
        assert admin_client.get(tile.url).status_code == 200, tile


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("Carrier not recognised", 2),
        ("job backs off", 1),
        ("Lost", 1),
        ("parcels wait for a number", 4),
    ],
)
def test_list_behind_a_figure_has_as_many_rows(words: str, count: int, troubled: None, admin_client: Client) -> None:
    response = admin_client.get(reverse("admin:index"))
    tiles = [*response.context["trouble"], *response.context["flow"], *response.context["trackings"]]
    tile = next(one for one in tiles if one.words == words)
    assert admin_client.get(tile.url).context["cl"].result_count == count


def test_first_page_costs_few_queries_whatever_there_is(troubled: None, admin_client: Client) -> None:
    admin_client.get(reverse("admin:index"))
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(reverse("admin:index"))
    assert len(queries) <= MOST_QUERIES


def test_fresh_install_says_what_is_missing_and_is_otherwise_content(admin_client: Client) -> None:
    response = admin_client.get(reverse("admin:index"))
    assert [words for words, _url in response.context["steps"]] == [
        "Connect a commercetools project",
        "Connect an AfterShip account",
        "Make a route from the project to the account",
    ]
    assert response.context["trouble"] == []
    assert "Nothing: no open problem" in response.content.decode()
    make.make_route()
    assert admin_client.get(reverse("admin:index")).context["steps"] == []


def test_figures_of_lists_one_may_not_open_are_left_out(troubled: None) -> None:
    user = User.objects.create_user("agent", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_problem"))
    response = client_of(user).get(reverse("admin:index"))
    assert [tile.words for tile in response.context["trouble"]] == ["Carrier not recognised"]
    assert (response.context["flow"], response.context["trackings"]) == ([], [])
    page = response.content.decode()
    assert "Find an order" not in page
    assert "Apply_config" not in page
    assert reverse("admin:stores_project_changelist") not in page


def test_living_worker_is_not_mentioned(admin_client: Client) -> None:
    Heartbeat.objects.create(name="pump", at=timezone.now())
    assert not any("worker" in tile for tile in tiles_of(admin_client))
