"""AfterShip's side: a tracking and its checkpoints."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from tracking.enums import EXPECTED, FINISHED, ON_ITS_WAY, UNSCANNED, ParcelStatus


def new_tracking_id() -> str:
    """32 hex digits: the row's key, and the ``id`` that we give the tracking at AfterShip."""
    return uuid.uuid4().hex


class Tracking(models.Model):
    """AfterShip's record for one number at one account. Serves every parcel that shows this number.

    Life: made by ``collect`` → ``opened_at`` (AfterShip has it) → ``retired_at`` (no parcel shows the number any more;
    the row and its checkpoints stay). One that a remap retired can come back (``tracking/services/replace.py``).
    ``updated_at`` is AfterShip's clock of the newest applied snapshot: only a newer one changes the state.
    ``requested_courier`` is what we asked for ("" = AfterShip detects), ``courier`` what it is.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_tracking_id, editable=False)
    account = models.ForeignKey("stores.AfterShipAccount", models.PROTECT, related_name="trackings")
    aftership_id = models.CharField(max_length=128, blank=True, default="")
    correlation_id = models.CharField(max_length=16, db_index=True)

    tracking_number = models.CharField(max_length=100, db_index=True)
    requested_courier = models.CharField(max_length=64, blank=True, default="")
    courier = models.CharField(max_length=64, blank=True, default="")
    extra_fields = models.JSONField(default=dict, blank=True)
    is_return = models.BooleanField(default=False)
    is_adopted = models.BooleanField(default=False, help_text="AfterShip had it before us: never deleted by us.")

    status = models.CharField(max_length=24, choices=ParcelStatus, default=ParcelStatus.PENDING)
    status_rule = models.ForeignKey(
        "stores.StatusRule",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="trackings",
        help_text="The rule that this status follows, where it is not AfterShip's tag.",
    )
    tag = models.CharField(max_length=64, blank=True, default="")
    subtag = models.CharField(max_length=64, blank=True, default="")
    subtag_message = models.CharField(max_length=500, blank=True, default="")
    eta = models.DateField(null=True, blank=True)
    delivered_at = models.CharField(
        max_length=64, blank=True, default="", help_text="As given, in the place's own time."
    )
    tracking_url = models.URLField(max_length=2000, blank=True, default="")
    courier_url = models.URLField(
        max_length=2000, blank=True, default="", db_default="", help_text="The carrier's own page for this number."
    )
    pickup_location = models.CharField(max_length=500, blank=True, default="", db_default="")
    pickup_note = models.CharField(max_length=1000, blank=True, default="", db_default="")
    last_message = models.CharField(
        max_length=1000, blank=True, default="", help_text="Words of the newest checkpoint."
    )
    last_location = models.CharField(max_length=500, blank=True, default="")
    last_checkpoint_at = models.CharField(max_length=64, blank=True, default="", help_text="As given.")
    is_moving = models.BooleanField("polled by AfterShip", default=True)
    clocks = models.JSONField(
        default=dict,
        blank=True,
        help_text="Moments of its life by name: {at, local, is_offset_known}; see tracking/services/clocks.py.",
    )
    tallies = models.JSONField(
        default=dict, blank=True, help_text="What its scans amount to: scans, attempts, longest_gap_hours, troubles."
    )
    estimates = models.JSONField(
        default=list, blank=True, help_text="Each estimate as [when AfterShip said so, day], oldest first."
    )
    first_scan_at = models.DateTimeField(
        null=True, blank=True, help_text="When the carrier first had it in hand; local time as UTC without an offset."
    )
    last_news_at = models.DateTimeField(
        null=True, blank=True, help_text="Time of its newest checkpoint; local time as UTC without an offset."
    )

    updated_at = models.DateTimeField(null=True, blank=True, help_text="AfterShip's clock of the applied snapshot.")
    snapshot_rank = models.JSONField(default=list, blank=True, help_text="Breaks ties within one second.")
    status_changed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True, help_text="When we learned of the applied snapshot.")
    forgotten_at = models.DateTimeField(
        null=True, blank=True, help_text="When AfterShip no longer had it: it deletes after 120 days. Ours stays."
    )
    detected = models.JSONField(
        default=list, blank=True, help_text="Couriers that AfterShip's detection gives for this number, when asked."
    )
    examined_at = models.DateTimeField(null=True, blank=True, help_text="When its long silence was looked into.")
    is_fenced = models.BooleanField(
        default=False, help_text="All its news is older than the order: the number was used before. Not written."
    )
    retired_at = models.DateTimeField(null=True, blank=True)
    retired_reason = models.CharField(max_length=200, blank=True, default="")
    kept_until = models.DateTimeField(
        null=True, blank=True, help_text="Retired by a remap: AfterShip keeps it until then, so that it can come back."
    )
    replaced_by = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="replaces", help_text="Where a remap led to."
    )
    mark = models.JSONField(
        default=dict,
        blank=True,
        help_text="How it ended, as staff marked it: status, at, made_at, remap, is_told (to AfterShip), ended "
        "(undone, overtaken by newer news); see tracking/services/marks.py.",
    )
    told = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="Digest of the place, language and customer AfterShip was told.",
    )
    is_quiet = models.BooleanField(
        default=False, help_text="Opened without the shopper's address: they were told about the parcel before."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "aftership_id"], condition=~Q(aftership_id=""), name="tracking_once_per_aftership_id"
            ),
            models.UniqueConstraint(
                fields=["account", "tracking_number", "requested_courier"],
                condition=Q(retired_at=None),
                name="tracking_number_once_while_live",
            ),
            models.CheckConstraint(condition=~Q(tracking_number=""), name="tracking_has_number"),
            models.CheckConstraint(condition=Q(status__in=ParcelStatus.values), name="tracking_status_known"),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="tracking_newest"),
            models.Index(fields=["status"], condition=Q(retired_at=None), name="tracking_live_by_status"),
            models.Index(fields=["received_at"], condition=Q(received_at__isnull=False), name="tracking_received"),
            models.Index(fields=["kept_until"], condition=Q(kept_until__isnull=False), name="tracking_kept"),
            models.Index(fields=["created_at"], condition=Q(requested_courier=""), name="tracking_left_to_detection"),
            models.Index(fields=["courier", "status"], name="tracking_by_courier"),
            models.Index(fields=["eta"], condition=Q(retired_at=None, status__in=EXPECTED), name="tracking_expected"),
            models.Index(
                fields=["opened_at", "id"],
                condition=Q(retired_at=None, forgotten_at=None, status__in=UNSCANNED),
                name="tracking_unscanned",
            ),
            models.Index(
                fields=["last_news_at", "id"],
                condition=Q(retired_at=None, forgotten_at=None, status__in=ON_ITS_WAY),
                name="tracking_silent",
            ),
            models.Index(
                fields=["account", "courier", "received_at"],
                condition=Q(retired_at=None, forgotten_at=None, status__in=ON_ITS_WAY),
                name="tracking_courier_news",
            ),
            models.Index(
                fields=["status_changed_at", "id"], condition=Q(status__in=sorted(FINISHED)), name="tracking_finished"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.courier or self.requested_courier or '?'} {self.tracking_number}"


class Checkpoint(models.Model):
    """One scan. ``time_text`` is what was given; ``happened_at`` is known only where an offset was given with it."""

    tracking = models.ForeignKey(Tracking, models.CASCADE, related_name="checkpoints")
    fingerprint = models.CharField(max_length=64)
    tag = models.CharField(max_length=64, blank=True, default="")
    subtag = models.CharField(max_length=64, blank=True, default="")
    subtag_message = models.CharField(max_length=500, blank=True, default="")
    message = models.TextField(blank=True, default="")
    location = models.CharField(max_length=500, blank=True, default="")
    city = models.CharField(max_length=200, blank=True, default="")
    state = models.CharField(max_length=200, blank=True, default="")
    postal_code = models.CharField(max_length=40, blank=True, default="")
    country = models.CharField(max_length=3, blank=True, default="")
    courier = models.CharField(max_length=64, blank=True, default="")
    raw_tag = models.CharField(max_length=200, blank=True, default="")
    source = models.CharField(max_length=20, blank=True, default="")

    time_text = models.CharField(max_length=64, blank=True, default="")
    happened_at = models.DateTimeField(null=True, blank=True)
    local_time = models.CharField(max_length=32, blank=True, default="", help_text="Clock on the wall, without offset.")
    sort_at = models.DateTimeField(
        null=True, blank=True, help_text="For order only: local time counts as UTC where no offset was given."
    )
    reported_at = models.DateTimeField(null=True, blank=True, help_text="When AfterShip learned of it.")
    is_fenced = models.BooleanField(default=False, help_text="Older than the order: of an earlier use of the number.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["sort_at", "reported_at", "fingerprint"]
        constraints = [models.UniqueConstraint(fields=["tracking", "fingerprint"], name="checkpoint_once_per_tracking")]

    def __str__(self) -> str:
        return f"{self.time_text} {self.subtag or self.tag}".strip()
