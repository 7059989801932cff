"""Parcels in trouble: which problems a tracking has by its status, opened and closed for many trackings at once.

apply_update's check ─> troubles_of(tracking) ─┐                     ┌ known ─> its words are brought up to date
watch (time passed) ─> a Trouble each ─────────┴> open_troubles ─────┼ closed by hand for the same cause ─> left alone
                                                                     └ new ─> one INSERT for all
news ─> close_healed: what the new state does not say any more
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet
from django.utils import timezone

from tracking.enums import ON_ITS_WAY, UNSCANNED, ParcelStatus, ProblemKind
from tracking.models import Checkpoint, Outage, Parcel, Problem, Tracking
from tracking.models.orders import SHOWN
from tracking.services import outages
from tracking.services.deadlines import deadline_of
from tracking.services.marks import is_active
from tracking.services.problems import NEXT_STEP, due_after
from tracking.services.rows import update_rows
from tracking.services.story import tell

BY_STATUS = [ProblemKind.ATTEMPTS_FAILED, ProblemKind.ADDRESS, ProblemKind.RETURNING, ProblemKind.LOST]
BY_TIME = [ProblemKind.NO_SCAN, ProblemKind.SILENT, ProblemKind.AWAITING_PICKUP]
TROUBLES = [*BY_STATUS, *BY_TIME]
KEPT_FOR = timedelta(days=7)  # how long pickup points keep a parcel, where the carrier does not say
DAMAGED = "Exception_012"
NEEDS_ADDRESS = {  # subtag → what is wrong
    "Exception_002": "The recipient has moved.",
    "Exception_007": "The address is wrong or incomplete.",
    "Exception_006": "It is held until something is paid.",
    "Exception_018": "Documents are wrong or missing.",
}
WILL_RETURN = {
    "Exception_003": "The recipient refused it; carriers mostly send it back.",
    "Exception_008": "Nobody collected it in time; carriers mostly send it back.",
    "Exception_009": "The carrier did not accept it.",
}
FOR_RETURNS = {  # next steps that differ where the parcel is a customer's return
    ProblemKind.NO_SCAN: "Ask the shopper whether they handed the return over; nothing is refunded before.",
    ProblemKind.SILENT: "Ask the carrier to look for the return; tell the shopper if the refund waits for it.",
    ProblemKind.ATTEMPTS_FAILED: "Ask the warehouse why it did not take the return in.",
    ProblemKind.RETURNING: "The return goes back to the shopper: agree with them on a new one.",
    ProblemKind.LOST: "Claim the return from the carrier, and refund the shopper.",
    ProblemKind.ADDRESS: "The return cannot reach the warehouse: tell the carrier its address.",
    ProblemKind.AWAITING_PICKUP: "Have the warehouse collect the return.",
}


@dataclass(frozen=True)
class Trouble:
    """What is wrong with one tracking. ``since_at`` is what it counts from: once closed by hand, the same trouble
    stays closed. ``due_at``: the carrier's deadline, where there is one.
    """

    kind: ProblemKind
    cause: str
    since_at: datetime | None
    due_at: datetime | None = None
    next_step: str = ""
    evidence: tuple[str, ...] = ()


def troubles_of(tracking: Tracking, attempts: int = 1) -> list[Trouble]:
    """What its status says by itself, without any look at the clock. ``attempts`` failed so far.

    In our words: those of carriers may name people, and a cause is logged.
    """
    status, subtag, since = tracking.status, tracking.subtag, tracking.status_changed_at
    deadline = deadline_of(tracking)
    if status == ParcelStatus.ATTEMPT_FAILED:
        words = f"{attempts} delivery attempt{'' if attempts == 1 else 's'} failed.{until(deadline)}"
        return [trouble(tracking, ProblemKind.ATTEMPTS_FAILED, words, since, deadline)]
    if status == ParcelStatus.EXCEPTION and subtag in NEEDS_ADDRESS:
        words = f"{NEEDS_ADDRESS[subtag]}{until(deadline)}"
        return [trouble(tracking, ProblemKind.ADDRESS, words, since, deadline)]
    if status == ParcelStatus.EXCEPTION and subtag in WILL_RETURN:
        return [trouble(tracking, ProblemKind.RETURNING, WILL_RETURN[subtag], since)]
    if status == ParcelStatus.RETURNING:
        words = "It goes back to the shopper." if tracking.is_return else "The carrier brings it back to the sender."
        return [trouble(tracking, ProblemKind.RETURNING, words, since)]
    if status == ParcelStatus.RETURNED and not tracking.is_return:
        return [trouble(tracking, ProblemKind.RETURNING, "It is back at the sender.", since)]
    if lost := lost_words(tracking):
        return [trouble(tracking, ProblemKind.LOST, lost, since)]
    if status == ParcelStatus.EXPIRED:
        words, step = "AfterShip gave up after 30 days without news.", "Ask the carrier; then track it again."
        return [Trouble(ProblemKind.SILENT, words, tracking.last_news_at or since, next_step=step)]
    return []


def lost_words(tracking: Tracking) -> str:
    """What says that it will not arrive whole; nothing where it may."""
    if tracking.status == ParcelStatus.LOST:
        return "Staff marked it as lost." if is_active(tracking.mark) else "The carrier says it is lost."
    if tracking.status == ParcelStatus.DISPOSED:
        return "The carrier has disposed of it."
    is_damaged = tracking.status == ParcelStatus.EXCEPTION and tracking.subtag == DAMAGED
    return "The carrier says it is damaged." if is_damaged else ""


def trouble(
    tracking: Tracking, kind: ProblemKind, cause: str, since: datetime | None, due_at: datetime | None = None
) -> Trouble:
    """With the next step that fits its direction; a return says so."""
    if tracking.is_return:
        return Trouble(kind, f"Return: {cause}", since, due_at, FOR_RETURNS[kind])
    return Trouble(kind, cause, since, due_at)


def until(deadline: datetime | None) -> str:
    return f" It goes back after {deadline - timedelta(days=1):%-d %B}." if deadline else ""


# ── many at once ─────────────────────────────────────────────────────────────────────────────────────────────────────


def check_troubles(trackings: Collection[Tracking]) -> None:
    """Open what the new states of these trackings say, and close what they have healed. In the caller's transaction;
    one query where nothing is the matter.
    """
    attempts = failed_attempts(one for one in trackings if one.status == ParcelStatus.ATTEMPT_FAILED)
    found = {one: troubles_of(one, attempts.get(one.pk, 1)) for one in trackings}
    known = list(open_ones(trackings))
    close_healed(known, found)
    open_troubles(found, known)


def failed_attempts(trackings: Iterable[Tracking]) -> dict[str, int]:
    """How many attempts failed so far, by tracking."""
    wanted = [tracking.pk for tracking in trackings]
    if not wanted:
        return {}
    rows = Checkpoint.objects.filter(tracking__in=wanted, tag="AttemptFail", is_fenced=False)
    return dict(rows.order_by().values_list("tracking_id").annotate(n=Count("pk")))


def open_ones(trackings: Collection[Tracking]) -> QuerySet[Problem]:
    return Problem.objects.filter(tracking__in=trackings, kind__in=TROUBLES, closed_at=None)


def close_healed(known: Iterable[Problem], found: Mapping[Tracking, Collection[Trouble]]) -> None:
    """Close what these states say no more: one statement per reason."""
    trackings = {tracking.pk: tracking for tracking in found}
    healed: dict[str, list[int]] = defaultdict(list)
    for problem in known:
        tracking = trackings[problem.tracking_id or ""]
        if problem.kind not in {one.kind for one in found[tracking]} and is_healed(problem, tracking):
            healed[f"It is {said(tracking.status)} now."].append(problem.pk)
    for reason, keys in healed.items():
        close_many(keys, reason)


def said(status: str) -> str:
    """A status within a sentence of ours."""
    return str(ParcelStatus(status).label).lower()


def is_healed(problem: Problem, tracking: Tracking) -> bool:
    """Whether news have settled it: a status by the next status, what time brought about by a scan."""
    if problem.kind == ProblemKind.NO_SCAN:
        return tracking.status not in UNSCANNED or tracking.first_scan_at is not None
    if problem.kind == ProblemKind.SILENT:
        return tracking.status not in ON_ITS_WAY or tracking.last_news_at != problem.since_at
    if problem.kind == ProblemKind.AWAITING_PICKUP:
        return tracking.status != ParcelStatus.AVAILABLE_FOR_PICKUP
    return True


def close_many(keys: Collection[int], reason: str) -> int:
    """Close these by themselves; returns how many were open still."""
    closed = Problem.objects.filter(pk__in=keys, closed_at=None).update(
        closed_at=timezone.now(), closed_reason=reason, suppressed_by=None
    )
    if closed:
        tell("problems closed", number_of_problems=closed, reason=reason)
    return closed


def open_troubles(
    found: Mapping[Tracking, Collection[Trouble]],
    known: Collection[Problem] | None = None,
    suppressed: Mapping[str, int] | None = None,
) -> int:
    """Open these troubles, or bring the words of those that are open up to date; returns how many are new.

    Safe to repeat and to race: the database keeps one open row each. ``known`` are those that are open already (asked
    for where not given), ``suppressed`` the outage that explains it, by tracking.
    """
    wanted = {(tracking.pk, one.kind): (tracking, one) for tracking, some in found.items() for one in some}
    if not wanted:
        return 0
    if known is None:
        known = open_ones(list(found))
    renew([(problem, *wanted.pop(key)) for problem in known if (key := (problem.tracking_id, problem.kind)) in wanted])
    for key in closed_by_hand(wanted):
        del wanted[key]
    orders = orders_of(tracking.pk for tracking, _one in wanted.values())
    rows = [row_of(tracking, one, orders.get(tracking.pk)) for tracking, one in wanted.values()]
    for row in rows:
        row.suppressed_by_id = (suppressed or {}).get(row.tracking_id or "")
    Problem.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    for row in rows:
        tell("problem opened", kind=row.kind, subject=row.subject, cause=row.cause[:300])
    return len(rows)


Key = tuple[str | None, str]


def renew(known: Collection[tuple[Problem, Tracking, Trouble]]) -> None:
    """Bring words, deadline and cause up to date where they have changed."""
    now, changed = timezone.now(), []
    for problem, _tracking, one in known:
        fresh = (one.cause[:1000], one.since_at, one.next_step or NEXT_STEP[one.kind])
        if fresh != (problem.cause, problem.since_at, problem.next_step):
            problem.occurrences += problem.since_at != one.since_at
            problem.cause, problem.since_at, problem.next_step = fresh
            problem.due_at, problem.seen_at, problem.evidence = one.due_at or problem.due_at, now, list(one.evidence)
            changed.append(problem)
    update_rows(changed, ["cause", "since_at", "next_step", "due_at", "seen_at", "evidence", "occurrences"])


def closed_by_hand(wanted: Mapping[Key, tuple[Tracking, Trouble]]) -> set[Key]:
    """Those that a person closed for the very same cause: nobody is asked twice."""
    closed = Problem.objects.filter(tracking__in={pk for pk, _kind in wanted}, closed_by__isnull=False)
    rows = closed.values_list("tracking_id", "kind", "since_at")
    return {(pk, kind) for pk, kind, since in rows if (pk, kind) in wanted and wanted[pk, kind][1].since_at == since}


def orders_of(tracking_ids: Iterable[str]) -> dict[str, int]:
    """The first order that shows each tracking: what the problem is about for people."""
    parcels = Parcel.objects.filter(SHOWN, tracking__in=list(tracking_ids)).order_by("-pk")
    return dict(parcels.values_list("tracking_id", "order_id"))


def row_of(tracking: Tracking, one: Trouble, order_id: int | None) -> Problem:
    """The trouble as a Problem, unsaved."""
    now = timezone.now()
    return Problem(
        kind=one.kind,
        subject=f"tracking:{tracking.pk}",
        cause=one.cause[:1000],
        next_step=one.next_step or NEXT_STEP[one.kind],
        evidence=list(one.evidence),
        tracking=tracking,
        order_id=order_id,
        correlation_id=tracking.correlation_id,
        since_at=one.since_at,
        due_at=one.due_at or now + due_after(one.kind),
        seen_at=now,
    )


def outages_of(rows: Mapping[str, tuple[str, str]]) -> dict[str, int]:
    """Which outage explains the silence of each tracking, given its courier and country; one query."""
    lasting = {(one.courier, one.country): one.pk for one in Outage.objects.filter(ended_at=None)}
    return {
        pk: lasting.get((courier, "")) or lasting[courier, country]
        for pk, (courier, country) in rows.items()
        if outages.explains(frozenset(lasting), courier, country)
    }
