"""One sender of record per status: AfterShip is given the address where it writes, and made to forget it where not."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from stores.models import Revision, Route
from stores.revisions import Draft
from stores.rule_checks import two_senders
from stores.rule_set import snapshot
from tests import factories as make
from tracking.enums import JobKind, ProblemKind
from tracking.models import Job, Problem
from tracking.services.push import news_for
from tracking.services.rules import change_rules
from tracking.services.senders import check_senders

pytestmark = pytest.mark.django_db
TOLD = "someone@example.com"


def parcel_of(notify: str, by_status: dict[str, str] | None = None, **facts: Any) -> Any:
    route = make.make_route(notify=notify, notify_by_status=by_status or {}, brand=make.make_brand())
    order = make.make_order(route.project, customer_email=TOLD)
    return make.make_parcel(order, facts.pop("tracking", None) or make.make_tracking(route.account), route=route)


@pytest.mark.parametrize(
    ("notify", "by_status", "customers"),
    [
        ("off", {}, []),
        ("platform", {}, []),
        ("aftership", {}, [{"role": "buyer", "email": TOLD, "language": "de"}]),
        ("platform", {"delivered": "aftership"}, [{"role": "buyer", "email": TOLD, "language": "de"}]),
        ("off", {"delivered": "aftership"}, [{"role": "buyer", "email": TOLD, "language": "de"}]),
    ],
)
def test_aftership_knows_whom_to_write_to_only_where_it_writes(
    notify: str, by_status: dict[str, str], customers: list[dict[str, str]]
) -> None:
    assert news_for(parcel_of(notify, by_status).tracking)["customers"] == customers


def test_a_route_that_aftership_no_longer_tells_makes_it_forget_the_shopper() -> None:
    parcel = parcel_of("aftership")
    gone = make.make_parcel(
        parcel.order, make.make_tracking(parcel.route.account, status="delivered"), route=parcel.route
    )
    words = snapshot(parcel.route) | {"notify": "platform"}
    change_rules(
        [Draft("route", parcel.route_id, words)], actor=None, source=Revision.Source.CONSOLE, reason="Ours now"
    )
    job = Job.objects.get(kind=JobKind.UPDATE)
    assert (job.subject, job.priority) == (parcel.tracking_id, 10)
    assert gone.tracking_id != job.subject
    parcel.tracking.refresh_from_db()
    assert news_for(parcel.tracking)["customers"] == []


def test_a_change_that_leaves_the_sender_tells_aftership_nothing() -> None:
    parcel = parcel_of("platform")
    words = snapshot(parcel.route) | {"promise_days": 9}
    change_rules([Draft("route", parcel.route_id, words)], actor=None, source=Revision.Source.CONSOLE, reason="Slower")
    assert not Job.objects.filter(kind=JobKind.UPDATE).exists()


def test_two_orders_of_one_box_with_two_senders_are_a_problem_until_one_is_left() -> None:
    first = parcel_of("platform")
    second = parcel_of("aftership", tracking=first.tracking)
    check_senders(first.tracking)
    problem = Problem.objects.get(kind=ProblemKind.TWO_SENDERS)
    assert problem.cause.startswith("Orders that share this box have it told by AfterShip and by Trackbridge: Shipped,")
    Route.objects.filter(pk=second.route_id).update(notify="off")
    check_senders(first.tracking)
    problem.refresh_from_db()
    assert problem.closed_reason == "One side writes to the shopper."


def test_a_tracking_that_aftership_had_with_somebody_to_write_to_is_a_problem() -> None:
    parcel = parcel_of("platform")
    check_senders(parcel.tracking, has_customers=True)
    assert Problem.objects.get().cause.startswith("AfterShip had this tracking before us, with somebody to write to")
    other = parcel_of("off")
    check_senders(other.tracking, has_customers=True)
    assert Problem.objects.count() == 1


def test_a_rule_with_two_senders_is_warned_of() -> None:
    words = snapshot(parcel_of("platform", {"delivered": "aftership"}).route)
    assert two_senders(words).startswith("AfterShip gets the address, and cannot be told which statuses are others'.")
    assert "delivered," not in two_senders(words)
    assert two_senders(snapshot(parcel_of("platform", {"delivered": "off"}).route)) == ""


def test_the_form_of_a_route_takes_senders_by_status(admin_client: Client) -> None:
    route = parcel_of("platform").route
    url = reverse("admin:stores_route_change", args=[route.pk])
    shown = admin_client.get(url).content.decode()
    assert 'name="notify_by_status"' in shown
    form = {"project": route.project_id, "account": route.account_id, "position": 10, "notify": "platform"}
    form |= {"direction": "all", "is_active": "on", "notify_by_status": "delivered carrier-pigeon"}
    assert "A status and who tells it, such as delivered off." in admin_client.post(url, form).content.decode()
