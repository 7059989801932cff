"""What a brand offers on the page and in mails, and how often it was seen and followed: counted, nobody followed.

    offer_for(brand, language, place, …) ─> Offer(headline, text, button, url)
    url = /go/<seal of promotion, place, state, store>/ ─ open_click ─> one more click ─> the promotion's own link

The address holds no target: where it leads is read from the promotion's row, so it can lead nowhere else.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import date

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from stores.models import Brand
from tracking.enums import ParcelStatus, ShopperEvent, ShopperPlace
from tracking.models import Promotion, ShopperCount
from tracking.services.counting import count_up
from tracking.services.seals import seal, unseal

logger = structlog.get_logger("trackbridge.shoppers")
PURPOSE = "go"
CONTENT = struct.Struct(">QQBB")
# Nobody who waits for a parcel in trouble is offered anything; mails know the same troubles (``OF_TROUBLE``).
NOT_BESIDE = frozenset(
    {ParcelStatus.ATTEMPT_FAILED, ParcelStatus.DELAYED, ParcelStatus.EXCEPTION}
    | {ParcelStatus.RETURNING, ParcelStatus.RETURNED, ParcelStatus.LOST, ParcelStatus.DISPOSED}
)
PLACES, STATES = ShopperPlace.values, ["", *ParcelStatus.values]


@dataclass(frozen=True)
class Where:
    """Where a shopper stands: what every count is kept by. ``state``: the order's status, "" where it has none."""

    place: ShopperPlace
    state: str = ""
    store_id: int | None = None


@dataclass(frozen=True)
class Offer:
    """A promotion as one shopper is shown it. ``url`` is absolute, and counts."""

    promotion: Promotion
    headline: str
    text: str
    button: str
    url: str


def offer_for(brand: Brand | None, language: str, where: Where, on: date | None = None) -> Offer | None:
    """What the brand offers this shopper today, if anything. One query; counts nothing by itself (``count``)."""
    if brand is None or where.state in NOT_BESIDE:
        return None
    promotion = current_promotion(brand, language, where.place, on or timezone.localdate())
    if promotion is None:
        return None
    content = CONTENT.pack(
        promotion.pk, where.store_id or 0, PLACES.index(where.place), STATES.index(known_state(where.state))
    )
    url = f"{settings.PUBLIC_URL}{reverse('go', args=[seal(PURPOSE, content)])}"
    return Offer(promotion, promotion.headline, promotion.text, promotion.button, url)


def current_promotion(brand: Brand, language: str, place: ShopperPlace, on: date) -> Promotion | None:
    """The one that began last, of those that hold on this day, in this language (``de-AT``, else ``de``)."""
    mine = Q(on_mail=True) if place == ShopperPlace.MAIL else Q(on_page=True)
    languages = {language.lower(), language.partition("-")[0].lower()}
    held = Promotion.objects.filter(mine, brand=brand, starts_on__lte=on).filter(Q(ends_on=None) | Q(ends_on__gte=on))
    found = [one for one in held.order_by("-starts_on") if one.language.lower() in languages]
    return max(found, key=lambda one: (len(one.language), one.starts_on), default=None)


def open_click(token: str) -> tuple[Promotion, Where] | None:
    """Which promotion was followed from where; None for a link that is none of ours. Also after it has ended."""
    content = unseal(PURPOSE, token)
    if content is None or len(content) != CONTENT.size:
        return None
    key, store, place, state = CONTENT.unpack(content)
    promotion = Promotion.objects.select_related("brand").filter(pk=key).first()
    if promotion is None or place >= len(PLACES) or state >= len(STATES):
        return None
    return promotion, Where(ShopperPlace(PLACES[place]), STATES[state], store or None)


def count_shown(url: str) -> None:
    """Count that an offer with this address was shown: in a mail that went out."""
    opened = open_click(url.rstrip("/").rpartition("/")[2])
    if opened is not None:
        promotion, where = opened
        count(ShopperEvent.SHOWN, where, promotion)


def count(event: ShopperEvent, where: Where, promotion: Promotion | None = None) -> None:
    """Count that it happened once more today. What cannot be counted is logged: no shopper waits for a count."""
    day, state = timezone.localdate(), known_state(where.state)
    about = promotion.pk if promotion else ""
    key = f"{day}|{event}|{where.place}|{state}|{where.store_id or ''}|{about}"
    facts = {"day": day, "event": event.value, "place": where.place.value, "state": state, "key": key}
    try:
        count_up(ShopperCount, unique=("key",), store=where.store_id, promotion=promotion, **facts)
    except DatabaseError as error:
        logger.warning("a count was lost", what=event.value, error=type(error).__name__)


def known_state(state: str) -> str:
    return state if state in STATES else ""
