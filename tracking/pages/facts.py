"""Rows → what the words are made from (`tracking.words`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracking.enums import ParcelStatus
from tracking.models import Order, Parcel
from tracking.pages.discreet import without_people
from tracking.pages.rows import Rows, day_in, today_of
from tracking.services.flags import condition_of, flags_of, left_to_ship, promised_day
from tracking.words.facts import Item, OrderFacts, ParcelFacts


def order_facts(rows: Rows) -> OrderFacts:
    """The order as its shopper sees it; its parcels stand as in ``rows``."""
    order = rows.order
    outbound = [parcel for parcel in rows.parcels if not parcel.is_return]
    return OrderFacts(
        number=order.order_number,
        today=today_of(order),
        parcels=tuple(parcel_facts(rows, parcel) for parcel in rows.parcels),
        unshipped=items_of(order, left_to_ship(order, rows.parcels)) if not order.is_cancelled else (),
        promised=promised_day(order, next((parcel.route for parcel in outbound), None)),
        is_cancelled=order.is_cancelled,
    )


def parcel_facts(rows: Rows, parcel: Parcel) -> ParcelFacts:
    """One parcel, with the flags that its open problems and dates mean."""
    order, tracking = rows.order, parcel.tracking
    condition = condition_of(parcel, problems=rows.problems.get(parcel.pk, ()))
    return ParcelFacts(
        status=ParcelStatus(tracking.status) if tracking else None,
        is_return=parcel.is_return or bool(tracking and tracking.is_return),
        flags=frozenset(flags_of(condition, today_of(order))),
        number=tracking.tracking_number if tracking else parcel.tracking_number,
        carrier=carrier_of(rows, parcel),
        items=items_of(order, parcel.items),
        promised=condition.promised,
        **({} if tracking is None else news_of(parcel)),
    )


def news_of(parcel: Parcel) -> Mapping[str, Any]:
    """What AfterShip told of it. Nothing of a number's earlier use."""
    tracking = parcel.tracking
    if tracking is None or tracking.is_fenced:
        return {}
    return {
        "subtag": tracking.subtag,
        "carrier_url": tracking.courier_url,
        "eta": tracking.eta,
        "delivered_on": day_in(tracking.delivered_at),
        "seen_on": day_in(tracking.last_checkpoint_at),
        "seen_where": without_people(tracking.last_location, tracking.tag),
        "carrier_words": without_people(tracking.last_message, tracking.tag),
        "pickup_where": tracking.pickup_location,
    }


def carrier_of(rows: Rows, parcel: Parcel) -> str:
    """The courier's name; the carrier as the shop wrote it where none is known yet."""
    tracking = parcel.tracking
    slug = (tracking.courier or tracking.requested_courier) if tracking else ""
    return rows.couriers.get(slug) or without_people(parcel.carrier)


def items_of(order: Order, quantities: Mapping[str, int]) -> tuple[Item, ...]:
    """Line items by what they are called; those that nobody can name any more count as items all the same."""
    found = []
    for line, quantity in quantities.items():
        words = order.item_words.get(line) or {}
        found.append(Item(sku=words.get("sku", ""), names=words.get("name") or {}, quantity=int(quantity)))
    return tuple(found)
