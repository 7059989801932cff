"""What is to be done upstream, and what was tried."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from tracking.enums import JobKind


class Job(models.Model):
    """One thing to do upstream about one subject: a counter of wishes, not a list of messages.

    Each wish adds one to ``want``; a run that began at ``want`` = n ends with ``done`` = n. So a burst is one run, and
    a wish that arrives during a run makes one more. Due: ``want > done``, not dead, ``next_attempt_at`` passed. This
    column is claim, lease and back-off: a claim moves it to the end of the lease before anything is called, the end of
    a run writes only where it still stands, and a killed worker's job is simply due again.

        waiting ──claim──> leased ──ok──> idle (want = done), or waiting again
           ^                 │ ├─later──> waiting (back-off)
           └──── lease over ─┘ └─no, or too often──> dead (``dead_at``) ──wish or requeue──> waiting
    """

    kind = models.CharField(max_length=20, choices=JobKind)
    subject = models.CharField(max_length=64, help_text="Key of the order, tracking or account.")
    upstream = models.CharField(max_length=280, help_text="Which connection it uses: paused together.")
    priority = models.SmallIntegerField(default=0, help_text="0 is live traffic; higher waits for lower.")
    correlation_id = models.CharField(max_length=16, db_index=True)

    want = models.BigIntegerField(default=1)
    done = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0, help_text="Since it last worked.")
    next_attempt_at = models.DateTimeField()
    due_since = models.DateTimeField(help_text="When the oldest wish that is not yet done was made.")
    dead_at = models.DateTimeField(null=True, blank=True)
    last_error_code = models.CharField(max_length=80, blank=True, default="")
    last_error = models.CharField(max_length=1000, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        permissions = [("requeue_job", "Can make dead letters due again")]
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], name="job_once_per_subject"),
            models.CheckConstraint(condition=Q(want__gte=F("done")), name="job_done_not_above_want"),
            models.CheckConstraint(condition=Q(kind__in=JobKind.values), name="job_kind_known"),
        ]
        indexes = [
            models.Index(
                fields=["priority", "next_attempt_at"],
                condition=Q(want__gt=F("done"), dead_at=None),
                name="job_due",
            ),
            models.Index(fields=["dead_at"], condition=Q(dead_at__isnull=False), name="job_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Attempt(models.Model):
    """One upstream call as it happened. Excerpts are redacted and cut before they get here."""

    job = models.ForeignKey(Job, models.SET_NULL, null=True, blank=True, related_name="call_attempts")
    upstream = models.CharField(max_length=280)
    correlation_id = models.CharField(max_length=16, db_index=True)
    endpoint = models.CharField(max_length=80)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=1000)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    outcome = models.CharField(max_length=12)
    code = models.CharField(max_length=80, blank=True, default="")
    message = models.CharField(max_length=1000, blank=True, default="")
    request_excerpt = models.TextField(blank=True, default="")
    response_excerpt = models.TextField(blank=True, default="")
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    wait_seconds = models.FloatField(null=True, blank=True, help_text="How long the job waits after it.")

    class Meta:
        indexes = [models.Index(fields=["-started_at"], name="attempt_newest")]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status or self.code}"


class Heartbeat(models.Model):
    """When something that must keep running last showed life; ``kicked_at`` is set while a wake-up is queued for it."""

    name = models.CharField(primary_key=True, max_length=40)
    at = models.DateTimeField(null=True, blank=True)
    kicked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name}: {self.at}"
