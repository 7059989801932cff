"""What a mail provider says of our mails afterwards (django-anymail's webhooks, signed): into the ledger.

delivered ─> its time · bounced, rejected ─> came back, blocked, a Problem · complained, unsubscribed ─> blocked

An event finds its row by what we gave the provider along (``message``), else by the provider's own id. Events come
twice and in any order: times are set once, and a mail that came back stays so.
"""

from __future__ import annotations

from typing import Any

from anymail.signals import EventType, RejectReason, tracking
from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from config.redaction import redact_text
from stores.statuses import MessageKind
from tracking.enums import BlockReason, MessageState, ProblemKind
from tracking.models import Message
from tracking.notifications.content import one_line
from tracking.services.message_plan import problem_subject
from tracking.services.notify import block
from tracking.services.problems import close_problems, open_problem
from tracking.services.story import tell

TOOK_IT = [MessageState.SENDING, MessageState.UNSURE, MessageState.SENT]
CAME_BACK = {EventType.BOUNCED, EventType.REJECTED, EventType.FAILED}
PASSES = {RejectReason.TIMED_OUT, RejectReason.OTHER}  # the address itself may be fine


@receiver(tracking)
def on_tracking(sender: object, event: Any, esp_name: str, **kwargs: object) -> None:
    """One event of django-anymail. What is about no mail of ours changes nothing."""
    row = row_of(event)
    if row is None:
        return
    with transaction.atomic():
        if event.event_type == EventType.DELIVERED:
            delivered(row)
        elif event.event_type in CAME_BACK:
            came_back(row, event)
        elif event.event_type == EventType.COMPLAINED:
            told = Message.objects.filter(pk=row.pk, state__in=[*TOOK_IT, MessageState.BOUNCED])
            told.update(state=MessageState.COMPLAINED, returned_at=timezone.now(), reason="the shopper called it spam")
            block(row, BlockReason.COMPLAINED, "")
        elif event.event_type == EventType.UNSUBSCRIBED:
            block(row, BlockReason.UNSUBSCRIBED, "", brand=row.brand)
    tell("mail provider says", provider=esp_name, event_type=event.event_type, message=row.pk)


def row_of(event: Any) -> Message | None:
    """The row that stands for the mail; it must be one that was sent."""
    rows = Message.objects.select_related("order", "brand").exclude(sending_at=None)
    given = str((event.metadata or {}).get("message", ""))
    if given.isascii() and given.isdigit():
        return rows.filter(pk=int(given)).first()
    return rows.filter(provider_id=event.message_id, told_with=None).first() if event.message_id else None


def delivered(row: Message) -> None:
    """It arrived: so it had been taken, also where nobody was sure."""
    now = timezone.now()
    same_mail = Message.objects.filter(pk=row.pk) | Message.objects.filter(told_with=row)
    same_mail.filter(state__in=[MessageState.UNSURE, MessageState.SENDING]).update(state=MessageState.SENT, sent_at=now)
    same_mail.filter(delivered_at=None).update(delivered_at=now)
    close_problems([ProblemKind.MAIL_UNSURE], problem_subject(row), "The mail provider says that it arrived.")


def came_back(row: Message, event: Any) -> None:
    words = redact_text(one_line(str(event.mta_response or event.description or event.event_type)))[:250]
    open_ones = Message.objects.filter(pk=row.pk, state__in=TOOK_IT)
    if not open_ones.update(state=MessageState.BOUNCED, returned_at=timezone.now(), reason=words):
        return
    Message.objects.filter(told_with=row, state__in=TOOK_IT).update(state=MessageState.BOUNCED, reason=words)
    cause = f"{MessageKind(row.kind).label}: {words}"
    open_problem(ProblemKind.MAIL_REFUSED, row.order, cause, correlation_id=row.correlation_id)
    if event.reject_reason not in PASSES:
        block(row, BlockReason.BOUNCED, words)
