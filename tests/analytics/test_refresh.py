"""From a changed row to figures: nothing forgotten, nothing counted twice."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from analytics import rebuild, refresh
from analytics.facts import VERSION
from analytics.models import DayBucket, DayCount, FigureState, ParcelFact
from analytics.names import COUNTS
from stores.models import Route
from tests.analytics.worlds import MONDAY, World, told
from tests.factories import make_contact, make_message, make_order, make_parcel, make_route
from tracking.enums import JobKind
from tracking.models import Change, Contact, Job, Message, Order, Parcel, Tracking
from tracking.services.pump import drain_everything

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def sums() -> tuple[dict[str, int], int]:
    """All counts of the hand-over cohort that are not zero, and how many buckets hold something."""
    rows = DayCount.objects.filter(cohort=0)
    totals = {name: sum(getattr(row, name) for row in rows) for name in COUNTS}
    return {name: n for name, n in totals.items() if n}, DayBucket.objects.count()


@pytest.fixture
def world() -> World:
    world = World()
    Change.objects.all().delete()
    return world


def marks() -> list[tuple[str, str]]:
    found = sorted(Change.objects.values_list("kind", "subject"))
    Change.objects.all().delete()
    return found


# ── marks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_way_to_change_a_row_leaves_a_mark(world: World) -> None:
    parcel = world.parcel()
    assert marks() == [("parcel", str(parcel.pk))]
    Tracking.objects.update(status="lost")
    assert marks() == [("tracking", parcel.tracking_id)]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tracking_order SET order_state = 'Cancelled'")
    assert marks() == [("order", str(parcel.order_id))]
    parcel.removed_at = MONDAY
    parcel.save()
    assert marks() == [("parcel", str(parcel.pk))]


def test_what_no_figure_asks_for_leaves_none(world: World) -> None:
    parcel = world.parcel()
    marks()
    parcel.save()
    Tracking.objects.update(last_message="Still on its way", status="delivered")
    Order.objects.update(version=9)
    assert marks() == []


def test_warning_and_asking_leave_a_mark_and_other_mails_and_tickets_none(world: World) -> None:
    parcel = world.parcel("exception", exception=4)
    marks()
    message = make_message(parcel, kind="exception", state="sending", sent_at=None)
    make_message(parcel, kind="in_transit")
    make_contact(parcel.order, cause="none")
    assert marks() == []
    Message.objects.filter(pk=message.pk).update(state="sent", sent_at=MONDAY)
    assert marks() == [("parcel", str(parcel.pk))]
    Message.objects.filter(pk=message.pk).update(delivered_at=MONDAY, state="complained")
    assert marks() == []
    Message.objects.filter(pk=message.pk).update(state="bounced")
    assert marks() == [("parcel", str(parcel.pk))]
    make_contact(parcel.order, cause="late")
    assert marks() == [("order", str(parcel.order_id))]


def test_warned_is_who_heard_of_it_before_asking(world: World) -> None:
    parcel = world.parcel("exception", exception=4)
    assert world.figure("warned_first").numerator == 0
    mail = make_message(parcel, kind="delayed", sent_at=MONDAY + timedelta(hours=5))
    assert world.figure("warned_first").numerator == 1
    make_contact(parcel.order, cause="late", opened_at=MONDAY + timedelta(hours=6))
    assert world.figure("warned_first").numerator == 1
    make_contact(parcel.order, cause="stalled", opened_at=MONDAY + timedelta(hours=4))
    assert world.figure("warned_first").numerator == 0
    Contact.objects.all().delete()
    Message.objects.filter(pk=mail.pk).update(state="bounced")
    assert (world.figure("warned_first").numerator, world.figure("warned_first").denominator) == (0, 1)


def test_a_change_that_is_undone_leaves_no_mark(world: World) -> None:
    world.parcel()
    marks()
    with transaction.atomic():
        Tracking.objects.update(status="lost")
        transaction.set_rollback(True)
    assert marks() == []


# ── counted ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_parcel_is_counted_once_however_often_it_is_refreshed(world: World) -> None:
    parcel = world.parcel(scan=10, attempt=34, delivered=34)
    refresh.drain()
    first = sums()
    assert first[0]["created"] == first[0]["delivered"] == first[0]["attempts"] == 1
    assert refresh.refresh([parcel.pk, parcel.pk]) == 0
    told(parcel.tracking, received_at=MONDAY)
    refresh.drain()
    assert sums() == first
    assert not Change.objects.exists()


def test_a_change_moves_what_was_counted(world: World) -> None:
    parcel = world.parcel("in_transit", scan=10)
    refresh.drain()
    assert {"open", "tracked", "scanned"} <= sums()[0].keys()
    told(parcel.tracking, status="lost")
    refresh.drain()
    found, _ = sums()
    assert (found["lost"], found.get("open"), found["created"]) == (1, None, 1)


def test_another_day_and_slice_take_the_parcel_along(world: World) -> None:
    parcel = world.parcel("in_transit", scan=10)
    refresh.drain()
    told(parcel.tracking, courier="ups")
    Parcel.objects.update(shipped_at=MONDAY + timedelta(days=3))
    refresh.drain()
    rows = DayCount.objects.filter(cohort=0, created__gt=0).values_list("day", "slice__courier", "created")
    assert [(str(day), courier, n) for day, courier, n in rows] == [("2026-10-08", "ups", 1)]


def test_removed_parcels_and_cancelled_orders_count_for_nothing(world: World) -> None:
    parcel, other = world.parcel(scan=10), world.parcel(scan=10)
    refresh.drain()
    Parcel.objects.filter(pk=parcel.pk).update(removed_at=MONDAY)
    Order.objects.filter(pk=other.order_id).update(order_state="Cancelled")
    refresh.drain()
    assert sums() == ({}, 0)
    assert set(ParcelFact.objects.values_list("is_counted", flat=True)) == {False}


def test_a_parcel_that_waits_for_its_number_is_not_counted(world: World) -> None:
    make_parcel(make_order(world.store.project))
    refresh.drain()
    assert sums() == ({}, 0)


def test_figures_outlive_the_rows_they_were_made_of(world: World) -> None:
    parcel = world.parcel(scan=10)
    refresh.drain()
    before = sums()
    parcel.order.delete()
    refresh.drain()
    call_command("rebuild_facts")
    assert sums() == before


def test_what_was_promised_stays_promised_when_the_route_changes(world: World) -> None:
    route = make_route(world.store.project, promise_days=3)
    parcel = world.parcel(promise=3, shown={"route": route})
    Route.objects.update(promise_days=9)
    refresh.refresh([parcel.pk])
    fact = ParcelFact.objects.get()
    assert (fact.promise_days, str(fact.promised_on)) == (3, "2026-10-07")


def test_the_database_refuses_a_negative_count(world: World) -> None:
    world.parcel(scan=10)
    refresh.drain()
    with pytest.raises(IntegrityError), transaction.atomic():
        DayCount.objects.update(created=-1)
    with pytest.raises(IntegrityError), transaction.atomic():
        DayBucket.objects.update(number=-1)


def test_one_that_cannot_be_counted_holds_up_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = world.parcel(scan=10), world.parcel(scan=11)
    made = refresh.fact_of

    def fails(row: dict[str, object], now: object) -> ParcelFact:
        if row["pk"] == bad.pk:
            raise ZeroDivisionError
        return made(row, now)

    monkeypatch.setattr(refresh, "fact_of", fails)
    with pytest.raises(refresh.NotCountedError, match="1 changes"):
        refresh.drain()
    assert list(ParcelFact.objects.values_list("pk", flat=True)) == [good.pk]
    monkeypatch.undo()
    assert refresh.drain() == 1
    assert sums()[0]["created"] == 2


# ── who runs it ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_work_once_brings_figures_up_to_date(world: World) -> None:
    world.parcel(scan=10)
    drain_everything()
    assert sums()[0]["created"] == 1
    job = Job.objects.get(kind=JobKind.FACTS)
    assert (job.want, job.done, job.dead_at) == (1, 1, None)


def test_other_definitions_are_rebuilt_before_anything_is_added(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.parcel(scan=10)
    drain_everything()
    FigureState.objects.update(version=0)
    DayCount.objects.update(delivered=5)
    ParcelFact.objects.update(version=0)
    world.parcel(scan=10)
    drain_everything()
    assert FigureState.objects.get().version == VERSION
    assert set(ParcelFact.objects.values_list("version", flat=True)) == {VERSION}
    assert sums()[0]["delivered"] == 2


# ── rebuilt ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rebuild_mends_sums_that_drifted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.parcel(scan=10, attempt=34, delivered=34)
    world.parcel("in_transit", scan=30)
    refresh.drain()
    before = sums()
    DayCount.objects.update(created=7, lost=3)
    DayBucket.objects.filter(spread=1).delete()
    call_command("rebuild_facts")
    assert sums() == before
    assert "2 facts, 0 of them changed; 5 day sums checked, 5 mended; 1 days of shoppers" in capsys.readouterr().out


def test_a_rebuild_goes_on_where_it_was_interrupted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for hours in range(5):
        world.parcel(scan=hours)
    monkeypatch.setattr(rebuild, "PAGE", 2)
    run = rebuild.begin()
    walk = rebuild.walk(run)
    next(walk)
    next(walk)
    assert rebuild.begin().cursor == {"part": 1, "at": [sorted(Parcel.objects.values_list("pk", flat=True))[3]]}
    call_command("rebuild_facts")
    run.refresh_from_db()
    assert (run.counts["parcels"], run.finished_at is not None) == (5, True)
    assert sums()[0]["created"] == 5


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_the_same_parcel_count_it_once() -> None:
    world = World()
    parcel = world.parcel("in_transit", scan=10)
    refresh.drain()
    others = [world.parcel("in_transit", scan=hours) for hours in range(20)]
    together, failures = threading.Barrier(2), list[Exception]()

    def work(status: str) -> None:
        try:
            together.wait(10)
            for _ in range(5):
                told(parcel.tracking, status=status)
                refresh.refresh([parcel.pk])
                refresh.drain()
        except Exception as error:  # noqa: BLE001 told by the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(status,)) for status in ("lost", "delivered")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    refresh.drain()
    assert failures == []
    found, _ = sums()
    assert found["created"] == len(others) + 1
    assert found.get("lost", 0) + found.get("delivered", 0) == 1
