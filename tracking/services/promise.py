"""What was promised: the days that the route promised when it was chosen, after the order's day on its store's clock.

What a route says later changes nothing for parcels it was chosen for before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from stores.zones import zone, zone_name
from tracking.models import Parcel


def kept_days(
    decision: Mapping[str, Any], country: str, days: int | None, by_country: Mapping[str, int] | None
) -> int | None:
    """What was kept on the parcel; of parcels decided before that was kept, what their route promises now."""
    if "promise_days" in decision:
        kept: int | None = decision["promise_days"]
        return kept
    return (by_country or {}).get(country, days)


def day_after(days: int | None, ordered_at: datetime | None, ready_at: datetime, here: tzinfo) -> date | None:
    """The promised day; from hand-over where it is not known when the order was placed."""
    return None if days is None else (ordered_at or ready_at).astimezone(here).date() + timedelta(days=days)


def promised_day(parcel: Parcel) -> date | None:
    """The day that was promised for this parcel, whose order, store and route are loaded; None where none was."""
    order, route, store = parcel.order, parcel.route, parcel.order.store
    days, by_country = (route.promise_days, route.promise_days_by_country) if route else (None, None)
    kept = kept_days(parcel.decision, order.destination_country, days, by_country)
    here = zone(zone_name(store.time_zone, store.countries)) if store else zone("")
    return day_after(kept, order.ordered_at, parcel.shipped_at or parcel.created_at, here)
