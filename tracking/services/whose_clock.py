"""Whose clock counts: the store's for what staff read and enter, the shopper's for what is said to them."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

from stores.zones import zone, zone_name
from tracking.models import Order
from tracking.payloads.zones import zone_of


def clock_of_store(order: Order) -> tzinfo:
    """The clock of the order's store, else that of its destination. No query where the order brings its store."""
    store = order.store
    countries = [*(store.countries if store else []), order.destination_country]
    return zone(zone_name(store.time_zone if store else "", countries))


def day_of_shopper(order: Order, now: datetime) -> date:
    """The calendar day at the place that the order goes to."""
    return now.astimezone(zone_of(order.destination_country, order.destination_state)).date()
