"""Scans → clocks: what each is, and what a courier may do to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from django.core.management import call_command

from tests.factories import make_checkpoint, make_tracking
from tracking.enums import ParcelStatus, RunKind
from tracking.models import Run, Tracking
from tracking.services.clocks import MOST_ESTIMATES, Scan, clocks_of, estimates_with, life_of

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
DETOUR = ["InfoReceived_001", "InTransit_002", "OutForDelivery_001", "AttemptFail_002", "OutForDelivery_001"]


def scan(hours: float, subtag: str, *, offset_known: bool = True, **facts: object) -> Scan:
    at = START + timedelta(hours=hours)
    known = {
        "fingerprint": f"{hours}-{subtag}",
        "tag": subtag.partition("_")[0],
        "subtag": subtag,
        "at": at,
        "reported_at": at,
        "local": at.replace(tzinfo=None).isoformat(),
        "happened_at": at if offset_known else None,
        "courier": "",
        "raw_tag": "",
    }
    return Scan(**known | facts)


def hours_of(*scans: Scan, **facts: object) -> dict[str, float]:
    """Each clock in hours since START."""
    clocks = clocks_of(scans, **facts)
    return {
        name: (datetime.fromisoformat(one["at"]) - START).total_seconds() / 3600 for name, one in sorted(clocks.items())
    }


def test_a_smooth_way_sets_each_clock_at_its_first_scan() -> None:
    way = [
        scan(0, "InfoReceived_001"), scan(5, "InTransit_002"), scan(9, "InTransit_003"),
        scan(30, "OutForDelivery_001"), scan(34, "Delivered_001"),
    ]  # fmt: skip
    assert hours_of(*way) == {
        "announced": 0, "first_scan": 5, "out_for_delivery": 30, "first_attempt": 34, "delivered": 34, "last_news": 34,
    }  # fmt: skip


def test_no_scan_no_clock() -> None:
    assert clocks_of([]) == {}
    assert clocks_of([scan(0, "InTransit_002", at=None, reported_at=None, local="", happened_at=None)]) == {}


def test_a_label_is_no_possession_and_neither_is_an_exception() -> None:
    assert hours_of(scan(0, "InfoReceived_001"), scan(3, "Exception_009")) == {
        "announced": 0, "exception": 3, "last_news": 3,
    }  # fmt: skip


def test_the_order_of_arrival_does_not_matter() -> None:
    way = [scan(n * 30, subtag) for n, subtag in enumerate([*DETOUR, "Exception_012", "Delivered_001"])]
    for seed in range(20):
        assert life_of(Random(seed).sample(way, len(way))) == life_of(way)


@pytest.mark.parametrize(
    ("scans", "attempted"),
    [
        ([scan(10, "OutForDelivery_001"), scan(12, "Delivered_001")], 12),
        ([scan(10, "OutForDelivery_001"), scan(11, "AttemptFail_002"), scan(12, "Delivered_001")], 11),
        ([scan(10, "AvailableForPickup_001"), scan(80, "Delivered_002")], 10),
        ([scan(8, "Exception_007"), scan(10, "OutForDelivery_001")], None),
        ([scan(10, "OutForDelivery_001"), scan(13, "Exception_007")], 13),
        ([scan(10, "OutForDelivery_001"), scan(34, "OutForDelivery_001")], None),
        ([scan(10, "OutForDelivery_001"), scan(34.5, "OutForDelivery_001")], 34.5),
    ],
    ids=["delivered", "failed", "pickup", "exception before", "exception after", "a day later", "over a day later"],
)
def test_the_first_attempt_follows_aftership_s_rule(scans: list[Scan], attempted: float | None) -> None:
    assert hours_of(*scans).get("first_attempt") == attempted


def test_back_at_the_sender_is_not_delivered() -> None:
    way = [scan(0, "InTransit_002"), scan(9, "Exception_010"), scan(20, "InTransit_003"), scan(50, "Delivered_001")]
    assert hours_of(*way) == {
        "first_scan": 0, "exception": 9, "turned_back": 9, "returned": 50, "last_news": 50,
    }  # fmt: skip


def test_sent_out_once_more_it_was_neither_returned_nor_delivered_before() -> None:
    way = [
        scan(0, "InTransit_002"),
        scan(9, "Delivered_001"),
        scan(12, "Exception_010"),
        scan(20, "OutForDelivery_001"),
    ]
    assert hours_of(*way).keys() == {"first_scan", "first_attempt", "exception", "out_for_delivery", "last_news"}
    assert hours_of(*way, scan(22, "Delivered_001"))["delivered"] == 22


def test_a_local_time_stays_one() -> None:
    found = clocks_of([scan(0, "InTransit_002", offset_known=False)])["first_scan"]
    assert found == {"at": "2026-11-20T08:00:00+00:00", "local": "2026-11-20T08:00:00", "is_offset_known": False}


def test_our_status_rule_speaks_for_the_scan_that_carries_its_code() -> None:
    def rule(one: Scan) -> ParcelStatus | None:
        return ParcelStatus.DELIVERED if one.raw_tag == "ZU" else None

    way = [scan(0, "InTransit_002"), scan(9, "InTransit_003", raw_tag="ZU"), scan(12, "InTransit_003")]
    assert hours_of(*way, rule=rule)["delivered"] == 9


def test_delivered_without_a_scan_is_taken_from_the_tracking_alone() -> None:
    way = [scan(0, "InTransit_002")]
    facts = {"status": "delivered", "delivered_at": "2026-11-21T08:00:00"}
    assert hours_of(*way, **facts) == {"first_scan": 0, "first_attempt": 24, "delivered": 24, "last_news": 0}
    assert "delivered" not in hours_of(*way, **facts | {"status": "in_transit"})
    assert "delivered" not in hours_of(*way, **facts | {"delivered_at": "yesterday"})


def test_attempts_are_days_on_which_somebody_came() -> None:
    way = [
        scan(0, "InTransit_002"), scan(2, "AttemptFail_001"), scan(3, "AttemptFail_002"), scan(26, "AttemptFail_002"),
        scan(50, "AvailableForPickup_001"), scan(75, "AvailableForPickup_001"), scan(99, "Delivered_002"),
    ]  # fmt: skip
    assert life_of(way).tallies == {
        "scans": 7,
        "attempts": 3,
        "longest_gap_hours": 25.0,
        "troubles": [["attempt_failed", "AttemptFail_001"], ["attempt_failed", "AttemptFail_002"]],
    }


def test_estimates_keep_the_first_and_each_change() -> None:
    known = estimates_with([], START, date(2026, 11, 23))
    known = estimates_with(known, START + timedelta(hours=1), date(2026, 11, 23))
    known = estimates_with(known, START + timedelta(hours=2), None)
    known = estimates_with(known, START + timedelta(hours=3), date(2026, 11, 24))
    assert known == [["2026-11-20T08:00:00+00:00", "2026-11-23"], ["2026-11-20T11:00:00+00:00", "2026-11-24"]]
    for n in range(100):
        known = estimates_with(known, START, date(2026, 11, 1) + timedelta(days=n % 2))
    assert len(known) == MOST_ESTIMATES
    assert known[0] == ["2026-11-20T08:00:00+00:00", "2026-11-23"]


@pytest.mark.sqlite
@pytest.mark.django_db
def test_old_rows_get_their_clocks_without_what_is_fenced() -> None:
    tracking = make_tracking()
    make_checkpoint(tracking, step=1, at=START, is_fenced=True)
    make_checkpoint(tracking, step=2, at=START + timedelta(hours=2))
    Run.objects.create(kind=RunKind.LEARN, subject="clocks", correlation_id="X", cursor={"after": "f" * 32})
    call_command("retake_clocks")
    assert not Tracking.objects.get().clocks  # the interrupted one was at its end
    call_command("retake_clocks")
    tracking.refresh_from_db()
    assert tracking.first_scan_at == tracking.last_news_at == START + timedelta(hours=2)
    assert tracking.tallies["scans"] == 1
