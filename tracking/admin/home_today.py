"""Home: what moves today, in the console's time zone. Each figure leads to the very rows that it counts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.people import viewer
from tracking.admin.display import BAD, GOOD, MOVING, STATUS_TONES, list_of
from tracking.admin.tiles import Tile
from tracking.admin.viewer import seen
from tracking.enums import FINISHED, ParcelStatus
from tracking.models import Message, Order, Problem, Tracking
from tracking.services.capped import counts_of
from tracking.services.queues import SECTIONS
from tracking.services.scope import store_ids_of

UNDER_WAY = [status for status in ParcelStatus if status not in FINISHED]
MOST_COUNTED, MOST_COUNTED_OF_STORES = 10_000, 1_000
ABOUT_PARCELS = SECTIONS["Parcels"]


def midnight() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def counted(*groups: QuerySet[Any]) -> list[tuple[int, str]]:
    """How many rows each has, and the figure to show: beyond some thousands "10,000+", so that home is quick.

    People who are limited to stores ask about each row, so theirs are counted less far.
    """
    most = MOST_COUNTED if store_ids_of(viewer()) is None else MOST_COUNTED_OF_STORES
    numbers = counts_of([seen(rows) for rows in groups], most=most + 1)
    return [(number, f"{most:,}+" if number > most else f"{number:,}") for number in numbers]


def under_way() -> list[Tile]:
    """Parcels that are to arrive still, in the order in which a parcel travels."""
    live = Tracking.objects.filter(retired_at=None)
    found = counted(*(live.filter(status=status).values("status") for status in UNDER_WAY))  # of the index alone
    return [
        Tile(figure, status.label, live_list(status), STATUS_TONES[status])
        for status, (number, figure) in zip(UNDER_WAY, found, strict=True)
        if number
    ]


def live_list(status: str) -> str:
    return list_of(Tracking, status__exact=status, life="live")


def delivered() -> list[Tile]:
    rows = Tracking.objects.filter(status=ParcelStatus.DELIVERED, status_changed_at__gte=midnight())
    url = list_of(Tracking, status__exact="delivered", status_changed_at__gte=midnight().isoformat())
    return [Tile(counted(rows)[0][1], _("delivered today"), url, GOOD)]


def new_orders() -> list[Tile]:
    [(number, figure)] = counted(Order.objects.filter(created_at__gte=midnight()))
    words = ngettext("new order today", "new orders today", number)
    return [Tile(figure, words, list_of(Order, created_at__gte=midnight().isoformat()), MOVING)]


def new_troubles() -> list[Tile]:
    """Parcels that got into trouble today, whether or not they are out of it again."""
    [(number, figure)] = counted(Problem.objects.filter(opened_at__gte=midnight(), kind__in=ABOUT_PARCELS))
    words = ngettext("parcel got into trouble today", "parcels got into trouble today", number)
    kinds = ",".join(ABOUT_PARCELS)
    url = list_of(Problem, state="all", kind__in=kinds, opened_at__gte=midnight().isoformat())
    return [Tile(figure, words, url, BAD if number else GOOD)]


def messages_sent() -> list[Tile]:
    """By when the mail server took them: some were written yesterday, and waited for the night to end."""
    [(number, figure)] = counted(Message.objects.filter(sent_at__gte=midnight()))
    words = ngettext("message sent today", "messages sent today", number)
    is_listed = admin.site.is_registered(Message)
    url = list_of(Message, sent_at__gte=midnight().isoformat()) if is_listed else ""
    return [Tile(figure, words, url, MOVING)]
