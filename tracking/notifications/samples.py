"""Orders that never were: one for each kind of message, for previews and for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from stores.statuses import MessageKind, ParcelStatus
from tracking.notifications.content import MailFacts, Promotion
from tracking.words.facts import Item, OrderFacts, ParcelFacts

BOOTS = Item(
    sku="BOOT-42",
    quantity=1,
    names={
        "en": "Hiking boot, size 42", "de": "Wanderschuh, Größe 42", "fr": "Chaussure de randonnée, taille 42",
        "es": "Bota de senderismo, talla 42", "it": "Scarpone da trekking, taglia 42", "nl": "Wandelschoen, maat 42",
        "pl": "But trekkingowy, rozmiar 42", "sv": "Vandringskänga, storlek 42",
    },
)  # fmt: skip
SOCKS = Item(
    sku="SOCK-2",
    quantity=2,
    names={
        "en": "Wool socks", "de": "Wollsocken", "fr": "Chaussettes en laine", "es": "Calcetines de lana",
        "it": "Calze di lana", "nl": "Wollen sokken", "pl": "Wełniane skarpety", "sv": "Yllestrumpor",
    },
)  # fmt: skip
TENT = Item(
    sku="TENT-1",
    quantity=1,
    names={
        "en": "Two-person tent", "de": "Zelt für zwei Personen", "fr": "Tente pour deux personnes",
        "es": "Tienda para dos personas", "it": "Tenda per due persone", "nl": "Tweepersoonstent",
        "pl": "Namiot dwuosobowy", "sv": "Tvåmannatält",
    },
)  # fmt: skip
STATUS: dict[MessageKind, ParcelStatus] = {
    MessageKind.SHIPPED: ParcelStatus.INFO_RECEIVED,
    MessageKind.ALL_ARRIVED: ParcelStatus.DELIVERED,
    MessageKind.RETURN_IN_TRANSIT: ParcelStatus.IN_TRANSIT,
    MessageKind.RETURN_DELIVERED: ParcelStatus.DELIVERED,
}
SUBTAGS: dict[MessageKind, str] = {
    MessageKind.EXCEPTION: "Exception_007",
    MessageKind.DELAYED: "Exception_017",
    MessageKind.ATTEMPT_FAILED: "AttemptFail_002",
}
WORDS = "Die Sendung wurde im Paketzentrum bearbeitet."


def sample_parcel(kind: MessageKind, today: date) -> ParcelFacts:
    """The parcel that the message is about."""
    status = STATUS.get(kind) or ParcelStatus(kind.value)
    arrived = status == ParcelStatus.DELIVERED
    waits = status == ParcelStatus.AVAILABLE_FOR_PICKUP
    return ParcelFacts(
        status=status,
        subtag=SUBTAGS.get(kind, ""),
        is_return=kind in (MessageKind.RETURN_IN_TRANSIT, MessageKind.RETURN_DELIVERED),
        number="JD014600006281953022",
        carrier="DHL Germany",
        carrier_url="https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode=JD014600006281953022",
        items=(BOOTS, SOCKS),
        eta=None if arrived else today + timedelta(days=2),
        promised=today,
        delivered_on=today if arrived else None,
        seen_on=None if kind == MessageKind.SHIPPED else today,
        seen_where="Börnicke, DE",
        carrier_words="" if kind == MessageKind.SHIPPED or arrived else WORDS,  # of an arrival nobody is shown them
        pickup_where="DHL Packstation 145, Berlin" if waits else "",
        pickup_until=today + timedelta(days=7) if waits else None,
    )


def sample(kind: MessageKind, today: date, *, several: bool = False, promotion: Promotion | None = None) -> MailFacts:
    """A message's facts. ``several``: the order comes in three parcels, and a part of it is not shipped yet."""
    first = sample_parcel(kind, today)
    parcels: tuple[ParcelFacts, ...] = (first,)
    if several and not first.is_return:
        status = ParcelStatus.DELIVERED if kind == MessageKind.ALL_ARRIVED else ParcelStatus.IN_TRANSIT
        second = replace(first, status=status, subtag="", number="1Z999AA10123456784", carrier="UPS", items=(TENT,))
        third = replace(second, status=ParcelStatus.DELIVERED, number="00340434161094042557", carrier="DPD", eta=None)
        parcels = (first, second, replace(third, items=(SOCKS,), delivered_on=today))
    whole = kind == MessageKind.ALL_ARRIVED or (several and kind == MessageKind.SHIPPED)
    return MailFacts(
        order=OrderFacts(
            number="N-10102",
            today=today,
            parcels=parcels,
            unshipped=(TENT,) if several and kind != MessageKind.ALL_ARRIVED else (),
        ),
        about=() if whole else (0,),
        page_url="https://shop.example.com/track/sample",
        unsubscribe_url="https://shop.example.com/unsubscribe/sample",
        promotion=promotion,
    )
