"""Rules as one value, and their revisions: what decides, what a draft would decide, and what can be brought back."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError

from stores.models import CarrierMapping, Revision, Route
from stores.revisions import Draft, DraftError, back_to, save_drafts
from stores.routing import ParcelFacts
from stores.rule_set import load_rule_set, snapshot
from tests import factories as make

pytestmark = pytest.mark.django_db
CONSOLE = Revision.Source.CONSOLE


def test_narrowest_mapping_wins_whatever_the_spelling() -> None:
    project = make.make_project(key="demo")
    store, channel = make.make_store(project, key="de-web"), make.make_channel(project, key="berlin")
    make.make_route(project, account=make.make_account(key="main"))
    for slug, scope in {
        "everywhere": {},
        "of-project": {"project": project},
        "of-store": {"project": project, "store": store},
        "of-channel": {"project": project, "channel": channel},
    }.items():
        make.make_carrier_mapping(make.make_courier(slug), carrier="Post", **scope)
    rules = load_rule_set()

    def courier(project: str = "demo", store: str = "", channels: tuple[str, ...] = ()) -> str:
        facts = ParcelFacts(project=project, store=store, carrier=" p.o.s.t ", supply_channels=frozenset(channels))
        return rules.courier_for(facts, rules.routes[0]).slug

    assert courier(store="de-web", channels=("berlin", "zurich")) == "of-channel"
    assert courier(store="de-web") == "of-store"
    assert courier(store="at-web") == "of-project"
    assert courier(project="other", store="de-web") == "everywhere"


def test_unmapped_text_is_a_slug_or_the_only_courier_of_the_set_or_left_to_detection() -> None:
    project = make.make_project(key="demo")
    make.make_courier("gls")
    make.make_courier("named-only", imported_at=None)
    make.make_route(project, couriers=["dpd"], store=(store := make.make_store(project, key="dpd-only")))
    make.make_route(project)
    rules = load_rule_set([project], ["gls", "named-only", "whatever"])

    def decided(carrier: str, store: str = "") -> tuple[str, str]:
        decision = rules.decide(ParcelFacts(project="demo", store=store, carrier=carrier))
        assert decision.courier is not None
        return decision.courier.slug, decision.courier.because

    assert decided("gls", store.key) == ("gls", "the text 'gls' is AfterShip's own name")
    assert decided("whatever", store.key)[0] == "dpd"
    assert decided("named-only") == ("", "nothing maps 'named-only': left to AfterShip's detection")


def test_rule_that_tracks_nothing_decides_no_courier() -> None:
    project = make.make_project(key="demo")
    Route.objects.create(project=project, do_not_track=True, direction="returns")
    decision = load_rule_set().decide(ParcelFacts(project="demo", is_return=True))
    assert decision.rule is not None
    assert (decision.courier, decision.target) == (None, ("", ""))


def test_draft_is_tried_out_without_being_saved() -> None:
    project = make.make_project(key="demo")
    route = make.make_route(project, account=make.make_account(key="main"))
    make.make_account(key="other")
    rules = load_rule_set()
    facts = ParcelFacts(project="demo", country="AT")
    words = snapshot(route) | {"countries": ["AT"], "account": "other", "position": 1}
    assert rules.with_changes([("route", -1, words)]).decide(facts).target == ("other", "")
    assert rules.with_changes([("route", route.pk, None)]).decide(facts).rule is None
    assert rules.decide(facts).target == ("main", "")
    assert Route.objects.count() == 1


def test_every_change_is_a_revision_and_can_be_brought_back() -> None:
    project = make.make_project(key="demo")
    person = User.objects.create_user("lena")
    first = save_drafts(
        [Draft("route", None, route_words(make.make_account(key="main").key))], source=CONSOLE, actor=person
    )
    assert first is not None
    route = Route.objects.get()
    make.make_carrier_mapping(project=project, carrier="Post")
    mapping = CarrierMapping.objects.get()
    save_drafts(
        [
            Draft("route", route.pk, snapshot(route) | {"promise_days": 9}),
            Draft("carrier_mapping", mapping.pk, None),
        ],
        source=CONSOLE,
        reason="peak",
    )
    route.refresh_from_db()
    assert (route.promise_days, route.version, CarrierMapping.objects.count()) == (9, 2, 0)
    save_drafts(back_to(first), source=Revision.Source.ROLLBACK, restores=first)
    route.refresh_from_db()
    assert (route.promise_days, route.version) == (3, 3)
    assert CarrierMapping.objects.get().pk == mapping.pk
    assert snapshot(CarrierMapping.objects.get()) == snapshot(mapping)
    assert [(one.source, one.reason, one.actor_name, len(one.changes)) for one in Revision.objects.all()] == [
        ("rollback", "", "", 2),
        ("console", "peak", "", 2),
        ("console", "", "lena", 1),
    ]
    assert back_to(first) == []


def test_draft_that_leads_nowhere_names_the_field_and_saves_nothing() -> None:
    make.make_project(key="demo")
    good = Draft("route", None, route_words(make.make_account(key="main").key))
    with pytest.raises(DraftError) as error:
        save_drafts([good, Draft("route", None, route_words("nobody"))], source=CONSOLE)
    assert (error.value.field, error.value.cause) == ("account", "there is no account nobody")
    with pytest.raises(DraftError) as error:
        save_drafts([Draft("route", None, route_words("main") | {"notify": "pigeon"})], source=CONSOLE)
    assert error.value.field == "notify"
    assert not Route.objects.exists()
    assert not Revision.objects.exists()


def test_same_conditions_twice_are_refused_by_the_database() -> None:
    make.make_project(key="demo")
    words = route_words(make.make_account(key="main").key) | {"countries": ["DE", "AT"]}
    save_drafts([Draft("route", None, words)], source=CONSOLE)
    with pytest.raises(IntegrityError):
        save_drafts([Draft("route", None, words | {"countries": ["AT", "DE"], "promise_days": 1})], source=CONSOLE)


def test_nothing_changed_is_no_revision() -> None:
    route = make.make_route()
    assert save_drafts([Draft("route", route.pk, snapshot(route))], source=CONSOLE) is None


def route_words(account: str) -> dict[str, object]:
    """A route of project demo for everything."""
    return {
        "name": "", "project": "demo", "store": None, "channel": None, "channel_role": "", "countries": [],
        "carriers": [], "field_name": "", "field_values": [], "direction": "all", "is_default": False,
        "do_not_track": False, "account": account, "brand": None, "couriers": [], "promise_days": 3,
        "promise_days_by_country": {}, "notify": "off", "notify_by_status": {}, "position": 10, "is_active": True,
        "origin": "console",
    }  # fmt: skip
