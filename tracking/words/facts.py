"""What has to be known about an order before a sentence can be said about it. Filled by ``services/order_facts.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from tracking.enums import FINISHED, Flag, ParcelStatus


@dataclass(frozen=True, kw_only=True)
class Item:
    """A line item, or the part of it that is in one parcel. ``names`` by locale, as commercetools has them."""

    sku: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    quantity: int = 1


@dataclass(frozen=True, kw_only=True)
class ParcelFacts:
    """One parcel. ``status`` is None where nothing is tracked; days are calendar days at the recipient."""

    status: ParcelStatus | None
    subtag: str = ""
    is_return: bool = False
    flags: frozenset[Flag] = frozenset()
    number: str = ""
    carrier: str = ""
    carrier_url: str = ""
    items: tuple[Item, ...] = ()
    eta: date | None = None
    promised: date | None = None
    delivered_on: date | None = None
    seen_on: date | None = None
    seen_at: datetime | None = None
    seen_where: str = ""
    carrier_words: str = ""
    pickup_where: str = ""
    pickup_until: date | None = None

    @property
    def is_finished(self) -> bool:
        """Nothing more is to come, as a rule."""
        return self.status in FINISHED


@dataclass(frozen=True, kw_only=True)
class OrderFacts:
    """An order as its shopper sees it. ``today`` is the recipient's calendar day; ``unshipped`` is in no parcel yet."""

    number: str
    today: date
    parcels: tuple[ParcelFacts, ...] = ()
    unshipped: tuple[Item, ...] = ()
    promised: date | None = None
    is_cancelled: bool = False

    @property
    def outbound(self) -> tuple[ParcelFacts, ...]:
        """What goes to the shopper."""
        return tuple(parcel for parcel in self.parcels if not parcel.is_return)

    @property
    def counted(self) -> tuple[ParcelFacts, ...]:
        """What the shopper waits for: without shipments that were called off, unless there are no others."""
        kept = tuple(parcel for parcel in self.outbound if parcel.status != ParcelStatus.CANCELLED)
        return kept or self.outbound

    @property
    def returns(self) -> tuple[ParcelFacts, ...]:
        """What the shopper sent back."""
        return tuple(parcel for parcel in self.parcels if parcel.is_return)
