"""AfterShip's rates are kept by all workers together; live traffic goes before bulk. The sandbox's journal judges."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection

from config.env import BASE_DIR
from stores.models import RateBudget
from tests.end_to_end.world import World, parcel
from tests.factories import make_order, make_parcel, make_project, make_tracking
from tracking.clients.aftership import RATES
from tracking.enums import JobKind
from tracking.models import Job, Tracking
from tracking.services import budget, jobs, pump
from tracking.services.connections import upstream_key

ENDPOINT, BULK = "POST /trackings", 200
NUMBER = "00340434161094000001"
# Slots are 50 ms apart, but a call arrives some milliseconds after its slot. So a clock's second can hold the calls of
# its own 20 slots, and those of the one before that were late: with four processes on a busy machine, a handful.
LATE = 6
AGAIN_AND_AGAIN = """
import os, time, django
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()
from django.core.management import call_command
while True:
    call_command("work", once=True)
    time.sleep(0.1)
"""


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


@contextmanager
def workers(number: int) -> Iterator[None]:
    """So many processes, each doing ``work --once`` again and again on the test's database."""
    url = urlsplit(os.environ["DATABASE_URL"])
    ours = url._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = os.environ | {"DATABASE_URL": urlunsplit(ours), "JOB_THREADS": "4"}
    command = [sys.executable, "-c", AGAIN_AND_AGAIN]
    running = [
        subprocess.Popen(command, cwd=BASE_DIR, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(number)
    ]
    try:
        yield
        assert [one.poll() for one in running] == [None] * number, "a worker fell over"
    finally:
        for one in running:
            one.kill()
            one.wait()


@pytest.mark.skipif("sqlite" in django_settings.DATABASES["default"]["ENGINE"], reason="SQLite is for one cluster")
def test_four_workers_of_two_clusters_keep_the_rate_of_an_endpoint(world: World) -> None:
    world.sandbox.set_dials(aftership={"rate_limit": True})
    bulk(world, BULK)
    since, ends_at = world.mark(), time.monotonic() + 60
    with workers(4):
        while Tracking.objects.filter(opened_at=None).exists():
            assert time.monotonic() < ends_at, f"{Tracking.objects.filter(opened_at=None).count()} are still waiting"
            time.sleep(0.3)
    calls = [one for one in world.sandbox.journal("aftership", since) if one["endpoint"] == ENDPOINT]
    seconds = Counter(one["at"][:19] for one in calls)
    refused = [one for one in calls if one["status"] == 429]
    assert max(seconds.values()) <= RATES[ENDPOINT] + LATE, sorted(seconds.items())
    assert len(refused) <= BULK * 0.05
    assert len(world.sandbox.trackings("main")) == BULK == len(calls) - len(refused)


def test_what_happens_now_is_written_before_200_waiting_jobs_of_a_backfill(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    RateBudget.objects.update(per_second=1000)  # the order of the calls is the matter here, not their rate
    bulk(world, BULK)
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
    assert len(calls) == BULK
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
    assert taken == 21, "the slot of now, and those of one second"
    assert Job.objects.filter(kind=JobKind.PUSH, last_error_code="budget", attempts=0).count() == 40 - taken
    world.order(parcel(NUMBER))
    world.sandbox.wait_idle()
    pump.drain_receipts()
    for _ in range(4):  # the order is read, its tracking opened
        runner.start_due(ignore_debounce=True)
    assert world.tracking(NUMBER).opened_at
    assert len(bulk_calls(world, since)) == taken + 1
