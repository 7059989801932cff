"""What changed and has not been counted yet: written by the database itself, taken away by the figures."""

from __future__ import annotations

from django.db import models


class Change(models.Model):
    """A mark that one row changed in a way that figures care about. Triggers insert it (``tracking/triggers.py``), in
    the transaction of the change, so that no writer can forget it; whoever counts deletes the marks that it has seen.
    """

    class Kind(models.TextChoices):
        ORDER = "order"
        PARCEL = "parcel"
        STORE = "store"  # its clock: all of its days move
        TRACKING = "tracking"

    kind = models.CharField(max_length=8, choices=Kind)
    subject = models.CharField(max_length=32, help_text="Key of the row.")

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
