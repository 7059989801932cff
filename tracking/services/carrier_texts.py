"""Carrier texts that want a person's eye: those that nothing maps, and those whose mapping is in doubt, by store.

    trackings left to detection (90 days) ─┐
    open problems about couriers ──────────┴─> spellings of one text ─> CarrierText per project, store and key

A text that is mapped by now, and one that somebody leaves to detection on purpose, are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, F, Max, Min, Q, Value, When
from django.db.models.fields.json import KT
from django.utils import timezone

from stores.carriers import normalise_carrier
from stores.models import CarrierMapping
from tracking.enums import ParcelStatus, ProblemKind
from tracking.models import IgnoredCarrier, Parcel, Problem
from tracking.services.scope import Stores, store_ids_of

DAYS = 90
ABOUT_COURIERS = [ProblemKind.UNMAPPED_CARRIER, ProblemKind.CARRIER_DOUBTFUL, ProblemKind.CARRIER_MISMATCH]
REFUSALS = ("4010", "4012")  # AfterShip: no such courier; none can be detected
Scope = tuple[int, int | None, str]


@dataclass
class CarrierText:
    """One text, in all its spellings, of one store (None: of orders without one).

    ``outcomes`` counts parcels by the courier that AfterShip made of it ("" = none yet), ``refused`` by its code,
    ``doubts`` by kind of problem, ``proposed`` by the courier that those problems propose.
    """

    project_id: int
    store_id: int | None
    key: str
    spellings: Counter[str] = field(default_factory=Counter)
    number: int = 0
    waiting: int = 0
    since: datetime | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    doubts: Counter[str] = field(default_factory=Counter)
    proposed: Counter[str] = field(default_factory=Counter)
    sample_ids: set[int] = field(default_factory=set)
    mapped_to: str = ""
    is_ignored: bool = False

    @property
    def scope(self) -> Scope:
        return self.project_id, self.store_id, self.key

    @property
    def carrier(self) -> str:
        """The spelling that most parcels have."""
        return min(self.spellings, key=lambda text: (-self.spellings[text], text))

    def add(self, row: dict[str, Any]) -> None:
        self.spellings[row["carrier"]] += row["number"]
        self.since = min(filter(None, [self.since, row["since"]]))
        self.sample_ids |= {row["newest"], row["oldest"]}


def find_texts(
    *,
    project: int | None = None,
    store: int | None = None,
    key: str = "",
    ignored: bool | None = False,
    viewer: Any = None,
) -> list[CarrierText]:
    """All such texts that the viewer may see, most parcels first; of one project, store (ids) or text where given.
    Four queries.

    ``ignored``: those left to detection on purpose instead; None: with them.
    """
    texts: dict[Scope, CarrierText] = {}
    for row in left_to_detection(project, store, store_ids_of(viewer)):
        if text := text_of(texts, row):
            text.add(row)
            text.number += row["number"]
            text.waiting += row["waiting"]
            text.outcomes[row["courier"]] += row["number"]
    for row in in_doubt(project, store, store_ids_of(viewer)):
        if text := text_of(texts, row):
            text.add(row)
            take_doubt(text, row)
    note_mappings(texts.values())
    note_ignored(texts.values())
    found = [
        text
        for text in texts.values()
        if key in text.key and ignored in (None, text.is_ignored) and (text.doubts or not text.mapped_to)
    ]
    return sorted(found, key=lambda text: (-text.number, text.key, text.store_id or 0))


def text_of(texts: dict[Scope, CarrierText], row: dict[str, Any]) -> CarrierText | None:
    """The text of a row, made where it is new; None where there is no text that could be mapped."""
    scope = row["project"], row["store"], normalise_carrier(row["carrier"])
    return texts.setdefault(scope, CarrierText(*scope)) if scope[2] else None


def left_to_detection(project: int | None, store: int | None, only: Stores | None) -> Iterable[dict[str, Any]]:
    """Parcels of the last 90 days for which we named no courier, by store, text and what AfterShip made of it."""
    since = timezone.now() - timedelta(days=DAYS)
    parcels = Parcel.objects.filter(removed_at=None, tracking__requested_courier="", tracking__created_at__gte=since)
    if project is not None:
        parcels = parcels.filter(order__project=project)
    if store is not None:
        parcels = parcels.filter(order__store=store)
    if only is not None:
        parcels = parcels.filter(order__store__in=only)
    return (
        parcels.order_by()
        .values("carrier", project=F("order__project"), store=F("order__store"), courier=F("tracking__courier"))
        .annotate(
            number=Count("pk"),
            waiting=Count("pk", filter=Q(tracking__status=ParcelStatus.PENDING, tracking__retired_at=None)),
            since=Min("tracking__created_at"),
            newest=Max("pk"),
            oldest=Min("pk"),
        )
    )


def in_doubt(project: int | None, store: int | None, only: Stores | None) -> Iterable[dict[str, Any]]:
    """Parcels whose tracking has an open problem about its courier, by store, text, kind and proposal."""
    shown: dict[str, Any] = {"tracking__parcels__isnull": False, "tracking__parcels__removed_at": None}
    if project is not None:
        shown["tracking__parcels__order__project"] = project
    if store is not None:
        shown["tracking__parcels__order__store"] = store
    if only is not None:
        shown["tracking__parcels__order__store__in"] = only
    refusals = [When(cause__contains=f". {code}: ", then=Value(code)) for code in REFUSALS]
    return (
        Problem.objects.filter(kind__in=ABOUT_COURIERS, closed_at=None, **shown)
        .order_by()
        .values(
            "kind",
            project=F("tracking__parcels__order__project"),
            store=F("tracking__parcels__order__store"),
            carrier=F("tracking__parcels__carrier"),
            courier=KT("proposal__courier"),
            refusal=Case(*refusals, default=Value("")),
            is_mapped=Case(When(tracking__requested_courier="", then=Value(False)), default=Value(True)),
        )
        .annotate(
            number=Count("pk"),
            waiting=Count("pk", filter=Q(tracking__status=ParcelStatus.PENDING)),
            since=Min("opened_at"),
            newest=Max("tracking__parcels__pk"),
            oldest=Min("tracking__parcels__pk"),
        )
    )


def take_doubt(text: CarrierText, row: dict[str, Any]) -> None:
    """Count the parcels of an open problem; those left to detection are counted as parcels already."""
    text.doubts[row["kind"]] += row["number"]
    if row["courier"]:
        text.proposed[row["courier"]] += row["number"]
    if row["refusal"]:
        text.refused[row["refusal"]] += row["number"]
    if row["is_mapped"]:
        text.number += row["number"]
        text.waiting += row["waiting"]


def note_mappings(texts: Collection[CarrierText]) -> None:
    """What each text is mapped to by now, for all parcels of its store: a channel's mapping does not settle it."""
    mappings = CarrierMapping.objects.filter(carrier_key__in={text.key for text in texts}, channel=None)
    slugs = {
        (project, store, key): slug
        for project, store, key, slug in mappings.values_list("project", "store", "carrier_key", "courier__slug")
    }
    for text in texts:
        scopes = [(text.project_id, text.store_id), (text.project_id, None), (None, None)]
        found = (slugs.get((project, store, text.key)) for project, store in scopes)
        text.mapped_to = next(filter(None, found), "")


def note_ignored(texts: Iterable[CarrierText]) -> None:
    ignored = set(IgnoredCarrier.objects.values_list("project", "store", "carrier_key"))
    for text in texts:
        text.is_ignored = text.scope in ignored
