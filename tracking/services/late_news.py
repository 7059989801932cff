"""Scans that came too late to change anything: which they are, and why the state stayed as it was.

    scan ─ known after a newer one was known ─────────────> late: the state follows the newest
         ├ known after the delivery, and still delivered ──> late: the state stays
         └ older than the order ───────────────────────────> fenced: of an earlier use of the number

``created_at`` is when we learned of a scan; those of one snapshot are kept within moments of each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from tracking.enums import ParcelStatus
from tracking.models import Checkpoint, Tracking

SAME_SNAPSHOT = timedelta(seconds=2)
DELIVERED = "Delivered"  # AfterShip's tag
FENCED = "Older than the order: of an earlier use of this number. It counts for nothing."
OVERTAKEN = "Late news: newer scans were known when it came, and the state follows the newest."
AFTER_DELIVERY = "Late news: it came after the delivery, and AfterShip still says delivered. The state stays."


def reasons_of(checkpoints: Iterable[Checkpoint], trackings: Mapping[str, Tracking]) -> dict[int, str]:
    """Why a scan did not change its tracking's state, by the key of the scan; those that did are left out."""
    found: dict[int, str] = {}
    newest: dict[str, tuple[datetime, datetime]] = {}  # per tracking: newest scan time so far, and when it was known
    delivered: dict[str, datetime] = {}
    for scan in sorted(checkpoints, key=lambda one: (one.created_at, one.sort_at or one.created_at)):
        reason = reason_of(scan, trackings[scan.tracking_id], newest, delivered)
        if reason:
            found[scan.pk] = reason
    return found


def reason_of(
    scan: Checkpoint,
    tracking: Tracking,
    newest: dict[str, tuple[datetime, datetime]],
    delivered: dict[str, datetime],
) -> str:
    """The reason of one, in the order in which they came; notes what this one makes known."""
    key = scan.tracking_id
    if scan.is_fenced:
        return FENCED
    at, known = newest.get(key, (None, None))
    if known and at and scan.sort_at and scan.sort_at < at and scan.created_at - known > SAME_SNAPSHOT:
        return OVERTAKEN
    since = delivered.get(key)
    if since and scan.tag != DELIVERED and scan.created_at - since > SAME_SNAPSHOT:
        return AFTER_DELIVERY if tracking.status == ParcelStatus.DELIVERED else ""
    if scan.tag == DELIVERED:
        delivered.setdefault(key, scan.created_at)
    if scan.sort_at and (at is None or scan.sort_at >= at):
        newest[key] = (scan.sort_at, scan.created_at)
    return ""


def trackings_with_late_news(ids: Collection[str]) -> set[str]:
    """Of these delivered trackings, those of which something came after the delivery was known. One query, or none."""
    if not ids:
        return set()
    delivery = Checkpoint.objects.filter(
        tracking=OuterRef("tracking"),
        tag=DELIVERED,
        is_fenced=False,
        created_at__lt=OuterRef("created_at") - SAME_SNAPSHOT,
    )
    late = Checkpoint.objects.filter(Exists(delivery), tracking__in=ids, is_fenced=False).exclude(tag=DELIVERED)
    return set(late.order_by().values_list("tracking", flat=True).distinct())
