"""Finding rows of the lists by what a customer quotes, or a log line shows, each by its own index.

The text is compared as typed, as AfterShip would write the number, and as the code that was read out; numbers also by a
piece of them. Each question has its index: a list of millions answers as fast as one of ten. The box on every page,
which takes whole e-mails too, is ``tracking/services/find.py``.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext

from config.correlation import normalise
from stores.models import AfterShipAccount, Project
from tracking.models import Order, Parcel, Tracking
from tracking.services.pieces import numbers_with, piece_words, spellings, trimmed, whole

MOST_STORIES = 200
MOST_NUMBERS = 1_000  # the newest that hold a piece, as in the box on every page


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
    found = [rows.values_list("correlation_id", flat=True)[:MOST_STORIES] for rows in with_stories(text)]
    return [normalise(trimmed(text)), *(code for codes in found for code in codes)]


def with_stories(text: str) -> list[QuerySet]:
    return [orders_by(text), Tracking.objects.filter(pk__in=any_of(own_trackings(text)))]


def cut_note(text: str) -> str:
    """What lists say where more numbers hold the text than are looked at. A small query for each of its spellings."""
    words = piece_words(spellings(text))
    if any(len(numbers_with(word, most=MOST_NUMBERS + 1).values_list("pk")) > MOST_NUMBERS for word in words):
        return gettext(
            "More than {most} numbers hold this, and the newest were looked at: give more of the number."
        ).format(most=f"{MOST_NUMBERS:,}")
    return ""


def cut_story_note(text: str) -> str:
    """The same for lists that find rows by the codes of their stories: those of the newest 200 orders and trackings."""
    counts = [len(rows.order_by().values_list("pk")[: MOST_STORIES + 1]) for rows in with_stories(text)]
    if max(counts) > MOST_STORIES:
        return gettext(
            "More than {most} orders have this, and not all were looked at: give more of the number."
        ).format(most=MOST_STORIES)
    return ""


def own_orders(text: str) -> list[QuerySet[Order]]:
    words = spellings(text)
    return [
        *number(Order, "order_number", words),
        *(
            Order.objects.filter(**{name: trimmed(text).lower()}).exclude(**{name: ""})
            for name in ("customer_email", "message_email")
        ),
        Order.objects.filter(correlation_id=normalise(trimmed(text))),
        Order.objects.filter(project__in=Project.objects.values("pk"), commercetools_id__in=words),
    ]


def own_parcels(text: str) -> list[QuerySet[Parcel]]:
    words = spellings(text)
    return [*number(Parcel, "tracking_number", words), Parcel.objects.filter(commercetools_id__in=words)]


def own_trackings(text: str) -> list[QuerySet[Tracking]]:
    words = spellings(text)
    return [
        *number(Tracking, "tracking_number", words),
        Tracking.objects.filter(pk__in=words),
        Tracking.objects.filter(account__in=AfterShipAccount.objects.values("pk"), aftership_id__in=words),
        Tracking.objects.filter(correlation_id=normalise(trimmed(text))),
    ]


def number(model: type[Model], field: str, words: set[str]) -> list[QuerySet]:
    """Rows whose ``field`` is one of the words or has one in it, if it is long enough: of the newest such numbers."""
    holding = [numbers_with(word, most=MOST_NUMBERS).values("text") for word in piece_words(words)]
    conditions = [whole(field, words), *(Q(**{f"{field}__in": texts}) for texts in holding)]
    return [model._default_manager.filter(condition) for condition in conditions]


def any_of(*groups: Iterable[QuerySet]) -> QuerySet:
    """The keys that any of the querysets finds, as one union: each of them keeps its own index."""
    found = [queryset.order_by() for group in groups for queryset in group]
    first, *others = [keys if keys.query.has_select_fields else keys.values("pk") for keys in found]
    return first.union(*others)
