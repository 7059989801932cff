"""What people did in the console: who, what, why, before and after; and remaps of parcels with their undo."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from stores.fields import EncryptedTextField
from tracking.enums import RemapItemState, RemapState, StaffActionKind


class Remap(models.Model):
    """Parcels that a person moves to another route, account, courier or number, one or a thousand at once.

    ``target`` has any of ``route`` (id), ``account`` (key), ``courier`` (slug; "" = AfterShip detects) and ``number``;
    an empty one asks the rules again (after a rule was changed or rolled back). Undo is possible until ``undo_until``.
    """

    state = models.CharField(max_length=10, choices=RemapState, default=RemapState.RUNNING)
    target = models.JSONField(default=dict)
    reason = models.CharField(max_length=500)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    actor_name = models.CharField(max_length=150, blank=True, default="", help_text="Kept when the user is gone.")
    correlation_id = models.CharField(max_length=16, db_index=True)
    revision = models.ForeignKey(
        "stores.Revision", models.SET_NULL, null=True, blank=True, related_name="remaps", help_text="Of a rule change."
    )
    made_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    undo_until = models.DateTimeField()

    class Meta:
        ordering = ["-made_at"]
        constraints = [models.CheckConstraint(condition=Q(state__in=RemapState.values), name="remap_state_known")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class RemapItem(models.Model):
    """One parcel of a remap. ``before`` is what undo restores; a parcel waits in one remap at a time."""

    remap = models.ForeignKey(Remap, models.CASCADE, related_name="items")
    parcel = models.ForeignKey("tracking.Parcel", models.CASCADE, related_name="remap_items")
    state = models.CharField(max_length=10, choices=RemapItemState, default=RemapItemState.WAITING)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    outcome = models.CharField(max_length=300, blank=True, default="", help_text="In words; why it was skipped.")
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["remap", "parcel"], name="remap_parcel_once"),
            models.UniqueConstraint(fields=["parcel"], condition=Q(state="waiting"), name="remap_parcel_waits_in_one"),
            models.CheckConstraint(condition=Q(state__in=RemapItemState.values), name="remap_item_state_known"),
        ]
        indexes = [models.Index(fields=["remap", "state"], name="remap_progress")]

    def __str__(self) -> str:
        return f"{self.remap_id}/{self.parcel_id}"


class Erasure(models.Model):
    """A person who was erased: the certificate of it. ``email`` is kept only until the work is done.

    ``person`` is a keyed digest of the address: who has the address can find the certificate, the certificate does not
    give the address back. ``counts`` says how many rows of what were emptied.
    """

    email = EncryptedTextField(null=True, blank=True)
    person = models.CharField(max_length=64, db_index=True)
    reason = models.CharField(max_length=500)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    actor_name = models.CharField(max_length=150, blank=True, default="", help_text="Kept when the user is gone.")
    counts = models.JSONField(default=dict, blank=True)
    correlation_id = models.CharField(max_length=16, db_index=True)
    made_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(finished_at=None), name="erasure_of_a_person_once_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(email__isnull=True), name="erasure_forgets_the_address_at_its_end"
            ),
        ]

    def __str__(self) -> str:
        return f"Erasure {self.correlation_id}"


class StaffAction(models.Model):
    """One thing that a person did. Never changed, never deleted; the audit trail, and a part of each parcel's story."""

    kind = models.CharField(max_length=16, choices=StaffActionKind)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    actor_name = models.CharField(max_length=150, blank=True, default="", help_text="Kept when the user is gone.")
    reason = models.CharField(max_length=500, blank=True, default="")
    summary = models.CharField(max_length=500, help_text="What was done, in one sentence without personal data.")
    order = models.ForeignKey("tracking.Order", models.CASCADE, null=True, blank=True, related_name="staff_actions")
    parcel = models.ForeignKey("tracking.Parcel", models.CASCADE, null=True, blank=True, related_name="staff_actions")
    remap = models.ForeignKey(Remap, models.SET_NULL, null=True, blank=True, related_name="staff_actions")
    revision = models.ForeignKey("stores.Revision", models.SET_NULL, null=True, blank=True, related_name="+")
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    correlation_id = models.CharField(max_length=16, blank=True, default="", db_index=True)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        permissions = [("undo_others", "Can undo what others did")]
        ordering = ["-made_at"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=StaffActionKind.values), name="staff_action_kind_known")
        ]
        indexes = [models.Index(fields=["-made_at"], name="staff_action_newest")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.summary}"
