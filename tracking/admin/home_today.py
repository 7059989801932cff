"""Home: what moves today, in the console's time zone. Each figure leads to the very rows that it counts."""

from __future__ import annotations

from datetime import datetime

from django.contrib import admin
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tracking.admin.display import BAD, GOOD, MOVING, STATUS_TONES, list_of
from tracking.admin.tiles import Tile
from tracking.admin.viewer import seen
from tracking.enums import FINISHED, MessageState, ParcelStatus
from tracking.models import Message, Order, Problem, Tracking
from tracking.services.queues import SECTIONS

UNDER_WAY = [status for status in ParcelStatus if status not in FINISHED]
ABOUT_PARCELS = SECTIONS["Parcels"]


def midnight() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def under_way() -> list[Tile]:
    """Parcels that are to arrive still, in the order in which a parcel travels."""
    rows = seen(Tracking.objects.filter(retired_at=None, status__in=UNDER_WAY)).order_by()
    numbers = dict(rows.values_list("status").annotate(n=Count("pk")))
    return [
        Tile(
            f"{numbers[status]:,}",
            status.label,
            list_of(Tracking, status__exact=status, life="live"),
            STATUS_TONES[status],
        )
        for status in UNDER_WAY
        if status in numbers
    ]


def live_list(status: str) -> str:
    return list_of(Tracking, status__exact=status, life="live")


def delivered() -> list[Tile]:
    rows = seen(Tracking.objects.filter(status=ParcelStatus.DELIVERED, status_changed_at__gte=midnight()))
    url = list_of(Tracking, status__exact="delivered", status_changed_at__gte=midnight().isoformat())
    return [Tile(f"{rows.count():,}", _("delivered today"), url, GOOD)]


def new_orders() -> list[Tile]:
    number = seen(Order.objects.filter(created_at__gte=midnight())).count()
    words = ngettext("new order today", "new orders today", number)
    return [Tile(f"{number:,}", words, list_of(Order, created_at__gte=midnight().isoformat()), MOVING)]


def new_troubles() -> list[Tile]:
    """Parcels that got into trouble today, whether or not they are out of it again."""
    number = seen(Problem.objects.filter(opened_at__gte=midnight(), kind__in=ABOUT_PARCELS)).count()
    words = ngettext("parcel got into trouble today", "parcels got into trouble today", number)
    kinds = ",".join(ABOUT_PARCELS)
    url = list_of(Problem, state="all", kind__in=kinds, opened_at__gte=midnight().isoformat())
    return [Tile(f"{number:,}", words, url, BAD if number else GOOD)]


def messages_sent() -> list[Tile]:
    number = seen(Message.objects.filter(created_at__gte=midnight(), state=MessageState.SENT)).count()
    words = ngettext("message sent today", "messages sent today", number)
    is_listed = admin.site.is_registered(Message)
    url = list_of(Message, state__exact="sent", created_at__gte=midnight().isoformat()) if is_listed else ""
    return [Tile(f"{number:,}", words, url, MOVING)]
