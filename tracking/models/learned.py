"""What our own history teaches: which codes couriers send, which forms their numbers have, what needs no mapping."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class SeenCode(models.Model):
    """A courier's own code together with the subtag that AfterShip made of it, and how often checkpoints had it."""

    courier = models.CharField(max_length=64, blank=True, default="")
    raw_tag = models.CharField(max_length=200, blank=True, default="")
    tag = models.CharField(max_length=64, blank=True, default="")
    subtag = models.CharField(max_length=64, blank=True, default="")
    count = models.PositiveBigIntegerField(default=0)
    sample = models.ForeignKey("tracking.Tracking", models.SET_NULL, null=True, blank=True, related_name="+")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-count"]
        constraints = [
            models.UniqueConstraint(fields=["courier", "raw_tag", "tag", "subtag"], name="seen_code_once"),
        ]

    def __str__(self) -> str:
        return f"{self.courier} {self.raw_tag or self.subtag}"


class NumberForm(models.Model):
    """How many numbers of one form moved with one courier: each tracking counts once, when it leaves ``pending``."""

    form = models.CharField(max_length=120, help_text="Its first two signs, then A for letters and 9 for digits.")
    courier = models.CharField(max_length=64)
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["form", "-count"]
        constraints = [models.UniqueConstraint(fields=["form", "courier"], name="number_form_once_per_courier")]

    def __str__(self) -> str:
        return f"{self.form} {self.courier}: {self.count}"


class IgnoredCarrier(models.Model):
    """A carrier text that somebody leaves to AfterShip's detection on purpose: the workbench does not ask again.

    Of one store; without a store, of the project's orders that belong to none. No rule: it decides nothing.
    """

    project = models.ForeignKey("stores.Project", models.CASCADE, related_name="+")
    store = models.ForeignKey("stores.Store", models.CASCADE, null=True, blank=True, related_name="+")
    carrier_key = models.CharField(max_length=200)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "carrier_key"], condition=Q(store=None), name="ignored_carrier_once_without_store"
            ),
            models.UniqueConstraint(
                fields=["store", "carrier_key"], condition=Q(store__isnull=False), name="ignored_carrier_once_per_store"
            ),
            models.CheckConstraint(condition=~Q(carrier_key=""), name="ignored_carrier_not_blank"),
        ]

    def __str__(self) -> str:
        return self.carrier_key
