"""Who ships: the connections to both upstreams, the storefronts, and the rules that join them.

Project ──< Store, Channel                     read from commercetools
AfterShipAccount ──< RateBudget                one organisation at AfterShip, its key and its request rates
Route: conditions on a parcel → account, brand   first match wins
CarrierMapping: carrier text (+ scope) → Courier
StatusRule: a courier's own code → our status
Revision                                      every change of these three rules, so that it can be explained and undone
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from stores import inbound
from stores.brands import Brand
from stores.carriers import normalise_carrier
from stores.fields import EncryptedTextField
from stores.routing import conditions_key
from stores.statuses import MessageKind, ParcelStatus
from stores.validators import key_validator
from stores.zones import validate_zone


class Origin(models.TextChoices):
    """Who made a rule: ``apply_config`` removes what left the file, never what was made in the console."""

    FILE = "file", _("Configuration file")
    CONSOLE = "console", _("Console")


class Upstream(models.Model):
    """What both upstream connections share: on or off, and paused while it refuses us or is down.

    ``failures`` counts calls in a row that found it down. ``pause_seconds`` above 0 means paused: no call before
    ``paused_until``, then one job at a time tries again, until a call works or the pause doubles.
    ``clock_skew_seconds`` is how far its clock was ahead of ours when that was last looked at.
    """

    is_active = models.BooleanField(_("active"), default=True)
    paused_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("No calls before this time; then one job tries again.")
    )
    pause_seconds = models.PositiveIntegerField(default=0, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    clock_skew_seconds = models.FloatField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class Project(Upstream):
    """A commercetools project: hosts, credentials, the way it speaks to us."""

    class Inbound(models.TextChoices):
        BEARER = "bearer", _("Bearer token")
        PUBSUB = "pubsub", _("Google Cloud Pub/Sub, push")
        SNS = "sns", _("AWS SNS over HTTPS")
        EVENTBRIDGE = "eventbridge", _("AWS EventBridge API destination")
        EVENTGRID = "eventgrid", _("Azure Event Grid")
        CONNECT = "connect", _("commercetools Connect")
        SQS = "sqs", _("AWS SQS, pulled")
        POLL = "poll", _("Nothing is sent: poll only")

    class Poll(models.TextChoices):
        OFF = "off", _("Do not poll")
        MESSAGES = "messages", _("Messages")
        ORDERS = "orders", _("Orders by last change")

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
    inbound_options = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("What the type needs besides its secret: audience, topic, queue … (docs/connecting.md)."),
    )
    poll = models.CharField(
        max_length=10,
        choices=Poll,
        default=Poll.OFF,
        help_text=_("Ask commercetools for changes as well: beside push it is a safety net."),
    )
    poll_cursors = models.JSONField(default=dict, blank=True, editable=False)
    heard_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("When it last told us anything, by whatever way.")
    )
    tracking_source = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("Where numbers stand if not on parcels: a custom field of order or delivery (docs/connecting.md)."),
    )
    in_stores = models.JSONField(
        default=list, blank=True, help_text=_("Keys of the stores its API client is limited to. Empty: the project.")
    )
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
            models.CheckConstraint(condition=Q(poll__in=["off", "messages", "orders"]), name="project_poll_known"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def can_hear(self) -> bool:
        """Whether its messages reach us at all: pulled, or pushed by a sender that can prove itself."""
        pulled = self.inbound_type in inbound.PULLED
        return pulled or inbound.can_prove(self.inbound_type, self.inbound_options, self.inbound_secret)


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
    sends_orders = models.BooleanField(
        default=False,
        help_text=_(
            "Also send orders and fulfilments to AfterShip's Commerce API: its order mails and look-up need it."
        ),
    )
    commerce_store_id = models.CharField(
        max_length=64, blank=True, default="", help_text=_("AfterShip's id of the store that takes them (as-store-id).")
    )

    class Meta:
        verbose_name = _("AfterShip account")
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(condition=~Q(key=""), name="account_key_not_blank"),
            models.CheckConstraint(
                condition=Q(sends_orders=False) | ~Q(commerce_store_id=""), name="account_sends_orders_to_a_store"
            ),
        ]

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
