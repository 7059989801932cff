"""Several workers at once, on a real PostgreSQL: nothing twice, nothing lost, the newest wins."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ

from stores.models import RateBudget
from tests.factories import (
    make_account,
    make_job,
    make_order,
    make_parcel,
    make_project,
    make_receipt,
    make_route,
    make_tracking,
)
from tests.plugin import IS_SQLITE
from tests.tracking.services.snapshots import START, document, receipt, scan
from tests.tracking.services.threads import at_once, flat
from tracking import tasks
from tracking.clients.errors import BudgetSpent
from tracking.enums import JobKind, ProblemKind, ReceiptState, Source
from tracking.models import Job, Parcel, Problem, Receipt, Refusal, Tracking
from tracking.payloads.from_aftership import TrackingSnapshot
from tracking.services import apply_update, budget, jobs, link, problems, pump
from tracking.services.receive import count_refusal, store_receipts

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(IS_SQLITE, reason="SQLite has one writer at a time"),
]


# ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_four_workers_never_get_one_job_twice() -> None:
    for _ in range(200):
        make_job()

    def claim_all() -> list[int]:
        mine: list[int] = []
        while claimed := jobs.claim(3):
            mine += [job.pk for job in claimed]
        return mine

    claimed = flat(at_once(*[claim_all] * 4))
    # A claim may come back with nothing while others hold all that is due; what is left then is simply still due.
    claimed += claim_all()
    assert sorted(claimed) == sorted(Job.objects.values_list("pk", flat=True))
    assert set(Job.objects.values_list("attempts", flat=True)) == {1}


def test_wishes_of_four_workers_all_count() -> None:
    def wish() -> None:
        for number in range(25):
            subjects = [str(subject) for subject in range(5)]
            order = subjects if number % 2 else subjects[::-1]  # no deadlock, whatever the order
            jobs.want(jobs.Wish(JobKind.PUSH, subject, "aftership:main", "K7MQ-2XRT") for subject in order)

    at_once(*[wish] * 4)
    assert list(Job.objects.values_list("want", flat=True)) == [100] * 5


def test_a_wish_beside_the_end_of_a_run_is_never_lost() -> None:
    """However the two meet: either the run ended before the wish, or it has to run once more."""
    for number in range(20):
        job = make_job(kind=JobKind.PUSH, subject=f"t-{number}", want=1)
        (claimed,) = jobs.claim(1)
        wish = jobs.Wish(JobKind.PUSH, f"t-{number}", "aftership:main", "K7MQ-2XRT")
        at_once(lambda claimed=claimed: jobs.finish(claimed), lambda wish=wish: jobs.want([wish]))
        job.refresh_from_db()
        assert (job.want, job.done) == (2, 1)
        jobs.finish(jobs.claim(1)[0])


# ── receipts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def drain_all() -> None:
    while Receipt.objects.filter(state=ReceiptState.PENDING).exists():
        pump.drain_receipts(20)


def test_two_pumps_handle_each_receipt_once_and_the_newest_state_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_account(key="main")
    trackings = [make_tracking(account, updated_at=None) for _ in range(6)]
    for tracking in trackings:
        make_parcel(make_order(ordered_at=START - timedelta(days=1)), tracking)
    for hour in (*range(1, 31, 2), *range(30, 0, -2)):  # later ones first from the middle on
        for tracking in trackings:
            scans = [scan(number) for number in range(1, hour + 1)]
            msg = document(tracking.pk, hour, subtag_message=f"hour {hour}", checkpoints=scans)
            receipt(msg, endpoint="main")
    handled: Counter[int] = Counter()
    real = pump.apply_receipts

    def counting(receipts: list[Receipt]) -> None:
        real(receipts)
        handled.update(one.pk for one in receipts)

    monkeypatch.setattr(pump, "apply_receipts", counting)
    at_once(drain_all, drain_all, drain_all)
    assert set(handled.values()) == {1}
    assert len(handled) == Receipt.objects.filter(state=ReceiptState.DONE).count() == 180
    for tracking in Tracking.objects.all():
        assert tracking.subtag_message == "hour 30"
        assert tracking.checkpoints.count() == 30
    assert Job.objects.filter(kind=JobKind.WRITE_BACK).count() == 6


@pytest.mark.parametrize("newest_first", [True, False])
def test_two_webhooks_of_one_parcel_in_two_workers_at_once_end_in_the_newest_state(
    monkeypatch: pytest.MonkeyPatch, newest_first: bool
) -> None:
    account = make_account(key="main")
    tracking = make_tracking(account, updated_at=None)
    early = receipt(document(tracking.pk, 1, checkpoints=[scan(1)]), endpoint="main")
    late = receipt(document(tracking.pk, 2, "Delivered", "Delivered_001", checkpoints=[scan(2)]), endpoint="main")
    first, second = (late, early) if newest_first else (early, late)
    has_judged, real = threading.Event(), apply_update.is_newer

    def slow_to_write(snapshot: TrackingSnapshot, known: Tracking) -> bool:
        verdict = real(snapshot, known)
        if not has_judged.is_set():
            has_judged.set()
            is_over.wait(0.5)  # the other one gets every chance to come in between
        return verdict

    is_over = threading.Event()
    monkeypatch.setattr(apply_update, "is_newer", slow_to_write)

    def one_worker() -> None:
        pump.drain_one(first.pk)

    def the_other() -> None:
        has_judged.wait(60)
        pump.drain_one(second.pk)
        is_over.set()

    at_once(one_worker, the_other)
    tracking.refresh_from_db()
    assert (tracking.tag, tracking.updated_at) == (
        "Delivered",
        apply_update.from_aftership.parse_utc("2026-11-20T10:00:00Z"),
    )
    assert tracking.checkpoints.count() == 2


def test_one_event_that_comes_four_times_at_once_is_one_receipt() -> None:
    bodies = [b'{"event_id": "%d"}' % number for number in range(30)]
    new = at_once(*[lambda: store_receipts(Source.AFTERSHIP, "main", bodies, {}, "RQST-CODE")] * 4)
    assert sum(new) == Receipt.objects.count() == 30


def test_refusals_that_come_at_once_are_all_counted() -> None:
    def refuse() -> None:
        for _ in range(25):
            count_refusal(Source.AFTERSHIP, "main", "signature_wrong")

    at_once(*[refuse] * 4)
    assert Refusal.objects.get().count == 100


# ── trackings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_orders_that_show_a_new_number_at_once_share_one_tracking() -> None:
    project = make_project()
    make_route(project)
    parcels = [make_parcel(make_order(project), tracking_number="1Z999AA10123456784") for _ in range(4)]

    def link_one(parcel: Parcel) -> None:
        with transaction.atomic():
            link.link_parcel(parcel.order, parcel)

    at_once(*[lambda parcel=parcel: link_one(parcel) for parcel in parcels])
    assert set(Parcel.objects.values_list("tracking", flat=True)) == {Tracking.objects.get().pk}
    assert Job.objects.get().kind == JobKind.PUSH


def test_a_tracking_is_not_retired_while_another_order_just_takes_it_up() -> None:
    """Order one gives its number up in the moment in which order two shows it."""
    project = make_project()
    route = make_route(project)
    tracking = make_tracking(route.account, tracking_number="1Z999AA10123456784", requested_courier="")
    leaving = make_parcel(make_order(project), tracking)
    coming = make_parcel(make_order(project), tracking_number="1Z999AA10123456784")
    has_taken, is_over = threading.Event(), threading.Event()

    def leave() -> None:
        with transaction.atomic():
            Parcel.objects.filter(pk=leaving.pk).update(removed_at=timezone.now())
            has_taken.wait(60)  # two has chosen the tracking, but nobody can see that yet
            link.retire_unused([tracking.pk], "the parcel was removed")
        is_over.set()

    def come() -> None:
        with transaction.atomic():
            coming.tracking = link.choose_tracking(coming.order, coming)
            has_taken.set()
            is_over.wait(0.5)
            coming.save()

    at_once(leave, come)
    assert Parcel.objects.get(pk=coming.pk).tracking == Tracking.objects.get(retired_at=None)


def test_a_tracking_that_is_just_being_retired_is_not_taken_up_by_another_order() -> None:
    """The same the other way round: order two comes while order one has decided but not yet said so."""
    project = make_project()
    route = make_route(project)
    tracking = make_tracking(route.account, tracking_number="1Z999AA10123456784", requested_courier="")
    leaving = make_parcel(make_order(project), tracking)
    coming = make_parcel(make_order(project), tracking_number="1Z999AA10123456784")
    has_decided, is_over = threading.Event(), threading.Event()

    def leave() -> None:
        with transaction.atomic():
            Parcel.objects.filter(pk=leaving.pk).update(removed_at=timezone.now())
            link.retire_unused([tracking.pk], "the parcel was removed")
            has_decided.set()
            is_over.wait(0.5)

    def come() -> None:
        has_decided.wait(60)
        with transaction.atomic():
            link.link_parcel(coming.order, coming)
        is_over.set()

    at_once(leave, come)
    assert Parcel.objects.get(pk=coming.pk).tracking == Tracking.objects.get(retired_at=None)
    assert Tracking.objects.get(pk=tracking.pk).retired_at


# ── the rest that is shared ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_problem_that_four_workers_find_at_once_is_open_once() -> None:
    tracking = make_tracking()

    def find() -> None:
        problems.open_problem(ProblemKind.UNKNOWN_STATUS, tracking, "'Teleported'", correlation_id="K7MQ-2XRT")

    at_once(*[find] * 4)
    assert Problem.objects.get().occurrences == 4


def test_four_kicks_at_once_queue_one_pump() -> None:
    for _ in range(3):
        tasks.Heartbeat.objects.all().delete()
        OrmQ.objects.all().delete()
        tasks.memory.forget()
        assert sorted(at_once(*[tasks.kick] * 4)) == [False, False, False, True]
        assert OrmQ.objects.count() == 1


def test_the_budget_is_one_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still, sleeping is noted: so the slots that were given show exactly."""
    account, started_at, slept = make_account(), 1_800_000_000.0, []
    monkeypatch.setattr(budget.time, "time", lambda: started_at)
    monkeypatch.setattr(budget.time, "sleep", slept.append)

    def take(number: int) -> int:
        for taken in range(number):
            try:
                budget.SharedBudget(account).acquire("GET /trackings/{id}")
            except BudgetSpent:
                return taken
        return number

    taken = at_once(*[lambda: take(10)] * 4)
    assert sum(taken) == 7  # nine tenths of 5 a second, and what lies further off than 1.5 s is not taken
    assert [round(seconds, 3) for seconds in sorted(slept)] == [0, 0.222, 0.444, 0.667, 0.889, 1.111, 1.333]
    assert RateBudget.objects.get().next_free_at == pytest.approx(started_at + 7 / 4.5)


def test_a_run_in_threads_does_each_job_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.JOB_THREADS = 4
    ran: Counter[str] = Counter()
    monkeypatch.setitem(pump.HANDLERS, JobKind.PUSH, lambda subject: ran.update([subject]))
    for number in range(60):
        make_job(kind=JobKind.PUSH, subject=f"t-{number}")
    for _ in range(5):
        make_receipt(state=ReceiptState.DONE)
    with pump.ThreadPoolExecutor(4) as pool:
        monkeypatch.setattr(pump, "threads", lambda: pool)
        monkeypatch.setattr(pump, "run_job", closing(pump.run_job))
        total = pump.drain_everything()
    assert total.jobs == len(ran) == sum(ran.values()) == 60
    assert not Job.objects.exclude(want=1, done=1).exists()


@pytest.fixture
def eight_threads(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.JOB_THREADS = 8
    with pump.ThreadPoolExecutor(8) as pool:
        monkeypatch.setattr(pump, "threads", lambda: pool)
        monkeypatch.setattr(pump, "run_job", closing(pump.run_job))
        yield
    pump.under_way().clear()


@pytest.fixture
def hanging(eight_threads: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """20 jobs of one connection, due before all others, that end only when this is set."""
    hanging = Event()
    monkeypatch.setitem(pump.HANDLERS, JobKind.PUSH, lambda subject: hanging.wait(60))
    for number in range(20):
        make_job(kind=JobKind.PUSH, subject=f"t-{number}", upstream="aftership:silent")
    yield hanging
    hanging.set()


def test_a_connection_that_never_answers_leaves_threads_to_its_neighbours(
    hanging: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setitem(pump.HANDLERS, JobKind.RETIRE, ran.append)
    for number in range(20):
        make_job(kind=JobKind.RETIRE, subject=f"t-{number}", upstream="aftership:sound")
    runner = pump.Runner()
    ends_at = time.monotonic() + 60
    while len(ran) < 20 and time.monotonic() < ends_at:
        runner.start_due()
        runner.wait(0.05)
    assert len(ran) == 20
    assert Job.objects.filter(kind=JobKind.PUSH, attempts=1).count() == 6


def test_a_pump_does_not_wait_for_a_call_that_hangs_and_the_next_one_counts_it_in(hanging: Event) -> None:
    assert pump.pump(0.5).jobs == 6
    assert pump.pump(0.5).jobs == 0, "its threads are still taken"
    hanging.set()
    assert pump.pump(60).jobs == 14
    assert not Job.objects.exclude(want=1, done=1).exists()


def closing(run: Any) -> Any:
    """The same, but the thread leaves no connection behind that would keep the test database from being dropped."""

    def run_and_close(*arguments: Any) -> None:
        try:
            run(*arguments)
        finally:
            pump.transaction.get_connection().close()

    return run_and_close
