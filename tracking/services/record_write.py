"""An accepted update → what it changed, before and after, field by field.

The changes are read from the actions that were sent, not from the answer: so they are ours alone, whoever else writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import F, Max, Q
from django.utils import timezone

from tracking.models import Order, Parcel, Write
from tracking.services.story import ending

SHIPMENT_STATE, TRACKING_DATA = "shipmentState", "trackingData"


def carried_by(order: Order, parcels: Iterable[Parcel]) -> dict[str, dict[str, Any]]:
    """What the order (under "") and its parcels (under their commercetools id) carry of ours before a write."""
    carried = {parcel.commercetools_id: dict(parcel.carried) for parcel in parcels}
    return carried | {"": order.carried | {SHIPMENT_STATE: order.shipment_state or None}}


def record_write(
    order: Order, actions: Sequence[Mapping[str, Any]], carried: Mapping[str, Mapping[str, Any]], version_after: int
) -> Write:
    """Keep what these actions changed, and when. ``order`` is the row as it was when they were planned."""
    now = timezone.now()
    if order.erasure_id:  # what is taken away is not kept here either
        carried = {key: {"tb_status": fields.get("tb_status")} for key, fields in carried.items()}
    written = Parcel.objects.filter(order=order, commercetools_id__in={parcel_of(action) for action in actions})
    news = written.filter(Q(written_at=None) | Q(written_at__lt=F("tracking__received_at")))
    news_at = news.aggregate(at=Max("tracking__received_at"))["at"]
    written.update(written_at=now)
    return Write.objects.create(
        order=order,
        correlation_id=order.correlation_id,
        version_before=order.version,
        version_after=version_after,
        changes=changes_of(actions, carried),
        written_at=now,
        news_at=news_at,
    )


def changes_of(actions: Iterable[Mapping[str, Any]], carried: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry per field that the update actions touch, in their order; the form is told at :class:`Write`."""
    return [
        subject(action) | {"name": name, "before": carried.get(parcel_of(action), {}).get(name), "after": after}
        for action in actions
        for name, after in fields_of(action).items()
    ]


def fields_of(action: Mapping[str, Any]) -> dict[str, Any]:
    """Field name → new value of one update action; setting a Type sets all of its fields."""
    if TRACKING_DATA in action:
        return {"trackingId": ending(str(action[TRACKING_DATA].get("trackingId", "")))}
    if SHIPMENT_STATE in action:
        return {SHIPMENT_STATE: action[SHIPMENT_STATE]}
    return dict(action["fields"]) if "fields" in action else {action["name"]: action.get("value")}


def subject(action: Mapping[str, Any]) -> dict[str, str]:
    parcel_id = parcel_of(action)
    return {"what": "parcel", "parcel_id": parcel_id} if parcel_id else {"what": "order"}


def parcel_of(action: Mapping[str, Any]) -> str:
    return str(action.get("parcelId", ""))
