"""What the order page loads once for all its sections, in five queries."""

from __future__ import annotations

from collections import defaultdict

from django.db.models import Q
from django.http import HttpRequest

from tracking.admin.order_registry import ShownOrder
from tracking.models import Order, Parcel, Problem, Tracking
from tracking.services.scope import visible


def shown_order(request: HttpRequest, order: Order) -> ShownOrder:
    """The order with its parcels, their problems, earlier trackings, and the orders that share a box with it."""
    rows = order.parcels.select_related(
        "tracking__account", "route__project", "route__store", "route__account", "route__brand"
    )
    parcels = sorted(rows.order_by("pk"), key=lambda parcel: parcel.removed_at is not None)
    for parcel in parcels:
        parcel.order = order
    ids = {parcel.tracking_id for parcel in parcels if parcel.tracking_id}
    about = Problem.objects.filter(Q(order=order) | Q(tracking__in=ids)).distinct().order_by("-pk")
    return ShownOrder(
        request=request,
        order=order,
        parcels=parcels,
        problems=list(visible(request.user, about)[:200]),
        earlier=earlier_trackings(ids),
        sharing=sharing_orders(request, order, ids),
    )


def earlier_trackings(ids: set[str]) -> dict[str, list[Tracking]]:
    """Trackings that gave way to one of these, newest first, by the key of the one that stands now."""
    found: dict[str, list[Tracking]] = defaultdict(list)
    for tracking in Tracking.objects.filter(replaced_by__in=ids).select_related("account").order_by("-retired_at"):
        found[str(tracking.replaced_by_id)].append(tracking)
    return found


def sharing_orders(request: HttpRequest, order: Order, ids: set[str]) -> dict[str, list[Order]]:
    """Other orders with a parcel of the same box, by tracking; those of stores one does not see are left out."""
    found: dict[str, list[Order]] = defaultdict(list)
    others = Parcel.objects.filter(tracking__in=ids, removed_at=None).exclude(order=order)
    for parcel in visible(request.user, others).select_related("order").order_by("pk")[:100]:
        if parcel.order not in found[str(parcel.tracking_id)]:
            found[str(parcel.tracking_id)].append(parcel.order)
    return found
