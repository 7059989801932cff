from hypothesis import given
from hypothesis import strategies as st

from stores.routing import Decision, OrderFacts, Rule, Step, choose_route

DE_WEB = OrderFacts(project="demo", store="de-web", country="DE")


def test_no_rules_is_no_route_and_no_trace():
    assert choose_route(DE_WEB, []) == Decision(None, ())


def test_no_match_says_why_for_each_rule():
    rules = [Rule(1, "shop", None, 10), Rule(2, "demo", "at-web", 10), Rule(3, "demo", None, 10, country="AT")]
    assert choose_route(DE_WEB, rules) == Decision(
        None,
        (
            Step(1, False, "project is demo, not shop"),
            Step(2, False, "store is de-web, not at-web"),
            Step(3, False, "country is DE, not AT"),
        ),
    )


def test_first_match_wins_and_ends_the_trace():
    rules = [Rule(7, "demo", "at-web", 10), Rule(8, "demo", "de-web", 20), Rule(9, "demo", None, 30)]
    decision = choose_route(DE_WEB, rules)
    assert decision.rule == rules[1]
    assert decision.trace == (
        Step(7, False, "store is de-web, not at-web"),
        Step(8, True, "project demo, store de-web"),
    )


def test_order_of_the_rules_decides_not_their_id_or_detail():
    wide, narrow = Rule(9, "demo", None, 30), Rule(1, "demo", "de-web", 20, country="DE")
    assert choose_route(DE_WEB, [wide, narrow]).rule == wide
    assert choose_route(DE_WEB, [narrow, wide]).rule == narrow


def test_order_without_a_store_matches_only_what_asks_for_none():
    facts = OrderFacts(project="demo", store="", country="")
    rules = [Rule(1, "demo", "de-web", 10), Rule(2, "demo", "", 20), Rule(3, "demo", None, 30)]
    decision = choose_route(facts, rules)
    assert decision.rule == rules[1]
    assert decision.trace == (
        Step(1, False, "store is none, not de-web"),
        Step(2, True, "project demo, store none"),
    )
    assert choose_route(DE_WEB, rules[1:]).rule == rules[2]


def test_country_narrows_a_rule():
    rule = Rule(1, "demo", None, 10, country="DE")
    assert choose_route(DE_WEB, [rule]).trace == (Step(1, True, "project demo, country DE"),)


keys = st.sampled_from(["", "a", "b"])
rules = st.lists(st.builds(Rule, st.integers(), keys, st.none() | keys, st.integers(), st.none() | keys), max_size=6)


@given(st.builds(OrderFacts, keys, keys, keys), rules)
def test_trace_holds_every_look_and_only_the_last_can_hit(facts, rules):
    decision = choose_route(facts, rules)
    assert [step.rule_id for step in decision.trace] == [rule.id for rule in rules[: len(decision.trace)]]
    assert not any(step.hit for step in decision.trace[:-1])
    if decision.rule is None:
        assert len(decision.trace) == len(rules)
        assert not any(step.hit for step in decision.trace)
    else:
        assert decision.trace[-1].hit
        assert rules[len(decision.trace) - 1] == decision.rule
