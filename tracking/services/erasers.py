"""What of our own rows tells who and where a shopper is, and how each kind of it is emptied (``erase.py``)."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.utils import timezone

from tracking.enums import JobKind, MessageState, ReceiptState, StaffActionKind
from tracking.models import (
    Attempt,
    Checkpoint,
    Message,
    Problem,
    Receipt,
    Remap,
    RemapItem,
    StaffAction,
    Write,
)
from tracking.models.messages import WAITING
from tracking.services import follow, jobs
from tracking.services.erase import REASON, Person, erases
from tracking.services.problems import close_all

CARRIERS_WORDS = {"tb_message", "tb_location", "tb_tracking_url"}
ERASED = "(erased)"


@erases("checkpoints")
def checkpoints(person: Person) -> int:
    """Carriers' words may name people, and scans say where they live. What happened and when stays."""
    rows = Checkpoint.objects.filter(tracking__in=person.trackings)
    return rows.update(message="", location="", city="", state="", postal_code="")


@erases("trackings")
def trackings(person: Person) -> int:
    """Emptied here, and deleted at AfterShip unless it had them before us."""
    for tracking in person.trackings:
        tracking.last_message = tracking.last_location = ""
        tracking.pickup_location = tracking.pickup_note = ""
        tracking.tracking_url = tracking.courier_url = ""
        tracking.extra_fields = {}
        tracking.kept_until = None
        if not tracking.retired_at or tracking.retired_reason != REASON:
            tracking.retired_at, tracking.retired_reason = tracking.retired_at or timezone.now(), REASON
        tracking.save()
        close_all(tracking, REASON)
    there = [one for one in person.trackings if one.opened_at and one.forgotten_at is None and not one.is_adopted]
    jobs.want(follow.wish(JobKind.RETIRE, tracking) for tracking in there)
    return len(person.trackings)


@erases("trackings that AfterShip had before us, left there")
def adopted(person: Person) -> int:
    return sum(tracking.is_adopted and tracking.forgotten_at is None for tracking in person.trackings)


@erases("parcels")
def parcels(person: Person) -> int:
    for parcel in person.parcels:
        parcel.override = without_values(parcel.override)
        parcel.decision = {name: value for name, value in parcel.decision.items() if name != "facts"}
        parcel.save(update_fields=["override", "decision"])
    return len(person.parcels)


@erases("receipts")
def receipts(person: Person) -> int:
    """What was received, as it came. What waits is about nobody any more."""
    subjects = [person.order.commercetools_id, *(one.aftership_id for one in person.trackings if one.aftership_id)]
    rows = Receipt.objects.filter(Q(correlation_id__in=person.codes) | Q(subject__in=subjects))
    pending = rows.filter(state=ReceiptState.PENDING)
    pending.update(state=ReceiptState.IGNORED, outcome=REASON, processed_at=timezone.now())
    return rows.exclude(body=b"").update(body=b"", headers={})


@erases("calls")
def calls(person: Person) -> int:
    rows = Attempt.objects.filter(correlation_id__in=person.codes)
    return rows.exclude(request_excerpt="", response_excerpt="").update(request_excerpt="", response_excerpt="")


@erases("writes")
def writes(person: Person) -> int:
    changed = []
    for write in Write.objects.filter(order=person.order):
        for change in write.changes:
            if change.get("name") in CARRIERS_WORDS:
                change["before"] = change["after"] = None
        changed.append(write)
    return Write.objects.bulk_update(changed, ["changes"], batch_size=200) if changed else 0


@erases("messages")
def messages(person: Person) -> int:
    """To whom is forgotten; what waits is not sent."""
    rows = Message.objects.filter(order=person.order)
    rows.filter(state__in=WAITING).update(state=MessageState.SKIPPED, reason=f"{REASON.capitalize()}.")
    return rows.exclude(recipient="").update(recipient="")


@erases("problems")
def problems(person: Person) -> int:
    """What staff wrote on them."""
    about = Q(order=person.order) | Q(parcel__in=person.parcels) | Q(tracking__in=person.trackings)
    return Problem.objects.filter(about).exclude(note="").update(note=ERASED)


@erases("entries of the audit trail")
def audit(person: Person) -> int:
    """That somebody did something stays; why, in their own words, and values that may be personal do not."""
    actions = list(StaffAction.objects.filter(Q(order=person.order) | Q(parcel__in=person.parcels)))
    for action in actions:
        action.reason = ERASED if action.reason else ""
        action.before, action.after = without_values(action.before), without_values(action.after)
        if action.kind in (StaffActionKind.NOTE, StaffActionKind.READDRESS):
            action.summary, action.before, action.after = ERASED, {}, {}
    return StaffAction.objects.bulk_update(actions, ["reason", "summary", "before", "after"], batch_size=200)


@erases("acts by hand")
def acts(person: Person) -> int:
    """What the machinery kept to undo them: where things stood stays, corrected values do not."""
    items = list(RemapItem.objects.filter(parcel__in=person.parcels).select_related("remap"))
    for item in items:
        item.before, item.after = kept(item.before), kept(item.after)
    RemapItem.objects.bulk_update(items, ["before", "after"], batch_size=200)
    single = [item.remap for item in items if "fields" in item.remap.target]
    for remap in single:
        remap.target, remap.reason = without_values(remap.target), ERASED
    Remap.objects.bulk_update(single, ["target", "reason"], batch_size=200)
    return len(items)


def kept(state: dict[str, Any]) -> dict[str, Any]:
    """A snapshot of a parcel without what is personal in it."""
    found = without_values(state)
    if "override" in found:
        found["override"] = without_values(found["override"])
    if "extra_fields" in found:
        found["extra_fields"] = {}
    if "decision" in found:
        found["decision"] = {name: value for name, value in found["decision"].items() if name != "facts"}
    return found


def without_values(values: dict[str, Any]) -> dict[str, Any]:
    """Corrected fields by name only: a postcode says where somebody lives."""
    if not values.get("fields"):
        return dict(values)
    return {**values, "fields": dict.fromkeys(values["fields"], "")}
