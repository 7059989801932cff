"""What a message says, before anybody draws it: the same for HTML, plain text and a preview.

MailFacts + kind + language ─ content_of → Content: every text final, nothing escaped yet
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.addresses import web_address
from stores.statuses import MessageKind, ParcelStatus
from tracking.notifications.texts import (
    OF_RETURNS,
    OF_TROUBLE,
    OPENINGS,
    REMINDER,
    REMINDER_SUBJECT,
    SPLIT,
    SPLIT_SUBJECT,
    SUBJECTS,
    Opening,
)
from tracking.words.answers import item_name, parcel_words
from tracking.words.facts import Item, OrderFacts, ParcelFacts
from tracking.words.languages import speaking
from tracking.words.steps import step_labels, step_of

# So that no order makes a mail that is cut on its way: what is more stands on the order's page.
MOST_PARCELS, MOST_ITEMS, LONGEST_NAME, LONGEST_QUOTE = 8, 12, 120, 300


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A brand's one slot for its own words, in the shopper's language. A click on ``url`` is counted, then led on."""

    text: str
    label: str
    url: str


@dataclass(frozen=True, kw_only=True)
class MailFacts:
    """What a message is about. ``about``: places in ``order.parcels``; none means the whole order."""

    order: OrderFacts
    about: tuple[int, ...] = ()
    page_url: str = ""
    unsubscribe_url: str = ""
    promotion: Promotion | None = None
    is_reminder: bool = False

    @property
    def parcels(self) -> tuple[ParcelFacts, ...]:
        """The parcels that the message is about, those that are there."""
        known = self.order.parcels
        return tuple(known[n] for n in self.about if n < len(known)) or known


@dataclass(frozen=True)
class Line:
    """An item and how many of it."""

    name: str
    quantity: int


@dataclass(frozen=True)
class Lines:
    """Items as a list, and in words how many are left out of it."""

    shown: tuple[Line, ...] = ()
    more: str = ""


@dataclass(frozen=True)
class Card:
    """One parcel as a block of the message."""

    title: str
    headline: str
    sentences: tuple[str, ...]
    items: Lines
    number: str
    carrier: str
    carrier_url: str
    carrier_words: str
    step: int
    is_main: bool


@dataclass(frozen=True)
class Content:
    """A whole message in words."""

    subject: str
    preheader: str
    headline: str
    lead: str
    next_step: str
    is_trouble: bool
    cards: tuple[Card, ...]
    more_cards: str
    unshipped: Lines
    steps: tuple[str, ...]
    promotion: Promotion | None


def content_of(kind: MessageKind, facts: MailFacts, language: str) -> Content:
    """The message's words. Raises ValueError where there is no parcel to write about."""
    if not facts.parcels:
        raise ValueError("there is no parcel to write about")
    with speaking(language):
        main = [parcel for parcel in facts.parcels if parcel.is_return == (kind in OF_RETURNS)] or [*facts.parcels]
        words = parcel_words(main[0], language, facts.order.today)
        whole = is_about_all(kind, facts)
        opening = opening_of(kind, facts)
        lead = str(opening.lead) if opening else words.meaning
        cards = cards_of(kind, facts, main, language)
        return Content(
            subject=subject_of(kind, facts),
            preheader=" ".join([lead, *([] if whole else words.details[:1])]),
            headline=str(opening.headline) if opening else words.headline,
            lead=lead,
            next_step="" if whole or kind == MessageKind.SHIPPED else words.next_step,
            is_trouble=kind in OF_TROUBLE,
            cards=cards[:MOST_PARCELS],
            more_cards=more_parcels(len(cards) - MOST_PARCELS),
            unshipped=lines(facts.order.unshipped, language) if kind not in OF_RETURNS else Lines(),
            steps=step_labels(language),
            promotion=facts.promotion if kind not in OF_TROUBLE else None,
        )


def is_about_all(kind: MessageKind, facts: MailFacts) -> bool:
    """Is it about all of several parcels: what was shipped in which, or that all arrived?"""
    if kind == MessageKind.ALL_ARRIVED:
        return True
    return kind not in OF_RETURNS and not facts.about and len(facts.order.counted) > 1


def opening_of(kind: MessageKind, facts: MailFacts) -> Opening | None:
    """Headline and first sentence, where the parcel's state alone does not say it."""
    if facts.is_reminder:
        return REMINDER
    return SPLIT if kind == MessageKind.SHIPPED and is_about_all(kind, facts) else OPENINGS.get(kind)


def subject_of(kind: MessageKind, facts: MailFacts) -> str:
    """One line whatever the order's number holds: what breaks a line becomes a space."""
    several = len(facts.order.counted) > 1
    subjects = REMINDER_SUBJECT if facts.is_reminder else SUBJECTS[kind]
    subject = subjects.part if several else subjects.whole
    if kind == MessageKind.SHIPPED and is_about_all(kind, facts):
        subject = SPLIT_SUBJECT
    if not facts.order.number:
        return one_line(str(subject).replace(" %(number)s", ""))
    return one_line(str(subject) % {"number": facts.order.number})


def one_line(text: str) -> str:
    """Without anything that could end a header: control characters and separators of lines become spaces."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def cards_of(kind: MessageKind, facts: MailFacts, main: list[ParcelFacts], language: str) -> tuple[Card, ...]:
    """First the parcels that the message is about, then the others of the same direction."""
    if kind in OF_RETURNS:
        return tuple(card(one, "", language, facts.order.today, is_main=True) for one in main)
    shown = facts.order.counted or tuple(main)
    titles = {id(one): title_of(n, len(shown)) for n, one in enumerate(shown, 1)}
    whole = is_about_all(kind, facts)
    first = [one for one in shown if whole or any(one is other for other in main)]
    rest = [one for one in shown if all(one is not other for other in first)]
    return tuple(
        card(one, titles[id(one)], language, facts.order.today, is_main=is_main)
        for is_main, several in ((True, first), (False, rest))
        for one in several
    )


def title_of(n: int, count: int) -> str:
    return _("Parcel %(n)d of %(count)d") % {"n": n, "count": count} if count > 1 else ""


def card(parcel: ParcelFacts, title: str, language: str, today: date, *, is_main: bool) -> Card:
    """The parcel's part of a mail. Only the main one quotes the carrier, and only from the first scan on."""
    words = parcel_words(parcel, language, today)
    quotes = parcel.status not in (None, ParcelStatus.PENDING)
    return Card(
        title=title,
        headline=words.headline,
        sentences=words.details if is_main else (words.meaning, *words.details),
        items=lines(parcel.items, language),
        number=parcel.number,
        carrier=parcel.carrier,
        carrier_url=web_address(parcel.carrier_url),
        carrier_words=cut(parcel.carrier_words, LONGEST_QUOTE) if is_main and quotes else "",
        step=step_of(parcel),
        is_main=is_main,
    )


def lines(items: tuple[Item, ...], language: str) -> Lines:
    """The first items by name, and how many more there are."""
    shown = tuple(Line(cut(item_name(item, language), LONGEST_NAME), item.quantity) for item in items[:MOST_ITEMS])
    count = sum(item.quantity for item in items[MOST_ITEMS:])
    more = ngettext("and %(count)d more item", "and %(count)d more items", count) % {"count": count} if count else ""
    return Lines(shown, more)


def more_parcels(count: int) -> str:
    if count < 1:
        return ""
    return ngettext("and %(count)d more parcel", "and %(count)d more parcels", count) % {"count": count}


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
