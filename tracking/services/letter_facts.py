"""What a mail tells, from rows: the order's facts, which of its parcels are news, and where its links lead."""

from __future__ import annotations

from collections.abc import Sequence

from stores.models import Brand
from stores.statuses import MessageKind
from tracking.enums import ShopperPlace
from tracking.models import Message, Order
from tracking.notifications.content import MailFacts, Promotion
from tracking.notifications.mail import unsubscribe_url
from tracking.services.links import track_url
from tracking.services.message_plan import Book
from tracking.services.order_facts import facts_of_order
from tracking.services.promotions import Where, offer_for
from tracking.services.reminders import REMINDER
from tracking.services.whose_clock import day_of_shopper
from tracking.words import languages


def facts_for(book: Book, rows: Sequence[Message], brand: Brand, language: str, person: str) -> MailFacts:
    """What the mail that tells these rows is about. ``person``: the hash of the address it goes to."""
    order = book.order
    today = day_of_shopper(order, book.now)
    return MailFacts(
        order=facts_of_order(order, today),
        about=places_of(book, rows),
        page_url=brand.order_address(order.order_number) or track_url(order, language),
        unsubscribe_url=unsubscribe_url(brand, person) if brand.offers_unsubscribe and person else "",
        promotion=promotion_for(order, brand, language, rows[0]),
        is_reminder=rows[0].occasion == REMINDER,
    )


def places_of(book: Book, rows: Sequence[Message]) -> tuple[int, ...]:
    """Where the parcels that are news stand among the order's; none where the mail is about the whole order.

    That is so for "all arrived", and where every box that goes to the shopper was shipped with this mail.
    """
    shown = sorted(parcel.pk for parcel in book.parcels if parcel.removed_at is None)
    news = {row.parcel_id for row in rows}
    is_all_shipped = rows[0].kind == MessageKind.SHIPPED and news >= {parcel.pk for parcel in book.outbound}
    if rows[0].parcel_id is None or (is_all_shipped and len(book.outbound) > 1):
        return ()
    return tuple(place for place, pk in enumerate(shown) if pk in news)


def promotion_for(order: Order, brand: Brand, language: str, row: Message) -> Promotion | None:
    """What the brand offers beside the news, in the mail's language."""
    status = row.tracking.status if row.tracking else ""
    offer = offer_for(brand, language, Where(ShopperPlace.MAIL, status, order.store_id))
    text = ". ".join(part.rstrip(".") for part in (offer.headline, offer.text) if part) if offer else ""
    return Promotion(text=text, label=offer.button, url=offer.url) if offer else None


def language_for(order: Order, brand: Brand) -> str:
    """The one of the brand's languages that the shopper reads best."""
    return languages.choose([order.locale], brand.locales)
