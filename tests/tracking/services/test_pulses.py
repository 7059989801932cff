"""Courier outages: seen when far fewer parcels have news than usual, over by themselves; not AfterShip's silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from stores.models import AfterShipAccount
from tests import factories as make
from tracking.enums import ProblemKind, StaffActionKind
from tracking.models import Outage, Problem, Pulse, StaffAction, Tracking
from tracking.services import outages, pulses
from tracking.services.outages import is_out

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NOW = datetime(2026, 11, 20, 12, 20, tzinfo=UTC)  # a Friday
HOUR = NOW.replace(minute=0)


@pytest.fixture
def account() -> AfterShipAccount:
    return make.make_account(key="main", polled_until=NOW - timedelta(minutes=5))


def history(account: AfterShipAccount, courier: str, *shares: int, step: timedelta = timedelta(weeks=1)) -> None:
    """At this hour of the last weeks so many of 100 parcels had news."""
    for number, fresh in enumerate(shares, start=1):
        Pulse.objects.create(account=account, courier=courier, hour=HOUR - number * step, live=100, fresh=fresh)


def parcels(account: AfterShipAccount, courier: str, fresh: int, stale: int) -> None:
    """So many with news an hour ago, and so many with news seven hours ago."""
    for number in range(fresh + stale):
        at = NOW - timedelta(hours=1 if number < fresh else 7)
        make.make_tracking(account, courier=courier, received_at=at)


def lasting() -> list[str]:
    return [str(one) for one in Outage.objects.filter(ended_at=None).order_by("courier")]


def test_far_fewer_news_than_usual_is_an_outage(account: AfterShipAccount) -> None:
    history(account, "dhl", 60, 50, 40)
    history(account, "ups", 50, 50, 50)
    parcels(account, "dhl", fresh=4, stale=36)  # 20 are usual
    parcels(account, "ups", fresh=10, stale=10)
    pulses.take(NOW)
    outage = Outage.objects.get()
    assert (outage.courier, outage.live, outage.share, outage.usual_share) == ("dhl", 40, 0.1, 0.5)
    assert outage.started_at == NOW - timedelta(hours=1)  # of the last news
    problem = Problem.objects.get()
    assert (problem.kind, problem.subject) == (ProblemKind.COURIER_OUTAGE, "courier:dhl")
    assert problem.cause == "4 of 40 parcels had news in 3 hours; 20 is usual."
    assert (is_out("dhl"), is_out("dhl", "AT"), is_out("ups")) == (True, True, False)


@pytest.mark.parametrize(
    ("shares", "fresh", "stale"),
    [
        ((50, 50, 50), 5, 35),  # a quarter of what is usual is not far below
        ((50, 50), 0, 40),  # two looks make nothing usual
        ((), 0, 40),
        ((50, 50, 50), 0, 38),  # 19 expected: too few to tell
        ((2, 1, 2), 0, 60),  # at night nobody has news
    ],
)
def test_what_is_no_outage(account: AfterShipAccount, shares: tuple[int, ...], fresh: int, stale: int) -> None:
    history(account, "dhl", *shares)
    parcels(account, "dhl", fresh, stale)
    pulses.take(NOW)
    assert lasting() == []


def test_where_no_week_is_known_the_last_weekdays_tell(account: AfterShipAccount) -> None:
    history(account, "dhl", 50, 50, 50, 50, 0, 0, step=timedelta(days=1))  # Thursday … Monday, and a weekend
    parcels(account, "dhl", fresh=0, stale=40)
    pulses.take(NOW)
    assert lasting() == ["dhl"]


def test_looking_twice_within_the_hour_changes_nothing(account: AfterShipAccount) -> None:
    history(account, "dhl", 50, 50, 50)
    parcels(account, "dhl", fresh=0, stale=40)
    for _ in range(2):
        pulses.take(NOW)
    assert (Outage.objects.count(), Problem.objects.count()) == (1, 1)
    pulse = Pulse.objects.get(hour=HOUR)
    assert (pulse.live, pulse.fresh, pulse.is_usual) == (40, 0, False)


def test_it_ends_when_news_are_back(account: AfterShipAccount) -> None:
    history(account, "dhl", 50, 50, 50)
    parcels(account, "dhl", fresh=0, stale=40)
    pulses.take(NOW)
    Tracking.objects.filter(pk__in=Tracking.objects.order_by("pk").values("pk")[:9]).update(received_at=NOW)
    pulses.take(NOW + timedelta(minutes=5))
    assert lasting() == ["dhl"]  # 9 of 20: not yet
    Tracking.objects.filter(pk__in=Tracking.objects.order_by("pk").values("pk")[:10]).update(received_at=NOW)
    pulses.take(NOW + timedelta(minutes=10))
    assert lasting() == []
    assert Problem.objects.get().closed_reason == "News are back: 10 of 40 parcels in 3 hours."
    assert not is_out("dhl")


def test_it_ends_when_nothing_is_on_its_way_any_more(account: AfterShipAccount) -> None:
    history(account, "dhl", 50, 50, 50)
    parcels(account, "dhl", fresh=0, stale=40)
    pulses.take(NOW)
    Tracking.objects.update(status="delivered")
    pulses.take(NOW)
    assert lasting() == []


def test_all_couriers_at_once_is_aftership_not_the_couriers(account: AfterShipAccount) -> None:
    for courier in ("dhl", "ups"):
        history(account, courier, 50, 50, 50)
        parcels(account, courier, fresh=0, stale=40)
    pulses.take(NOW)
    assert lasting() == []
    problem = Problem.objects.get()
    assert (problem.kind, problem.subject) == (ProblemKind.UPSTREAM_DOWN, "silence:main")
    Tracking.objects.update(received_at=NOW)
    pulses.take(NOW)
    assert Problem.objects.get().closed_reason == "News come again."


def test_an_account_that_is_not_heard_says_nothing_about_couriers(account: AfterShipAccount) -> None:
    account.polled_until = NOW - timedelta(hours=4)
    account.save()
    history(account, "dhl", 50, 50, 50)
    parcels(account, "dhl", fresh=0, stale=40)
    pulses.take(NOW)
    assert lasting() == []
    assert Pulse.objects.get(hour=HOUR).is_usual is False


def test_one_courier_of_an_account_that_is_read_is_the_courier(account: AfterShipAccount) -> None:
    history(account, "dhl", 50, 50, 50)
    parcels(account, "dhl", fresh=0, stale=40)
    pulses.take(NOW)
    assert lasting() == ["dhl"]


def test_another_account_that_hears_of_the_courier_speaks_for_it(account: AfterShipAccount) -> None:
    other = make.make_account(polled_until=NOW)
    for one, fresh in ((account, 0), (other, 20)):
        history(one, "dhl", 50, 50, 50)
        parcels(one, "dhl", fresh=fresh, stale=40 - fresh)
    pulses.take(NOW)
    assert lasting() == []


def test_an_outage_of_a_week_is_the_new_usual(account: AfterShipAccount) -> None:
    history(account, "dhl", 50, 50, 50)
    parcels(account, "dhl", fresh=0, stale=40)
    pulses.take(NOW)
    Outage.objects.update(started_at=NOW - timedelta(days=8))
    for _ in range(2):  # and it does not begin again
        pulses.take(NOW)
    assert lasting() == []


def test_what_a_person_declared_ends_by_a_person_only(account: AfterShipAccount) -> None:
    anna = User.objects.create_user("anna")
    history(account, "dhl", 50, 50, 50)
    parcels(account, "dhl", fresh=40, stale=0)
    everywhere = outages.begin("dhl", cause="Their system is down", by=anna)
    assert everywhere is not None
    pulses.take(NOW)
    assert lasting() == ["dhl"]
    outages.end(everywhere, "It was not", by=anna)
    StaffAction.objects.all().delete()
    outage = outages.begin("dhl", country="AT", cause="Strike in Tyrol", by=anna)
    assert outage is not None
    pulses.take(NOW)
    assert (is_out("dhl", "AT"), is_out("dhl", "DE"), is_out("dhl")) == (True, False, False)
    assert outages.end(outage, "They work again", by=anna)
    assert not outages.end(outage, "They work again", by=anna)
    acts = StaffAction.objects.order_by("pk").values_list("kind", "summary", "reason", "actor_name")
    assert list(acts) == [
        (StaffActionKind.MARK, "Declared an outage of dhl to AT", "Strike in Tyrol", "anna"),
        (StaffActionKind.MARK, "Ended the outage of dhl to AT", "They work again", "anna"),
    ]


def test_what_a_person_ended_does_not_begin_again_at_once(account: AfterShipAccount) -> None:
    history(account, "dhl", 50, 50, 50)
    parcels(account, "dhl", fresh=0, stale=40)
    pulses.take(NOW)
    outages.end(Outage.objects.get(), "It is our filter", by=User.objects.create_user("anna"))
    Outage.objects.update(ended_at=NOW)
    pulses.take(NOW + timedelta(minutes=10))
    assert lasting() == []
    Outage.objects.update(started_at=NOW - timedelta(hours=20), ended_at=NOW - timedelta(hours=13))
    pulses.take(NOW)
    assert lasting() == ["dhl"]


def test_two_cannot_begin_the_same_outage() -> None:
    assert outages.begin("dhl", cause="Silent")
    assert outages.begin("dhl", cause="Silent") is None
    with pytest.raises(IntegrityError), transaction.atomic():
        Outage.objects.create(courier="dhl", cause="Silent", started_at=NOW)
    assert (Outage.objects.count(), Problem.objects.count()) == (1, 1)


def test_as_many_queries_for_many_parcels_as_for_few(account: AfterShipAccount) -> None:
    counts = []
    for number in (2, 60):
        parcels(account, "dhl", fresh=number, stale=number)
        with CaptureQueriesContext(connection) as queries:
            pulses.take(NOW)
        counts.append(len(queries))
    assert counts[0] == counts[1]
