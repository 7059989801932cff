"""Sync now: an order is read from commercetools and its trackings from AfterShip, at once; what is due is written.

sync_now ─> COLLECT and REFRESH jobs, then what follows from them ─> progress_of: how far each of them is
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from tracking.enums import JobKind, StaffActionKind
from tracking.models import Job, Order, Tracking
from tracking.services import jobs
from tracking.services.connections import upstream_key
from tracking.services.follow import is_at_aftership, want_refresh
from tracking.services.staff import note_action

KINDS = [JobKind.COLLECT, JobKind.REFRESH, JobKind.PUSH, JobKind.WRITE_BACK]


@transaction.atomic
def sync_now(order: Order, actor: Any) -> None:
    """Wish to read all of it now. Safe to repeat: a job that waits is not doubled."""
    upstream, code = upstream_key(order.project), order.correlation_id
    trackings = list(trackings_of(order))
    want_refresh(trackings)
    kinds = (JobKind.COLLECT, JobKind.WRITE_BACK)
    jobs.want(jobs.Wish(kind, str(order.pk), upstream, code) for kind in kinds)
    read = sum(is_at_aftership(one) for one in trackings)
    summary = f"Read now: order {order} from commercetools, {read} of its trackings from AfterShip."
    note_action(StaffActionKind.SYNC, actor=actor, summary=summary, order=order)


def trackings_of(order: Order) -> QuerySet[Tracking]:
    shown = order.parcels.filter(removed_at=None, tracking__isnull=False)
    return Tracking.objects.filter(pk__in=shown.values("tracking"), retired_at=None).select_related("account")


def jobs_of(order: Order) -> QuerySet[Job]:
    """The jobs that reading it now goes through. Part of two queries with their trackings."""
    trackings = list(trackings_of(order).values_list("pk", flat=True))
    about_it = Q(kind__in=[JobKind.COLLECT, JobKind.WRITE_BACK], subject=str(order.pk))
    about_trackings = Q(kind__in=[JobKind.REFRESH, JobKind.PUSH], subject__in=trackings)
    return Job.objects.filter(about_it | about_trackings).order_by("pk")
