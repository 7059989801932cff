"""What it means: one fact per parcel, and day sums of facts that pages can afford.

ParcelFact ──counted──> DayCount  (how many)      one row per cohort, day and slice
                        DayBucket (how long …)    … and bucket
Slice: the dimensions that figures are cut by, once per combination
ServiceDay: how well we ourselves did, per day and connection
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from analytics.names import Cohort, Course
from tracking.enums import ParcelStatus


class Slice(models.Model):
    """One combination of what figures are filtered and grouped by. Ids without foreign keys, 0 where there is none:
    figures outlive the rows they were made of.
    """

    project_id = models.BigIntegerField()
    store_id = models.BigIntegerField(default=0)
    account_id = models.BigIntegerField(default=0)
    channel = models.CharField(max_length=256, blank=True, default="", help_text="Key of the supply channel.")
    courier = models.CharField(max_length=64, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="", help_text="Destination.")
    is_return = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project_id", "store_id", "account_id", "channel", "courier", "country", "is_return"],
                name="slice_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.store_id or self.project_id} {self.channel} {self.courier} {self.country}"


class ParcelFact(models.Model):
    """Everything that figures ask of one parcel, as of its last change. Survives the erasure of its order.

    ``counted`` is what the roll-ups hold of it at this moment, exactly: to change a fact is to take that away and add
    the new, in one transaction. Days are of the store's zone; ``attempt_day`` is the place's own, where it was given.
    """

    parcel_id = models.BigIntegerField(primary_key=True)
    order_id = models.BigIntegerField()
    tracking_id = models.CharField(max_length=32, blank=True, default="")
    slice = models.ForeignKey(Slice, models.PROTECT, related_name="facts")
    route_id = models.BigIntegerField(null=True)
    is_counted = models.BooleanField(default=True, help_text="Shown in commercetools, with a number.")
    status = models.CharField(max_length=24, choices=ParcelStatus)
    subtag = models.CharField(max_length=64, blank=True, default="")

    ready_day = models.DateField(help_text="Day of hand-over, when the parcel was made in commercetools.")
    scan_day = models.DateField(null=True)
    attempt_day = models.DateField(null=True)
    silent_since = models.DateField(null=True, help_text="Day of the newest scan, while it is under way.")

    ordered_at = models.DateTimeField(null=True)
    ready_at = models.DateTimeField()
    pushed_at = models.DateTimeField(null=True)
    announced_at = models.DateTimeField(null=True)
    first_scan_at = models.DateTimeField(null=True)
    out_for_delivery_at = models.DateTimeField(null=True)
    first_attempt_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    turned_back_at = models.DateTimeField(null=True)
    exception_at = models.DateTimeField(null=True)
    last_news_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    written_at = models.DateTimeField(null=True)

    estimate_first = models.DateField(null=True)
    estimate_now = models.DateField(null=True)
    estimate_at_scan = models.DateField(null=True)
    estimate_3_days = models.DateField(null=True, help_text="What was estimated three days before the first attempt.")
    estimate_1_day = models.DateField(null=True)
    error_at_scan = models.SmallIntegerField(null=True, help_text="Days from that estimate to the first attempt.")
    error_3_days = models.SmallIntegerField(null=True)
    error_1_day = models.SmallIntegerField(null=True)
    revisions = models.PositiveSmallIntegerField(default=0)
    moves_later = models.PositiveSmallIntegerField(default=0)
    promise_days = models.PositiveSmallIntegerField(null=True)
    promised_on = models.DateField(null=True)

    processing_hours = models.FloatField(null=True)
    pickup_hours = models.FloatField(null=True)
    transit_hours = models.FloatField(null=True)
    attempt_hours = models.FloatField(null=True)
    order_hours = models.FloatField(null=True)
    recovery_hours = models.FloatField(null=True)
    longest_gap_hours = models.FloatField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    estimate_late_days = models.SmallIntegerField(null=True, help_text="First attempt against the first estimate.")
    promise_late_days = models.SmallIntegerField(null=True)

    reasons = models.JSONField(default=list, help_text="Reasons of its troubles, each once, in their order.")
    actors = models.JSONField(default=list, help_text="Who could act on them.")
    late_reason = models.PositiveSmallIntegerField(null=True)
    flags = models.BigIntegerField(default=0, help_text="One bit per name of analytics/names.py.")
    counted = models.TextField(default="", help_text="What roll-ups hold of it; empty: nothing.")
    version = models.PositiveSmallIntegerField(help_text="Of the definitions it was made by.")
    made_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["ready_day", "slice"], name="fact_by_handover"),
            models.Index(fields=["scan_day", "slice"], condition=Q(scan_day__isnull=False), name="fact_by_scan"),
            models.Index(fields=["order_id"], name="fact_by_order"),
        ]

    def __str__(self) -> str:
        return f"parcel {self.parcel_id}"


class DayCount(models.Model):
    """How many parcels of one day and slice are what: a column per name of ``COUNTS``."""

    cohort = models.PositiveSmallIntegerField(choices=Cohort)
    day = models.DateField()
    slice = models.ForeignKey(Slice, models.PROTECT, related_name="+", db_index=False)

    created = models.IntegerField(default=0)
    covered = models.IntegerField(default=0)
    unrouted = models.IntegerField(default=0)
    mismatched = models.IntegerField(default=0)
    announced = models.IntegerField(default=0)
    scanned = models.IntegerField(default=0)
    pending = models.IntegerField(default=0)
    expired = models.IntegerField(default=0)
    tracked = models.IntegerField(default=0)
    open = models.IntegerField(default=0)
    delivered = models.IntegerField(default=0)
    returned = models.IntegerField(default=0)
    lost = models.IntegerField(default=0)
    damaged = models.IntegerField(default=0)
    disposed = models.IntegerField(default=0)
    cancelled = models.IntegerField(default=0)
    troubled = models.IntegerField(default=0)
    troubled_now = models.IntegerField(default=0)
    recovered = models.IntegerField(default=0)
    with_estimate = models.IntegerField(default=0)
    attempted = models.IntegerField(default=0)
    first_try = models.IntegerField(default=0)
    estimate_attempted = models.IntegerField(default=0)
    estimate_early = models.IntegerField(default=0)
    estimate_kept = models.IntegerField(default=0)
    estimate_open = models.IntegerField(default=0)
    trending_late = models.IntegerField(default=0)
    promise_attempted = models.IntegerField(default=0)
    promise_early = models.IntegerField(default=0)
    promise_kept = models.IntegerField(default=0)
    promise_open = models.IntegerField(default=0)
    complete = models.IntegerField(default=0)
    gapped = models.IntegerField(default=0)
    zoneless = models.IntegerField(default=0)
    revised = models.IntegerField(default=0)
    moved_later = models.IntegerField(default=0)
    warned = models.IntegerField(default=0)
    attempts = models.IntegerField(default=0)
    revisions = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cohort", "day", "slice"], name="day_count_once"),
            models.CheckConstraint(condition=Q(created__gte=0), name="day_count_not_negative"),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(created=0), name="day_count_empty")]

    def __str__(self) -> str:
        return f"{self.day} {self.slice_id}: {self.created}"


class DayBucket(models.Model):
    """How many parcels of one day and slice fall into one bucket of one spread (``analytics/buckets.py``).

    Each is there twice: by day, and by month (``day`` is its first) under the cohort plus ``BY_MONTH``.
    No index by slice: the planner laid its rows of all days over those of a period, and a store's page took 14 s. On
    PostgreSQL the key carries the number (migration 0010), and sums are read from that index alone.
    """

    cohort = models.PositiveSmallIntegerField()
    spread = models.PositiveSmallIntegerField()
    day = models.DateField()
    slice = models.ForeignKey(Slice, models.PROTECT, related_name="+", db_index=False)
    bucket = models.IntegerField()
    number = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cohort", "spread", "day", "slice", "bucket"], name="day_bucket_once"),
            models.CheckConstraint(condition=Q(number__gte=0), name="day_bucket_not_negative"),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(number=0), name="day_bucket_empty")]

    def __str__(self) -> str:
        return f"{self.day} {self.spread} {self.bucket}: {self.number}"


class FigureState(models.Model):
    """One row: who changes roll-ups holds its lock, so that sums are added to by one transaction at a time.

    ``version`` is that of the definitions which all facts follow; empty while they are being rebuilt.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.PositiveSmallIntegerField(null=True)
    rebuilt_at = models.DateTimeField(null=True, help_text="When a rebuild last came to its end.")
    changed_at = models.DateTimeField(null=True, help_text="When changes were last counted in.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="figure_state_is_one_row")]

    def __str__(self) -> str:
        return f"figures, version {self.version}"


class ServiceDay(models.Model):
    """How well we did on one day (UTC) with one connection: recomputed as a whole from its receipts and writes."""

    day = models.DateField()
    upstream = models.CharField(max_length=280, help_text="aftership:main, commercetools:demo …")
    measure = models.CharField(max_length=20)
    bucket = models.PositiveSmallIntegerField(default=0)
    number = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "upstream", "measure", "bucket"], name="service_day_once"),
            models.CheckConstraint(condition=Q(number__gte=0), name="service_day_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.upstream} {self.measure}: {self.number}"


class RepeatSums(models.Model):
    """Orders of one store by how their delivery went; of those that ended at least 30, 60 or 90 days ago (``ripe``),
    how many were followed by another of the same shopper (``again``). Their day is that of the hand-over of the first
    parcel.

    ``previous`` makes people of orders: those rows whose previous day is before a period are its shoppers, each once.
    """

    NUMBERS = ("orders", "ripe_30", "ripe_60", "ripe_90", "again_30", "again_60", "again_90")

    day = models.DateField()
    project_id = models.BigIntegerField()
    store_id = models.BigIntegerField(default=0)
    course = models.CharField(max_length=10, choices=Course)
    previous = models.IntegerField(
        default=0, help_text="Day (ordinal) of the shopper's order before in this store that has ended; 0: none."
    )
    orders = models.IntegerField(default=0)
    ripe_30 = models.IntegerField(default=0)
    ripe_60 = models.IntegerField(default=0)
    ripe_90 = models.IntegerField(default=0)
    again_30 = models.IntegerField(default=0)
    again_60 = models.IntegerField(default=0)
    again_90 = models.IntegerField(default=0)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.day} {self.store_id} {self.course}: {self.orders}"


class RepeatDay(RepeatSums):
    """Those of one day."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "project_id", "store_id", "course", "previous"], name="repeat_day_once"
            ),
            models.CheckConstraint(
                condition=Q(again_30__lte=F("ripe_30")) & Q(again_60__lte=F("ripe_60")) & Q(again_90__lte=F("ripe_90")),
                name="repeat_day_not_above_ripe",
            ),
            models.CheckConstraint(
                condition=Q(ripe_30__lte=F("orders")) & Q(ripe_60__lte=F("ripe_30")) & Q(ripe_90__lte=F("ripe_60")),
                name="repeat_day_ripe_not_above_orders",
            ),
        ]


class RepeatMonth(RepeatSums):
    """Those of one month, whose first ``day`` is: added up from its days whenever one of them changed."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "project_id", "store_id", "course", "previous"], name="repeat_month_once"
            ),
        ]


class MailDay(models.Model):
    """Mails to shoppers that the mail server took on one day (UTC), by store; ``told``: pieces of news in them.

    ``reported``: those of which a provider told what became of them; ``arrived``: those that did not come back.
    """

    day = models.DateField()
    store_id = models.BigIntegerField(default=0)
    told = models.IntegerField(default=0)
    sent = models.IntegerField(default=0)
    reported = models.IntegerField(default=0)
    arrived = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "store_id"], name="mail_day_once"),
            models.CheckConstraint(
                condition=Q(arrived__gte=0) & Q(arrived__lte=F("reported")) & Q(reported__lte=F("sent"))
                & Q(sent__lte=F("told")),
                name="mail_day_each_of_the_one_before",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.day} {self.store_id}: {self.sent}"


class RepeatMark(models.Model):
    """When a day was last looked at: days are looked at again until the last window has closed."""

    day = models.DateField(primary_key=True)
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.day}: {self.made_at}"


class Summary(models.Model):
    """One person's weekly mail about one store, or about everything they may see. What it shows is limited like pages.

    ``claimed_for`` is the last day of the week whose mail was begun: committed before sending, so that a crash sends
    none twice; where ``sent_at`` is not after ``claimed_at`` it is not known whether that one went out.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="summaries")
    store = models.ForeignKey(
        "stores.Store", models.CASCADE, null=True, blank=True, related_name="+", help_text=_("Empty: all you may see.")
    )
    is_active = models.BooleanField(_("active"), default=True)
    claimed_for = models.DateField(null=True, editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False)
    sent_at = models.DateTimeField(null=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, default="", editable=False)

    class Meta:
        verbose_name = _("weekly summary")
        verbose_name_plural = _("weekly summaries")
        ordering = ["user", "store"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "store"], condition=Q(store__isnull=False), name="summary_once_per_store"
            ),
            models.UniqueConstraint(fields=["user"], condition=Q(store=None), name="summary_once_of_all"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.store or '*'}"
