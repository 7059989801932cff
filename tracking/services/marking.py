"""Two deeds on a parcel's tracking: mark how it ended (and lift that), and have AfterShip track it again.

A mark counts here at once and is written to commercetools; AfterShip is told by a job. What newer news make of it:
``marks.py``. A parcel shares its tracking with others that show the number: so does it the mark.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from tracking.enums import FINISHED, AtTarget, JobKind, ParcelStatus, StaffActionKind
from tracking.models import Checkpoint, Parcel, Remap, RemapItem, Tracking
from tracking.services import follow, jobs
from tracking.services.apply_update import check, want_write_back
from tracking.services.deeds import Deed, LeftAsIs, Target
from tracking.services.lives import retake
from tracking.services.marks import SKEW, SUBTAGS, UNDONE, is_active, new_mark
from tracking.services.notify_wishes import want_notify
from tracking.services.remap_plan import waiting_items, waits_in

STATE = (
    "status", "status_rule_id", "tag", "subtag", "subtag_message", "delivered_at", "is_moving", "is_fenced",
)  # fmt: skip
NOT_TRACKED = "Nothing of it is tracked."
MARKED = "Staff marked how it ended: undo that instead."


@dataclass(frozen=True)
class PlannedChange:
    """What would become of one parcel's status. ``then`` "" where AfterShip's next news tell."""

    parcel: Parcel
    now: str
    then: str
    at_aftership: AtTarget
    refusal: str
    fingerprint: str


def parcels_of(parcel_ids: Sequence[int]) -> list[Parcel]:
    rows = Parcel.objects.filter(pk__in=parcel_ids).order_by("pk")
    return list(rows.select_related("order__project", "order__store", "tracking__account", "route"))


def change_of(parcel: Parcel, then: str, at_aftership: AtTarget, refusal: str) -> PlannedChange:
    tracking = parcel.tracking
    now = tracking.status if tracking else ""
    facts = [parcel.tracking_id, now, tracking.mark if tracking else {}, bool(parcel.removed_at), then]
    fingerprint = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return PlannedChange(parcel, now, "" if refusal else then, at_aftership, refusal, fingerprint)


def waits(parcels: Collection[Parcel]) -> dict[int, str]:
    """By parcel id: in which remap it waits already."""
    return {item.parcel_id: waits_in(item) for item in waiting_items(parcels)}


def refusal_of_any(parcel: Parcel) -> str:
    """Why neither deed makes sense; "" where one may."""
    if parcel.order.deleted_at or parcel.removed_at:
        return "The parcel is no longer in commercetools."
    if parcel.order.is_cancelled:
        return "The order was cancelled."
    if parcel.tracking is None or parcel.tracking.retired_at:
        return NOT_TRACKED
    return ""


def before(parcel: Parcel) -> dict[str, Any]:
    """What undoing gives back."""
    tracking = parcel.tracking
    state = {name: getattr(tracking, name) for name in STATE} if tracking else {}
    return {"tracking": parcel.tracking_id, "state": state, "mark": tracking.mark if tracking else {}}


def nothing(_parcels: Collection[Parcel]) -> None:
    return None


def locked(item: RemapItem) -> Tracking:
    """The tracking that the item was planned for, as the machinery locked it. Raises LeftAsIs."""
    tracking = item.parcel.tracking
    if tracking is None or tracking.pk != item.before["tracking"]:
        raise LeftAsIs("It has another tracking by now.")
    return tracking


# ── marks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def fault_of_mark(target: Target, _number: int) -> str:
    """Why nothing can be marked so; "" where it can."""
    if target.get("mark") not in SUBTAGS:
        return f"A parcel cannot be marked as {target.get('mark')}."
    try:
        at = datetime.fromisoformat(target["at"])
    except (KeyError, TypeError, ValueError):
        return "When it happened is not a moment."
    if at.tzinfo is None:
        return "When it happened needs its offset from UTC."
    return "It cannot have happened in the future." if at > timezone.now() + SKEW else ""


def plan_mark(
    parcel_ids: Sequence[int], target: Target, *, moving: Collection[int] | None = None
) -> list[PlannedChange]:
    """What marking these parcels would change. Two queries."""
    parcels = parcels_of(parcel_ids)
    waiting, fault = waits(parcels), fault_of_mark(target, len(moving or parcel_ids))
    return [
        change_of(
            parcel,
            target.get("mark", ""),
            completion_of(parcel.tracking),
            fault or refusal_of_mark(parcel, target) or waiting.get(parcel.pk, ""),
        )
        for parcel in parcels
    ]


def completion_of(tracking: Tracking | None) -> AtTarget:
    is_told = tracking is not None and follow.is_at_aftership(tracking) and not tracking.is_adopted
    return AtTarget.COMPLETED if is_told else AtTarget.HERE_ONLY


def refusal_of_mark(parcel: Parcel, target: Target) -> str:
    if refusal := refusal_of_any(parcel):
        return refusal
    tracking = parcel.tracking
    assert tracking is not None  # noqa: S101  refusal_of_any said so
    return "It is that already." if tracking.status == target["mark"] else ""


def mark_parcel(remap: Remap, item: RemapItem, _prepared: Any, priority: int) -> str:
    """Mark the item's tracking (locked): here now, in commercetools and at AfterShip by jobs. Raises LeftAsIs."""
    if refusal := refusal_of_mark(item.parcel, remap.target):
        raise LeftAsIs(refusal)
    tracking = locked(item)
    item.before = before(item.parcel)
    status, subtag = remap.target["mark"], SUBTAGS[remap.target["mark"]]
    was = tracking.status
    tracking.mark = new_mark(status, datetime.fromisoformat(remap.target["at"]), timezone.now(), remap.pk)
    tracking.status, tracking.status_rule = status, None
    tracking.tag, tracking.subtag, tracking.subtag_message = subtag.partition("_")[0], subtag, ""
    tracking.is_moving, tracking.is_fenced = False, False
    if status == ParcelStatus.DELIVERED:
        tracking.delivered_at = tracking.mark["at"]
    changed(tracking, priority)
    if completion_of(tracking) == AtTarget.COMPLETED:
        jobs.want([follow.wish(JobKind.COMPLETE, tracking, priority)])
    item.after = before(item.parcel)
    return f"{was} → {status}"


def changed(tracking: Tracking, priority: int) -> None:
    """Save a status that staff changed, and let everything follow that follows from any other change of status."""
    tracking.status_changed_at = timezone.now()
    tracking.save()
    retake([tracking])
    check([tracking])
    want_write_back([tracking.pk], priority)
    want_notify([tracking.pk])


def lift_mark(remap: Remap, item: RemapItem) -> str:
    """Undo the item's mark: what was before counts again. Raises LeftAsIs where something newer stands."""
    tracking = locked(item)
    if tracking.mark.get("remap") != remap.pk:
        raise LeftAsIs("It was marked again since.")
    if not is_active(tracking.mark):
        raise LeftAsIs("Newer news of the carrier count already.")
    for name, value in item.before["state"].items():
        setattr(tracking, name, value)
    tracking.mark = {**tracking.mark, "ended": UNDONE}
    notes = Checkpoint.objects.filter(tracking=tracking, source="user", subtag=SUBTAGS[tracking.mark["status"]])
    notes.filter(reported_at__gt=datetime.fromisoformat(tracking.mark["made_at"]) - SKEW).update(is_fenced=True)
    changed(tracking, jobs.LIVE)
    if follow.is_at_aftership(tracking) and not tracking.is_adopted:
        jobs.want([follow.wish(JobKind.COMPLETE, tracking)])
    return "It is what it was."


MARK = Deed(
    plan=plan_mark,
    fault_of=fault_of_mark,
    before=before,
    prepare=nothing,
    do=mark_parcel,
    undo=lift_mark,
    kind=StaffActionKind.MARK,
)


# ── tracked again ────────────────────────────────────────────────────────────────────────────────────────────────────


def no_fault(_target: Target, _number: int) -> str:
    return ""


def plan_retrack(
    parcel_ids: Sequence[int], target: Target, *, moving: Collection[int] | None = None
) -> list[PlannedChange]:
    """Which of these AfterShip would ask the courier about again. Two queries."""
    parcels = parcels_of(parcel_ids)
    waiting = waits(parcels)
    return [
        change_of(parcel, "", retrack_of(parcel.tracking), refusal_of_retrack(parcel) or waiting.get(parcel.pk, ""))
        for parcel in parcels
    ]


def retrack_of(tracking: Tracking | None) -> AtTarget:
    return AtTarget.OPENED if tracking and tracking.forgotten_at else AtTarget.RETRACKED


def refusal_of_retrack(parcel: Parcel) -> str:
    if refusal := refusal_of_any(parcel):
        return refusal
    tracking = parcel.tracking
    assert tracking is not None  # noqa: S101  refusal_of_any said so
    if is_active(tracking.mark):
        return MARKED
    if not tracking.opened_at:
        return "AfterShip does not have it yet: see its problem."
    if tracking.is_moving and tracking.status not in FINISHED:
        return "AfterShip asks the courier already."
    return ""


def retrack_parcel(remap: Remap, item: RemapItem, _prepared: Any, priority: int) -> str:
    """Wish for a retrack of the item's tracking (locked); one that AfterShip forgot is opened anew. Raises LeftAsIs."""
    if refusal := refusal_of_retrack(item.parcel):
        raise LeftAsIs(refusal)
    tracking = locked(item)
    item.before = before(item.parcel)
    if tracking.forgotten_at:
        follow.begin_anew(tracking, priority)
        return "opened anew"
    jobs.want([follow.wish(JobKind.RETRACK, tracking, priority)])
    return "AfterShip is asked to track it again"


RETRACK = Deed(
    plan=plan_retrack,
    fault_of=no_fault,
    before=before,
    prepare=nothing,
    do=retrack_parcel,
    undo=None,
    kind=StaffActionKind.RETRACK,
)
