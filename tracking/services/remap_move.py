"""The deed of a remap: one parcel goes to another route, account, courier or number, and comes back exactly.

Also what is corrected on its tracking (AfterShip's fields, such as a postal code), and that nothing of it is tracked
any more: all of it is kept as the parcel's ``override``, and goes through the same rules as everything else.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from stores.models import Route
from tracking.enums import JobKind, RemapItemState
from tracking.models import Order, Parcel, Remap, RemapItem, Tracking
from tracking.services import jobs
from tracking.services.apply_update import check, want_write_back
from tracking.services.connections import upstream_key
from tracking.services.deeds import Deed, LeftAsIs
from tracking.services.link import Chooser, relink, retire_unused, wanted_for
from tracking.services.push import is_mailed_by_aftership, want_updates
from tracking.services.remap_plan import (
    chooser_for,
    drafted,
    fault_of,
    override_for,
    plan_remap,
    refusal_of,
    was_told,
)
from tracking.services.replace import give_way, release, take_back

OTHER_DEEDS = {"mark", "retrack"}  # they leave the parcel where it is


def move_parcel(remap: Remap, item: RemapItem, chooser: Chooser, priority: int) -> str:
    """Move the item's parcel (locked); what it leaves gives way. Raises LeftAsIs."""
    parcel = item.parcel
    refusal = "Its own number, carrier or direction changed meanwhile." if is_another(parcel, item.before) else ""
    if refusal := refusal or refusal_of(parcel, *drafted(parcel, remap.target, chooser), remap.target):
        raise LeftAsIs(refusal)
    item.before = snapshot(parcel)
    source, is_told, is_mailed = parcel.tracking, was_told(parcel), is_mailed_now(parcel)
    parcel.override = override_for(parcel, remap.target)
    relink(parcel.order, parcel, priority, chooser)
    if parcel.tracking is None:
        want_write(parcel.order, priority)
    elif source and source.pk == parcel.tracking.pk:
        agree_with_aftership(parcel)
        tell_fields(parcel, item.before["override"])
    elif is_told and not parcel.tracking.opened_at:
        parcel.tracking.is_quiet = True
        parcel.tracking.save(update_fields=["is_quiet"])
    if source and is_left(source):
        until = timezone.now() if is_mailed else remap.undo_until  # it would go on mailing
        give_way(source, parcel.tracking, until=until, reason=reason_of(remap))
        release(Tracking.objects.filter(pk=source.pk))
    if remap.target.get("upstream"):
        jobs.want([correction(item)])
    item.after = snapshot(parcel)
    return f"{short(item.before)} → {short(item.after)}"


def reason_of(remap: Remap) -> str:
    did = "its tracking was stopped by hand" if remap.target.get("stop") else "its parcel was moved"
    return f"{did} in remap #{remap.pk}"


def correction(item: RemapItem) -> jobs.Wish:
    """To bring the number in commercetools in line with what the item has done."""
    order = item.parcel.order
    return jobs.Wish(JobKind.CORRECT, str(item.pk), upstream_key(order.project), order.correlation_id)


def tell_fields(parcel: Parcel, before: dict[str, Any]) -> None:
    """AfterShip is told what was corrected on a tracking that it has."""
    tracking, now = parcel.tracking, parcel.override.get("fields", {})
    if tracking is None or now == before.get("fields", {}):
        return
    tracking.extra_fields = {**tracking.extra_fields, **now}
    tracking.save(update_fields=["extra_fields"])
    want_updates([tracking.pk])


def is_another(parcel: Parcel, seen: dict[str, Any]) -> bool:
    """Whether the parcel itself is not the one any more that was looked at."""
    return bool(wanted_for(parcel) != seen["wanted"])


def is_mailed_now(parcel: Parcel) -> bool:
    """Whether AfterShip itself writes to the shopper about the tracking that the parcel shows."""
    return parcel.tracking is not None and is_mailed_by_aftership(parcel.route, parcel.tracking)


def is_left(tracking: Tracking) -> bool:
    """Whether no parcel shows it any more."""
    return tracking.retired_at is None and not tracking.parcels.filter(removed_at=None).exists()


def agree_with_aftership(parcel: Parcel) -> None:
    """AfterShip had corrected the courier to the one that is wanted now: it is what we ask for from now on."""
    tracking, slug = parcel.tracking, parcel.decision["courier"]["slug"]
    if tracking is None or not slug or tracking.requested_courier == slug:
        return
    tracking.requested_courier = slug
    tracking.save(update_fields=["requested_courier"])
    check([tracking])


def want_write(order: Order, priority: int = jobs.LIVE) -> None:
    kind, upstream = JobKind.WRITE_BACK, upstream_key(order.project)
    jobs.want([jobs.Wish(kind, str(order.pk), upstream, order.correlation_id, priority)])


def bring_parcel_back(remap: Remap, item: RemapItem) -> str:
    """Give the item's parcel (locked) back what it had; what the remap made for it is retired. Raises LeftAsIs."""
    if refusal := changed_since(item):
        raise LeftAsIs(refusal)
    parcel, before, made = item.parcel, item.before, item.parcel.tracking
    tracking = tracking_of(before)
    parcel.override, parcel.linked_for = before["override"], before["linked_for"]
    parcel.route_trace, parcel.decision = before["route_trace"], before["decision"]
    parcel.route = Route.objects.filter(pk=before["route"]).first()
    parcel.tracking = tracking
    parcel.save(update_fields=["override", "linked_for", "route_trace", "decision", "route", "tracking"])
    if made and (tracking is None or made.pk != tracking.pk):
        retire_unused([made.pk], f"remap #{remap.pk} was undone")
    if tracking and not tracking.opened_at:
        upstream = upstream_key(tracking.account)
        jobs.want([jobs.Wish(JobKind.PUSH, tracking.pk, upstream, tracking.correlation_id)])
    elif tracking:
        want_write_back([tracking.pk])
        want_updates([tracking.pk] if item.after["override"].get("fields") else [])
    else:
        want_write(parcel.order)
    if remap.target.get("upstream"):
        jobs.want([correction(item)])
    came_back = tracking is None or tracking.pk == before["tracking"]
    return "It is what it was." if came_back else "Its number has another tracking by now, which it shows."


def changed_since(item: RemapItem) -> str:
    """Why the parcel is not brought back: what others did since stands."""
    parcel = item.parcel
    since = parcel.remap_items.filter(pk__gt=item.pk, state__in=[RemapItemState.WAITING, RemapItemState.MOVED])
    moves = (one for one in since.select_related("remap") if not one.remap.target.keys() & OTHER_DEEDS)
    if later := next(moves, None):
        return f"It was remapped again since, in remap #{later.remap_id}."
    if parcel.order.deleted_at or parcel.removed_at:
        return "The parcel was removed since."
    if is_another(parcel, item.after):
        return "Its own number, carrier or direction changed since."
    if parcel.override != item.after["override"]:
        return "Somebody chose something else for it since."
    return ""


def tracking_of(before: dict[str, Any]) -> Tracking | None:
    """The tracking that the parcel had, live again and locked. Another one that took its number's place stays."""
    if before["tracking"] is None:
        return None
    rows = Tracking.objects.select_related("account").select_for_update(of=("self",))
    tracking = rows.get(pk=before["tracking"])
    if tracking.retired_at:
        same = {"account": tracking.account, "tracking_number": tracking.tracking_number, "retired_at": None}
        if successor := rows.filter(**same, requested_courier=before["requested_courier"]).first():
            return successor
        take_back(tracking)
    tracking.requested_courier = before["requested_courier"]
    tracking.extra_fields = before.get("extra_fields", tracking.extra_fields)
    tracking.save(update_fields=["requested_courier", "extra_fields"])
    check([tracking])
    return tracking


def snapshot(parcel: Parcel) -> dict[str, Any]:
    """All of the parcel that a remap changes, and what it was chosen for: ready for JSON."""
    tracking = parcel.tracking
    return {
        "override": parcel.override,
        "linked_for": parcel.linked_for,
        "wanted": wanted_for(parcel),
        "route": parcel.route_id,
        "route_trace": parcel.route_trace,
        "decision": parcel.decision,
        "tracking": parcel.tracking_id,
        "account": tracking.account.key if tracking else "",
        "requested_courier": tracking.requested_courier if tracking else "",
        "extra_fields": tracking.extra_fields if tracking else {},
    }


def short(kept: dict[str, Any]) -> str:
    """``main/dhl-germany``"""
    if kept["tracking"] is None:
        return "not tracked"
    return f"{kept['account']}/{kept['requested_courier'] or 'detected'}"


MOVE = Deed(
    plan=plan_remap,
    fault_of=fault_of,
    before=lambda parcel: snapshot(parcel),
    prepare=chooser_for,
    do=move_parcel,
    undo=bring_parcel_back,
)
