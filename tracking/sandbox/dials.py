"""The dials: how the upstreams misbehave on purpose. All at rest by default; unknown dials and wrong kinds are
refused by name.

A rule of ``fail`` or ``drop_answer`` applies to calls whose "METHOD /path?query" contains its ``match`` (no match: to
all), ``count`` times.
"""

from __future__ import annotations

import random
import threading
from copy import deepcopy
from typing import Any

UPSTREAM: dict[str, Any] = {
    "latency_ms": 0,
    "clock_ahead_seconds": 0.0,
    "fail": [],
    "fail_rate": 0.0,
    "drop_answer": [],
    "drop_answer_rate": 0.0,
    "down": False,
}
SENDING: dict[str, Any] = {"duplicate_rate": 0.0, "shuffle_seconds": 0.0, "delay_seconds": 0.0, "drop_rate": 0.0}
DEFAULTS: dict[str, dict[str, Any]] = {
    "commercetools": {**UPSTREAM, "rival_rate": 0.0},
    "aftership": {**UPSTREAM, "rate_limit": True, "takes_unrecognized": False},
    "webhooks": {**SENDING, "retry_base_seconds": 30.0},
    "messages": {**SENDING, "retry_base_seconds": 0.2},
}
RULE_NAMES = {"status", "count", "match", "body", "headers"}


class Dials:
    """The present setting of every dial, safe to read and set from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups = deepcopy(DEFAULTS)

    def read(self) -> dict[str, dict[str, Any]]:
        """All dials by group. Rules carry the count that is left."""
        with self._lock:
            return deepcopy(self._groups)

    def merge(self, changes: dict[str, dict[str, Any]]) -> None:
        """Set the dials named, leave the others. Raises ValueError naming the first unknown or ill-typed one."""
        for group, dials in changes.items():
            for name, value in dials.items():
                _check(group, name, value)
        with self._lock:
            for group, dials in changes.items():
                self._groups[group].update(deepcopy(dials))

    def reset(self) -> None:
        """Everything back to rest."""
        with self._lock:
            self._groups = deepcopy(DEFAULTS)

    def value(self, group: str, name: str) -> Any:
        """One dial."""
        return self._groups[group][name]

    def happens(self, group: str, name: str) -> bool:
        """Throw the dice for a rate dial."""
        rate = self._groups[group][name]
        return rate > 0 and random.random() < rate

    def fault(self, group: str, call: str) -> dict[str, Any] | None:
        """The rule that spoils this call ("METHOD /path?query"), used up by one; None if the call may proceed."""
        dials = self._groups[group]
        if dials["down"]:
            return {"status": 503}
        if dials["fail"] and (rule := self._take(dials["fail"], call)):
            return rule
        return {"status": 503} if self.happens(group, "fail_rate") else None

    def drops_answer(self, group: str, call: str) -> bool:
        """Whether the call takes effect but its answer gets lost."""
        rules = self._groups[group]["drop_answer"]
        return bool(rules and self._take(rules, call)) or self.happens(group, "drop_answer_rate")

    def sending_delays(self, group: str) -> list[float]:
        """After how many seconds each copy of a message leaves: usually one copy, two if doubled, none if dropped."""
        if self.happens(group, "drop_rate"):
            return []
        dials = self._groups[group]
        copies = 2 if self.happens(group, "duplicate_rate") else 1
        return [dials["delay_seconds"] + random.uniform(0, dials["shuffle_seconds"]) for _ in range(copies)]

    def _take(self, rules: list[dict[str, Any]], call: str) -> dict[str, Any] | None:
        with self._lock:
            for rule in rules:
                if rule.get("count", 1) > 0 and rule.get("match", "") in call:
                    rule["count"] = rule.get("count", 1) - 1
                    return dict(rule)
        return None


def _check(group: str, name: str, value: Any) -> None:
    if name not in DEFAULTS.get(group, {}):
        raise ValueError(f"unknown dial {group}.{name}")
    rest = DEFAULTS[group][name]
    if isinstance(rest, bool):
        fits = isinstance(value, bool)
    elif isinstance(rest, list):
        fits = isinstance(value, list) and all(isinstance(rule, dict) and rule.keys() <= RULE_NAMES for rule in value)
    else:
        fits = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    if not fits:
        raise ValueError(f"dial {group}.{name} cannot be {value!r}")
