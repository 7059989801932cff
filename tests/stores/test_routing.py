from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.routing import ParcelFacts, RouteDecision, Rule, Step, choose_route, conditions_key, covers, in_order, look

FACTS = ParcelFacts(
    project="demo",
    store="de-web",
    country="DE",
    carrier="DHL Paket",
    supply_channels=frozenset(["berlin"]),
    distribution_channels=frozenset(["outlet", "retail"]),
    fields=(("brand", ("acme", "nova")), ("vip", ("true",))),
)


def rule(number: int = 1, **conditions: Any) -> Rule:
    return Rule(**{"id": number, "project": "demo"} | conditions)


def test_no_rules_is_no_route_and_no_trace():
    assert choose_route(FACTS, []) == RouteDecision(None, ())


def test_no_match_says_why_for_each_rule():
    rules = [rule(1, project="shop"), rule(2, store="at-web"), rule(3, countries=frozenset(["CH", "AT"]), version=4)]
    assert choose_route(FACTS, rules) == RouteDecision(
        None,
        (
            Step(1, False, "project is demo, not shop"),
            Step(2, False, "store is de-web, not at-web"),
            Step(3, False, "country is DE, not AT or CH", 4),
        ),
    )


def test_first_match_wins_and_ends_the_trace():
    rules = [rule(7, store="at-web"), rule(8, store="de-web"), rule(9)]
    decision = choose_route(FACTS, rules)
    assert decision.rule == rules[1]
    assert decision.trace == (
        Step(7, False, "store is de-web, not at-web"),
        Step(8, True, "project demo, store de-web"),
    )


@pytest.mark.parametrize(
    ("conditions", "hit", "reason"),
    [
        ({"store": ""}, False, "store is de-web, not none"),
        ({"direction": "outbound"}, True, "project demo, direction outbound"),
        ({"direction": "returns"}, False, "direction is outbound, not returns"),
        ({"countries": frozenset(["DE", "AT"])}, True, "project demo, country DE"),
        ({"channel": "berlin"}, True, "project demo, channel berlin"),
        ({"channel": "outlet"}, True, "project demo, channel outlet"),
        ({"channel": "berlin", "channel_role": "supply"}, True, "project demo, supply channel berlin"),
        (
            {"channel": "berlin", "channel_role": "distribution"},
            False,
            "distribution channel is outlet and retail, not berlin",
        ),
        ({"channel": "paris"}, False, "channel is berlin and outlet and retail, not paris"),
        ({"carriers": frozenset(["dhlpaket"])}, True, "project demo, carrier 'DHL Paket'"),
        ({"carriers": frozenset(["ups"])}, False, "carrier 'DHL Paket' is not one of this rule's"),
        ({"field_name": "brand", "field_values": frozenset(["nova"])}, True, "project demo, field brand nova"),
        (
            {"field_name": "brand", "field_values": frozenset(["zeta"])},
            False,
            "field brand is acme and nova, not zeta",
        ),
        ({"field_name": "vip"}, True, "project demo, field vip is set"),
        ({"field_name": "gift"}, False, "field gift is not set"),
        ({"is_default": True}, True, "project demo (the default)"),
    ],
)
def test_each_condition_says_what_it_saw(conditions, hit, reason):
    assert look(FACTS, rule(**conditions)) == Step(1, hit, reason)


def test_return_parcel_takes_the_lane_for_returns():
    facts = ParcelFacts(project="demo", is_return=True)
    assert look(facts, rule(direction="returns")).hit
    assert not look(facts, rule(direction="outbound")).hit


def test_position_decides_then_age_and_the_default_comes_last():
    rules = [rule(1, is_default=True), rule(5, position=20), rule(4, position=20), rule(9, position=10)]
    assert [one.id for one in in_order(rules)] == [9, 4, 5, 1]


def test_draft_of_a_new_rule_is_tried_where_it_will_stand_once_it_is_saved():
    assert [one.id for one in in_order([rule(-2), rule(-1), rule(7)])] == [7, -1, -2]


def test_same_conditions_in_another_spelling_have_one_key():
    assert conditions_key(store=3, carriers=["DHL Paket", "ups"], countries=["DE", "AT"], channel=None) == (
        conditions_key(store=3, carriers=["U.P.S.", "dhl-paket"], countries=["AT", "DE", "AT"])
    )
    assert conditions_key(store=3) != conditions_key(store=4)


keys = st.sampled_from(["a", "b"])
sets = st.frozensets(keys, max_size=2)
any_facts = st.builds(
    ParcelFacts,
    project=keys,
    store=st.sampled_from(["", "a", "b"]),
    country=st.sampled_from(["", "a", "b"]),
    carrier=keys,
    is_return=st.booleans(),
    supply_channels=sets,
    distribution_channels=sets,
    fields=st.lists(st.tuples(keys, st.tuples(keys)), max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
)
any_rule = st.builds(
    Rule,
    id=st.integers(1, 99),
    project=keys,
    store=st.none() | st.sampled_from(["", "a", "b"]),
    channel=st.none() | keys,
    channel_role=st.sampled_from(["", "supply", "distribution"]),
    countries=sets,
    carriers=sets,
    field_name=st.sampled_from(["", "a", "b"]),
    field_values=sets,
    direction=st.sampled_from(["all", "outbound", "returns"]),
)


@given(any_facts, st.lists(any_rule, max_size=6))
def test_trace_holds_every_look_and_only_the_last_can_hit(facts, rules):
    decision = choose_route(facts, rules)
    assert [step.rule_id for step in decision.trace] == [one.id for one in rules[: len(decision.trace)]]
    assert not any(step.hit for step in decision.trace[:-1])
    assert choose_route(facts, rules) == decision
    if decision.rule is None:
        assert len(decision.trace) == len(rules)
        assert not any(step.hit for step in decision.trace)
    else:
        assert decision.trace[-1].hit
        assert rules[len(decision.trace) - 1] == decision.rule


@given(any_facts, any_rule, any_rule)
def test_a_rule_that_is_covered_never_matches_where_the_first_does_not(facts, first, later):
    if covers(first, later) and look(facts, later).hit:
        assert look(facts, first).hit
