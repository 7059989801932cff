"""The page's rows → what the words are made from (`tracking.words`)."""

from __future__ import annotations

from tracking.pages.rows import Rows, today_of
from tracking.services.flags import condition_of
from tracking.services.order_facts import facts_from
from tracking.words.facts import OrderFacts


def order_facts(rows: Rows) -> OrderFacts:
    """The order as its shopper sees it; its parcels stand as in ``rows``. No query."""
    conditions = {parcel.pk: condition_of(parcel, problems=rows.problems.get(parcel.pk, ())) for parcel in rows.parcels}
    return facts_from(rows.order, rows.parcels, conditions, today_of(rows.order), rows.couriers)
