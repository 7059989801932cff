"""News → ledger: brings an order's messages in line with what its shopper should know now. No call, no mail.

    news of each parcel ─> no row yet: planned, or skipped with the reason (stale, no address, blocked …)
    rows that wait, but are news no more ─> skipped: overtaken, cancelled
    rows that were being sent when the sender died ─> unsure, and a Problem

In one transaction that holds the order's row, so that two workers plan one after the other. What the database refuses
all the same (two orders in one box, the same person) was told with the other order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from stores.models import Brand, Route
from stores.statuses import MessageKind, ParcelStatus
from tracking.enums import BlockReason, MessageState, ProblemKind
from tracking.models import BlockedAddress, Message, Order, Parcel, Tracking
from tracking.models.messages import WAITING
from tracking.models.orders import SHOWN
from tracking.notifications.mail import is_address
from tracking.payloads.to_commercetools import covers
from tracking.services import outages
from tracking.services.news import News, kind_of, news_at, news_of, silence_of
from tracking.services.notify_wishes import TELLING
from tracking.services.problems import open_problem
from tracking.services.quiet_hours import not_before
from tracking.services.shoppers import shopper_key
from tracking.services.story import tell

RESEND = "resend-"  # the occasion of a message that a person asked for once more
SAME_BOX = "told to the same person with another order in the same box"
HISTORY = "it was so before: history was loaded"
OUTAGE = "waits for the end of the courier's outage"
REMINDS = "reminds, if it still waits to be collected then"
OUTAGE_STEP = timedelta(minutes=30)


@dataclass
class Book:
    """An order with its parcels and messages, locked, and what its shopper should know."""

    order: Order
    parcels: list[Parcel]
    rows: list[Message]
    now: datetime
    out: outages.Out = frozenset()
    news: list[News] = field(default_factory=list)

    @classmethod
    def open(cls, order_id: int) -> Book:
        """Lock the order and read all of it: four queries."""
        order = Order.objects.select_for_update(of=("self",)).select_related("project", "store").get(pk=order_id)
        parcels = order.parcels.select_related("tracking", "route__brand").order_by("tracking", "pk")
        rows = Message.objects.filter(order=order).order_by("pk")
        book = cls(order, list(parcels), list(rows), timezone.now(), outages.current())
        book.news = book.all_news()
        return book

    @property
    def spoken_of(self) -> list[Parcel]:
        return [parcel for parcel in self.parcels if not silence_of(self.order, parcel)]

    @property
    def outbound(self) -> list[Parcel]:
        return [parcel for parcel in self.spoken_of if not (parcel.is_return or parcel.tracking.is_return)]

    def all_news(self) -> list[News]:
        """News of every parcel that may be spoken of, and of the order as a whole."""
        news = [one for parcel in self.spoken_of for one in news_of(parcel, self.about(parcel))]
        arrived = [one for one in news if one.kind == MessageKind.DELIVERED]
        if len(self.outbound) > 1 and has_all_arrived(self.order, self.outbound) and arrived:
            last = max(arrived, key=lambda one: one.news_at)
            news.append(News(None, MessageKind.ALL_ARRIVED, last.news_at))
        return news

    def about(self, parcel: Parcel) -> list[Message]:
        return [row for row in self.rows if row.parcel_id == parcel.pk]

    def row_of(self, news: News) -> Message | None:
        return next((row for row in self.rows if (row.parcel_id, row.kind, row.occasion) == news.key), None)

    def route_of(self, news: News) -> Route:
        """The route that says who tells it: the parcel's; of the whole order, that of its newest parcel."""
        return (news.parcel or max(self.outbound, key=lambda one: one.pk)).route


def has_all_arrived(order: Order, outbound: Sequence[Parcel]) -> bool:
    """Whether all parcels arrived, and nothing that was ordered is still to be sent, as far as parcels list items."""
    if any(parcel.tracking.status != ParcelStatus.DELIVERED for parcel in outbound):
        return False
    is_listed = bool(order.items) and all(parcel.items for parcel in outbound)
    return not is_listed or covers(outbound, order.items)


def note_history(tracking: Tracking) -> None:
    """A tracking was opened while history was loaded: what it is now happened before, and is told to nobody."""
    shown = Parcel.objects.filter(SHOWN, TELLING, tracking=tracking).select_related("order", "route__brand")
    for parcel in shown.order_by("pk"):
        parcel.tracking = tracking
        kind = kind_of(parcel)
        if kind and parcel.route.sender_of(kind) == Route.Notify.PLATFORM:
            facts = {"news_at": news_at(tracking), "due_at": timezone.now(), "brand": parcel.route.brand}
            facts |= {"correlation_id": parcel.order.correlation_id, "tracking": tracking}
            insert(skipped(Message(order=parcel.order, parcel=parcel, kind=kind, **facts), HISTORY))


@transaction.atomic
def plan_messages(order_id: int) -> Book:
    """Bring the ledger of this order up to date; returns it as it stands. Safe to repeat and to run side by side."""
    book = Book.open(order_id)
    find_unsure(book.rows, book.now)
    for news in book.news:
        if book.route_of(news).sender_of(news.kind) == Route.Notify.PLATFORM:
            plan_one(book, news)
    drop_overtaken(book)
    return book


def plan_one(book: Book, news: News) -> None:
    """Make the row of this news where there is none; one that waits is told when it may go."""
    row = book.row_of(news)
    if row is None:
        row = new_row(book, news)
        row = insert(row) or insert(skipped(row, SAME_BOX))
        if row:
            book.rows.append(row)
            tell("message planned", kind=row.kind, state=row.state, reason=row.reason, order=str(book.order))
    elif row.state == MessageState.SKIPPED and row.reason == SAME_BOX:
        revive(row)
    elif row.state == MessageState.PLANNED:
        put_off_in_outage(book, news, row)
        move_reminder(book, news, row)


def new_row(book: Book, news: News) -> Message:
    """A row for this news, unsaved: planned, held, or skipped with the reason."""
    order, route = book.order, book.route_of(news)
    due_at = not_before(news.kind, route.brand, order, book.now) if route.brand else book.now
    row = Message(
        order=order,
        parcel=news.parcel,
        tracking=news.parcel.tracking if news.parcel else None,
        kind=news.kind,
        occasion=news.occasion,
        correlation_id=order.correlation_id,
        brand=route.brand,
        recipient=book.order.address,
        recipient_hash=shopper_key(book.order.address),
        eta=news.eta,
        news_at=news.news_at,
        due_at=max(due_at, news.due_at or due_at),
    )
    if why := why_not(book, news, route.brand):
        return skipped(row, why)
    if order.messages_held_at:
        row.state, row.reason = MessageState.HELD, "held by hand"
    elif row.due_at > book.now:
        row.reason = REMINDS if news.due_at else "waits for the end of the shopper's quiet hours"
    put_off_in_outage(book, news, row, save=False)
    return row


def move_reminder(book: Book, news: News, row: Message) -> None:
    """The carrier has named another last day."""
    if news.due_at and row.reason in (REMINDS, "") and row.due_at != news.due_at:
        row.due_at = row.news_at = news.due_at
        Message.objects.filter(pk=row.pk, state=MessageState.PLANNED).update(due_at=row.due_at, news_at=row.news_at)


def why_not(book: Book, news: News, brand: Brand | None) -> str:
    """Why this is not told, in words; "" where it is."""
    if news.is_stale(book.now) and not news.occasion.startswith(RESEND):
        hours = (book.now - news.news_at).total_seconds() / 3600
        return f"stale: it happened {hours:.0f} hours before we could tell it"
    if former := former_of(book, news):
        return f"told already, under the number {former}"
    if book.order.erasure_id:
        return "the shopper's data was erased"
    if not book.order.address:
        return "the order has no e-mail address"
    if not is_address(book.order.address):
        return "the order's e-mail address is none that a mail can go to"
    if brand is None:
        return "its route has no brand to write as"
    return block_of(book.order.address, brand)


def former_of(book: Book, news: News) -> str:
    """The parcel that this one took the place of, if its shopper was told the same of it; "" else.

    A parcel that is taken off an order and put on it anew, with another number, is still the same box.
    """
    if news.parcel is None:
        return ""
    for other in book.parcels:
        is_former = other.removed_at and other.pk != news.parcel.pk and other.created_at <= news.parcel.created_at
        is_same = other.items == news.parcel.items if other.items else other.delivery_id == news.parcel.delivery_id
        told = [row for row in book.about(other) if row.kind == news.kind and row.sent_at]
        if is_former and is_same and told:
            return f"…{str(other)[-4:]}"
    return ""


def block_of(address: str, brand: Brand) -> str:
    """Why nothing is sent to this address for this brand, in words; "" where something is. One query."""
    blocks = BlockedAddress.objects.filter(address_hash=shopper_key(address))
    block = next((one for one in blocks if one.brand_id in (None, brand.pk)), None)
    return f"the address is blocked: {BlockReason(block.reason).label}"[:300] if block else ""


def put_off_in_outage(book: Book, news: News, row: Message, *, save: bool = True) -> None:
    """While its courier is out, nothing is said of delay; looked at again until it is over."""
    if news.kind != MessageKind.DELAYED or news.parcel is None or row.state != MessageState.PLANNED:
        return
    country = book.order.destination_country
    is_out = outages.explains(book.out, news.parcel.tracking.courier, country)
    if is_out and row.due_at <= book.now:
        row.due_at, row.reason = book.now + OUTAGE_STEP, OUTAGE
    elif not is_out and row.reason == OUTAGE:
        row.due_at, row.reason = book.now, ""
    else:
        return
    if save:
        Message.objects.filter(pk=row.pk, state=MessageState.PLANNED).update(due_at=row.due_at, reason=row.reason)


def skipped(row: Message, reason: str) -> Message:
    row.state, row.reason = MessageState.SKIPPED, reason[:300]
    return row


def insert(row: Message) -> Message | None:
    """Save the new row; None where the database says that the same person was told of the same box."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return None
    return row


def revive(row: Message) -> None:
    """What another order was to tell: if that one never did, this one does."""
    try:
        with transaction.atomic():
            Message.objects.filter(pk=row.pk).update(state=MessageState.PLANNED, reason="")
    except IntegrityError:
        return
    row.state, row.reason = MessageState.PLANNED, ""


def find_unsure(rows: Iterable[Message], now: datetime) -> None:
    """Whoever was sending these died, or lost the database: nobody knows whether they went out. Never sent again.

    Longer than any sender holds its lease, so that none is still at it.
    """
    limit = now - timedelta(seconds=settings.JOB_LEASE_SECONDS)
    lost = [row for row in rows if row.state == MessageState.SENDING and row.sending_at <= limit]
    for row in lost:
        mark_unsure(row, "its sender never came back")


def mark_unsure(row: Message, cause: str) -> None:
    """Nobody knows whether this reached the shopper: a person has to ask the mail server."""
    known = Message.objects.filter(pk=row.pk, state=MessageState.SENDING)
    if not known.update(state=MessageState.UNSURE, reason=cause[:300]):
        return
    row.state, row.reason = MessageState.UNSURE, cause
    if row.told_with_id is None:
        words = f"{MessageKind(row.kind).label}: {cause}. It may or may not have reached the shopper."
        code = row.correlation_id
        open_problem(ProblemKind.MAIL_UNSURE, problem_subject(row), words, correlation_id=code, order=row.order)
        tell("message unsure", kind=row.kind, cause=cause, message=row.pk, correlation_id=code)


def problem_subject(row: Message) -> str:
    return f"message:{row.pk}"


def drop_overtaken(book: Book) -> None:
    """What waits and is news no more is never told."""
    wanted = {news.key for news in book.news}
    for row in book.rows:
        if row.state in WAITING and not is_wanted(book, row, wanted):
            reason = why_dropped(book, row)
            Message.objects.filter(pk=row.pk, state__in=WAITING).update(state=MessageState.SKIPPED, reason=reason)
            row.state, row.reason = MessageState.SKIPPED, reason
            tell("message dropped", kind=row.kind, reason=reason, order=str(book.order))


def is_wanted(book: Book, row: Message, wanted: set[tuple[int | None, str, str]]) -> bool:
    """Whether a row that waits is still news. A resend is as long as its kind is that of the parcel's status."""
    parcel = next((one for one in book.parcels if one.pk == row.parcel_id), None)
    if row.occasion.startswith(RESEND) and parcel:
        return not silence_of(book.order, parcel) and kind_of(parcel) == row.kind
    route = parcel.route if parcel else None
    is_ours = route is None or route.sender_of(row.kind) == Route.Notify.PLATFORM
    return is_ours and (row.parcel_id, row.kind, row.occasion) in wanted and not is_too_old(book, row)


def is_too_old(book: Book, row: Message) -> bool:
    """It waited (a mail server that was down, a hold) until it was stale."""
    return News(None, MessageKind(row.kind), row.news_at, occasion=row.occasion).is_stale(book.now)


def why_dropped(book: Book, row: Message) -> str:
    parcel = next((one for one in book.parcels if one.pk == row.parcel_id), None)
    silence = silence_of(book.order, parcel) if parcel else ""
    if book.order.is_cancelled or silence:
        return silence or "the order was cancelled"
    if is_too_old(book, row):
        return "stale: it could not be sent in time"
    if parcel and parcel.route.sender_of(row.kind) != Route.Notify.PLATFORM:
        return "its route no longer has Trackbridge tell it"
    if parcel:
        return f"overtaken: the parcel is {ParcelStatus(parcel.tracking.status).label.lower()} now"[:300]
    return "overtaken"


def waiting_rows(book: Book) -> list[Message]:
    """Rows that may be sent now."""
    return [row for row in book.rows if row.state == MessageState.PLANNED and row.due_at <= book.now]
