"""What people do to parcels by hand, one or thousands at once: previewed, resumable, undone within a day.

    plan_remap ─> start_remap ─> the REMAP job ─ a chunk, each parcel in its own transaction ─> itself again ─> done
                    │                └─ what is done to each is the deed: moved (``remap_move.py``), marked,
                    │                   tracked again (``marking.py``)
                    └─ a parcel that waits elsewhere: RemapConflict
    undo_remap ─> the same job, parcel by parcel back to what ``RemapItem.before`` kept ─> undone

Nothing here calls an upstream: jobs of the road do, at the rates that hold for everybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Count, Q
from django.utils import timezone

from config.correlation import new_correlation_id
from stores.models import AfterShipAccount, Revision, Route
from tracking.enums import JobKind, RemapItemState, RemapState, StaffActionKind
from tracking.models import Order, Parcel, Problem, Remap, RemapItem, StaffAction, Tracking
from tracking.services import jobs
from tracking.services.deeds import Deed, LeftAsIs, Planned
from tracking.services.marking import MARK, RETRACK
from tracking.services.remap_move import MOVE
from tracking.services.remap_plan import ROUTE, PlannedMove, Target, plan_remap, waiting_items, waits_in
from tracking.services.scope import store_ids_of, visible
from tracking.services.staff import note_action
from tracking.services.story import ending, tell

__all__ = [
    "PlannedMove",
    "RemapConflict",
    "RemapRefused",
    "parcels_alike",
    "plan_for",
    "plan_remap",
    "progress_of",
    "resume_remap",
    "run_remap",
    "start_remap",
    "stop_remap",
    "undo_remap",
]

logger = structlog.get_logger("trackbridge.remap")

UNDO_TIME = timedelta(hours=24)
CHUNK = 50  # parcels in one run of the job: about a second
FEW = 20  # so many are opened as live traffic; more of them wait behind it
SLICE = 500  # parcels that are planned at once
UPSTREAM = "trackbridge:remap"  # no connection of that name: no pause holds a remap back
CHANGED = "It changed since it was looked at."


class RemapConflict(Exception):  # noqa: N818  a verdict on the request, not a failure
    """Some of the parcels wait in another remap already: ``items`` say which, and whose."""

    def __init__(self, items: Sequence[RemapItem]) -> None:
        super().__init__(" ".join(f"{item.parcel}: {waits_in(item)}" for item in items[:5]))
        self.items = list(items)


class RemapRefused(ValueError):  # noqa: N818  a verdict on the request, not a failure
    """Nothing of it can be done: ``causes`` by parcel id, or the fault of the target itself."""

    def __init__(self, message: str, causes: dict[int, str] | None = None) -> None:
        super().__init__(message)
        self.causes = causes or {}


# ── by people ────────────────────────────────────────────────────────────────────────────────────────────────────────


def start_remap(
    parcel_ids: Sequence[int],
    target: Target,
    *,
    actor: AbstractBaseUser | None,
    reason: str,
    revision: Revision | None = None,
    seen: dict[int, str] | None = None,
) -> Remap:
    """Keep the wish to move these parcels, in one transaction; the REMAP job does it.

    ``seen`` are the fingerprints of the preview: a parcel that is not as it was seen is left out, as is one that cannot
    be moved, and each says why. Raises RemapRefused where nothing is left, RemapConflict where a parcel waits in
    another remap: of two at once the database lets one win. PermissionDenied where the actor may not see all of it.
    """
    ids = sorted(set(parcel_ids))
    refuse_unseen(actor, ids, target)
    if fault := deed_of(target).fault_of(target, len(ids)):
        raise RemapRefused(fault)
    try:
        with transaction.atomic():
            return started(ids, target, actor=actor, reason=reason, revision=revision, seen=seen)
    except IntegrityError:
        if held := waiting_items(Parcel.objects.filter(pk__in=ids)):
            raise RemapConflict(held) from None
        raise


def refuse_unseen(actor: AbstractBaseUser | None, ids: Sequence[int], target: Target) -> None:
    """Raises PermissionDenied where the actor is limited to stores, and a parcel or the target is of others."""
    if store_ids_of(actor) is None:
        return
    rows = [
        (Parcel.objects.filter(pk__in=ids), len(ids)),
        (Route.objects.filter(pk=target.get("route")), int("route" in target)),
        (AfterShipAccount.objects.filter(key=target.get("account")), int("account" in target)),
    ]
    if any(visible(actor, found).count() < wanted for found, wanted in rows):
        raise PermissionDenied


def started(
    ids: Sequence[int],
    target: Target,
    *,
    actor: AbstractBaseUser | None,
    reason: str,
    revision: Revision | None,
    seen: dict[int, str] | None,
) -> Remap:
    """A remap of these parcels, with an item for each, and the wish to work on them; in a transaction.

    Raises RemapConflict where another remap still holds one of them, RemapRefused where none of them can move.
    """
    remap = Remap.objects.create(
        target=dict(target),
        reason=reason[:500],
        actor=actor,
        actor_name=actor.get_username() if actor else "",
        correlation_id=new_correlation_id(),
        revision=revision,
        undo_until=timezone.now() + UNDO_TIME,
    )
    first: Planned | None = None
    causes: dict[int, str] = {}
    for start in range(0, len(ids), SLICE):
        moves = plan_for(ids[start : start + SLICE], target, moving=ids)
        if held := waiting_items([move.parcel for move in moves]):
            raise RemapConflict(held)
        first = first or next(iter(moves), None)
        items = [item_of(remap, move, seen) for move in moves]
        causes |= {item.parcel_id: item.outcome for item in items if item.state == RemapItemState.SKIPPED}
        RemapItem.objects.bulk_create(items)
    if first is None or len(causes) == remap.items.count():
        raise RemapRefused(next(iter(causes.values()), "There is no such parcel."), causes)
    keep_start(remap, first)
    jobs.want([wish(remap)])
    return remap


def item_of(remap: Remap, move: Planned, seen: dict[int, str] | None) -> RemapItem:
    """The parcel's part of the remap, unsaved: it waits, or is left out with the reason."""
    item = RemapItem(remap=remap, parcel=move.parcel, before=deed_of(remap.target).before(move.parcel))
    outcome = move.refusal
    if seen is not None and seen.get(move.parcel.pk) != move.fingerprint:
        outcome = CHANGED
    if outcome:
        item.state, item.outcome, item.done_at = RemapItemState.SKIPPED, outcome[:300], timezone.now()
    return item


def keep_start(remap: Remap, first: Planned) -> None:
    """The StaffAction of a remap: about its parcel where it has one only, else found by the remap."""
    number = remap.items.filter(state=RemapItemState.WAITING).count()
    is_single = remap.items.count() == 1
    what = f"parcel {ending(str(first.parcel))}" if is_single else f"{number} parcels"
    note_action(
        kind_of(remap.target),
        actor=remap.actor,
        summary=f"Remap #{remap.pk}: {what} {did(remap.target)}.",
        reason=remap.reason,
        parcel=first.parcel if is_single else None,
        remap=remap,
        revision=remap.revision,
        before=values_before(remap, first.parcel) if is_single else None,
        after=remap.target,
        correlation_id="" if is_single else remap.correlation_id,
    )


def values_before(remap: Remap, parcel: Parcel) -> dict[str, Any]:
    """What the audit trail shows beside the target."""
    if deed_of(remap.target) is MOVE:
        return parcel.override
    return {"status": parcel.tracking.status if parcel.tracking else ""}


def kind_of(target: Target) -> StaffActionKind:
    """What the audit trail calls it."""
    if target.get("stop"):
        return StaffActionKind.STOP
    if target.keys() & {"number", "fields"} and not target.keys() & {"route", "account", "courier"}:
        return StaffActionKind.CORRECT
    return deed_of(target).kind


def did(target: Target) -> str:
    """The end of the sentence that begins with the parcels."""
    if target.get("stop"):
        return "no longer tracked"
    if "mark" in target:
        return f"marked as {target['mark']}"
    if "retrack" in target:
        return "tracked again"
    return f"to {in_words(target)}"


def deed_of(target: Target) -> Deed:
    """What is done to each parcel."""
    if "mark" in target:
        return MARK
    return RETRACK if "retrack" in target else MOVE


def plan_for(parcel_ids: Sequence[int], target: Target, *, moving: Sequence[int] | None = None) -> Sequence[Planned]:
    """What would become of each of these parcels, before anything is done: pure reading."""
    return deed_of(target).plan(parcel_ids, target, moving=moving)


def in_words(target: Target) -> str:
    """``courier dhl-germany, account main``; a number by its end only."""
    if not target:
        return "what the rules say"
    shown = dict(target)
    if "number" in shown:
        shown["number"] = ending(str(shown["number"]))
    if shown.get("courier") == "":
        shown["courier"] = "by AfterShip's detection"
    if "route" in shown:
        shown["route"] = f"#{shown['route']}"
    if "fields" in shown:
        shown["fields"] = " and ".join(sorted(shown["fields"]))  # by name only: a postal code is somebody's
    if shown.pop("upstream", False):
        shown["number"] += " in commercetools, too"
    return ", ".join(f"{name} {value}" for name, value in sorted(shown.items()))


def parcels_alike(problem: Problem) -> list[int]:
    """Parcels that have the same open problem as this one's, with the same carrier text, in the same store."""
    mine = Parcel.objects.filter(removed_at=None)
    first = mine.filter(has_problem(pk=problem.pk)).select_related("order").order_by("pk").first()
    if first is None:
        return []
    same = mine.filter(order__project=first.order.project_id, order__store=first.order.store_id, carrier=first.carrier)
    alike = same.filter(has_problem(kind=problem.kind, closed_at=None))
    return sorted({first.pk, *alike.values_list("pk", flat=True)})


def has_problem(**facts: Any) -> Q:
    """The problem is about the parcel itself, or about the tracking that it shows."""
    found = Problem.objects.filter(**facts)
    by_parcel, by_tracking = found.filter(parcel__isnull=False), found.filter(tracking__isnull=False)
    return Q(pk__in=by_parcel.values("parcel")) | Q(tracking__in=by_tracking.values("tracking"))


def stop_remap(remap: Remap) -> bool:
    """Let no further parcel move until it is resumed; returns whether it was running."""
    return bool(Remap.objects.filter(pk=remap.pk, state=RemapState.RUNNING).update(state=RemapState.STOPPED))


@transaction.atomic
def resume_remap(remap: Remap) -> bool:
    """Go on with a stopped remap, which can be undone for a day from now; returns whether it was stopped."""
    stopped = Remap.objects.filter(pk=remap.pk, state=RemapState.STOPPED)
    if not stopped.update(state=RemapState.RUNNING, undo_until=timezone.now() + UNDO_TIME):
        return False
    jobs.want([wish(remap)])
    return True


@transaction.atomic
def undo_remap(remap: Remap, actor: AbstractBaseUser | None) -> bool:
    """Wish to bring every moved parcel back to what it was; what still waits is not moved at all.

    False where it is neither done nor stopped, or its time to be undone is over.
    """
    row = Remap.objects.select_for_update().get(pk=remap.pk)
    if not can_be_undone(row):
        return False
    row.state, row.finished_at = RemapState.UNDOING, None
    row.save(update_fields=["state", "finished_at"])
    waiting = row.items.filter(state=RemapItemState.WAITING)
    waiting.update(state=RemapItemState.SKIPPED, outcome="The remap was undone first.", done_at=timezone.now())
    start = StaffAction.objects.filter(remap=row).order_by("pk").first()
    note_action(
        StaffActionKind.UNDO_REMAP if deed_of(row.target) is MOVE else StaffActionKind.UNDO,
        actor=actor,
        summary=f"Undo of remap #{row.pk}: {did(row.target)}.",
        parcel=start.parcel if start else None,
        remap=row,
        correlation_id=start.correlation_id if start else row.correlation_id,
    )
    jobs.want([wish(row)])
    return True


def can_be_undone(remap: Remap) -> bool:
    if deed_of(remap.target).undo is None:
        return False
    return remap.state in (RemapState.DONE, RemapState.STOPPED) and timezone.now() < remap.undo_until


def progress_of(remap: Remap) -> Counter[str]:
    """How many of its parcels are in which state. One query."""
    counted = remap.items.order_by().values_list("state").annotate(n=Count("pk"))
    return Counter(dict(counted))


def wish(remap: Remap) -> jobs.Wish:
    return jobs.Wish(JobKind.REMAP, str(remap.pk), UPSTREAM, remap.correlation_id)


# ── by the job ───────────────────────────────────────────────────────────────────────────────────────────────────────


def run_remap(remap_id: int) -> None:
    """Move, or bring back, the next CHUNK of parcels, and wish for another run until none is left.

    Safe to repeat and to be killed anywhere: a parcel is moved with the note of it, or not at all.
    """
    remap = Remap.objects.get(pk=remap_id)
    if remap.state == RemapState.RUNNING:
        move_some(remap)
        go_on(remap, RemapItemState.WAITING, RemapState.DONE)
    elif remap.state == RemapState.UNDOING:
        bring_back_some(remap)
        go_on(remap, RemapItemState.MOVED, RemapState.UNDONE)


def go_on(remap: Remap, left: RemapItemState, end: RemapState) -> None:
    """Another run, or the end."""
    if remap.items.filter(state=left).exists():
        jobs.want([wish(remap)])
    elif Remap.objects.filter(pk=remap.pk, state=remap.state).update(state=end, finished_at=timezone.now()):
        tell(f"remap {end.value}", remap=remap.pk, counts=dict(progress_of(remap)))


def move_some(remap: Remap) -> None:
    items = remap.items.filter(state=RemapItemState.WAITING).order_by("pk")
    part = list(items.select_related("parcel__order__project")[:CHUNK])
    prepared = deed_of(remap.target).prepare([item.parcel for item in part])
    priority = jobs.LIVE if remap.items.count() <= FEW else jobs.BACKFILL
    for item in part:
        with noted(item, RemapItemState.SKIPPED):
            move(remap, item.pk, prepared, priority)


def bring_back_some(remap: Remap) -> None:
    for item in remap.items.filter(state=RemapItemState.MOVED).order_by("pk")[:CHUNK]:
        with noted(item, RemapItemState.KEPT):
            bring_back(remap, item.pk)


@contextmanager
def noted(item: RemapItem, state: RemapItemState) -> Iterator[None]:
    """A failure of our own stops one parcel, not those after it: it is logged, and the parcel says so."""
    try:
        yield
    except (OperationalError, InterfaceError):  # the database: the whole job is tried again
        raise
    except Exception as error:
        logger.exception("a parcel could not be remapped", item=item.pk)
        ended(item, state, f"It failed for a reason of our own: {type(error).__name__}.")


def ended(item: RemapItem, state: RemapItemState, outcome: str) -> None:
    item.state, item.outcome, item.done_at = state, outcome[:300], timezone.now()
    item.save()


def taken(item_id: int, state: RemapItemState, remap_state: RemapState) -> RemapItem | None:
    """The item with its parcel, both as they are now, and locked together with the order, in the order that everybody
    locks them. None where somebody else was faster, or the remap was stopped.
    """
    list(Order.objects.filter(parcels__remap_items=item_id).select_for_update(of=("self",)))
    rows = RemapItem.objects.filter(pk=item_id, state=state, remap__state=remap_state).select_for_update(of=("self",))
    links = ("order__project", "order__store", "tracking__account", *ROUTE)
    item = rows.select_related(*(f"parcel__{link}" for link in links)).first()
    if item and item.parcel.tracking_id:
        row = Tracking.objects.select_related("account").select_for_update(of=("self",))
        item.parcel.tracking = row.get(pk=item.parcel.tracking_id)
    return item


@transaction.atomic
def move(remap: Remap, item_id: int, prepared: Any, priority: int) -> None:
    """Do it to one parcel, or note why it is left as it is."""
    item = taken(item_id, RemapItemState.WAITING, RemapState.RUNNING)
    if item is None:
        return
    try:
        outcome = deed_of(remap.target).do(remap, item, prepared, priority)
    except LeftAsIs as refusal:
        ended(item, RemapItemState.SKIPPED, str(refusal))
        return
    ended(item, RemapItemState.MOVED, outcome)
    tell_done("parcel remapped", remap, item)


@transaction.atomic
def bring_back(remap: Remap, item_id: int) -> None:
    """Undo it for one parcel, or note why that is left as it is."""
    item, undo = taken(item_id, RemapItemState.MOVED, RemapState.UNDOING), deed_of(remap.target).undo
    if item is None or undo is None:
        return
    try:
        outcome = undo(remap, item)
    except LeftAsIs as refusal:
        ended(item, RemapItemState.KEPT, str(refusal))
        return
    ended(item, RemapItemState.UNDONE, outcome)
    tell_done("remap undone", remap, item)


def tell_done(step: str, remap: Remap, item: RemapItem) -> None:
    parcel = item.parcel
    code = parcel.order.correlation_id
    tell(step, remap=remap.pk, number=parcel.tracking_number, outcome=item.outcome, correlation_id=code)
