"""What rules share, and two of the three kinds: carrier text → courier, a courier's code → our status."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from stores.carriers import normalise_carrier
from stores.models.connections import Project
from stores.models.registered import Channel, Courier, Store
from stores.statuses import ParcelStatus


class Origin(models.TextChoices):
    """Who made a rule: ``apply_config`` removes what left the file, never what was made in the console."""

    FILE = "file", _("Configuration file")
    CONSOLE = "console", _("Console")


class Rule(models.Model):
    """What the three kinds of rules share. ``version`` rises with every save: a decision names the one it followed."""

    origin = models.CharField(max_length=10, choices=Origin, default=Origin.CONSOLE, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            self.version += 1
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "version", *self.derived_fields}
        super().save(*args, **kwargs)

    derived_fields: tuple[str, ...] = ()


class CarrierMapping(Rule):
    """Carrier text of a parcel → courier: for a channel, a store, a project, or everywhere; the narrowest wins."""

    carrier = models.CharField(
        max_length=200, help_text=_("As it stands on the parcel; case, spacing and punctuation do not matter.")
    )
    carrier_key = models.CharField(max_length=200, editable=False)
    courier = models.ForeignKey(Courier, models.PROTECT, related_name="mappings")
    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="carrier_mappings")
    store = models.ForeignKey(Store, models.CASCADE, null=True, blank=True, related_name="carrier_mappings")
    channel = models.ForeignKey(Channel, models.CASCADE, null=True, blank=True, related_name="carrier_mappings")
    extra_fields = models.JSONField(
        default=dict, blank=True, help_text=_("Fields this courier needs, such as tracking_account_number.")
    )

    derived_fields = ("carrier_key",)

    class Meta:
        ordering = ["carrier_key", "project", "store", "channel"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier_key"],
                condition=Q(project=None, store=None, channel=None),
                name="carrier_mapping_once_everywhere",
            ),
            models.UniqueConstraint(
                fields=["carrier_key", "project"],
                condition=Q(project__isnull=False, store=None, channel=None),
                name="carrier_mapping_once_per_project",
            ),
            models.UniqueConstraint(
                fields=["carrier_key", "store"], condition=Q(store__isnull=False), name="carrier_mapping_once_per_store"
            ),
            models.UniqueConstraint(
                fields=["carrier_key", "channel"],
                condition=Q(channel__isnull=False),
                name="carrier_mapping_once_per_channel",
            ),
            models.CheckConstraint(
                condition=Q(store=None, channel=None) | Q(project__isnull=False),
                name="carrier_mapping_scope_has_project",
            ),
            models.CheckConstraint(condition=Q(store=None) | Q(channel=None), name="carrier_mapping_one_scope"),
            models.CheckConstraint(condition=~Q(carrier_key=""), name="carrier_mapping_carrier_not_blank"),
        ]

    def __str__(self) -> str:
        return f"{self.carrier} → {self.courier}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.carrier_key = normalise_carrier(self.carrier)
        super().save(*args, **kwargs)


class StatusRule(Rule):
    """What a code of a courier means in our model: wins over AfterShip's tag while the code is the newest scan's."""

    class Code(models.TextChoices):
        RAW = "raw", _("Courier's own code")
        SUBTAG = "subtag", _("AfterShip's subtag")

    courier = models.ForeignKey(
        Courier,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="status_rules",
        help_text=_("Empty: every courier. A rule for the courier itself wins."),
    )
    code_kind = models.CharField(_("kind of code"), max_length=8, choices=Code, default=Code.RAW)
    code = models.CharField(max_length=200, help_text=_("Exactly as it comes, such as EX-17 or Exception_022."))
    status = models.CharField(max_length=24, choices=ParcelStatus)

    class Meta:
        ordering = ["code_kind", "code", "courier"]
        constraints = [
            models.UniqueConstraint(
                fields=["code_kind", "code", "courier"],
                condition=Q(courier__isnull=False),
                name="status_rule_once_per_courier",
            ),
            models.UniqueConstraint(
                fields=["code_kind", "code"], condition=Q(courier=None), name="status_rule_once_for_all"
            ),
            models.CheckConstraint(condition=~Q(code=""), name="status_rule_code_not_blank"),
            models.CheckConstraint(condition=Q(status__in=ParcelStatus.values), name="status_rule_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.courier or '*'} {self.code} → {self.status}"
