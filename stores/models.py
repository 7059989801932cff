"""Who ships: the connections to both upstreams, the storefronts, and the rules that join them.

Project ──< Store, Channel                     read from commercetools
AfterShipAccount ──< RateBudget                one organisation at AfterShip, its key and its request rates
Route: project (+ store) → account, brand      first match wins
CarrierMapping: carrier text (+ scope) → Courier
"""

from __future__ import annotations

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from stores.carriers import normalise_carrier
from stores.fields import EncryptedTextField

key_validator = RegexValidator(r"^[A-Za-z0-9_-]{2,256}\Z", _("2 to 256 letters, digits, _ or -."))
colour_validator = RegexValidator(r"^#[0-9a-fA-F]{6}\Z", _("A colour such as #0b5fff."))


class Origin(models.TextChoices):
    """Who made a rule: ``apply_config`` removes what left the file, never what was made in the console."""

    FILE = "file", _("Configuration file")
    CONSOLE = "console", _("Console")


class Upstream(models.Model):
    """What both upstream connections share: on or off, and paused while it refuses us or is down.

    ``failures`` counts calls in a row that found it down. ``pause_seconds`` above 0 means paused: no call before
    ``paused_until``, then one job at a time tries again, until a call works or the pause doubles.
    """

    is_active = models.BooleanField(_("active"), default=True)
    paused_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("No calls before this time; then one job tries again.")
    )
    pause_seconds = models.PositiveIntegerField(default=0, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class Project(Upstream):
    """A commercetools project: hosts, credentials, the way it speaks to us."""

    class Inbound(models.TextChoices):
        BEARER = "bearer", _("Bearer token")

    class ShipmentStateMode(models.TextChoices):
        OFF = "off", _("Never touch it")
        FORWARD = "forward", _("Only forward")
        FULL = "full", _("Always what the parcels say")

    key = models.CharField(max_length=256, unique=True, validators=[key_validator])
    api_url = models.URLField(_("API address"), max_length=500)
    auth_url = models.URLField(_("auth address"), max_length=500)
    client_id = models.CharField(max_length=255)
    client_secret = EncryptedTextField()
    inbound_type = models.CharField(max_length=20, choices=Inbound, default=Inbound.BEARER)
    inbound_secret = EncryptedTextField(blank=True, default="")
    shipment_state = models.CharField(
        max_length=10,
        choices=ShipmentStateMode,
        default=ShipmentStateMode.FORWARD,
        help_text=_("Whether the order's shipment state follows its parcels."),
    )
    access_token = EncryptedTextField(blank=True, default="", editable=False)
    access_token_expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(condition=~Q(key=""), name="project_key_not_blank"),
            models.CheckConstraint(
                condition=Q(shipment_state__in=["off", "forward", "full"]), name="project_shipment_state_known"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class CustomType(models.Model):
    """A commercetools Type seen on an order or parcel, and whether it has our fields. Ours, or a merchant's own."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="custom_types")
    commercetools_id = models.CharField(max_length=64)
    key = models.CharField(max_length=256)
    has_parcel_fields = models.BooleanField(default=False)
    has_order_fields = models.BooleanField(default=False)
    checked_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "commercetools_id"], name="custom_type_once_per_project"),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.project_id})"


class AfterShipAccount(Upstream):
    """One AfterShip organisation: its key, and the secrets that sign its webhooks (current and previous)."""

    key = models.CharField(
        max_length=64,
        unique=True,
        validators=[key_validator],
        help_text=_("Our own name for it, also in the webhook address."),
    )
    api_url = models.URLField(_("API address"), max_length=500, default="https://api.aftership.com")
    api_key = EncryptedTextField()
    webhook_secret = EncryptedTextField(blank=True, default="")
    previous_webhook_secret = EncryptedTextField(blank=True, default="")
    polled_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("Everything that AfterShip changed before this was read.")
    )

    class Meta:
        verbose_name = _("AfterShip account")
        ordering = ["key"]
        constraints = [models.CheckConstraint(condition=~Q(key=""), name="account_key_not_blank")]

    def __str__(self) -> str:
        return self.key

    @property
    def webhook_secrets(self) -> list[str]:
        """The secrets a webhook may be signed with, the current one first."""
        return [secret for secret in (self.webhook_secret, self.previous_webhook_secret) if secret]


class RateBudget(models.Model):
    """How fast one endpoint of one account may be called, by all workers of all hosts together.

    ``next_free_at`` is the time (Unix seconds) at which the next call may start. A worker takes a slot by moving it
    forward in one UPDATE; see ``tracking/services/budget.py``.
    """

    account = models.ForeignKey(AfterShipAccount, models.CASCADE, related_name="budgets")
    endpoint = models.CharField(max_length=64)
    per_second = models.FloatField(validators=[MinValueValidator(0.01)])
    next_free_at = models.FloatField(default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "endpoint"], name="rate_budget_once_per_endpoint"),
            models.CheckConstraint(condition=Q(per_second__gt=0), name="rate_budget_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.endpoint} {self.per_second:g}/s"


class Store(models.Model):
    """A commercetools Store. ``imported_at`` is empty while only our configuration or an order has named it."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="stores")
    key = models.CharField(max_length=256, validators=[key_validator])
    commercetools_id = models.CharField(max_length=64, blank=True, default="", editable=False)
    name = models.JSONField(default=dict, blank=True, help_text=_("Name by locale."))
    languages = models.JSONField(default=list, blank=True)
    countries = models.JSONField(default=list, blank=True)
    imported_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["project__key", "key"]
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="store_key_once_per_project")]

    def __str__(self) -> str:
        return self.key


class Channel(models.Model):
    """A commercetools Channel: where goods come from, or are sold through."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="channels")
    key = models.CharField(max_length=256)
    commercetools_id = models.CharField(max_length=64, editable=False)
    name = models.JSONField(default=dict, blank=True, help_text=_("Name by locale."))
    roles = models.JSONField(default=list, blank=True)
    imported_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["project__key", "key"]
        constraints = [
            models.UniqueConstraint(fields=["project", "commercetools_id"], name="channel_id_once_per_project"),
        ]

    def __str__(self) -> str:
        return self.key


class Brand(models.Model):
    """How a storefront looks to its shoppers."""

    key = models.CharField(max_length=64, unique=True, validators=[key_validator])
    name = models.CharField(max_length=200)
    colour = models.CharField(max_length=7, default="#0b5fff", validators=[colour_validator])
    locales = models.JSONField(
        default=list, blank=True, help_text=_("Languages of this brand, the first is the default.")
    )

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


class Route(models.Model):
    """One rule: orders of this project (and store) go to that account. Lowest position first, the first match wins."""

    class Notify(models.TextChoices):
        OFF = "off", _("Nobody")
        AFTERSHIP = "aftership", _("AfterShip")
        PLATFORM = "platform", _("Trackbridge")

    project = models.ForeignKey(Project, models.CASCADE, related_name="routes")
    store = models.ForeignKey(
        Store,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="routes",
        help_text=_("Empty: every store of the project."),
    )
    account = models.ForeignKey(AfterShipAccount, models.PROTECT, related_name="routes")
    brand = models.ForeignKey(Brand, models.PROTECT, null=True, blank=True, related_name="routes")
    promise_days = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("Delivery promise, in days."))
    notify = models.CharField(
        max_length=10, choices=Notify, default=Notify.OFF, help_text=_("Who writes to the shopper.")
    )
    position = models.PositiveIntegerField(default=1000, help_text=_("Rules are tried from the lowest to the highest."))
    is_active = models.BooleanField(_("active"), default=True)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.CONSOLE, editable=False)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "store"], condition=Q(store__isnull=False), name="route_once_per_store"
            ),
            models.UniqueConstraint(fields=["project"], condition=Q(store__isnull=True), name="route_once_per_project"),
            models.CheckConstraint(condition=Q(notify__in=["off", "aftership", "platform"]), name="route_notify_known"),
        ]

    def __str__(self) -> str:
        return f"{self.project}/{self.store or '*'} → {self.account}"


class Courier(models.Model):
    """A carrier as AfterShip knows it. ``imported_at`` is empty while only our mappings name it."""

    slug = models.CharField(max_length=64, unique=True, validators=[RegexValidator(r"^[a-z0-9-]+\Z")])
    name = models.CharField(max_length=200, blank=True, default="")
    required_fields = models.JSONField(default=list, blank=True)
    optional_fields = models.JSONField(default=list, blank=True)
    imported_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["slug"]
        constraints = [models.CheckConstraint(condition=~Q(slug=""), name="courier_slug_not_blank")]

    def __str__(self) -> str:
        return self.slug


class CarrierMapping(models.Model):
    """Carrier text of a parcel → courier, for one store, one project, or everywhere. The narrowest scope wins."""

    carrier = models.CharField(
        max_length=200, help_text=_("As it stands on the parcel; case and spacing do not matter.")
    )
    carrier_key = models.CharField(max_length=200, editable=False)
    courier = models.ForeignKey(Courier, models.PROTECT, related_name="mappings")
    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="carrier_mappings")
    store = models.ForeignKey(Store, models.CASCADE, null=True, blank=True, related_name="carrier_mappings")
    extra_fields = models.JSONField(
        default=dict, blank=True, help_text=_("Fields this courier needs, such as tracking_account_number.")
    )
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.CONSOLE, editable=False)

    class Meta:
        ordering = ["carrier_key", "project", "store"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier_key"], condition=Q(project=None, store=None), name="carrier_mapping_once_everywhere"
            ),
            models.UniqueConstraint(
                fields=["carrier_key", "project"],
                condition=Q(project__isnull=False, store=None),
                name="carrier_mapping_once_per_project",
            ),
            models.UniqueConstraint(
                fields=["carrier_key", "store"], condition=Q(store__isnull=False), name="carrier_mapping_once_per_store"
            ),
            models.CheckConstraint(
                condition=Q(store=None) | Q(project__isnull=False), name="carrier_mapping_store_has_project"
            ),
            models.CheckConstraint(condition=~Q(carrier_key=""), name="carrier_mapping_carrier_not_blank"),
        ]

    def __str__(self) -> str:
        return f"{self.carrier} → {self.courier}"

    def save(self, *args: object, **kwargs: object) -> None:
        self.carrier_key = normalise_carrier(self.carrier)
        super().save(*args, **kwargs)
