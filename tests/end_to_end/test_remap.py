"""A remap through both upstreams and back: opened there, retired here, nobody told twice, undone exactly."""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from stores.models import Courier, RateBudget, Route
from tests.end_to_end.test_budgets import ENDPOINT
from tests.end_to_end.world import World, parcel
from tests.factories import make_order, make_project, make_route
from tracking.clients.aftership import RATES
from tracking.enums import JobKind, RemapItemState, RemapState
from tracking.models import Job, Parcel, Remap, Tracking
from tracking.services import remap as service
from tracking.services.link import wanted_for
from tracking.services.pump import drain_everything
from tracking.services.remap import plan_remap, progress_of, run_remap, start_remap, undo_remap
from tracking.services.remap_plan import ToShopper
from tracking.services.replace import release

NUMBER, OTHER = "00340434161094000001", "00340434161094000002"
# A thousand with ``STORM_FORM=long``, as `make storm` sets it. The worker is killed in the middle of a chunk of fifty.
MANY, KILLED_AT = (1_000, 325) if os.environ.get("STORM_FORM") == "long" else (150, 125)


def begin(parcels: list[Parcel], target: dict[str, Any]) -> Remap:
    return start_remap([one.pk for one in parcels], target, actor=None, reason="wrong courier")


def at_aftership(world: World) -> dict[tuple[str, str], dict[str, Any]]:
    """What AfterShip has, by number and courier."""
    return {(one["tracking_number"], one["slug"]): one for one in world.sandbox.trackings("main")}


@pytest.fixture
def moving(world: World) -> tuple[World, dict[str, Any], Parcel]:
    """One parcel in transit with DHL, written to commercetools; UPS is a courier that AfterShip lists."""
    Courier.objects.update(imported_at=timezone.now())
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit", message="Handed in.")
    world.work()
    return world, order, Parcel.objects.get()


def test_a_parcel_moves_and_undo_brings_back_what_was_everywhere(
    moving: tuple[World, dict[str, Any], Parcel],
) -> None:
    world, order, ours = moving
    source = Tracking.objects.get()
    before = Parcel.objects.filter(pk=ours.pk).values(*["override", "linked_for", "route", "tracking"]).get()
    carried = world.carried(order)[ours.commercetools_id]
    assert (carried["tb_status"], carried["tb_courier"]) == ("in_transit", "dhl-germany")
    started = begin([ours], {"courier": "ups"})
    world.work()
    assert set(at_aftership(world)) == {(NUMBER, "dhl-germany"), (NUMBER, "ups")}, "the old one is kept for a day"
    assert world.carried(order)[ours.commercetools_id]["tb_courier"] == "ups"
    world.scan(source, "OutForDelivery")
    world.work()
    now = world.carried(order)[ours.commercetools_id]
    assert (now["tb_status"], now["tb_courier"]) == ("pending", "ups"), "news of the old one changes nothing any more"
    assert undo_remap(started, None)
    world.work()
    assert Parcel.objects.filter(pk=ours.pk).values(*before).get() == before
    assert set(at_aftership(world)) == {(NUMBER, "dhl-germany")}
    back = world.carried(order)[ours.commercetools_id]
    assert (back["tb_status"], back["tb_tracking_id"]) == ("out_for_delivery", source.pk), "it caught up meanwhile"
    world.scan(source, "Delivered")
    world.work()
    assert world.carried(order)[ours.commercetools_id]["tb_status"] == "delivered"


def test_undo_before_anything_new_came_writes_back_what_was_written(
    moving: tuple[World, dict[str, Any], Parcel],
) -> None:
    world, order, ours = moving
    carried, fields = world.carried(order), world.order_fields(order)
    started = begin([ours], {"courier": "ups"})
    world.work()
    undo_remap(started, None)
    world.work()
    assert (world.carried(order), world.order_fields(order)) == (carried, fields)


def test_the_old_tracking_is_deleted_at_aftership_a_day_later(moving: tuple[World, dict[str, Any], Parcel]) -> None:
    world, _order, ours = moving
    started = begin([ours], {"courier": "ups"})
    world.work()
    assert release() == 0
    Tracking.objects.exclude(kept_until=None).update(kept_until=timezone.now() - timedelta(seconds=1))
    assert release() == 1
    world.work()
    assert set(at_aftership(world)) == {(NUMBER, "ups")}
    Remap.objects.update(undo_until=timezone.now() + timedelta(minutes=1))  # a remap that was resumed later
    assert undo_remap(started, None)
    world.work()
    assert set(at_aftership(world)) == {(NUMBER, "dhl-germany")}, "opened anew, with the id that it had"
    assert Parcel.objects.get().tracking == Tracking.objects.get(requested_courier="dhl-germany")


def test_nobody_is_told_twice_where_aftership_itself_mails(world: World) -> None:
    Courier.objects.update(imported_at=timezone.now())
    Route.objects.update(notify=Route.Notify.AFTERSHIP)
    world.order(parcel(NUMBER), parcel(OTHER))
    world.work()
    told, untold = Parcel.objects.get(tracking_number=NUMBER), Parcel.objects.get(tracking_number=OTHER)
    world.scan(world.tracking(NUMBER), "InTransit")
    world.work()
    plans = plan_remap([told.pk, untold.pk], {"courier": "ups"})
    assert [plan.to_shopper for plan in plans] == [ToShopper.QUIET, ToShopper.MAILED]
    begin([told, untold], {"courier": "ups"})
    world.work()
    there = at_aftership(world)
    assert set(there) == {(NUMBER, "ups"), (OTHER, "ups")}, "the old ones would go on mailing"
    assert there[NUMBER, "ups"]["customers"] == []
    assert [one["email"] for one in there[OTHER, "ups"]["customers"]] == ["anna.muster@example.com"]


def test_to_what_aftership_detects_and_back_without_a_new_tracking(
    moving: tuple[World, dict[str, Any], Parcel],
) -> None:
    world, order, ours = moving
    since = world.mark()
    begin([ours], {"courier": ""})
    world.work()
    (there,) = at_aftership(world)
    assert there == (NUMBER, "dhl-germany"), "AfterShip detects the courier that it had"
    assert not [call for call in world.calls("aftership", since) if call.startswith("DELETE")]
    ours.refresh_from_db()
    assert ours.tracking is not None
    assert (ours.tracking.retired_at, ours.tracking.status) == (None, "in_transit")
    assert world.carried(order)[ours.commercetools_id]["tb_status"] == "in_transit"


# ── very many ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def many(world: World) -> list[Parcel]:
    """So many parcels in transit with DHL, of an order whose project is switched off: no writes follow."""
    Courier.objects.update(imported_at=timezone.now())
    project = make_project(is_active=False)
    route = make_route(project, world.account)
    order, now = make_order(project), timezone.now()
    facts = {"account": world.account, "courier": "dhl-germany", "requested_courier": "dhl-germany", "opened_at": now}
    trackings = Tracking.objects.bulk_create(
        Tracking(tracking_number=f"1Z999AA1{n:010d}", correlation_id=order.correlation_id, status="in_transit", **facts)
        for n in range(MANY)
    )
    parcels = [
        Parcel(
            order=order,
            commercetools_id=tracking.pk,
            tracking_number=tracking.tracking_number,
            carrier="DHL",
            tracking=tracking,
            route=route,
        )
        for tracking in trackings
    ]
    for one in parcels:
        one.linked_for = wanted_for(one)
    return Parcel.objects.bulk_create(parcels)


COLUMNS = ["id", "override", "linked_for", "route", "route_trace", "decision", "tracking"]


def test_very_many_parcels_are_interrupted_resumed_opened_within_the_rate_and_undone_exactly(
    world: World, many: list[Parcel], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(Parcel.objects.order_by("pk").values(*COLUMNS))
    trackings = list(Tracking.objects.order_by("pk").values())
    started = begin(many, {"courier": "ups"})
    move, moved = service.move, []

    def killed(*args: Any) -> None:
        """The worker goes away in the middle of a chunk."""
        moved.append(args)
        if len(moved) == KILLED_AT:
            raise KeyboardInterrupt
        move(*args)

    monkeypatch.setattr(service, "move", killed)
    with pytest.raises(KeyboardInterrupt):
        run_while(started, RemapState.RUNNING)
    assert progress_of(started) == {
        RemapItemState.MOVED: KILLED_AT - 1,
        RemapItemState.WAITING: MANY - KILLED_AT + 1,
    }
    run_while(started, RemapState.RUNNING)
    assert progress_of(started) == {RemapItemState.MOVED: MANY}
    assert Job.objects.filter(kind=JobKind.PUSH).count() == MANY
    opened_within_the_rate(world)
    undo_remap(started, None)
    run_while(started, RemapState.UNDOING)
    assert progress_of(started) == {RemapItemState.UNDONE: MANY}
    assert list(Parcel.objects.order_by("pk").values(*COLUMNS)) == before
    assert list(Tracking.objects.filter(retired_at=None).order_by("pk").values()) == trackings


def run_while(started: Remap, state: RemapState) -> None:
    """Run the job as often as it wishes for itself."""
    while Remap.objects.get(pk=started.pk).state == state:
        run_remap(started.pk)


def opened_within_the_rate(world: World) -> None:
    """The first fifty are opened, while AfterShip counts the calls of each second."""
    world.sandbox.set_dials(aftership={"rate_limit": True})
    RateBudget.objects.update(next_free_at=0)
    later = Job.objects.filter(kind=JobKind.PUSH).order_by("pk").values_list("pk", flat=True)[50:]
    Job.objects.filter(pk__in=list(later)).update(next_attempt_at=timezone.now() + timedelta(days=1))
    Job.objects.filter(kind=JobKind.REMAP).update(done=1)
    Job.objects.filter(kind=JobKind.REMAP).update(want=1)
    since = world.mark()
    while Job.objects.filter(kind=JobKind.PUSH, next_attempt_at__lte=timezone.now() + timedelta(hours=1)).exclude(
        done__gt=0
    ):
        drain_everything()
    calls = [one for one in world.sandbox.journal("aftership", since) if one["endpoint"] == ENDPOINT]
    seconds = Counter(one["at"][:19] for one in calls)
    assert len([one for one in calls if one["status"] == 201]) == 50
    assert max(seconds.values()) <= RATES[ENDPOINT], sorted(seconds.items())
    assert not [one for one in calls if one["status"] == 429]
