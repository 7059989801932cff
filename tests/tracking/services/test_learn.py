"""What is usual, learned from small histories that are worked by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests import factories as make
from tracking.enums import Measure, ParcelStatus, RunKind
from tracking.models import Run, Tracking, Usual, WaitDay
from tracking.services import learn, waits
from tracking.services.waits import BOUNDS, Usuals

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
MONDAY = datetime(2026, 11, 16, 8, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
FRIDAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _that_week(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is learned is kept for some weeks: on a later day nothing of that Monday's would be."""
    monkeypatch.setattr(learn.timezone, "now", lambda: NOW)


def hour(number: float) -> datetime:
    """So many hours after Monday, 8 o'clock."""
    return MONDAY + timedelta(hours=number)


def ended(first_scan: float, *scans: float, country: str = "AT", at: float = 100, **facts: object) -> Tracking:
    """A parcel opened on Monday at 8, scanned at these hours, that ended on Friday noon."""
    facts = {"status": ParcelStatus.DELIVERED, "courier": "dhl", "opened_at": MONDAY} | facts
    facts |= {"first_scan_at": hour(first_scan), "last_news_at": hour(scans[-1] if scans else first_scan)}
    tracking = make.make_tracking(status_changed_at=hour(at), **facts)
    make.make_parcel(make.make_order(destination_country=country), tracking)
    for one in (first_scan, *scans):
        make.make_checkpoint(tracking, at=hour(one))
    return tracking


def histogram(measure: str, **lane: str) -> dict[int, int]:
    """Bound to number of parcels, of what is there; 0 is beyond all bounds."""
    row = WaitDay.objects.get(measure=measure, **lane)
    return {(*BOUNDS, 0)[at]: number for at, number in enumerate(row.counts) if number}


def test_a_parcel_counts_once_with_its_longest_wait() -> None:
    ended(5, 6, 37, 50)  # waits of 1, 31 and 13 hours
    assert learn.learn_day(FRIDAY) == 1
    assert histogram(Measure.LONGEST_GAP, courier="dhl", country="AT") == {32: 1}
    assert histogram(Measure.FIRST_SCAN, courier="dhl", country="AT") == {6: 1}


def test_weekends_are_not_waits() -> None:
    ended(96, 168, 169, at=170)  # Friday 8 to Monday 8: 24 working hours
    learn.learn_day(date(2026, 11, 23))
    assert histogram(Measure.LONGEST_GAP, courier="dhl") == {24: 1}


def test_a_parcel_that_never_arrived_counts_with_the_wait_in_which_it_ended() -> None:
    ended(5, 6, at=100, status=ParcelStatus.LOST)
    learn.learn_day(FRIDAY)
    assert histogram(Measure.LONGEST_GAP, courier="dhl") == {96: 1}  # 94 hours without news, then lost


def test_what_was_opened_after_its_first_scan_teaches_nothing_about_scans() -> None:
    ended(-10, 6)
    learn.learn_day(FRIDAY)
    assert not WaitDay.objects.filter(measure=Measure.FIRST_SCAN).exists()


def test_scans_of_an_earlier_use_of_the_number_count_for_nothing() -> None:
    tracking = ended(5, 6)
    make.make_checkpoint(tracking, at=hour(60), is_fenced=True)
    learn.learn_day(FRIDAY)
    assert histogram(Measure.LONGEST_GAP, courier="dhl") == {1: 1}


def test_a_day_learned_twice_is_learned_once() -> None:
    ended(5, 6)
    learn.learn_day(FRIDAY)
    ended(5, 6)  # news of it came late
    for _ in range(2):
        learn.learn_day(FRIDAY)
    assert histogram(Measure.FIRST_SCAN, courier="dhl") == {6: 2}


def fill(courier: str, country: str, hours: float, number: int, day: date = FRIDAY) -> None:
    counts = waits.empty()
    counts[BOUNDS.index(hours)] = number
    WaitDay.objects.create(measure=Measure.LONGEST_GAP, courier=courier, country=country, day=day, counts=counts)


def test_days_add_up_and_95_of_100_waited_no_longer() -> None:
    fill("dhl", "AT", 24, 94, FRIDAY)
    fill("dhl", "AT", 36, 1, FRIDAY - timedelta(days=1))
    fill("dhl", "AT", 120, 5, FRIDAY - timedelta(days=2))
    learn.say_what_is_usual(NOW)
    usual = Usual.objects.get(courier="dhl", country="AT")
    assert (usual.sample, usual.p50_hours, usual.p95_hours) == (100, 24, 36)


def test_a_lane_with_few_parcels_asks_its_courier_then_all_then_the_default() -> None:
    fill("dhl", "AT", 24, 60)
    fill("dhl", "CH", 120, 49)
    fill("ups", "AT", 48, 10)
    learn.say_what_is_usual(NOW)
    usuals = Usuals.load()

    def hours(courier: str, country: str) -> float:
        return usuals.limit(Measure.LONGEST_GAP, courier, country).hours

    assert hours("dhl", "AT") == 24
    assert hours("dhl", "CH") == 120  # its courier: of 109 parcels 104 within 120
    assert hours("ups", "AT") == 120  # all 119 parcels
    assert usuals.limit(Measure.FIRST_SCAN, "dhl", "AT").hours == 96  # nothing learned about scans
    assert usuals.shortest(Measure.LONGEST_GAP) == 24


def test_nobody_is_bothered_about_less_than_a_day() -> None:
    fill("bike", "AT", 3, 90)
    learn.say_what_is_usual(NOW)
    limit = Usuals.load().limit(Measure.LONGEST_GAP, "bike", "AT")
    assert (limit.hours, limit.words()) == (24, "95 % of bike to AT have news within 3 working hours (90 parcels).")


def test_days_before_the_window_are_forgotten() -> None:
    fill("dhl", "AT", 24, 90, FRIDAY - timedelta(days=100))
    learn.say_what_is_usual(NOW)
    assert (Usual.objects.count(), WaitDay.objects.count()) == (0, 0)


def test_the_run_learns_every_day_up_to_yesterday_and_goes_on_after_a_kill() -> None:
    fill("dhl", "AT", 24, 1, date(2026, 11, 18))
    ended(5, 6, at=20)  # Tuesday's: learned already
    ended(5, 6, at=50)  # Wednesday 10 o'clock
    ended(5, 6, at=100)
    run = learn.begin(NOW)
    assert run.parameters["days"] == ["2026-11-18", "2026-11-19", "2026-11-20"]
    next(iter(learn.walk(run)))  # then killed
    again = learn.begin(NOW)
    assert (again.pk, again.cursor) == (run.pk, {"days": 1})
    for _ in learn.walk(again):
        pass
    assert Run.objects.get(kind=RunKind.LEARN).counts == {"parcels": 2, "lanes": 0}
    assert sorted(set(WaitDay.objects.values_list("day", flat=True))) == [date(2026, 11, 18), FRIDAY]
