"""Moving parcels by hand: what is planned is what happens, one of two agents wins, and undo gives back what was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stores.models import Route
from tests.factories import (
    make_account,
    make_carrier_mapping,
    make_courier,
    make_order,
    make_parcel,
    make_project,
    make_route,
    make_tracking,
)
from tests.plugin import IS_SQLITE
from tests.tracking.services.conftest import Clock
from tests.tracking.services.threads import at_once
from tracking.enums import (
    AtSource,
    AtTarget,
    JobKind,
    ParcelStatus,
    ProblemKind,
    RemapItemState,
    RemapState,
    StaffActionKind,
    ToShopper,
)
from tracking.models import Job, Order, Parcel, Problem, Remap, RemapItem, StaffAction, Tracking
from tracking.services import jobs, remap, remap_move
from tracking.services.apply_update import check
from tracking.services.link import link_parcel, retire_unused, wanted_for
from tracking.services.remap import (
    RemapConflict,
    RemapRefused,
    plan_remap,
    progress_of,
    resume_remap,
    run_remap,
    start_remap,
    stop_remap,
    undo_remap,
)
from tracking.services.replace import release

pytestmark = pytest.mark.django_db
KEPT = ["override", "linked_for", "route_id", "route_trace", "decision", "tracking_id"]


class Shop:
    """One project with a route to ``main``, a second account, and DHL mapped to ``dhl-germany``."""

    def __init__(self) -> None:
        self.project = make_project(key="demo")
        self.main, self.other = make_account(key="main"), make_account(key="other")
        self.route = make_route(self.project, self.main, name="All of it")
        make_courier("ups")
        make_carrier_mapping(make_courier("dhl-germany"), carrier="DHL Paket")

    def parcel(self, order: Order | None = None, **tracking: Any) -> Parcel:
        """A parcel in transit with DHL, linked as `link_parcel` does it."""
        order = order or make_order(self.project)
        known = make_tracking(self.main, correlation_id=order.correlation_id, **tracking)
        parcel = make_parcel(order, known, route=self.route, route_trace=[[self.route.pk, True, "project demo", 1]])
        parcel.linked_for, parcel.decision = wanted_for(parcel), {"at": "2026-11-20T10:00:00+00:00"}
        parcel.save()
        return parcel


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna")


def moved(parcels: list[Parcel], target: dict[str, Any], actor: User | None = None) -> Remap:
    """A remap that has come to its end."""
    started = start_remap([parcel.pk for parcel in parcels], target, actor=actor, reason="wrong courier")
    return run_out(started)


def run_out(started: Remap) -> Remap:
    """Run its job until it wants no more."""
    while wants(JobKind.REMAP, str(started.pk)):
        job = Job.objects.get(kind=JobKind.REMAP, subject=str(started.pk))
        run_remap(started.pk)
        jobs.finish(job)
    started.refresh_from_db()
    return started


def wants(kind: JobKind, subject: str) -> bool:
    job = Job.objects.filter(kind=kind, subject=subject).first()
    return job is not None and job.want > job.done


def row(parcel: Parcel) -> dict[str, Any]:
    """What undo has to give back, as it is stored."""
    fresh = Parcel.objects.get(pk=parcel.pk)
    return {name: getattr(fresh, name) for name in KEPT}


def stored(tracking: Tracking) -> dict[str, Any]:
    return Tracking.objects.filter(pk=tracking.pk).values().get()


# ── the plan ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_plan_says_what_changes_at_aftership_in_commercetools_and_for_the_shopper(shop: Shop) -> None:
    parcel = shop.parcel()
    parcel.type_id = "our-type"
    parcel.carried = {"tb_status": "in_transit", "tb_courier": "dhl-germany", "tb_tracking_id": parcel.tracking_id}
    parcel.save()
    (move,) = plan_remap([parcel.pk], {"courier": "ups", "account": "other"})
    assert (move.now.account, move.now.courier, move.now.route) == ("main", "dhl-germany", shop.route)
    assert move.then is not None
    assert (move.then.account, move.then.courier, move.then.number) == ("other", "ups", parcel.tracking_number)
    assert (move.at_target, move.at_source) == (AtTarget.OPENED, AtSource.KEPT)
    assert move.to_shopper == ToShopper.SILENT
    assert set(move.fields) == {"tb_status", "tb_tag", "tb_subtag", "tb_courier", "tb_tracking_id"}
    assert move.refusal == ""
    assert row(parcel)["override"] == {}
    assert Tracking.objects.count() == 1


@pytest.mark.parametrize(
    ("status", "told"), [(ParcelStatus.PENDING, ToShopper.MAILED), (ParcelStatus.IN_TRANSIT, ToShopper.QUIET)]
)
def test_the_plan_says_whether_aftership_would_mail(shop: Shop, status: str, told: ToShopper) -> None:
    Route.objects.update(notify=Route.Notify.AFTERSHIP)
    parcel = shop.parcel(status=status)
    (move,) = plan_remap([parcel.pk], {"courier": "ups"})
    assert (move.at_source, move.to_shopper) == (AtSource.DELETED, told)


def test_a_tracking_that_is_there_is_used(shop: Shop) -> None:
    parcel = shop.parcel()
    there = make_tracking(shop.main, tracking_number=parcel.tracking_number, requested_courier="ups", courier="ups")
    make_parcel(make_order(shop.project), there)
    (move,) = plan_remap([parcel.pk], {"courier": "ups"})
    assert move.at_target == AtTarget.USED
    moved([parcel], {"courier": "ups"})
    assert row(parcel)["tracking_id"] == there.pk


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"removed_at": timezone.now()}, "The parcel was removed from its order."),
        ({"tracking_number": ""}, "It has no tracking number."),
        ({"tracking_number": "ÄÖÜ"}, "Its tracking number is not usable."),
    ],
)
def test_a_parcel_that_cannot_be_moved_says_why(shop: Shop, change: dict[str, Any], refusal: str) -> None:
    parcel, fine = shop.parcel(), shop.parcel()
    Parcel.objects.filter(pk=parcel.pk).update(**change)
    first, second = plan_remap([parcel.pk, fine.pk], {"courier": "ups"})
    assert (first.refusal, first.then, second.refusal) == (refusal, None, "")
    with pytest.raises(RemapRefused, match=refusal):
        start_remap([parcel.pk], {"courier": "ups"}, actor=None, reason="x")
    assert not Remap.objects.exists()
    done = moved([parcel, fine], {"courier": "ups"})
    assert progress_of(done) == {RemapItemState.SKIPPED: 1, RemapItemState.MOVED: 1}
    assert RemapItem.objects.get(parcel=parcel).outcome == refusal


def test_a_parcel_of_a_deleted_order_is_refused(shop: Shop) -> None:
    parcel = shop.parcel(make_order(shop.project, deleted_at=timezone.now()))
    assert plan_remap([parcel.pk], {"courier": "ups"})[0].refusal == "The order was deleted in commercetools."


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ({"account": "nobody"}, "There is no AfterShip account nobody."),
        ({"courier": "pigeon"}, "There is no courier pigeon."),
        ({"route": 0}, "There is no route #0."),
        ({"colour": "red"}, "A parcel cannot be moved by its colour."),
        ({"number": "00340434161094000009"}, "A number can be given to one parcel only."),
    ],
)
def test_a_target_that_leads_nowhere_is_refused_as_a_whole(shop: Shop, target: dict[str, Any], fault: str) -> None:
    parcels = [shop.parcel().pk, shop.parcel().pk]
    assert {move.refusal for move in plan_remap(parcels, target)} == {fault}
    with pytest.raises(RemapRefused, match=fault):
        start_remap(parcels, target, actor=None, reason="x")


def test_a_route_of_another_project_is_refused(shop: Shop) -> None:
    strange = make_route(make_project(key="far"), shop.main, name="Far away")
    (move,) = plan_remap([shop.parcel().pk], {"route": strange.pk})
    assert move.refusal == "Route Far away belongs to another project."


def test_what_is_there_already_is_left_alone(shop: Shop) -> None:
    parcel = shop.parcel()
    assert plan_remap([parcel.pk], {"courier": "dhl-germany"})[0].refusal == "It is there already."
    assert plan_remap([parcel.pk], {})[0].refusal == "It is there already."


def test_a_plan_takes_as_many_queries_for_forty_parcels_as_for_two(shop: Shop) -> None:
    parcels = [shop.parcel().pk for _ in range(40)]
    counts = []
    for ids in (parcels[:2], parcels):
        with CaptureQueriesContext(connection) as asked:
            plan_remap(ids, {"courier": "ups", "account": "other"})
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 16


# ── the move ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_parcel_moves_and_its_old_tracking_is_kept_for_a_day(shop: Shop, anna: User, clock: Clock) -> None:
    parcel = shop.parcel()
    source = parcel.tracking
    assert source is not None
    done = moved([parcel], {"courier": "ups"}, anna)
    assert (done.state, progress_of(done)) == (RemapState.DONE, {RemapItemState.MOVED: 1})
    now = row(parcel)
    target = Tracking.objects.get(pk=now["tracking_id"])
    assert (target.requested_courier, target.tracking_number) == ("ups", parcel.tracking_number)
    assert now["override"] == {"courier": "ups"}
    assert now["decision"]["courier"]["because"] == "chosen by hand"
    source.refresh_from_db()
    assert (source.retired_at, source.kept_until) == (clock(), clock.after(24 * 3600))
    assert source.replaced_by == target
    assert wants(JobKind.PUSH, target.pk)
    assert not wants(JobKind.RETIRE, source.pk)
    action = StaffAction.objects.get()
    assert (action.kind, action.actor_name, action.reason) == (StaffActionKind.REMAP, "anna", "wrong courier")
    assert (action.parcel, action.remap, action.correlation_id) == (parcel, done, parcel.order.correlation_id)
    assert action.summary == f"Remap #{done.pk}: parcel …{parcel.tracking_number[-4:]} to courier ups."


def test_the_old_tracking_is_deleted_when_undoing_is_over_and_the_new_one_is_open(shop: Shop, clock: Clock) -> None:
    parcel = shop.parcel()
    source = parcel.tracking
    assert source is not None
    moved([parcel], {"courier": "ups"})
    target = Tracking.objects.get(pk=row(parcel)["tracking_id"])
    clock.forward(25 * 3600)
    assert release() == 0, "AfterShip does not have the new one yet"
    Tracking.objects.filter(pk=target.pk).update(opened_at=clock(), aftership_id=target.pk)
    assert release() == 1
    assert wants(JobKind.RETIRE, source.pk)
    assert release() == 0


def test_a_tracking_that_other_parcels_show_stays(shop: Shop) -> None:
    parcel, order = shop.parcel(), make_order(shop.project)
    twin = make_parcel(order, parcel.tracking)
    assert plan_remap([parcel.pk], {"courier": "ups"})[0].at_source == AtSource.SHARED
    assert plan_remap([parcel.pk, twin.pk], {"courier": "ups"})[0].at_source == AtSource.KEPT
    moved([parcel], {"courier": "ups"})
    twin.refresh_from_db()
    assert twin.tracking is not None
    assert twin.tracking.retired_at is None


def test_the_rules_asked_again_end_what_was_chosen_but_keep_a_corrected_number(shop: Shop) -> None:
    parcel = shop.parcel()
    moved([parcel], {"courier": "ups", "number": "00340434161094000009"})
    moved([parcel], {})
    now = Parcel.objects.get(pk=parcel.pk)
    assert now.override == {"number": "00340434161094000009"}
    assert now.tracking is not None
    assert (now.tracking.requested_courier, now.tracking.tracking_number) == ("dhl-germany", "00340434161094000009")


def test_a_collect_does_not_undo_a_remap_until_the_parcel_itself_changes(shop: Shop) -> None:
    parcel = shop.parcel()
    moved([parcel], {"courier": "ups"})
    for opened_at in (None, timezone.now()):
        Tracking.objects.filter(requested_courier="ups").update(opened_at=opened_at)
        parcel = Parcel.objects.select_related("tracking", "order__project").get(pk=parcel.pk)
        link_parcel(parcel.order, parcel)
        assert parcel.tracking is not None
        assert parcel.tracking.requested_courier == "ups"
    parcel.tracking_number = "00340434161094000777"
    link_parcel(parcel.order, parcel)
    assert (parcel.override, parcel.tracking.requested_courier) == ({}, "dhl-germany")


def test_a_courier_that_aftership_corrected_to_is_agreed_with(shop: Shop) -> None:
    parcel = shop.parcel(courier="ups")
    tracking = parcel.tracking
    assert tracking is not None
    check([tracking])
    assert Problem.objects.filter(kind=ProblemKind.CARRIER_MISMATCH, closed_at=None).exists()
    assert plan_remap([parcel.pk], {"courier": "ups"})[0].at_target == AtTarget.SAME
    before, tracking_before = row(parcel), stored(tracking)
    done = moved([parcel], {"courier": "ups"})
    assert stored(tracking)["requested_courier"] == "ups"
    assert Tracking.objects.count() == 1
    assert not Problem.objects.filter(closed_at=None).exists()
    undo_remap(done, None)
    run_out(done)
    assert (row(parcel), stored(tracking)) == (before, tracking_before)
    assert Problem.objects.filter(kind=ProblemKind.CARRIER_MISMATCH, closed_at=None).exists()


def test_a_parcel_that_changed_since_it_was_looked_at_is_left_out_by_name(shop: Shop) -> None:
    parcel, fine = shop.parcel(), shop.parcel()
    ids = [parcel.pk, fine.pk]
    seen = {move.parcel.pk: move.fingerprint for move in plan_remap(ids, {"courier": "ups"})}
    Parcel.objects.filter(pk=parcel.pk).update(carrier="Hermes")
    started = start_remap(ids, {"courier": "ups"}, actor=None, reason="x", seen=seen)
    assert RemapItem.objects.get(parcel=parcel).outcome == "It changed since it was looked at."
    run_out(started)
    assert RemapItem.objects.get(parcel=fine).state == RemapItemState.MOVED


def test_a_parcel_that_changes_while_it_waits_is_skipped(shop: Shop) -> None:
    parcel = shop.parcel()
    started = start_remap([parcel.pk], {"courier": "ups"}, actor=None, reason="x")
    Parcel.objects.filter(pk=parcel.pk).update(tracking_number="00340434161094000777")
    run_out(started)
    item = RemapItem.objects.get()
    assert (item.state, item.outcome) == (
        RemapItemState.SKIPPED,
        "Its own number, carrier or direction changed meanwhile.",
    )
    assert row(parcel)["override"] == {}


def test_the_second_of_two_agents_is_told_who_has_the_parcel(shop: Shop, anna: User) -> None:
    parcels = [shop.parcel() for _ in range(3)]
    first = start_remap([parcels[0].pk, parcels[1].pk], {"courier": "ups"}, actor=anna, reason="x")
    with pytest.raises(RemapConflict) as refused:
        start_remap([parcels[1].pk, parcels[2].pk], {"account": "other"}, actor=None, reason="y")
    assert [item.parcel for item in refused.value.items] == [parcels[1]]
    assert f"It waits in remap #{first.pk} of anna." in str(refused.value)
    assert Remap.objects.count() == 1


@pytest.mark.skipif(IS_SQLITE, reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_very_same_moment_one_wins() -> None:
    shop = Shop()
    ids = [shop.parcel().pk for _ in range(20)]

    def start() -> str:
        try:
            start_remap(ids, {"courier": "ups"}, actor=None, reason="x")
        except RemapConflict as conflict:
            return f"told of {len(conflict.items)}"
        return "won"

    assert sorted(at_once(*[start] * 4)) == ["told of 20"] * 3 + ["won"]
    assert RemapItem.objects.count() == 20


# ── the job ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_remap_can_be_stopped_and_resumed(shop: Shop) -> None:
    parcels = [shop.parcel() for _ in range(remap.CHUNK + 3)]
    started = start_remap([parcel.pk for parcel in parcels], {"courier": "ups"}, actor=None, reason="x")
    run_remap(started.pk)
    assert progress_of(started) == {RemapItemState.MOVED: remap.CHUNK, RemapItemState.WAITING: 3}
    assert stop_remap(started)
    run_remap(started.pk)
    assert progress_of(started)[RemapItemState.WAITING] == 3
    assert not stop_remap(started)
    assert resume_remap(started)
    run_out(started)
    assert (started.state, progress_of(started)) == (RemapState.DONE, {RemapItemState.MOVED: remap.CHUNK + 3})


@pytest.mark.parametrize("place", ["relink", "give_way", "snapshot", "ended", "tell"])
def test_a_run_that_is_killed_anywhere_is_simply_repeated(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    parcels = [shop.parcel() for _ in range(3)]
    started = start_remap([parcel.pk for parcel in parcels], {"courier": "ups"}, actor=None, reason="x")
    module = remap_move if hasattr(remap_move, place) else remap
    calls, real = [], getattr(module, place)

    def killed(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(module, place, killed)
    with pytest.raises(KeyboardInterrupt):
        run_remap(started.pk)
    done = run_out(started)
    assert progress_of(done) == {RemapItemState.MOVED: 3}
    assert Tracking.objects.filter(requested_courier="ups", retired_at=None).count() == 3
    assert Tracking.objects.filter(requested_courier="dhl-germany", retired_at=None).count() == 0


def test_a_failure_of_our_own_stops_one_parcel_only(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    parcels = [shop.parcel() for _ in range(3)]
    real = remap_move.relink

    def broken(order: Order, parcel: Parcel, *args: Any) -> Any:
        if parcel.pk == parcels[1].pk:
            raise ValueError("a defect")
        return real(order, parcel, *args)

    monkeypatch.setattr(remap_move, "relink", broken)
    done = moved(parcels, {"courier": "ups"})
    assert progress_of(done) == {RemapItemState.MOVED: 2, RemapItemState.SKIPPED: 1}
    assert "ValueError" in RemapItem.objects.get(parcel=parcels[1]).outcome


def test_many_parcels_wait_behind_live_work(shop: Shop) -> None:
    moved([shop.parcel() for _ in range(remap.FEW + 1)], {"courier": "ups"})
    assert set(Job.objects.filter(kind=JobKind.PUSH).values_list("priority", flat=True)) == {jobs.BACKFILL}


# ── undo ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "target", [{"courier": "ups"}, {"account": "other"}, {"number": "00340434161094000009"}, {"courier": ""}]
)
def test_undo_gives_back_exactly_what_was(shop: Shop, anna: User, target: dict[str, Any]) -> None:
    parcel = shop.parcel()
    tracking = parcel.tracking
    assert tracking is not None
    before, tracking_before = row(parcel), stored(tracking)
    done = moved([parcel], target)
    assert row(parcel) != before
    made = Tracking.objects.get(pk=row(parcel)["tracking_id"])
    assert undo_remap(done, anna)
    run_out(done)
    assert (row(parcel), stored(tracking)) == (before, tracking_before)
    made.refresh_from_db()
    assert (made.retired_reason, made.kept_until) == (f"remap #{done.pk} was undone", None)
    assert wants(JobKind.RETIRE, made.pk)
    assert wants(JobKind.WRITE_BACK, str(parcel.order_id))
    assert not wants(JobKind.RETIRE, tracking.pk)
    assert (done.state, progress_of(done)) == (RemapState.UNDONE, {RemapItemState.UNDONE: 1})
    action = StaffAction.objects.get(kind=StaffActionKind.UNDO_REMAP)
    assert (action.actor, action.parcel, action.remap) == (anna, parcel, done)


def test_undo_of_a_route_chosen_by_hand_and_of_a_parcel_that_had_none(shop: Shop) -> None:
    lonely = make_parcel(make_order(shop.project), carrier="DHL Paket", tracking_number="00340434161094000009")
    Route.objects.filter(pk=shop.route.pk).update(is_active=False)
    assert plan_remap([lonely.pk], {})[0].refusal == "No route matches it, and none was chosen."
    before = row(lonely)
    done = moved([lonely], {"route": shop.route.pk})
    assert (row(lonely)["route_id"], row(lonely)["tracking_id"]) != (None, None)
    undo_remap(done, None)
    run_out(done)
    assert row(lonely) == before


def test_undo_is_over_after_a_day(shop: Shop, clock: Clock) -> None:
    parcel = shop.parcel()
    done = moved([parcel], {"courier": "ups"})
    clock.forward(timedelta(hours=24).total_seconds())
    assert not undo_remap(done, None)
    assert row(parcel)["override"] == {"courier": "ups"}


def test_undo_leaves_a_parcel_that_was_remapped_again_and_names_it(shop: Shop) -> None:
    parcels = [shop.parcel(), shop.parcel()]
    first = moved(parcels, {"courier": "ups"})
    second = moved(parcels[:1], {"account": "other"})
    undo_remap(first, None)
    run_out(first)
    kept = RemapItem.objects.get(remap=first, parcel=parcels[0])
    outcome = f"It was remapped again since, in remap #{second.pk}."
    assert (kept.state, kept.outcome) == (RemapItemState.KEPT, outcome)
    assert row(parcels[0])["override"] == {"courier": "ups", "account": "other"}
    assert row(parcels[1])["override"] == {}


def test_undo_of_what_was_stopped_half_way_moves_nothing_more(shop: Shop) -> None:
    parcels = [shop.parcel() for _ in range(remap.CHUNK + 2)]
    before = [row(parcel) for parcel in parcels]
    started = start_remap([parcel.pk for parcel in parcels], {"courier": "ups"}, actor=None, reason="x")
    run_remap(started.pk)
    assert not undo_remap(started, None), "it is running: stop it first"
    stop_remap(started)
    assert undo_remap(started, None)
    run_out(started)
    assert progress_of(started) == {RemapItemState.UNDONE: remap.CHUNK, RemapItemState.SKIPPED: 2}
    assert [row(parcel) for parcel in parcels] == before


def test_moving_there_and_back_again_takes_the_old_tracking_back(shop: Shop) -> None:
    parcel = shop.parcel()
    source = parcel.tracking_id
    moved([parcel], {"courier": "ups"})
    moved([parcel], {"courier": "dhl-germany"})
    assert row(parcel)["tracking_id"] == source
    back = Tracking.objects.get(pk=source)
    assert (back.retired_at, back.kept_until, back.replaced_by) == (None, None, None)


def test_a_number_that_got_another_tracking_meanwhile_keeps_it(shop: Shop) -> None:
    parcel = shop.parcel()
    source = parcel.tracking
    assert source is not None
    done = moved([parcel], {"courier": "ups"})
    rival = make_tracking(shop.main, tracking_number=source.tracking_number, requested_courier="dhl-germany")
    undo_remap(done, None)
    run_out(done)
    assert row(parcel)["tracking_id"] == rival.pk
    assert RemapItem.objects.get().outcome == "Its number has another tracking by now, which it shows."


def test_nothing_waits_where_the_parcel_went_meanwhile(shop: Shop) -> None:
    parcel = shop.parcel()
    done = moved([parcel], {"courier": "ups"})
    Parcel.objects.filter(pk=parcel.pk).update(removed_at=timezone.now())
    retire_unused([row(parcel)["tracking_id"]], "the parcel was removed")
    undo_remap(done, None)
    run_out(done)
    assert RemapItem.objects.get().outcome == "The parcel was removed since."
