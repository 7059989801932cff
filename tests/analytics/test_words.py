"""Numbers and changes as people read them: a change within chance is said, and judged by nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from analytics.kpi import Figure, share_of
from analytics.kpis import KPIS
from analytics.words import change_of, day_words, grain_of, of_hours, of_seconds, value_words

ON_TIME, LATE, CREATED = KPIS["on_time_promise"], KPIS["late_promise"], KPIS["created"]
DELIVERED = KPIS["delivery_rate"]
TRANSIT = KPIS["transit_p90"]


@pytest.mark.parametrize(("hours", "words"), [(15.2, "15 h"), (47.6, "48 h"), (100, "4.2 d")])
def test_hours_become_days(hours: float, words: str) -> None:
    assert of_hours(hours).replace("\xa0", " ") == words


@pytest.mark.parametrize(("seconds", "words"), [(0.42, "0.4 s"), (150, "2 min"), (7300, "2 h")])
def test_seconds_become_minutes_and_hours(seconds: float, words: str) -> None:
    assert of_seconds(seconds).replace("\xa0", " ") == words


def test_more_is_better_for_kept_promises_and_worse_for_broken_ones() -> None:
    now, before = share_of(950, 1000), share_of(850, 1000)
    assert change_of(ON_TIME, now, before).verdict == "better"
    assert change_of(LATE, now, before).verdict == "worse"
    assert change_of(ON_TIME, now, before).words.replace("\xa0", " ") == "+10.0 points · was 85.0 %"
    assert change_of(ON_TIME, before, now).words.startswith("−10.0")


@pytest.mark.parametrize(("now", "before"), [((90, 100), (86, 100)), ((10, 10), (500, 1000)), ((500, 1000), (0, 5))])
def test_what_may_be_chance_has_no_verdict(now: tuple[int, int], before: tuple[int, int]) -> None:
    change = change_of(ON_TIME, share_of(*now), share_of(*before))
    assert (change.verdict, change.is_certain) == ("", False)


@pytest.mark.parametrize(("undecided", "verdict"), [(0, "better"), (20, "better"), (200, "")])
def test_change_that_open_parcels_may_undo_comes_too_early(undecided: int, verdict: str) -> None:
    change = change_of(ON_TIME, replace(share_of(950, 1000), undecided=undecided), share_of(850, 1000))
    assert (change.verdict, change.is_early) == (verdict, not verdict)


def test_what_is_inside_already_can_only_rise() -> None:
    """No more than 60 % can be delivered in the end: that is worse whatever comes; up to 90 % is not known."""
    before = share_of(980, 1000)
    assert change_of(DELIVERED, replace(share_of(500, 1000), undecided=100), before).verdict == "worse"
    assert change_of(DELIVERED, replace(share_of(500, 1000), undecided=490), before).is_early


def test_how_things_stand_now_is_judged_by_nobody() -> None:
    change = change_of(KPIS["not_scanned"], share_of(100, 1000), share_of(10, 1000))
    assert (change.verdict, change.said) == ("", "changed")


def test_no_change_is_told_as_such_and_no_comparison_as_nothing() -> None:
    assert change_of(ON_TIME, share_of(90, 100), share_of(900, 1000)).verdict == "same"
    assert change_of(ON_TIME, share_of(90, 100), share_of(9_001, 10_000)).verdict == "same", "less than is shown"
    assert change_of(ON_TIME, share_of(90, 100), None) is None
    assert change_of(ON_TIME, share_of(0, 0), share_of(9, 10)) is None


def test_plain_count_is_what_it_is() -> None:
    change = change_of(CREATED, Figure(529, 529, 529), Figure(15, 15, 15))
    assert (change.verdict, change.is_certain, change.words) == ("", True, "+514 · was 15")


def test_mean_without_an_interval_is_judged_by_nobody() -> None:
    change = change_of(KPIS["attempts_per_delivery"], Figure(1.5, 150, 100), Figure(1.1, 110, 100))
    assert (change.verdict, change.is_certain, change.words) == ("", True, "+0.40 · was 1.10")


def test_percentiles_are_judged_by_their_intervals() -> None:
    before = Figure(50, 100, 100, 44, 56)
    assert change_of(TRANSIT, Figure(40, 100, 100, 36, 43), before).verdict == "better"
    assert change_of(TRANSIT, Figure(40, 100, 100, 36, 45), before).is_certain is False
    assert change_of(TRANSIT, Figure(90, 100, 100, 60, None), before).verdict == "worse"
    assert change_of(TRANSIT, Figure(90, 100, 100, 55, None), before).is_certain is False


def test_percentile_that_is_not_reached_is_no_dash() -> None:
    assert value_words(TRANSIT, Figure(None, 3, 9)) == "not reached"
    assert value_words(TRANSIT, Figure(None)) == "–"


@pytest.mark.parametrize(("days", "grain"), [(1, "day"), (45, "day"), (46, "week"), (200, "week"), (201, "month")])
def test_long_periods_are_told_in_coarser_grains(days: int, grain: str) -> None:
    assert grain_of(date(2026, 1, 1), date(2026, 1, 1) + timedelta(days=days)) == grain


def test_labels_of_days() -> None:
    assert (day_words("2026-10-05", "day"), day_words("2026-10-01", "month")) == ("5 Oct", "Oct 2026")
