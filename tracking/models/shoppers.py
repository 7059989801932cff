"""What shoppers do, as counts alone: tries to look an order up, views of its page, clicks on what the brand offers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tracking.enums import ShopperEvent, ShopperPlace


class LookupCount(models.Model):
    """Failed tries to look up an order, per window of time: of one address, or for one order number.

    ``subject`` is a keyed digest: neither can be read from it. Rows of past windows are swept away.
    """

    subject = models.CharField(max_length=64)
    window = models.DateTimeField(help_text="When the window began.")
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "window"], name="lookup_count_once_per_window")]
        indexes = [models.Index(fields=["window"], name="lookup_count_window")]

    def __str__(self) -> str:
        return f"{self.window:%Y-%m-%d %H:%M}: {self.count}"


class Promotion(models.Model):
    """What a brand offers on the page and in mails of one language, from one day to another.

    Of several that hold on a day the one that began last is shown; two cannot begin on the same day.
    """

    brand = models.ForeignKey("stores.Brand", models.CASCADE, related_name="promotions")
    language = models.CharField(max_length=35, help_text="Such as de: shown to whom the brand speaks so.")
    headline = models.CharField(max_length=80)
    text = models.CharField(max_length=240, blank=True, default="")
    button = models.CharField(max_length=40, help_text="Words of the link, such as: See the new boots.")
    link = models.URLField(max_length=1000, help_text="Where it leads; https only.")
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True, help_text="The last day. Empty: until another one begins.")
    on_page = models.BooleanField("on the tracking page", default=True)
    on_mail = models.BooleanField("in mails", default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["brand", "language", "-starts_on"]
        constraints = [
            models.UniqueConstraint(fields=["brand", "language", "starts_on"], name="promotion_one_begins_per_day"),
            models.CheckConstraint(condition=Q(link__startswith="https://"), name="promotion_link_is_https"),
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gte=models.F("starts_on")), name="promotion_ends_after_start"
            ),
            models.CheckConstraint(condition=Q(on_page=True) | Q(on_mail=True), name="promotion_has_a_place"),
        ]

    def __str__(self) -> str:
        return f"{self.brand} ({self.language}): {self.headline}"


class ShopperCount(models.Model):
    """How often something happened on one day, by place, the order's state and its store. Nobody can be told from it.

    ``key`` is all of it in one text: what makes a row unique although links may be empty.
    """

    day = models.DateField()
    event = models.CharField(max_length=8, choices=ShopperEvent)
    place = models.CharField(max_length=8, choices=ShopperPlace)
    state = models.CharField(max_length=24, blank=True, default="", help_text="The order's status then.")
    store = models.ForeignKey("stores.Store", models.CASCADE, null=True, blank=True, related_name="+")
    promotion = models.ForeignKey(Promotion, models.PROTECT, null=True, blank=True, related_name="counts")
    key = models.CharField(max_length=100)
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-day", "event", "place", "state"]
        constraints = [
            models.UniqueConstraint(fields=["key"], name="shopper_count_once"),
            models.CheckConstraint(condition=Q(event__in=ShopperEvent.values), name="shopper_count_event_known"),
            models.CheckConstraint(condition=Q(place__in=ShopperPlace.values), name="shopper_count_place_known"),
        ]
        indexes = [
            models.Index(fields=["promotion", "day"], name="shopper_count_of_promotion"),
            models.Index(fields=["day"], name="shopper_count_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.event} {self.place} {self.state}: {self.count}"
