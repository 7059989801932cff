"""Who is broken, poisoned or late costs the others next to nothing: counted in calls and claims, not in seconds."""

from __future__ import annotations

import gc
import json
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from stores.models import Project
from tests.end_to_end.test_road import NUMBER, open_problems, work_off
from tests.end_to_end.test_seed_case import envelope
from tests.end_to_end.world import SECRET, World, parcel
from tests.factories import make_job, make_order
from tests.tracking.webhooks.doors import sign
from tracking.enums import JobKind, ProblemKind, ReceiptState
from tracking.models import Attempt, Job, Receipt
from tracking.payloads import from_commercetools
from tracking.payloads.errors import PayloadError
from tracking.services import connections, pump
from tracking.services.dead_letters import Selection, requeue

UNREACHABLE = "http://127.0.0.1:1"
JOBS = 60


@pytest.fixture
def quick(settings: Any) -> None:
    """Back-off of milliseconds."""
    settings.JOB_BACKOFF_BASE_SECONDS, settings.JOB_BACKOFF_CAP_SECONDS = 0.01, 0.02


# ── a broken neighbour ───────────────────────────────────────────────────────────────────────────────────────────────


def neighbour(world: World, api_url: str) -> Project:
    """A second project, whose calls end in nothing; its work fell due before everybody else's."""
    broken = Project.objects.create(
        key="broken",
        api_url=api_url,
        auth_url=world.sandbox.url,
        client_id="id",
        client_secret="secret",
        inbound_secret="t",
    )
    world.sandbox.project("broken", client_id="id", client_secret="secret")
    world.sandbox.set_dials(commercetools={"fail": [{"status": 503, "count": 10_000, "match": "GET /broken"}]})
    return broken


def wish_reads(project: Project) -> None:
    for n in range(JOBS):
        order = make_order(project, commercetools_id=f"{project.key}-{n}")
        make_job(kind=JobKind.COLLECT, subject=str(order.pk), upstream=connections.upstream_key(project))


def claims_until_all_are_read(world: World) -> int:
    """How many jobs are started until no job of the sound project waits any more."""
    runner, started, sound = pump.Runner(), 0, connections.upstream_key(world.project)
    while any(job.want > job.done for job in Job.objects.filter(upstream=sound)):
        started += runner.start_due(ignore_debounce=True)
    return started


@pytest.mark.parametrize("down", ["503", "unreachable"])
def test_a_broken_project_costs_its_neighbour_five_claims_and_then_a_probe_at_a_time(
    world: World, quick: None, down: str
) -> None:
    broken = neighbour(world, UNREACHABLE if down == "unreachable" else world.sandbox.url)
    wish_reads(broken)
    wish_reads(world.project)
    started = claims_until_all_are_read(world)
    on_broken = started - JOBS
    assert on_broken <= connections.FAILURES_BEFORE_PAUSE + 3, "three probes, if the machine is very slow"
    assert Attempt.objects.filter(upstream="commercetools:broken").exclude(endpoint="POST /oauth/token").count() == (
        on_broken
    )
    broken.refresh_from_db()
    assert broken.pause_seconds > 0
    assert Job.objects.filter(upstream="commercetools:broken", attempts=0).count() >= JOBS - on_broken


def test_of_a_broken_project_one_job_at_a_time_is_tried(world: World, quick: None) -> None:
    broken = neighbour(world, UNREACHABLE)
    wish_reads(broken)
    Project.objects.filter(pk=broken.pk).update(failures=5, pause_seconds=2, paused_until=timezone.now())
    looks = [pump.claim_through_gate(8, ignore_debounce=True) for _ in range(20)]
    assert [len(claimed) for claimed in looks] == [1] + [0] * 19
    ((job, probe),) = looks[0]
    pump.run_job(job, probe)
    broken.refresh_from_db()
    assert broken.pause_seconds == 4
    assert pump.claim_through_gate(8, ignore_debounce=True) == []


# ── poison ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (PayloadError("shippingInfo.deliveries", "not a list"), "unreadable", "shippingInfo.deliveries: not a list"),
        (KeyError("parcels"), "internal", "KeyError: 'parcels' (tried 3 times)"),
    ],
)
def test_a_poison_order_delays_only_itself_and_works_after_the_mend(
    world: World, quick: None, settings: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str, words: str
) -> None:
    settings.JOB_MAX_ATTEMPTS = 3
    read = from_commercetools.parse_order

    def poisoned(document: dict[str, Any], *others: Any) -> Any:
        if document["orderNumber"] == "DE-3":
            raise error
        return read(document, *others)

    monkeypatch.setattr(from_commercetools, "parse_order", poisoned)
    orders = [world.order(parcel(f"0034043416109600000{n}"), number=f"DE-{n}") for n in range(8)]
    work_off(world)
    sound = [order for order in orders if order["orderNumber"] != "DE-3"]
    assert {world.carried(order).popitem()[1]["tb_status"] for order in sound} == {"pending"}
    assert [fields for fields in world.carried(orders[3]).values() if fields] == []
    (dead,) = Job.objects.filter(dead_at__isnull=False)
    assert (dead.kind, dead.last_error_code) == (JobKind.COLLECT, code)
    assert words in dead.last_error
    ((kind, cause),) = open_problems()
    assert kind == ProblemKind.DEAD_LETTER
    assert words in cause

    monkeypatch.setattr(from_commercetools, "parse_order", read)
    assert requeue(Selection(job=dead.pk), actor="agent", reason="mended") == 1
    work_off(world)
    assert world.carried(orders[3]).popitem()[1]["tb_status"] == "pending"
    assert open_problems() == []


# ── fresh events behind a backlog ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("attempts", [0, 7], ids=["due", "backed off"])
def test_a_fresh_event_is_not_starved_by_500_older_jobs(
    world: World, monkeypatch: pytest.MonkeyPatch, settings: Any, attempts: int
) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    settings.JOB_DEBOUNCE_SECONDS = 0  # its second has passed
    ran: list[str] = []
    monkeypatch.setitem(pump.HANDLERS, JobKind.RETIRE, ran.append)
    long_ago = timezone.now() - timedelta(hours=1)
    for n in range(500):
        at = long_ago + timedelta(seconds=n)
        make_job(kind=JobKind.RETIRE, subject=f"old-{n}", attempts=attempts, next_attempt_at=at, due_since=at)
    world.scan(world.tracking(NUMBER), "InTransit")
    world.sandbox.wait_idle()
    runner, since = pump.Runner(), world.mark()
    pump.drain_receipts()
    while not world.writes(since):
        assert runner.start_due()
    assert len(ran) <= 3
    assert world.carried(order).popitem()[1]["tb_status"] == "in_transit"
    while runner.start_due():
        pass
    assert ran[-1] != "old-499", "from both ends: the last one is in the middle"
    assert len(set(ran)) == len(ran) == 500


# ── an outage ────────────────────────────────────────────────────────────────────────────────────────────────────────

ORDERS, WEBHOOKS = 20, 2_000


def test_2_000_webhooks_during_an_outage_become_one_write_per_order(
    world: World, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [world.order(parcel(f"003404341610970000{n:02d}"), number=f"DE-{n}") for n in range(ORDERS)]
    world.work()
    documents = {n: world.sandbox.trackings("main")[n] for n in range(ORDERS)}
    world.sandbox.set_dials(commercetools={"down": True})
    start = datetime.now(UTC)
    client, answers = Client(), Counter[int]()
    for n in range(WEBHOOKS):
        body = json.dumps(news(documents[n % ORDERS], start + timedelta(seconds=n))).encode()
        proof = {"aftership-hmac-sha256": sign(body, SECRET)}
        answers[client.generic("POST", "/webhooks/aftership/main/", body, headers=proof).status_code] += 1
        if n == 100:
            pump.drain_everything()
            assert connections.closed_upstreams() == ["commercetools:demo"]
    assert answers == {200: WEBHOOKS}
    since = world.mark()
    world.sandbox.set_dials(commercetools={"down": False})
    batches = note_batches(monkeypatch)
    before = objects_alive()
    with unlogged():
        work_off(world)
    sizes, alive = zip(*batches, strict=True)
    assert max(sizes) == pump.RECEIPT_BATCH
    assert max(alive) - before < 2 * (alive[0] - before), "the tenth batch holds no more than the first"
    written = Counter(one["path"] for one in world.writes(since))
    assert written == {f"/demo/orders/{order['id']}": 1 for order in orders}
    assert {world.carried(order).popitem()[1]["tb_status"] for order in orders} == {"out_for_delivery"}
    assert not Receipt.objects.exclude(state__in=[ReceiptState.DONE, ReceiptState.IGNORED]).exists()
    assert open_problems() == []


def note_batches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """From now on, of every batch of receipts that is taken in: how many, and what is alive before it is let go."""
    batches, update_rows = [], pump.update_rows

    def update_and_note(receipts: list[Receipt], *arguments: Any) -> None:
        update_rows(receipts, *arguments)
        if receipts:
            batches.append((len(receipts), objects_alive()))

    monkeypatch.setattr(pump, "update_rows", update_and_note)
    return batches


@contextmanager
def unlogged() -> Iterator[None]:
    """pytest keeps every line that is logged, which would grow with the number of webhooks."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def objects_alive() -> int:
    """How many blocks of memory Python holds: what `tracemalloc` would add up, at no cost while it runs."""
    gc.collect()
    return sys.getallocatedblocks()


def news(document: dict[str, Any], at: datetime) -> dict[str, Any]:
    """A webhook under an event id of its own: out for delivery, with a checkpoint of this moment."""
    text = at.isoformat(timespec="seconds")
    return envelope(
        document
        | {
            "tag": "OutForDelivery",
            "subtag": "OutForDelivery_001",
            "updated_at": text,
            "checkpoints": [{"checkpoint_time": text, "tag": "OutForDelivery", "subtag": "OutForDelivery_001"}],
        }
    )
