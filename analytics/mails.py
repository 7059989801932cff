"""What was mailed to shoppers: day sums by store, of the ledger of messages.

A mail belongs to the day (UTC) on which the mail server took it; what became of it (arrived, came back) is told later
by the provider, where one is connected, so each day is looked at again for a while (``shopper_days``).
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Count, Q, Sum

from analytics.filters import Filters
from analytics.models import MailDay
from tracking.enums import MessageChannel, MessageState
from tracking.models import Message

MAIL = Q(told_with=None)  # other rows were told by the mail of another one
REPORTED = MAIL & (Q(delivered_at__isnull=False) | Q(returned_at__isnull=False))
ARRIVED = MAIL & Q(delivered_at__isnull=False) & ~Q(state=MessageState.BOUNCED)
NUMBERS = ("told", "sent", "reported", "arrived")


def count_mails(day: date) -> None:
    """Make one day's rows anew; where none of its messages are stored any more, they stay as they are."""
    first = datetime.combine(day, time.min, UTC)
    rows = Message.objects.filter(channel=MessageChannel.EMAIL, sent_at__gte=first, sent_at__lt=first + timedelta(1))
    sums = {
        "told": Count("pk"),
        "sent": Count("pk", filter=MAIL),
        "reported": Count("pk", filter=REPORTED),
        "arrived": Count("pk", filter=ARRIVED),
    }
    found = list(rows.order_by().values("order__store").annotate(**sums))
    if not found:
        return
    MailDay.objects.filter(day=day).delete()
    MailDay.objects.bulk_create(MailDay(day=day, store_id=row.pop("order__store") or 0, **row) for row in found)


def mails(filters: Filters) -> Counter[str]:
    """Sums by name of NUMBERS, of the stores that are chosen and may be seen. One query."""
    rows = MailDay.objects.filter(filters.of_stores(), day__gte=filters.first, day__lte=filters.last)
    found = rows.aggregate(**{f"sum_{name}": Sum(name) for name in NUMBERS})
    return Counter({name: found[f"sum_{name}"] or 0 for name in NUMBERS})
