"""What we changed in commercetools: before and after, kept when the write was accepted."""

from __future__ import annotations

from django.db import models


class Write(models.Model):
    """One update of an order that commercetools took. ``changes`` lists each field that it touched::

        {"what": "order" | "parcel", "parcel_id": "…" (parcels only), "name": "tb_status", "before": …, "after": …}

    ``before`` and ``after`` are commercetools' own spellings, None where the field is absent. They hold carriers' words
    (``tb_message``, ``tb_location``), which may name people: whoever shows or logs them hides those.
    """

    order = models.ForeignKey("tracking.Order", models.CASCADE, related_name="writes")
    correlation_id = models.CharField(max_length=16, db_index=True)
    version_before = models.BigIntegerField()
    version_after = models.BigIntegerField()
    changes = models.JSONField(default=list)
    written_at = models.DateTimeField()
    news_at = models.DateTimeField(
        null=True, blank=True, help_text="When we learned of the newest news in it; empty where it holds none."
    )

    class Meta:
        indexes = [models.Index(fields=["written_at"], name="write_by_time")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(version_after__gte=models.F("version_before")), name="write_version_not_back"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order} {self.version_before} → {self.version_after}"
