"""A page of an order that never was, for previews: rows that are in no database."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.utils import timezone

from stores.models import AfterShipAccount, Brand
from tracking.enums import ParcelStatus
from tracking.models import Checkpoint, Order, Parcel, Tracking
from tracking.notifications.samples import BOOTS, SOCKS, TENT, WORDS
from tracking.pages.rows import Rows

ITEMS = {"boots": BOOTS, "socks": SOCKS, "tent": TENT}
SCANS = (
    (ParcelStatus.INFO_RECEIVED, "InfoReceived", "InfoReceived_001", "", 50),
    (ParcelStatus.IN_TRANSIT, "InTransit", "InTransit_002", "Börnicke, DE", 30),
    (ParcelStatus.OUT_FOR_DELIVERY, "OutForDelivery", "OutForDelivery_001", "Berlin, DE", 3),
)


def sample_rows(brand: Brand, *, several: bool) -> Rows:
    """One parcel on its last leg; with ``several`` also one that arrived, one that is late, and one thing to come."""
    now = timezone.now()
    lines = ITEMS if several else {"boots": BOOTS, "socks": SOCKS}
    order = Order(
        pk=0,
        order_number="N-10102",
        correlation_id="sample",
        collected_at=now,
        ordered_at=now - timedelta(days=3),
        items={line: item.quantity for line, item in lines.items()},
        item_words={line: {"sku": item.sku, "name": dict(item.names)} for line, item in lines.items()},
    )
    rows = Rows(order, [], brand=brand, couriers={"dhl-germany": "DHL Germany", "ups": "UPS"})
    today = timezone.localdate()
    add(rows, ParcelStatus.OUT_FOR_DELIVERY, "OutForDelivery_001", {"boots": 1}, today, now)
    if several:
        add(rows, ParcelStatus.DELIVERED, "Delivered_001", {"socks": 1}, today, now)
        add(rows, ParcelStatus.DELAYED, "Exception_017", {"socks": 1}, today + timedelta(days=2), now)
    else:
        rows.parcels[0].items["socks"] = SOCKS.quantity
    return rows


def add(rows: Rows, status: ParcelStatus, subtag: str, items: dict[str, int], eta: date, now: datetime) -> None:
    """One more parcel, with its tracking and scans."""
    number = len(rows.parcels) + 1
    tracking = Tracking(
        id=f"sample-{number}",
        account=AfterShipAccount(key="sample"),
        tracking_number=f"JD01460000628195302{number}",
        courier="ups" if number == 3 else "dhl-germany",
        courier_url="https://www.dhl.de/",
        status=status,
        subtag=subtag,
        eta=None if status == ParcelStatus.DELIVERED else eta,
        delivered_at=now.isoformat() if status == ParcelStatus.DELIVERED else "",
        last_message="" if status == ParcelStatus.DELIVERED else WORDS,
        last_checkpoint_at=now.isoformat(),
        received_at=now,
    )
    parcel = Parcel(
        pk=number, order=rows.order, tracking=tracking, tracking_number=tracking.tracking_number, items=items
    )
    rows.parcels.append(parcel)
    rows.scans[tracking.pk] = [scan_of(tracking, *scan, now) for scan in reversed(SCANS)]


def scan_of(
    tracking: Tracking, _status: ParcelStatus, tag: str, subtag: str, place: str, hours: int, now: datetime
) -> Checkpoint:
    """A made-up scan of so many hours ago, unsaved."""
    at = now - timedelta(hours=hours)
    return Checkpoint(
        tracking=tracking,
        fingerprint=subtag,
        tag=tag,
        subtag=subtag,
        message=WORDS if place else "",
        location=place,
        time_text=at.isoformat(),
        happened_at=at,
        local_time=at.replace(tzinfo=None).isoformat(timespec="seconds"),
        sort_at=at,
    )
