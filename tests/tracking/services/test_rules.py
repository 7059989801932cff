"""A change of rules: its revision, who did it, and what follows for the parcels that it concerns."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from stores.models import Revision, Route
from stores.revisions import Draft, DraftError, StaleDraftError
from stores.rule_set import snapshot
from tests import factories as make
from tracking.enums import JobKind, ParcelStatus, ProblemKind, StaffActionKind
from tracking.models import Job, Remap, StaffAction
from tracking.services.remap import RemapConflict, start_remap
from tracking.services.rules import RulesChanged, change_rules

pytestmark = pytest.mark.django_db
CONSOLE = Revision.Source.CONSOLE


def test_saves_tells_and_reads_waiting_orders_again() -> None:
    lena = User.objects.create_user("lena")
    route = make.make_route(make.make_project(key="demo"), make.make_account(key="main"))
    waiting = make.make_problem(kind=ProblemKind.UNROUTED, order=make.make_order(route.project))
    make.make_problem(kind=ProblemKind.UNROUTED, order=make.make_order())
    draft = Draft("route", route.pk, snapshot(route) | {"promise_days": 5}, route.version)
    changed = change_rules([draft], actor=lena, source=CONSOLE, reason="slower in winter")

    assert (changed.reread, changed.remap) == (1, None)
    assert changed.revision is not None
    assert changed.revision.reason == "slower in winter"
    action = StaffAction.objects.get()
    assert (action.kind, action.actor, action.revision) == (StaffActionKind.CHANGE_RULES, lena, changed.revision)
    assert (action.summary, action.reason) == ("changed demo/* → main", "slower in winter")
    job = Job.objects.get()
    assert (job.kind, job.subject) == (JobKind.COLLECT, str(waiting.order_id))


def test_mapping_that_holds_everywhere_concerns_every_project() -> None:
    for _ in range(2):
        make.make_problem(order=make.make_order())
    mapping = make.make_carrier_mapping(carrier="Post")
    draft = Draft("carrier_mapping", mapping.pk, snapshot(mapping) | {"carrier": "DHL_PKG"})
    assert change_rules([draft], actor=None, source=CONSOLE, reason="").reread == 2


def test_changed_status_rule_is_applied_to_stored_trackings() -> None:
    words = {"courier": None, "code_kind": "raw", "code": "EX-1", "status": ParcelStatus.LOST, "origin": "console"}
    changed = change_rules([Draft("status_rule", None, words)], actor=None, source=CONSOLE, reason="")
    assert changed.revision is not None
    job = Job.objects.get()
    assert (job.kind, job.subject) == (JobKind.APPLY_STATUS_RULES, str(changed.revision.pk))


def test_rule_that_moved_on_is_not_overwritten() -> None:
    route = make.make_route()
    draft = Draft("route", route.pk, snapshot(route) | {"promise_days": 5}, route.version)
    route.promise_days = 7
    route.save()
    with pytest.raises(StaleDraftError, match="was changed meanwhile"):
        change_rules([draft], actor=None, source=CONSOLE, reason="")
    Route.objects.all().delete()
    with pytest.raises(StaleDraftError, match="was removed meanwhile"):
        change_rules([draft], actor=None, source=CONSOLE, reason="")
    assert not StaffAction.objects.exists()


def test_refused_draft_leaves_nothing_behind() -> None:
    route = make.make_route()
    words = snapshot(route)
    with pytest.raises(DraftError):
        change_rules(
            [Draft("route", route.pk, words | {"promise_days": 9}), Draft("route", None, words | {"account": "gone"})],
            actor=None,
            source=CONSOLE,
            reason="",
        )
    route.refresh_from_db()
    assert (route.promise_days, Revision.objects.count(), StaffAction.objects.count()) == (3, 0, 0)


def test_nothing_changed_is_nothing_told() -> None:
    route = make.make_route()
    same = Draft("route", route.pk, snapshot(route))
    assert change_rules([same], actor=None, source=CONSOLE, reason="") == RulesChanged()
    assert not StaffAction.objects.exists()


def test_moves_the_parcels_on_their_way_that_are_decided_otherwise() -> None:
    route = make.make_route(make.make_project(key="demo"), make.make_account(key="main"), countries=["DE"])
    make.make_route(route.project, make.make_account(key="rest"))
    make.make_account(key="other")
    moving, arrived, elsewhere = (
        make.make_parcel(
            make.make_order(route.project, destination_country=country),
            make.make_tracking(route.account, status=status, requested_courier=""),
            route=route,
        )
        for country, status in (("DE", "in_transit"), ("DE", "delivered"), ("AT", "in_transit"))
    )
    draft = Draft("route", route.pk, snapshot(route) | {"account": "other"}, route.version)
    changed = change_rules([draft], actor=None, source=CONSOLE, reason="contract ended", move=True)
    assert changed.remap is not None
    assert (changed.remap.revision, changed.remap.reason, changed.remap.target) == (
        changed.revision,
        "contract ended",
        {},
    )
    assert [item.parcel for item in changed.remap.items.all()] == [moving]
    assert {arrived.pk, elsewhere.pk}.isdisjoint(changed.remap.items.values_list("parcel", flat=True))


def test_parcel_that_waits_in_another_remap_stops_the_whole_change() -> None:
    route = make.make_route(make.make_project(key="demo"), make.make_account(key="main"))
    make.make_account(key="other")
    parcel = make.make_parcel(
        make.make_order(route.project), make.make_tracking(route.account, requested_courier=""), route=route
    )
    start_remap([parcel.pk], {"account": "other"}, actor=None, reason="by hand")
    draft = Draft("route", route.pk, snapshot(route) | {"account": "other"})
    with pytest.raises(RemapConflict):
        change_rules([draft], actor=None, source=CONSOLE, reason="all", move=True)
    route.refresh_from_db()
    assert (route.account.key, Revision.objects.count()) == ("main", 0)


def test_without_the_wish_to_move_nothing_is_moved() -> None:
    route = make.make_route()
    make.make_parcel(make.make_order(route.project), make.make_tracking(route.account))
    draft = Draft("route", route.pk, snapshot(route) | {"account": make.make_account().key})
    assert change_rules([draft], actor=None, source=CONSOLE, reason="").remap is None
    assert not Remap.objects.exists()
