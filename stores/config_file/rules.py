"""Rules of a file in the words that rows are compared in (`stores.rule_set.snapshot`): whole, and told apart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from stores.carriers import normalise_carrier
from stores.models import Origin
from stores.routing import conditions_key
from stores.rule_set import FIELDS, KINDS
from stores.rule_words import condition_words

SECTIONS = {"route": "routes", "carrier_mapping": "carrier_mappings", "status_rule": "status_rules"}


def words_of(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """A rule of the file as `snapshot` would give it: a key that is left out is at its default."""
    defaults = {name: KINDS[kind]._meta.get_field(name).get_default() for name in FIELDS[kind]}
    return defaults | dict(values) | {"origin": str(Origin.FILE)}


def identity(kind: str, words: Mapping[str, Any]) -> Hashable:
    """What tells one rule from another: a route by its conditions, a mapping by text and scope."""
    if kind == "carrier_mapping":
        return normalise_carrier(words["carrier"]), words["project"], words["store"], words["channel"]
    if kind == "status_rule":
        return words["code_kind"], words["code"], words["courier"]
    if words["is_default"]:
        return words["project"], "default"
    return words["project"], conditions_key(
        store=words["store"],
        channel=words["channel"],
        channel_role=words["channel_role"] if words["channel"] else "",
        countries=words["countries"],
        carriers=words["carriers"],
        field_name=words["field_name"],
        field_values=words["field_values"] if words["field_name"] else [],
        direction=words["direction"],
    )


def rule_label(kind: str, words: Mapping[str, Any]) -> str:
    """What a person calls the rule: ``route demo: to AT``, ``mapping 'Post' of demo/at-web``."""
    if kind == "carrier_mapping":
        places = [words["project"], words["store"], words["channel"] and f"channel {words['channel']}"]
        scope = "/".join(place for place in places if place)
        return f"mapping '{words['carrier']}'" + (f" of {scope}" if scope else "")
    if kind == "status_rule":
        return f"status rule {words['code_kind']} {words['code']} of {words['courier'] or 'every courier'}"
    return f"route {words['project']}: {'; '.join(condition_words(words))}"
