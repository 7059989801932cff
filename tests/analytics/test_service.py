"""Figures of our own service, worked out by hand: lags on both clocks, repeats, spared writes, drift."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command

from analytics import rebuild, refresh
from analytics.connections import ALL, connections_of
from analytics.exports import figure_rows
from analytics.filters import Filters
from analytics.models import ServiceDay
from analytics.service import (
    LAG_TO_US,
    MEASURES,
    SERVICE_KPIS,
    WRITES,
    count_day,
    count_recent,
    lag_at,
    measure_service,
    service_by,
)
from analytics.statistics import wilson
from tests import factories as make
from tests.analytics.worlds import World
from tests.tracking.services.snapshots import START, document, receipt, scan
from tracking.enums import ReceiptEffect, RunKind, Source
from tracking.models import Receipt, Run
from tracking.services import pump

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
DAY = date(2026, 10, 5)
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def came(effect: ReceiptEffect, seconds: float, at: datetime = NOON) -> Receipt:
    event_at = at - timedelta(seconds=seconds)
    return make.make_receipt(
        source=Source.AFTERSHIP, endpoint="main", effect=effect, received_at=at, event_at=event_at, state="done"
    )


def figures(first: date = DAY, last: date = DAY) -> dict[str, Any]:
    return measure_service(first, last)


def test_lags_are_those_of_news_alone() -> None:
    for seconds in (0.5, 1.5, 4, 4):
        came(ReceiptEffect.CHANGED, seconds)
    came(ReceiptEffect.REPEATED, 9000)
    came(ReceiptEffect.LATE, 90_000)
    count_day(DAY)
    found = figures()
    assert found["lag_to_us_p50"].denominator == 4
    assert found["lag_to_us_p50"].value == 2.0
    assert found["lag_to_us_p95"].value == pytest.approx(4.7)
    assert found["without_effect"].numerator == 2
    assert found["without_effect"].denominator == 6


def test_our_own_part_and_what_was_spared() -> None:
    for _ in range(5):
        came(ReceiptEffect.CHANGED, 1)
    order = make.make_order()
    for seconds in (3, 40):
        make.make_write(order, written_at=NOON, news_at=NOON - timedelta(seconds=seconds))
    make.make_write(order, written_at=NOON + timedelta(days=1))
    count_day(DAY)
    found = figures()
    assert (found["lag_to_commercetools_p50"].denominator, found["lag_to_commercetools_p50"].value) == (2, 5.0)
    assert (found["writes_avoided"].numerator, found["writes_avoided"].denominator) == (3, 5)


def test_every_figure_of_a_day_by_hand() -> None:
    """Ten news of 4 seconds (a bucket from 2 to 5), two repeats; six writes 10 s after the news (from 5 to 10)."""
    for _ in range(10):
        came(ReceiptEffect.CHANGED, 4)
    for _ in range(2):
        came(ReceiptEffect.REPEATED, 4)
    for _ in range(6):
        make.make_write(make.make_order(), written_at=NOON, news_at=NOON - timedelta(seconds=10))
    run = make.make_run(kind=RunKind.RECONCILE, subject="aftership:main")
    Run.objects.filter(pk=run.pk).update(counts={"checked": 4_000, "aftership_ahead": 2}, finished_at=NOON)
    count_day(DAY)
    expected = {
        "lag_to_us_p50": (3.5, 10, 10),
        "lag_to_us_p95": (4.85, 10, 10),
        "lag_to_us_p99": (4.97, 10, 10),
        "lag_to_commercetools_p50": (7.5, 6, 6),
        "lag_to_commercetools_p95": (9.75, 6, 6),
        "lag_to_commercetools_p99": (9.95, 6, 6),
        "without_effect": (2 / 12, 2, 12),
        "writes_avoided": (6 / 12, 6, 12),
        "drift": (5, 2, 4_000),
    }
    found = {key: (figure.value, figure.numerator, figure.denominator) for key, figure in figures().items()}
    assert found == {key: pytest.approx(numbers) for key, numbers in expected.items()}
    assert found.keys() == SERVICE_KPIS.keys()
    assert figures()["lag_to_us_p50"].low == pytest.approx(2 + 3 * (0.5 - 1.959964 * (0.25 / 10) ** 0.5))
    assert figures()["drift"].high == pytest.approx(10_000 * wilson(2, 4_000)[1])


def test_chosen_stores_have_the_figures_of_the_connections_that_serve_them() -> None:
    """One project, an account for each of two stores; a third store has a project and an account of its own."""
    one, two, far = World(), World(), World()
    two.store.project = one.store.project
    two.store.save()
    for world, news in ((one, 10), (two, 20), (far, 40)):
        world.parcel(scan=1)
        for number in (news, news // 2):
            measure = ReceiptEffect.CHANGED if number == news else LAG_TO_US
            upstream = f"aftership:{world.account.key}"
            ServiceDay.objects.create(day=DAY, upstream=upstream, measure=measure, bucket=0, number=number)
    for world, writes in ((one, 12), (far, 30)):
        upstream = f"commercetools:{world.store.project.key}"
        ServiceDay.objects.create(day=DAY, upstream=upstream, measure=WRITES, bucket=0, number=writes)
    refresh.drain()

    def asked(**facts: Any) -> tuple[int, int, float]:
        found = measure_service(DAY, DAY, connections_of(Filters(DAY, DAY, DAY, **facts)))
        return (
            found["lag_to_us_p50"].denominator,
            found["without_effect"].denominator,
            found["writes_avoided"].numerator,
        )

    assert asked() == (35, 70, 28)
    assert asked(chosen={"store": (one.store.pk,)}) == (5, 10, 18), "10 and 20 webhooks, but 12 writes of both"
    assert asked(seen=frozenset([two.store.pk])) == (10, 20, 18)
    assert asked(chosen={"account": (far.account.pk,)}) == (20, 40, 10)
    assert asked(chosen={"store": (far.store.pk,)}, seen=frozenset([two.store.pk])) == (0, 0, 0)
    assert asked(chosen={"courier": ("ups",)}) == (35, 70, 28), "a courier is no connection"


def test_by_day_each_day_has_its_own_figures_and_a_week_those_of_all_its_days() -> None:
    for days, seconds in ((0, 4), (1, 40), (1, 40), (7, 4)):
        came(ReceiptEffect.CHANGED, seconds, NOON + timedelta(days=days))
    for days in (0, 1, 7):
        count_day(DAY + timedelta(days=days))
    key, facts = "lag_to_us_p50", (DAY, DAY + timedelta(days=7), ALL)
    found_by = sorted(service_by(*facts, "day").items())
    by_day = {group: (found[key].value, found[key].denominator) for group, found in found_by}
    assert by_day == {"2026-10-05": (3.5, 1), "2026-10-06": (45, 2), "2026-10-12": (3.5, 1)}
    assert {group: found[key].denominator for group, found in service_by(*facts, "week").items()} == {
        "2026-10-05": 3, "2026-10-12": 1,
    }  # fmt: skip
    rows = figure_rows(Filters(DAY, facts[1], DAY), [key], by="day")
    assert [(row["group"], row["value"]) for row in rows] == [(day, value) for day, (value, _) in by_day.items()]
    assert figure_rows(Filters(DAY, facts[1], DAY), [key], by="courier") == []


def test_drift_is_told_for_ten_thousand_compared() -> None:
    run = make.make_run(kind=RunKind.RECONCILE, subject="commercetools:demo")
    Run.objects.filter(pk=run.pk).update(counts={"checked": 2_000, "not_written": 1}, finished_at=NOON)
    count_day(DAY)
    found = figures()["drift"]
    assert (found.value, found.numerator, found.denominator) == (5.0, 1, 2_000)


def test_counting_twice_changes_nothing_and_deleted_receipts_take_nothing_away() -> None:
    came(ReceiptEffect.CHANGED, 1)
    count_day(DAY)
    once = list(ServiceDay.objects.exclude(measure="counted").values_list("upstream", "measure", "bucket", "number"))
    count_day(DAY)
    Receipt.objects.all().delete()
    count_day(DAY)
    again = list(ServiceDay.objects.exclude(measure="counted").values_list("upstream", "measure", "bucket", "number"))
    assert sorted(again) == sorted(once) != []


def rows() -> set[tuple[Any, ...]]:
    found = ServiceDay.objects.exclude(measure="counted").values_list("day", "upstream", "measure", "bucket", "number")
    return set(found)


def three_days() -> None:
    """News on the first, a write on the second, a comparison on the third, and nothing for weeks before it."""
    came(ReceiptEffect.CHANGED, 3)
    came(ReceiptEffect.REPEATED, 3)
    make.make_write(make.make_order(), written_at=NOON + timedelta(days=1), news_at=NOON)
    run = make.make_run(kind=RunKind.RECONCILE, subject="commercetools:demo")
    Run.objects.filter(pk=run.pk).update(counts={"checked": 9, "not_written": 1}, finished_at=NOON + timedelta(days=40))


def test_rebuild_counts_every_day_to_the_digit() -> None:
    three_days()
    days = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=40)]
    for day in days:
        count_day(day)
    once, figures_before = rows(), measure_service(DAY, days[-1])
    assert {row[0] for row in once} == set(days)
    ServiceDay.objects.all().delete()
    call_command("rebuild_facts")
    assert rows() == once
    assert measure_service(DAY, days[-1]) == figures_before
    ServiceDay.objects.filter(measure="changed").update(number=99)
    call_command("rebuild_facts")
    assert rows() == once


def test_rebuild_goes_on_in_the_part_where_it_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    three_days()
    walk = rebuild.walk(rebuild.begin(is_whole=True))
    next(walk)
    walk.close()
    (counted,) = ServiceDay.objects.filter(measure="counted").values_list("day", flat=True)
    assert (counted, rebuild.begin().cursor) == (DAY, {"part": 3, "at": [DAY.toordinal()]})
    again: list[date] = []
    monkeypatch.setattr(rebuild, "count_day", again.append)
    call_command("rebuild_facts")
    assert again == [DAY + timedelta(days=1), DAY + timedelta(days=40)]


def test_what_is_no_longer_stored_stays_counted_beside_what_is() -> None:
    came(ReceiptEffect.CHANGED, 3)
    make.make_write(make.make_order(), written_at=NOON, news_at=NOON - timedelta(seconds=3))
    count_day(DAY)
    once = rows()
    Receipt.objects.all().delete()
    call_command("rebuild_facts")
    assert rows() == once
    assert {row[2] for row in once} == {"changed", "lag_to_us", "writes", "lag_to_commercetools"}


def test_every_measure_has_an_origin() -> None:
    """Else rows of it would be made twice, or stay for ever."""
    three_days()
    for days in (0, 1, 40):
        count_day(DAY + timedelta(days=days))
    known = {measure for measures in MEASURES.values() for measure in measures}
    assert {row[2] for row in rows()} <= known


def test_today_is_counted_again_and_yesterday_once_more_after_its_end() -> None:
    midnight = datetime(2026, 10, 6, tzinfo=UTC)
    came(ReceiptEffect.CHANGED, 1, midnight - timedelta(hours=1))
    count_recent(midnight - timedelta(minutes=30))
    came(ReceiptEffect.CHANGED, 1, midnight - timedelta(minutes=1))
    count_recent(midnight + timedelta(hours=1))
    assert figures()["lag_to_us_p50"].denominator == 2
    came(ReceiptEffect.CHANGED, 1, midnight - timedelta(minutes=1))
    count_recent(midnight + timedelta(hours=2))
    assert figures()["lag_to_us_p50"].denominator == 2  # its end was counted


def test_nothing_is_no_figure() -> None:
    assert {figure.value for figure in figures().values()} == {None}


@pytest.mark.parametrize(("share", "seconds"), [(0.5, 1.0), (1.0, 5.0)])
def test_lag_is_interpolated_within_its_bucket(share: float, seconds: float) -> None:
    assert lag_at(Counter({0: 5, 2: 5}), share) == seconds
    assert lag_at(Counter({12: 1}), share) is None


def test_each_webhook_keeps_what_it_changed() -> None:
    account = make.make_account(key="main")
    tracking = make.make_tracking(account, updated_at=None)
    make.make_parcel(make.make_order(ordered_at=START - timedelta(days=1)), tracking)
    for hours in (2, 2, 1):
        receipt(document(tracking.pk, hours, checkpoints=[scan(1)]), endpoint="main")
        pump.drain_receipts()
    effects = list(Receipt.objects.order_by("pk").values_list("effect", flat=True))
    assert effects == ["changed", "repeated", "late"]
    assert Receipt.objects.order_by("pk").first().event_at == START + timedelta(hours=2)
