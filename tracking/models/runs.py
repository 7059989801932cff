"""Long work over many rows: how far it is, and what it found."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tracking.enums import RunKind


class Run(models.Model):
    """One backfill, reconciliation or import. ``cursor`` is where to go on after an interruption; ``counts`` what was
    found, and ``findings`` by name, where that is asked for: ``{"stores": {"new": [keys], "changed": …, "gone": …}}``.
    """

    kind = models.CharField(max_length=20, choices=RunKind)
    subject = models.CharField(max_length=280, help_text="Key of the project or account it walks.")
    parameters = models.JSONField(default=dict, blank=True)
    cursor = models.JSONField(default=dict, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    findings = models.JSONField(default=dict, blank=True)
    correlation_id = models.CharField(max_length=16, db_index=True)
    started_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(auto_now=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [("examine_connections", "Can have connections examined, and stores and couriers imported")]
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(finished_at=None), name="run_one_open_per_subject"
            ),
            models.CheckConstraint(condition=Q(kind__in=RunKind.values), name="run_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.started_at:%Y-%m-%d %H:%M}"
