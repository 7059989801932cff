"""What the year's shoppers were mailed, what they looked at, and how well the service did meanwhile."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from analytics.history.seasons import demand
from analytics.history.ways import DAY, Way
from analytics.models import ServiceDay
from analytics.service import COMPARED, DRIFT, LAG_TO_COMMERCETOOLS, LAG_TO_US, WRITES
from stores.models import Brand
from stores.statuses import MessageKind
from tracking.enums import ContactCause, MessageState, ParcelStatus, ReceiptEffect, ShopperEvent, ShopperPlace
from tracking.models import Message, Order, Parcel, Promotion, ShopperCount
from tracking.models.messages import TOLD, WARNINGS
from tracking.services.contacts import TELLS_OF
from tracking.services.shoppers import shopper_key

KINDS = {
    "InTransit_002": MessageKind.SHIPPED,
    "OutForDelivery_001": MessageKind.OUT_FOR_DELIVERY,
    "AttemptFail_002": MessageKind.ATTEMPT_FAILED,
    "AvailableForPickup_001": MessageKind.AVAILABLE_FOR_PICKUP,
    "Delivered_001": MessageKind.DELIVERED,
    "Delivered_002": MessageKind.DELIVERED,
    "Exception_010": MessageKind.RETURNING,
    "Exception_011": MessageKind.RETURNED,
    "Exception_016": MessageKind.DELAYED,
    "Exception_017": MessageKind.DELAYED,
}
NOT_TOLD = 0.2  # of trouble: the brand had not switched these mails on for all of its routes
BOUNCES, OFFERED, FOLLOWED = 0.01, 0.8, 0.035
Look = tuple[date, str, str, str, int, int]  # day, event, place, state, store, promotion


class Telling:
    """Mails and looks of one storefront's shoppers. Dice of its own: the parcels' year is the same without it."""

    def __init__(self, brand: Brand, promotion: Promotion, seed: str, now: datetime) -> None:
        self.brand, self.promotion, self.now = brand, promotion, now
        self.dice = random.Random(f"{seed}:told")
        self.looks: Counter[Look] = Counter()

    def messages(self, order: Order, parcel: Parcel, way: Way) -> list[Message]:
        """One per kind, some minutes after what it tells of."""
        found: dict[MessageKind, Message] = {}
        for step in way.steps:
            kind = KINDS.get(step.subtag, MessageKind.EXCEPTION if step.tag == "Exception" else None)
            if kind is None or kind in found or (kind in WARNINGS and self.dice.random() < NOT_TOLD):
                continue
            sent_at = step.at.astimezone(UTC) + timedelta(minutes=self.dice.randrange(3, 60))
            if sent_at < self.now:
                found[kind] = self.message(order, parcel, kind, sent_at)
                self.count(sent_at.date(), ShopperPlace.MAIL, order, is_offered=kind not in WARNINGS)
        return list(found.values())

    def message(self, order: Order, parcel: Parcel, kind: MessageKind, sent_at: datetime) -> Message:
        """One mail of the made-up year as a row, unsaved; some come back."""
        is_back = self.dice.random() < BOUNCES
        after = sent_at + timedelta(seconds=self.dice.randrange(1, 40))
        return Message(
            order=order,
            parcel=parcel,
            tracking=parcel.tracking,
            kind=kind,
            correlation_id=order.correlation_id,
            state=MessageState.BOUNCED if is_back else MessageState.SENT,
            brand=self.brand,
            language=order.locale[:2],
            recipient=order.customer_email,
            recipient_hash=shopper_key(order.customer_email),
            news_at=sent_at,
            due_at=sent_at,
            sending_at=sent_at,
            sent_at=sent_at,
            delivered_at=None if is_back else after,
            returned_at=after if is_back else None,
            created_at=sent_at,
        )

    def look(self, order: Order, way: Way) -> None:
        """A few looks a parcel, more of those that are late; most on our page, some within the storefront."""
        last = min(way.delivered_at or self.now, self.now)
        length = max((last - way.shipped_at) / DAY, 0.5)
        for _ in range(self.dice.choices(range(9), (2, 3, 4, 4, 3, 2, 1, 1, 1))[0] + (way.course != "on_time") * 2):
            day = (way.shipped_at + self.dice.random() * length * DAY).date()
            place = ShopperPlace.PAGE if self.dice.random() < 0.7 else ShopperPlace.EMBED
            if day < self.now.date():
                self.looks[day, ShopperEvent.VIEW, place, ParcelStatus.IN_TRANSIT, order.store_id or 0, 0] += 1
                self.count(day, place, order, is_offered=way.course != "problem")

    def count(self, day: date, place: ShopperPlace, order: Order, *, is_offered: bool) -> None:
        """What the brand offers, shown and now and then followed."""
        if is_offered and day < self.now.date() and self.dice.random() < OFFERED:
            where = (place, ParcelStatus.IN_TRANSIT, order.store_id or 0, self.promotion.pk)
            self.looks[day, ShopperEvent.SHOWN, *where] += 1
            if self.dice.random() < FOLLOWED:
                self.looks[day, ShopperEvent.CLICK, *where] += 1

    def counts(self) -> list[ShopperCount]:
        """All looks as rows."""
        return [
            ShopperCount(
                day=day, event=event, place=place, state=state, store_id=store or None, count=number,
                promotion_id=promotion or None, key=f"{day}|{event}|{place}|{state}|{store or ''}|{promotion or ''}",
            )
            for (day, event, place, state, store, promotion), number in sorted(self.looks.items())
        ]  # fmt: skip


def told_before(messages: list[Message], cause: ContactCause, at: datetime) -> datetime | None:
    """As ``tracking/services/contacts.py`` tells it, of rows that are not written yet."""
    kinds = TELLS_OF.get(cause, frozenset())
    moments = [
        one.sent_at for one in messages if one.kind in kinds and one.state in TOLD and one.sent_at and one.sent_at <= at
    ]
    return min(moments, default=None)


def service_days(accounts: list[str], project: str, parcels: int, last: date, seed: int) -> Iterator[ServiceDay]:
    """How news travelled on each day: mostly within seconds, slowly at the peak and on two bad days of AfterShip's."""
    dice, days = random.Random(f"{seed}:service"), [last - n * DAY for n in range(365, 0, -1)]
    total = sum(demand(day, last) for day in days)
    for day in days:
        news = max(int(6 * parcels * demand(day, last) / total), 5)
        is_slow = (last - day).days in (44, 45, 203)
        for account in accounts:
            yield from lags(day, f"aftership:{account}", LAG_TO_US, news // len(accounts), dice, 7 if is_slow else 2)
            numbers = {ReceiptEffect.CHANGED: news, ReceiptEffect.REPEATED: news // 9, ReceiptEffect.LATE: news // 40}
            for effect, number in numbers.items():
                if number // len(accounts):
                    yield service_day(day, f"aftership:{account}", effect.value, 0, number // len(accounts))
        yield from lags(day, f"commercetools:{project}", LAG_TO_COMMERCETOOLS, news * 2 // 3, dice, 1)
        yield service_day(day, f"commercetools:{project}", WRITES, 0, news * 2 // 3)
        yield service_day(day, f"commercetools:{project}", COMPARED, 0, 4 * news)
        yield service_day(day, f"commercetools:{project}", DRIFT, 0, int(dice.random() < 0.1))


def lags(day: date, upstream: str, measure: str, number: int, dice: random.Random, middle: int) -> Iterator[ServiceDay]:
    """So many, spread around one bucket of ``analytics/service.py``."""
    found = Counter(min(max(round(dice.gauss(middle, 1.2)), 0), 11) for _ in range(min(number, 400)))
    for bucket, count in sorted(found.items()):
        yield service_day(day, upstream, measure, bucket, count)


def service_day(day: date, upstream: str, measure: str, bucket: int, number: int) -> ServiceDay:
    return ServiceDay(day=day, upstream=upstream, measure=measure, bucket=bucket, number=number)
