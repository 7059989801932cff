"""What stands on the order page, for modules that put something there: sections in reading order, and actions.

    @order_section(TOLD)                                   @acts_on_orders
    def told(shown: ShownOrder) -> Block | None: ...       def sync(request, order) -> Iterable[Act]: ...
                                                           @acts_on_parcels
                                                           def retrack(request, parcel) -> Iterable[Act]: ...

A module that registers is imported in ``tracking/admin/__init__.py``. A section gets everything the page has loaded,
and asks for the rest in a fixed number of queries; None leaves it out. An act leads to a page that shows what it would
do (``url``), or is a button that posts there with its own ``fields``; it is left out for who has no right to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from tracking.admin.base import Facts, Table, Text
from tracking.enums import ParcelStatus
from tracking.models import Order, Parcel, Problem, Tracking
from tracking.services.flags import Condition
from tracking.services.late_news import trackings_with_late_news
from tracking.services.order_facts import about, condition_from
from tracking.services.whose_clock import clock_of_store, day_of_shopper

# Reading order of the page. What others add goes between: the rank is any number.
ANSWER, FLAGS, ORDER, PARCELS, TIMELINE, TOLD, DECISIONS, OTHER_ORDERS, ENGINEERS = 10, 20, 25, 30, 40, 50, 60, 70, 90


@dataclass(frozen=True)
class Part:
    """One block of a page that has a template of its own, which sees it as ``part``. ``is_folded``: closed at first."""

    title: Any
    template: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_folded: bool = False


@dataclass(frozen=True)
class Folded:
    """Several blocks behind one heading, closed at first."""

    title: Any
    note: Any
    blocks: Sequence[Table | Text | Facts]


Block = Table | Text | Facts | Part | Folded


@dataclass
class ShownOrder:
    """An order as its page has loaded it: parcels that are there before those that left, with tracking and route.

    ``problems`` are those of the order and its parcels, closed ones too; ``earlier`` the trackings that gave way to one
    that is shown, and ``sharing`` the other orders of its box, both by the key of the tracking.
    """

    request: HttpRequest
    order: Order
    parcels: list[Parcel]
    problems: list[Problem]
    earlier: Mapping[str, list[Tracking]] = field(default_factory=dict)
    sharing: Mapping[str, list[Order]] = field(default_factory=dict)

    @cached_property
    def live_parcels(self) -> list[Parcel]:
        return [parcel for parcel in self.parcels if parcel.removed_at is None]

    @cached_property
    def trackings(self) -> dict[str, Tracking]:
        """Of all its parcels, also of those that left; by key, each once."""
        return {parcel.tracking.pk: parcel.tracking for parcel in self.parcels if parcel.tracking}

    @cached_property
    def codes(self) -> list[str]:
        """Codes of its story, its own first."""
        others = {tracking.correlation_id for tracking in self.trackings.values()} - {self.order.correlation_id}
        return [self.order.correlation_id, *sorted(others)]

    @cached_property
    def zone(self) -> tzinfo:
        """The clock of the order's store, else that of its destination; scans have that of their place."""
        return clock_of_store(self.order)

    @cached_property
    def today(self) -> date:
        """The shopper's: what is said to them counts by it, here as in mails."""
        return day_of_shopper(self.order, timezone.now())

    @cached_property
    def open_problems(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.closed_at is None]

    def problems_of(self, parcel: Parcel) -> list[Problem]:
        """What is open about this parcel or its tracking."""
        return about(parcel, self.open_problems)

    @cached_property
    def conditions(self) -> dict[int, Condition]:
        """How each live parcel is, by its key: what its flags follow from."""
        return {parcel.pk: self.condition(parcel) for parcel in self.live_parcels}

    def condition(self, parcel: Parcel) -> Condition:
        key = str(parcel.tracking_id)
        numbers = {tracking.tracking_number for tracking in self.earlier.get(key, [])}
        return condition_from(
            parcel,
            self.open_problems,
            is_shared=bool(self.sharing.get(key)),
            is_corrected=bool(parcel.tracking and numbers - {parcel.tracking.tracking_number}),
            has_late_news=parcel.tracking_id in self.late_news,
        )

    @cached_property
    def late_news(self) -> set[str]:
        """Trackings of which a scan arrived after the delivery was known, and changed nothing."""
        delivered = [one.pk for one in self.trackings.values() if one.status == ParcelStatus.DELIVERED]
        return trackings_with_late_news(delivered)


@dataclass(frozen=True)
class Act:
    """One thing that a person may do. With ``fields`` it is a button that posts them to ``url``, else a link to it.

    ``title`` explains it in a sentence; ``is_main`` is what one most likely wants; ``key`` names it for tests and keys.
    """

    label: Any
    url: str
    fields: Mapping[str, str] | None = None
    title: Any = ""
    icon: str = ""
    is_main: bool = False
    is_grave: bool = False
    key: str = ""


Section = Callable[[ShownOrder], Block | None]
OrderActs = Callable[[HttpRequest, Order], Iterable[Act]]
ParcelActs = Callable[[HttpRequest, Parcel], Iterable[Act]]

_sections: list[tuple[int, Section]] = []
_order_acts: list[OrderActs] = []
_parcel_acts: list[ParcelActs] = []


def order_section(rank: int) -> Callable[[Section], Section]:
    """Register a section of the order page, to stand at ``rank``."""

    def register(section: Section) -> Section:
        _sections.append((rank, section))
        return section

    return register


def acts_on_orders(acts: OrderActs) -> OrderActs:
    """Register what may be done to an order: asked once per page, without queries of its own where possible."""
    _order_acts.append(acts)
    return acts


def acts_on_parcels(acts: ParcelActs) -> ParcelActs:
    """Register what may be done to a parcel: asked for each parcel of a page, so it makes no queries."""
    _parcel_acts.append(acts)
    return acts


def sections_of(shown: ShownOrder) -> list[Block]:
    """The blocks of the page, in reading order."""
    in_order = sorted(_sections, key=lambda one: one[0])
    return [block for _rank, section in in_order if (block := section(shown)) is not None]


def acts_of_order(request: HttpRequest, order: Order) -> list[Act]:
    return [act for acts in _order_acts for act in acts(request, order)]


def acts_of_parcel(request: HttpRequest, parcel: Parcel) -> list[Act]:
    """``parcel`` comes with its order and tracking."""
    return [act for acts in _parcel_acts for act in acts(request, parcel)]
