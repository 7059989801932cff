"""Facts of a parcel in, a route out: the rules in their order, the first match wins, and every look is on record.

Pure: no row, no query. Whoever decides, tries out or explains a routing does it through here.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stores.carriers import normalise_carrier

OUTBOUND, RETURNS, ALL = "outbound", "returns", "all"


@dataclass(frozen=True)
class ParcelFacts:
    """What rules can ask of a parcel, by keys, not row ids; "" and empty where there is none.

    ``country`` is the destination's ISO alpha-2. Channels are those of the line items in the parcel (of the whole
    order where the parcel lists none). ``fields`` are the order's own custom fields, each with its values as text.
    """

    project: str
    store: str = ""
    country: str = ""
    carrier: str = ""
    is_return: bool = False
    supply_channels: frozenset[str] = frozenset()
    distribution_channels: frozenset[str] = frozenset()
    fields: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def field_values(self, name: str) -> tuple[str, ...]:
        return next((values for known, values in self.fields if known == name), ())

    def channels(self, role: str) -> frozenset[str]:
        """Of this role; of both for ""."""
        supply = self.supply_channels if role in ("", "supply") else frozenset()
        distribution = self.distribution_channels if role in ("", "distribution") else frozenset()
        return supply | distribution


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. A condition that is None or empty holds for every parcel; a store "" only for orders without one.

    ``carriers`` are keys (`normalise_carrier`). ``couriers`` is the set that the target ships with.
    """

    id: int
    version: int = 1
    project: str
    store: str | None = None
    channel: str | None = None
    channel_role: str = ""
    countries: frozenset[str] = frozenset()
    carriers: frozenset[str] = frozenset()
    field_name: str = ""
    field_values: frozenset[str] = frozenset()
    direction: str = ALL
    is_default: bool = False
    position: int = 0
    account: str = ""
    brand: str = ""
    do_not_track: bool = False
    couriers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One look at one rule, and why it did or did not match: the values seen against those asked for."""

    rule_id: int
    hit: bool
    reason: str
    version: int = 1


@dataclass(frozen=True)
class RouteDecision:
    """``rule`` is None where none matched; ``trace`` ends with the hit, the rules after it were not looked at."""

    rule: Rule | None
    trace: tuple[Step, ...] = field(default=())


def in_order(rules: Iterable[Rule]) -> list[Rule]:
    """The order in which they are tried: by position, the older of two first, the project's default at the end.

    A draft of a new rule has a negative id: it is younger than all that are saved.
    """
    return sorted(rules, key=lambda rule: (rule.is_default, rule.position, rule.id < 0, abs(rule.id)))


def choose_route(facts: ParcelFacts, rules: Sequence[Rule]) -> RouteDecision:
    """The first of ``rules`` that matches, with the trace of all looks up to it."""
    trace: list[Step] = []
    for rule in rules:
        step = look(facts, rule)
        trace.append(step)
        if step.hit:
            return RouteDecision(rule, tuple(trace))
    return RouteDecision(None, tuple(trace))


def look(facts: ParcelFacts, rule: Rule) -> Step:
    """Whether the rule holds, and why: the first condition that fails, or all that were met."""
    met: list[str] = []
    for is_met, words in conditions(facts, rule):
        if not is_met:
            return Step(rule.id, False, words, rule.version)
        met.append(words)
    return Step(rule.id, True, ", ".join(met) + (" (the default)" if rule.is_default else ""), rule.version)


def conditions(facts: ParcelFacts, rule: Rule) -> Iterable[tuple[bool, str]]:
    """Each condition that the rule has, cheapest first: whether it is met, and the words for either case."""
    yield is_same("project", rule.project, facts.project)
    if rule.store is not None:
        yield is_same("store", rule.store, facts.store)
    if rule.direction != ALL:
        yield is_same("direction", rule.direction, RETURNS if facts.is_return else OUTBOUND)
    if rule.countries:
        yield is_among("country", rule.countries, [facts.country])
    if rule.channel is not None:
        name = f"{rule.channel_role} channel".strip()
        yield is_among(name, frozenset([rule.channel]), facts.channels(rule.channel_role))
    if rule.carriers:
        is_met = normalise_carrier(facts.carrier) in rule.carriers
        yield is_met, f"carrier '{facts.carrier}'" + ("" if is_met else " is not one of this rule's")
    if rule.field_name:
        values = facts.field_values(rule.field_name)
        if rule.field_values:
            yield is_among(f"field {rule.field_name}", rule.field_values, values)
        else:
            yield bool(values), f"field {rule.field_name} is {'set' if values else 'not set'}"


def is_same(name: str, wanted: str, given: str) -> tuple[bool, str]:
    if wanted == given:
        return True, f"{name} {wanted or 'none'}"
    return False, f"{name} is {given or 'none'}, not {wanted or 'none'}"


def is_among(name: str, wanted: frozenset[str], given: Iterable[str]) -> tuple[bool, str]:
    seen = sorted(value for value in given if value)
    if found := sorted(wanted.intersection(seen)):
        return True, f"{name} {found[0]}"
    return False, f"{name} is {' and '.join(seen) or 'none'}, not {' or '.join(sorted(wanted))}"


def conditions_key(**conditions: Any) -> str:
    """One text for all ways to write the same conditions: two rules with the same one never both match."""

    def canonical(name: str, value: Any) -> Any:
        if name == "carriers":
            return sorted({normalise_carrier(text) for text in value})
        if isinstance(value, list):
            return sorted({str(one) for one in value})
        return value

    parts = {name: canonical(name, value) for name, value in sorted(conditions.items()) if value not in (None, "", [])}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def covers(first: Rule, later: Rule) -> bool:
    """Whether every parcel that ``later`` could match is taken by ``first`` already: then ``later`` never matches."""
    if first.project != later.project:
        return False
    if first.store is not None and first.store != later.store:
        return False
    if first.direction not in (ALL, later.direction):
        return False
    if first.channel is not None and (
        first.channel != later.channel or first.channel_role not in ("", later.channel_role)
    ):
        return False
    if first.field_name and first.field_name != later.field_name:
        return False
    sets: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
        "countries": (first.countries, later.countries),
        "carriers": (first.carriers, later.carriers),
        "values": (first.field_values, later.field_values) if first.field_name else (frozenset(), frozenset()),
    }
    return all(not wide or (narrow and narrow <= wide) for wide, narrow in sets.values())


def shadowed(rules: Iterable[Rule]) -> Iterable[tuple[Rule, Rule]]:
    """Each rule that never matches, with the one before it that takes all its parcels; ``rules`` as they are tried."""
    tried: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        first = next((one for one in tried[rule.project] if covers(one, rule)), None)
        if first is None:
            tried[rule.project].append(rule)
        else:
            yield rule, first
