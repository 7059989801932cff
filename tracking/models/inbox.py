"""What came in: every accepted webhook and message as it arrived."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tracking.enums import ReceiptEffect, ReceiptState, Source


class Receipt(models.Model):
    """One inbound webhook or message, kept as raw bytes. The unique event id is what makes a repeat harmless.

    ``request_id`` is the code we answered the sender with; ``correlation_id`` the code of the story it turned out to
    belong to (the order's), the same until then. ``subject`` is what it speaks of: an order id or AfterShip's id.
    """

    source = models.CharField(max_length=16, choices=Source)
    endpoint = models.CharField(max_length=256, help_text="Key of the account or project it was sent to.")
    event_id = models.CharField(max_length=128)
    body = models.BinaryField()
    headers = models.JSONField(default=dict, blank=True)
    event = models.CharField(max_length=100, blank=True, default="")
    subject = models.CharField(max_length=128, blank=True, default="", db_index=True)

    state = models.CharField(max_length=12, choices=ReceiptState, default=ReceiptState.PENDING)
    outcome = models.CharField(max_length=500, blank=True, default="", help_text="What it changed, or why it did not.")
    effect = models.CharField(max_length=10, choices=ReceiptEffect, blank=True, default="", db_default="")
    event_at = models.DateTimeField(
        null=True, blank=True, help_text="When AfterShip changed the tracking, by its own clock."
    )
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    request_id = models.CharField(max_length=16, db_index=True)
    correlation_id = models.CharField(max_length=16, db_index=True)
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "endpoint", "event_id"], name="receipt_once_per_event"),
            models.CheckConstraint(condition=~Q(event_id=""), name="receipt_event_id_not_blank"),
            models.CheckConstraint(condition=Q(state__in=ReceiptState.values), name="receipt_state_known"),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(state="pending"), name="receipt_due"),
            models.Index(fields=["-received_at"], name="receipt_newest"),
            models.Index(fields=["processed_at"], condition=Q(processed_at__isnull=False), name="receipt_processed"),
            models.Index(fields=["received_at"], condition=Q(state="quarantined"), name="receipt_quarantined"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.event or 'event'} {self.event_id}"


class Refusal(models.Model):
    """How often a request was turned away at the door, per day and reason. Nothing else of it is kept."""

    source = models.CharField(max_length=16, choices=Source)
    endpoint = models.CharField(max_length=256, blank=True, default="", help_text="Empty: no such endpoint.")
    reason = models.CharField(max_length=40)
    day = models.DateField()
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-day", "source", "endpoint", "reason"]
        constraints = [
            models.UniqueConstraint(fields=["source", "endpoint", "reason", "day"], name="refusal_once_per_day"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.source} {self.endpoint} {self.reason}: {self.count}"
