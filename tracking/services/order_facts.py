"""What may be said about an order: from rows to the facts that ``tracking/words`` makes sentences of.

facts_of_order(order)                      for whoever has only the order: three queries, a fourth for names
facts_from(order, parcels, conditions, …)  for who has loaded everything: no query
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from config.addresses import web_address
from stores.models import Courier
from tracking.enums import ParcelStatus
from tracking.models import Order, Parcel, Problem, Tracking
from tracking.services.deadlines import last_day_of
from tracking.services.flags import Condition, condition_of, day_of, flags_of, left_to_ship
from tracking.services.whose_clock import day_of_shopper
from tracking.words.discreet import without_people
from tracking.words.facts import Item, OrderFacts, ParcelFacts


def facts_of_order(order: Order, today: date | None = None) -> OrderFacts:
    """The order's facts as its rows say now. ``today`` is the recipient's day: that of the destination."""
    rows = order.parcels.filter(removed_at=None).select_related("tracking", "route").order_by("pk")
    parcels = list(rows)
    for parcel in parcels:
        parcel.order = order
    problems = problems_of(order, parcels)
    conditions = {parcel.pk: condition_from(parcel, problems) for parcel in parcels}
    names = names_of(parcel.tracking for parcel in parcels if parcel.tracking)
    return facts_from(order, parcels, conditions, today or day_of_shopper(order, timezone.now()), names)


def problems_of(order: Order, parcels: Iterable[Parcel]) -> list[Problem]:
    """What is open about the order, its parcels and their trackings: one query."""
    trackings = [parcel.tracking_id for parcel in parcels if parcel.tracking_id]
    return list(Problem.objects.filter(Q(order=order) | Q(tracking__in=trackings), closed_at=None).distinct())


def about(parcel: Parcel, problems: Iterable[Problem]) -> list[Problem]:
    """Those of the open problems that are about this parcel or its tracking."""
    return [
        problem
        for problem in problems
        if problem.parcel_id == parcel.pk or (problem.tracking_id and problem.tracking_id == parcel.tracking_id)
    ]


def condition_from(parcel: Parcel, problems: Iterable[Problem], **facts: bool) -> Condition:
    """The parcel's condition with what is open about it. What a courier's outage explains is no problem of its own."""
    mine = about(parcel, problems)
    kinds = [problem.kind for problem in mine if problem.suppressed_by_id is None]
    is_out = any(problem.suppressed_by_id is not None for problem in mine)
    return condition_of(parcel, problems=kinds, is_out=is_out, **facts)


def facts_from(
    order: Order,
    parcels: Sequence[Parcel],
    conditions: Mapping[int, Condition],
    today: date,
    couriers: Mapping[str, str] | None = None,
) -> OrderFacts:
    """From live parcels with their trackings, and how each of them is. ``couriers``: what they are called, by slug."""
    promises = [one.promised for one in conditions.values() if one.promised and not one.is_return]
    names = couriers or {}
    return OrderFacts(
        number=order.order_number,
        today=today,
        parcels=tuple(parcel_facts(order, parcel, conditions[parcel.pk], today, names) for parcel in parcels),
        unshipped=() if order.is_cancelled else items_of(order, left_to_ship(order, parcels)),
        promised=max(promises, default=None),
        is_cancelled=order.is_cancelled,
    )


def parcel_facts(
    order: Order, parcel: Parcel, condition: Condition, today: date, couriers: Mapping[str, str]
) -> ParcelFacts:
    """One parcel, with the flags that its open problems and dates mean."""
    tracking = parcel.tracking
    return ParcelFacts(
        status=ParcelStatus(tracking.status) if tracking else None,
        is_return=parcel.is_return or bool(tracking and tracking.is_return),
        flags=frozenset(flags_of(condition, today)),
        number=tracking.tracking_number if tracking else parcel.tracking_number,
        carrier=carrier_of(parcel, couriers),
        items=items_of(order, parcel.items),
        promised=condition.promised,
        **(seen_of(tracking) if tracking else {}),
    )


def carrier_of(parcel: Parcel, couriers: Mapping[str, str]) -> str:
    """The courier's name; the carrier as the shop wrote it where none is known yet."""
    tracking = parcel.tracking
    slug = (tracking.courier or tracking.requested_courier) if tracking else ""
    return couriers.get(slug) or without_people(parcel.carrier)


def names_of(trackings: Iterable[Tracking]) -> dict[str, str]:
    """What the couriers of these trackings are called: one query."""
    slugs = {one.courier or one.requested_courier for one in trackings} - {""}
    return dict(Courier.objects.filter(slug__in=slugs).exclude(name="").values_list("slug", "name"))


def seen_of(tracking: Tracking) -> dict[str, Any]:
    """What the carrier said last, without the people in it, and when it was or will be there.

    Nothing of a number's earlier use.
    """
    if tracking.is_fenced:
        return {}
    clock = tracking.clocks.get("last_news") or {}
    return {
        "subtag": tracking.subtag,
        "carrier_url": web_address(tracking.courier_url),
        "eta": tracking.eta,
        "delivered_on": day_of(tracking.clocks.get("delivered")) or day_in(tracking.delivered_at),
        "seen_on": day_of(clock) or day_in(tracking.last_checkpoint_at),
        "seen_at": moment_of(clock),
        "seen_where": without_people(tracking.last_location, tracking.tag),
        "carrier_words": without_people(tracking.last_message, tracking.tag),
        "pickup_where": tracking.pickup_location,
        "pickup_until": last_day_of(tracking),
    }


def moment_of(clock: Mapping[str, Any]) -> datetime | None:
    """The clock on the wall where it happened; None where it is not known."""
    try:
        return datetime.fromisoformat(str(clock.get("local") or ""))
    except ValueError:
        return None


def day_in(text: str) -> date | None:
    """The day of a time as an upstream wrote it, in the place's own time."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def items_of(order: Order, quantities: Mapping[str, Any]) -> tuple[Item, ...]:
    """Line items by what they are called; those that nobody can name any more count as items all the same."""
    found = []
    for line, quantity in quantities.items():
        words = order.item_words.get(line) or {}
        found.append(Item(sku=words.get("sku") or "", names=words.get("name") or {}, quantity=int(quantity)))
    return tuple(found)
