"""Marks of changed rows (``tracking/models/changes.py``) → a job that brings the figures up to date.

Marks are made by triggers in the transaction of the change; this wish is made between transactions, by whoever pumps,
since all writers would queue up for the one row of that job.
"""

from __future__ import annotations

from django.db.models import F

from config.correlation import new_correlation_id
from tracking.enums import JobKind
from tracking.models import Change, Job
from tracking.services import jobs

UPSTREAM = "trackbridge:figures"  # no connection of that name: no pause holds it up
SUBJECT = "all"


def wish_for_figures() -> bool:
    """Wish to count what changed, if anything did and nobody has wished for it yet; returns whether it did."""
    if not Change.objects.exists():
        return False
    if Job.objects.filter(kind=JobKind.FACTS, subject=SUBJECT, want__gt=F("done")).exists():
        return False
    wish_again()
    return True


def wish_again() -> None:
    """One more run of the job, behind live work."""
    jobs.want([jobs.Wish(JobKind.FACTS, SUBJECT, UPSTREAM, new_correlation_id(), jobs.BACKFILL)])
