"""The page of an order as words: what the template draws, and what the storefront gets as JSON. One function for both.

    Rows + language ─ shown ─> Shown ─ template ─> page
                                     └ serializer ─> /api/v1/track/…

No name, street, e-mail or key of ours is in it, so it can go wherever the link goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby

from django.utils.translation import gettext as _

from tracking.enums import ParcelStatus
from tracking.models import Checkpoint, Parcel
from tracking.pages.facts import order_facts
from tracking.pages.milestones import milestone
from tracking.pages.rows import Rows
from tracking.payloads.times import parse_times
from tracking.payloads.to_commercetools import roll_up
from tracking.words.answers import answer, item_name, parcel_words
from tracking.words.discreet import without_people
from tracking.words.facts import Item, OrderFacts, ParcelFacts
from tracking.words.languages import clock, day, direction, speaking
from tracking.words.steps import step_labels, step_of

RECENT = 4  # scans that are seen at once; older ones unfold
GOOD, CALM, ATTENTION, TROUBLE = "good", "calm", "attention", "trouble"
TONES: dict[str, str] = {
    ParcelStatus.DELIVERED: GOOD,
    ParcelStatus.AVAILABLE_FOR_PICKUP: ATTENTION,
    ParcelStatus.ATTEMPT_FAILED: ATTENTION,
    ParcelStatus.DELAYED: ATTENTION,
    ParcelStatus.EXCEPTION: TROUBLE,
    ParcelStatus.RETURNING: TROUBLE,
    ParcelStatus.RETURNED: TROUBLE,
    ParcelStatus.LOST: TROUBLE,
    ParcelStatus.DISPOSED: TROUBLE,
    ParcelStatus.EXPIRED: ATTENTION,
}


@dataclass(frozen=True)
class ShownItem:
    quantity: int
    name: str


@dataclass(frozen=True)
class ShownStep:
    """``state``: done, now or todo."""

    label: str
    state: str


@dataclass(frozen=True)
class ShownScan:
    """``time``: the clock on the wall where it happened; ``words``: the carrier's own, in the carrier's language."""

    milestone: str
    time: str
    at: str
    place: str
    words: str


@dataclass(frozen=True)
class ShownDay:
    day: str
    scans: list[ShownScan]


@dataclass(frozen=True)
class ShownParcel:
    """One parcel in the shopper's language: no name, street or e-mail; "" or nothing where there is nothing to say."""

    title: str
    status: str
    tone: str
    is_return: bool
    headline: str
    meaning: str
    details: tuple[str, ...]
    next_step: str
    steps: list[ShownStep]
    carrier: str
    number: str
    carrier_url: str
    expected_on: date | None
    items: list[ShownItem]
    pickup_location: str
    pickup_note: str
    recent: list[ShownDay]
    older: list[ShownDay]


@dataclass(frozen=True)
class Shown:
    """``state``: the order's status, "" before there is a parcel. ``updated_at``: when we last heard anything."""

    order_number: str
    language: str
    direction: str
    brand: str
    state: str
    answer: str
    is_cancelled: bool
    is_paused: bool
    updated_at: datetime | None
    updated: str
    parcels: list[ShownParcel] = field(default_factory=list)
    returns: list[ShownParcel] = field(default_factory=list)
    unshipped: list[ShownItem] = field(default_factory=list)
    more_parcels: int = 0


def shown(rows: Rows, language: str) -> Shown:
    """The order's page in this language; the same rows and day give the same page. No query."""
    with speaking(language):
        facts = order_facts(rows)
        pairs = list(zip(rows.parcels, facts.parcels, strict=True))
        outbound = [pair for pair in pairs if not pair[1].is_return]
        sent_back = [pair for pair in pairs if pair[1].is_return]
        return Shown(
            order_number=facts.number,
            language=language,
            direction=direction(language),
            brand=rows.brand.name if rows.brand else "",
            state=state_of_order(rows, facts),
            answer=answer(facts, language, "short"),
            is_cancelled=facts.is_cancelled,
            is_paused=rows.is_paused,
            updated_at=rows.heard_at,
            updated=moment_words(rows.heard_at, language, facts.today),
            parcels=list(shown_parcels(rows, outbound, facts, language)),
            returns=list(shown_parcels(rows, sent_back, facts, language)),
            unshipped=shown_items(facts.unshipped, language),
            more_parcels=rows.more_parcels,
        )


def state_of_order(rows: Rows, facts: OrderFacts) -> str:
    """As it is written to commercetools: the least advanced of the outbound parcels, a problem above all."""
    if facts.is_cancelled:
        return str(ParcelStatus.CANCELLED)
    return str(roll_up([parcel.status for parcel in facts.outbound if parcel.status]) or "")


def shown_parcels(
    rows: Rows, pairs: Sequence[tuple[Parcel, ParcelFacts]], facts: OrderFacts, language: str
) -> Iterable[ShownParcel]:
    """The parcels of one lane, numbered where there are several."""
    for number, (parcel, about) in enumerate(pairs, 1):
        words = parcel_words(about, language, facts.today)
        scans = rows.scans.get(parcel.tracking_id or "", [])
        tracking = parcel.tracking
        is_known = tracking is not None and not tracking.is_fenced
        yield ShownParcel(
            title=title(number, len(pairs), is_return=about.is_return),
            status=str(about.status or ""),
            tone=tone_of(about),
            is_return=about.is_return,
            headline=words.headline,
            meaning=words.meaning,
            details=words.details,
            next_step=words.next_step,
            steps=shown_steps(about, language),
            carrier=about.carrier,
            number=about.number,
            carrier_url=about.carrier_url,
            expected_on=about.eta or about.promised,
            items=shown_items(about.items, language),
            pickup_location=tracking.pickup_location if tracking and is_known else "",
            pickup_note=without_people(tracking.pickup_note) if tracking and is_known else "",
            recent=by_day(scans[:RECENT], about, facts.today, language),
            older=by_day(scans[RECENT:], about, facts.today, language),
        )


def title(number: int, count: int, *, is_return: bool) -> str:
    if count == 1:
        return _("Your return") if is_return else _("Your parcel")
    words = _("Return %(n)d of %(count)d") if is_return else _("Parcel %(n)d of %(count)d")
    return words % {"n": number, "count": count}


def tone_of(about: ParcelFacts) -> str:
    """How much it asks for attention. A return is the merchant's parcel: only trouble is worth a colour."""
    tone = TONES.get(about.status or "", CALM)
    return tone if not about.is_return or tone in (GOOD, TROUBLE) else CALM


def shown_steps(about: ParcelFacts, language: str) -> list[ShownStep]:
    """The four steps of the way to the shopper; none where the way leads elsewhere."""
    reached = step_of(about)
    if not reached:
        return []
    labels = step_labels(language)
    states = [
        "done" if n < reached or reached == len(labels) else "now" if n == reached else "todo" for n in range(1, 5)
    ]
    return [ShownStep(label, state) for label, state in zip(labels, states, strict=True)]


def shown_items(items: Iterable[Item], language: str) -> list[ShownItem]:
    return [ShownItem(item.quantity, item_name(item, language)) for item in items]


def by_day(scans: Sequence[Checkpoint], about: ParcelFacts, today: date, language: str) -> list[ShownDay]:
    """Scans under the day on which they happened there, newest first."""

    def heading(scan: Checkpoint) -> str:
        local = local_time(scan)
        return day(local.date(), language, today) if local else ""

    return [
        ShownDay(words, [shown_scan(scan, about, language) for scan in group])
        for words, group in groupby(scans, heading)
    ]


def shown_scan(scan: Checkpoint, about: ParcelFacts, language: str) -> ShownScan:
    local = local_time(scan)
    has_clock = local is not None and len(scan.time_text or scan.local_time) > len("2026-12-01")
    meaning, said = milestone(scan, is_return=about.is_return), without_people(scan.message, scan.tag)
    return ShownScan(
        milestone=meaning,
        time=clock(local, language) if local and has_clock else "",
        at=scan.time_text if local else "",
        place=without_people(scan.location),
        words="" if said.strip(" .!").casefold() == meaning.casefold() else said,  # nothing is said twice
    )


def local_time(scan: Checkpoint) -> datetime | None:
    """The clock on the wall where it happened, as it was given."""
    return parse_times(scan.local_time).local or parse_times(scan.time_text).local


def moment_words(moment: datetime | None, language: str, today: date) -> str:
    """A moment of ours, in UTC and saying so: the page's script shows the reader's own time."""
    return f"{day(moment.date(), language, today)}, {clock(moment, language)} UTC" if moment else ""
