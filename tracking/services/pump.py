"""The one engine: drain receipts, then run due jobs, until nothing is due. Whoever runs it, it does the same.

    web: kick (at most one queued) ─┐
    django-q2: a sweep each minute ─┼─> pump ─> drain_receipts (batches, one transaction each)
    work --once ────────────────────┘       └─> run_jobs (claimed, then called in threads, no transaction open)

Any number of pumps may run at once, on any number of hosts: rows are claimed with SKIP LOCKED or fenced updates.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import cycle

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from config.redaction import redact_text
from tracking.clients.errors import AccountStopped, BudgetSpent, Refused, UpstreamError
from tracking.enums import JobKind, ProblemKind, ReceiptState, Source
from tracking.models import Heartbeat, Job, Receipt
from tracking.payloads.errors import PayloadError
from tracking.services import connections, jobs
from tracking.services.apply_status_rules import apply_changed_rules
from tracking.services.apply_update import apply_receipts
from tracking.services.budget import openings, patience
from tracking.services.changes import wish_for_figures
from tracking.services.collect import collect_order, note_messages
from tracking.services.commerce import send_order
from tracking.services.connections import Probe
from tracking.services.correct_number import correct_number
from tracking.services.doctor.examine import run_wanted
from tracking.services.doubts import examine_account
from tracking.services.erase import empty_of_erased, run_erasure
from tracking.services.exports import run_export
from tracking.services.follow import complete_tracking, refresh_tracking, retrack_tracking
from tracking.services.handlers import HANDLERS
from tracking.services.ledger import Ledger, recorded
from tracking.services.notify import notify_order
from tracking.services.poll import poll_account
from tracking.services.poll_project import poll_project
from tracking.services.problems import close_problems, open_problem
from tracking.services.push import push_tracking, retire_tracking, update_tracking
from tracking.services.reconcile import reconcile_orders, reconcile_trackings
from tracking.services.registry import import_couriers, import_registry
from tracking.services.remap import run_remap
from tracking.services.rows import update_rows
from tracking.services.sns import confirm_subscription
from tracking.services.story import tell
from tracking.services.watch import watch
from tracking.services.write_back import write_order

logger = structlog.get_logger("trackbridge.pump")

RECEIPT_BATCH = 25 if settings.IS_SQLITE else 200  # SQLite: how long the one write lock is held
RECEIPT_MOST_ATTEMPTS = 10
LEAST_SECONDS = 0.1  # no pump is shorter: until then, those who kicked it take it for granted that it looks once more
LINGER_SECONDS = 5.0  # work that falls due this soon is waited for rather than left to the next kick
IDLE_SLEEP_SECONDS = 0.1
HEARTBEAT = "pump"
OWN_HEARTBEAT = "TRACKBRIDGE_HEARTBEAT"  # environment variable: the row that this cluster's watchdog looks at

NO_ANSWER = {"unreachable", "timeout", "dropped"}
DEADLOCKS = {"40P01", "40001"}  # PostgreSQL undid this transaction in favour of another: doing it again helps
HANDLERS |= {
    JobKind.COLLECT: lambda subject: collect_order(int(subject)),
    JobKind.PUSH: push_tracking,
    JobKind.UPDATE: update_tracking,
    JobKind.RETIRE: retire_tracking,
    JobKind.WRITE_BACK: lambda subject: write_order(int(subject)),
    JobKind.IMPORT_COURIERS: lambda subject: import_couriers(int(subject)),
    JobKind.IMPORT_REGISTRY: lambda subject: import_registry(int(subject)),
    JobKind.POLL: lambda subject: poll_account(int(subject)),
    JobKind.POLL_PROJECT: lambda subject: poll_project(int(subject)),
    JobKind.REMAP: lambda subject: run_remap(int(subject)),
    JobKind.RECONCILE_ORDERS: lambda subject: reconcile_orders(int(subject)),
    JobKind.RECONCILE_TRACKINGS: lambda subject: reconcile_trackings(int(subject)),
    JobKind.APPLY_STATUS_RULES: lambda subject: apply_changed_rules(int(subject)),
    JobKind.CONFIRM_SUBSCRIPTION: lambda subject: confirm_subscription(int(subject)),
    JobKind.EXAMINE: lambda subject: examine_account(int(subject)),
    JobKind.DOCTOR: run_wanted,
    JobKind.WATCH: watch,
    JobKind.EXPORT: lambda subject: run_export(int(subject)),
    JobKind.REFRESH: refresh_tracking,
    JobKind.RETRACK: retrack_tracking,
    JobKind.COMPLETE: complete_tracking,
    JobKind.ERASE: lambda subject: run_erasure(int(subject)),
    JobKind.CORRECT: lambda subject: correct_number(int(subject)),
    JobKind.COMMERCE: lambda subject: send_order(int(subject)),
    JobKind.NOTIFY: lambda subject: notify_order(int(subject)),
}


@dataclass
class Pumped:
    """What one pump run did."""

    receipts: int = 0
    jobs: int = 0


def pump(seconds: float) -> Pumped:
    """Work for up to ``seconds``: until nothing is due now or within the next few seconds.

    Jobs that still run then are not waited for, since an upstream may keep them long: the next pump counts them in.
    """
    total, runner, freshest = Pumped(), Runner(under_way()), cycle([False, True])
    Heartbeat.objects.filter(name=HEARTBEAT).update(kicked_at=None)  # what comes from now on may kick the next one
    began_at, beat_at = time.monotonic(), 0.0
    ends_at = began_at + seconds
    while time.monotonic() < ends_at:
        if time.monotonic() - beat_at > 1:
            beat()
            beat_at = time.monotonic()
        looked_at = time.monotonic()
        receipts, started = drain_receipts(freshest=next(freshest)), runner.start_due()
        total.receipts += receipts
        total.jobs += started
        if not receipts and not started:
            is_young = looked_at - began_at <= LEAST_SECONDS
            if not is_young and not runner.in_flight and not wish_for_figures() and not is_due_soon():
                break
            runner.wait(IDLE_SLEEP_SECONDS)
    return total


def drain_everything(report: Callable[[Pumped], None] | None = None) -> Pumped:
    """Work until nothing is due, following jobs included; the debounce counts as over, a back-off does not.

    What gathers is taken after all that could add to it is done: a burst is one write here too.
    """
    total, runner = Pumped(), Runner()
    while True:
        receipts = drain_receipts()
        started = 0 if receipts else runner.start_due(ignore_debounce=not runner.in_flight)
        total.receipts += receipts
        total.jobs += started
        if report and (receipts or started):
            report(total)
        if not receipts and not started:
            if not runner.in_flight and not wish_for_figures() and not is_slot_due_soon():
                return total
            runner.wait(IDLE_SLEEP_SECONDS)


def beat() -> None:
    """Show life, and to the watchdog over this process in particular: it must not take the others' life for ours."""
    for name in [HEARTBEAT, *filter(None, [os.environ.get(OWN_HEARTBEAT)])]:
        Heartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now()})


def is_due_soon() -> bool:
    soon = timezone.now() + timedelta(seconds=LINGER_SECONDS)
    waiting = jobs.due_jobs(soon).exclude(upstream__in=connections.closed_upstreams())
    return waiting.exists() or pending_receipts(soon).exists()


def is_slot_due_soon() -> bool:
    """Whether something only waits for the rate of its endpoint, and not for long."""
    full = [one for one in openings() if not one.bulk and one.free_in < LINGER_SECONDS]
    due = jobs.due_jobs(timezone.now()).exclude(upstream__in=connections.closed_upstreams())
    return any(due.filter(upstream=one.upstream, kind=one.kind).exists() for one in full)


# ── receipts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def pending_receipts(now: datetime) -> QuerySet[Receipt]:
    return Receipt.objects.filter(state=ReceiptState.PENDING, next_attempt_at__lte=now)


def drain_receipts(limit: int = RECEIPT_BATCH, *, freshest: bool = False) -> int:
    """Take in one batch of pending receipts in one transaction; returns how many were handled.

    Behind a long backlog (the workers were down) the oldest first would make an event of this second wait for all of
    it: so a pump takes batches from both ends, as it claims jobs.

    Where a batch fails, its receipts are tried one by one, so that one that cannot be handled delays nobody else.
    """
    try:
        with transaction.atomic():
            return handle(claim_receipts(limit, freshest=freshest))
    except Exception as error:
        if is_database_lost(error):  # nothing was lost, somebody tries again
            raise
        logger.exception("a batch of receipts failed, they are tried one by one")
    return sum(drain_one(pk) for pk in pending_receipts(timezone.now()).values_list("pk", flat=True)[:limit])


def claim_receipts(limit: int, *, freshest: bool = False) -> list[Receipt]:
    """Lock the oldest pending receipts, or the newest, in order; others skip them until this transaction ends."""
    due = pending_receipts(timezone.now()).order_by("next_attempt_at", "pk").select_for_update(skip_locked=True)
    return list(reversed(due.reverse()[:limit])) if freshest else list(due[:limit])


def handle(receipts: list[Receipt]) -> int:
    """Apply receipts of both kinds in the caller's transaction and save their ends."""
    apply_receipts([receipt for receipt in receipts if receipt.source == Source.AFTERSHIP])
    note_messages([receipt for receipt in receipts if receipt.source == Source.COMMERCETOOLS])
    empty_of_erased(receipts)
    update_rows(
        receipts, ["state", "outcome", "event", "subject", "correlation_id", "processed_at", "effect", "event_at"]
    )
    return len(receipts)


def drain_one(pk: int) -> int:
    """Handle one receipt on its own; a failure is noted on it, and ends in quarantine after some tries."""
    try:
        with transaction.atomic():
            return handle(
                list(Receipt.objects.filter(pk=pk, state=ReceiptState.PENDING).select_for_update(skip_locked=True))
            )
    except Exception as error:
        if is_database_lost(error):
            raise
        logger.exception("a receipt failed", receipt=pk)
        receipt = Receipt.objects.get(pk=pk)
        is_over = receipt.attempts + 1 >= RECEIPT_MOST_ATTEMPTS
        Receipt.objects.filter(pk=pk, state=ReceiptState.PENDING).update(
            attempts=F("attempts") + 1,
            next_attempt_at=timezone.now() + timedelta(seconds=jobs.backoff_seconds(receipt.attempts + 1)),
            outcome=in_words(error)[:500],
            state=ReceiptState.QUARANTINED if is_over else ReceiptState.PENDING,
        )
        return 1


def is_database_lost(error: Exception) -> bool:
    """Whether the database itself is in trouble, and no receipt is to blame."""
    return isinstance(error, OperationalError | InterfaceError) and not is_deadlock(error)


def is_deadlock(error: Exception) -> bool:
    return getattr(error.__cause__, "sqlstate", None) in DEADLOCKS


def in_words(error: Exception) -> str:
    """An error of our own in one line: in the next ones a database shows the whole row, and with it a person."""
    return redact_text(f"{type(error).__name__}: {error}".partition("\n")[0])


# ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Runner:
    """Runs jobs side by side in threads, and claims no more than it has room for; with one thread, in the caller's.

    No connection gets the last quarter of the threads: one that takes calls and never answers would hold all of them
    until the timeout, and its neighbours would wait.
    """

    def __init__(self, in_flight: dict[Future[None], Job] | None = None) -> None:
        """``in_flight``: jobs that run already; this runner's are added and removed."""
        self.in_flight = {} if in_flight is None else in_flight
        self.most_of_one = settings.JOB_THREADS - settings.JOB_THREADS // 4
        self.freshest = cycle([True, False])  # of two claims, one asks for the newest and one for the oldest

    def start_due(self, *, ignore_debounce: bool = False) -> int:
        """Claim and start due jobs; returns how many. Raises what a finished one could not record (a lost database)."""
        for over in [future for future in self.in_flight if future.done()]:
            del self.in_flight[over]
            over.result()
        room, started = settings.JOB_THREADS - len(self.in_flight), 0
        if room < 1:
            return 0
        freshest = next(self.freshest) and not ignore_debounce  # the freshest are those that still gather
        running = list(self.in_flight.values())
        held = Counter(job.upstream for job in running)
        full = [upstream for upstream, number in held.items() if number >= self.most_of_one]
        room = min(room, self.most_of_one - max((held[one] for one in held.keys() - full), default=0))
        claimed = claim_through_gate(
            room, full=full, running=running, ignore_debounce=ignore_debounce, freshest=freshest
        )
        for job, probe in claimed:
            if settings.JOB_THREADS == 1:
                run_job(job, probe)
            else:
                self.in_flight[threads().submit(run_in_thread, job, probe)] = job
            started += 1
        return started

    def wait(self, seconds: float) -> None:
        """Until one of the running jobs is over, at most ``seconds``."""
        if self.in_flight:
            wait(self.in_flight, timeout=seconds, return_when=FIRST_COMPLETED)
        else:
            time.sleep(seconds)


def claim_through_gate(
    room: int,
    *,
    full: Collection[str] = (),
    running: Sequence[Job] = (),
    ignore_debounce: bool,
    freshest: bool = False,
) -> list[tuple[Job, Probe | None]]:
    """Due jobs of connections that answer, and one each of those whose pause is over: it shows whether they do.

    None of connections that are ``full``: they have as many threads as they may.
    """
    gate = connections.gate()
    open_ones = jobs.claim(
        room,
        paused=[*gate.closed, *full],
        ignore_debounce=ignore_debounce,
        freshest=freshest,
        openings=openings(),
        running=running,
    )
    claimed: list[tuple[Job, Probe | None]] = [(job, None) for job in open_ones]
    for probe in gate.probes:
        tries = jobs.claim(1, only=probe.key, ignore_debounce=ignore_debounce)
        if not tries:
            connections.give_back(probe)
        claimed += [(job, probe) for job in tries]
    return claimed


@cache
def threads() -> ThreadPoolExecutor:
    """This process' threads for jobs. Kept, so that each keeps its database connection."""
    return ThreadPoolExecutor(settings.JOB_THREADS, thread_name_prefix="job")


@cache
def under_way() -> dict[Future[None], Job]:
    """This process' jobs in threads."""
    return {}


def run_in_thread(job: Job, probe: Probe | None) -> None:
    close_old_connections()
    run_job(job, probe)


def run_job(job: Job, probe: Probe | None = None) -> None:
    """Run one claimed job and record its end. Never raises for what went wrong upstream.

    A ``probe`` that showed nothing about its connection (no call was needed, a 429, a refusal) is given back.
    """
    run_and_record(job, is_probe=probe is not None)
    if probe:
        connections.give_back(probe)


def run_and_record(job: Job, *, is_probe: bool) -> None:
    """Run a claimed job and settle it: done, postponed or given up. Only what stops the process is raised."""
    with (
        recorded(job.upstream, job.correlation_id, settings.JOB_DEADLINE_SECONDS, job) as ledger,
        patience(is_bulk=job.priority > jobs.LIVE),
    ):
        if job.attempts > settings.JOB_MAX_ATTEMPTS:
            give_up(job, "crash", f"It never came to an end (tried {job.attempts - 1} times)")
            return
        try:
            HANDLERS[job.kind](job.subject)
        except UpstreamError as error:
            failed(job, error, ledger, is_probe=is_probe)
        except PayloadError as error:
            give_up(job, "unreadable", f"The upstream's answer cannot be read: {error}")
        except Exception as error:
            code = "deadlock" if is_deadlock(error) else "internal"
            logger.exception("a job failed for a reason of our own", kind=job.kind, subject=job.subject, code=code)
            retry_or_bury(job, code, in_words(error), None, ledger)
        else:
            jobs.finish(job)
            if ledger.last:
                connections.resume(job.upstream)
            if job.last_error_code:
                close_problems([ProblemKind.DEAD_LETTER], job, "It worked.")


def failed(job: Job, error: UpstreamError, ledger: Ledger, *, is_probe: bool) -> None:
    """An upstream's no, by its verdict: wait for budget or credentials, give up, or try again later."""
    if isinstance(error, BudgetSpent):
        jobs.postpone(job, seconds=error.retry_after_seconds or 1, code=error.code, message=str(error))
    elif isinstance(error, AccountStopped):
        kind, code = connections.REFUSES_US, job.correlation_id
        seconds = connections.pause(job.upstream, error, kind, correlation_id=code, is_probe=is_probe)
        ledger.waits(seconds)
        jobs.postpone(job, seconds=seconds, code=error.code, message=str(error))
    elif isinstance(error, Refused):
        give_up(job, error.code, str(error))
    else:
        if is_down(error):
            connections.found_down(job.upstream, error, correlation_id=job.correlation_id, is_probe=is_probe)
        retry_or_bury(job, error.code, str(error), error.retry_after_seconds, ledger)


def is_down(error: UpstreamError) -> bool:
    """Whether the upstream as a whole is in trouble: no answer, or a 5xx. A 429 or a conflict is not that."""
    return error.status >= 500 if error.status else error.code in NO_ANSWER


def retry_or_bury(job: Job, code: str, message: str, at_least: float | None, ledger: Ledger) -> None:
    if job.attempts >= settings.JOB_MAX_ATTEMPTS:
        give_up(job, code, f"{message} (tried {job.attempts} times)")
        return
    wait = jobs.back_off(job, code=code, message=message, at_least=at_least)
    ledger.waits(wait)
    tell("will be tried again", job=job.kind, code=code, attempt=job.attempts, wait_seconds=round(wait, 1))


def give_up(job: Job, code: str, message: str) -> None:
    """Make it a dead letter, which is a Problem with its cause; nothing is deleted. Not if somebody wished anew."""
    if not jobs.bury(job, code=code, message=message):
        return
    open_problem(ProblemKind.DEAD_LETTER, job, f"{job.kind}: {message}", correlation_id=job.correlation_id)
    tell("gave up", job=job.kind, code=code, attempts=job.attempts)
