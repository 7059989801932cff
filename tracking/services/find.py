"""One search for everything that a customer or a log line quotes: text → orders, with why each of them matched.

    text ─ quotes_in ─> quotes ─ by index, whole ─────────> orders of exact hits: numbers, ids, codes; e-mails
                               └ nothing so far: by a piece ─> orders with a number that holds it
                               └ still nothing: a code ──> the story that it opens

What is quoted the most exactly decides: where the order's number is in the text, the shopper's other orders (found by
the e-mail in it) are not in the way. A person finds only what they may see. Six queries
at most, whatever is asked; to tell whether a code has a story takes those of `story_of`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from django.db.models import QuerySet

from stores.models import AfterShipAccount, Project
from tracking.models import Order, Parcel, Receipt, Tracking
from tracking.services.pieces import is_edge, numbers_with_any, piece_words, spellings, whole
from tracking.services.quoted import Quote, QuoteKind, is_single, quotes_in
from tracking.services.scope import store_ids_of, visible
from tracking.services.story_of import story_of

MOST_HITS = 20
MOST_LOOKED_AT = 200  # rows that one question may give
MOST_PIECES = 8  # quotes that are tried as pieces: each costs a look at an index for every spelling
MOST_NUMBERS = 500  # with one of the pieces, the newest ones
SHORTEST_PIECE_IN_TEXT = 6  # within a longer text: four digits in a row are anything


class Strength(IntEnum):
    """How exactly it was quoted."""

    PIECE = 1
    EMAIL = 2
    EXACT = 3


class Because(IntEnum):
    """Why an order matched."""

    ORDER_NUMBER = 1
    TRACKING_NUMBER = 2
    EMAIL = 3
    ORDER_ID = 4
    PARCEL_ID = 5
    TRACKING_ID = 6
    CODE = 7
    PIECE_OF_ORDER_NUMBER = 8
    PIECE_OF_TRACKING_NUMBER = 9
    INSIDE_ORDER_NUMBER = 10
    INSIDE_TRACKING_NUMBER = 11


INSIDE = {Because.INSIDE_ORDER_NUMBER, Because.INSIDE_TRACKING_NUMBER}
PIECES = {Because.PIECE_OF_ORDER_NUMBER, Because.PIECE_OF_TRACKING_NUMBER} | INSIDE


@dataclass
class Hit:
    """An order that matched, why, and which of its parcels did where one was quoted."""

    order: int
    because: set[Because] = field(default_factory=set)
    parcels: set[int] = field(default_factory=set)

    @property
    def strength(self) -> Strength:
        if self.because <= PIECES:
            return Strength.PIECE
        return Strength.EMAIL if self.because <= PIECES | {Because.EMAIL} else Strength.EXACT


@dataclass(frozen=True)
class Found:
    """``hits``: the best first, newest orders first among equals. ``story``: a code that leads to no order."""

    quotes: tuple[Quote, ...]
    hits: tuple[Hit, ...] = ()
    is_cut: bool = False
    story: str = ""

    @property
    def best(self) -> Hit | None:
        """The one order that is meant: the only one that was quoted so exactly."""
        most = [hit for hit in self.hits if hit.strength == self.hits[0].strength]
        return most[0] if len(most) == 1 and not (self.is_cut and most[0].strength == Strength.PIECE) else None


@dataclass(frozen=True)
class Words:
    """What is compared, by the kind of column."""

    numbers: frozenset[str]
    ids: frozenset[str]
    emails: frozenset[str]
    codes: frozenset[str]

    @classmethod
    def of(cls, quotes: Collection[Quote]) -> Words:
        def texts(*kinds: QuoteKind) -> set[str]:
            return {quote.text for quote in quotes if quote.kind in kinds}

        numbers = {spelling for text in texts(QuoteKind.NUMBER) for spelling in spellings(text)}
        ids = {spelling for text in texts(QuoteKind.ID) for spelling in (text, text.replace("-", ""))}
        return cls(
            frozenset(numbers), frozenset(ids), frozenset(texts(QuoteKind.EMAIL)), frozenset(texts(QuoteKind.CODE))
        )


def find(user: Any, text: str) -> Found:
    """What the text quotes of all that this person may see."""
    quotes = tuple(quotes_in(text))
    words = Words.of(quotes)
    hits = gather([*orders_quoted(user, words), *parcels_quoted(user, words)])
    is_cut = False
    if not hits:
        hits, is_cut = by_pieces(user, quotes, shortest=0 if is_single(text.strip()) else SHORTEST_PIECE_IN_TEXT)
    story = "" if hits else code_of_a_story(user, words)
    ranked = sorted(hits.values(), key=lambda hit: (-hit.strength, hit.because <= INSIDE, -hit.order))
    return Found(quotes, tuple(ranked[:MOST_HITS]), is_cut or len(ranked) > MOST_HITS, story)


def by_pieces(user: Any, quotes: Sequence[Quote], *, shortest: int) -> tuple[dict[int, Hit], bool]:
    """Hits by a piece of a number, and whether there may be more: up to three queries."""
    words = piece_words(word for word in Words.of(quotes[:MOST_PIECES]).numbers if len(word) >= shortest)
    numbers, is_cut = numbers_with_any(words, most=MOST_NUMBERS)
    if not numbers:
        return {}, False
    return gather([*orders_by_piece(user, words, numbers), *parcels_by_piece(user, words, numbers)]), is_cut


Match = tuple[int, Because, int | None]


def gather(matches: Iterable[Match]) -> dict[int, Hit]:
    """One hit per order."""
    hits: dict[int, Hit] = {}
    for order, because, parcel in matches:
        hit = hits.setdefault(order, Hit(order))
        hit.because.add(because)
        if parcel is not None:
            hit.parcels.add(parcel)
    return hits


def orders_quoted(user: Any, words: Words) -> Iterable[Match]:
    """Orders by number, e-mail, id, or code (also one that a sender was answered with): one or two queries."""
    codes = set(words.codes)
    if codes:
        codes |= set(Receipt.objects.filter(request_id__in=codes).values_list("correlation_id", flat=True)[:20])
    found = [
        Order.objects.filter(whole("order_number", words.numbers | words.ids)),
        Order.objects.filter(whole("customer_email", words.emails)),
        Order.objects.filter(whole("message_email", words.emails)).exclude(message_email=""),
        Order.objects.filter(whole("correlation_id", codes)),
        Order.objects.filter(whole("commercetools_id", words.ids), project__in=Project.objects.values("pk")),
    ]
    rows = visible(user, Order.objects.filter(pk__in=union(found))).order_by("-pk")
    columns = ("pk", "order_number", "customer_email", "message_email", "correlation_id", "commercetools_id")
    for pk, number, email, told, code, key in rows.values_list(*columns)[:MOST_LOOKED_AT]:
        said = {
            Because.ORDER_NUMBER: number in words.numbers | words.ids,
            Because.EMAIL: not words.emails.isdisjoint((email, told)),
            Because.CODE: code in codes,
            Because.ORDER_ID: key in words.ids,
        }
        yield from ((pk, because, None) for because, is_so in said.items() if is_so)


def parcels_quoted(user: Any, words: Words) -> Iterable[Match]:
    """Parcels by number or id, or by number, id or code of their tracking: one query."""
    numbers = words.numbers | words.ids
    shown = [
        Tracking.objects.filter(whole("tracking_number", numbers)),
        Tracking.objects.filter(whole("pk", words.ids)),
        Tracking.objects.filter(
            whole("aftership_id", words.ids | words.numbers), account__in=AfterShipAccount.objects.values("pk")
        ),
        Tracking.objects.filter(whole("correlation_id", words.codes)),
    ]
    found = [
        Parcel.objects.filter(whole("tracking_number", numbers)),
        Parcel.objects.filter(whole("commercetools_id", words.ids)),
        Parcel.objects.filter(tracking__in=union(shown)),
    ]
    rows = visible(user, Parcel.objects.filter(pk__in=union(found))).order_by("-pk")
    for parcel in rows.select_related("tracking").only(
        "order_id", "tracking_number", "commercetools_id", "tracking__tracking_number", "tracking__aftership_id",
        "tracking__correlation_id",
    )[:MOST_LOOKED_AT]:  # fmt: skip
        said = why_parcel(parcel, words, numbers)
        yield from ((parcel.order_id, because, parcel.pk) for because, is_so in said.items() if is_so)


def why_parcel(parcel: Parcel, words: Words, numbers: Collection[str]) -> dict[Because, bool]:
    tracking = parcel.tracking
    by_tracking = bool(tracking and tracking.tracking_number in numbers)
    ids = {tracking.pk, tracking.aftership_id} if tracking else set()
    return {
        Because.TRACKING_NUMBER: parcel.tracking_number in numbers or by_tracking,
        Because.PARCEL_ID: parcel.commercetools_id in words.ids,
        Because.TRACKING_ID: bool(ids & (words.ids | words.numbers)),
        Because.CODE: bool(tracking and tracking.correlation_id in words.codes),
    }


def orders_by_piece(user: Any, words: list[str], numbers: list[str]) -> Iterable[Match]:
    """Orders with one of these numbers, which hold one of the words: one query."""
    rows = visible(user, Order.objects.filter(whole("order_number", numbers))).order_by("-pk")
    for pk, number in rows.values_list("pk", "order_number")[:MOST_LOOKED_AT]:
        yield pk, Because.PIECE_OF_ORDER_NUMBER if is_edge(number, words) else Because.INSIDE_ORDER_NUMBER, None


def parcels_by_piece(user: Any, words: list[str], numbers: list[str]) -> Iterable[Match]:
    """Parcels with one of these numbers, as written or as AfterShip has it: one query."""
    field = "tracking_number"
    found = [
        Parcel.objects.filter(whole(field, numbers)),
        Parcel.objects.filter(tracking__in=Tracking.objects.filter(whole(field, numbers)).values("pk")),
    ]
    rows = visible(user, Parcel.objects.filter(pk__in=union(found))).order_by("-pk")
    columns = ("pk", "order", "tracking_number", "tracking__tracking_number")
    for pk, order, *own in rows.values_list(*columns)[:MOST_LOOKED_AT]:
        at_edge = any(is_edge(number or "", words) for number in own)
        yield order, Because.PIECE_OF_TRACKING_NUMBER if at_edge else Because.INSIDE_TRACKING_NUMBER, pk


def union(found: list[QuerySet[Any]]) -> QuerySet[Any]:
    """The keys that any of the querysets finds: each of them keeps its own index."""
    first, *others = [queryset.order_by().values("pk") for queryset in found]
    return first.union(*others) if others else first


def code_of_a_story(user: Any, words: Words) -> str:
    """A code under which something happened, though it leads to no order. Only for who is limited to no stores."""
    if store_ids_of(user) is not None:
        return ""
    return next((code for code in sorted(words.codes)[:1] if story_of(code, viewer=user)), "")


def orders_of(orders: QuerySet[Order]) -> dict[int, Order]:
    """These orders by key as a short list shows them, with ``live_parcels``, in two queries."""
    by_pk = {order.pk: order for order in orders.select_related("project", "store")}
    parcels = defaultdict(list)
    for parcel in Parcel.objects.filter(order__in=by_pk, removed_at=None).select_related("tracking").order_by("pk"):
        parcels[parcel.order_id].append(parcel)
    for order in by_pk.values():
        order.live_parcels = parcels[order.pk]
    return by_pk
