"""Two transactions that wait for each other: PostgreSQL undoes ours, and what it was about is simply done again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections, transaction
from django.utils import timezone

from tests.end_to_end.world import World, parcel
from tracking.enums import JobKind, ReceiptState
from tracking.models import Job, Parcel, Problem, Receipt, Tracking
from tracking.services.pump import Runner, drain_receipts

pytestmark = pytest.mark.skipif(
    "sqlite" in django_settings.DATABASES["default"]["ENGINE"], reason="SQLite has one writer at a time"
)
FIRST, SECOND = "00340434161094000001", "00340434161094000002"
WAITS_FOR_LOCK = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@contextmanager
def rival(holds: Tracking, wants: Tracking) -> Iterator[None]:
    """Somebody who locked one tracking before us, and wants the other once we hold it. Of the two, we are undone."""
    has_lock = threading.Event()

    def lock_both() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '60s'")
                Tracking.objects.select_for_update().get(pk=holds.pk)
                has_lock.set()
                ends_at = time.monotonic() + 30
                cursor.execute(WAITS_FOR_LOCK)
                while cursor.fetchone() == (0,) and time.monotonic() < ends_at:
                    time.sleep(0.01)
                    cursor.execute(WAITS_FOR_LOCK)
                Tracking.objects.select_for_update().get(pk=wants.pk)
        finally:
            connections.close_all()

    with connection.cursor() as cursor:
        cursor.execute("SET deadlock_timeout = '2s'")
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lock_both)
        assert has_lock.wait(30)
        yield
        other.result(timeout=60)


def start_jobs() -> None:
    runner = Runner()
    assert runner.start_due(ignore_debounce=True)


def test_an_order_that_meets_a_deadlock_over_shared_numbers_is_taken_in_at_the_next_try(world: World) -> None:
    world.order(parcel(FIRST), parcel(SECOND))
    world.work()
    first, second = world.tracking(FIRST), world.tracking(SECOND)
    world.order(parcel(FIRST), parcel(SECOND), number="DE-1002")
    world.sandbox.wait_idle()
    drain_receipts()
    with rival(holds=second, wants=first):
        start_jobs()
    job = Job.objects.get(kind=JobKind.COLLECT, attempts__gt=0)
    assert (job.attempts, job.dead_at, job.last_error_code) == (1, None, "deadlock")
    assert job.want > job.done
    assert not Parcel.objects.filter(order__order_number="DE-1002").exists()
    Job.objects.filter(pk=job.pk).update(next_attempt_at=timezone.now())
    world.work()
    assert set(Parcel.objects.filter(order__order_number="DE-1002").values_list("tracking", flat=True)) == {
        first.pk,
        second.pk,
    }
    assert not Job.objects.filter(dead_at__isnull=False).exists()
    assert not Problem.objects.exists()


def test_a_batch_of_webhooks_that_meets_a_deadlock_is_taken_in_one_by_one(world: World) -> None:
    world.order(parcel(FIRST), parcel(SECOND))
    world.work()
    lower, higher = sorted([world.tracking(FIRST), world.tracking(SECOND)], key=lambda tracking: tracking.pk)
    for tracking in (lower, higher):
        world.scan(tracking, "InTransit")
    world.sandbox.wait_idle()
    assert Receipt.objects.filter(state=ReceiptState.PENDING).count() == 2
    with rival(holds=higher, wants=lower):
        assert drain_receipts() == 2
    assert Receipt.objects.filter(state=ReceiptState.PENDING).count() == 0
    assert set(Tracking.objects.values_list("status", flat=True)) == {"in_transit"}
