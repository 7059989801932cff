"""Counting drift, and which rows a sweep looks at; the sweeps themselves are in end_to_end/test_gaps.py."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests import factories as make
from tracking.enums import JobKind, ProblemKind, RunKind
from tracking.models import Run
from tracking.services import connections, reconcile, runs
from tracking.services.problems import open_problem
from tracking.services.reconcile import Drift, Sweep


def test_drift_is_counted_per_10_000_and_what_is_normal_does_not_count() -> None:
    counts = {"checked": 4_000, "order_behind": 1, "aftership_ahead": 1, "forgotten": 50, "strangers": 7}
    assert reconcile.drift_per_10_000(counts) == 5.0
    assert reconcile.drift_per_10_000({}) == 0.0


@pytest.mark.django_db
def test_news_of_the_last_minute_is_no_drift_and_nothing_is_counted_twice() -> None:
    sweep = Sweep.of(reconcile.begin(make.make_project()))
    sweep.found(Drift.ORDER_BEHIND, "a", changed_at=timezone.now() - timedelta(seconds=10))
    assert sweep.counts == {}
    for _ in range(2):
        sweep.found(Drift.ORDER_BEHIND, "b", changed_at=timezone.now() - timedelta(hours=1))
    assert sweep.counts == {"order_behind": 1}


@pytest.mark.django_db
def test_a_new_run_ends_the_unfinished_one_and_a_dry_run_leaves_nothing() -> None:
    project = make.make_project()
    first = reconcile.begin(project)
    reconcile.begin(project, is_dry=True)
    assert Run.objects.count() == 1
    second = reconcile.begin(project)
    first.refresh_from_db()
    assert first.finished_at
    assert runs.open_run(RunKind.RECONCILE, connections.upstream_key(project)) == second


@pytest.mark.django_db
def test_orders_under_way_are_those_of_which_something_is_to_come() -> None:
    project = make.make_project()
    unread = make.make_order(project, version=None)
    moving, arrived, drifting = (make.make_order(project) for _ in range(3))
    make.make_parcel(moving, make.make_tracking(status="in_transit"))
    for order in (arrived, drifting):
        make.make_parcel(order, make.make_tracking(status="delivered"))
    waiting = make.make_order(project)
    make.make_parcel(waiting)
    open_problem(ProblemKind.DRIFT, drifting, "It differs.", correlation_id=drifting.correlation_id)
    make.make_parcel(make.make_order(project, deleted_at=timezone.now()))
    make.make_order(make.make_project(), version=None)
    assert set(reconcile.orders_under_way(project)) == {unread, moving, drifting, waiting}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("facts", "coming", "dead"),
    [({}, True, False), ({"done": 1}, False, False), ({"dead_at": timezone.now()}, False, True)],
)
def test_a_job_is_coming_dead_or_done(facts: dict[str, object], coming: bool, dead: bool) -> None:
    make.make_job(kind=JobKind.PUSH, subject="t", **facts)
    assert (reconcile.is_coming(JobKind.PUSH, "t"), reconcile.is_dead(JobKind.PUSH, "t")) == (coming, dead)
