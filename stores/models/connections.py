"""The connections to both upstreams: a commercetools project, an organisation at AfterShip."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from stores import inbound
from stores.fields import EncryptedTextField
from stores.validators import key_validator


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
