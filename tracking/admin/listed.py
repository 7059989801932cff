"""Flags and problems of rows of a list: of orders and parcels that were loaded with them, without a query per row."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from django.utils import timezone

from tracking.enums import Flag
from tracking.models import Order, Parcel, Problem
from tracking.services.flags import Condition, flags_of_order, left_to_ship
from tracking.services.order_facts import condition_from
from tracking.services.scope import visible


def open_problems(user: Any, link: str) -> Prefetch:
    """What is open, as ``open_problems`` of each row behind ``link``; as far as this person may see it."""
    return Prefetch(link, visible(user, Problem.objects.filter(closed_at=None)), to_attr="open_problems")


def listed_condition(parcel: Parcel) -> Condition:
    """A parcel that was loaded with order, route, tracking, and the open problems of both."""
    return condition_from(parcel, problems_of_parcel(parcel))


def problems_of_parcel(parcel: Parcel) -> list[Problem]:
    own = getattr(parcel, "open_problems", [])
    return [*own, *(parcel.tracking.open_problems if parcel.tracking else [])]


def problems_of_listed(order: Order) -> list[Problem]:
    """What is open about an order of a list, each once."""
    found = [*order.open_problems, *(one for parcel in order.live_parcels for one in problems_of_parcel(parcel))]
    return list({problem.pk: problem for problem in found}.values())


def flags_of_listed(order: Order) -> tuple[Flag, ...]:
    """The flags of an order of a list; what takes more than its rows to know (shared box, late news) is on its page."""
    problems = problems_of_listed(order)
    return flags_of_order(
        [condition_from(parcel, problems) for parcel in order.live_parcels],
        timezone.localdate(),
        is_cancelled=order.is_cancelled,
        is_all_shipped=not left_to_ship(order, order.live_parcels),
        problems=[one.kind for one in problems if not (one.parcel_id or one.tracking_id)],
    )
