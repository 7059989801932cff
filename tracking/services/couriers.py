"""AfterShip's list of couriers → Courier rows: their names, and the fields they need."""

from __future__ import annotations

from django.utils import timezone

from stores.models import AfterShipAccount, Courier
from tracking.services import connections


def import_couriers(account_id: int) -> int:
    """Read every courier that AfterShip knows and keep name and fields; returns how many. Raises UpstreamError."""
    account = AfterShipAccount.objects.get(pk=account_id)
    now = timezone.now()
    rows = [
        Courier(
            slug=document["slug"],
            name=(document.get("name") or "")[:200],
            required_fields=document.get("required_fields") or [],
            optional_fields=document.get("optional_fields") or [],
            imported_at=now,
        )
        for document in connections.aftership(account).list_couriers()
    ]
    Courier.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["slug"],
        update_fields=["name", "required_fields", "optional_fields", "imported_at"],
        batch_size=500,
    )
    return len(rows)
