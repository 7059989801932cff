"""New rules → another look at the parcels that wait for one.

A parcel without a route, or with a carrier that nobody recognised, waits with an open problem: also where AfterShip has
its tracking, but found no courier for it. When routes or carrier mappings change, its order is read again; whether the
new rule helps shows there (``link.stands``), and the problem closes by itself.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q

from stores.models import Project
from tracking.enums import JobKind, ProblemKind
from tracking.models import Order, Problem
from tracking.services import jobs
from tracking.services.connections import upstream_key

WAIT_FOR_RULES = [ProblemKind.UNROUTED, ProblemKind.UNMAPPED_CARRIER, ProblemKind.MISSING_FIELD]


def reapply_rules(projects: Collection[Project]) -> int:
    """Wish to read every order of these projects that has a parcel waiting for a rule; returns how many.

    Part of the caller's transaction, so that the wish exists if and only if the rules do. Safe to repeat: wishes for
    one order are one read. Orders that were deleted in commercetools are left out.
    """
    orders = waiting_orders(projects)
    jobs.want(
        jobs.Wish(JobKind.COLLECT, str(order.pk), upstream_key(order.project), order.correlation_id) for order in orders
    )
    return len(orders)


def waiting_orders(projects: Collection[Project]) -> list[Order]:
    """Orders with an open problem of these kinds: their own, a parcel's, or that of a tracking a parcel shows."""
    waiting = Problem.objects.filter(kind__in=WAIT_FOR_RULES, closed_at=None)
    shows = Q(parcels__tracking__in=waiting.values("tracking"), parcels__removed_at=None)
    orders = Order.objects.filter(Q(pk__in=waiting.values("order")) | shows, project__in=projects, deleted_at=None)
    return list(orders.distinct().select_related("project").order_by("pk"))
