"""Which permissions a role was given by us, so that what an administrator made of it stays."""

from __future__ import annotations

from django.db import models


class Role(models.Model):
    """One role of ``tracking/services/roles.py`` and its group. ``given`` are the permissions that it ever got from us.

    A permission is given once: who takes it away keeps it away. Whoever deletes the group is not given it back.
    """

    key = models.CharField(max_length=20, unique=True)
    group = models.OneToOneField("auth.Group", models.SET_NULL, null=True, blank=True, related_name="role")
    given = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.key
