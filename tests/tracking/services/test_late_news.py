"""Scans that came too late: which, and why they changed nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests import factories as make
from tracking.models import Checkpoint, Tracking
from tracking.services.late_news import AFTER_DELIVERY, FENCED, OVERTAKEN, reasons_of, trackings_with_late_news

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
START = timezone.now() - timedelta(days=3)


def scan(tracking: Tracking, step: int, hour: float, known: float, **facts: Any) -> Checkpoint:
    """A scan that happened at ``hour`` and was known ``known`` hours after the start."""
    row = make.make_checkpoint(tracking, step=step, at=START + timedelta(hours=hour), **facts)
    Checkpoint.objects.filter(pk=row.pk).update(created_at=START + timedelta(hours=known))
    row.refresh_from_db()
    return row


def reasons(tracking: Tracking) -> dict[int, str]:
    return reasons_of(Checkpoint.objects.filter(tracking=tracking), {tracking.pk: tracking})


def test_scans_in_their_order_are_no_late_news() -> None:
    tracking = make.make_tracking(status="delivered")
    for number, step in enumerate((0, 1, 2, 3, 4)):
        scan(tracking, step, number, number + 1)
    assert reasons(tracking) == {}
    assert trackings_with_late_news([tracking.pk]) == set()


def test_scans_of_one_snapshot_are_no_late_news_in_whatever_order_they_were_kept() -> None:
    tracking = make.make_tracking(status="delivered")
    scan(tracking, 4, 9, 10)
    scan(tracking, 2, 5, 10.0001)
    assert reasons(tracking) == {}


def test_older_scan_that_comes_after_a_newer_one_is_overtaken() -> None:
    tracking = make.make_tracking(status="out_for_delivery")
    scan(tracking, 3, 9, 10)
    late = scan(tracking, 2, 5, 12)
    assert reasons(tracking) == {late.pk: OVERTAKEN}


def test_scan_after_the_delivery_leaves_it_delivered_and_says_so() -> None:
    tracking = make.make_tracking(status="delivered")
    scan(tracking, 4, 9, 10)
    late = scan(tracking, 2, 11, 12)
    assert reasons(tracking) == {late.pk: AFTER_DELIVERY}
    assert trackings_with_late_news([tracking.pk]) == {tracking.pk}


def test_scan_that_took_the_delivery_back_is_news() -> None:
    tracking = make.make_tracking(status="in_transit")
    scan(tracking, 4, 9, 10)
    scan(tracking, 2, 11, 12)
    assert reasons(tracking) == {}


def test_scans_of_an_earlier_use_of_the_number_say_that() -> None:
    tracking = make.make_tracking(status="pending", is_fenced=True)
    old = scan(tracking, 4, -9000, 1, is_fenced=True)
    assert reasons(tracking) == {old.pk: FENCED}
    assert trackings_with_late_news([tracking.pk]) == set()


def test_nothing_is_asked_where_nothing_was_delivered(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert trackings_with_late_news([]) == set()
    assert isinstance(START, datetime)
