"""Contact rate and cause: tickets of the period against parcels shipped in it, by what was the matter then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q, QuerySet
from django.utils import timezone

from analytics.filters import Filters
from analytics.kpi import Figure, share_of
from analytics.kpis import measure
from tracking.enums import ContactCause
from tracking.models import Contact


@dataclass(frozen=True)
class Contacts:
    """``rate``: tickets for each parcel created in the period; ``causes``: how many, the most frequent first.

    ``unknown`` are tickets about orders that are not known here: they are in the rate, and in no cause.
    """

    rate: Figure
    causes: Mapping[ContactCause, int]
    unknown: int
    mean_hours: float | None
    open: int


def tickets_of(filters: Filters) -> QuerySet[Contact]:
    """Tickets opened in the period, of the stores that are chosen and may be seen."""
    zone = timezone.get_current_timezone()
    first = datetime.combine(filters.first, time.min, zone)
    last = datetime.combine(filters.last + timedelta(days=1), time.min, zone)
    rows = Contact.objects.filter(opened_at__gte=first, opened_at__lt=last)
    if filters.seen is not None:
        rows = rows.filter(order__store__in=filters.seen)
    if stores := filters.chosen.get("store"):
        rows = rows.filter(order__store__in=stores)
    return rows


def contacts(filters: Filters) -> Contacts:
    """The figures of tickets; filters by courier, channel or destination apply to the parcels' number alone, so they
    are taken off: a ticket is about an order.
    """
    whole = Filters(filters.first, filters.last, filters.as_of, filters.cohort, stores_of(filters), seen=filters.seen)
    created = measure(whole, ["created"])[""]["created"]
    rows = tickets_of(filters)
    found = {ContactCause(cause): n for cause, n in rows.values_list("cause").annotate(n=Count("pk")).order_by("-n")}
    unknown = found.pop(ContactCause.UNKNOWN_ORDER, 0)
    took = ExpressionWrapper(F("closed_at") - F("opened_at"), output_field=DurationField())
    handled: Any = rows.aggregate(mean=Avg(took), open=Count("pk", filter=Q(closed_at=None)))
    hours = handled["mean"].total_seconds() / 3600 if handled["mean"] is not None else None
    number = sum(found.values()) + unknown
    return Contacts(rate_of(number, int(created.numerator)), found, unknown, hours, handled["open"])


def rate_of(tickets: int, parcels: int) -> Figure:
    """Tickets for each parcel: no share (one parcel may have many), so an interval only while there are fewer."""
    if tickets <= parcels:
        return share_of(tickets, parcels)
    return Figure(tickets / parcels if parcels else None, tickets, parcels)


def stores_of(filters: Filters) -> dict[str, tuple[str | int, ...]]:
    return {"store": filters.chosen["store"]} if "store" in filters.chosen else {}
