"""How fast received webhooks become trackings, checkpoints and wishes to write, against one save per event."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from tests.benchmarks.bodies import WAY
from tests.benchmarks.figures import interleave
from tests.benchmarks.processes import crew
from tests.benchmarks.progress import heading
from tests.benchmarks.seed import seed
from tracking.enums import JobKind, ReceiptState
from tracking.models import Checkpoint, Job, Receipt, Tracking
from tracking.payloads import json_text
from tracking.payloads.from_aftership import parse_webhook, status_of
from tracking.services.apply_update import checkpoint_row, is_newer, take_state
from tracking.services.pump import RECEIPT_BATCH

WEBHOOKS_PER_ORDER = 10  # three parcels
ONE_BY_ONE, ONE_PROCESS, TWO_PROCESSES = "one save per event", "one process", "two processes"


def run(*, rounds: int, count: int) -> list[str]:
    """Measure; the lines of the summary. Raises RuntimeError where a state that was drained is wrong."""
    orders = count // WEBHOOKS_PER_ORDER
    heading(f"Drain: {count:,} webhooks of 5 to 9 KB about {orders * 3:,} parcels, shuffled, a tenth of them repeats")
    contestants: dict[str, Callable[[], float]] = {
        ONE_BY_ONE: partial(rate_one_by_one, orders, count, sample=count // 25),
        ONE_PROCESS: partial(rate, orders, count, 1),
        TWO_PROCESSES: partial(rate, orders, count, 2),
    }
    rates = interleave(rounds, contestants)
    one, two, naive = rates[ONE_PROCESS], rates[TWO_PROCESSES], rates[ONE_BY_ONE]
    return [
        f"webhooks drained           {one}, batches of {RECEIPT_BATCH}",
        f"  times one save per event {one.times(naive)}   of {naive}",
        f"  two processes            {two.times(one)} of one process   ({two})",
    ]


def rate(orders: int, count: int, processes: int) -> float:
    """Webhooks per second of so many drains at once, judged by what is in the tables afterwards."""
    newest = seed(orders, count)
    seconds = crew(processes, "tests.benchmarks.drain_worker")
    judge(newest, count)
    return count / seconds


def judge(newest: dict[str, int], count: int) -> None:
    """Every receipt is done, every tracking in its newest state, every checkpoint there once, a write wished for."""
    done = Receipt.objects.filter(state=ReceiptState.DONE).count()
    statuses = dict(Tracking.objects.filter(pk__in=newest).values_list("pk", "status"))
    wrong = [key for key, steps in newest.items() if statuses[key] != status_of(*WAY[steps - 1][:2])]
    checkpoints = Checkpoint.objects.count()
    jobs = Job.objects.filter(kind=JobKind.WRITE_BACK).count()
    if (done, wrong, checkpoints) != (count, [], sum(newest.values())) or not jobs:
        raise RuntimeError(f"{done} of {count} done, {len(wrong)} wrong, {checkpoints} checkpoints, {jobs} jobs")


def rate_one_by_one(orders: int, count: int, *, sample: int) -> float:
    """Webhooks per second of the way that comes to mind first, on the ``sample`` oldest of the same heap."""
    seed(orders, count)
    started_at = time.perf_counter()
    for pk in Receipt.objects.order_by("next_attempt_at").values_list("pk", flat=True)[:sample]:
        with transaction.atomic():
            apply_one(Receipt.objects.select_for_update().get(pk=pk))
    return sample / (time.perf_counter() - started_at)


def apply_one(receipt: Receipt) -> None:
    """One event by plain ORM calls: get_or_create per checkpoint, save, update_or_create."""
    snapshot = parse_webhook(json_text.loads(bytes(receipt.body))).snapshot
    tracking = Tracking.objects.select_for_update().get(aftership_id=snapshot.aftership_id)
    for checkpoint in snapshot.checkpoints:
        row = checkpoint_row(tracking, checkpoint)
        facts = {name.attname: getattr(row, name.attname) for name in Checkpoint._meta.fields if name.name != "id"}
        key = {"tracking_id": facts.pop("tracking_id"), "fingerprint": facts.pop("fingerprint")}
        Checkpoint.objects.get_or_create(**key, defaults=facts)
    if is_newer(snapshot, tracking):
        take_state(tracking, snapshot, snapshot.status, None)
        tracking.save()
        for parcel in tracking.parcels.select_related("order"):
            now = timezone.now()
            Job.objects.update_or_create(
                kind=JobKind.WRITE_BACK,
                subject=str(parcel.order_id),
                defaults={"want": F("want") + 1},
                create_defaults={"upstream": "bench", "next_attempt_at": now, "due_since": now},
            )
    receipt.state, receipt.processed_at = ReceiptState.DONE, timezone.now()
    receipt.save()
