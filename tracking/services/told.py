"""What a shopper was told, will be told, and was not told for what reason: for people. Reads only.

ledger rows ─> told, planned, dropped, each with its reason
kinds without a row ─> why: somebody else tells it, not reached, it came and went before it could be told …
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stores.models import Route
from stores.statuses import MessageKind
from tracking.models import Message, Order, Parcel
from tracking.services.news import KIND_OF, KIND_OF_RETURN, kind_of, silence_of

LANE = [kind for kind in MessageKind if kind in set(KIND_OF.values())]
LANE_OF_RETURNS = [kind for kind in MessageKind if kind in set(KIND_OF_RETURN.values())]
# What a parcel need not come through: that it was not told of means nothing.
ONLY_IN_TROUBLE = frozenset(
    {
        MessageKind.DELAYED,
        MessageKind.EXCEPTION,
        MessageKind.ATTEMPT_FAILED,
        MessageKind.AVAILABLE_FOR_PICKUP,
        MessageKind.RETURNING,
        MessageKind.RETURNED,
    }
)
PROGRESS = [
    MessageKind.SHIPPED,
    MessageKind.IN_TRANSIT,
    MessageKind.OUT_FOR_DELIVERY,
    MessageKind.DELIVERED,
]


@dataclass(frozen=True)
class Untold:
    """A kind of message that has no row for this parcel, and why."""

    parcel: Parcel
    kind: MessageKind
    why: str


def untold(order: Order, parcels: Sequence[Parcel], rows: Collection[Message]) -> list[Untold]:
    """Of each parcel, the kinds that its shopper was not told, and why not. No query: parcels come with tracking and
    route.
    """
    told = {(row.parcel_id, row.kind) for row in rows}
    return [
        Untold(parcel, kind, why_untold(order, parcel, kind))
        for parcel in parcels
        for kind in (LANE_OF_RETURNS if is_return(parcel) else LANE)
        if (parcel.pk, kind.value) not in told
    ]


def why_untold(order: Order, parcel: Parcel, kind: MessageKind) -> str:
    """Why this parcel's shopper has not been told of ``kind``, as words for staff."""
    if parcel.route is not None:
        sender = parcel.route.sender_of(kind)
        if sender == Route.Notify.AFTERSHIP:
            return "AfterShip tells it, as the route says"
        if sender == Route.Notify.OFF:
            return "nobody tells it, as the route says"
    if silence := silence_of(order, parcel):
        return silence
    now = kind_of(parcel)
    if now == kind:
        return "it is looked at in a moment"
    if kind in ONLY_IN_TROUBLE:
        return "it did not happen"
    passed = now in PROGRESS and kind in PROGRESS and PROGRESS.index(kind) < PROGRESS.index(now)
    return "it came and went before it could be told" if passed else "not yet reached"


def is_return(parcel: Parcel) -> bool:
    return bool(parcel.is_return or (parcel.tracking and parcel.tracking.is_return))
