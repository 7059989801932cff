"""A carrier uses its numbers again: what happened before the order was placed belongs to another parcel.

    snapshot ─ order date less a day ─> its checkpoints behind the fence are kept, but count for nothing
             └─ nothing is left in front of it: the number was used before, and the parcel stays pending

Only a time that was given counts (``happened_at``, else the clock on the wall as UTC): a checkpoint without one is
never fenced off. As soon as a checkpoint after the order's date arrives, AfterShip's status counts again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Min

from tracking.enums import ParcelStatus
from tracking.models import Parcel
from tracking.payloads.from_aftership import CheckpointSnapshot, TrackingSnapshot, status_of
from tracking.payloads.times import as_utc, parse_times

GRACE = timedelta(days=1)  # wall clocks without an offset, and labels printed before the order was imported


@dataclass(frozen=True)
class Fenced:
    """A snapshot without what is behind the fence, the fingerprints of that, and whether nothing else was in it."""

    snapshot: TrackingSnapshot
    behind: frozenset[str] = frozenset()
    is_reused: bool = False


def fences_of(tracking_ids: Iterable[str]) -> dict[str, datetime]:
    """Where each tracking's fence stands: a day before the first order that shows it was placed. One query."""
    shown = Parcel.objects.filter(tracking__in=list(tracking_ids), order__ordered_at__isnull=False)
    first = shown.values_list("tracking").annotate(Min("order__ordered_at"))
    return {tracking_id: ordered_at - GRACE for tracking_id, ordered_at in first}


def fence_off(snapshot: TrackingSnapshot, fence: datetime | None) -> Fenced:
    """The snapshot as if nothing had happened before ``fence``; without a fence, as it is."""
    if fence is None:
        return Fenced(snapshot)
    behind = frozenset(one.fingerprint for one in snapshot.checkpoints if is_before(time_of(one), fence))
    is_old_delivery = is_before(time_in(snapshot.delivered_at_text), fence)
    if not behind and not is_old_delivery:
        return Fenced(snapshot)
    left = tuple(one for one in snapshot.checkpoints if one.fingerprint not in behind)
    if not left:
        return Fenced(reused(snapshot), behind, is_reused=True)
    kept = replace(
        snapshot,
        checkpoints=left,
        status=status_of(snapshot.tag, snapshot.subtag, left),
        delivered_at_text="" if is_old_delivery else snapshot.delivered_at_text,
        eta=snapshot.eta if snapshot.eta and snapshot.eta >= fence.date() else None,
    )
    return Fenced(kept, behind)


def reused(snapshot: TrackingSnapshot) -> TrackingSnapshot:
    """What may be shown of a snapshot that is about somebody else's parcel: that nothing is known yet."""
    return replace(
        snapshot,
        tag="",
        subtag="",
        subtag_message="",
        status=ParcelStatus.PENDING,
        eta=None,
        delivered_at_text="",
        checkpoints=(),
    )


def is_before(moment: datetime | None, fence: datetime) -> bool:
    return moment is not None and moment < fence


def time_of(checkpoint: CheckpointSnapshot) -> datetime | None:
    """When it happened, as far as that was said."""
    return checkpoint.happened_at or as_utc(checkpoint.local_time)


def time_in(text: str) -> datetime | None:
    times = parse_times(text)
    return times.instant or as_utc(times.local)
