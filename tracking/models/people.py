"""What belongs to the people who work with the console, beside their log-ins."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from stores.fields import EncryptedTextField


class StoreLimit(models.Model):
    """A person sees this store's orders, and no others but those of their further limits. Without one: all orders.

    A store that somebody is limited to is not deleted: with their last limit they would see everything.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="store_limits")
    store = models.ForeignKey("stores.Store", models.PROTECT, related_name="limits")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "store"], name="store_limit_once")]

    def __str__(self) -> str:
        return str(self.store)


class SavedView(models.Model):
    """A list as somebody likes to see it: its filters, search and order, under a name. ``group``: who else sees it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    group = models.ForeignKey("auth.Group", models.SET_NULL, null=True, blank=True, related_name="saved_views")
    list = models.CharField(max_length=100, help_text="Label of the model, such as tracking.Order.")
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=1000, blank=True, default="", help_text="As in the address of the list.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "list", "name"], name="saved_view_once_per_name"),
            models.CheckConstraint(condition=~models.Q(name=""), name="saved_view_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Export(models.Model):
    """A list that is too long to be written while somebody waits. Its run tells how far it is.

    Only who asked for it may take the file, until ``expires_at``. It holds what they may see while it is written.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="exports")
    list = models.CharField(max_length=100, help_text="Label of the model, such as tracking.Order.")
    query = models.CharField(max_length=1000, blank=True, default="")
    correlation_id = models.CharField(max_length=16, db_index=True)
    number = models.PositiveIntegerField(null=True, blank=True, help_text="Rows that the list had at the beginning.")
    done = models.PositiveIntegerField(default=0, help_text="Rows that are written.")
    cursor = models.CharField(max_length=64, blank=True, default="", help_text="Key of the last row that is written.")
    fault = models.CharField(max_length=300, blank=True, default="", help_text="Why it ended without a file.")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"#{self.pk}"


class ExportPart(models.Model):
    """Some lines of an export, in their order: encrypted, since they may tell of people."""

    export = models.ForeignKey(Export, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    text = EncryptedTextField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["export", "number"], name="export_part_once")]

    def __str__(self) -> str:
        return f"{self.export_id}/{self.number}"
