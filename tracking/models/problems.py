"""What cannot be done by itself: visible, with a cause, and closed by itself when it heals."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from tracking.enums import ProblemKind


class Problem(models.Model):
    """One open question about one subject. Opening it again while it is open only counts it.

    ``subject`` names what it is about (``parcel:12``, ``order:7``, ``account:main`` …); the links beside it lead there.
    Queues are sorted by ``due_at``: the carrier's deadline where one is known, else opened + what its kind may take.
    What was closed by hand (``closed_by``) opens again only for another ``since_at``: a later scan, a new status.
    """

    kind = models.CharField(max_length=24, choices=ProblemKind)
    subject = models.CharField(max_length=300)
    cause = models.CharField(
        max_length=1000, help_text="What is wrong, in words; an upstream's own where it gave some."
    )
    next_step = models.CharField(max_length=500, help_text="Who does what to mend it.")
    evidence = models.JSONField(default=list, blank=True, help_text="What speaks for the cause: one sentence each.")
    proposal = models.JSONField(
        default=dict, blank=True, help_text="What would mend it: any of courier (slug), carrier (text), route (words)."
    )
    order = models.ForeignKey("tracking.Order", models.CASCADE, null=True, blank=True, related_name="problems")
    parcel = models.ForeignKey("tracking.Parcel", models.CASCADE, null=True, blank=True, related_name="problems")
    tracking = models.ForeignKey("tracking.Tracking", models.CASCADE, null=True, blank=True, related_name="problems")
    job = models.ForeignKey("tracking.Job", models.SET_NULL, null=True, blank=True, related_name="problems")
    correlation_id = models.CharField(max_length=16, blank=True, default="", db_index=True)

    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="problems",
        help_text="Whose it is.",
    )
    note = models.CharField(
        max_length=1000, blank=True, default="", help_text="What staff wrote last; all of it is kept."
    )
    suppressed_by = models.ForeignKey(
        "tracking.Outage",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="suppressed",
        help_text="It explains it.",
    )

    occurrences = models.PositiveIntegerField(default=1)
    since_at = models.DateTimeField(
        null=True, blank=True, help_text="What it counts from: the last scan, a new status."
    )
    due_at = models.DateTimeField(null=True, blank=True, help_text="By when it should be dealt with.")
    opened_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_reason = models.CharField(max_length=300, blank=True, default="")
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: by itself.",
    )

    class Meta:
        permissions = [
            ("assign_problem", "Can assign problems"),
            ("note_problem", "Can write notes on problems"),
            ("close_problem", "Can close problems by hand"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(closed_at=None), name="problem_open_once_per_subject"
            ),
            models.CheckConstraint(condition=Q(kind__in=ProblemKind.values), name="problem_kind_known"),
        ]
        indexes = [
            models.Index(fields=["kind", "opened_at"], condition=Q(closed_at=None), name="problem_open"),
            models.Index(fields=["kind", "due_at"], condition=Q(closed_at=None), name="problem_by_urgency"),
            models.Index(fields=["due_at", "id"], condition=Q(closed_at=None), name="problem_most_urgent"),
            models.Index(fields=["assignee", "due_at"], condition=Q(closed_at=None), name="problem_of_person"),
            models.Index(fields=["closed_at"], condition=Q(closed_at__isnull=False), name="problem_closed"),
            models.Index(fields=["opened_at"], name="problem_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.cause}"
