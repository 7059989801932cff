"""What time brings about: opens by itself, by what its lane is used to, and closes by itself; twice, and cut off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from stores.models import AfterShipAccount
from tests import factories as make
from tracking.enums import JobKind, Measure, ParcelStatus, RunKind
from tracking.models import Job, Problem, Run, Tracking, Usual
from tracking.services import outages, watch
from tracking.services.pump import HANDLERS
from tracking.services.troubles import check_troubles

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday


@pytest.fixture
def account() -> AfterShipAccount:
    return make.make_account(key="main")


@pytest.fixture(autouse=True)
def usual(db: None) -> None:
    """DHL to Austria: news within 36 hours, scanned within 48. DHL at large: 72 for both."""
    lanes = [("AT", Measure.LONGEST_GAP, 36), ("AT", Measure.FIRST_SCAN, 48), ("", Measure.LONGEST_GAP, 72)]
    for country, measure, hours in lanes:
        facts = {"courier": "dhl", "country": country, "measure": measure, "p95_hours": hours, "p50_hours": 12}
        Usual.objects.create(**facts, sample=812, learned_at=NOW)


def on_its_way(account: AfterShipAccount, hours: float, country: str = "AT", **facts: Any) -> Tracking:
    """A DHL parcel in transit whose last news is so many hours old."""
    facts = {"courier": "dhl", "last_news_at": NOW - timedelta(hours=hours), "status_changed_at": NOW} | facts
    tracking = make.make_tracking(account, **facts)
    make.make_parcel(make.make_order(destination_country=country), tracking)
    return tracking


def announced(account: AfterShipAccount, hours: float, **facts: Any) -> Tracking:
    """A DHL parcel to Austria that AfterShip has had for so many hours, without a scan."""
    opened_at = NOW - timedelta(hours=hours)
    return on_its_way(
        account, 0, **{"status": "info_received", "opened_at": opened_at, "last_news_at": opened_at} | facts
    )


def look(account: AfterShipAccount, now: datetime = NOW) -> None:
    """One whole look at the account."""
    run = watch.runs.begin(RunKind.WATCH, str(account.pk), {}, is_kept=False)
    for _ in watch.walk(run, now):
        pass


def open_ones() -> list[tuple[str, str | None]]:
    return list(Problem.objects.filter(closed_at=None).order_by("pk").values_list("kind", "tracking_id"))


def test_silence_counts_from_what_the_lane_is_used_to(account: AfterShipAccount) -> None:
    silent = on_its_way(account, 37)
    on_its_way(account, 36)
    on_its_way(account, 40, country="CH")  # DHL at large: 72
    look(account)
    assert open_ones() == [("silent", silent.pk)]
    problem = Problem.objects.get()
    assert problem.cause == (
        "No news for 1 working day. 95 % of dhl to AT have news within 1.5 working days (812 parcels)."
    )
    assert (problem.since_at, problem.order) == (silent.last_news_at, silent.parcels.get().order)


def test_weekends_of_the_destination_do_not_count(account: AfterShipAccount) -> None:
    monday = NOW + timedelta(days=3)
    on_its_way(account, 12, courier="gls")  # Friday midnight; 96 hours by default
    on_its_way(account, 1)
    look(account, monday)
    assert open_ones() == []
    look(account, monday + timedelta(hours=13))  # 38 working hours after the last news
    assert [kind for kind, _ in open_ones()] == ["silent"]


def test_a_parcel_that_nobody_scanned(account: AfterShipAccount) -> None:
    stuck = announced(account, 49)
    announced(account, 48)
    announced(account, 60, first_scan_at=NOW)
    look(account)
    assert open_ones() == [("no_scan", stuck.pk)]
    assert Problem.objects.get().cause == (
        "Not scanned for 2 working days. 95 % of dhl to AT are first scanned within 2 working days (812 parcels)."
    )


def test_without_history_four_working_days_count(account: AfterShipAccount) -> None:
    on_its_way(account, 97, courier="gls")
    look(account)
    assert Problem.objects.get().cause == (
        "No news for 4 working days. Nothing is learned yet about its courier, so 4 working days count as usual."
    )


def test_a_delay_that_the_carrier_explained_is_given_twice_the_time(account: AfterShipAccount) -> None:
    on_its_way(account, 71, status="delayed")
    look(account)
    assert open_ones() == []
    look(account, NOW + timedelta(hours=2))
    assert [kind for kind, _ in open_ones()] == ["silent"]


@pytest.mark.parametrize(
    "facts",
    [
        {"status": "delivered"},
        {"status": "available_for_pickup"},
        {"retired_at": NOW},
        {"forgotten_at": NOW},
        {"is_fenced": True},
        {"last_news_at": None},
    ],
)
def test_what_cannot_be_silent(account: AfterShipAccount, facts: dict[str, Any]) -> None:
    on_its_way(account, 400, **facts)
    look(account)
    assert open_ones() == []


def test_a_parcel_of_a_cancelled_order_is_nobodys_trouble(account: AfterShipAccount) -> None:
    tracking = on_its_way(account, 400)
    tracking.parcels.get().order.__class__.objects.update(order_state="Cancelled")
    look(account)
    assert open_ones() == []


def test_a_parcel_that_waits_to_be_collected(account: AfterShipAccount) -> None:
    at = NOW - timedelta(days=3, hours=1)
    on_its_way(account, 400, status="available_for_pickup", status_changed_at=at, pickup_note="bis 25.11.2026")
    on_its_way(account, 400, status="available_for_pickup", status_changed_at=at, last_message="")
    on_its_way(account, 400, status="available_for_pickup", status_changed_at=NOW - timedelta(days=2))
    look(account)
    second, first = Problem.objects.order_by("due_at")
    assert first.cause == "It waits to be collected since 17 November. It goes back after 25 November."
    assert first.due_at == datetime(2026, 11, 26, tzinfo=UTC)
    assert second.due_at == at + timedelta(days=7)


def test_looking_twice_opens_one(account: AfterShipAccount) -> None:
    on_its_way(account, 40)
    for _ in range(2):
        look(account)
    assert Problem.objects.get().occurrences == 1


def test_two_that_look_at_once_open_one(account: AfterShipAccount) -> None:
    tracking = on_its_way(account, 40)
    one = watch.silent_trouble(watch.Look(now=NOW), tracking, "AT")
    assert one is not None
    for _ in range(2):
        watch.open_troubles({tracking: [one]}, known=[])  # neither has seen the other's
    assert len(open_ones()) == 1


def test_words_grow_with_the_days(account: AfterShipAccount) -> None:
    on_its_way(account, 40)
    look(account)
    look(account, NOW + timedelta(hours=2))
    assert Problem.objects.get().cause.startswith("No news for 1 working day.")
    look(account, NOW + timedelta(days=3))
    assert Problem.objects.get().cause.startswith("No news for 2 working days.")


def test_a_scan_closes_it(account: AfterShipAccount) -> None:
    tracking = on_its_way(account, 40)
    look(account)
    tracking.last_news_at = NOW
    check_troubles([tracking])
    assert Problem.objects.get().closed_reason == "It is in transit now."


def test_news_without_a_scan_does_not_close_it(account: AfterShipAccount) -> None:
    tracking = on_its_way(account, 40)
    look(account)
    check_troubles([tracking])
    assert len(open_ones()) == 1


def test_the_first_scan_closes_it(account: AfterShipAccount) -> None:
    tracking = announced(account, 60)
    look(account)
    check_troubles([tracking])
    assert len(open_ones()) == 1
    tracking.status, tracking.first_scan_at = ParcelStatus.IN_TRANSIT, NOW
    check_troubles([tracking])
    assert open_ones() == []


def test_a_lane_that_turns_out_to_be_slower_closes_it(account: AfterShipAccount) -> None:
    on_its_way(account, 40)
    look(account)
    Usual.objects.update(p95_hours=96)
    look(account)
    assert Problem.objects.get().closed_reason == watch.SETTLED


def test_what_was_closed_by_hand_stays_closed_until_the_next_silence(account: AfterShipAccount) -> None:
    tracking = on_its_way(account, 40)
    look(account)
    Problem.objects.update(closed_at=timezone.now(), closed_by=User.objects.create_user("anna"))
    look(account)
    assert open_ones() == []
    Tracking.objects.filter(pk=tracking.pk).update(last_news_at=NOW)
    look(account, NOW + timedelta(days=5))
    assert open_ones() == [("silent", tracking.pk)]


def test_an_outage_suppresses_and_its_end_shows_again(account: AfterShipAccount) -> None:
    known = on_its_way(account, 40)
    look(account)
    outage = outages.begin("dhl", cause="No news of anybody")
    assert outage is not None
    other = on_its_way(account, 41)
    look(account)
    stuck = Problem.objects.filter(kind="silent").order_by("pk")
    assert list(stuck.values_list("tracking", "suppressed_by")) == [(known.pk, outage.pk), (other.pk, outage.pk)]
    outages.end(outage, "News are back.")
    assert set(stuck.values_list("suppressed_by", flat=True)) == {None}


def test_an_outage_of_one_country_leaves_others_alone(account: AfterShipAccount) -> None:
    on_its_way(account, 100)
    on_its_way(account, 100, country="CH")
    outages.begin("dhl", country="CH", cause="Strike", by=User.objects.create_user("anna"))
    look(account)
    shown = Problem.objects.filter(kind="silent", suppressed_by=None)
    assert list(shown.values_list("order__destination_country", flat=True)) == ["AT"]


def test_a_walk_that_is_cut_off_goes_on(account: AfterShipAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PAGE", 1)
    monkeypatch.setattr(watch, "RUN_SECONDS", -1.0)  # one page per job
    for hours in (140, 150, 160):
        on_its_way(account, hours, last_news_at=timezone.now() - timedelta(hours=hours + 100))
    for _ in range(12):
        HANDLERS[JobKind.WATCH](str(account.pk))
        if not Run.objects.filter(finished_at=None).exists():
            break
    assert len(open_ones()) == 3
    assert Job.objects.filter(kind=JobKind.WATCH, subject=str(account.pk)).exists()  # it was wished for again
    assert Run.objects.get().finished_at


def test_couriers_first_then_every_account(account: AfterShipAccount) -> None:
    HANDLERS[JobKind.WATCH]("couriers")
    assert list(Job.objects.values_list("kind", "subject")) == [("watch", str(account.pk))]


def test_an_account_that_is_gone_is_no_error() -> None:
    HANDLERS[JobKind.WATCH]("987654")
    assert not Job.objects.exists()
