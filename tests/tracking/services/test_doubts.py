"""Long silence: which trackings are examined, what makes their courier doubtful, and what makes the doubt go away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from stores.models import AfterShipAccount
from tests.clients.scripted import Reply, ScriptedServer
from tests.factories import make_account, make_number_form, make_order, make_parcel, make_project, make_tracking
from tests.factories import make_route as make_route_of
from tests.tracking.services.snapshots import START, scan, snapshot
from tracking.clients.errors import BudgetSpent, RetryLater
from tracking.enums import JobKind, ParcelStatus, ProblemKind
from tracking.models import Job, Problem, Tracking
from tracking.services import doubts
from tracking.services.apply_update import Batch
from tracking.services.doubts import examine_account, examine_all
from tracking.services.link import retire_unused
from tracking.services.number_forms import form_of

pytestmark = pytest.mark.django_db
NUMBER = "00340434161094000001"
FORM = form_of(NUMBER)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def account(server: ScriptedServer) -> AfterShipAccount:
    return make_account(key="main", api_url=server.url)


def silent(account: AfterShipAccount, *, couriers: list[str] | None = None, **facts: Any) -> Tracking:
    """A tracking of DHL that AfterShip has had for 30 hours without any news, shown by a parcel that says "Post"."""
    defaults = {
        "tracking_number": NUMBER,
        "status": ParcelStatus.PENDING,
        "tag": "Pending",
        "updated_at": None,
        "opened_at": timezone.now() - timedelta(hours=30),
    }
    tracking = make_tracking(account, **defaults | facts)
    project = make_project()
    route = make_route_of(project, account, couriers=couriers or [])
    because = "mapping #7 (everywhere): 'Post' is dhl-germany"
    order = make_order(project, ordered_at=START - timedelta(days=1))
    make_parcel(
        order,
        tracking,
        carrier="Post",
        route=route,
        decision={"courier": {"because": because}},
    )
    return tracking


def detected(*slugs: str) -> Reply:
    couriers = [{"slug": slug, "name": slug} for slug in slugs]
    return Reply(200, {"meta": {"code": 200}, "data": {"total": len(couriers), "couriers": couriers}})


def known(courier: str, count: int) -> None:
    make_number_form(FORM, courier, count)


def doubt() -> Problem | None:
    return Problem.objects.filter(kind=ProblemKind.CARRIER_DOUBTFUL, closed_at=None).first()


def take(tracking: Tracking, *args: Any, **facts: Any) -> None:
    batch = Batch.lock(tracking.account, [tracking.pk])
    batch.apply(batch.by_id[tracking.pk], snapshot(tracking.pk, *args, **facts))
    batch.save()


# ── which are examined ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "facts",
    [
        {"opened_at": timezone.now() - timedelta(hours=23)},
        {"opened_at": None},
        {"status": ParcelStatus.IN_TRANSIT},
        {"retired_at": timezone.now()},
        {"forgotten_at": timezone.now()},
        {"courier": "unrecognized"},
        {"is_fenced": True},
        {"examined_at": timezone.now() - timedelta(hours=23)},
    ],
)
def test_what_moves_is_young_is_gone_or_was_examined_today_is_left_alone(
    server: ScriptedServer, account: AfterShipAccount, facts: dict[str, Any]
) -> None:
    silent(account, **facts)
    assert examine_account(account.pk) == 0
    assert server.asked == []


def test_each_is_examined_once_a_day(server: ScriptedServer, account: AfterShipAccount) -> None:
    tracking = silent(account)
    server.will(detected("dhl-germany"), detected("dhl-germany"))
    assert [examine_account(account.pk), examine_account(account.pk)] == [1, 0]
    Tracking.objects.update(examined_at=timezone.now() - timedelta(hours=25))
    assert examine_account(account.pk) == 1
    tracking.refresh_from_db()
    assert (tracking.detected, doubt()) == (["dhl-germany"], None)
    assert [one.json for one in server.asked] == [{"tracking_number": NUMBER}] * 2


def test_threshold_is_a_setting(server: ScriptedServer, account: AfterShipAccount, settings: Any) -> None:
    settings.CARRIER_DOUBT_HOURS = 48.0
    silent(account)
    assert examine_account(account.pk) == 0


def test_what_is_left_of_a_run_is_wished_for_again(
    server: ScriptedServer, account: AfterShipAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubts, "MOST_AT_ONCE", 2)
    for number in range(3):
        silent(account, tracking_number=f"{NUMBER[:-1]}{number}", requested_courier="", courier="dhl-germany")
    assert examine_account(account.pk) == 2
    assert list(Job.objects.values_list("kind", "subject", "priority")) == [(JobKind.EXAMINE, str(account.pk), 10)]
    assert examine_account(account.pk) == 1


def test_a_run_that_is_interrupted_keeps_what_it_has_examined(
    server: ScriptedServer, account: AfterShipAccount
) -> None:
    first = silent(account, opened_at=timezone.now() - timedelta(hours=40))
    silent(account, tracking_number="00340434161094000002")
    server.will(detected("ups"), Reply(503, {"meta": {"code": 503}, "data": {}}))
    with pytest.raises((RetryLater, BudgetSpent)):
        examine_account(account.pk)
    problem = doubt()
    assert problem
    assert problem.tracking == first
    assert Tracking.objects.filter(examined_at=None).count() == 1


def test_every_active_account_is_wished_for_behind_live_work(account: AfterShipAccount) -> None:
    make_account(is_active=False)
    assert [examine_all(), examine_all()] == [1, 1]
    assert list(Job.objects.values_list("kind", "upstream", "priority")) == [("examine", "aftership:main", 10)]


# ── what makes it doubtful ───────────────────────────────────────────────────────────────────────────────────────────


def test_form_of_the_number_that_moved_with_another_courier(server: ScriptedServer, account: AfterShipAccount) -> None:
    known("austrian-post", 19)
    known("dhl-germany", 1)
    silent(account)
    server.will(detected("dhl-germany", "austrian-post"))
    examine_account(account.pk)
    problem = doubt()
    assert problem
    assert problem.cause == "No news from dhl-germany for 30 hours. It looks like a number of austrian-post."
    assert problem.evidence == [
        "The parcel says 'Post': we asked for dhl-germany (mapping #7 (everywhere): 'Post' is dhl-germany).",
        f"Of 20 numbers of this form ({FORM}) 19 moved with austrian-post.",
    ]
    assert problem.proposal == {"courier": "austrian-post", "carrier": "Post"}


@pytest.mark.parametrize(
    "history",
    [
        {"austrian-post": 19},
        {"austrian-post": 79, "dhl-germany": 21},
        {"dhl-germany": 100},
        {"dhl-germany": 90, "austrian-post": 10},
    ],
)
def test_few_numbers_a_small_share_or_our_own_courier_prove_nothing(
    server: ScriptedServer, account: AfterShipAccount, history: dict[str, int]
) -> None:
    for courier, count in history.items():
        known(courier, count)
    silent(account)
    server.will(detected("dhl-germany"))
    examine_account(account.pk)
    assert doubt() is None


def test_detection_that_does_not_know_our_courier(server: ScriptedServer, account: AfterShipAccount) -> None:
    silent(account)
    server.will(detected("austrian-post"))
    examine_account(account.pk)
    problem = doubt()
    assert problem
    assert problem.evidence[1:] == [
        "AfterShip's detection takes the number for one of austrian-post, not of dhl-germany."
    ]
    assert problem.proposal == {"courier": "austrian-post", "carrier": "Post"}


def test_of_several_detected_couriers_the_only_one_of_the_routes_set_is_proposed(
    server: ScriptedServer, account: AfterShipAccount
) -> None:
    silent(account, couriers=["dhl-germany", "ups"])
    server.will(detected("austrian-post", "ups", "gls"))
    examine_account(account.pk)
    problem = doubt()
    assert problem
    assert problem.proposal == {"courier": "ups", "carrier": "Post"}


def test_of_several_detected_couriers_none_is_guessed(server: ScriptedServer, account: AfterShipAccount) -> None:
    silent(account)
    server.will(detected("austrian-post", "ups"))
    examine_account(account.pk)
    problem = doubt()
    assert problem
    assert problem.proposal == {"carrier": "Post"}
    assert problem.cause == "No news from dhl-germany for 30 hours."


@pytest.mark.parametrize("reply", [detected(), Reply(400, {"meta": {"code": 4005, "message": "Invalid"}, "data": {}})])
def test_detection_that_knows_nothing_or_refuses_is_no_reason(
    server: ScriptedServer, account: AfterShipAccount, reply: Reply
) -> None:
    silent(account)
    server.will(reply)
    assert examine_account(account.pk) == 1
    assert doubt() is None


def test_what_was_left_to_detection_is_not_detected_again(server: ScriptedServer, account: AfterShipAccount) -> None:
    known("austrian-post", 30)
    silent(account, requested_courier="", courier="dhl-germany")
    examine_account(account.pk)
    problem = doubt()
    assert problem
    assert problem.proposal["courier"] == "austrian-post"
    assert problem.evidence[0] == "The parcel says 'Post': the courier was left to AfterShip's detection."
    assert server.asked == []


# ── what makes it go away ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def doubtful(server: ScriptedServer, account: AfterShipAccount) -> Tracking:
    tracking = silent(account)
    server.will(detected("austrian-post"), detected("dhl-germany"))
    examine_account(account.pk)
    assert doubt()
    return tracking


def test_news_of_the_carrier_close_it(doubtful: Tracking) -> None:
    take(doubtful, 5, checkpoints=[scan(1)])
    problem = Problem.objects.get()
    assert problem.closed_reason == "It is in transit with dhl-germany now."


def test_news_without_news_leave_it_open(doubtful: Tracking) -> None:
    take(doubtful, 5, "Pending", "Pending_001")
    assert doubt()


def test_correction_by_aftership_replaces_it_with_evidence_and_proposal(doubtful: Tracking) -> None:
    take(doubtful, 5, "Pending", "Pending_001", slug="austrian-post")
    problem = Problem.objects.get(closed_at=None)
    assert problem.kind == ProblemKind.CARRIER_MISMATCH
    assert problem.cause == "We asked for dhl-germany, AfterShip tracks it with austrian-post."
    assert problem.evidence[1] == "AfterShip changed the courier to austrian-post by itself."
    assert problem.proposal == {"courier": "austrian-post", "carrier": "Post"}


def test_corrected_one_is_not_doubted_a_second_time(server: ScriptedServer, doubtful: Tracking) -> None:
    take(doubtful, 5, "Pending", "Pending_001", slug="austrian-post")
    Tracking.objects.update(examined_at=None)
    examine_account(doubtful.account_id)
    assert doubt() is None


def test_retirement_closes_it(doubtful: Tracking) -> None:
    doubtful.parcels.update(tracking=None)
    retire_unused([doubtful.pk], "remapped")
    assert (doubt(), Problem.objects.get().closed_reason) == (None, "remapped")


def test_examination_that_finds_nothing_any_more_closes_it(server: ScriptedServer, doubtful: Tracking) -> None:
    Tracking.objects.update(examined_at=None)
    examine_account(doubtful.account_id)
    assert (doubt(), Problem.objects.get().closed_reason) == (None, "Nothing speaks for another courier any more.")


def test_news_that_came_while_detection_was_asked_win(
    account: AfterShipAccount, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = silent(account)

    def detect_late(*_: object) -> list[str]:
        take(tracking, 5, checkpoints=[scan(1)])
        return ["austrian-post"]

    monkeypatch.setattr(doubts, "detect", detect_late)
    examine_account(account.pk)
    assert doubt() is None


def test_unrecognised_courier_comes_with_what_the_form_says(account: AfterShipAccount) -> None:
    known("austrian-post", 30)
    tracking = silent(account, requested_courier="")
    take(tracking, 5, "Pending", "Pending_001", slug="unrecognized")
    problem = Problem.objects.get(kind=ProblemKind.UNMAPPED_CARRIER)
    assert problem.proposal == {"courier": "austrian-post", "carrier": "Post"}
