"""Queues of problems: what waits, whose it is, and what people do with it.

    open problems of one kind, most urgent first ─> a Selection (owner, store, courier, age) ─> a page, or the next one
    assign | note | close: one UPDATE for all chosen ones that are still open, and a StaffAction for each

Every figure and list is limited to what the person may see (``scope.visible``). What an outage explains is left out
unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, F, Min, Q, QuerySet
from django.utils import timezone

from tracking.enums import ProblemKind, StaffActionKind
from tracking.models import Problem, StaffAction
from tracking.services.outages import EXPLAINED
from tracking.services.scope import visible
from tracking.services.story import tell

K = ProblemKind
SECTIONS: dict[str, list[ProblemKind]] = {  # each kind is in one of them; the order is that of the page
    "Parcels": [
        K.ADDRESS, K.AWAITING_PICKUP, K.ATTEMPTS_FAILED, K.NO_SCAN, K.SILENT, K.RETURNING, K.LOST, K.NUMBER_REUSED,
    ],
    "Routing and carriers": [
        K.UNROUTED, K.UNMAPPED_CARRIER, K.CARRIER_MISMATCH, K.CARRIER_DOUBTFUL, K.OUTSIDE_COURIER_SET, K.BAD_NUMBER,
        K.MISSING_FIELD,
    ],
    "Messages to shoppers": [K.MAIL_REFUSED, K.MAIL_UNSURE, K.TWO_SENDERS],
    "Connections and jobs": [
        K.COURIER_OUTAGE, K.UPSTREAM_PAUSED, K.UPSTREAM_DOWN, K.UNSUBSCRIBED, K.MESSAGES_OFF, K.DEAD_LETTER, K.REFUSED,
        K.FOREIGN_TYPE, K.TYPE_MISSING, K.DRIFT, K.UNKNOWN_STATUS,
    ],
}  # fmt: skip
ALL = "all"
ME, NOBODY = "me", "nobody"
MOST_AT_ONCE = 1_000
AGES = {"1": 1, "4": 4, "24": 24, "72": 72, "168": 168}  # hours since it opened


@dataclass(frozen=True)
class QueueFigures:
    """One queue at a glance."""

    kind: ProblemKind
    number: int = 0
    mine: int = 0
    nobodys: int = 0
    overdue: int = 0
    suppressed: int = 0
    oldest_at: datetime | None = None
    due_at: datetime | None = None


def open_problems(user: Any) -> QuerySet[Problem]:
    """All that are open and that the person may see."""
    return visible(user, Problem.objects.filter(closed_at=None))


def figures(user: Any) -> dict[ProblemKind, QueueFigures]:
    """Every queue that is not empty, in one query."""
    shown = Q(suppressed_by=None)
    rows = (
        open_problems(user)
        .order_by()
        .values("kind")
        .annotate(
            number=Count("pk", filter=shown),
            mine=Count("pk", filter=shown & Q(assignee=user.pk)),
            nobodys=Count("pk", filter=shown & Q(assignee=None)),
            overdue=Count("pk", filter=shown & Q(due_at__lt=timezone.now())),
            suppressed=Count("pk", filter=~shown),
            oldest_at=Min("opened_at", filter=shown),
            due_at=Min("due_at", filter=shown),
        )
    )
    return {ProblemKind(row["kind"]): QueueFigures(**(row | {"kind": ProblemKind(row["kind"])})) for row in rows}


@dataclass(frozen=True)
class Selection:
    """Which problems of which queue: what the address of a queue's page says. ``kind`` is a kind or ``all``."""

    kind: str = ALL
    owner: str = ""  # me, nobody, or the key of a person
    store: str = ""  # the key of a row
    courier: str = ""
    age: str = ""  # one of AGES
    is_suppressed: bool = False

    def parameters(self) -> dict[str, str]:
        """For the address of a page with the same filters."""
        wanted = {"owner": self.owner, "store": self.store, "courier": self.courier, "age": self.age}
        return {name: value for name, value in wanted.items() if value} | (
            {"suppressed": "1"} if self.is_suppressed else {}
        )

    def without_filters(self) -> Selection:
        return replace(Selection(), kind=self.kind)


def selected(user: Any, selection: Selection) -> QuerySet[Problem]:
    """The selection's problems, the most urgent first: by when it is due, then the oldest."""
    rows = open_problems(user).filter(suppressed_by__isnull=not selection.is_suppressed)
    if selection.kind != ALL:
        rows = rows.filter(kind=selection.kind)
    if selection.owner == ME:
        rows = rows.filter(assignee=user.pk)
    elif selection.owner == NOBODY:
        rows = rows.filter(assignee=None)
    elif selection.owner:
        rows = rows.filter(assignee=int(selection.owner))
    if selection.store:
        rows = rows.filter(order__store=int(selection.store))
    if selection.courier:
        rows = rows.filter(Q(tracking__courier=selection.courier) | Q(parcel__tracking__courier=selection.courier))
    if selection.age:
        rows = rows.filter(opened_at__lt=timezone.now() - timedelta(hours=AGES[selection.age]))
    return rows.order_by(F("due_at").asc(nulls_last=True), "pk")


def next_problem(user: Any, selection: Selection, after: Problem | None = None) -> Problem | None:
    """What to deal with next: the most urgent that is mine or nobody's, and not the one at hand."""
    rows = selected(user, selection)
    if not selection.owner:
        rows = rows.filter(Q(assignee=user.pk) | Q(assignee=None))
    return rows.exclude(pk=after.pk).first() if after else rows.first()


# ── what people do ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Handled:
    """How many were changed, and how many were not: closed in the meantime, or of stores that the owner cannot see."""

    number: int
    left: int = 0


def colleagues() -> QuerySet[Any]:
    """People to whom a problem can be assigned: they work in the console."""
    return get_user_model()._default_manager.filter(is_active=True, is_staff=True).order_by("username")


def assign(keys: Collection[int], to: Any | None, *, by: Any) -> Handled:
    """Give these problems to ``to`` (None: to nobody). Left alone are those that either of the two may not see."""
    with transaction.atomic():
        rows = held(by, keys)
        if to is not None:
            theirs = set(open_problems(to).filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
            rows = [row for row in rows if row.pk in theirs]
        changed = [row for row in rows if row.assignee_id != (to.pk if to else None)]
        before = {row.pk: row.assignee.get_username() if row.assignee else "" for row in changed}
        Problem.objects.filter(pk__in=list(before)).update(assignee=to)
        name = to.get_username() if to else ""
        words = f"Assigned to {name}" if name else "Assigned to nobody"
        keep(StaffActionKind.ASSIGN, changed, by, words, after={"assignee": name}, before=before)
    return Handled(len(changed), len(keys) - len(changed))


def note(keys: Collection[int], text: str, *, by: Any) -> Handled:
    """Write a note on these problems: the last one is shown, all are kept with who wrote them."""
    with transaction.atomic():
        rows = held(by, keys)
        Problem.objects.filter(pk__in=[row.pk for row in rows]).update(note=text[:1000])
        keep(StaffActionKind.NOTE, rows, by, "Wrote a note", reason=text)
    return Handled(len(rows), len(keys) - len(rows))


def close(keys: Collection[int], reason: str, *, by: Any) -> Handled:
    """Close by hand what a person has dealt with. It opens again for a new cause only (``Problem.since_at``)."""
    with transaction.atomic():
        rows = held(by, keys)
        words = f"{by.get_username()}: {reason}"[:300]
        Problem.objects.filter(pk__in=[row.pk for row in rows]).update(
            closed_at=timezone.now(), closed_reason=words, closed_by=by, suppressed_by=None
        )
        keep(StaffActionKind.MARK, rows, by, "Closed as done", reason=reason)
    return Handled(len(rows), len(keys) - len(rows))


def held(user: Any, keys: Collection[int]) -> list[Problem]:
    """Those that are open and that the person may see, locked, in one order for everybody."""
    rows = open_problems(user).filter(pk__in=list(keys)[:MOST_AT_ONCE]).order_by("pk")
    locked = list(rows.select_for_update(of=("self",)).values_list("pk", flat=True))
    found = Problem.objects.filter(pk__in=locked).select_related("assignee", "order", "parcel")
    return list(found.order_by("pk"))


def keep(
    kind: StaffActionKind,
    problems: Collection[Problem],
    by: AbstractBaseUser,
    words: str,
    *,
    reason: str = "",
    before: dict[int, str] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Keep for each problem who did it, in the caller's transaction. ``before``: earlier owners by key."""
    StaffAction.objects.bulk_create(
        StaffAction(
            kind=kind,
            actor=by,
            actor_name=by.get_username(),
            summary=f"{words}: {problem.get_kind_display()}"[:500],
            reason=reason[:500],
            order=problem.order,
            parcel=problem.parcel,
            before={"assignee": before[problem.pk]} if before else {},
            after={"problem": problem.pk} | (after or {}),
            correlation_id=problem.correlation_id,
        )
        for problem in problems
    )
    tell("staff actions", kind=kind.value, number_of_rows=len(problems), actor=by.get_username())


def is_explained(kind: str) -> bool:
    """Whether an outage can explain problems of this kind."""
    return kind in EXPLAINED or kind == ALL


# ── for the lead ─────────────────────────────────────────────────────────────────────────────────────────────────────

WEEK = timedelta(days=7)
STEPS = [timedelta(hours=1), timedelta(hours=4), timedelta(hours=8), timedelta(days=1), timedelta(days=2), WEEK]


@dataclass(frozen=True)
class Performance:
    """How one queue or one person gets on: open now, done in a week, and within what half of that was closed."""

    key: Any
    number: int = 0
    overdue: int = 0
    oldest_at: datetime | None = None
    done: int = 0
    by_hand: int = 0
    half_within: timedelta | None = None  # None: nothing was done, or half took longer than the last of STEPS


def performance(user: Any, by: str) -> list[Performance]:
    """By ``kind`` or by person (``assignee``): two queries, whatever there is. The busiest first."""
    waiting = open_problems(user).filter(suppressed_by=None).order_by().values(by)
    now = timezone.now()
    open_rows = waiting.annotate(
        number=Count("pk"), overdue=Count("pk", filter=Q(due_at__lt=now)), oldest_at=Min("opened_at")
    )
    closed = visible(user, Problem.objects.filter(closed_at__gte=now - WEEK)).order_by().values(by)
    within = {f"step_{n}": Count("pk", filter=Q(closed_at__lte=F("opened_at") + step)) for n, step in enumerate(STEPS)}
    done_rows = closed.annotate(done=Count("pk"), by_hand=Count("pk", filter=Q(closed_by__isnull=False)), **within)
    found: dict[Any, dict[str, Any]] = {}
    for row in open_rows:
        found.setdefault(row[by], {}).update({name: row[name] for name in ("number", "overdue", "oldest_at")})
    for row in done_rows:
        facts = {"done": row["done"], "by_hand": row["by_hand"], "half_within": half_within(row)}
        found.setdefault(row[by], {}).update(facts)
    rows = [Performance(key=key, **facts) for key, facts in found.items()]
    return sorted(rows, key=lambda row: (-row.number, -row.done, str(row.key)))


def half_within(row: dict[str, Any]) -> timedelta | None:
    """The shortest of STEPS within which half of what was closed had been closed."""
    return next((step for n, step in enumerate(STEPS) if row[f"step_{n}"] * 2 >= row["done"]), None)


@dataclass(frozen=True)
class WeeklyCause:
    """How many problems of a kind opened in the last seven days, and in the seven before."""

    kind: ProblemKind
    this_week: int
    week_before: int


def weekly_causes(user: Any) -> list[WeeklyCause]:
    """What made work lately, the most frequent first; one query."""
    now = timezone.now()
    rows = (
        visible(user, Problem.objects.filter(opened_at__gte=now - 2 * WEEK))
        .order_by()
        .values("kind")
        .annotate(
            n=Count("pk", filter=Q(opened_at__gte=now - WEEK)), before=Count("pk", filter=Q(opened_at__lt=now - WEEK))
        )
    )
    causes = [WeeklyCause(ProblemKind(row["kind"]), row["n"], row["before"]) for row in rows]
    return sorted(causes, key=lambda cause: (-cause.this_week, -cause.week_before, cause.kind))
