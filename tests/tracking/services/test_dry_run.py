"""A draft tried out on parcels: it says what deciding each of them says, and who would lose what."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from django.utils import timezone

from stores.models import CarrierMapping, Revision, Route
from stores.revisions import Draft, save_drafts
from stores.rule_set import KINDS, RuleSet, load_rule_set, snapshot
from tests import factories as make
from tracking.enums import ParcelStatus
from tracking.models import Parcel
from tracking.services.dry_run import MOST_SAMPLES, Outcome, dry_run
from tracking.services.link import Chooser

pytestmark = pytest.mark.django_db
CARRIERS = ["DHL", "Post", "gls", "Hermes", ""]
COUNTRIES = ["DE", "AT", "CH", ""]


def drafted(now: RuleSet, drafts: list[Draft]) -> RuleSet:
    """New rules as -1, -2, … in the order of the drafts."""
    numbers = iter(range(-1, -100, -1))
    return now.with_changes((draft.kind, draft.id or next(numbers), draft.words) for draft in drafts)


@pytest.mark.parametrize("seed", range(12))
def test_says_what_deciding_each_parcel_says(seed: int) -> None:
    world = World(random.Random(seed))
    now = load_rule_set()
    drafts = world.drafts()
    found = dry_run(now, drafted(now, drafts))
    before = world.decided()
    revision = save_drafts(drafts, source=Revision.Source.CONSOLE)
    new_ids = [change["id"] for change in (revision.changes if revision else []) if change["before"] is None]
    after = world.decided()

    asked = Parcel.objects.filter(removed_at=None).exclude(tracking_number="").order_by("-pk")
    unlike = [one for one in asked if before[one.pk] != after[one.pk]]
    free = [one for one in unlike if not one.override]
    assert found.looked_at == asked.count() > 0
    assert found.decided_otherwise == len(free)
    assert found.chosen_by_hand == len(unlike) - len(free)
    assert found.to_move == [one.pk for one in free]
    assert found.lose_route == sum(after[one.pk].route is None for one in free)
    assert found.gain_route == sum(before[one.pk].route is None for one in free)
    shown = {one.parcel_id: (one.before, one.after) for one in found.samples}
    for one in free[:MOST_SAMPLES]:
        old, new = shown[one.pk]
        assert old == before[one.pk]
        assert new._replace(route=0) == after[one.pk]._replace(route=0)
        assert new.route == after[one.pk].route or (new.route in (-1, -2) and after[one.pk].route in new_ids)
    accounts = Counter((before[one.pk].account, after[one.pk].account) for one in free)
    assert found.changes.get("account", Counter()) == Counter({k: n for k, n in accounts.items() if k[0] != k[1]})


class World:
    """Projects, stores, channels, rules and parcels at random, of which many meet."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.projects = [make.make_project(key=key) for key in ("demo", "other")]
        self.stores = [make.make_store(project, key=f"{project.key}-web") for project in self.projects]
        self.channels = [make.make_channel(project, key=f"{project.key}-berlin") for project in self.projects]
        self.accounts = [make.make_account(key=key) for key in ("main", "spare")]
        self.brands = [None, make.make_brand(key="acme")]
        self.slugs = [make.make_courier(slug).slug for slug in ("dhl", "gls", "dpd")]
        for _ in range(6):
            words = self.route_words()
            self.save(Draft("route", None, words))
        for _ in range(4):
            self.save(Draft("carrier_mapping", None, self.mapping_words()))
        for _ in range(40):
            self.parcel()

    def save(self, draft: Draft) -> None:
        if self.is_new(draft):
            save_drafts([draft], source=Revision.Source.FILE)

    def is_new(self, draft: Draft, also: tuple[dict[str, Any], ...] = ()) -> bool:
        """No two rules with the same scope: the database refuses them."""
        rest = [snapshot(row) for row in KINDS[draft.kind].objects.exclude(pk=draft.id)]
        return all(self.scope(draft.kind, draft.words) != self.scope(draft.kind, one) for one in [*rest, *also])

    def scope(self, kind: str, words: Any) -> Any:
        if kind == "carrier_mapping":
            return [words[name] for name in ("carrier", "project", "store", "channel")]
        names = ("project", "store", "channel", "countries", "carriers", "field_name", "field_values", "direction")
        return [words[name] for name in names]

    def route_words(self) -> dict[str, Any]:
        dice = self.dice
        at = dice.randrange(2)
        silent = dice.random() < 0.15
        field = dice.choice(["", "", "vip"])
        return {
            "name": "", "project": self.projects[at].key, "channel_role": "", "is_default": False, "is_active": True,
            "store": dice.choice([None, None, self.stores[at].key]),
            "channel": dice.choice([None, None, self.channels[at].key]),
            "countries": dice.choice([[], [], ["AT"], ["DE"]]), "carriers": dice.choice([[], [], ["DHL"]]),
            "field_name": field, "field_values": dice.choice([[], ["yes"]]) if field else [],
            "direction": dice.choice(["all", "all", "returns"]), "do_not_track": silent,
            "account": None if silent else dice.choice(self.accounts).key,
            "brand": getattr(dice.choice(self.brands), "key", None), "couriers": dice.choice([[], ["dpd"]]),
            "promise_days": 3, "promise_days_by_country": {}, "notify": "off", "position": dice.randrange(100),
            "origin": "console",
        }  # fmt: skip

    def mapping_words(self) -> dict[str, Any]:
        at = self.dice.randrange(2)
        scope: dict[str, Any] = {"project": None, "store": None, "channel": None}
        wide = self.dice.randrange(4)
        if wide:
            scope["project"] = self.projects[at].key
        if wide == 2:
            scope["store"] = self.stores[at].key
        if wide == 3:
            scope["channel"] = self.channels[at].key
        carrier = self.dice.choice(CARRIERS[:-1])
        courier = self.dice.choice(self.slugs)
        return {"carrier": carrier, "courier": courier, "extra_fields": {}, "origin": "console"} | scope

    def parcel(self) -> None:
        dice = self.dice
        at = dice.randrange(2)
        pair = dice.choice([["", ""], [self.channels[at].commercetools_id, ""], ["", "not-imported"]])
        order = make.make_order(
            self.projects[at],
            store=dice.choice([None, self.stores[at]]),
            destination_country=dice.choice(COUNTRIES),
            item_channels={"a": pair, "b": [self.channels[at].commercetools_id, ""]},
            custom_fields=dice.choice([{}, {"vip": ["yes"]}, {"vip": ["no"], "note": [str(dice.random())]}]),
        )
        make.make_parcel(
            order,
            carrier=dice.choice(CARRIERS),
            tracking_number=dice.choice(["", "0034", "0035"]),
            is_return=dice.random() < 0.2,
            items=dice.choice([{}, {"a": 1}]),
            override={"account": "spare"} if dice.random() < 0.1 else {},
            removed_at=timezone.now() if dice.random() < 0.1 else None,
        )

    def drafts(self) -> list[Draft]:
        """A new rule, changed ones, removed ones."""
        drafts: list[Draft] = []
        for kind, new in (("route", self.route_words), ("carrier_mapping", self.mapping_words)):
            rows = list(KINDS[kind].objects.order_by("pk"))
            removed, changed = self.dice.sample(rows, 2)
            drafts.append(Draft(kind, removed.pk, None))
            words = new()
            if self.is_new(Draft(kind, changed.pk, words)):
                drafts.append(Draft(kind, changed.pk, words))
            if self.is_new(Draft(kind, None, added := new()), (words,)):
                drafts.append(Draft(kind, None, added))
        return drafts

    def decided(self) -> dict[int, Outcome]:
        """What the rows' rules make of each parcel, one by one; what a person chose is taken away first."""
        outcomes = {}
        for parcel in Parcel.objects.select_related("order__project", "order__store"):
            parcel.override = {}
            choice = Chooser.of([parcel.order.project], [parcel.carrier]).choose(parcel.order, parcel)
            if choice is None:
                outcomes[parcel.pk] = Outcome()
                continue
            brand = choice.route.brand.key if choice.route.brand else ""
            if choice.account is None:
                outcomes[parcel.pk] = Outcome(choice.route.pk, False, "", "", brand)
            else:
                outcomes[parcel.pk] = Outcome(choice.route.pk, True, choice.account.key, choice.courier.slug, brand)
        return outcomes


def test_counts_who_would_lose_a_carrier_and_who_stands_until_moved() -> None:
    route = make.make_route(make.make_project(key="demo"), make.make_account(key="main"))
    mapping = make.make_carrier_mapping(make.make_courier("dhl-germany"), carrier="DHL Paket")
    order = make.make_order(route.project)
    opened = make.make_parcel(order, make.make_tracking(route.account))
    arrived = make.make_parcel(order, make.make_tracking(route.account, status=ParcelStatus.DELIVERED))
    waiting = make.make_parcel(order, make.make_tracking(route.account, opened_at=None))
    other = make.make_parcel(order, make.make_tracking(route.account), carrier="GLS")
    now = load_rule_set()
    found = dry_run(now, now.with_changes([("carrier_mapping", mapping.pk, None)]))
    assert (found.looked_at, found.decided_otherwise, found.lose_courier, found.gain_courier) == (4, 3, 3, 0)
    assert (found.stand, found.finished, found.lose_route) == (1, 1, 0)
    assert found.to_move == [waiting.pk, opened.pk]
    assert found.changes == {"courier": Counter({("dhl-germany", ""): 3})}
    assert [(one.parcel_id, one.stands) for one in found.samples] == [
        (waiting.pk, False),
        (arrived.pk, True),
        (opened.pk, True),
    ]
    assert other.pk not in found.to_move
    back = dry_run(now.with_changes([("carrier_mapping", mapping.pk, None)]), now)
    assert (back.lose_courier, back.gain_courier) == (0, 3)


def test_looks_at_the_newest_of_these_projects_only_and_says_which_rule_matched() -> None:
    route, elsewhere = make.make_route(), make.make_route()
    parcels = [make.make_parcel(make.make_order(route.project), tracking_number=f"N{n}") for n in range(3)]
    make.make_parcel(make.make_order(elsewhere.project), tracking_number="N9")
    make.make_parcel(make.make_order(route.project, deleted_at=timezone.now()), tracking_number="N8")
    now = load_rule_set()
    found = dry_run(now, now.with_changes([("route", route.pk, None)]), limit=2, projects=[route.project])
    assert (found.looked_at, found.lose_route, found.unmatched) == (2, 2, {(route.project.key, ""): 2})
    assert found.to_move == [parcels[2].pk, parcels[1].pk]
    assert found.matched == {}
    assert dry_run(now, now).matched == {route.pk: 3, elsewhere.pk: 1}


def test_asks_two_questions_however_many_parcels(django_assert_num_queries: Any) -> None:
    route = make.make_route()
    for n in range(5):
        make.make_parcel(make.make_order(route.project), tracking_number=f"N{n}")
    now = load_rule_set()
    with django_assert_num_queries(2):
        dry_run(now, RuleSet())


def test_world_has_rules_of_both_kinds() -> None:
    """Else the comparison above would compare nothing."""
    World(random.Random(1))
    assert Route.objects.count() > 3
    assert CarrierMapping.objects.count() > 2
