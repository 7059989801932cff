"""What shoppers should know → what they are told: one job per order, computed from rows, each message once.

    status changed ─ want_notify (same transaction) ─> Job NOTIFY
    plan_messages: ledger in line with the news (committed)
       └─> letters of what is due now: several parcels in one mail
             ├─ slot of the brand's mail budget, or a later time
             ├─ claim: planned → sending, committed; from here on it is never sent a second time
             ├─ hand over to the mail server, no transaction open
             └─ record: sent | planned again (not now) | failed (refused) | unsure (no answer)

A crash before the claim repeats all of it; one after the claim leaves a row that says ``sending``: unsure, and a
Problem. What is planned for later is wished for again by the minutely sweep (``wake_planned``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from stores.models import Brand, Route
from stores.statuses import MessageKind, ParcelStatus
from tracking.clients.errors import AccountStopped, BudgetSpent, Refused, UpstreamError
from tracking.enums import BlockReason, JobKind, MessageState, ProblemKind
from tracking.models import BlockedAddress, Job, Message, Order, Parcel
from tracking.notifications.channels import CHANNELS, Letter
from tracking.notifications.texts import OF_TROUBLE
from tracking.services import connections
from tracking.services.letter_facts import facts_for, language_for
from tracking.services.mail_budget import interval_of, take_slot
from tracking.services.message_plan import (
    SAME_BOX,
    Book,
    block_of,
    find_unsure,
    insert,
    mark_unsure,
    plan_messages,
    problem_subject,
    waiting_rows,
)
from tracking.services.notify_wishes import mail_upstream, want_notify_orders
from tracking.services.problems import close_problems, open_problem
from tracking.services.promotions import count_shown
from tracking.services.shoppers import shopper_key
from tracking.services.story import tell

MOST_WOKEN = 2_000
NO_SUCH_MAILBOX = ("5.1.1", "5.1.10", "5.2.1")  # enhanced codes (RFC 3463): this address takes no mail at all
BUDGET = "waits for the brand's mail budget"


@dataclass(frozen=True)
class Mailing:
    """Rows of one kind that go out as one mail: the first stands for it."""

    kind: MessageKind
    brand: Brand
    rows: tuple[Message, ...]

    @property
    def row(self) -> Message:
        return self.rows[0]


def notify_order(order_id: int) -> None:
    """Bring the shopper of this order up to date. Safe to repeat, to race and to kill at any point.

    Raises UpstreamError where trying later helps; what was planned is planned anew then.
    """
    book = plan_messages(order_id)
    trouble: UpstreamError | None = None
    for mailing in mailings(book):
        try:
            send(book, mailing)
        except UpstreamError as error:
            trouble = error  # one mail that has to wait keeps no other from being sent
            if isinstance(error, AccountStopped):
                break
    if trouble:
        raise trouble


def mailings(book: Book) -> list[Mailing]:
    """What is due now, as mails: the same news of several parcels in one; "delivered" goes with "all arrived"."""
    due = waiting_rows(book)
    whole = next((row for row in due if row.kind == MessageKind.ALL_ARRIVED), None)
    groups: dict[tuple[MessageKind, int, str], list[Message]] = {}
    for row in due:
        is_along = whole is not None and row.kind == MessageKind.DELIVERED and not row.occasion
        kind = MessageKind.ALL_ARRIVED if is_along else MessageKind(row.kind)
        occasion = row.occasion if row.kind != MessageKind.DELAYED else ""
        groups.setdefault((kind, row.brand_id or 0, occasion), []).append(row)
    result = []
    for (kind, _brand, _occasion), rows in groups.items():
        ordered = sorted(rows, key=lambda row: (row.kind != kind, row.pk))
        if ordered[0].brand:
            result.append(Mailing(kind, ordered[0].brand, tuple(ordered)))
    return result


def send(book: Book, mailing: Mailing) -> None:
    """One mail, with all that the ledger has to say before and after it. Raises UpstreamError."""
    brand, recipient = mailing.brand, book.order.address
    if blocked := block_of(recipient, brand):
        drop(mailing, blocked)
        return
    mailing = replace(mailing, rows=(*mailing.rows, *along(book, mailing)))
    language = language_for(book.order, brand)
    facts = facts_for(book, mailing.rows, brand, language, shopper_key(recipient))
    letter = Letter(mailing.row, recipient, brand, language, facts)
    hand_over = CHANNELS[mailing.row.channel](letter)
    try:
        take_slot(brand)
    except BudgetSpent as spent:
        put_off(mailing, spent)
        return
    rows = claim(book, mailing, letter)
    if not rows:
        return
    try:
        provider_id = hand_over()
    except UpstreamError as error:
        not_sent(rows, error)
        if not (error.maybe_applied or isinstance(error, Refused)):
            raise
    except Exception as error:
        for row in rows:
            mark_unsure(row, f"our own fault while sending ({type(error).__name__})")
        raise
    else:
        sent(rows, provider_id, brand)
        note_offer(letter)


def put_off(mailing: Mailing, spent: BudgetSpent) -> None:
    """No slot is near: the rows queue up behind all that wait for the brand's budget already, and the job is done.

    By then they may be overtaken or stale: whatever is sent is looked at anew.
    """
    now, brand = timezone.now(), mailing.brand
    queue = Message.objects.filter(state=MessageState.PLANNED, brand=brand, reason=BUDGET, due_at__gt=now).count()
    seconds = (spent.retry_after_seconds or 0) + queue * interval_of(brand.mails_per_minute)
    waiting = Message.objects.filter(pk__in=[row.pk for row in mailing.rows if row.pk], state=MessageState.PLANNED)
    waiting.update(due_at=now + timedelta(seconds=seconds), reason=BUDGET)


def drop(mailing: Mailing, reason: str) -> None:
    keys = [row.pk for row in mailing.rows]
    Message.objects.filter(pk__in=keys, state=MessageState.PLANNED).update(state=MessageState.SKIPPED, reason=reason)


def along(book: Book, mailing: Mailing) -> list[Message]:
    """Rows, unsaved, of other parcels that this mail tells of as well.

    "Shipped" lists every box of the order that has a number: those whose carrier has not spoken yet are told with it.
    """
    if mailing.kind != MessageKind.SHIPPED or mailing.row.occasion:
        return []
    told = {row.parcel_id for row in book.rows if row.kind == MessageKind.SHIPPED}
    template = mailing.row
    return [
        Message(
            order=book.order,
            parcel=parcel,
            tracking=parcel.tracking,
            kind=MessageKind.SHIPPED,
            correlation_id=template.correlation_id,
            brand=template.brand,
            recipient_hash=template.recipient_hash,
            news_at=template.news_at,
            due_at=template.due_at,
            eta=parcel.tracking.eta,
        )
        for parcel in book.outbound
        if parcel.pk not in told and is_announced_with(parcel, mailing.brand)
    ]


def is_announced_with(parcel: Parcel, brand: Brand) -> bool:
    """Whether the carrier has not spoken of this parcel yet, and the same brand is to tell that it was shipped."""
    route = parcel.route
    is_ours = route.sender_of(MessageKind.SHIPPED) == Route.Notify.PLATFORM and route.brand_id == brand.pk
    return is_ours and parcel.tracking.status == ParcelStatus.PENDING


def claim(book: Book, mailing: Mailing, letter: Letter) -> list[Message]:
    """planned → sending for all rows of a mail, or for none: somebody else has them, or the order changed meanwhile.

    Once this is committed, the mail is never sent again by itself.
    """
    try:
        with transaction.atomic():
            return claim_locked(book, mailing, letter)
    except IntegrityError:  # the address changed since it was planned, and that person was told of this box
        drop(mailing, SAME_BOX)
        return []


def claim_locked(book: Book, mailing: Mailing, letter: Letter) -> list[Message]:
    """The rows that are ours to send, marked SENDING; [] where another worker has one, or none is to go out.

    Called in a transaction, which must be committed before the mail goes out. The order's lock keeps two apart.
    """
    order = Order.objects.select_for_update(of=("self",)).get(pk=book.order.pk)
    is_off = order.is_cancelled or order.deleted_at or order.messages_held_at or order.erasure_id
    if is_off or order.address != letter.recipient:
        return []
    row, known = mailing.row, [one.pk for one in mailing.rows if one.pk]
    facts: dict[str, object] = {
        "recipient": letter.recipient,
        "recipient_hash": shopper_key(letter.recipient),
        "reason": "",
    }
    facts |= {"language": letter.language, "attempts": row.attempts + 1, "sending_at": timezone.now()}
    facts |= {"state": MessageState.SENDING}
    waiting = Message.objects.filter(pk__in=known, state=MessageState.PLANNED).order_by("pk")
    if len(waiting.select_for_update()) != len(known):
        return []
    waiting.update(**facts)
    claimed = []
    for one in mailing.rows:
        for name, value in facts.items():
            setattr(one, name, value)
        one.told_with = None if one is row else row
        if one.pk or insert(one):
            claimed.append(one)
    Message.objects.filter(pk__in=[one.pk for one in claimed[1:]]).update(told_with=row)
    return claimed


def end(rows: Sequence[Message], **facts: object) -> int:
    """Write the end of this try, where nobody wrote another one: a sender that was thought lost may come back late."""
    open_ones = Message.objects.filter(
        pk__in=[row.pk for row in rows],
        state__in=[MessageState.SENDING, MessageState.UNSURE],
        attempts=rows[0].attempts,
    )
    return open_ones.update(**facts)


def sent(rows: Sequence[Message], provider_id: str, brand: Brand) -> None:
    """The mail server has taken it."""
    row = rows[0]
    with transaction.atomic():
        end(rows, state=MessageState.SENT, sent_at=timezone.now(), reason="", provider_id=provider_id)
        close_problems([ProblemKind.MAIL_UNSURE], problem_subject(row), "The mail server had taken it.")
    connections.resume(mail_upstream(brand.key))
    tell("shopper told", kind=row.kind, brand=brand.key, language=row.language, parcels=len(rows), message=row.pk)


def note_offer(letter: Letter) -> None:
    """Count that the brand's promotion was shown, where the mail had one."""
    offer = letter.facts.promotion
    if offer and letter.row.kind not in OF_TROUBLE:
        count_shown(offer.url)


def not_sent(rows: Sequence[Message], error: UpstreamError) -> None:
    """What the mail server's no means for the rows."""
    row = rows[0]
    with transaction.atomic():
        if error.maybe_applied:
            for one in rows:
                mark_unsure(one, str(error))
        elif isinstance(error, Refused):
            end(rows, state=MessageState.FAILED, reason=str(error)[:300])
            refused(row, error)
        else:
            end(rows, state=MessageState.PLANNED, told_with=None, reason=f"not taken yet: {error}"[:300])
    tell("mail not taken", kind=row.kind, code=error.code, is_unsure=error.maybe_applied, message=row.pk)


def refused(row: Message, error: UpstreamError) -> None:
    """A Problem on the order; an address that does not exist gets nothing more."""
    cause = f"{MessageKind(row.kind).label}: {error.message or error.code}"
    open_problem(ProblemKind.MAIL_REFUSED, row.order, cause, correlation_id=row.correlation_id)
    if any(code in error.message for code in NO_SUCH_MAILBOX):
        block(row, BlockReason.BOUNCED, error.message)


def block(row: Message, reason: BlockReason, words: str, *, brand: Brand | None = None) -> None:
    """Send nothing more to this message's address."""
    facts = {"reason": reason, "words": words[:300], "message": row}
    BlockedAddress.objects.get_or_create(
        channel=row.channel, address_hash=row.recipient_hash, brand=brand, defaults=facts
    )


def wake_planned() -> int:
    """Each minute: wish for the orders whose planned messages have come due, and find senders that died.

    Returns how many orders were woken. Those whose job waits, backs off or gave up are left to it.
    """
    now = timezone.now()
    lease_over = now - timedelta(seconds=settings.JOB_LEASE_SECONDS)
    lost = Message.objects.filter(state=MessageState.SENDING, sending_at__lte=lease_over).select_related("order")
    with transaction.atomic():
        find_unsure(list(lost[:MOST_WOKEN]), now)
    due = Message.objects.filter(state=MessageState.PLANNED, due_at__lte=now).order_by("due_at")
    keys = list(dict.fromkeys(due.values_list("order", flat=True)[:MOST_WOKEN]))
    with transaction.atomic():
        busy = Job.objects.filter(kind=JobKind.NOTIFY, subject__in=[str(key) for key in keys]).filter(
            want__gt=F("done")
        )
        idle = set(map(str, keys)) - set(busy.values_list("subject", flat=True))
        orders = Order.objects.filter(pk__in=[int(key) for key in idle]).only("correlation_id")
        want_notify_orders(orders)
    return len(idle)
