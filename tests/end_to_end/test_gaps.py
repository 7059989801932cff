"""What got lost on the way is found: messages and webhooks that never came, lost jobs, history before us."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from stores.models import AfterShipAccount
from tests.end_to_end.test_road import open_problems
from tests.end_to_end.world import World, parcel
from tracking.enums import JobKind, ParcelStatus, ProblemKind, ReceiptState, RunKind
from tracking.models import Attempt, Checkpoint, Job, Order, Parcel, Problem, Receipt, Run, Tracking
from tracking.services import backfill, connections, poll, reconcile, runs
from tracking.services.pump import drain_everything

WITH_FIGURES = True
NUMBER, OTHER = "00340434161094000001", "1Z999AA10123456784"
STATUS = {
    "Pending": "pending",
    "InfoReceived": "info_received",
    "InTransit": "in_transit",
    "OutForDelivery": "out_for_delivery",
    "AttemptFail": "attempt_failed",
    "Delivered": "delivered",
}


@pytest.fixture(autouse=True)
def _nothing_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests last seconds: news of the last minute counts as drift, too."""
    monkeypatch.setattr(reconcile, "ON_ITS_WAY", timedelta(minutes=-5))


def reconciled(**options: Any) -> dict[str, int]:
    """Run the command; the drift it found, by kind, over all connections."""
    first = Run.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    call_command("reconcile", **options)
    found: dict[str, int] = {}
    for run in Run.objects.filter(pk__gt=first):
        assert run.finished_at
        found |= {name: n for name, n in run.counts.items() if name not in ("checked", "strangers")}
    return found


def lose(world: World, share: float = 1.0) -> None:
    world.sandbox.set_dials(webhooks={"drop_rate": share}, messages={"drop_rate": share})


def wrong_states(world: World) -> list[str]:
    """What commercetools carries that is not what AfterShip says, parcel by parcel; no code of the product in it."""
    by_number = {one["tracking_number"]: one for one in world.sandbox.trackings("main")}
    wrong, numbers = [], set()
    for order in world.sandbox.orders("demo"):
        parcels = [one for delivery in order["shippingInfo"]["deliveries"] for one in delivery["parcels"]]
        for one in parcels:
            number = one["trackingData"]["trackingId"]
            numbers.add(number)
            told, carried = by_number.get(number), (one.get("custom") or {}).get("fields", {})
            if told is None:
                wrong.append(f"{number} is not at AfterShip")
            elif (carried.get("tb_status"), carried.get("tb_subtag")) != (STATUS[told["tag"]], told["subtag"]):
                wrong.append(f"{number} carries {carried}, AfterShip says {told['subtag']}")
    return wrong + [f"{number} is left over" for number in by_number.keys() - numbers]


# ── reconcile ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("share", "number"), [(0.1, 12), (0.5, 20)])
def test_one_sweep_mends_all_that_lost_messages_and_webhooks_left_wrong(
    world: World, share: float, number: int
) -> None:
    dice = random.Random(7)
    lose(world, share)
    orders = [world.order(parcel(f"003404341610940{n:05d}"), number=f"DE-{n}") for n in range(number)]
    world.work()
    scan_some(world, dice, "InTransit")
    world.work()
    change_some(world, dice, orders)
    world.work()
    scan_some(world, dice, "Delivered")
    world.work()
    lose(world, 0)
    damage = len(wrong_states(world))
    since = world.mark()
    world.sandbox.set_dials(aftership={"rate_limit": True})
    found = reconciled()
    drain_everything()
    assert wrong_states(world) == []
    assert {one["status"] for one in world.sandbox.journal("aftership", since)} <= {200, 201}, "never above its rates"
    assert bool(damage) <= bool(found)
    assert share < 0.5 or damage > 1, "the control: that much was lost"
    assert open_problems() == []
    assert reconciled() == {}, "a second sweep finds nothing"


def scan_some(world: World, dice: random.Random, tag: str) -> None:
    for tracking in Tracking.objects.filter(opened_at__isnull=False, retired_at=None).order_by("tracking_number"):
        if dice.random() < 0.7:
            world.scan(tracking, tag)


def change_some(world: World, dice: random.Random, orders: list[dict[str, Any]]) -> None:
    """Somebody corrects a number, removes a parcel, deletes an order."""
    for n, order in enumerate(orders):
        (delivery,) = order["shippingInfo"]["deliveries"]
        (one,) = delivery["parcels"]
        what = dice.choice(["", "", "number", "remove", "delete"])
        if what == "number":
            data = {"trackingId": f"1Z999AA101234{n:05d}", "carrier": "UPS"}
            world.change(order, {"action": "setParcelTrackingData", "parcelId": one["id"], "trackingData": data})
        elif what == "remove":
            world.change(order, {"action": "removeParcelFromDelivery", "parcelId": one["id"]})
        elif what == "delete":
            world.sandbox.delete_order("demo", order["id"])


def test_a_dry_run_finds_the_same_and_changes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    lost = world_with_gaps(world)
    since, jobs_before = world.mark(), Job.objects.count()
    call_command("reconcile", dry_run=True)
    out = capsys.readouterr().out
    assert "order behind: 1\n" in out
    assert "aftership ahead: 1\n" in out
    assert not Order.objects.filter(commercetools_id=lost["id"]).exists()
    assert world.tracking(NUMBER).status == "pending"
    others = Run.objects.exclude(kind__in=[RunKind.REGISTRY, RunKind.FACTS])
    assert (Job.objects.count(), others.count()) == (jobs_before, 0)
    assert all(
        call.startswith("GET ") for call in world.calls("commercetools", since) + world.calls("aftership", since)
    )


def world_with_gaps(world: World) -> dict[str, Any]:
    """One order whose webhook got lost, and one that nobody told us of: the latter."""
    world.order(parcel(NUMBER))
    world.work()
    lose(world)
    world.scan(world.tracking(NUMBER), "InTransit")
    lost = world.order(parcel(OTHER, "UPS"), number="DE-1002")
    world.work()
    lose(world, 0)
    return lost


def test_drift_is_reported_per_10_000_parcels(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world_with_gaps(world)
    call_command("reconcile")
    out = capsys.readouterr().out
    assert "commercetools:demo: 2 parcels compared, drift 5000.0 per 10,000." in out
    assert "aftership:main: 1 trackings compared, drift 10000.0 per 10,000." in out
    run = Run.objects.get(kind=RunKind.RECONCILE, subject="aftership:main")
    assert Attempt.objects.filter(correlation_id=run.correlation_id, upstream="aftership:main").exists()


def test_values_somebody_else_changed_are_written_again(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    (parcel_id,) = world.carried(order)
    lose(world)
    wrong = {"action": "setParcelCustomField", "parcelId": parcel_id, "name": "tb_status", "value": "delivered"}
    world.change(order, wrong)
    lose(world, 0)
    found = reconciled()
    drain_everything()
    assert (found["order_behind"], found["not_written"]) == (1, 1)
    assert world.carried(order)[parcel_id]["tb_status"] == "pending"


def test_an_order_deleted_without_a_message_is_noticed(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    lose(world)
    world.sandbox.delete_order("demo", order["id"])
    assert reconciled() == {"order_gone": 1}
    drain_everything()
    assert world.our_order(order).deleted_at
    assert world.sandbox.trackings("main") == []


def test_a_lost_push_and_an_order_never_read_are_done(world: World) -> None:
    first = world.order(parcel(NUMBER))
    second = world.order(parcel(OTHER, "UPS"), number="DE-1002")
    world.sandbox.set_dials(aftership={"down": True})
    world.sandbox.wait_idle()
    drain_everything()
    world.sandbox.set_dials(aftership={"down": False})
    AfterShipAccount.objects.update(paused_until=None, pause_seconds=0, failures=0)
    Job.objects.all().delete()
    Order.objects.filter(commercetools_id=second["id"]).delete()
    Order.objects.create(project=world.project, commercetools_id=second["id"], correlation_id="TB-AAAA-AAAA")
    found = reconciled()
    drain_everything()
    assert found == {"job_lost": 1, "order_behind": 1}
    assert wrong_states(world) == []
    assert first["id"] != second["id"]


def test_a_tracking_that_somebody_deleted_at_aftership_is_opened_again(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    tracking = world.tracking(NUMBER)
    connections.aftership(world.account).delete_tracking(tracking.pk)
    assert reconciled() == {"tracking_gone": 1}
    drain_everything()
    assert [one["id"] for one in world.sandbox.trackings("main")] == [tracking.pk]
    assert world.carried(order).popitem()[1]["tb_tracking_id"] == tracking.pk


def test_a_tracking_that_aftership_has_forgotten_keeps_its_history_here(world: World) -> None:
    world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit")
    world.work()
    tracking = world.tracking(NUMBER)
    Tracking.objects.update(opened_at=timezone.now() - timedelta(days=121))
    connections.aftership(world.account).delete_tracking(tracking.pk)
    assert reconciled() == {"forgotten": 1}, "which is no drift"
    drain_everything()
    tracking.refresh_from_db()
    assert (bool(tracking.forgotten_at), tracking.status, tracking.checkpoints.count()) == (True, "in_transit", 1)
    assert world.sandbox.trackings("main") == []
    assert open_problems() == []
    assert reconciled() == {}, "it is not asked for again"


def test_a_tracking_of_our_order_that_no_parcel_shows_is_listed_and_closes_by_itself(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    client = connections.aftership(world.account)
    stranger = client.create_tracking({"tracking_number": OTHER, "slug": "ups", "order_id": order["id"]})
    client.create_tracking({"tracking_number": "1Z999AA10123456785", "slug": "ups"})
    assert reconciled() == {"unknown_tracking": 1}
    ((kind, cause),) = open_problems()
    assert kind == ProblemKind.DRIFT
    assert (
        cause == f"AfterShip has the tracking {stranger['id']} for order DE-1001, and no parcel of the order shows it."
    )
    client.delete_tracking(stranger["id"])
    assert reconciled() == {}
    assert open_problems() == []


def test_a_write_that_gave_up_is_listed_until_it_is_mended(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit")
    world.sandbox.set_dials(commercetools={"fail": [{"status": 413, "count": 1, "match": "POST /demo/orders"}]})
    world.work()
    assert reconciled() == {"write_gave_up": 1}
    drain_everything()
    assert {kind for kind, _ in open_problems()} == {ProblemKind.DRIFT, ProblemKind.DEAD_LETTER}
    call_command("requeue_dead_letters", yes=True)
    drain_everything()
    assert reconciled() == {}
    assert open_problems() == []
    assert world.carried(order).popitem()[1]["tb_status"] == "in_transit"


def test_a_lost_deletion_is_done(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    (parcel_id,) = world.carried(order)
    world.change(order, {"action": "removeParcelFromDelivery", "parcelId": parcel_id})
    world.sandbox.set_dials(aftership={"down": True})
    world.work()
    world.sandbox.set_dials(aftership={"down": False})
    Job.objects.filter(kind=JobKind.RETIRE).delete()
    AfterShipAccount.objects.update(paused_until=None, pause_seconds=0, failures=0)
    assert reconciled() == {"job_lost": 1}
    drain_everything()
    assert world.sandbox.trackings("main") == []


def test_the_nightly_sweep_goes_on_where_a_job_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "ORDERS_AT_ONCE", 2)
    monkeypatch.setattr(reconcile, "RUN_SECONDS", 0.0)
    lose(world)
    orders = [world.order(parcel(f"003404341610940{n:05d}"), number=f"DE-{n}") for n in range(7)]
    lose(world, 0)
    assert reconcile.reconcile_all() == 2
    drain_everything()
    assert wrong_states(world) == []
    project = Run.objects.get(kind=RunKind.RECONCILE, subject="commercetools:demo")
    assert (project.counts, bool(project.finished_at)) == ({"checked": 7, "order_behind": 7}, True)
    assert Order.objects.count() == len(orders)
    assert not Job.objects.filter(kind=JobKind.RECONCILE_ORDERS, last_error_code__gt="").exists()


def test_an_upstream_that_is_down_ends_the_sweep_with_its_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_FAILURES", 0)
    world.sandbox.set_dials(aftership={"down": True})
    with pytest.raises(CommandError, match="Not compared to the end: aftership:main: aftership 503"):
        call_command("reconcile")
    others = Run.objects.get(kind=RunKind.RECONCILE, subject="commercetools:demo")
    assert others.finished_at, "the others were compared all the same"


# ── poll ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_account_without_webhooks_is_kept_up_to_date_by_polls(world: World) -> None:
    world.sandbox.account("main", plan_webhooks=False)
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit")
    world.work()
    assert world.carried(order).popitem()[1]["tb_status"] == "pending"
    before = timezone.now()
    poll.poll_all()
    world.work()
    assert world.carried(order).popitem()[1]["tb_status"] == "in_transit"
    assert world.tracking(NUMBER).received_at > before
    world.account.refresh_from_db()
    assert world.account.polled_until >= before
    since = world.mark()
    poll.poll_all()
    world.work()
    assert world.calls("commercetools", since) == [], "nothing new, nothing written"
    job = Job.objects.get(kind=JobKind.POLL)
    assert (job.priority, job.upstream) == (10, "aftership:main")
    assert Attempt.objects.filter(correlation_id=job.correlation_id, endpoint="GET /trackings").exists()


def test_a_poll_that_is_refused_pauses_the_account_and_goes_on_later(world: World) -> None:
    world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit", webhook=False)
    world.sandbox.account("main", api_key="asat_other")
    poll.poll_all()
    world.work()
    world.account.refresh_from_db()
    assert (world.account.polled_until, world.account.pause_seconds) == (None, 30)
    assert [kind for kind, _ in open_problems()] == [ProblemKind.UPSTREAM_PAUSED]
    world.sandbox.account("main", api_key="asat_main")
    AfterShipAccount.objects.update(paused_until=timezone.now())
    Job.objects.update(next_attempt_at=timezone.now())
    world.work()
    assert world.tracking(NUMBER).status == "in_transit"
    assert open_problems() == []


def test_a_long_outage_is_caught_up_slice_by_slice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll, "MOST_IN_SLICE", 3)
    monkeypatch.setattr(poll, "RUN_SECONDS", 0.0)
    for n in range(8):
        world.order(parcel(f"003404341610940{n:05d}"), number=f"DE-{n}")
    world.work()
    start = timezone.now() - timedelta(hours=80)
    AfterShipAccount.objects.update(polled_until=start)
    for n, tracking in enumerate(Tracking.objects.all()):
        at = start + timedelta(hours=10 * n)
        updated_at = at.astimezone(UTC).isoformat(timespec="seconds")
        Tracking.objects.filter(pk=tracking.pk).update(updated_at=at - timedelta(minutes=1))
        world.scan(tracking, "InTransit", webhook=False, updated_at=updated_at)
    poll.poll_all()
    world.work()
    assert set(Tracking.objects.values_list("status", flat=True)) == {"in_transit"}
    world.account.refresh_from_db()
    assert world.account.polled_until > timezone.now() - timedelta(minutes=1)
    assert Job.objects.get(kind=JobKind.POLL).want > 2, "in several runs"


# ── order of messages ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_jump_in_the_sequence_reads_the_order_again(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    assert world.our_order(order).sequence_number == len(world.sandbox.messages("demo"))
    lose(world)
    (delivery,) = order["shippingInfo"]["deliveries"]
    data = {"trackingData": {"trackingId": OTHER, "carrier": "UPS"}}
    world.change(order, {"action": "addParcelToDelivery", "deliveryId": delivery["id"], **data})
    lose(world, 0)
    world.change(order, {"action": "changeShipmentState", "shipmentState": "Ready"})
    world.work()
    receipt = Receipt.objects.get(event="OrderShipmentStateChanged")
    assert receipt.outcome.startswith("the order will be read: messages before number")
    assert len(world.carried(order)) == 2
    assert world.tracking(OTHER).opened_at


def test_a_message_without_a_jump_that_changes_nothing_costs_nothing(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    since = world.mark()
    world.change(order, {"action": "changeShipmentState", "shipmentState": "Ready"})
    world.work()
    assert world.calls("commercetools", since) == []
    assert world.our_order(order).sequence_number == len(world.sandbox.messages("demo"))


# ── backfill ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_backfill_loads_what_was_there_before_us_behind_live_work(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    lose(world)
    orders = [world.order(parcel(f"003404341610940{n:05d}"), number=f"DE-{n}") for n in range(5)]
    lose(world, 0)
    since = datetime.now(UTC) - timedelta(days=1)
    call_command("backfill", "demo", since=since, dry_run=True)
    assert "5 orders, 5 parcels. New orders would be stored: 5." in capsys.readouterr().out
    assert not Order.objects.exists()
    call_command("backfill", "demo", since=since)
    assert "5 orders, 5 parcels. New orders stored: 5." in capsys.readouterr().out
    assert set(Job.objects.values_list("kind", "priority")) == {(JobKind.PUSH, 10)}
    drain_everything()
    assert wrong_states(world) == []
    mark = world.mark()
    call_command("backfill", "demo", since=since)
    drain_everything()
    assert [call for call in world.calls("commercetools", mark) if call.startswith("POST")] == []
    assert world.calls("aftership", mark) == []
    assert len(orders) == Order.objects.count()


def test_an_interrupted_backfill_goes_on_where_it_stood(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "PAGE", 2)
    lose(world)
    for n in range(7):
        world.order(parcel(f"003404341610940{n:05d}"), number=f"DE-{n}")
    lose(world, 0)
    since, stored, taken = datetime.now(UTC) - timedelta(days=1), backfill.store_order, []

    def interrupted(order: Order, *arguments: Any) -> Order:
        if len(taken) == 5:
            raise KeyboardInterrupt
        taken.append(order.commercetools_id)
        return stored(order, *arguments)

    monkeypatch.setattr(backfill, "store_order", interrupted)
    with pytest.raises(SystemExit):
        call_command("backfill", "demo", since=since)
    run = Run.objects.get(kind=RunKind.BACKFILL)
    assert (run.counts["orders"], run.finished_at) == (4, None)
    monkeypatch.setattr(backfill, "store_order", stored)
    with pytest.raises(CommandError, match="is unfinished: finish it first"):
        call_command("backfill", "demo", since=since - timedelta(days=1))
    call_command("backfill", "demo", since=since)
    run.refresh_from_db()
    assert (run.counts, bool(run.finished_at)) == ({"orders": 7, "parcels": 7, "new": 6}, True)
    assert Order.objects.count() == 7


# ── fences ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_last_years_delivery_of_a_used_number_is_not_shown_and_heals_with_the_first_news(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    tracking = world.tracking(NUMBER)
    world.scan(tracking, "InTransit", checkpoint_time="2025-11-01T10:00:00+01:00", eta="2025-11-03")
    world.scan(tracking, "Delivered", checkpoint_time="2025-11-03T10:00:00+01:00")
    world.work()
    carried = world.carried(order).popitem()[1]
    assert carried["tb_status"] == "pending"
    assert not {"tb_message", "tb_delivered_at", "tb_eta", "tb_checkpoint_at", "tb_location"} & carried.keys()
    assert [kind for kind, _ in open_problems()] == [ProblemKind.NUMBER_REUSED]
    tracking.refresh_from_db()
    assert (tracking.is_fenced, tracking.status) == (True, ParcelStatus.PENDING)
    assert set(Checkpoint.objects.values_list("is_fenced", flat=True)) == {True}
    world.scan(tracking, "InTransit", message="Accepted")
    world.work()
    carried = world.carried(order).popitem()[1]
    assert (carried["tb_status"], carried["tb_message"]) == ("in_transit", "Accepted")
    assert not {"tb_delivered_at", "tb_eta"} & carried.keys()
    assert open_problems() == []
    assert Checkpoint.objects.filter(is_fenced=False).count() == 1


def test_a_return_of_the_parcel_before_is_no_return_of_this_one(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    tracking = world.tracking(NUMBER)
    world.scan(tracking, "Exception", "Exception_010", checkpoint_time="2025-11-01T10:00:00+01:00")
    world.scan(tracking, "InTransit")
    world.work()
    assert world.carried(order).popitem()[1]["tb_status"] == "in_transit"


def test_a_number_used_for_a_second_order_after_the_first_came_to_its_end_is_tracked_anew(world: World) -> None:
    first = world.order(parcel(NUMBER))
    world.work()
    old = world.tracking(NUMBER)
    world.scan(old, "Delivered")
    world.work()
    Tracking.objects.update(updated_at=timezone.now() - timedelta(days=200))
    second = world.order(parcel(NUMBER), number="DE-1002")
    world.work()
    for job in Job.objects.filter(kind=JobKind.PUSH):
        Job.objects.filter(pk=job.pk).update(next_attempt_at=timezone.now())
    world.work()
    assert world.carried(first).popitem()[1]["tb_status"] == "delivered"
    assert world.carried(second).popitem()[1]["tb_status"] == "pending"
    assert world.tracking(NUMBER).pk != old.pk


def test_one_number_on_two_orders_serves_both(world: World) -> None:
    orders = [world.order(parcel(NUMBER), number=f"DE-{n}") for n in range(2)]
    world.work()
    world.scan(world.tracking(NUMBER), "Delivered")
    world.work()
    assert [world.carried(order).popitem()[1]["tb_status"] for order in orders] == ["delivered", "delivered"]
    assert len(world.sandbox.trackings("main")) == 1


# ── replay, requeue ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_replaying_the_whole_inbox_writes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit")
    world.work()
    with pytest.raises(CommandError, match="Say which"):
        call_command("replay_receipts")
    call_command("replay_receipts", source="aftership", dry_run=True)
    assert "1 receipts would be replayed." in capsys.readouterr().out
    assert not Receipt.objects.filter(state=ReceiptState.PENDING).exists()
    since, count = world.mark(), Receipt.objects.count()
    call_command("replay_receipts", since=timezone.now() - timedelta(hours=1))
    assert f"{count} receipts are pending again." in capsys.readouterr().out
    world.work()
    assert [call for call in world.calls("commercetools", since) if call.startswith("POST")] == []


def test_dead_letters_are_shown_by_cause_and_requeued_on_demand(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    order = world.order(parcel(NUMBER))
    world.sandbox.set_dials(commercetools={"fail": [{"status": 413, "count": 1, "match": "POST /demo/orders"}]})
    world.work()
    assert Job.objects.get(dead_at__isnull=False).kind == JobKind.WRITE_BACK
    call_command("requeue_dead_letters", project="demo", kind="write_back")
    out = capsys.readouterr().out
    assert "1  write_back, commercetools:demo, " in out
    assert "1 dead letters. With --yes they are made due again." in out
    call_command("requeue_dead_letters", code="no-such-code", yes=True)
    assert Job.objects.filter(dead_at__isnull=False).exists()
    call_command("requeue_dead_letters", account="main", yes=True)
    assert Job.objects.filter(dead_at__isnull=False).exists()
    call_command("requeue_dead_letters", project="demo", yes=True)
    world.work()
    assert world.carried(order).popitem()[1]["tb_status"] == "pending"
    assert open_problems() == []


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_both_clocks_are_kept(world: World) -> None:
    world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit")
    world.work()
    received_at = Receipt.objects.get(source="aftership").received_at
    assert world.tracking(NUMBER).received_at == received_at
    assert Parcel.objects.get().written_at > received_at
    assert not Problem.objects.exists()
