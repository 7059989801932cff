"""What staff do about an order's messages: each a StaffAction with its reason, and none of them sends by itself.

hold ⇄ release       nothing is sent meanwhile; what is overtaken by then is never sent
resend               the current state once more, as a new row of the ledger
readdress            messages go there from now on; the order in commercetools stays as it is
block ⇄ unblock      nothing goes to this address any more, of any order
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Greatest
from django.utils import timezone

from stores.models import Route
from stores.statuses import MessageKind
from tracking.enums import BlockReason, MessageState, ProblemKind, StaffActionKind
from tracking.models import BlockedAddress, Message, Order, Parcel
from tracking.notifications.mail import is_address
from tracking.services.message_plan import RESEND, Book, insert, problem_subject, why_not
from tracking.services.news import News, kind_of, news_at
from tracking.services.notify_wishes import want_notify_orders
from tracking.services.problems import close_problems
from tracking.services.shoppers import shopper_key
from tracking.services.staff import note_action


class ActRefused(Exception):  # noqa: N818 the verdict
    """It cannot be done, and why, in words for whoever wanted it."""


@transaction.atomic
def hold(order: Order, *, actor: AbstractBaseUser | None, reason: str) -> None:
    """Send nothing about this order until it is released; what waits, waits on. Raises ActRefused."""
    if not Order.objects.filter(pk=order.pk, messages_held_at=None).update(messages_held_at=timezone.now()):
        raise ActRefused("Its messages are held already.")
    waiting = Message.objects.filter(order=order, state=MessageState.PLANNED)
    number = waiting.update(state=MessageState.HELD, reason="held by hand")
    note_action(StaffActionKind.HOLD, actor=actor, summary=f"Held the messages: {number}", reason=reason, order=order)


@transaction.atomic
def release(order: Order, *, actor: AbstractBaseUser | None, reason: str) -> None:
    """Send again: what is still news then, and not before its own time. Raises ActRefused."""
    if not Order.objects.filter(pk=order.pk, messages_held_at__isnull=False).update(messages_held_at=None):
        raise ActRefused("Its messages are not held.")
    held = Message.objects.filter(order=order, state=MessageState.HELD)
    number = held.update(state=MessageState.PLANNED, reason="", due_at=Greatest("due_at", Value(timezone.now())))
    words = f"Released the messages: {number}"
    note_action(StaffActionKind.HOLD, actor=actor, summary=words, reason=reason, order=order)
    want_notify_orders([order])


@transaction.atomic
def resend(order: Order, *, actor: AbstractBaseUser | None, reason: str) -> list[Message]:
    """Plan the current state of each parcel once more, whatever its shopper was told; never an earlier one.

    Raises ActRefused where there is nothing to say, or where it would not be sent.
    """
    book = Book.open(order.pk)
    rows, refusals = [], []
    for parcel in book.spoken_of:
        made = again(book, parcel)
        if isinstance(made, Message):
            rows.append(made)
        elif made:
            refusals.append(made)
    if not rows:
        raise ActRefused(refusals[0] if refusals else "No parcel is in a state that a shopper is told.")
    for unsure in [row for row in book.rows if row.state == MessageState.UNSURE]:
        close_problems([ProblemKind.MAIL_UNSURE], problem_subject(unsure), "The current state was sent again.")
    kinds = ", ".join(sorted({str(MessageKind(row.kind).label) for row in rows}))
    words = f"Sent the current state again: {kinds}"
    note_action(StaffActionKind.RESEND, actor=actor, summary=words, reason=reason, order=order)
    want_notify_orders([order])
    return rows


def again(book: Book, parcel: Parcel) -> Message | str:
    """A new row for the parcel's state; or why there is none, "" where the state is nothing to tell."""
    kind = kind_of(parcel)
    if kind is None:
        return ""
    if parcel.route.sender_of(kind) != Route.Notify.PLATFORM:
        return f"Trackbridge does not write about this status: {MessageKind(kind).label}."
    number = sum(row.occasion.startswith(RESEND) for row in book.about(parcel)) + 1
    news = News(parcel, kind, news_at(parcel.tracking), f"{RESEND}{number}", parcel.tracking.eta)
    if why := why_not(book, news, parcel.route.brand):
        return f"It would not be sent: {why}."
    row = Message(
        order=book.order,
        parcel=parcel,
        tracking=parcel.tracking,
        kind=kind,
        occasion=news.occasion,
        correlation_id=book.order.correlation_id,
        brand=parcel.route.brand,
        recipient=book.order.address,
        recipient_hash=shopper_key(book.order.address),
        eta=news.eta,
        news_at=news.news_at,
        due_at=book.now,
        state=MessageState.HELD if book.order.messages_held_at else MessageState.PLANNED,
        reason="sent again by hand",
    )
    return insert(row) or "It is being sent again already."


@transaction.atomic
def readdress(order: Order, address: str, *, actor: AbstractBaseUser | None, reason: str) -> None:
    """Let this order's messages go to ``address``; "" is the order's own again. Raises ActRefused.

    The audit trail keeps that it was done, not the addresses.
    """
    wanted = address.strip().lower()  # as the order's own: search and erasure look for it like this
    if wanted and not is_address(wanted):
        raise ActRefused("This is no e-mail address.")
    if wanted == order.message_email:
        raise ActRefused("Its messages go there already.")
    Order.objects.filter(pk=order.pk).update(message_email=wanted)
    words = "Messages go to another address" if wanted else "Messages go to the order's own address again"
    note_action(StaffActionKind.READDRESS, actor=actor, summary=words, reason=reason, order=order)
    close_problems([ProblemKind.MAIL_REFUSED], order, "Its messages go to another address.")
    want_notify_orders([order])


@transaction.atomic
def block_address(order: Order, *, actor: AbstractBaseUser | None, reason: str) -> None:
    """Send nothing more to the address that this order's messages go to. Raises ActRefused."""
    address = order.address
    if not address:
        raise ActRefused("The order has no e-mail address.")
    if blocks_of([address]):
        raise ActRefused("The address is blocked already.")
    BlockedAddress.objects.create(address_hash=shopper_key(address), reason=BlockReason.BY_HAND, words=reason[:300])
    note_action(StaffActionKind.BLOCK, actor=actor, summary="Blocked the address", reason=reason, order=order)


@transaction.atomic
def unblock_address(order: Order, *, actor: AbstractBaseUser | None, reason: str) -> None:
    """Lift every block of the address that this order's messages go to. Raises ActRefused."""
    found = blocks_of([order.address])
    if not found:
        raise ActRefused("The address is not blocked.")
    BlockedAddress.objects.filter(pk__in=[block.pk for block in found]).delete()
    why = ", ".join(block.get_reason_display() for block in found)
    words = f"Unblocked the address ({why})"
    note_action(StaffActionKind.BLOCK, actor=actor, summary=words, reason=reason, order=order)
    close_problems([ProblemKind.MAIL_REFUSED], order, "The address was unblocked.")


def blocks_of(addresses: Iterable[str]) -> list[BlockedAddress]:
    """What stands against writing to any of these addresses: one query."""
    hashes = [shopper_key(address) for address in addresses if address]
    return list(BlockedAddress.objects.filter(address_hash__in=hashes).select_related("brand")) if hashes else []
