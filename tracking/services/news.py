"""What a shopper should know now of a parcel: one look at the rows, no memory of events. Pure.

    tracking's status ─ KIND_OF ─> the one kind of message that fits it       ┐ compared with what they were told
    its estimate, against the one that the shopper was last told ─> delayed   │ (``message_plan.py``)
    it waits at a pickup point for long ─> the same kind again, as a reminder ┘

Only the newest status is news: what came and went unseen (an outage of ours, a burst of webhooks) is never told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from stores.statuses import MessageKind, ParcelStatus
from tracking.enums import MessageState
from tracking.models import Message, Order, Parcel, Tracking
from tracking.models.messages import MAY_HAVE_ARRIVED, WAITING
from tracking.services.reminders import REMINDER, remind_at

KIND_OF = {
    ParcelStatus.INFO_RECEIVED: MessageKind.SHIPPED,
    ParcelStatus.IN_TRANSIT: MessageKind.IN_TRANSIT,
    ParcelStatus.DELAYED: MessageKind.DELAYED,
    ParcelStatus.EXCEPTION: MessageKind.EXCEPTION,
    ParcelStatus.LOST: MessageKind.EXCEPTION,
    ParcelStatus.DISPOSED: MessageKind.EXCEPTION,
    ParcelStatus.OUT_FOR_DELIVERY: MessageKind.OUT_FOR_DELIVERY,
    ParcelStatus.ATTEMPT_FAILED: MessageKind.ATTEMPT_FAILED,
    ParcelStatus.AVAILABLE_FOR_PICKUP: MessageKind.AVAILABLE_FOR_PICKUP,
    ParcelStatus.DELIVERED: MessageKind.DELIVERED,
    ParcelStatus.RETURNING: MessageKind.RETURNING,
    ParcelStatus.RETURNED: MessageKind.RETURNED,
}
# What the shopper sends back has its own lane: never "your order is on its way".
KIND_OF_RETURN = {
    ParcelStatus.IN_TRANSIT: MessageKind.RETURN_IN_TRANSIT,
    ParcelStatus.OUT_FOR_DELIVERY: MessageKind.RETURN_IN_TRANSIT,
    ParcelStatus.DELIVERED: MessageKind.RETURN_DELIVERED,
}
# How old news may be and still be told. A scan without an offset may look half a day older than it is.
LIMITS = {
    MessageKind.SHIPPED: timedelta(days=3),
    MessageKind.IN_TRANSIT: timedelta(days=2),
    MessageKind.DELAYED: timedelta(days=2),
    MessageKind.EXCEPTION: timedelta(days=3),
    MessageKind.OUT_FOR_DELIVERY: timedelta(hours=18),
    MessageKind.ATTEMPT_FAILED: timedelta(days=1),
    MessageKind.AVAILABLE_FOR_PICKUP: timedelta(days=5),
    MessageKind.DELIVERED: timedelta(days=3),
    MessageKind.ALL_ARRIVED: timedelta(days=3),
    MessageKind.RETURNING: timedelta(days=7),
    MessageKind.RETURNED: timedelta(days=7),
    MessageKind.RETURN_IN_TRANSIT: timedelta(days=3),
    MessageKind.RETURN_DELIVERED: timedelta(days=7),
}
UNDER_WAY = frozenset({ParcelStatus.INFO_RECEIVED, ParcelStatus.IN_TRANSIT, ParcelStatus.DELAYED})
REMINDS_FOR = timedelta(days=1)  # a reminder that could not be sent for longer is none
MOVED_BY = timedelta(days=1)  # an estimate that moves by less is no news
MOST_DELAYS = 3  # messages about delay of one parcel, in all


@dataclass(frozen=True)
class News:
    """One thing worth telling. ``parcel`` is None where it is about the whole order; ``due_at``: not before."""

    parcel: Parcel | None
    kind: MessageKind
    news_at: datetime
    occasion: str = ""
    eta: date | None = None
    due_at: datetime | None = None

    @property
    def key(self) -> tuple[int | None, str, str]:
        """What tells it from other news of its order."""
        return (self.parcel.pk if self.parcel else None, self.kind.value, self.occasion)

    def is_stale(self, now: datetime) -> bool:
        return now - self.news_at > (REMINDS_FOR if self.occasion == REMINDER else LIMITS[self.kind])


def silence_of(order: Order, parcel: Parcel) -> str:
    """Why nothing is to be said about this parcel, in words; "" where there is."""
    tracking = parcel.tracking
    if order.deleted_at:
        return "the order was deleted"
    if order.is_cancelled:
        return "the order was cancelled"
    if parcel.removed_at:
        return "the parcel was removed from the order"
    if tracking is None or tracking.opened_at is None or tracking.retired_at:
        return "it is not tracked"
    if tracking.is_fenced:
        return "all news of its number is about an earlier parcel"
    return "" if parcel.route else "no route says who writes to the shopper"


def kind_of(parcel: Parcel) -> MessageKind | None:
    """The kind of message that the parcel's status calls for; None where nobody needs to hear of it."""
    tracking = parcel.tracking
    is_return = parcel.is_return or tracking.is_return
    return (KIND_OF_RETURN if is_return else KIND_OF).get(ParcelStatus(tracking.status))


def news_of(parcel: Parcel, told: Iterable[Message]) -> list[News]:
    """What is to be known of this parcel now. ``told``: the messages about it so far.

    While news of its status is still to be told, a moved estimate is no news of its own: that mail says it, too.
    """
    mine, tracking = list(told), parcel.tracking
    kind, at = kind_of(parcel), news_at(tracking)
    news = [News(parcel, kind, at, eta=tracking.eta)] if kind else []
    is_told = kind is None or any(one.kind == kind and not one.occasion and not is_waiting(one) for one in mine)
    if kind == MessageKind.AVAILABLE_FOR_PICKUP and (reminder := reminder_of(parcel, mine)):
        news.append(reminder)
    if is_told and (moved := moved_estimate(parcel, mine)):
        news.append(News(parcel, MessageKind.DELAYED, at, occasion=moved.isoformat(), eta=moved))
    if kind is None and any(one.kind == MessageKind.SHIPPED and is_waiting(one) for one in mine):
        news.append(News(parcel, MessageKind.SHIPPED, at, eta=tracking.eta))  # came along with another parcel's
    return news


def reminder_of(parcel: Parcel, told: Sequence[Message]) -> News | None:
    """That it still waits at its pickup point: planned with the first message, for whoever that one reaches."""
    kind, due_at = MessageKind.AVAILABLE_FOR_PICKUP, remind_at(parcel.order, parcel.tracking)
    first = next((one for one in told if one.kind == kind and not one.occasion), None)
    has_failed = first is not None and first.state not in (*MAY_HAVE_ARRIVED, *WAITING)
    return None if due_at is None or has_failed else News(parcel, kind, due_at, occasion=REMINDER, due_at=due_at)


def news_at(tracking: Tracking) -> datetime:
    """When that happened which its status tells: by the carrier's clock or AfterShip's, whichever is older."""
    known = [at for at in (tracking.last_news_at, tracking.updated_at) if at]
    return min(known) if known else tracking.opened_at or tracking.created_at


def moved_estimate(parcel: Parcel, told: Sequence[Message]) -> date | None:
    """The new day of arrival, if it is later by a day or more than the one that the shopper was last told."""
    tracking = parcel.tracking
    if parcel.is_return or tracking.is_return or tracking.eta is None or tracking.status not in UNDER_WAY:
        return None
    delays = [one for one in told if one.kind == MessageKind.DELAYED and one.state != MessageState.SKIPPED]
    if any(one.occasion == tracking.eta.isoformat() and is_waiting(one) for one in delays):
        return tracking.eta
    said = [one for one in told if one.eta and one.sending_at and one.state in MAY_HAVE_ARRIVED]
    last = max(said, key=lambda one: (one.sending_at, one.pk)).eta if said else None
    is_later = last is not None and tracking.eta - last >= MOVED_BY
    return tracking.eta if is_later and len(delays) < MOST_DELAYS else None


def is_waiting(message: Message) -> bool:
    return message.state in WAITING
