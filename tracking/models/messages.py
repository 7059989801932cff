"""What shoppers were told, are to be told, and were not told for what reason."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from stores.models import Upstream
from stores.statuses import MessageKind
from tracking.enums import BlockReason, MessageChannel, MessageState

# States of a message that may have reached somebody.
MAY_HAVE_ARRIVED = frozenset(
    {MessageState.SENDING, MessageState.SENT, MessageState.UNSURE, MessageState.BOUNCED, MessageState.COMPLAINED}
)
WAITING = frozenset({MessageState.PLANNED, MessageState.HELD})
# … of one that the shopper was told by, as far as anybody can know.
TOLD = frozenset({MessageState.SENT, MessageState.COMPLAINED})
# What tells of trouble: who gets one of these was warned.
WARNINGS = frozenset({MessageKind.DELAYED, MessageKind.EXCEPTION, MessageKind.RETURNING, MessageKind.RETURNED})


class Message(models.Model):
    """One piece of news for one shopper: the ledger. A row is committed before anything is sent, and there is one per
    parcel (or order), kind, channel and occasion: the database refuses a second, so that nobody is told twice.

        planned ⇄ held
           ├──claim──> sending ──accepted──> sent ──> bounced | complained
           │  ^            ├─refused for now──> planned     ├─refused──> failed
           │  └────────────┘                                └─no answer, or a crash──> unsure (never repeated by itself)
           └─stale, overtaken, blocked …──> skipped

    ``parcel`` is empty where the whole order is meant. ``occasion`` tells repeats apart that are wanted: the day
    that an estimate moved to, a resend by hand. One mail may tell several rows: ``told_with`` leads to the
    row that was sent.
    ``recipient`` is personal data, taken away by ``erase_customer``; its keyed hash stays.
    """

    order = models.ForeignKey("tracking.Order", models.CASCADE, related_name="messages")
    parcel = models.ForeignKey("tracking.Parcel", models.CASCADE, null=True, blank=True, related_name="messages")
    tracking = models.ForeignKey(
        "tracking.Tracking", models.SET_NULL, null=True, blank=True, related_name="messages", help_text="Whose news."
    )
    kind = models.CharField(max_length=24, choices=MessageKind)
    channel = models.CharField(max_length=10, choices=MessageChannel, default=MessageChannel.EMAIL)
    occasion = models.CharField(max_length=40, blank=True, default="")
    correlation_id = models.CharField(max_length=16, db_index=True)

    state = models.CharField(max_length=12, choices=MessageState, default=MessageState.PLANNED)
    reason = models.CharField(max_length=300, blank=True, default="", help_text="Why it is in this state, in words.")
    told_with = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="tells", help_text="The mail that told this, too."
    )
    brand = models.ForeignKey("stores.Brand", models.SET_NULL, null=True, blank=True, related_name="messages")
    language = models.CharField(max_length=16, blank=True, default="")
    recipient = models.CharField(max_length=320, blank=True, default="")
    recipient_hash = models.CharField(max_length=64, blank=True, default="")
    provider_id = models.CharField(max_length=256, blank=True, default="", help_text="The mail provider's own id.")

    eta = models.DateField(null=True, blank=True, help_text="The day of arrival that it spoke of.")
    news_at = models.DateTimeField(help_text="When that happened which it tells.")
    due_at = models.DateTimeField(help_text="Not to be sent before.")
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    sending_at = models.DateTimeField(null=True, blank=True, help_text="When the last try to send it began.")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When the mail server took it.")
    delivered_at = models.DateTimeField(null=True, blank=True, help_text="When the provider says it arrived.")
    returned_at = models.DateTimeField(null=True, blank=True, help_text="When it bounced, or was called spam.")

    class Meta:
        ordering = ["-created_at", "-pk"]
        permissions = [
            ("hold_message", "Can hold and release an order's messages"),
            ("resend_message", "Can send the current state again"),
            ("readdress_message", "Can change where an order's messages go"),
            ("block_address", "Can block and unblock addresses"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["parcel", "kind", "channel", "occasion"],
                condition=Q(parcel__isnull=False),
                name="message_once_per_parcel",
            ),
            models.UniqueConstraint(
                fields=["order", "kind", "channel", "occasion"],
                condition=Q(parcel=None),
                name="message_once_per_order",
            ),
            models.UniqueConstraint(
                fields=["tracking", "recipient_hash", "kind", "channel", "occasion"],
                condition=Q(tracking__isnull=False) & ~Q(recipient_hash="") & ~Q(state="skipped"),
                name="message_once_per_box_and_person",
            ),
            models.CheckConstraint(condition=Q(state__in=MessageState.values), name="message_state_known"),
            models.CheckConstraint(condition=Q(kind__in=MessageKind.values), name="message_kind_known"),
            models.CheckConstraint(condition=~Q(state="sent") | Q(sent_at__isnull=False), name="message_sent_has_time"),
            models.CheckConstraint(
                condition=~Q(state="sending") | Q(sending_at__isnull=False), name="message_sending_has_time"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="planned"), name="message_due"),
            models.Index(fields=["sending_at"], condition=Q(state="sending"), name="message_sending"),
            models.Index(fields=["-created_at"], name="message_newest"),
            models.Index(fields=["sent_at"], condition=Q(sent_at__isnull=False), name="message_sent"),
            models.Index(fields=["recipient_hash"], name="message_by_person"),
            models.Index(fields=["provider_id"], condition=~Q(provider_id=""), name="message_by_provider_id"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.parcel or self.order}"


class BlockedAddress(models.Model):
    """An address that nothing is sent to any more. Only its keyed hash is kept: nobody can read it back.

    ``brand`` is empty where it is blocked for every brand; who unsubscribes does so from one.
    """

    channel = models.CharField(max_length=10, choices=MessageChannel, default=MessageChannel.EMAIL)
    address_hash = models.CharField(max_length=64)
    brand = models.ForeignKey("stores.Brand", models.CASCADE, null=True, blank=True, related_name="blocked_addresses")
    reason = models.CharField(max_length=12, choices=BlockReason)
    words = models.CharField(max_length=300, blank=True, default="", help_text="What the mail server or provider said.")
    message = models.ForeignKey(Message, models.SET_NULL, null=True, blank=True, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-made_at"]
        verbose_name_plural = "blocked addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "address_hash"], condition=Q(brand=None), name="blocked_address_once"
            ),
            models.UniqueConstraint(
                fields=["channel", "address_hash", "brand"],
                condition=Q(brand__isnull=False),
                name="blocked_address_once_per_brand",
            ),
            models.CheckConstraint(condition=Q(reason__in=BlockReason.values), name="blocked_address_reason_known"),
        ]

    def __str__(self) -> str:
        return f"{self.address_hash[:8]}… {self.get_reason_display()}"


class Mailer(Upstream):
    """One brand's way to the mail server: switched off, or paused while the server refuses us or is down, and its
    budget. ``next_free_at`` is the time (Unix seconds) of the next mail, as in ``stores.RateBudget``.
    """

    key = models.CharField(max_length=64, unique=True, help_text="The brand's key.")
    next_free_at = models.FloatField(default=0, editable=False)

    class Meta:
        ordering = ["key"]
        constraints = [models.CheckConstraint(condition=~Q(key=""), name="mailer_key_not_blank")]

    def __str__(self) -> str:
        return self.key
