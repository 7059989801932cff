"""Couriers that turn out to be others: corrected, not recognised, silent; found, proposed, mapped, healed."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from django.utils.http import urlencode

from stores.models import CarrierMapping, Courier, Revision, Store
from tests.end_to_end.world import World, parcel
from tracking.enums import ProblemKind
from tracking.models import Parcel, Problem, Remap, Tracking
from tracking.services.doubts import examine_all
from tracking.services.number_forms import best_courier
from tracking.services.reapply import reapply_rules

NUMBER, ODD = "00340434161094000001", "QQ-4711-ODD"


def the_problem() -> Problem:
    return Problem.objects.get(closed_at=None)


def maps(carrier: str, slug: str, **scope: Any) -> CarrierMapping:
    courier, _ = Courier.objects.get_or_create(slug=slug)
    return CarrierMapping.objects.create(carrier=carrier, courier=courier, **scope)


def test_webhook_finds_its_parcel_after_aftership_changed_the_courier(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit", courier="austrian-post")
    world.work()
    world.scan(world.tracking(NUMBER), "Delivered")
    world.work()
    tracking = world.tracking(NUMBER)
    assert (tracking.courier, tracking.requested_courier, tracking.status) == (
        "austrian-post",
        "dhl-germany",
        "delivered",
    )
    [fields] = world.carried(order).values()
    assert (fields["tb_courier"], fields["tb_status"]) == ("austrian-post", "delivered")
    problem = the_problem()
    assert problem.kind == ProblemKind.CARRIER_MISMATCH
    assert problem.cause == "We asked for dhl-germany, AfterShip tracks it with austrian-post."
    assert "AfterShip changed the courier to austrian-post by itself." in problem.evidence
    assert problem.proposal == {"courier": "austrian-post", "carrier": "DHL"}


def test_mapping_moves_a_tracking_that_aftership_has_not_recognised(world: World) -> None:
    world.sandbox.set_dials(aftership={"takes_unrecognized": True})
    order = world.order(parcel(ODD, "Fahrradkurier"))
    world.work()
    before = world.tracking(ODD)
    assert (before.courier, the_problem().kind) == ("unrecognized", ProblemKind.UNMAPPED_CARRIER)
    reapply_rules([world.project])
    world.work()
    assert world.tracking(ODD).pk == before.pk, "no rule knows better yet"
    maps("fahrrad-kurier", "gls")
    reapply_rules([world.project])
    world.work()
    after = world.tracking(ODD)
    assert after.courier == after.requested_courier == "gls"
    assert [one["slug"] for one in world.sandbox.trackings("main")] == ["gls"]
    assert not Problem.objects.filter(closed_at=None).exists()
    assert next(iter(world.carried(order).values()))["tb_tracking_id"] == after.pk
    assert Tracking.objects.get(pk=before.pk).retired_at


def test_same_text_is_two_couriers_in_two_stores_and_both_are_right(world: World) -> None:
    for store, slug in (("de-web", "deutsch-post"), ("en-web", "royal-mail")):
        maps("Post", slug, project=world.project, store=Store.objects.get(key=store))
    world.order(parcel("RR123456785DE", "Post"))
    world.order(parcel("RR123456785GB", "POST."), number="EN-1", store={"typeId": "store", "key": "en-web"})
    world.work()
    assert {one["tracking_number"]: one["slug"] for one in world.sandbox.trackings("main")} == {
        "RR123456785DE": "deutsch-post",
        "RR123456785GB": "royal-mail",
    }


def test_silent_tracking_of_a_wrong_courier_is_found_by_detection_and_heals_by_news(world: World) -> None:
    world.order(parcel(NUMBER, "UPS"))
    world.work()
    Tracking.objects.update(opened_at=timezone.now() - timedelta(hours=25))
    examine_all()
    world.work()
    problem = the_problem()
    assert problem.kind == ProblemKind.CARRIER_DOUBTFUL
    assert problem.proposal == {"courier": "dhl-germany", "carrier": "UPS"}
    world.scan(world.tracking(NUMBER), "InTransit")
    world.work()
    assert not Problem.objects.filter(closed_at=None).exists()


@pytest.mark.parametrize("times", [1, 3])
def test_news_teach_which_courier_has_numbers_of_this_form(world: World, times: int) -> None:
    world.order(*(parcel(f"0034043416109400000{number}") for number in range(times)))
    world.work()
    for tracking in Tracking.objects.all():
        for tag in ("InTransit", "Delivered"):
            world.scan(tracking, tag)
    world.work()
    best = best_courier(NUMBER)
    assert best
    assert (best.courier, best.count, best.total) == ("dhl-germany", times, times)


# ── mapped by an agent ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def agent(world: World, client: Client) -> Client:
    user = User.objects.create_user("agent", is_staff=True)
    codes = [
        "view_carriermapping",
        "add_carriermapping",
        "change_carriermapping",
        "remap_parcel",
        "view_problem",
        "view_parcel",
    ]
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    client.force_login(user)
    return client


def map_to(agent: Client, carrier: str, courier: str, scope: str = "store") -> str:
    address = f"/admin/carriers/map/?{urlencode({'project': 'demo', 'store': 'de-web', 'carrier': carrier})}"
    form = {"action": "map", "courier": courier, "scope": scope, "reason": "asked the shop"}
    return agent.post(address, form, follow=True).content.decode()


def test_agents_mapping_opens_what_was_not_recognised_or_refused(world: World, agent: Client) -> None:
    Courier.objects.create(slug="gls")
    refused = world.order(parcel("QQ-1-ODD", "Fahrradkurier"))
    world.work()
    world.sandbox.set_dials(aftership={"takes_unrecognized": True})
    unrecognised = world.order(parcel("QQ-2-ODD", "FAHRRAD-KURIER"), number="DE-1002")
    world.work()
    assert "2 orders are read again." in map_to(agent, "Fahrradkurier", "gls")
    world.work()
    assert sorted(one["slug"] for one in world.sandbox.trackings("main")) == ["gls", "gls"]
    for order in (refused, unrecognised):
        [fields] = world.carried(order).values()
        assert (fields["tb_courier"], fields["tb_status"]) == ("gls", "pending")
    assert not Problem.objects.filter(closed_at=None).exists()


def test_agents_mapping_moves_what_stands_with_another_courier_and_leaves_what_is_right(
    world: World, agent: Client
) -> None:
    """Detection made two couriers of one text: the wrong one is moved, the right one is not touched."""
    world.order(parcel("99123456789012", "Bote"), parcel(NUMBER, "Bote"))
    world.work()
    assert {one["slug"] for one in world.sandbox.trackings("main")} == {"hermes-de", "dhl-germany"}
    right = world.tracking(NUMBER)
    assert "1 parcel is moved." in map_to(agent, "Bote", "dhl-germany")
    world.work()
    couriers = {one["tracking_number"]: one["slug"] for one in world.sandbox.trackings("main")}
    assert couriers == {"99123456789012": "dhl-germany", NUMBER: "dhl-germany"}
    assert world.tracking(NUMBER).pk == right.pk
    remap = Remap.objects.get()
    assert (remap.state, remap.actor_name, remap.reason) == ("done", "agent", "asked the shop")
    assert remap.revision == Revision.objects.get()


def test_correction_by_aftership_is_mapped_for_good_from_its_problem(world: World, agent: Client) -> None:
    world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit", courier="austrian-post")
    world.work()
    Courier.objects.get_or_create(slug="austrian-post")
    page = agent.get(f"/admin/tracking/problem/{the_problem().pk}/change/").content.decode()
    assert "AfterShip changed the courier to austrian-post by itself." in page
    link = "/admin/carriers/map/?project=demo&amp;store=de-web&amp;carrier=DHL&amp;courier=austrian-post"
    assert link in page
    remap = f"/admin/remap/?parcel={Parcel.objects.get().pk}&amp;courier=austrian-post"
    assert remap in page
    assert 'name="courier" list="tb-couriers" value="austrian-post"' in agent.get(unescape(remap)).content.decode()
    assert "“DHL” is austrian-post now." in map_to(agent, "DHL", "austrian-post")
    world.order(parcel("00340434161094000002"), number="DE-1002")
    world.work()
    assert world.tracking("00340434161094000002").courier == "austrian-post"
