"""Parcels that no rule takes: never dropped, gathered by what they share, each group with a rule that would take it.

open UNROUTED problems ─> Group by (project, store, channels, country) ─> Proposal: a route, or the project's default

A parcel leaves the queue by itself: when a rule is saved, its order is read again, and the problem closes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stores.models import AfterShipAccount, Channel, Project, Route, Store
from tracking.enums import ProblemKind
from tracking.models import Problem
from tracking.services.scope import visible

MOST_LOOKED_AT = 10_000
MOST_SAMPLES = 5


@dataclass(frozen=True, order=True)
class Shared:
    """What the parcels of a group have in common, by keys; "" where there is none. ``channels`` of both roles."""

    project: str
    store: str = ""
    channels: tuple[str, ...] = ()
    country: str = ""


@dataclass(frozen=True)
class Proposal:
    """A route that would take the group: for its store, else its only channel, else the project's default.

    ``account`` is None where there is none that stands out. ``known`` is a route with the same conditions, switched off
    as a rule: a second one is not possible.
    """

    project: Project
    store: Store | None
    channel: Channel | None
    account: AfterShipAccount | None
    brand_id: int | None = None
    is_default: bool = False
    known: Route | None = None


@dataclass(frozen=True)
class Group:
    """Parcels alike, the oldest first. ``samples`` are (parcel id, number)."""

    shared: Shared
    number: int
    oldest_at: datetime
    cause: str
    samples: tuple[tuple[int, str], ...]
    proposal: Proposal
    default: Proposal


def groups(viewer: Any = None) -> list[Group]:
    """All groups that the viewer may see, the one with the oldest parcel first; of a very long queue only the oldest
    MOST_LOOKED_AT.

    Six queries, however many groups.
    """
    waiting = Problem.objects.filter(kind=ProblemKind.UNROUTED, closed_at=None, parcel__isnull=False)
    rows = visible(viewer, waiting).values(
        "opened_at", "cause", "parcel", "parcel__tracking_number", "parcel__decision", "order__project__key",
        "order__store__key", "order__destination_country",
    )  # fmt: skip
    by_shared: dict[Shared, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.order_by("opened_at", "pk")[:MOST_LOOKED_AT]:
        by_shared[shared_of(row)].append(row)
    registry = Registry({shared.project for shared in by_shared})
    return [
        Group(
            shared=shared,
            number=len(alike),
            oldest_at=alike[0]["opened_at"],
            cause=alike[0]["cause"],
            samples=tuple((row["parcel"], row["parcel__tracking_number"]) for row in alike[:MOST_SAMPLES]),
            proposal=registry.route_for(shared),
            default=registry.default_of(shared.project),
        )
        for shared, alike in by_shared.items()
    ]


def shared_of(row: Mapping[str, Any]) -> Shared:
    """What the rules saw of the parcel, as far as it tells groups apart."""
    facts = row["parcel__decision"].get("facts", {})
    channels = {*facts.get("supply_channels", ()), *facts.get("distribution_channels", ())}
    country = row["order__destination_country"]
    return Shared(row["order__project__key"], row["order__store__key"] or "", tuple(sorted(channels)), country)


class Registry:
    """What proposals are made of, for some projects: read once, by keys."""

    def __init__(self, projects: set[str]) -> None:
        mine = {"project__key__in": projects}
        self.projects = {one.key: one for one in Project.objects.filter(key__in=projects)}
        self.stores = {(one.project_id, one.key): one for one in Store.objects.filter(**mine)}
        self.channels = {(one.project_id, one.key): one for one in Channel.objects.filter(**mine)}
        self.accounts = {one.pk: one for one in AfterShipAccount.objects.all()}
        self.routes = list(Route.objects.filter(**mine).select_related("project", "store", "channel", "account"))

    def route_for(self, shared: Shared) -> Proposal:
        """The narrowest route that takes the whole group, without narrowing by what may differ tomorrow."""
        project = self.projects[shared.project]
        store = self.stores.get((project.pk, shared.store))
        only = shared.channels[0] if len(shared.channels) == 1 else ""
        channel = None if store else self.channels.get((project.pk, only))
        if store is None and channel is None:
            return self.default_of(shared.project)
        return self.proposal(project, store, channel, is_default=False)

    def default_of(self, project: str) -> Proposal:
        return self.proposal(self.projects[project], None, None, is_default=True)

    def proposal(self, project: Project, store: Store | None, channel: Channel | None, *, is_default: bool) -> Proposal:
        account_id, brand_id = self.usual_target(project)
        account = self.accounts.get(account_id) if account_id else None
        wanted = Route(project=project, store=store, channel=channel, account=account, is_default=is_default)
        key = wanted.key_of_conditions()
        mine = [one for one in self.routes if one.project_id == project.pk]
        known = next((one for one in mine if one.conditions_key == key or (is_default and one.is_default)), None)
        return Proposal(project, store, channel, account, brand_id, is_default, known)

    def usual_target(self, project: Project) -> tuple[int | None, int | None]:
        """Account and brand that most active routes of the project lead to; else the only account there is."""
        mine = [one for one in self.routes if one.project_id == project.pk and one.is_active and one.account_id]
        targets = Counter((one.account_id, one.brand_id) for one in sorted(mine, key=lambda one: one.pk))
        if targets:
            return targets.most_common(1)[0][0]
        return (next(iter(self.accounts)) if len(self.accounts) == 1 else None), None
