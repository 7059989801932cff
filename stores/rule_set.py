"""All rules at one moment, as one value: what decides about a parcel, and what a draft is tried out on.

    rows ─ snapshot ─> words (keys, no row ids) ─ rule_of, mapping_of ─> RuleSet ─ decide(facts) ─> Decision

The same words are kept in a Revision, so the rules of any moment can be put together again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Mapping as Words
from dataclasses import dataclass, field, replace
from typing import Any

from stores.carriers import CourierChoice, Mapping, Scope, choose_courier, normalise_carrier, scopes_of
from stores.models import CarrierMapping, Courier, Project, Route, StatusRule
from stores.routing import ParcelFacts, RouteDecision, Rule, choose_route, in_order

KINDS: dict[str, type[Route] | type[CarrierMapping] | type[StatusRule]] = {
    "route": Route,
    "carrier_mapping": CarrierMapping,
    "status_rule": StatusRule,
}
# Links, with the field that names the row they lead to.
LINKS = {"project": "key", "store": "key", "channel": "key", "account": "key", "brand": "key", "courier": "slug"}
FIELDS = {
    "route": (
        "name", "project", "store", "channel", "channel_role", "countries", "carriers", "field_name", "field_values",
        "direction", "is_default", "do_not_track", "account", "brand", "couriers", "promise_days",
        "promise_days_by_country", "notify", "notify_by_status", "position", "is_active", "origin",
    ),
    "carrier_mapping": ("carrier", "courier", "project", "store", "channel", "extra_fields", "origin"),
    "status_rule": ("courier", "code_kind", "code", "status", "origin"),
}  # fmt: skip


def kind_of(row: Route | CarrierMapping | StatusRule) -> str:
    """``route``, ``carrier_mapping`` or ``status_rule``."""
    return next(kind for kind, model in KINDS.items() if isinstance(row, model))


def snapshot(row: Route | CarrierMapping | StatusRule) -> dict[str, Any]:
    """The rule in words of its own: keys instead of row ids, ready for JSON. Two equal rules give equal words."""
    words: dict[str, Any] = {}
    for name in FIELDS[kind_of(row)]:
        value = getattr(row, name)
        words[name] = getattr(value, LINKS[name], None) if name in LINKS else value
    return words


@dataclass(frozen=True)
class Decision:
    """Where a parcel goes, with which courier, and because of what. ``courier`` is None where nothing is tracked."""

    route: RouteDecision
    courier: CourierChoice | None

    @property
    def rule(self) -> Rule | None:
        return self.route.rule

    @property
    def target(self) -> tuple[str, str]:
        """(account, courier slug): what tells one tracking from another; ("", "") where nothing is tracked."""
        if self.rule is None or self.courier is None:
            return "", ""
        return self.rule.account, self.courier.slug


@dataclass(frozen=True)
class RuleSet:
    """Rules of one or all projects. ``mappings`` by carrier key; ``slugs`` are the couriers that AfterShip lists."""

    routes: tuple[Rule, ...] = ()
    mappings: Words[str, Sequence[Mapping]] = field(default_factory=dict)
    slugs: frozenset[str] = frozenset()

    def decide(self, facts: ParcelFacts) -> Decision:
        """Route and courier of a parcel with these facts. Pure: equal facts, equal decision."""
        route = choose_route(facts, self.routes)
        if route.rule is None or route.rule.do_not_track:
            return Decision(route, None)
        return Decision(route, self.courier_for(facts, route.rule))

    def courier_for(self, facts: ParcelFacts, rule: Rule) -> CourierChoice:
        """The courier for these facts under this rule."""
        return choose_courier(
            facts.carrier,
            self.mappings.get(normalise_carrier(facts.carrier), ()),
            scopes_of(facts.project, facts.store, facts.channels("")),
            self.slugs,
            rule.couriers,
        )

    def with_changes(self, changes: Iterable[tuple[str, int, dict[str, Any] | None]]) -> RuleSet:
        """The set as it would be with these (kind, id, words; None: removed). A new rule has a negative id."""
        routes = {rule.id: rule for rule in self.routes}
        mappings = {mapping.id: mapping for several in self.mappings.values() for mapping in several}
        for kind, number, words in changes:
            if kind == "route":
                routes.pop(number, None)
                if words and words["is_active"]:
                    routes[number] = rule_of(number, words)
            elif kind == "carrier_mapping":
                mappings.pop(number, None)
                if words:
                    mappings[number] = mapping_of(number, words)
        return replace(self, routes=tuple(in_order(routes.values())), mappings=by_key(mappings.values()))


def rule_of(number: int, words: Words[str, Any], version: int = 1) -> Rule:
    """A route's words as a rule."""
    return Rule(
        id=number,
        version=version,
        project=words["project"],
        store=words["store"],
        channel=words["channel"],
        channel_role=words["channel_role"],
        countries=frozenset(words["countries"]),
        carriers=frozenset(normalise_carrier(text) for text in words["carriers"]),
        field_name=words["field_name"],
        field_values=frozenset(words["field_values"]),
        direction=words["direction"],
        is_default=words["is_default"],
        position=words["position"],
        account=words["account"] or "",
        brand=words["brand"] or "",
        do_not_track=words["do_not_track"],
        couriers=tuple(words["couriers"]),
    )


def mapping_of(number: int, words: Words[str, Any], version: int = 1) -> Mapping:
    """A carrier mapping's words as a mapping."""
    scope = Scope(project=words["project"] or "", store=words["store"] or "", channel=words["channel"] or "")
    return Mapping(
        id=number,
        version=version,
        carrier=words["carrier"],
        scope=scope,
        courier=words["courier"],
        extra_fields=tuple(words["extra_fields"].items()),
    )


def by_key(mappings: Iterable[Mapping]) -> dict[str, list[Mapping]]:
    found: dict[str, list[Mapping]] = defaultdict(list)
    for mapping in mappings:
        found[normalise_carrier(mapping.carrier)].append(mapping)
    return dict(found)


def load_rule_set(projects: Collection[Project] | None = None, carriers: Collection[str] | None = None) -> RuleSet:
    """The rules as they stand: of these projects (None: of all), and for these carrier texts (None: for all).

    Three queries. Inactive routes decide nothing and are left out.
    """
    routes = Route.objects.filter(is_active=True).select_related("project", "store", "channel", "account", "brand")
    mappings = CarrierMapping.objects.select_related("project", "store", "channel", "courier")
    couriers = Courier.objects.filter(imported_at__isnull=False, gone_at=None)
    if projects is not None:
        routes = routes.filter(project__in=projects)
    if carriers is not None:
        mappings = mappings.filter(carrier_key__in={normalise_carrier(text) for text in carriers})
        couriers = couriers.filter(slug__in=carriers)
    return RuleSet(
        routes=tuple(in_order(rule_of(row.pk, snapshot(row), row.version) for row in routes)),
        mappings=by_key(mapping_of(row.pk, snapshot(row), row.version) for row in mappings),
        slugs=frozenset(couriers.values_list("slug", flat=True)),
    )
