"""The page's rows → what the words are made from (`tracking.words`)."""

from __future__ import annotations

from django.utils import timezone

from tracking.pages.rows import Rows
from tracking.services.order_facts import condition_from, facts_from
from tracking.services.whose_clock import day_of_shopper
from tracking.words.facts import OrderFacts


def order_facts(rows: Rows) -> OrderFacts:
    """The order as its shopper sees it; its parcels stand as in ``rows``. No query."""
    conditions = {parcel.pk: condition_from(parcel, rows.problems) for parcel in rows.parcels}
    return facts_from(rows.order, rows.parcels, conditions, day_of_shopper(rows.order, timezone.now()), rows.couriers)
