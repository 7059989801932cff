"""Why a parcel went where it went, and what the rules would say of it now.

what was kept when it was decided (trace, facts, courier, a person's choice) ─ rules as they are ─> Why
the same parcel, asked again, with nothing saved ───────────────────────────────────────────────> Now
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stores.models import CarrierMapping, Route
from stores.rule_set import Decision, load_rule_set
from tracking.models import Parcel, StaffAction
from tracking.services.facts import channel_keys, facts_of, in_words

MOST_ACTIONS = 20


@dataclass(frozen=True)
class Tried:
    """One look at one rule. ``route`` is None where it was removed since; ``version`` is the one that was looked at."""

    rule: int
    hit: bool
    reason: str
    version: int
    route: Route | None

    @property
    def is_changed(self) -> bool:
        return self.route is not None and self.route.version != self.version


@dataclass(frozen=True)
class Why:
    """What decided about a parcel. ``courier`` has slug, because and mapping_id; empty where nothing was decided.

    ``chosen`` is what a person put in place of the rules' answer (as in `Parcel.override`), ``actions`` who did what.
    """

    at: datetime | None
    facts: dict[str, Any]
    tried: tuple[Tried, ...]
    courier: dict[str, Any]
    mapping: CarrierMapping | None
    chosen: dict[str, Any]
    chosen_route: Route | None
    actions: tuple[StaffAction, ...]


@dataclass(frozen=True)
class Difference:
    """One thing that would be otherwise; "" where there is none."""

    what: str
    stands: str
    now: str


@dataclass(frozen=True)
class Now:
    """What the rules say now, and what of it differs from what stands; no difference, no ``differences``."""

    facts: dict[str, Any]
    decision: Decision
    tried: tuple[Tried, ...]
    differences: tuple[Difference, ...]


def why(parcel: Parcel) -> Why:
    """From what was kept when it was decided. Three queries at most."""
    courier = parcel.decision.get("courier") or {}
    chosen_route = parcel.override.get("route")
    routes = routes_by_id([*(rule for rule, *_ in parcel.route_trace), *([chosen_route] if chosen_route else [])])
    mappings = CarrierMapping.objects.filter(pk=courier["mapping_id"]) if courier.get("mapping_id") else ()
    actions = StaffAction.objects.filter(parcel=parcel).select_related("remap")
    return Why(
        at=datetime.fromisoformat(parcel.decision["at"]) if "at" in parcel.decision else None,
        facts=parcel.decision.get("facts", {}),
        tried=tuple(tried(*look, routes=routes) for look in parcel.route_trace),
        courier=courier,
        mapping=next(iter(mappings), None),
        chosen=parcel.override,
        chosen_route=routes.get(chosen_route) if chosen_route else None,
        actions=tuple(actions[:MOST_ACTIONS]),
    )


def tried(rule: int, hit: bool, reason: str, version: int = 1, *, routes: dict[int, Route]) -> Tried:
    """One line of a kept trace; the oldest have no version, from when each rule had its first."""
    return Tried(rule, hit, reason, version, routes.get(rule))


def routes_by_id(ids: Iterable[int]) -> dict[int, Route]:
    rows = Route.objects.filter(pk__in=set(ids)).select_related("project", "store", "account")
    return {route.pk: route for route in rows}


def now(parcel: Parcel) -> Now:
    """Ask the rules as they are, with the facts as they are; nothing is saved. Five queries."""
    order = parcel.order
    facts = facts_of(order, parcel, channel_keys(order.project))
    decision = load_rule_set([order.project], [parcel.carrier]).decide(facts)
    routes = routes_by_id(step.rule_id for step in decision.route.trace)
    steps = tuple(
        tried(step.rule_id, step.hit, step.reason, step.version, routes=routes) for step in decision.route.trace
    )
    return Now(in_words(facts), decision, steps, tuple(differences(parcel, decision, routes)))


def differences(parcel: Parcel, decision: Decision, routes: dict[int, Route]) -> list[Difference]:
    """What stands against what the rules would give: route, account and courier."""
    tracking, rule = parcel.tracking, decision.rule
    account, slug = decision.target
    stands, would_be = parcel.route, routes[rule.id] if rule else None
    route = Difference("route", str(stands or ""), str(would_be or ""))
    pairs = [
        Difference("account", tracking.account.key if tracking else "", account),
        Difference("courier", tracking.requested_courier if tracking else "", slug),
    ]
    changed = [route] if stands != would_be else []
    return [*changed, *(pair for pair in pairs if pair.stands != pair.now)]
