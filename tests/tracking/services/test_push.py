"""AfterShip's answers to opening and retiring a tracking, one by one, over real HTTP with a scripted AfterShip."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from stores.models import AfterShipAccount, RateBudget
from tests.clients.scripted import Reply, ScriptedServer
from tests.factories import make_account, make_courier, make_order, make_parcel, make_project, make_route, make_tracking
from tests.tracking.services.snapshots import START, document, receipt, scan
from tracking.clients.errors import BudgetSpent, RetryLater
from tracking.enums import JobKind, ParcelStatus, ProblemKind, ReceiptState
from tracking.models import Job, Parcel, Problem, Tracking
from tracking.payloads.errors import PayloadError
from tracking.services import connections, pump
from tracking.services.push import opened, push_tracking, retire_tracking

pytestmark = pytest.mark.django_db
ID = "a" * 32
POST, GET, LIST = (
    "POST /tracking/2026-07/trackings",
    f"GET /tracking/2026-07/trackings/{ID}",
    "GET /tracking/2026-07/trackings",
)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def account(server: ScriptedServer) -> AfterShipAccount:
    return make_account(key="main", api_url=server.url)


def waiting(account: AfterShipAccount, **facts: Any) -> Tracking:
    """A tracking that AfterShip does not have yet; ``show`` gives it a parcel."""
    blank = {"aftership_id": "", "courier": "", "tag": "", "subtag": "", "status": ParcelStatus.PENDING}
    times = {"updated_at": None, "opened_at": None}
    return make_tracking(account, **{"id": ID, "tracking_number": "00340434161094000001"} | blank | times | facts)


def show(tracking: Tracking, **facts: Any) -> Parcel:
    project = make_project()
    route = make_route(project, tracking.account)
    order = make_order(project, **{"ordered_at": START - timedelta(days=1)} | facts)  # before all scans of snapshots
    return make_parcel(order, tracking, route=route)


@pytest.fixture
def tracking(account: AfterShipAccount) -> Tracking:
    tracking = waiting(account)
    show(tracking)
    return tracking


def ok(data: Any, code: int = 200) -> Reply:
    return Reply(code, {"meta": {"code": code}, "data": data})


def no(code: int, status: int = 400, message: str = "No.") -> Reply:
    return Reply(status, {"meta": {"code": code, "message": message, "type": "BadRequest"}, "data": {}})


def page(*trackings: Any) -> Reply:
    return ok({"trackings": list(trackings), "pagination": {"has_next_page": False, "next_cursor": ""}})


def asked(server: ScriptedServer) -> list[str]:
    return [f"{one.method} {one.path}" for one in server.asked]


def kinds_of_jobs() -> list[str]:
    return sorted(Job.objects.values_list("kind", flat=True))


def open_problems() -> list[tuple[str, str]]:
    return list(Problem.objects.filter(closed_at=None).order_by("pk").values_list("kind", "cause"))


class TestOpening:
    def test_the_answer_is_the_first_state_and_every_order_is_to_be_written(
        self, server: ScriptedServer, tracking: Tracking
    ) -> None:
        show(tracking)
        server.will(ok(document(ID, 1, "Pending", "Pending_001"), 201))
        push_tracking(ID)
        tracking.refresh_from_db()
        assert asked(server) == [POST]
        assert server.asked[0].json["id"] == ID
        assert (tracking.aftership_id, tracking.status, tracking.courier) == (ID, "pending", "dhl-germany")
        assert tracking.opened_at is not None
        assert tracking.is_adopted is False
        assert kinds_of_jobs() == [JobKind.WRITE_BACK] * 2

    @pytest.mark.parametrize(
        "facts", [{"opened_at": timezone.now(), "aftership_id": ID}, {"retired_at": timezone.now()}]
    )
    def test_what_is_open_or_retired_is_not_opened(
        self, server: ScriptedServer, account: AfterShipAccount, facts: dict[str, Any]
    ) -> None:
        show(waiting(account, **facts))
        push_tracking(ID)
        assert server.asked == []

    def test_what_no_parcel_shows_any_more_is_not_opened(
        self, server: ScriptedServer, account: AfterShipAccount
    ) -> None:
        tracking = waiting(account)
        make_parcel(make_order(), tracking, removed_at=timezone.now())
        make_parcel(make_order(deleted_at=timezone.now()), tracking)
        push_tracking(ID)
        assert server.asked == []

    def test_what_went_while_the_call_was_under_way_is_retired_afterwards(self, tracking: Tracking) -> None:
        Tracking.objects.update(retired_at=timezone.now(), retired_reason="the parcel was removed")
        Parcel.objects.update(removed_at=timezone.now())
        opened(tracking, document(ID, 1, "Pending", "Pending_001"), how="opened")
        assert kinds_of_jobs() == [JobKind.RETIRE]

    def test_a_refusal_is_a_problem_in_aftership_s_words_until_it_is_taken(
        self, server: ScriptedServer, tracking: Tracking
    ) -> None:
        server.will(no(4005, message="The value of tracking_number is invalid."))
        push_tracking(ID)
        assert open_problems() == [(ProblemKind.REFUSED, "4005: The value of tracking_number is invalid.")]
        assert Problem.objects.get().order == Parcel.objects.get().order
        server.will(ok(document(ID, 1, "Pending", "Pending_001"), 201))
        push_tracking(ID)
        assert open_problems() == []

    @pytest.mark.parametrize(
        ("required", "extra", "facts", "sent"),
        [
            (["destination_postal_code"], {}, {}, {"destination_postal_code": "10115"}),
            (["destination_country_region"], {}, {}, {"destination_country_region": "DEU"}),
            (["destination_state"], {}, {"destination_state": "BE"}, {"destination_state": "BE"}),
            (["tracking_ship_date"], {}, {}, {"tracking_ship_date": "2026-11-02"}),
            (
                ["tracking_ship_date"], {"tracking_ship_date": "YYYYMMDD"}, {}, {"tracking_ship_date": "20261102"},
            ),
            (["tracking_account_number"], {"tracking_account_number": "0123"}, {}, {"tracking_account_number": "0123"}),
            (["destination_postal_code"], {"destination_postal_code": "1234"}, {}, {"destination_postal_code": "1234"}),
        ],
    )  # fmt: skip
    def test_what_the_courier_needs_is_filled_from_order_parcel_and_mapping(
        self,
        server: ScriptedServer,
        account: AfterShipAccount,
        required: list[str],
        extra: dict[str, str],
        facts: dict[str, Any],
        sent: dict[str, str],
    ) -> None:
        make_courier("dhl-germany", required_fields=required)
        parcel = show(waiting(account, extra_fields=extra), **facts)
        Parcel.objects.filter(pk=parcel.pk).update(shipped_at=datetime(2026, 11, 2, 12, tzinfo=UTC))
        server.will(ok(document(ID, 1, "Pending", "Pending_001"), 201))
        push_tracking(ID)
        assert {name: server.asked[0].json[name] for name in sent} == sent
        assert open_problems() == []

    @pytest.mark.parametrize(
        ("required", "facts", "cause"),
        [
            (
                ["tracking_account_number", "destination_postal_code"],
                {},
                "dhl-germany needs tracking_account_number, and neither the order nor the mapping has it.",
            ),
            (
                ["destination_postal_code", "destination_country_region"],
                {"destination_postal_code": "", "destination_country": ""},
                "dhl-germany needs destination_postal_code, destination_country_region, "
                "and neither the order nor the mapping has it.",
            ),
            (
                ["destination_postal_code"],
                {"destination_postal_code": "10115/Berlin"},
                "dhl-germany needs destination_postal_code, and neither the order nor the mapping has it. "
                "What the order says of destination_postal_code, AfterShip does not take.",
            ),
        ],
    )
    def test_what_is_missing_is_named_before_the_call_is_made(
        self, server: ScriptedServer, account: AfterShipAccount, required: list[str], facts: dict[str, Any], cause: str
    ) -> None:
        make_courier("dhl-germany", required_fields=required)
        show(waiting(account), **facts)
        push_tracking(ID)
        assert server.asked == []
        assert open_problems() == [(ProblemKind.MISSING_FIELD, cause)]

    def test_a_ship_date_that_nobody_knows_is_named(self, server: ScriptedServer, account: AfterShipAccount) -> None:
        make_courier("dhl-germany", required_fields=["tracking_ship_date"])
        parcel = show(waiting(account))
        Parcel.objects.filter(pk=parcel.pk).update(shipped_at=None)
        push_tracking(ID)
        assert server.asked == []
        cause = "dhl-germany needs tracking_ship_date, and neither the order nor the mapping has it."
        assert open_problems() == [(ProblemKind.MISSING_FIELD, cause)]

    def test_an_answer_that_cannot_be_read_opens_nothing(self, server: ScriptedServer, tracking: Tracking) -> None:
        server.will(ok({"id": ID, "tag": "Pending"}, 201))
        with pytest.raises(PayloadError, match=r"data\.updated_at: missing"):
            push_tracking(ID)
        tracking.refresh_from_db()
        assert tracking.opened_at is None

    def test_a_webhook_that_came_too_early_is_applied_after_all(
        self, server: ScriptedServer, account: AfterShipAccount
    ) -> None:
        early = receipt(document("their-id", 5, "Delivered", "Delivered_001", checkpoints=[scan(4)]), endpoint="main")
        elsewhere = receipt(document("their-id", 5), endpoint="main", state=ReceiptState.QUARANTINED, outcome="broken")
        pump.drain_receipts()
        early.refresh_from_db()
        assert early.state == ReceiptState.IGNORED
        tracking = waiting(account)
        show(tracking)
        opened(tracking, document("their-id", 1, "Pending", "Pending_001"), how="adopted")
        pump.drain_receipts()
        early.refresh_from_db()
        elsewhere.refresh_from_db()
        tracking.refresh_from_db()
        assert (early.state, early.outcome) == (ReceiptState.DONE, "pending → delivered; 1 new checkpoint")
        assert (tracking.status, elsewhere.state) == (ParcelStatus.DELIVERED, ReceiptState.QUARANTINED)


class TestAdopting:
    """AfterShip says 4003: it has this number and courier already."""

    def test_our_own_from_a_lost_answer_is_found_by_its_id(self, server: ScriptedServer, tracking: Tracking) -> None:
        server.will(no(4003), ok(document(ID, 1, "Pending", "Pending_001")))
        push_tracking(ID)
        tracking.refresh_from_db()
        assert asked(server) == [POST, GET]
        assert (tracking.aftership_id, tracking.is_adopted) == (ID, False)

    def test_somebody_elses_is_adopted_with_its_state_and_never_deleted(
        self, server: ScriptedServer, tracking: Tracking
    ) -> None:
        server.will(
            no(4003), no(4004, 404), page(document("theirs", 9, "InTransit", "InTransit_003", checkpoints=[scan(8)]))
        )
        push_tracking(ID)
        tracking.refresh_from_db()
        assert asked(server) == [POST, GET, LIST]
        query = server.asked[2].query
        assert (query["tracking_numbers"], query["slug"]) == (["00340434161094000001"], ["dhl-germany"])
        assert (tracking.aftership_id, tracking.is_adopted) == ("theirs", True)
        assert (tracking.status, tracking.checkpoints.count()) == (ParcelStatus.IN_TRANSIT, 1)
        Tracking.objects.update(retired_at=timezone.now())
        retire_tracking(ID)
        assert len(server.asked) == 3

    def test_of_several_that_of_our_order_is_taken(self, server: ScriptedServer, tracking: Tracking) -> None:
        order_id = Parcel.objects.get().order.commercetools_id
        candidates = [document("first", 9), document("of our order", 9, order_id=order_id), document("last", 9)]
        server.will(no(4003), no(4004, 404), page(*candidates))
        push_tracking(ID)
        tracking.refresh_from_db()
        assert tracking.aftership_id == "of our order"

    def test_where_aftership_shows_none_it_is_tried_again(self, server: ScriptedServer, tracking: Tracking) -> None:
        server.will(no(4003), no(4004, 404), page())
        with pytest.raises(RetryLater, match="4003"):
            push_tracking(ID)
        tracking.refresh_from_db()
        assert tracking.opened_at is None

    def test_two_rows_that_turn_out_to_be_one_tracking_are_merged(
        self, server: ScriptedServer, tracking: Tracking, account: AfterShipAccount
    ) -> None:
        other = make_tracking(
            account, id="b" * 32, aftership_id="b" * 32, tracking_number=tracking.tracking_number, requested_courier=""
        )
        server.will(no(4003), no(4004, 404), page(document("b" * 32, 9)))
        push_tracking(ID)
        tracking.refresh_from_db()
        assert (tracking.opened_at, tracking.retired_reason) == (None, f"the same tracking as {other.pk}")
        assert tracking.retired_at is not None
        assert Parcel.objects.get().tracking == other
        assert kinds_of_jobs() == [JobKind.WRITE_BACK]

    def test_our_own_retired_one_in_the_way_is_removed_first(
        self, server: ScriptedServer, tracking: Tracking, account: AfterShipAccount
    ) -> None:
        old = make_tracking(account, id="b" * 32, aftership_id="b" * 32, retired_at=timezone.now())
        server.will(no(4003), no(4004, 404), page(document("b" * 32, 9)))
        with pytest.raises(RetryLater, match="Our retired tracking of this number is being removed first"):
            push_tracking(ID)
        assert list(Job.objects.values_list("kind", "subject")) == [(JobKind.RETIRE, old.pk)]

    def test_a_retired_one_that_was_adopted_is_let_go_of_and_adopted_anew(
        self, server: ScriptedServer, tracking: Tracking, account: AfterShipAccount
    ) -> None:
        old = make_tracking(account, aftership_id="theirs", is_adopted=True, retired_at=timezone.now())
        for _ in range(2):
            server.will(no(4003), no(4004, 404), page(document("theirs", 9)))
        with pytest.raises(RetryLater):
            push_tracking(ID)
        push_tracking(ID)
        old.refresh_from_db()
        tracking.refresh_from_db()
        assert (old.aftership_id, tracking.aftership_id, tracking.is_adopted) == ("", "theirs", True)
        assert not Job.objects.filter(kind=JobKind.RETIRE).exists()


class TestRetiring:
    def retired(self, account: AfterShipAccount, **facts: Any) -> Tracking:
        return make_tracking(account, **{"id": ID, "aftership_id": ID, "retired_at": timezone.now()} | facts)

    def test_it_is_deleted_at_aftership_and_stays_here(self, server: ScriptedServer, account: AfterShipAccount) -> None:
        tracking = self.retired(account)
        server.will(ok(document(ID, 9)))
        retire_tracking(ID)
        assert asked(server) == [f"DELETE /tracking/2026-07/trackings/{ID}"]
        tracking.refresh_from_db()
        assert tracking.is_moving is False

    def test_one_that_is_gone_already_is_fine(self, server: ScriptedServer, account: AfterShipAccount) -> None:
        self.retired(account)
        server.will(no(4004, 404))
        retire_tracking(ID)
        assert asked(server) == [f"DELETE /tracking/2026-07/trackings/{ID}"]
        assert Tracking.objects.get(pk=ID).is_moving is False

    def test_one_whose_opening_was_never_answered_is_deleted_by_our_id(
        self, server: ScriptedServer, account: AfterShipAccount
    ) -> None:
        self.retired(account, aftership_id="", opened_at=None)
        server.will(no(4004, 404))
        retire_tracking(ID)
        assert asked(server) == [f"DELETE /tracking/2026-07/trackings/{ID}"]

    @pytest.mark.parametrize("facts", [{"retired_at": None}, {"is_adopted": True}])
    def test_one_that_lives_or_was_adopted_is_left_alone(
        self, server: ScriptedServer, account: AfterShipAccount, facts: dict[str, Any]
    ) -> None:
        self.retired(account, **facts)
        retire_tracking(ID)
        assert server.asked == []


class TestBudget:
    def test_a_429_closes_the_endpoint_for_everybody_and_leaves_the_others_open(
        self, server: ScriptedServer, account: AfterShipAccount, tracking: Tracking
    ) -> None:
        server.will(Reply(429, {"meta": {"code": 429, "message": "Slow down."}}, {"Retry-After": "20"}))
        with pytest.raises(RetryLater) as first:
            push_tracking(ID)
        assert (first.value.code, first.value.retry_after_seconds) == ("429", 20)
        with pytest.raises(BudgetSpent) as second:
            connections.aftership(AfterShipAccount.objects.get()).create_tracking({})
        assert 1 < second.value.retry_after_seconds <= 20
        assert len(server.asked) == 1
        server.will(ok(document(ID, 1)))
        connections.aftership(account).get_tracking(ID)
        assert len(server.asked) == 2

    def test_a_block_never_shortens_what_is_taken_already(self, account: AfterShipAccount) -> None:
        RateBudget.objects.create(account=account, endpoint="GET /couriers", per_second=5, next_free_at=9e9)
        connections.SharedBudget(account).block("GET /couriers", 1)
        assert RateBudget.objects.get().next_free_at == 9e9

    def test_another_account_has_a_budget_of_its_own(self, account: AfterShipAccount) -> None:
        connections.SharedBudget(account).acquire("GET /couriers")
        connections.SharedBudget(account).block("GET /couriers", 60)
        with pytest.raises(BudgetSpent):
            connections.SharedBudget(account).acquire("GET /couriers")
        other = make_account()
        connections.SharedBudget(other).acquire("GET /couriers")
        assert RateBudget.objects.get(account=other).next_free_at < RateBudget.objects.get(account=account).next_free_at

    def test_whoever_wakes_late_calls_in_another_slot(
        self, account: AfterShipAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of two threads that the machine held up for a second, both would call at once."""
        clock, lags = [1_800_000_000.0], [0.0, 1.0, 0.04]

        def sleep(seconds: float) -> None:
            clock[0] += seconds + lags.pop(0)

        monkeypatch.setattr(time, "time", lambda: clock[0])
        monkeypatch.setattr(time, "sleep", sleep)
        budget = connections.SharedBudget(account)
        budget.acquire("POST /trackings")
        budget.acquire("POST /trackings")
        assert lags == []
        assert clock[0] == pytest.approx(1_800_000_000 + 1 / 18 + 1.0 + 0.04, abs=1e-3)

    def test_a_rate_set_on_the_row_counts(self, account: AfterShipAccount) -> None:
        RateBudget.objects.create(account=account, endpoint="GET /couriers", per_second=0.1)
        budget = connections.SharedBudget(account)
        budget.acquire("GET /couriers")
        with pytest.raises(BudgetSpent, match=r"the rate budget of 0\.1 calls a second is used up"):
            budget.acquire("GET /couriers")
