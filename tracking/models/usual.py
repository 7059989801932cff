"""What is usual for a courier, and when a courier as a whole falls silent."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from tracking.enums import Measure


class WaitDay(models.Model):
    """How long parcels waited that came to their end on one day: a histogram per courier and destination.

    Histograms add up, so a window of days is a sum of rows. A day is learned as a whole and replaced as a whole.
    """

    measure = models.CharField(max_length=12, choices=Measure)
    courier = models.CharField(max_length=64)
    country = models.CharField(max_length=2, blank=True, default="")
    day = models.DateField()
    counts = models.JSONField(help_text="How many waited up to each bound of tracking/services/waits.py, and longer.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["measure", "courier", "country", "day"], name="wait_day_once"),
            models.CheckConstraint(condition=Q(measure__in=Measure.values), name="wait_day_measure_known"),
        ]
        indexes = [models.Index(fields=["day"], name="wait_day_by_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.measure} {self.courier} {self.country}"


class Usual(models.Model):
    """What a window of days says: 95 % of ``sample`` parcels waited no longer than ``p95_hours``. Empty country: all
    destinations; empty courier: all couriers. Only lanes with enough parcels have a row.
    """

    measure = models.CharField(max_length=12, choices=Measure)
    courier = models.CharField(max_length=64, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    sample = models.PositiveIntegerField()
    p50_hours = models.FloatField()
    p95_hours = models.FloatField()
    learned_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "usual"
        ordering = ["measure", "courier", "country"]
        constraints = [
            models.UniqueConstraint(fields=["measure", "courier", "country"], name="usual_once_per_lane"),
            models.CheckConstraint(condition=Q(measure__in=Measure.values), name="usual_measure_known"),
            models.CheckConstraint(condition=Q(p95_hours__gte=F("p50_hours")), name="usual_percentiles_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.measure} {self.courier or '*'} {self.country or '*'}: {self.p95_hours} h"


class Pulse(models.Model):
    """One look at one courier of one account: how many parcels were on their way, and how many of them had news."""

    account = models.ForeignKey("stores.AfterShipAccount", models.CASCADE, related_name="pulses")
    courier = models.CharField(max_length=64)
    hour = models.DateTimeField(help_text="The hour of the look.")
    live = models.PositiveIntegerField()
    fresh = models.PositiveIntegerField(help_text="With news in the hours before.")
    is_usual = models.BooleanField(
        default=True, help_text="False: taken during an outage, or while AfterShip was silent."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "courier", "hour"], name="pulse_once_per_hour"),
            models.CheckConstraint(condition=Q(fresh__lte=F("live")), name="pulse_fresh_within_live"),
        ]
        indexes = [models.Index(fields=["hour"], name="pulse_by_hour")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.courier}: {self.fresh} of {self.live}"


class Outage(models.Model):
    """A courier (in one country, or everywhere) sends no news: seen by ourselves, or declared by a person.

    Open → ended, by itself or by a person. One that a person declared ends by a person only.
    """

    courier = models.CharField(max_length=64)
    country = models.CharField(max_length=2, blank=True, default="", help_text="Destination; empty: everywhere.")
    cause = models.CharField(max_length=500)
    live = models.PositiveIntegerField(default=0, help_text="Parcels on their way with it.")
    share = models.FloatField(null=True, blank=True, help_text="Of them with news, at the last look.")
    usual_share = models.FloatField(null=True, blank=True, help_text="With news at this hour, as a rule.")
    declared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", help_text="Empty: seen."
    )
    is_declared = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    looked_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    is_ended_by_hand = models.BooleanField(default=False)

    class Meta:
        permissions = [("declare_outage", "Can declare and end courier outages")]
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["courier", "country"], condition=Q(ended_at=None), name="outage_open_once_per_courier"
            ),
            models.CheckConstraint(condition=~Q(courier=""), name="outage_has_courier"),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")), name="outage_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.courier}{' to ' + self.country if self.country else ''}"
