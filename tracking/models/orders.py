"""Orders and parcels of commercetools, as far as shipping needs them, and what they carry of ours."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

CANCELLED = "Cancelled"  # commercetools' orderState, with two l


class Order(models.Model):
    """A commercetools order. Made as a shell by the first message about it, filled by ``collect``.

    ``version`` is the newest version read from, or answered by, commercetools; empty until the first read. ``carried``
    holds our own fields as the order carries them at that version, so that a write needs no read before it.
    """

    project = models.ForeignKey("stores.Project", models.PROTECT, related_name="orders")
    commercetools_id = models.CharField(max_length=64)
    order_number = models.CharField(max_length=256, blank=True, default="", db_index=True)
    correlation_id = models.CharField(max_length=16, db_index=True)

    store = models.ForeignKey("stores.Store", models.SET_NULL, null=True, blank=True, related_name="orders")
    customer_email = models.CharField(max_length=320, blank=True, default="", db_index=True)
    shopper_key = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_index=True,
        help_text="Keyed hash of the e-mail address: tells that two orders are one person's, and stays when erased.",
    )
    locale = models.CharField(max_length=35, blank=True, default="")
    destination_country = models.CharField(max_length=2, blank=True, default="")
    destination_state = models.CharField(max_length=200, blank=True, default="")
    destination_city = models.CharField(max_length=200, blank=True, default="")
    destination_postal_code = models.CharField(max_length=40, blank=True, default="")
    items = models.JSONField(default=dict, blank=True, help_text="Ordered quantity by line item id.")
    item_words = models.JSONField(
        default=dict,
        blank=True,
        help_text='What each line item is: {line item id: {"sku": "BOOT-42", "name": {"de": "Wanderschuh"}}}.',
    )
    item_channels = models.JSONField(
        default=dict, blank=True, help_text="Ids of [supply, distribution] channel by line item id, where it has any."
    )
    custom_fields = models.JSONField(
        default=dict, blank=True, help_text="The merchant's own custom fields that routes may ask for: texts by name."
    )
    ordered_at = models.DateTimeField(null=True, blank=True)

    message_email = models.CharField(
        max_length=320, blank=True, default="", help_text="Where messages go instead, as a person of the staff chose."
    )
    messages_held_at = models.DateTimeField(null=True, blank=True, help_text="Since when no message is sent.")

    commerce = models.JSONField(
        default=dict,
        blank=True,
        help_text="What AfterShip's Commerce API has of it: its ids and digests of what it was told, by account.",
    )

    version = models.BigIntegerField(null=True, blank=True)
    sequence_number = models.BigIntegerField(
        null=True, blank=True, help_text="Of the newest message about it; a jump means that messages are missing."
    )
    order_state = models.CharField(max_length=30, blank=True, default="")
    shipment_state = models.CharField(max_length=30, blank=True, default="")
    type_id = models.CharField(max_length=64, blank=True, default="")
    carried = models.JSONField(default=dict, blank=True)

    link_version = models.PositiveSmallIntegerField(
        default=1, db_default=1, help_text="Rises when the shopper's link is withdrawn: older links open nothing."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    collected_at = models.DateTimeField(null=True, blank=True)
    erasure = models.ForeignKey(
        "tracking.Erasure",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        help_text="Its shopper was erased by this: nothing personal is taken in any more.",
    )
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [
            ("see_people", "Can see shoppers' addresses, places and what was received about them"),
            ("export", "Can export lists"),
            ("erase_customer", "Can erase a customer's personal data"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["project", "commercetools_id"], name="order_once_per_project"),
            models.CheckConstraint(condition=~Q(correlation_id=""), name="order_has_correlation_id"),
            models.CheckConstraint(condition=Q(version=None) | Q(version__gte=1), name="order_version_positive"),
        ]
        indexes = [
            models.Index(fields=["-created_at"], name="order_newest"),
            models.Index(fields=["-ordered_at"], name="order_newest_placed"),
            models.Index(fields=["store", "-created_at"], name="order_newest_of_store"),
            models.Index(fields=["destination_country", "-created_at"], name="order_newest_to_country"),
            models.Index(fields=["message_email"], condition=~Q(message_email=""), name="order_told_elsewhere"),
        ]

    def __str__(self) -> str:
        return self.order_number or self.commercetools_id

    @property
    def address(self) -> str:
        """Where messages go: what a person chose, else the order's own e-mail."""
        return self.message_email or self.customer_email

    @property
    def is_cancelled(self) -> bool:
        """Nothing of it is tracked, until it is opened again."""
        return self.order_state == CANCELLED


# Of parcels: those that need their tracking.
SHOWN = Q(removed_at=None, order__deleted_at=None) & ~Q(order__order_state=CANCELLED)


class Parcel(models.Model):
    """A parcel of a delivery. Keeps its row when it leaves the order (``removed_at``), so that its history stays.

    A number that the order's return info gives, or a custom field (``Project.tracking_source``), without a parcel, has
    a row too: its ``commercetools_id`` is made up, it has no delivery, and nothing is written to it.
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="parcels")
    commercetools_id = models.CharField(max_length=64)
    delivery_id = models.CharField(max_length=64)
    shipping_key = models.CharField(max_length=256, blank=True, default="")
    key = models.CharField(max_length=256, blank=True, default="")

    carrier = models.CharField(max_length=500, blank=True, default="", help_text="As written in commercetools.")
    tracking_number = models.CharField(
        max_length=500, blank=True, default="", db_index=True, help_text="As written in commercetools."
    )
    provider = models.CharField(max_length=500, blank=True, default="")
    is_return = models.BooleanField(default=False)
    items = models.JSONField(default=dict, blank=True, help_text="Quantity by line item id.")
    tracking = models.ForeignKey("tracking.Tracking", models.PROTECT, null=True, blank=True, related_name="parcels")
    linked_for = models.JSONField(
        default=list, blank=True, help_text="Number, carrier and direction that the tracking was chosen for."
    )
    route = models.ForeignKey("stores.Route", models.SET_NULL, null=True, blank=True, related_name="parcels")
    route_trace = models.JSONField(
        default=list, blank=True, help_text="Each rule that was tried: [its id, hit, the values seen, its version]."
    )
    decision = models.JSONField(
        default=dict, blank=True, help_text="The facts that the rules saw, and the courier with the reason for it."
    )
    override = models.JSONField(
        default=dict,
        blank=True,
        help_text="What a person chose instead: any of route (id), account (key), courier (slug), number, "
        "fields (AfterShip's names), stop (nothing is tracked).",
    )

    type_id = models.CharField(max_length=64, blank=True, default="")
    carried = models.JSONField(default=dict, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True, help_text="When the parcel was made in commercetools.")
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    written_at = models.DateTimeField(null=True, blank=True, help_text="When commercetools last took a write of ours.")

    class Meta:
        permissions = [
            ("remap_parcel", "Can move parcels to another route, account, courier or number"),
            ("remap_in_bulk", "Can move many parcels at once"),
            ("mark_parcel", "Can mark parcels as delivered, lost or returned"),
            ("retrack_parcel", "Can have AfterShip track parcels again"),
            ("stop_parcel", "Can stop the tracking of parcels"),
            ("correct_in_commercetools", "Can correct numbers of parcels in commercetools, too"),
        ]
        constraints = [models.UniqueConstraint(fields=["order", "commercetools_id"], name="parcel_once_per_order")]
        indexes = [
            models.Index(fields=["written_at"], condition=Q(written_at__isnull=False), name="parcel_written"),
            models.Index(fields=["commercetools_id"], name="parcel_by_its_id"),
            models.Index(fields=["order"], condition=Q(is_return=True), name="parcel_return"),
        ]

    def __str__(self) -> str:
        return self.tracking_number or self.key or self.commercetools_id

    @property
    def is_in_commercetools(self) -> bool:
        """Whether there is a parcel that can be written to."""
        return bool(self.delivery_id)
