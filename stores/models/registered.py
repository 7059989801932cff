"""What the upstreams list: the stores and channels of a project, the couriers AfterShip knows."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from stores.models.connections import Project
from stores.validators import key_validator
from stores.zones import validate_zone


class Registered(models.Model):
    """What an upstream lists: ``imported_at`` is empty while only our configuration, a rule or an order has named it.

    A row is never deleted by an import: ``gone_at`` is since when the upstream has been found not to list it.
    """

    imported_at = models.DateTimeField(null=True, blank=True, editable=False)
    gone_at = models.DateTimeField(null=True, blank=True, editable=False, help_text=_("Not listed there since then."))

    class Meta:
        abstract = True


class Store(Registered):
    """A commercetools Store."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="stores")
    key = models.CharField(max_length=256, validators=[key_validator])
    commercetools_id = models.CharField(max_length=64, blank=True, default="", editable=False)
    name = models.JSONField(default=dict, blank=True, help_text=_("Name by locale."))
    languages = models.JSONField(default=list, blank=True)
    countries = models.JSONField(default=list, blank=True)
    shipment_state = models.CharField(
        max_length=10,
        choices=Project.ShipmentStateMode,
        blank=True,
        default="",
        help_text=_("Whether the shipment state of its orders follows their parcels. Empty: as the project says."),
    )
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        default="",
        validators=[validate_zone],
        help_text=_("Its days in figures, such as Europe/Berlin. Empty: the zone of its first country."),
    )

    class Meta:
        ordering = ["project__key", "key"]
        constraints = [
            models.UniqueConstraint(fields=["project", "key"], name="store_key_once_per_project"),
            models.CheckConstraint(
                condition=Q(shipment_state__in=["", "off", "forward", "full"]), name="store_shipment_state_known"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Channel(Registered):
    """A commercetools Channel: where goods come from, or are sold through.

    ``commercetools_id`` is empty while only a rule of ours has named it.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="channels")
    key = models.CharField(max_length=256)
    commercetools_id = models.CharField(max_length=64, null=True, editable=False)
    name = models.JSONField(default=dict, blank=True, help_text=_("Name by locale."))
    roles = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["project__key", "key"]
        constraints = [
            models.UniqueConstraint(fields=["project", "commercetools_id"], name="channel_id_once_per_project"),
            models.UniqueConstraint(
                fields=["project", "key"], condition=Q(commercetools_id=None), name="channel_named_once_per_project"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Courier(Registered):
    """A carrier as AfterShip knows it."""

    slug = models.CharField(max_length=64, unique=True, validators=[RegexValidator(r"^[a-z0-9-]+\Z")])
    name = models.CharField(max_length=200, blank=True, default="")
    required_fields = models.JSONField(default=list, blank=True)
    optional_fields = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["slug"]
        constraints = [models.CheckConstraint(condition=~Q(slug=""), name="courier_slug_not_blank")]

    def __str__(self) -> str:
        return self.slug
