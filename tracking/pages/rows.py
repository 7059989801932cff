"""The rows of one order's page, in a fixed number of queries, and what can be said of each parcel from them.

order ─ load ─> parcels with tracking, account, route and brand ─┐
                newest scans of their trackings ─────────────────┼─> Rows ─ facts ─> OrderFacts for the words
                names of couriers, open problems ────────────────┘
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from stores.models import Brand, Route
from tracking.models import Checkpoint, Order, Parcel, Problem, Tracking
from tracking.services.order_facts import names_of, problems_of

MOST_PARCELS = 60
MOST_SCANS, SCANS_ALTOGETHER = 30, 120  # per parcel, and on the page: it stays light


@dataclass
class Rows:
    """What the page is made of. ``parcels``: outbound ones first, in the order they were made."""

    order: Order
    parcels: list[Parcel]
    scans: dict[str, list[Checkpoint]] = field(default_factory=dict)  # by tracking, newest first
    couriers: dict[str, str] = field(default_factory=dict)  # names by slug
    problems: list[Problem] = field(default_factory=list)  # open ones
    brand: Brand | None = None
    more_parcels: int = 0

    @property
    def trackings(self) -> list[Tracking]:
        return [parcel.tracking for parcel in self.parcels if parcel.tracking]

    @property
    def is_paused(self) -> bool:
        """Whether news cannot reach us just now: what the page says may be out of date."""
        return any(one.account.pause_seconds > 0 for one in self.trackings if one.is_moving)

    @property
    def heard_at(self) -> datetime | None:
        """When we last heard anything about the order or one of its parcels."""
        heard = [self.order.collected_at, *(tracking.received_at for tracking in self.trackings)]
        return max((moment for moment in heard if moment), default=None)


def load(order: Order) -> Rows:
    """Six queries at most, however many parcels and scans. A cancelled order shows no parcels."""
    if order.is_cancelled:
        return Rows(order, [], brand=brand_of(order, []))
    found = order.parcels.filter(removed_at=None).select_related("tracking__account", "route__brand")
    parcels = list(found.order_by("is_return", "created_at", "pk")[: MOST_PARCELS + 1])
    for parcel in parcels:
        parcel.order = order
    rows = Rows(order, parcels[:MOST_PARCELS], more_parcels=max(0, len(parcels) - MOST_PARCELS))
    rows.brand = brand_of(order, parcels)
    rows.scans = newest_scans(rows.trackings)
    rows.couriers = names_of(rows.trackings)
    rows.problems = problems_of(order, rows.parcels)
    return rows


def newest_scans(trackings: Iterable[Tracking]) -> dict[str, list[Checkpoint]]:
    """The newest scans of each, newest first, without those of an earlier use of the number. One query."""
    keys = {tracking.pk for tracking in trackings if not tracking.is_fenced}
    if not keys:
        return {}
    most = max(2, min(MOST_SCANS, SCANS_ALTOGETHER // len(keys)))
    newest_first = (F("sort_at").desc(nulls_last=True), F("reported_at").desc(nulls_last=True), F("pk").desc())
    place = Window(RowNumber(), partition_by=F("tracking"), order_by=newest_first)
    ranked = Checkpoint.objects.filter(tracking__in=keys, is_fenced=False).annotate(place=place)
    found: dict[str, list[Checkpoint]] = defaultdict(list)
    for scan in ranked.filter(place__lte=most).order_by("tracking", "place"):
        found[scan.tracking_id].append(scan)
    return found


def brand_of(order: Order, parcels: Iterable[Parcel]) -> Brand | None:
    """The brand of the first parcel's route that has one; else that of the route which the store would take.

    One query, where no parcel names a brand.
    """
    named = (parcel.route.brand for parcel in parcels if parcel.route and parcel.route.brand)
    brand = next(named, None)
    if brand is not None:
        return brand
    fits = Q(store=None) | Q(store=order.store) if order.store_id else Q(store=None)
    routes = Route.objects.filter(fits, project=order.project, is_active=True, brand__isnull=False)
    by_fit = routes.select_related("brand").order_by(F("store").asc(nulls_last=True), "is_default", "position", "pk")
    route = by_fit.first()
    return route.brand if route else None
