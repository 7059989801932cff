"""How a parcel ended, as staff marked it: a fact with an actor. It holds until the carrier has newer news.

    a snapshot ─ under_mark ─> nothing happened after the marked moment: as marked
                           ├─> something did, reported since: the mark is overtaken, the snapshot counts as it is
                           └─> the mark was undone: what AfterShip had noted of it counts for nothing

AfterShip notes a mark as a checkpoint of its own (``source`` user) and asks the courier no more, until a retrack.
Pure: who sets and lifts marks is ``marking.py``, who tells AfterShip is ``follow.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tracking.enums import ParcelStatus
from tracking.payloads.from_aftership import CheckpointSnapshot, TrackingSnapshot, newest_checkpoint, status_of
from tracking.payloads.times import as_utc

SUBTAGS: dict[str, str] = {  # AfterShip's, reference 4.3
    ParcelStatus.DELIVERED: "Delivered_001",
    ParcelStatus.LOST: "Exception_013",
    ParcelStatus.RETURNED: "Exception_011",
}
REASONS: dict[str, str] = {
    ParcelStatus.DELIVERED: "DELIVERED",
    ParcelStatus.LOST: "LOST",
    ParcelStatus.RETURNED: "RETURNED_TO_SENDER",
}
UNDONE, OVERTAKEN = "undone", "overtaken"
SKEW = timedelta(minutes=5)  # between AfterShip's clock and ours

Mark = Mapping[str, Any]


@dataclass(frozen=True)
class Marked:
    """A snapshot as the mark lets it count. ``notes``: fingerprints of what AfterShip noted of a mark that was undone.

    ``holds``: the mark decides the status, and no rule.
    """

    snapshot: TrackingSnapshot
    notes: frozenset[str] = frozenset()
    holds: bool = False
    is_overtaken: bool = False


def new_mark(status: str, at: datetime, made_at: datetime, remap_id: int) -> dict[str, Any]:
    """A mark as it is kept on the tracking: marked ``status`` at ``made_at``, for it happened ``at``."""
    return {
        "status": str(status),
        "at": at.isoformat(timespec="seconds"),
        "made_at": made_at.isoformat(),
        "remap": remap_id,
        "is_told": False,
        "ended": "",
    }


def is_active(mark: Mark) -> bool:
    """Whether the mark decides the status now."""
    return bool(mark) and not mark["ended"]


def under_mark(snapshot: TrackingSnapshot, mark: Mark) -> Marked:
    """What counts of this snapshot, given how staff marked the tracking; without a mark, all of it."""
    if not mark or mark["ended"] == OVERTAKEN:
        return Marked(snapshot)
    if mark["ended"] == UNDONE:
        notes = frozenset(one.fingerprint for one in snapshot.checkpoints if is_note(one, mark))
        return Marked(without(snapshot, notes, mark), notes)
    if any(is_news(one, mark) for one in snapshot.checkpoints):
        return Marked(snapshot, is_overtaken=True)
    return Marked(as_marked(snapshot, mark), holds=True)


def is_news(checkpoint: CheckpointSnapshot, mark: Mark) -> bool:
    """Whether the carrier says that something happened after the marked moment, and said so after it was marked."""
    happened = checkpoint.happened_at or as_utc(checkpoint.local_time) or checkpoint.created_at
    reported = checkpoint.created_at or happened
    if checkpoint.source == "user" or happened is None or reported is None:
        return False
    made_at, at = datetime.fromisoformat(mark["made_at"]), datetime.fromisoformat(mark["at"])
    return happened > at and reported > made_at - SKEW


def is_note(checkpoint: CheckpointSnapshot, mark: Mark) -> bool:
    """Whether this is AfterShip's own note of the mark."""
    made_at = datetime.fromisoformat(mark["made_at"])
    is_since = checkpoint.created_at is None or checkpoint.created_at > made_at - SKEW
    return checkpoint.source == "user" and checkpoint.subtag == SUBTAGS[mark["status"]] and is_since


def as_marked(snapshot: TrackingSnapshot, mark: Mark) -> TrackingSnapshot:
    """The snapshot with the marked end."""
    subtag = SUBTAGS[mark["status"]]
    is_same = snapshot.subtag == subtag
    return replace(
        snapshot,
        status=ParcelStatus(mark["status"]),
        tag=subtag.partition("_")[0],
        subtag=subtag,
        subtag_message=snapshot.subtag_message if is_same else "",
        delivered_at_text=mark["at"] if mark["status"] == ParcelStatus.DELIVERED else snapshot.delivered_at_text,
        active=False,
    )


def without(snapshot: TrackingSnapshot, notes: frozenset[str], mark: Mark) -> TrackingSnapshot:
    """The snapshot as if the mark had never been made: by its other checkpoints, where it still shows the mark."""
    left = tuple(one for one in snapshot.checkpoints if one.fingerprint not in notes)
    if not notes or snapshot.subtag != SUBTAGS[mark["status"]]:
        return replace(snapshot, checkpoints=left)
    newest = newest_checkpoint(left)
    tag, subtag = (newest.tag, newest.subtag) if newest else ("Pending", "Pending_001")
    is_delivery = mark["status"] == ParcelStatus.DELIVERED
    return replace(
        snapshot,
        checkpoints=left,
        tag=tag,
        subtag=subtag,
        subtag_message=newest.subtag_message if newest else "",
        status=status_of(tag, subtag, left),
        delivered_at_text="" if is_delivery else snapshot.delivered_at_text,
    )
