"""Routes: which account, carriers, brand and promise a parcel gets, by where it comes from and goes to."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from stores.brands import Brand
from stores.models.connections import AfterShipAccount, Project
from stores.models.registered import Channel, Store
from stores.models.rules import Rule
from stores.routing import conditions_key
from stores.statuses import MessageKind


class Route(Rule):
    """One rule: parcels that meet its conditions go to that account. Lowest position first, the first match wins.

    A condition that is empty holds for every parcel. The default of a project is tried after all others.
    """

    class ChannelRole(models.TextChoices):
        ANY = "", _("Supply or distribution")
        SUPPLY = "supply", _("Supply: the goods come from it")
        DISTRIBUTION = "distribution", _("Distribution: it is sold through it")

    class Direction(models.TextChoices):
        ALL = "all", _("All parcels")
        OUTBOUND = "outbound", _("To the shopper")
        RETURNS = "returns", _("Returns")

    class Notify(models.TextChoices):
        OFF = "off", _("Nobody")
        AFTERSHIP = "aftership", _("AfterShip")
        PLATFORM = "platform", _("Trackbridge")

    name = models.CharField(max_length=120, blank=True, default="", help_text=_("What your team calls it."))
    project = models.ForeignKey(Project, models.CASCADE, related_name="routes")
    store = models.ForeignKey(
        Store,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="routes",
        help_text=_("Empty: every store of the project."),
    )
    channel = models.ForeignKey(
        Channel,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="routes",
        help_text=_("Of any line item in the parcel. Empty: every channel."),
    )
    channel_role = models.CharField(max_length=12, choices=ChannelRole, blank=True, default=ChannelRole.ANY)
    countries = models.JSONField(
        default=list, blank=True, help_text=_("Destinations, such as DE, AT. Empty: everywhere.")
    )
    carriers = models.JSONField(
        default=list, blank=True, help_text=_("Carrier texts as they stand on parcels. Empty: every carrier.")
    )
    field_name = models.CharField(
        _("order's custom field"), max_length=36, blank=True, default="", help_text=_("Its name in commercetools.")
    )
    field_values = models.JSONField(
        _("values of the field"), default=list, blank=True, help_text=_("Any of these. Empty: any value at all.")
    )
    direction = models.CharField(max_length=10, choices=Direction, default=Direction.ALL)
    is_default = models.BooleanField(
        _("default of the project"), default=False, help_text=_("Tried after all others; it has no conditions.")
    )
    conditions_key = models.CharField(max_length=64, default="", editable=False)

    do_not_track = models.BooleanField(
        _("do not track"), default=False, help_text=_("These parcels are not sent to AfterShip at all.")
    )
    account = models.ForeignKey(
        AfterShipAccount,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="routes",
        help_text=_("Empty only where nothing is tracked."),
    )
    brand = models.ForeignKey(Brand, models.PROTECT, null=True, blank=True, related_name="routes")
    couriers = models.JSONField(
        _("courier set"),
        default=list,
        blank=True,
        help_text=_("Slugs this storefront ships with. A single one is taken where the carrier text is not mapped."),
    )
    promise_days = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("Delivery promise, in days."))
    promise_days_by_country = models.JSONField(
        _("promise by country"), default=dict, blank=True, help_text=_('Where it differs: {"AT": 4}.')
    )
    notify = models.CharField(
        max_length=10, choices=Notify, default=Notify.OFF, help_text=_("Who writes to the shopper.")
    )
    notify_by_status = models.JSONField(
        _("notify by status"),
        default=dict,
        blank=True,
        help_text=_('Where it differs: {"delivered": "off", "delayed": "aftership"}.'),
    )
    position = models.PositiveIntegerField(default=1000, help_text=_("Rules are tried from the lowest to the highest."))
    is_active = models.BooleanField(_("active"), default=True)

    derived_fields = ("conditions_key",)

    class Meta:
        ordering = ["is_default", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "conditions_key"], name="route_once_per_conditions"),
            models.UniqueConstraint(fields=["project"], condition=Q(is_default=True), name="route_one_default"),
            models.CheckConstraint(condition=Q(do_not_track=True) | Q(account__isnull=False), name="route_leads_on"),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(store=None, channel=None, field_name="", direction="all"),
                name="route_default_without_conditions",
            ),
            models.CheckConstraint(condition=Q(notify__in=["off", "aftership", "platform"]), name="route_notify_known"),
            models.CheckConstraint(
                condition=Q(direction__in=["all", "outbound", "returns"]), name="route_direction_known"
            ),
        ]

    def __str__(self) -> str:
        target = _("not tracked") if self.do_not_track else self.account
        return f"{self.title} → {target}"

    @property
    def title(self) -> str:
        """Its name, or where it holds: ``demo/de-web``."""
        return self.name or f"{self.project}/{self.store or '*'}"

    def key_of_conditions(self) -> str:
        """The same for every route of the project with these conditions: there can be one."""
        return conditions_key(
            store=self.store.pk if self.store else None,  # not store_id: it may have been saved after it was set here
            channel=self.channel.pk if self.channel else None,
            channel_role=self.channel_role if self.channel else "",
            countries=self.countries,
            carriers=self.carriers,
            field_name=self.field_name,
            field_values=self.field_values if self.field_name else [],
            direction=self.direction,
            is_default=self.is_default,
        )

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.conditions_key = self.key_of_conditions()
        super().save(*args, **kwargs)

    def sender_of(self, kind: str) -> str:
        """Who writes to the shopper about this (a MessageKind): ``off``, ``aftership`` or ``platform``."""
        sender: str = self.notify_by_status.get(kind, self.notify)
        return sender

    def is_sender(self, who: Any) -> bool:
        """Whether ``who`` writes to the shopper about any status."""
        return any(self.sender_of(kind) == who for kind in MessageKind.values)

    def promised_days(self, country: str) -> int | None:
        """The promise for a destination (ISO alpha-2), in days; None where none was given."""
        days: int | None = self.promise_days_by_country.get(country, self.promise_days)
        return days
