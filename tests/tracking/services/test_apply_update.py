"""Late, twice and out of order: the state is the newest snapshot's, the checkpoints are everybody's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stores.models import AfterShipAccount
from tests.factories import make_account, make_order, make_parcel, make_problem, make_tracking
from tests.tracking.services.snapshots import START, document, receipt, scan, snapshot
from tracking.enums import JobKind, ParcelStatus, ProblemKind, ReceiptState
from tracking.models import Job, Problem, Receipt, Tracking
from tracking.payloads.from_aftership import TrackingSnapshot
from tracking.services import apply_update, pump
from tracking.services.apply_update import Batch, is_newer, rank_of

pytestmark = pytest.mark.django_db
ID = "a" * 32


@pytest.fixture
def account() -> AfterShipAccount:
    return make_account(key="main")


@pytest.fixture
def tracking(account: AfterShipAccount) -> Tracking:
    """Opened, never updated, shown by one parcel of one order."""
    tracking = make_tracking(
        account,
        id=ID,
        aftership_id=ID,
        status=ParcelStatus.PENDING,
        tag="Pending",
        subtag="Pending_001",
        updated_at=None,
    )
    make_parcel(make_order(ordered_at=START - timedelta(days=1)), tracking)
    return tracking


def apply(tracking: Tracking, *snapshots: TrackingSnapshot) -> list[str]:
    """Take snapshots in, each in a batch of its own; the outcomes. The row is fresh afterwards."""
    outcomes = []
    for one in snapshots:
        batch = Batch.lock(tracking.account, [tracking.pk])
        outcomes.append(batch.apply(batch.by_id[tracking.pk], one))
        batch.save()
    tracking.refresh_from_db()
    return outcomes


def open_problems() -> list[tuple[str, str]]:
    return list(Problem.objects.filter(closed_at=None).order_by("kind").values_list("kind", "cause"))


# ── is this update newer? ────────────────────────────────────────────────────────────────────────────────────────────


SCANS = [scan(1, "InfoReceived", "InfoReceived_001"), scan(2), scan(3)]
AT_HOUR_5 = {"tag": "InTransit", "subtag": "InTransit_003", "checkpoints": SCANS[:2]}

TRUTH = {
    "a second later": ({"hours": 5 + 1 / 3600}, True),
    "a second earlier": ({"hours": 5 - 1 / 3600}, False),
    "later, though it knows less": ({"hours": 6, "checkpoints": []}, True),
    "earlier, though it knows more": ({"hours": 4, "checkpoints": SCANS}, False),
    "later and back to in transit": ({"hours": 6, "tag": "InTransit", "subtag": "InTransit_001"}, True),
    "the same": ({}, False),
    "the same second, one checkpoint more": ({"checkpoints": SCANS}, True),
    "the same second, one checkpoint less": ({"checkpoints": SCANS[:1]}, False),
    "the same second, the newest checkpoint reported later": (
        {"checkpoints": [SCANS[0], scan(2, created_at="2026-11-20T10:16:00+00:00")]},
        True,
    ),
    "the same second, the newest checkpoint reported earlier": (
        {"checkpoints": [SCANS[0], scan(2, created_at="2026-11-20T10:14:00+00:00")]},
        False,
    ),
    "the same second, further": ({"tag": "OutForDelivery", "subtag": "OutForDelivery_001"}, True),
    "the same second, less far": ({"tag": "InfoReceived", "subtag": "InfoReceived_001"}, False),
    "the same second, a later subtag": ({"subtag": "InTransit_007"}, True),
    "the same second, an earlier subtag": ({"subtag": "InTransit_001"}, False),
    "the same second, with another spelling of it": ({"updated_at": "2026-11-20T14:00:00+01:00"}, False),
}


@pytest.mark.parametrize("name", TRUTH)
def test_is_newer(tracking: Tracking, name: str) -> None:
    changes, verdict = TRUTH[name]
    apply(tracking, snapshot(ID, 5, **AT_HOUR_5))
    facts = AT_HOUR_5 | changes
    assert is_newer(snapshot(ID, facts.pop("hours", 5), **facts), tracking) is verdict


def test_the_first_snapshot_is_newer_than_none(tracking: Tracking) -> None:
    assert is_newer(snapshot(ID, -10_000), tracking)


def test_the_rank_survives_the_database_unchanged(tracking: Tracking) -> None:
    one = snapshot(ID, 5, **AT_HOUR_5)
    apply(tracking, one)
    assert tracking.snapshot_rank == rank_of(one) == [2, "2026-11-20T10:15:00+00:00", 2, "InTransit_003"]


# ── what is taken in ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_newer_snapshot_moves_everything(tracking: Tracking) -> None:
    facts = {
        "slug": "deutsche-post",
        "subtag_message": "Arrival scan",
        "latest_estimated_delivery": {"datetime": "2026-11-23"},
        "courier_tracking_link": "https://example.com/t/1",
        "shipment_delivery_date": None,
        "active": False,
        "checkpoints": [scan(1), scan(2, location="Leipzig")],
    }
    assert apply(tracking, snapshot(ID, 5, **facts)) == ["pending → in_transit; 2 new checkpoints"]
    assert (tracking.status, tracking.tag, tracking.subtag) == (ParcelStatus.IN_TRANSIT, "InTransit", "InTransit_003")
    assert (tracking.courier, tracking.subtag_message) == ("deutsche-post", "Arrival scan")
    assert (str(tracking.eta), tracking.tracking_url) == ("2026-11-23", "https://example.com/t/1")
    assert (tracking.last_message, tracking.last_location) == ("Scan 2", "Leipzig")
    assert tracking.last_checkpoint_at == "2026-11-20T10:00:00+00:00"
    assert tracking.is_moving is False
    assert tracking.updated_at == START + timedelta(hours=5)
    assert tracking.status_changed_at is not None


def test_an_older_snapshot_adds_its_checkpoints_and_changes_nothing_else(tracking: Tracking) -> None:
    apply(tracking, snapshot(ID, 5, "Delivered", "Delivered_001", checkpoints=[scan(4, "Delivered", "Delivered_001")]))
    before = Tracking.objects.values().get()
    Job.objects.all().delete()
    outcomes = apply(tracking, snapshot(ID, 2, checkpoints=[scan(1), scan(2)]))
    assert outcomes == ["older than what is applied (2026-11-20T13:00:00+00:00); 2 new checkpoints"]
    after = Tracking.objects.values().get()
    assert {name for name in after if after[name] != before[name]} == {"clocks", "tallies", "first_scan_at"}
    assert [one.message for one in tracking.checkpoints.all()] == ["Scan 1", "Scan 2", "Scan 4"]
    assert not Job.objects.exists()


def test_the_same_content_again_is_said_to_be_applied_already(tracking: Tracking) -> None:
    one = snapshot(ID, 5, **AT_HOUR_5)
    assert apply(tracking, one, one)[1] == "already applied (2026-11-20T13:00:00+00:00); 0 new checkpoints"


def test_a_newer_clock_alone_is_no_reason_to_write(tracking: Tracking) -> None:
    apply(tracking, snapshot(ID, 5, **AT_HOUR_5))
    Job.objects.all().delete()
    assert apply(tracking, snapshot(ID, 6, **AT_HOUR_5)) == [
        "newer, but nothing that we write changed; 0 new checkpoints"
    ]
    assert tracking.updated_at == START + timedelta(hours=6)
    assert not Job.objects.exists()


def test_the_time_of_the_last_change_of_status_stays_while_only_words_change(tracking: Tracking) -> None:
    apply(tracking, snapshot(ID, 5, **AT_HOUR_5))
    changed_at = tracking.status_changed_at
    apply(tracking, snapshot(ID, 6, checkpoints=SCANS))
    assert tracking.status_changed_at == changed_at


def test_a_checkpoint_without_an_offset_keeps_its_local_time_only(tracking: Tracking) -> None:
    apply(tracking, snapshot(ID, 5, checkpoints=[scan(1, checkpoint_time="2026-11-20T09:30:00", created_at=None)]))
    checkpoint = tracking.checkpoints.get()
    assert (checkpoint.time_text, checkpoint.happened_at) == ("2026-11-20T09:30:00", None)
    assert checkpoint.local_time == "2026-11-20T09:30:00"
    assert checkpoint.sort_at.isoformat() == "2026-11-20T09:30:00+00:00"


def test_a_checkpoint_without_any_time_has_none_made_up(tracking: Tracking) -> None:
    apply(tracking, snapshot(ID, 5, checkpoints=[scan(1, checkpoint_time=None, created_at=None)]))
    checkpoint = tracking.checkpoints.get()
    assert (checkpoint.time_text, checkpoint.happened_at, checkpoint.sort_at, checkpoint.reported_at) == (
        "",
        None,
        None,
        None,
    )


# ── regressions by a newer snapshot ──────────────────────────────────────────────────────────────────────────────────


WAY_BACK = [scan(1), scan(2, "Exception", "Exception_010")]


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (("Exception", "Exception_007"), ("InTransit", "InTransit_008"), ParcelStatus.IN_TRANSIT),
        (("Delivered", "Delivered_001"), ("InTransit", "InTransit_003"), ParcelStatus.IN_TRANSIT),
        (("Delivered", "Delivered_001"), ("Exception", "Exception_011"), ParcelStatus.RETURNED),
        (("Expired", "Expired_001"), ("Delivered", "Delivered_001"), ParcelStatus.DELIVERED),
        (("OutForDelivery", "OutForDelivery_001"), ("Exception", "Exception_013"), ParcelStatus.LOST),
    ],
)
def test_a_newer_snapshot_may_take_the_status_back(
    tracking: Tracking, first: tuple[str, str], second: tuple[str, str], status: ParcelStatus
) -> None:
    apply(tracking, snapshot(ID, 5, *first), snapshot(ID, 6, *second))
    assert (tracking.status, tracking.tag) == (status, second[0])
    assert Job.objects.get().kind == JobKind.WRITE_BACK


def test_delivered_after_the_way_back_has_begun_is_returned(tracking: Tracking) -> None:
    apply(tracking, snapshot(ID, 5, "Delivered", "Delivered_001", checkpoints=WAY_BACK))
    assert (tracking.status, tracking.tag) == (ParcelStatus.RETURNED, "Delivered")


# ── doubts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_status_is_shown_and_a_problem_until_a_known_one_comes(tracking: Tracking) -> None:
    apply(tracking, snapshot(ID, 5, "Teleported", "Teleported_042"))
    assert (tracking.status, tracking.tag, tracking.subtag) == (ParcelStatus.UNKNOWN, "Teleported", "Teleported_042")
    cause = "AfterShip says 'Teleported' (Teleported_042), which is not in our table."
    assert open_problems() == [(ProblemKind.UNKNOWN_STATUS, cause)]
    assert Problem.objects.get().correlation_id == tracking.correlation_id
    apply(tracking, snapshot(ID, 6))
    assert open_problems() == []
    assert Problem.objects.get().closed_reason == "It is in transit with dhl-germany now."


def test_a_late_unknown_status_opens_nothing(tracking: Tracking) -> None:
    apply(tracking, snapshot(ID, 6), snapshot(ID, 5, "Teleported", ""))
    assert open_problems() == []


def test_a_corrected_courier_is_a_problem_until_it_is_the_one_we_asked_for(tracking: Tracking) -> None:
    apply(tracking, snapshot(ID, 5, slug="deutsche-post"))
    cause = "We asked for dhl-germany, AfterShip tracks it with deutsche-post."
    assert open_problems() == [(ProblemKind.CARRIER_MISMATCH, cause)]
    apply(tracking, snapshot(ID, 6))
    assert open_problems() == []


def test_a_courier_that_aftership_was_left_to_find_is_no_correction(tracking: Tracking) -> None:
    tracking.requested_courier = ""
    tracking.save()
    apply(tracking, snapshot(ID, 5, slug="deutsche-post"))
    assert open_problems() == []


def test_an_unrecognized_courier_is_a_problem(tracking: Tracking) -> None:
    apply(tracking, snapshot(ID, 5, slug="unrecognized"))
    cause = "AfterShip does not recognise the carrier of this number."
    assert open_problems() == [(ProblemKind.UNMAPPED_CARRIER, cause)]


def test_other_problems_of_the_tracking_stay_open(tracking: Tracking) -> None:
    make_problem(kind=ProblemKind.REFUSED, subject=f"tracking:{ID}", tracking=tracking, cause="4005: no")
    apply(tracking, snapshot(ID, 5))
    assert open_problems() == [(ProblemKind.REFUSED, "4005: no")]


# ── whom it concerns ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_order_that_shows_the_number_is_to_be_written_once(tracking: Tracking) -> None:
    orders = {parcel.order_id for parcel in tracking.parcels.all()}
    second = make_order()
    for _ in range(2):
        make_parcel(second, tracking)
    make_parcel(make_order(), tracking, removed_at=START)
    make_parcel(make_order(deleted_at=START), tracking)
    apply(tracking, snapshot(ID, 5))
    wished = {int(subject) for subject in Job.objects.values_list("subject", flat=True)}
    assert wished == {*orders, second.pk}
    assert set(Job.objects.values_list("want", flat=True)) == {1}


def test_news_of_a_retired_tracking_is_kept_and_written_nowhere(tracking: Tracking) -> None:
    Tracking.objects.update(retired_at=START, retired_reason="the parcel was removed")
    tracking.parcels.update(removed_at=START)
    one = receipt(document(ID, 5, checkpoints=[scan(1)]), endpoint="main")
    pump.drain_receipts()
    one.refresh_from_db()
    assert one.state == ReceiptState.DONE
    assert one.outcome.endswith("; the tracking is retired (the parcel was removed), nothing is written")
    assert tracking.checkpoints.count() == 1
    assert not Job.objects.exists()


def test_another_accounts_webhook_does_not_reach_the_tracking(tracking: Tracking) -> None:
    make_account(key="other")
    one = receipt(document(ID, 5), endpoint="other")
    pump.drain_receipts()
    one.refresh_from_db()
    tracking.refresh_from_db()
    assert (one.state, one.outcome) == (
        ReceiptState.IGNORED,
        f"unknown tracking: no tracking of ours has AfterShip's id {ID}",
    )
    assert tracking.updated_at is None


def test_a_webhook_under_aftership_s_own_id_finds_the_adopted_tracking(tracking: Tracking) -> None:
    Tracking.objects.update(aftership_id="their-own-id")
    one = receipt(document("their-own-id", 5), endpoint="main")
    pump.drain_receipts()
    one.refresh_from_db()
    assert (one.state, one.subject, one.correlation_id) == (ReceiptState.DONE, "their-own-id", tracking.correlation_id)
    assert one.request_id == "RQST-CODE"


# ── any order, any repeats ───────────────────────────────────────────────────────────────────────────────────────────


TAGS = [
    ("InfoReceived", "InfoReceived_001"),
    ("InTransit", "InTransit_003"),
    ("OutForDelivery", "OutForDelivery_001"),
    ("Exception", "Exception_010"),
    ("Delivered", "Delivered_001"),
    ("Teleported", ""),
]


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[int]]:
    """Up to six snapshots of one tracking (some within one second), and an order of arrival with repeats."""
    number = draw(st.integers(1, 6))
    documents = []
    for position in range(number):
        tag, subtag = draw(st.sampled_from(TAGS))
        known = draw(st.sets(st.integers(1, 8), max_size=5))
        hours = draw(st.integers(1, 4))
        scans = [scan(one) for one in sorted(known)]
        documents.append(document(ID, hours, tag, subtag, subtag_message=f"snapshot {position}", checkpoints=scans))
    order = draw(st.lists(st.integers(0, number - 1), max_size=6)) + draw(st.permutations(range(number)))
    return documents, list(draw(st.permutations(order)))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals(), st.integers(1, 5))
def test_in_any_order_and_however_often_the_newest_state_and_all_checkpoints_remain(
    tracking: Tracking, arrived: tuple[list[dict[str, Any]], list[int]], batch_size: int
) -> None:
    documents, order = arrived
    tracking.checkpoints.all().delete()
    Receipt.objects.all().delete()
    Tracking.objects.update(updated_at=None, snapshot_rank=[], status=ParcelStatus.PENDING, tag="", subtag="")
    for position in order:
        receipt(documents[position], endpoint="main")
    while pump.drain_receipts(batch_size):
        pass
    tracking.refresh_from_db()

    snapshots = [apply_update.from_aftership.parse_tracking(one) for one in documents]
    newest = max(snapshots, key=lambda one: (one.updated_at, rank_of(one)))
    assert not Receipt.objects.exclude(state=ReceiptState.DONE).exists()
    assert (tracking.updated_at, tracking.snapshot_rank) == (newest.updated_at, rank_of(newest))
    assert (tracking.status, tracking.tag, tracking.subtag) == (newest.status, newest.tag, newest.subtag)
    last = max(newest.checkpoints, key=lambda one: one.time_text, default=None)
    assert tracking.last_message == (last.message if last else "")
    union = {checkpoint.fingerprint for one in snapshots for checkpoint in one.checkpoints}
    assert set(tracking.checkpoints.values_list("fingerprint", flat=True)) == union
    assert tracking.checkpoints.count() == len(union)


def test_news_of_two_accounts_wishes_for_all_writes_in_one_statement(tracking: Tracking) -> None:
    """Jobs are locked in one order only within a statement: two would lock in a ring with another pump's two."""
    other = make_tracking(make_account(key="second"), id="b" * 32, aftership_id="b" * 32, updated_at=None)
    make_parcel(make_order(ordered_at=START - timedelta(days=1)), other)
    first, second = document(ID, 5), document(other.pk, 5)
    receipts = [receipt(first, endpoint="main"), receipt(second, endpoint="second")]
    with CaptureQueriesContext(connection) as queries:
        apply_update.apply_receipts(receipts)
    wishes = [one["sql"] for one in queries if one["sql"].lstrip().startswith("INSERT INTO tracking_job")]
    assert len(wishes) == 1
    assert Job.objects.filter(kind=JobKind.WRITE_BACK).count() == 2
