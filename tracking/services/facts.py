"""A parcel and its order → what rules may ask of it: from two rows, or from one line of a streamed query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stores.models import Channel, Project
from stores.routing import ParcelFacts
from tracking.models import Order, Parcel

# What `facts_from` takes, in its order, as columns of a query for parcels.
FACT_COLUMNS = (
    "order__project__key", "order__store__key", "order__destination_country", "carrier", "is_return", "items",
    "order__item_channels", "order__custom_fields",
)  # fmt: skip


def facts_of(order: Order, parcel: Parcel, channels: Mapping[str, str]) -> ParcelFacts:
    """What the rules may ask of this parcel. ``channels``: keys by id; a channel nobody imported goes by its id."""
    return facts_from(
        order.project.key,
        order.store.key if order.store else None,
        order.destination_country,
        parcel.carrier,
        parcel.is_return,
        parcel.items,
        order.item_channels,
        order.custom_fields,
        channels=channels,
    )


def facts_from(
    project: str,
    store: str | None,
    country: str,
    carrier: str,
    is_return: bool,
    items: Mapping[str, int],
    item_channels: Mapping[str, list[str]],
    custom_fields: Mapping[str, list[str]],
    *,
    channels: Mapping[str, str],
) -> ParcelFacts:
    """The same from bare values: those of FACT_COLUMNS, and the project's channel keys by id."""
    pairs = [pair for item, pair in item_channels.items() if not items or item in items]
    supply, distribution = zip(*pairs, strict=True) if pairs else ((), ())
    return ParcelFacts(
        project=project,
        store=store or "",
        country=country,
        carrier=carrier,
        is_return=is_return,
        supply_channels=frozenset(channels.get(one, one) for one in supply if one),
        distribution_channels=frozenset(channels.get(one, one) for one in distribution if one),
        fields=tuple((name, tuple(values)) for name, values in sorted(custom_fields.items())),
    )


def channel_keys(project: Project) -> dict[str, str]:
    """Channel keys by commercetools' ids."""
    channels = Channel.objects.filter(project=project, commercetools_id__isnull=False)
    return dict(channels.values_list("commercetools_id", "key"))


def in_words(facts: ParcelFacts) -> dict[str, Any]:
    """The facts that are there, for JSON: the same keys as `ParcelFacts`."""
    words = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in vars(facts).items()}
    return {name: value for name, value in words.items() if value}
