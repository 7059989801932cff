"""Where is my order? One answer from the facts, in the shopper's language: the same for a desk, a mail and a page.

OrderFacts ─ answer → text to send;  ParcelFacts ─ parcel_words → headline, meaning, details and next step

The same facts give the same words. Nothing is guessed: without a date it says that there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tracking.enums import Flag, ParcelStatus
from tracking.words.facts import Item, OrderFacts, ParcelFacts
from tracking.words.languages import day, pick, speaking
from tracking.words.states import STATES, State, state_of

Form = Literal["short", "long"]
SHOWN_IN_SHORT = 2  # parcels still under way; more make a list, not a sentence

UNDER_WAY = frozenset(
    {
        ParcelStatus.PENDING,
        ParcelStatus.INFO_RECEIVED,
        ParcelStatus.IN_TRANSIT,
        ParcelStatus.OUT_FOR_DELIVERY,
        ParcelStatus.ATTEMPT_FAILED,
        ParcelStatus.DELAYED,
        ParcelStatus.EXCEPTION,
        ParcelStatus.UNKNOWN,
    }
)
NO_SCAN = frozenset({ParcelStatus.PENDING, ParcelStatus.INFO_RECEIVED, ParcelStatus.DELIVERED})
# It goes no further until somebody has done something, if at all: no day that was once expected holds.
HELD = frozenset(
    {
        *(State.MOVED, State.ADDRESS, State.REFUSED, State.PAYMENT, State.UNCOLLECTED),
        *(State.NOT_ACCEPTED, State.DAMAGED, State.DOCUMENTS),
    }
)
# The shopper has to do something, or will want to: said even where there is little room.
CALLS_FOR_ACTION = frozenset(
    {
        *(State.NOBODY_THERE, State.BUSINESS_CLOSED, State.ATTEMPT_FAILED, State.AVAILABLE_FOR_PICKUP),
        *(State.MOVED, State.ADDRESS, State.REFUSED, State.PAYMENT, State.UNCOLLECTED, State.DAMAGED),
        *(State.RETURNING, State.RETURNED, State.LOST, State.DISPOSED, State.CANCELLED, State.EXPIRED),
        *(State.UNTRACKED, State.UNKNOWN, State.EXCEPTION, State.NEIGHBOUR),
        *(State.RETURN_PROBLEM, State.RETURN_SENT_BACK, State.RETURN_LOST, State.RETURN_SILENT),
    }
)


@dataclass(frozen=True)
class ParcelWords:
    """A parcel in words. ``details`` are whole sentences: expected when, why late, seen where, collected until when."""

    state: State
    headline: str
    meaning: str
    details: tuple[str, ...]
    next_step: str


def parcel_words(parcel: ParcelFacts, language: str, today: date) -> ParcelWords:
    """The parcel's headline, meaning, details and next step in ``language``."""
    with speaking(language):
        state = state_of(parcel)
        words = STATES[state]
        details = tuple(detail for detail in (*whens(parcel, language, today), seen(parcel, language, today)) if detail)
        return ParcelWords(state, str(words.headline), str(words.meaning), details, str(words.next_step))


def answer(order: OrderFacts, language: str, form: Form = "short") -> str:
    """What to reply to "where is my order?": one paragraph for ``short``, one per parcel for ``long``."""
    with speaking(language):
        parts = long_parts(order, language) if form == "long" else short_parts(order, language)
    return ("\n\n" if form == "long" else " ").join(part for part in parts if part)


def short_parts(order: OrderFacts, language: str) -> list[str]:
    """Sentences: how the order stands, then the parcels that are not there yet."""
    if order.is_cancelled or not order.parcels:
        return no_parcels(order, language)
    outbound = order.counted
    if not outbound:
        return [brief(parcel, language, order.today) for parcel in order.returns]
    if len(outbound) == 1:
        return [brief(outbound[0], language, order.today), left_out(order)]
    arrived = [parcel for parcel in outbound if parcel.status == ParcelStatus.DELIVERED]
    if len(arrived) == len(outbound):
        return [all_arrived(len(outbound)), left_out(order)]
    open_ones = [(n, parcel) for n, parcel in enumerate(outbound, 1) if parcel not in arrived]
    parts = [count_words(len(arrived), len(outbound))]
    parts += [numbered(n, len(outbound), brief(one, language, order.today)) for n, one in open_ones[:SHOWN_IN_SHORT]]
    return [*parts, and_more(len(open_ones) - SHOWN_IN_SHORT), left_out(order)]


def long_parts(order: OrderFacts, language: str) -> list[str]:
    """Paragraphs: how the order stands, then each parcel with its items, then what is still to be shipped."""
    opening = _("About your order %(number)s:") % {"number": order.number} if order.number else ""
    if order.is_cancelled or not order.parcels:
        return [opening, *no_parcels(order, language)]
    outbound = order.counted
    parts = [opening]
    if len(outbound) > 1:
        arrived = sum(parcel.status == ParcelStatus.DELIVERED for parcel in outbound)
        parts.append(all_arrived(arrived) if arrived == len(outbound) else count_words(arrived, len(outbound)))
    for n, parcel in enumerate(outbound, 1):
        words = full(parcel, language, order.today)
        parts.append(numbered(n, len(outbound), words) if len(outbound) > 1 else words)
    parts += [_("Your return: %(words)s") % {"words": full(one, language, order.today)} for one in order.returns]
    return [*parts, not_shipped(order, language)]


def no_parcels(order: OrderFacts, language: str) -> list[str]:
    """The order as a whole, where there is no parcel to speak of."""
    if order.is_cancelled:
        return [_("Your order has been cancelled. If a parcel still reaches you, please contact us.")]
    parts = [_("Your order has not been shipped yet."), _("You will hear from us as soon as it is on its way.")]
    if order.promised:
        parts.insert(1, planned(order.promised, language, order.today))
    return parts


def brief(parcel: ParcelFacts, language: str, today: date) -> str:
    """One parcel in about two sentences; what to do only where there is something to do."""
    words = STATES[state_of(parcel)]
    parts = [str(words.meaning), *whens(parcel, language, today)]
    if state_of(parcel) in CALLS_FOR_ACTION:
        parts.append(str(words.next_step))
    return " ".join(part for part in parts if part)


def full(parcel: ParcelFacts, language: str, today: date) -> str:
    """One parcel with all that is known, and what happens next."""
    words = parcel_words(parcel, language, today)
    return " ".join([words.meaning, *words.details, words.next_step, in_it(parcel, language)]).strip()


def whens(parcel: ParcelFacts, language: str, today: date) -> list[str]:
    """When it comes or came, and why later than planned. Nothing about dates for what goes no further."""
    if state_of(parcel) == State.AVAILABLE_FOR_PICKUP:
        return pickup(parcel, language, today)
    if parcel.status == ParcelStatus.DELIVERED and Flag.NUMBER_REUSED not in parcel.flags and parcel.delivered_on:
        return [_("Day of delivery: %(day)s.") % {"day": day(parcel.delivered_on, language, today)}]
    if parcel.is_return or not is_under_way(parcel) or state_of(parcel) in HELD:
        return [*reasons(parcel)]
    return [*expected(parcel, language, today), *reasons(parcel)]


def is_under_way(parcel: ParcelFacts) -> bool:
    """Is a day of delivery worth asking for? Also where all its news belongs to another parcel."""
    return parcel.status in UNDER_WAY or (parcel.status is not None and Flag.NUMBER_REUSED in parcel.flags)


def expected(parcel: ParcelFacts, language: str, today: date) -> list[str]:
    """The carrier's estimate, else the promise, else honestly none; a day that is over is not repeated as a hope."""
    due = parcel.eta or parcel.promised
    if due is None:
        return [] if parcel.status == ParcelStatus.OUT_FOR_DELIVERY else [_("There is no delivery date yet.")]
    if due < today or Flag.LATE in parcel.flags:
        return [
            _("It is later than planned (planned day: %(day)s). We are sorry.") % {"day": day(due, language, today)}
        ]
    if parcel.eta is None:
        return [planned(due, language, today)]
    if parcel.promised and parcel.eta > parcel.promised:
        days = {"day": day(due, language, today), "planned": day(parcel.promised, language, today)}
        return [_("Expected delivery: %(day)s, later than planned (%(planned)s). We are sorry.") % days]
    return [_("Expected delivery: %(day)s.") % {"day": day(due, language, today)}]


def planned(on: date, language: str, today: date) -> str:
    """The promise, as long as it can be kept."""
    if on < today:
        return _("It is later than planned (planned day: %(day)s). We are sorry.") % {"day": day(on, language, today)}
    return _("Planned delivery: by %(day)s.") % {"day": day(on, language, today)}


def reasons(parcel: ParcelFacts) -> list[str]:
    """Why there is no news, if that needs saying. An outage explains silence, so it is said alone."""
    if parcel.is_finished and Flag.NUMBER_REUSED not in parcel.flags:
        return []
    if Flag.COURIER_OUTAGE in parcel.flags:
        return [_("The carrier has technical problems at the moment, so updates arrive late.")]
    said = []
    if Flag.STUCK in parcel.flags:
        said.append(_("Its first scan is taking longer than usual."))
    if Flag.SILENT in parcel.flags:
        said.append(_("The carrier has not reported anything new for longer than usual."))
    return said


def pickup(parcel: ParcelFacts, language: str, today: date) -> list[str]:
    """Where and until when."""
    said = []
    if parcel.pickup_where:
        said.append(_("Pickup point: %(place)s.") % {"place": parcel.pickup_where})
    if parcel.pickup_until:
        said.append(_("Last day for collection: %(day)s.") % {"day": day(parcel.pickup_until, language, today)})
    return said


def seen(parcel: ParcelFacts, language: str, today: date) -> str:
    """The latest scan: what the carrier knew last. Nothing for a parcel that arrived, or without news of its own.

    That it was registered is no scan: its state says that there is none yet.
    """
    if parcel.seen_on is None or parcel.status in NO_SCAN or Flag.NUMBER_REUSED in parcel.flags:
        return ""
    if parcel.seen_where:
        words = {"place": parcel.seen_where, "day": day(parcel.seen_on, language, today)}
        return _("Latest scan: %(place)s, %(day)s.") % words
    return _("Latest scan: %(day)s.") % {"day": day(parcel.seen_on, language, today)}


def count_words(arrived: int, count: int) -> str:
    return _("Parcels delivered: %(arrived)d of %(count)d.") % {"arrived": arrived, "count": count}


def all_arrived(count: int) -> str:
    return ngettext("The parcel has been delivered.", "All %(count)d parcels have been delivered.", count) % {
        "count": count
    }


def numbered(n: int, count: int, words: str) -> str:
    return _("Parcel %(n)d of %(count)d: %(words)s") % {"n": n, "count": count, "words": words}


def and_more(count: int) -> str:
    if count < 1:
        return ""
    return ngettext(
        "%(count)d more parcel has not arrived yet.", "%(count)d more parcels have not arrived yet.", count
    ) % {"count": count}


def left_out(order: OrderFacts) -> str:
    """How much of the order is in no parcel yet."""
    count = sum(item.quantity for item in order.unshipped)
    if not count:
        return ""
    return ngettext(
        "%(count)d item of your order has not been shipped yet.",
        "%(count)d items of your order have not been shipped yet.",
        count,
    ) % {"count": count}


def in_it(parcel: ParcelFacts, language: str) -> str:
    if not parcel.items:
        return ""
    return _("In this parcel: %(items)s.") % {"items": item_list(parcel.items, language)}


def not_shipped(order: OrderFacts, language: str) -> str:
    if not order.unshipped:
        return ""
    return _("Not shipped yet: %(items)s.") % {"items": item_list(order.unshipped, language)}


def item_list(items: tuple[Item, ...], language: str) -> str:
    """``2 × Hiking boot, 1 × Socks``."""
    return ", ".join(f"{item.quantity} × {item_name(item, language)}" for item in items)


def item_name(item: Item, language: str) -> str:
    """The item's name in the shopper's language or a near one; its article number where it has no name."""
    return pick(item.names, language) or item.sku or _("Item")
