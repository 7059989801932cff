"""Every change of the three kinds of rules."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Revision(models.Model):
    """One change of rules, by one person or file, kept for ever. Its id is the version of the rules as a whole.

    ``changes`` lists what it did, each with the rule in words (keys, not row ids), None where there was none::

        {"kind": "route" | "carrier_mapping" | "status_rule", "id": 5, "label": "…", "before": {…}, "after": {…}}
    """

    class Source(models.TextChoices):
        CONSOLE = "console", _("Console")
        FILE = "file", _("Configuration file")
        CSV = "csv", _("CSV import")
        WORKBENCH = "workbench", _("Carrier workbench")
        ROLLBACK = "rollback", _("Rolled back")

    made_at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    actor_name = models.CharField(max_length=150, blank=True, default="", help_text=_("Kept when the user is gone."))
    source = models.CharField(max_length=12, choices=Source)
    reason = models.CharField(max_length=500, blank=True, default="")
    changes = models.JSONField(default=list)
    restores = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="restored_by")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"#{self.pk}"
