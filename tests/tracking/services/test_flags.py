"""Flags by table: what a condition is said to be, the gravest first, and what it is not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests import factories as make
from tracking.enums import Flag, ParcelStatus, ProblemKind
from tracking.services import flags
from tracking.services.flags import Condition, condition_of, flags_of, flags_of_order, left_to_ship

TODAY = date(2026, 11, 10)
YESTERDAY, TOMORROW = date(2026, 11, 9), date(2026, 11, 11)
MOVING, OUT = ParcelStatus.IN_TRANSIT, ParcelStatus.OUT_FOR_DELIVERY

CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()),
    ({"status": None}, {"not_tracked"}),
    ({"status": None, "has_number": False}, set()),
    ({"status": None, "promised": YESTERDAY}, {"not_tracked"}),  # nobody knows whether it is late
    ({"estimate": YESTERDAY}, {"late"}),
    ({"estimate": TODAY}, set()),
    ({"estimate": None, "promised": YESTERDAY}, {"late"}),
    ({"estimate": TOMORROW, "promised": YESTERDAY}, set()),  # the carrier's word stands before the promise
    ({"estimate": YESTERDAY, "attempted": YESTERDAY}, set()),  # it was tried on its day
    ({"estimate": YESTERDAY, "attempted": TODAY}, {"late"}),
    ({"status": "delivered", "estimate": YESTERDAY}, set()),
    ({"status": "returning", "estimate": YESTERDAY}, set()),
    ({"status": "available_for_pickup", "estimate": YESTERDAY}, {"awaiting_pickup"}),
    ({"status": "attempt_failed", "estimate": TODAY}, {"attempts_failed"}),
    ({"is_return": True, "estimate": YESTERDAY}, {"return"}),
    ({"is_fenced": True, "estimate": YESTERDAY, "subtag": "Exception_012"}, {"number_reused"}),
    ({"first_estimate": TODAY, "estimate": TOMORROW}, {"estimate_moved"}),
    ({"first_estimate": TOMORROW, "estimate": TODAY}, set()),
    ({"status": "delivered", "first_estimate": YESTERDAY, "estimate": TODAY}, set()),
    ({"status": "exception", "subtag": "Exception_007"}, {"address"}),
    ({"status": "exception", "subtag": "Exception_006"}, {"payment"}),
    ({"status": "delayed", "subtag": "Exception_004"}, {"customs"}),
    ({"status": "delayed", "subtag": "Exception_017"}, {"weather"}),
    ({"status": "delivered", "subtag": "Delivered_005"}, {"neighbour"}),
    ({"is_out": True}, {"courier_outage"}),
    ({"is_out": True, "status": "delivered"}, set()),
    ({"is_shared": True, "is_corrected": True, "has_late_news": True}, {"shared", "number_corrected", "late_news"}),
    ({"problems": frozenset({"carrier_doubtful", "carrier_mismatch"})}, {"wrong_carrier"}),
    ({"problems": frozenset({"no_scan", "upstream_down"})}, {"stuck"}),
]


@pytest.mark.parametrize(("facts", "expected"), CASES)
def test_parcel_has_the_flags(facts: dict[str, Any], expected: set[str]) -> None:
    assert {str(flag) for flag in flags_of(Condition(**{"status": MOVING} | facts), TODAY)} == expected


def test_gravest_flag_comes_first() -> None:
    parcel = Condition(status=MOVING, estimate=YESTERDAY, is_shared=True, problems=frozenset({"silent"}))
    assert flags_of(parcel, TODAY) == (Flag.SILENT, Flag.LATE, Flag.SHARED)


def test_order_of_several_parcels_is_split_and_returns_do_not_count() -> None:
    one, back = Condition(status=MOVING), Condition(status=OUT, is_return=True)
    assert flags_of_order([one, one], TODAY) == (Flag.SPLIT,)
    assert flags_of_order([one, back], TODAY) == (Flag.RETURN,)


def test_cancelled_order_says_nothing_else() -> None:
    late = Condition(status=MOVING, estimate=YESTERDAY)
    assert flags_of_order([late, late], TODAY, is_cancelled=True) == (Flag.CANCELLED,)


def test_order_tells_what_is_not_shipped_yet_only_where_something_is() -> None:
    assert flags_of_order([Condition(status=MOVING)], TODAY, is_all_shipped=False) == (Flag.NOT_ALL_SHIPPED,)
    assert flags_of_order([], TODAY, is_all_shipped=False) == ()


def test_problem_of_the_order_alone_is_a_flag_of_the_order() -> None:
    assert flags_of_order([Condition(status=MOVING)], TODAY, problems=["foreign_type"]) == (Flag.SYNC_FAILING,)


def test_every_problem_that_maps_to_a_flag_is_a_kind_of_problem() -> None:
    assert set(flags.PROBLEM_FLAGS) <= set(ProblemKind.values)


@pytest.mark.django_db
def test_condition_is_read_from_the_rows() -> None:
    route = make.make_route(promise_days=3, promise_days_by_country={"AT": 5})
    order = make.make_order(destination_country="AT")
    clock = {"at": "2026-11-08T23:30:00+00:00", "local": "2026-11-09T00:30:00", "is_offset_known": True}
    tracking = make.make_tracking(clocks={"first_attempt": clock}, eta=TODAY, subtag="Exception_012")
    parcel = make.make_parcel(order, tracking, route=route)
    found = condition_of(parcel, problems=["silent"])
    assert (found.attempted, found.estimate, found.subtag) == (YESTERDAY, TODAY, "Exception_012")
    assert order.ordered_at is not None
    assert found.promised is not None
    assert (found.promised - order.ordered_at.date()).days == 5
    assert flags_of(found, TODAY) == (Flag.DAMAGED, Flag.SILENT)


@pytest.mark.django_db
def test_left_to_ship_is_what_no_parcel_holds() -> None:
    order = make.make_order(items={"boots": 2, "socks": 3})
    first = make.make_parcel(order, items={"boots": 1})
    back = make.make_parcel(order, items={"boots": 1}, is_return=True)
    assert left_to_ship(order, [first, back]) == {"boots": 1, "socks": 3}
    assert left_to_ship(order, []) == {"boots": 2, "socks": 3}
    unlisted = make.make_parcel(order)
    assert left_to_ship(order, [first, unlisted]) == {}
