"""What staff do to parcels, through both upstreams: marked, tracked again, stopped, corrected; and undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from stores.models import Courier, Route
from tests.end_to_end.world import World, parcel
from tests.factories import make_brand
from tracking.enums import JobKind, ProblemKind, RemapItemState
from tracking.models import Job, Message, Parcel, Problem, Remap, Tracking
from tracking.services import connections
from tracking.services.remap import start_remap, undo_remap

WITH_FIGURES = True
NUMBER, RIGHT = "00340434161094000001", "00340434161094000002"


@pytest.fixture
def moving(world: World) -> tuple[World, dict[str, Any], Parcel]:
    """One parcel in transit with DHL, written to commercetools."""
    Courier.objects.update(imported_at=timezone.now())
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit", message="Handed in.")
    world.work()
    return world, order, Parcel.objects.get()


def act(ours: Parcel, **target: Any) -> Remap:
    return start_remap([ours.pk], target, actor=None, reason="the shopper called")


def mark(ours: Parcel, status: str, at: Any = None) -> Remap:
    return act(ours, mark=status, at=(at or timezone.now()).isoformat(timespec="seconds"))


def carried(world: World, order: dict[str, Any]) -> dict[str, Any]:
    (fields,) = world.carried(order).values()
    return fields


def theirs(world: World) -> dict[str, Any]:
    (document,) = world.sandbox.trackings("main")
    return document


def outcome(done: Remap) -> tuple[str, str]:
    item = done.items.get()
    return item.state, item.outcome


# ── marked ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "tag", "subtag", "state"),
    [
        ("delivered", "Delivered", "Delivered_001", "Delivered"),
        ("lost", "Exception", "Exception_013", "Delayed"),
        ("returned", "Exception", "Exception_011", "Delayed"),
    ],
)
def test_a_mark_counts_here_in_commercetools_and_at_aftership(
    moving: tuple[World, dict[str, Any], Parcel], status: str, tag: str, subtag: str, state: str
) -> None:
    world, order, ours = moving
    done = mark(ours, status)
    world.work()
    assert outcome(done) == (RemapItemState.MOVED, f"in_transit → {status}")
    now = carried(world, order)
    assert (now["tb_status"], now["tb_tag"], now["tb_subtag"]) == (status, tag, subtag)
    assert world.order_fields(order)["shipmentState"] == state
    there = theirs(world)
    assert (there["tag"], there["subtag"], there["active"]) == (tag, subtag, False)
    assert there["checkpoints"][-1]["source"] == "user"
    completions = [call for call in world.calls("aftership") if call.endswith("/mark-as-completed")]
    assert len(completions) == 1, "AfterShip's own webhook about it is no news"


def test_the_shopper_hears_of_a_mark_once(moving: tuple[World, dict[str, Any], Parcel]) -> None:
    world, _order, ours = moving
    Route.objects.update(notify=Route.Notify.PLATFORM, brand=make_brand())
    mark(ours, "delivered")
    world.work()
    world.work()
    assert list(Message.objects.values_list("kind", flat=True)) == ["delivered"]


def test_a_mark_is_undone_everywhere_and_aftership_tracks_on(moving: tuple[World, dict[str, Any], Parcel]) -> None:
    world, order, ours = moving
    before = carried(world, order)
    done = mark(ours, "lost")
    world.work()
    assert undo_remap(done, None)
    world.work()
    assert outcome(done) == (RemapItemState.UNDONE, "It is what it was.")
    tracking = Tracking.objects.get()
    assert (tracking.status, tracking.tag, tracking.is_moving) == ("in_transit", "InTransit", True)
    now = carried(world, order)
    assert {**now, "tb_updated_at": ""} == {**before, "tb_updated_at": ""}
    assert theirs(world)["active"], "a retrack"
    assert list(tracking.checkpoints.filter(is_fenced=True).values_list("source", flat=True)) == ["user"]
    world.scan(tracking, "OutForDelivery")
    world.work()
    assert carried(world, order)["tb_status"] == "out_for_delivery"


def test_news_of_what_happened_before_the_marked_moment_do_not_count_against_it(
    moving: tuple[World, dict[str, Any], Parcel],
) -> None:
    world, order, ours = moving
    mark(ours, "delivered")
    world.work()
    late = (timezone.now() - timedelta(hours=3)).isoformat(timespec="seconds")
    world.scan(Tracking.objects.get(), "OutForDelivery", checkpoint_time=late)
    world.work()
    assert carried(world, order)["tb_status"] == "delivered"
    assert Tracking.objects.get().checkpoints.filter(subtag="OutForDelivery_001").exists(), "kept, and shown"


def test_newer_news_of_the_carrier_overtake_a_mark(moving: tuple[World, dict[str, Any], Parcel]) -> None:
    world, order, ours = moving
    done = mark(ours, "lost", timezone.now() - timedelta(days=1))
    world.work()
    world.scan(Tracking.objects.get(), "OutForDelivery")
    world.work()
    assert carried(world, order)["tb_status"] == "out_for_delivery"
    assert Tracking.objects.get().mark["ended"] == "overtaken"
    assert undo_remap(done, None)
    world.work()
    assert outcome(done) == (RemapItemState.KEPT, "Newer news of the carrier count already.")
    assert carried(world, order)["tb_status"] == "out_for_delivery"


def test_a_mark_on_what_aftership_had_before_us_counts_here_only(
    moving: tuple[World, dict[str, Any], Parcel],
) -> None:
    world, order, ours = moving
    Tracking.objects.update(is_adopted=True)
    mark(ours, "delivered")
    world.work()
    assert (carried(world, order)["tb_status"], theirs(world)["tag"]) == ("delivered", "InTransit")


def test_what_aftership_refuses_is_a_problem_and_the_mark_stands(moving: tuple[World, dict[str, Any], Parcel]) -> None:
    world, order, ours = moving
    world.sandbox.set_dials(aftership={"fail": [{"match": "mark-as-completed", "status": 400, "count": 1}]})
    mark(ours, "delivered")
    world.work()
    assert carried(world, order)["tb_status"] == "delivered"
    assert Problem.objects.get(closed_at=None).kind == ProblemKind.REFUSED


# ── tracked again ────────────────────────────────────────────────────────────────────────────────────────────────────


def expire(world: World) -> None:
    world.scan(Tracking.objects.get(), "Expired")
    world.work()
    assert (Tracking.objects.get().status, Tracking.objects.get().is_moving) == ("expired", False)


def test_an_expired_tracking_is_revived(moving: tuple[World, dict[str, Any], Parcel]) -> None:
    world, order, ours = moving
    expire(world)
    done = act(ours, retrack=True)
    world.work()
    assert outcome(done) == (RemapItemState.MOVED, "AfterShip is asked to track it again")
    assert theirs(world)["active"]
    assert Tracking.objects.get().is_moving
    world.scan(Tracking.objects.get(), "Delivered")
    world.work()
    assert carried(world, order)["tb_status"] == "delivered"


def test_when_no_retrack_is_left_it_is_opened_anew_with_its_id(moving: tuple[World, dict[str, Any], Parcel]) -> None:
    world, order, ours = moving
    for _ in range(4):
        expire(world)
        act(ours, retrack=True)
        world.work()
    tracking = Tracking.objects.get()
    there = theirs(world)
    assert (there["id"], there["tag"], there["active"]) == (tracking.pk, "Pending", True)
    calls = world.calls("aftership")
    assert len([one for one in calls if one == "POST /tracking/2026-07/trackings"]) == 2
    assert carried(world, order)["tb_status"] == "pending"


def test_one_that_aftership_purged_is_opened_anew(moving: tuple[World, dict[str, Any], Parcel]) -> None:
    world, _order, ours = moving
    expire(world)
    connections.aftership(world.account).delete_tracking(Tracking.objects.get().pk)
    act(ours, retrack=True)
    world.work()
    assert theirs(world)["id"] == Tracking.objects.get().pk


# ── stopped ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_stopped_stays_stopped_and_comes_back_by_undo(moving: tuple[World, dict[str, Any], Parcel]) -> None:
    world, order, ours = moving
    before, source = carried(world, order), Tracking.objects.get()
    done = act(ours, stop=True)
    world.work()
    assert carried(world, order) == {}, "nothing is said of a parcel that nobody tracks"
    assert theirs(world)["id"] == source.pk, "kept for a day"
    world.change(order, {"action": "changeOrderState", "orderState": "Confirmed"})
    Job.objects.filter(kind=JobKind.COLLECT).update(done=0)
    world.work()
    ours.refresh_from_db()
    assert (ours.tracking, ours.override) == (None, {"stop": True}), "reading the order again opens nothing"
    undo_remap(done, None)
    world.work()
    now = carried(world, order)
    assert {**now, "tb_updated_at": ""} == {**before, "tb_updated_at": ""}


# ── corrected ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_postcode_is_given_by_hand_and_the_tracking_opens(world: World) -> None:
    Courier.objects.update_or_create(
        slug="postnl", defaults={"required_fields": ["destination_postal_code"], "imported_at": timezone.now()}
    )
    order = world.order(parcel("3SABCD0000001", "PostNL"), shippingAddress={"country": "NL"})
    world.work()
    ours = Parcel.objects.get()
    act(ours, courier="postnl")
    world.work()
    assert Problem.objects.filter(kind=ProblemKind.MISSING_FIELD, closed_at=None).count() == 1
    act(ours, fields={"destination_postal_code": "1012 AB"})
    world.work()
    assert Problem.objects.filter(closed_at=None).count() == 0
    there = [one for one in world.sandbox.trackings("main") if one["slug"] == "postnl"]
    assert [one["destination_postal_code"] for one in there] == ["1012 AB"]
    assert carried(world, order)["tb_status"] == "pending"


def test_a_corrected_postcode_is_told_and_taken_back(moving: tuple[World, dict[str, Any], Parcel]) -> None:
    world, _order, ours = moving
    done = act(ours, fields={"destination_postal_code": "10999"})
    world.work()
    assert theirs(world)["destination_postal_code"] == "10999"
    assert undo_remap(done, None)
    world.work()
    assert theirs(world)["destination_postal_code"] == "10115"
    assert Parcel.objects.get().override == {}


def in_commercetools(world: World, order: dict[str, Any]) -> dict[str, Any]:
    now = world.sandbox.order("demo", order["id"])
    return now["shippingInfo"]["deliveries"][0]["parcels"][0]["trackingData"]


def test_a_number_is_corrected_in_commercetools_with_all_else_as_it_was_and_undone(world: World) -> None:
    Courier.objects.update(imported_at=timezone.now())
    draft = parcel(NUMBER)
    draft["trackingData"] |= {"provider": "Shop", "providerTransaction": "T-1"}
    order = world.order(draft)
    world.work()
    ours, data = Parcel.objects.get(), in_commercetools(world, order)
    done = act(ours, number=RIGHT, upstream=True)
    world.work()
    assert in_commercetools(world, order) == {**data, "trackingId": RIGHT}
    ours.refresh_from_db()
    assert (ours.tracking_number, ours.tracking.tracking_number, ours.override) == (RIGHT, RIGHT, {})
    assert outcome(done)[1].endswith("In commercetools: the number is corrected.")
    opened = [one for one in world.calls("aftership") if one == "POST /tracking/2026-07/trackings"]
    assert len(opened) == 2, "the new number is opened once, whoever reads the order again"
    assert undo_remap(done, None)
    world.work()
    assert in_commercetools(world, order) == data
    ours.refresh_from_db()
    assert (ours.tracking_number, ours.tracking.tracking_number) == (NUMBER, NUMBER)


def test_a_number_that_somebody_else_changed_meanwhile_is_left(moving: tuple[World, dict[str, Any], Parcel]) -> None:
    world, order, ours = moving
    done = act(ours, number=RIGHT, upstream=True)
    data = {"trackingId": "00340434161094000009", "carrier": "DHL"}
    world.change(order, {"action": "setParcelTrackingData", "parcelId": ours.commercetools_id, "trackingData": data})
    world.work()
    assert in_commercetools(world, order)["trackingId"] == data["trackingId"]
    assert "somebody else changed the number" in outcome(done)[1] or outcome(done)[0] == RemapItemState.SKIPPED
