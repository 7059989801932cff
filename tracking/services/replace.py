"""A tracking gives way to another when its parcel is remapped, and can come back.

live ─ give_way ─> retired here at once, AfterShip keeps it ─ release ─> deleted at AfterShip, opened anew if needed
  ^                                   └─ take_back ─┐                          └─ take_back ─┐
  └─────────────────────────────────────────────────┴────────────────────────────────────────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from tracking.enums import JobKind
from tracking.models import Tracking
from tracking.services import jobs
from tracking.services.connections import upstream_key
from tracking.services.problems import close_all
from tracking.services.story import tell

MOST_AT_ONCE = 500


def give_way(source: Tracking, target: Tracking | None, *, until: datetime, reason: str) -> None:
    """Retire ``source`` (locked) in the caller's transaction. AfterShip keeps it until then, and until it has
    ``target``: one that AfterShip had before us it keeps for good.
    """
    source.retired_at, source.retired_reason = timezone.now(), reason
    source.kept_until, source.replaced_by = until, target
    source.save(update_fields=["retired_at", "retired_reason", "kept_until", "replaced_by"])
    source.replaces.update(replaced_by=target)
    close_all(source, reason)
    tell("tracking gave way", number=source.tracking_number, reason=reason)


def lead_on(successors: Mapping[str, Tracking]) -> None:
    """Note what came after trackings (by key) that were retired because a parcel's number changed: old leads to new.

    In the caller's transaction. One that another parcel still shows is live, and leads nowhere.
    """
    for key, successor in sorted(successors.items()):
        retired = Tracking.objects.filter(pk=key, retired_at__isnull=False, replaced_by=None).exclude(pk=successor.pk)
        if retired.update(replaced_by=successor):
            Tracking.objects.filter(replaced_by=key).exclude(pk=successor.pk).update(replaced_by=successor)


def take_back(tracking: Tracking) -> None:
    """Make a retired tracking (locked) live again, in the caller's transaction.

    Where it was deleted at AfterShip it counts as never opened; whoever calls this wishes for its PUSH then.
    """
    tracking.retired_at, tracking.retired_reason = None, ""
    tracking.kept_until, tracking.replaced_by = None, None
    if tracking.forgotten_at:
        never_opened(tracking)
    tracking.save()
    tell("tracking taken back", number=tracking.tracking_number, is_at_aftership=tracking.opened_at is not None)


def never_opened(tracking: Tracking) -> None:
    """AfterShip has it no more: it has to be opened anew, with the same id. Unsaved."""
    tracking.opened_at, tracking.forgotten_at, tracking.aftership_id = None, None, ""


@transaction.atomic
def release(among: QuerySet[Tracking] | None = None) -> int:
    """Wish to delete at AfterShip what gave way long enough ago, and whose successor AfterShip has; returns how many.

    Safe to repeat: each is released once. ``among`` limits it to some; each minute's sweep looks at all.
    """
    rows = Tracking.objects.all() if among is None else among
    over = rows.filter(retired_at__isnull=False, kept_until__lte=timezone.now())
    successor_is_there = Q(replaced_by__opened_at__isnull=False) | Q(replaced_by__retired_at__isnull=False)
    settled = over.filter(Q(replaced_by=None) | successor_is_there).order_by("pk")
    locked = list(settled.select_related("account").select_for_update(of=("self",), skip_locked=True)[:MOST_AT_ONCE])
    Tracking.objects.filter(pk__in=[tracking.pk for tracking in locked]).update(kept_until=None)
    jobs.want(
        jobs.Wish(JobKind.RETIRE, tracking.pk, upstream_key(tracking.account), tracking.correlation_id)
        for tracking in locked
    )
    return len(locked)
