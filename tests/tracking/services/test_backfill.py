"""Which run a backfill goes on with; the walk itself is in end_to_end/test_gaps.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests import factories as make
from tracking.management.commands._arguments import bar
from tracking.models import Order, Run
from tracking.services import backfill
from tracking.services.backfill import OtherBackfill

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SINCE = NOW - timedelta(days=30)


@pytest.mark.django_db
def test_the_same_time_goes_on_with_the_unfinished_run_to_its_own_end() -> None:
    project = make.make_project()
    first = backfill.begin(project, SINCE, None, NOW)
    again = backfill.begin(project, SINCE, None, NOW + timedelta(hours=2))
    assert (again, again.parameters["until"]) == (first, NOW.isoformat())


@pytest.mark.django_db
@pytest.mark.parametrize("until", [None, NOW - timedelta(days=1)])
def test_another_time_is_refused_until_the_unfinished_run_is_ended(until: datetime | None) -> None:
    project = make.make_project()
    first = backfill.begin(project, SINCE, None, NOW)
    since = SINCE - timedelta(days=1) if until is None else SINCE
    with pytest.raises(OtherBackfill):
        backfill.begin(project, since, until, NOW)
    second = backfill.begin(project, since, until, NOW, restart=True)
    assert second != first
    assert Run.objects.filter(finished_at=None).get() == second


@pytest.mark.django_db
def test_an_order_that_cannot_be_read_is_counted_and_delays_nobody() -> None:
    counts = backfill.take_in(make.make_project(), [{"id": "broken", "version": "x"}])
    assert counts == {"orders": 1, "unreadable": 1}
    assert not Order.objects.exists()


def test_the_bar_shows_the_share() -> None:
    assert bar(0.5, 10) == "[#####-----]  50%"
    assert bar(7, 4) == "[####] 100%"
