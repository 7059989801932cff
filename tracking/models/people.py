"""What belongs to the people who work with the console, beside their log-ins."""

from __future__ import annotations

from django.conf import settings
from django.db import models


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
