"""The link that a shopper holds: opens the page of one order, says nothing of it, and can be withdrawn.

    track_url(order) ─ mail, API, look-up ─> /track/<seal of key and version>/ ─ open_link ─> the order, or why not

Nothing of the order is in the address: no number, no e-mail, no key that can be counted on. Withdrawing raises the
order's ``link_version``; a link also ends by itself, some time after the last news (`TRACK_LINK_DAYS`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Max
from django.urls import reverse
from django.utils import timezone

from tracking.enums import StaffActionKind
from tracking.models import Order
from tracking.services.seals import seal, unseal
from tracking.services.staff import note_action

PURPOSE = "track"
CONTENT = struct.Struct(">QH")


class LinkState(StrEnum):
    """What a link leads to."""

    OPEN = "open"
    UNKNOWN = "unknown"  # none of ours, altered, or its order is gone
    WITHDRAWN = "withdrawn"
    OVER = "over"


@dataclass(frozen=True)
class Opened:
    """A link that was tried. ``order`` is there for OPEN only, with project and store."""

    state: LinkState
    order: Order | None = None


def link_token(order: Order) -> str:
    """What stands for the order in its address: the same until the link is withdrawn."""
    return seal(PURPOSE, CONTENT.pack(order.pk, order.link_version))


def track_url(order: Order, language: str = "") -> str:
    """The full address of the order's page. ``language`` is what it opens in; else the shopper's browser decides."""
    query = f"?{urlencode({'lang': language})}" if language else ""
    return f"{settings.PUBLIC_URL}{reverse('track', args=[link_token(order)])}{query}"


def open_link(token: str) -> Opened:
    """The order that a link leads to, or why it leads nowhere. One query where it is one of ours; never raises."""
    content = unseal(PURPOSE, token)
    if content is None or len(content) != CONTENT.size:
        return Opened(LinkState.UNKNOWN)
    key, version = CONTENT.unpack(content)
    rows = Order.objects.select_related("project", "store").filter(deleted_at=None, pk=key)
    found = rows.annotate(
        last_news=Max("parcels__tracking__received_at"), last_parcel=Max("parcels__created_at")
    ).first()
    if found is None:
        return Opened(LinkState.UNKNOWN)
    if found.link_version != version:
        return Opened(LinkState.WITHDRAWN)
    moments = [found.ordered_at, found.created_at, found.last_news, found.last_parcel]
    if is_over(max(moment for moment in moments if moment)):
        return Opened(LinkState.OVER)
    return Opened(LinkState.OPEN, found)


def is_over(last_moment: datetime) -> bool:
    """Whether so much time has passed since the order last had news that nobody needs its page any more."""
    return timezone.now() - last_moment > timedelta(days=settings.TRACK_LINK_DAYS)


def withdraw_link(order: Order, *, actor: AbstractBaseUser | None, reason: str) -> None:
    """From now on no link that was handed out opens this order; the next one made is a new one."""
    with transaction.atomic():
        Order.objects.filter(pk=order.pk).update(link_version=F("link_version") + 1)
        order.refresh_from_db(fields=["link_version"])
        note_action(
            StaffActionKind.WITHDRAW,
            actor=actor,
            summary=f"Withdrew the shopper's link: {order}",
            reason=reason,
            order=order,
        )
