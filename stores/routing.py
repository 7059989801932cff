"""Order facts in, a route out: the rules in their order, the first match wins, and every look is on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class OrderFacts:
    """Keys, not row ids. ``store`` and ``country`` (ISO alpha-2 of the destination) are "" where the order has none."""

    project: str
    store: str
    country: str


@dataclass(frozen=True)
class Rule:
    """One rule. ``store`` and ``country``: None matches every order, "" only those that have none."""

    id: int
    project: str
    store: str | None
    account_id: int
    country: str | None = None


@dataclass(frozen=True)
class Step:
    """One look at one rule, and why it did or did not match."""

    rule_id: int
    hit: bool
    reason: str


@dataclass(frozen=True)
class Decision:
    """``rule`` is None where none matched; ``trace`` ends with the hit, the rules after it were not looked at."""

    rule: Rule | None
    trace: tuple[Step, ...]


def choose_route(facts: OrderFacts, rules: Sequence[Rule]) -> Decision:
    """The first of ``rules`` that matches, with the trace of all looks up to it."""
    trace: list[Step] = []
    for rule in rules:
        step = look(facts, rule)
        trace.append(step)
        if step.hit:
            return Decision(rule, tuple(trace))
    return Decision(None, tuple(trace))


def look(facts: OrderFacts, rule: Rule) -> Step:
    asked = (
        ("project", rule.project, facts.project),
        ("store", rule.store, facts.store),
        ("country", rule.country, facts.country),
    )
    for name, wanted, given in asked:
        if wanted is not None and wanted != given:
            return Step(rule.id, False, f"{name} is {given or 'none'}, not {wanted or 'none'}")
    return Step(
        rule.id, True, ", ".join(f"{name} {wanted or 'none'}" for name, wanted, _ in asked if wanted is not None)
    )
