"""Everything that happened under one correlation code, in order of time: what the console and the API show.

    code, as stored on a row or as answered to a sender (request id)
      └─> codes of the stories it means ─> receipts, decisions, jobs, calls, writes, problems, staff ─> by time

A parcel may show a tracking that another order opened first (one box, two orders): what came in about that tracking
belongs to both stories, and each names the other's code.

Nothing in it tells who the shopper is: numbers by their end, carriers' words hidden, excerpts redacted when stored, and
left out for viewers who may not see people.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q, QuerySet

from config.correlation import normalise
from config.redaction import PERSONAL, redact_text
from tracking.enums import ABOUT_TRACKINGS
from tracking.models import (
    Attempt,
    Job,
    Message,
    Order,
    Parcel,
    Problem,
    Receipt,
    RemapItem,
    StaffAction,
    Tracking,
    Write,
)
from tracking.services.scope import may_see_people, store_ids_of, visible
from tracking.services.story import ending

MOST_ROWS = 500  # of each kind, the newest
MOST_STORIES = 20  # that one request may have begun
CARRIERS_WORDS = {"tb_message", "tb_location", "tb_tracking_url"}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened. ``row`` is the key of the row that tells it, of ``model``."""

    kind: ClassVar[str]
    model: ClassVar[type]
    at: datetime
    row: int


@dataclass(frozen=True, kw_only=True)
class Received(Entry):
    """Something came in, and what became of it."""

    kind = "receipt"
    model = Receipt
    source: str
    endpoint: str
    event: str
    state: str
    outcome: str
    processed_at: datetime | None
    request_id: str


@dataclass(frozen=True)
class Look:
    """One look at one routing rule, at the version that it had then (traces were kept without it once)."""

    rule: int
    hit: bool
    reason: str
    version: int = 1


@dataclass(frozen=True, kw_only=True)
class Decided(Entry):
    """What a parcel's rules and carrier text led to: "" where nothing was found, or AfterShip detects.

    ``because`` is why this courier, ``facts`` what the rules saw (custom fields by name only: they may hold anything),
    ``chosen`` the names of what a person chose instead.
    """

    kind = "decision"
    model = Parcel
    parcel: str
    carrier: str
    account: str
    asked_courier: str
    courier: str
    trace: tuple[Look, ...]
    because: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    chosen: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Wished(Entry):
    """A job was first wished for; ``state`` is what it is now. Dead ones come a second time, when they gave up."""

    kind = "job"
    model = Job
    job: str
    upstream: str
    state: str
    attempts: int
    next_attempt_at: datetime | None
    code: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Called(Entry):
    """One upstream call, and how long its job waited then."""

    kind = "attempt"
    model = Attempt
    upstream: str
    method: str
    path: str
    status: int | None
    outcome: str
    code: str
    words: str
    duration_ms: int
    wait_seconds: float | None
    request_excerpt: str
    response_excerpt: str


@dataclass(frozen=True)
class Change:
    """One field, before and after a write; None where it is absent."""

    what: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True)
class Written(Entry):
    """commercetools took a write of ours."""

    kind = "write"
    model = Write
    version_before: int
    version_after: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Trouble(Entry):
    """A problem opened, or closed."""

    kind = "problem"
    model = Problem
    step: str
    problem: str
    subject: str
    words: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class Acted(Entry):
    """Somebody of the staff did something by hand; ``outcome`` is what a remap came to for a parcel of this story."""

    kind = "staff"
    model = StaffAction
    action: str
    actor: str
    words: str
    reason: str
    parcel: str
    outcome: str


@dataclass(frozen=True, kw_only=True)
class Told(Entry):
    """A message to the shopper: when it was sent, else when it was planned. ``words``: why it is in this state."""

    kind = "message"
    model = Message
    message: str
    state: str
    brand: str
    language: str
    parcel: str
    words: str


EVERY_ENTRY = (Received, Decided, Wished, Called, Written, Told, Trouble, Acted)
KINDS: dict[str, type[Entry]] = {one.kind: one for one in EVERY_ENTRY}


@dataclass(frozen=True)
class Story:
    """``entries`` oldest first. ``is_cut``: of some kind only the newest MOST_ROWS are here."""

    code: str
    orders: tuple[Order, ...]
    trackings: tuple[Tracking, ...]
    related_codes: tuple[str, ...]
    entries: tuple[Entry, ...]
    is_cut: bool


@dataclass
class Scope:
    """What belongs to a story: rows with one of its codes, and rows about trackings that it shares with others."""

    codes: set[str]
    orders: list[Order] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    trackings: dict[str, Tracking] = field(default_factory=dict)
    is_cut: bool = False
    viewer: Any = None

    @property
    def shared(self) -> list[Tracking]:
        return [tracking for tracking in self.trackings.values() if tracking.correlation_id not in self.codes]

    def newest(self, rows: QuerySet[Any]) -> list[Any]:
        """The newest rows that the viewer may see, of a queryset that is ordered newest first."""
        found = list(visible(self.viewer, rows)[: MOST_ROWS + 1])
        self.is_cut |= len(found) > MOST_ROWS
        return found[:MOST_ROWS]


def story_of(text: str, *, viewer: Any = None) -> Story | None:
    """The story behind a code as typed, heard or copied from an answer's X-Correlation-ID; None where there is none
    that the viewer may see.

    Twelve queries at most, whatever it holds; two more for who is limited to stores.
    """
    code = normalise(text).replace("\x00", "")[:16]
    if not code:
        return None
    scope = scope_of(code, viewer)
    jobs = jobs_of(scope)
    entries: list[Entry] = [
        *received(scope),
        *(
            decided(parcel)
            for parcel in scope.parcels
            if parcel.order.correlation_id in scope.codes and is_decided(parcel)
        ),
        *(entry for job in jobs for entry in wished(job)),
        *called(scope, jobs),
        *written(scope),
        *told(scope),
        *(entry for problem in problems_of(scope) for entry in trouble(problem)),
        *acted(scope),
    ]
    if not entries and not scope.orders and not scope.trackings:
        return None
    ranks = {kind: rank for rank, kind in enumerate(KINDS)}
    return Story(
        code=code,
        orders=tuple(scope.orders),
        trackings=tuple(scope.trackings.values()),
        related_codes=related_codes(scope, code),
        entries=tuple(sorted(entries, key=lambda entry: (entry.at, ranks[entry.kind], entry.row))),
        is_cut=scope.is_cut,
    )


def scope_of(code: str, viewer: Any) -> Scope:
    """Which rows a code means, in four queries."""
    begun = visible(viewer, Receipt.objects.filter(request_id=code).order_by()).values_list("correlation_id", flat=True)
    scope = Scope({code, *begun.distinct()[:MOST_STORIES]}, viewer=viewer)
    scope.orders = scope.newest(Order.objects.filter(correlation_id__in=scope.codes).order_by("-pk"))
    of_orders = Parcel.objects.filter(order__in=[order.pk for order in scope.orders]).values("pk")
    of_trackings = Parcel.objects.filter(tracking__correlation_id__in=scope.codes).values("pk")
    shown = of_orders.order_by().union(of_trackings.order_by())  # each by its index: an OR over both tables has none
    rows = Parcel.objects.filter(pk__in=shown).select_related("order", "tracking__account", "route__account")
    scope.parcels = scope.newest(rows.order_by("-pk"))
    own = scope.newest(Tracking.objects.filter(correlation_id__in=scope.codes).order_by("-created_at"))
    shown_trackings = [parcel.tracking for parcel in scope.parcels if parcel.tracking]
    scope.trackings = {tracking.pk: tracking for tracking in [*own, *shown_trackings]}
    return scope


def related_codes(scope: Scope, code: str) -> tuple[str, ...]:
    """Codes of other stories: those this request began, and those of orders that share a tracking with this one."""
    found = scope.codes | {parcel.order.correlation_id for parcel in scope.parcels}
    found = (found | {tracking.correlation_id for tracking in scope.trackings.values()}) - {code, ""}
    if store_ids_of(scope.viewer) is not None:
        orders = visible(scope.viewer, Order.objects.filter(correlation_id__in=found))
        found = set(orders.values_list("correlation_id", flat=True))
    return tuple(sorted(found))


def received(scope: Scope) -> list[Received]:
    """The receipts under these codes, or about these trackings."""
    about = [tracking.aftership_id for tracking in scope.shared if tracking.aftership_id]
    rows = Receipt.objects.filter(either(Q(correlation_id__in=scope.codes), "subject__in", about))
    return [
        Received(
            at=receipt.received_at,
            row=receipt.pk,
            source=receipt.source,
            endpoint=receipt.endpoint,
            event=receipt.event,
            state=receipt.state,
            outcome=redact_text(receipt.outcome),
            processed_at=receipt.processed_at,
            request_id=receipt.request_id,
        )
        for receipt in scope.newest(rows.defer("body", "headers").order_by("-pk"))
    ]


def either(condition: Q, lookup: str, values: Iterable[Any]) -> Q:
    """``condition``, or one of the values where there are any: no OR that the database has to look at for nothing."""
    wanted = list(values)
    return condition | Q(**{lookup: wanted}) if wanted else condition


def is_decided(parcel: Parcel) -> bool:
    return bool(parcel.route_trace or parcel.tracking)


def decided(parcel: Parcel) -> Decided:
    """The decision that stands; it has no time of its own: when the parcel came, or its tracking was made."""
    tracking = parcel.tracking
    account = tracking.account if tracking else parcel.route.account if parcel.route else None
    return Decided(
        at=max(parcel.created_at, tracking.created_at) if tracking else parcel.created_at,
        row=parcel.pk,
        parcel=ending(str(parcel)),
        carrier=redact_text(parcel.carrier),
        account=account.key if account else "",
        asked_courier=tracking.requested_courier if tracking else "",
        courier=tracking.courier if tracking else "",
        trace=tuple(Look(*look) for look in parcel.route_trace),
        because=redact_text((parcel.decision.get("courier") or {}).get("because", "")),
        facts=facts_seen(parcel),
        chosen=tuple(sorted(parcel.override)),
    )


def facts_seen(parcel: Parcel) -> dict[str, Any]:
    """What the rules saw, without the values of custom fields."""
    facts = dict(parcel.decision.get("facts", {}))
    if "fields" in facts:
        facts["fields"] = [name for name, _values in facts["fields"]]
    return facts | ({"carrier": redact_text(facts["carrier"])} if "carrier" in facts else {})


def jobs_of(scope: Scope) -> list[Job]:
    about = Q(kind__in=ABOUT_TRACKINGS, subject__in=[tracking.pk for tracking in scope.shared])
    condition = Q(correlation_id__in=scope.codes)
    return scope.newest(Job.objects.filter(condition | about if scope.shared else condition).order_by("-pk"))


def wished(job: Job) -> list[Wished]:
    """A job as entries: when it was wished for, and when it was given up."""
    is_idle = job.want == job.done
    facts: dict[str, Any] = {
        "row": job.pk,
        "job": job.kind,
        "upstream": job.upstream,
        "attempts": job.attempts,
        "code": job.last_error_code,
        "words": redact_text(job.last_error),
    }
    state = "dead" if job.dead_at else "done" if is_idle else "waiting"
    due = None if job.dead_at or is_idle else job.next_attempt_at
    entries = [Wished(at=job.created_at, state=state, next_attempt_at=due, **facts)]
    if job.dead_at:
        entries.append(Wished(at=job.dead_at, state="gave_up", next_attempt_at=None, **facts))
    return entries


def called(scope: Scope, jobs: list[Job]) -> list[Called]:
    """The calls under these codes, or of these jobs. Excerpts are "" for who may not see people."""
    others = [job.pk for job in jobs if job.correlation_id not in scope.codes]
    rows = Attempt.objects.filter(either(Q(correlation_id__in=scope.codes), "job__in", others))
    shows_people = scope.viewer is None or may_see_people(scope.viewer)
    return [
        Called(
            at=attempt.started_at,
            row=attempt.pk,
            upstream=attempt.upstream,
            method=attempt.method,
            path=attempt.path,
            status=attempt.status,
            outcome=attempt.outcome,
            code=attempt.code,
            words=redact_text(attempt.message),
            duration_ms=attempt.duration_ms,
            wait_seconds=attempt.wait_seconds,
            request_excerpt=attempt.request_excerpt if shows_people else "",
            response_excerpt=attempt.response_excerpt if shows_people else "",
        )
        for attempt in scope.newest(rows.order_by("-pk"))
    ]


def written(scope: Scope) -> list[Written]:
    """The writes under these codes, each parcel by the end of its number."""
    numbers = {parcel.commercetools_id: ending(str(parcel)) for parcel in scope.parcels}
    rows = Write.objects.filter(correlation_id__in=scope.codes).order_by("-pk")
    return [
        Written(
            at=write.written_at,
            row=write.pk,
            version_before=write.version_before,
            version_after=write.version_after,
            changes=tuple(change_of(one, numbers) for one in write.changes),
        )
        for write in scope.newest(rows)
    ]


def told(scope: Scope) -> list[Told]:
    """Without the address: that is shown on the order, to whom it may be."""
    numbers = {parcel.pk: ending(str(parcel)) for parcel in scope.parcels}
    rows = Message.objects.filter(correlation_id__in=scope.codes).select_related("brand")
    return [
        Told(
            at=row.sent_at or row.sending_at or row.created_at,
            row=row.pk,
            message=row.kind,
            state=row.state,
            brand=row.brand.key if row.brand else "",
            language=row.language,
            parcel=numbers.get(row.parcel_id, ""),
            words=redact_text(row.reason),
        )
        for row in scope.newest(rows.order_by("-pk"))
    ]


def change_of(change: dict[str, Any], numbers: dict[str, str]) -> Change:
    """A kept change, with the parcel's number (its end) for its id, and carriers' words hidden."""
    parcel_id = change.get("parcel_id", "")
    before, after = change["before"], change["after"]
    if change["name"] in CARRIERS_WORDS:
        before, after = (PERSONAL if value else value for value in (before, after))
    return Change(numbers.get(parcel_id, parcel_id) or change["what"], change["name"], before, after)


def problems_of(scope: Scope) -> list[Problem]:
    condition = either(Q(correlation_id__in=scope.codes), "tracking__in", [one.pk for one in scope.shared])
    return scope.newest(Problem.objects.filter(condition).order_by("-pk"))


def trouble(problem: Problem) -> list[Trouble]:
    """Its opening and, once it is closed, its closing."""
    facts: dict[str, Any] = {"row": problem.pk, "problem": problem.kind, "subject": problem.subject}
    cause = redact_text(problem.cause)
    entries = [Trouble(at=problem.opened_at, step="opened", words=cause, next_step=problem.next_step, **facts)]
    if problem.closed_at:
        reason = redact_text(problem.closed_reason)
        entries.append(Trouble(at=problem.closed_at, step="closed", words=reason, next_step="", **facts))
    return entries


def acted(scope: Scope) -> list[Acted]:
    """What staff did to the story's orders, and the remaps of its parcels, also those of many at once."""
    numbers = {parcel.pk: ending(str(parcel)) for parcel in scope.parcels}
    moves = scope.newest(RemapItem.objects.filter(parcel__in=list(numbers)).order_by("-pk"))
    by_remap: dict[int, list[RemapItem]] = defaultdict(list)
    for item in moves:
        by_remap[item.remap_id].append(item)
    about = Q(correlation_id__in=scope.codes) | Q(order__in=[order.pk for order in scope.orders])
    rows = StaffAction.objects.filter(either(about, "remap__in", by_remap)).order_by("-pk")
    entries = []
    for action in scope.newest(rows):
        items = by_remap.get(action.remap_id, [])
        parcels = [numbers[item.parcel_id] for item in items]
        entries.append(
            Acted(
                at=action.made_at,
                row=action.pk,
                action=action.kind,
                actor=redact_text(action.actor_name),
                words=redact_text(action.summary),
                reason=redact_text(action.reason),
                parcel=", ".join(parcels) or numbers.get(action.parcel_id, ""),
                outcome="; ".join(dict.fromkeys(item.outcome for item in items if item.outcome)),
            )
        )
    return entries
