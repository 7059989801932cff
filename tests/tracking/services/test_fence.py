"""What happened before the order was placed: kept, and counted for nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from tests import factories as make
from tracking.enums import ParcelStatus
from tracking.payloads.from_aftership import CheckpointSnapshot, TrackingSnapshot
from tracking.services.fence import fence_off, fences_of
from tracking.services.link import is_used_up

FENCE = datetime(2026, 11, 1, tzinfo=UTC)
OLD, NEW = FENCE - timedelta(days=300), FENCE + timedelta(days=2)


def scan(name: str, at: datetime | None, tag: str = "InTransit", **facts: object) -> CheckpointSnapshot:
    return CheckpointSnapshot(fingerprint=name, happened_at=at, tag=tag, **facts)


def told(*checkpoints: CheckpointSnapshot, tag: str = "Delivered", **facts: object) -> TrackingSnapshot:
    defaults = {"status": ParcelStatus.DELIVERED, "updated_at": NEW, "subtag": f"{tag}_001"}
    return TrackingSnapshot(aftership_id="a", tag=tag, checkpoints=checkpoints, **defaults | facts)


def test_all_of_it_older_than_the_order_leaves_the_parcel_pending() -> None:
    found = fence_off(told(scan("1", OLD), delivered_at_text="2026-01-05", eta=date(2026, 1, 5)), FENCE)
    assert found.is_reused
    assert found.behind == {"1"}
    snapshot = found.snapshot
    assert (snapshot.status, snapshot.tag, snapshot.delivered_at_text, snapshot.eta) == ("pending", "", "", None)
    assert snapshot.updated_at == NEW, "its clock still orders what comes next"


def test_one_checkpoint_after_the_order_makes_the_status_count() -> None:
    found = fence_off(told(scan("1", OLD), scan("2", NEW), tag="InTransit"), FENCE)
    assert not found.is_reused
    assert found.behind == {"1"}
    assert (found.snapshot.status, [one.fingerprint for one in found.snapshot.checkpoints]) == ("in_transit", ["2"])


def test_an_old_way_back_does_not_make_a_new_delivery_a_return() -> None:
    old = scan("1", OLD, "Exception", subtag="Exception_010")
    new = scan("2", NEW, "Delivered", subtag="Delivered_001")
    assert fence_off(told(old, new), None).snapshot.status == ParcelStatus.DELIVERED
    assert fence_off(told(old, new, status=ParcelStatus.RETURNED), FENCE).snapshot.status == ParcelStatus.DELIVERED


def test_a_clock_on_the_wall_counts_as_utc_and_no_time_is_never_fenced() -> None:
    local = scan("1", None, local_time=OLD.replace(tzinfo=None))
    unknown = scan("2", None, created_at=OLD)
    assert fence_off(told(local, unknown), FENCE).behind == {"1"}


def test_a_delivery_date_of_the_past_without_any_checkpoint_is_a_used_number() -> None:
    assert fence_off(told(delivered_at_text="2026-01-05T10:00:00"), FENCE).is_reused
    assert not fence_off(told(delivered_at_text="2026-11-05T10:00:00"), FENCE).is_reused


def test_a_new_tracking_without_checkpoints_is_not_suspect() -> None:
    pending = told(tag="Pending", status=ParcelStatus.PENDING)
    assert fence_off(pending, FENCE).snapshot is pending


@pytest.mark.django_db
def test_the_fence_is_a_day_before_the_first_order_that_shows_the_tracking() -> None:
    tracking, now = make.make_tracking(), timezone.now()
    for days in (3, 9):
        make.make_parcel(make.make_order(ordered_at=now - timedelta(days=days)), tracking)
    make.make_parcel(make.make_order(ordered_at=None), tracking)
    assert fences_of([tracking.pk]) == {tracking.pk: now - timedelta(days=10)}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "forgotten", "is_over"),
    [("delivered", False, True), ("in_transit", False, False), ("in_transit", True, True)],
)
def test_a_number_is_used_up_when_its_parcel_had_ended_before_the_order(
    status: str, forgotten: bool, is_over: bool
) -> None:
    now = timezone.now()
    tracking = make.make_tracking(
        status=status, updated_at=now - timedelta(days=200), forgotten_at=now if forgotten else None
    )
    assert is_used_up(tracking, make.make_order(ordered_at=now - timedelta(days=1))) is is_over
    assert not is_used_up(tracking, make.make_order(ordered_at=now - timedelta(days=201))), "the first order itself"
