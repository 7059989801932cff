"""Finding by what a customer quotes, or a log line shows: numbers, e-mail, ids and codes, each by its own index.

The text is compared as typed, as AfterShip would write the number, and as the code that was read out; numbers also by
their beginning. Nothing is searched inside of texts: a list of millions answers as fast as one of ten.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from django.db.models import Q, QuerySet

from config.correlation import normalise
from stores.models import AfterShipAccount, Project
from tracking.models import Order, Parcel, Tracking
from tracking.payloads.errors import PayloadError
from tracking.payloads.to_aftership import clean_number

SHORTEST_BEGINNING = 4  # shorter text would match nearly everything
MOST_STORIES = 200


def trimmed(text: str) -> str:
    """Without what no column can hold or nobody means."""
    return text.replace("\x00", "").strip()


def spellings(text: str) -> set[str]:
    """``" 1z 999aa1 "`` → as typed, in upper and lower case, and as a clean tracking number where it can be one."""
    text = trimmed(text)
    found = {text, text.upper(), text.lower()}
    with suppress(PayloadError):
        found.add(clean_number(text))
    return found - {""}


def orders_by(text: str) -> QuerySet[Order]:
    """Orders by number, e-mail, id or code, or by a number or id of one of their parcels or trackings."""
    parcels = [*own_parcels(text), Parcel.objects.filter(tracking__in=any_of(own_trackings(text)))]
    return Order.objects.filter(pk__in=any_of(own_orders(text), (found.values("order") for found in parcels)))


def parcels_by(text: str) -> QuerySet[Parcel]:
    """Parcels by number or id, by their tracking, or by their order."""
    linked = Parcel.objects.filter(tracking__in=any_of(own_trackings(text)))
    ordered = Parcel.objects.filter(order__in=any_of(own_orders(text)))
    return Parcel.objects.filter(pk__in=any_of([*own_parcels(text), linked, ordered]))


def trackings_by(text: str) -> QuerySet[Tracking]:
    """Trackings by number, AfterShip's id or code, or by an order that shows them."""
    shown = Parcel.objects.filter(order__in=any_of(own_orders(text)), tracking__isnull=False)
    return Tracking.objects.filter(pk__in=any_of(own_trackings(text), [shown.values("tracking")]))


def story_codes(text: str) -> list[str]:
    """Codes of the stories that the text finds: the code itself, those of its orders and trackings (up to 200 each)."""
    orders = orders_by(text).values_list("correlation_id", flat=True)[:MOST_STORIES]
    trackings = Tracking.objects.filter(pk__in=any_of(own_trackings(text)))
    return [normalise(trimmed(text)), *orders, *trackings.values_list("correlation_id", flat=True)[:MOST_STORIES]]


def own_orders(text: str) -> list[QuerySet[Order]]:
    words = spellings(text)
    return [
        Order.objects.filter(starts("order_number", words)),
        Order.objects.filter(customer_email=trimmed(text).lower()).exclude(customer_email=""),
        Order.objects.filter(correlation_id=normalise(trimmed(text))),
        Order.objects.filter(project__in=Project.objects.values("pk"), commercetools_id__in=words),
    ]


def own_parcels(text: str) -> list[QuerySet[Parcel]]:
    """Ids of parcels have no index of their own: they are looked for only where the text can be one."""
    words = spellings(text)
    found = [Parcel.objects.filter(starts("tracking_number", words))]
    return [*found, Parcel.objects.filter(commercetools_id__in=words)] if is_uuid(text) else found


def own_trackings(text: str) -> list[QuerySet[Tracking]]:
    words = spellings(text)
    return [
        Tracking.objects.filter(starts("tracking_number", words)),
        Tracking.objects.filter(pk__in=words),
        Tracking.objects.filter(account__in=AfterShipAccount.objects.values("pk"), aftership_id__in=words),
        Tracking.objects.filter(correlation_id=normalise(trimmed(text))),
    ]


def starts(field: str, words: set[str]) -> Q:
    """``field`` is one of the words or, where they are long enough, starts with one."""
    found = Q(**{f"{field}__in": words})
    for word in sorted(words):
        if len(word) >= SHORTEST_BEGINNING:
            found |= Q(**{f"{field}__startswith": word})
    return found


def any_of(*groups: Iterable[QuerySet]) -> QuerySet:
    """The keys that any of the querysets finds, as one union: each of them keeps its own index."""
    found = [queryset.order_by() for group in groups for queryset in group]
    first, *others = [keys if keys.query.has_select_fields else keys.values("pk") for keys in found]
    return first.union(*others)


def is_uuid(text: str) -> bool:
    try:
        UUID(text.strip())
    except ValueError:
        return False
    return True
