"""AfterShip's rates are kept by all workers together; live traffic goes before bulk. The sandbox's journal judges."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from config.env import BASE_DIR
from stores.models import RateBudget
from tests.end_to_end.world import World, parcel
from tests.factories import make_order, make_parcel, make_project, make_tracking
from tracking.clients.aftership import RATES
from tracking.enums import JobKind
from tracking.models import Job
from tracking.services import budget, jobs, pump
from tracking.services.connections import upstream_key

ENDPOINT, BULK = "POST /trackings", 90
NUMBER = "00340434161094000001"
NOTE = """
CREATE TABLE claims (job bigint);
CREATE TABLE slots (endpoint text, next_free_at double precision);
CREATE FUNCTION count_claim() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN INSERT INTO claims VALUES (new.id); RETURN NULL; END';
CREATE TRIGGER count_claims AFTER UPDATE ON tracking_job FOR EACH ROW
    WHEN (new.attempts > old.attempts AND new.kind IN ('push', 'retire')) EXECUTE FUNCTION count_claim();
CREATE FUNCTION note_slot() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN INSERT INTO slots VALUES (new.endpoint, new.next_free_at); RETURN NULL; END';
CREATE TRIGGER note_slots AFTER UPDATE ON stores_ratebudget FOR EACH ROW
    WHEN (new.next_free_at > old.next_free_at) EXECUTE FUNCTION note_slot();
"""
FORGET = """
DROP TRIGGER count_claims ON tracking_job; DROP FUNCTION count_claim; DROP TABLE claims;
DROP TRIGGER note_slots ON stores_ratebudget; DROP FUNCTION note_slot; DROP TABLE slots;
"""
WAITING = 60
RETIRED, RETIRE_ENDPOINT = 25, "DELETE /trackings/{id}"
PER_SECOND = RATES | {ENDPOINT: 10}  # half of AfterShip's, so that the bulk lasts until live work has come


def bulk(world: World, number: int) -> None:
    """Trackings that a backfill left to be opened, of orders whose project is switched off: no writes follow."""
    project = make_project(is_active=False)
    trackings = []
    for n in range(number):
        tracking = make_tracking(
            world.account,
            tracking_number=f"003404341610950{n:05d}",
            aftership_id="",
            opened_at=None,
            updated_at=None,
            requested_courier="dhl-germany",
        )
        make_parcel(make_order(project), tracking)
        trackings.append(tracking)
    upstream = upstream_key(world.account)
    jobs.want(jobs.Wish(JobKind.PUSH, one.pk, upstream, one.correlation_id, jobs.BACKFILL) for one in trackings)


def retired(world: World, number: int) -> None:
    """Trackings that nobody shows any more, to be deleted at AfterShip."""
    trackings = [
        make_tracking(world.account, tracking_number=f"003404341610960{n:05d}", retired_at=timezone.now())
        for n in range(number)
    ]
    upstream = upstream_key(world.account)
    jobs.want(jobs.Wish(JobKind.RETIRE, one.pk, upstream, one.correlation_id, jobs.BACKFILL) for one in trackings)


@dataclass
class Noted:
    """What the database saw, once it is over: how often jobs were claimed; by endpoint, when each slot began."""

    claims: int = 0
    slots: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


@contextmanager
def noted() -> Iterator[Noted]:
    result = Noted()
    with connection.cursor() as cursor:
        cursor.execute(NOTE)
        try:
            yield result
        finally:
            cursor.execute("SELECT count(*) FROM claims")
            result.claims = cursor.fetchone()[0]
            cursor.execute("SELECT endpoint, next_free_at FROM slots ORDER BY next_free_at")
            for endpoint, next_free_at in cursor.fetchall():
                result.slots[endpoint].append(next_free_at - interval_of(endpoint))
            cursor.execute(FORGET)


def interval_of(endpoint: str) -> float:
    return 1 / (PER_SECOND[endpoint] * budget.PACE)


@contextmanager
def cluster(log: Path) -> Iterator[None]:
    """``manage.py worker`` on the test's database: a watchdog, and django-q2's cluster of two workers."""
    url = urlsplit(os.environ["DATABASE_URL"])
    ours = url._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = os.environ | {"DATABASE_URL": urlunsplit(ours), "JOB_THREADS": "4"}
    with log.open("wb") as output:
        command = [sys.executable, "manage.py", "worker"]
        watchdog = subprocess.Popen(command, cwd=BASE_DIR, env=environment, stdout=output, stderr=output)
    try:
        yield
        assert watchdog.poll() is None, log.read_text()
    finally:
        watchdog.terminate()
        watchdog.wait()


def calls_to(world: World, endpoint: str, since: int) -> list[dict[str, Any]]:
    return [one for one in world.sandbox.journal("aftership", since) if one["endpoint"] == endpoint]


@pytest.mark.skipif("sqlite" in django_settings.DATABASES["default"]["ENGINE"], reason="SQLite is for one cluster")
def test_four_workers_in_two_clusters_keep_every_rate_and_live_goes_first(world: World, tmp_path: Path) -> None:
    """However slow the machine is: what it holds up comes late, and is judged by the slots that were given out."""
    RateBudget.objects.create(account=world.account, endpoint=ENDPOINT, per_second=PER_SECOND[ENDPOINT])
    bulk(world, BULK)
    retired(world, RETIRED)
    waiting = Job.objects.filter(kind__in=[JobKind.COLLECT, JobKind.PUSH, JobKind.RETIRE], want__gt=F("done"))
    since, ends_at = world.mark(), time.monotonic() + 600
    with noted() as seen, ExitStack() as stack:
        for number in range(2):
            stack.enter_context(cluster(tmp_path / f"worker-{number}.log"))
        order = None
        while order is None or waiting.exists():
            assert time.monotonic() < ends_at, f"{waiting.count()} are still waiting"
            if order is None and calls_to(world, ENDPOINT, since):
                order = world.order(parcel(NUMBER))
                world.sandbox.wait_idle()
            time.sleep(0.2)
    for endpoint, number in {ENDPOINT: BULK + 1, RETIRE_ENDPOINT: RETIRED}.items():
        calls = calls_to(world, endpoint, since)
        assert len(calls) == number
        each_call_had_a_slot_of_its_own(calls, seen.slots[endpoint], interval_of(endpoint))
    assert seen.claims <= 2 * (BULK + 1 + RETIRED)
    job = Job.objects.get(kind=JobKind.PUSH, subject=world.tracking(NUMBER).pk)
    calls = calls_to(world, ENDPOINT, since)
    (opened,) = [one["n"] for one in calls if one["subject"] == job.subject]
    overtook = [one for one in calls if one["n"] < opened and datetime.fromisoformat(one["at"]) > job.created_at]
    assert len(overtook) < BULK // 3, "no more than had their slots already"


def each_call_had_a_slot_of_its_own(calls: list[dict[str, Any]], slots: list[float], interval: float) -> None:
    """No two slots are nearer than the rate allows, whoever took them; at any moment, no more calls than slots."""
    assert min(later - one for one, later in pairwise(slots)) > interval - 0.001
    times = sorted(datetime.fromisoformat(one["at"]).timestamp() for one in calls)
    early = [(at, slot) for at, slot in zip(times, slots, strict=False) if at < slot - 0.002]  # noted in milliseconds
    assert (early, len(slots) >= len(calls)) == ([], True)


def test_what_happens_now_is_written_before_the_waiting_jobs_of_a_backfill(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    RateBudget.objects.update(per_second=1000)  # the order of the calls is the matter here, not their rate
    bulk(world, WAITING)
    push, since = pump.HANDLERS[JobKind.PUSH], world.mark()

    def pushed(subject: str) -> None:
        """After twenty of them the carrier scans the parcel."""
        push(subject)
        if len(bulk_calls(world, since)) == 20:
            world.scan(world.tracking(NUMBER), "InTransit")
            world.sandbox.wait_idle()

    monkeypatch.setitem(pump.HANDLERS, JobKind.PUSH, pushed)
    pump.drain_everything()
    (written,) = [one["n"] for one in world.writes(since) if order["id"] in one["path"]]
    calls = bulk_calls(world, since)
    assert len(calls) == WAITING
    assert [n for n in calls if n < written] == calls[:20]


def bulk_calls(world: World, since: int) -> list[int]:
    return [one["n"] for one in world.sandbox.journal("aftership", since) if one["endpoint"] == ENDPOINT]


def test_bulk_leaves_room_in_the_rate_for_what_happens_now(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    started_at = time.time()
    monkeypatch.setattr(budget.time, "time", lambda: started_at)  # it stands still: the slots that are given add up
    monkeypatch.setattr(budget.time, "sleep", lambda _seconds: None)
    since = world.mark()
    bulk(world, 40)
    runner = pump.Runner()
    for _ in range(40):
        runner.start_due()
    taken = len(bulk_calls(world, since))
    assert taken in (18, 19), "the slot of now, and those of one second at nine tenths of the rate; one is on the edge"
    assert Job.objects.filter(kind=JobKind.PUSH, want__gt=F("done"), attempts=0).count() == 40 - taken
    world.order(parcel(NUMBER))
    world.sandbox.wait_idle()
    pump.drain_receipts()
    for _ in range(4):  # the order is read, its tracking opened
        runner.start_due(ignore_debounce=True)
    assert world.tracking(NUMBER).opened_at
    assert len(bulk_calls(world, since)) == taken + 1


def test_jobs_that_would_find_no_slot_are_not_claimed_in_vain(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pump of eight threads that looks for work ten times a second, with 100 jobs before a rate of 5 a second."""
    clock = [time.time()]
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(clock[0], UTC))
    monkeypatch.setattr(budget.time, "time", lambda: clock[0])
    monkeypatch.setattr(budget.time, "sleep", lambda _seconds: None)
    push, claimed, since = pump.HANDLERS[JobKind.PUSH], [], world.mark()
    monkeypatch.setitem(pump.HANDLERS, JobKind.PUSH, lambda subject: [claimed.append(subject), push(subject)])
    RateBudget.objects.create(account=world.account, endpoint=ENDPOINT, per_second=5)
    bulk(world, 100)
    runner = pump.Runner()
    for _ in range(40):
        for _ in range(8):
            runner.start_due()
        clock[0] += 0.1
    calls = len(bulk_calls(world, since))
    assert calls == 1 + 4.5 * 4 + 4
    assert len(claimed) == calls
