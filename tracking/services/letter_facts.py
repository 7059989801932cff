"""What a mail tells, from rows."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.urls import NoReverseMatch

from stores.models import Brand
from stores.statuses import MessageKind
from tracking.models import Message, Order, Parcel
from tracking.notifications.plain import PlainFacts
from tracking.services.links import track_url
from tracking.services.message_plan import Book


def facts_for(book: Book, kind: MessageKind, rows: Sequence[Message]) -> PlainFacts:
    """What the mail that tells these rows is about."""
    parcels = tuple((str(row.parcel), contents(book.order, row.parcel)) for row in rows if row.parcel)
    return PlainFacts(str(book.order), parcels, page_url(book.order))


def contents(order: Order, parcel: Parcel) -> str:
    """``2 x BOOT-42, 1 x SOCK-1``."""
    names = {item: (order.item_words.get(item) or {}).get("sku") or item for item in parcel.items}
    return ", ".join(f"{number} x {names[item]}" for item, number in sorted(parcel.items.items()))


def page_url(order: Order) -> str:
    try:
        return track_url(order)
    except NoReverseMatch:
        return settings.PUBLIC_URL


def language_for(order: Order, brand: Brand) -> str:
    """The first of the brand's languages that the shopper reads; else the brand's own first one."""
    wanted = order.locale.replace("_", "-").lower()
    spoken = [locale for locale in brand.locales if locale]
    for match in (wanted, wanted.partition("-")[0]):
        if found := next((one for one in spoken if one.lower() == match), ""):
            return str(found)
    return str(spoken[0]) if spoken else "en"
