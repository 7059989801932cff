"""Every KPI against ten parcels that can be worked out by hand, and against the list of parcels that it opens.

Hours count from Monday, 5 October 2026, midnight in Berlin; the day asked is the 31st. All are ordered on Sunday.

     handed  scan  attempt  delivered  first estimate   promise   what happened
  A     0     10     34        34      Tue, kept        Wed       smooth
  B     0     20     94        94      Tue, 2 late      Wed, +1   weather; the estimate moved to Thursday
  C     0     12     64        88      Thu, 1 early     Wed       nobody there at first; its scan has no offset
  D    24     40      -         -      Thu              Wed       lost
  E    24     30      -         -      -                -         sent back
  F    48     60      -         -      Fri              Wed       silent since Wednesday; the estimate moved to Sunday
  G    72      -      -         -      -                Wed       announced only
  H    96      -      -         -      -                -         no route, no tracking
  I    96    100      -         -      -                -         expired
  J   100    110      -         -      -                -         damaged, at another courier than we asked for

Of B, D, E and J, which had an exception, B's shopper was told of it before asking; D's had asked before, E's mail came
back, and J's was about its departure.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from analytics.behind import behind
from analytics.kpis import KPIS, measure
from tests.analytics.worlds import FILTERS, MONDAY, World, told
from tests.factories import make_contact, make_message, make_route
from tracking.models import Parcel

pytestmark = pytest.mark.django_db
NOT_REACHED = None


@pytest.fixture
def world() -> World:
    world = World()
    route = make_route(world.store.project)
    routed: Any = {"shown": {"route": route}}

    def trouble(*found: str, gap: float = 0.0, attempts: int = 0) -> dict[str, Any]:
        troubles = [one.split() for one in found]
        return {
            "tallies": {"scans": 2 if gap else 1, "attempts": attempts, "longest_gap_hours": gap, "troubles": troubles}
        }

    world.parcel(
        ready=0,
        announced=1,
        scan=10,
        out=30,
        attempt=34,
        delivered=34,
        estimates=[(10, 1)],
        promise=3,
        **trouble(gap=20, attempts=1),
        **routed,
    )
    weather = world.parcel(
        ready=0,
        scan=20,
        exception=40,
        out=90,
        attempt=94,
        delivered=94,
        estimates=[(20, 1), (42, 3)],
        promise=3,
        **trouble("delayed Exception_017", gap=50, attempts=1),
        **routed,
    )
    world.parcel(
        ready=0,
        scan=12,
        out=60,
        attempt=64,
        delivered=88,
        estimates=[(12, 3)],
        promise=3,
        zoneless=("scan",),
        **trouble("attempt_failed AttemptFail_002", gap=48, attempts=2),
        **routed,
    )
    lost = world.parcel(
        "lost",
        ready=24,
        scan=40,
        exception=100,
        estimates=[(40, 3)],
        promise=3,
        **trouble("lost Exception_013", gap=60),
        **routed,
    )
    sent_back = world.parcel(
        "returned",
        ready=24,
        scan=30,
        exception=50,
        turned_back=50,
        **trouble("returning Exception_010", "returned Exception_011", gap=20),
        **routed,
    )
    world.parcel(
        "in_transit",
        ready=48,
        scan=60,
        last_news=70,
        estimates=[(60, 4), (70, 6)],
        promise=3,
        **trouble(gap=10),
        **routed,
    )
    world.parcel("info_received", ready=72, announced=73, promise=3, **routed)
    world.parcel("pending", ready=96)
    world.parcel("expired", ready=96, scan=100, **routed)
    damaged = world.parcel(
        "exception",
        ready=100,
        scan=110,
        exception=120,
        last_news=120,
        courier="ups",
        **trouble("exception Exception_012"),
        **routed,
    )
    told(damaged.tracking, requested_courier="dhl-germany")
    warn(weather, 44, asked=50)
    warn(lost, 102, asked=90)
    warn(sent_back, 52, state="bounced")
    warn(damaged, 112, kind="in_transit")
    return world


def warn(parcel: Parcel, hours: float, *, asked: float | None = None, **facts: Any) -> None:
    """Its shopper was sent a mail of trouble, and opened a ticket."""
    make_message(parcel, **{"kind": "exception", "sent_at": MONDAY + timedelta(hours=hours)} | facts)
    if asked is not None:
        make_contact(parcel.order, cause="problem", opened_at=MONDAY + timedelta(hours=asked))


# key: value, numerator, denominator
EXPECTED: dict[str, tuple[float | None, float, int]] = {
    "created": (10, 10, 10),
    "tracked": (8, 8, 10),
    "delivered": (3, 3, 10),
    "open": (3, 3, 10),
    "coverage": (0.9, 9, 10),
    "unrouted_rate": (0.1, 1, 10),
    "mismatch_rate": (1 / 9, 1, 9),
    "pending_rate": (0.1, 1, 10),
    "expired_rate": (0.1, 1, 10),
    "not_scanned": (0.2, 2, 10),
    "delivery_rate": (3 / 8, 3, 8),
    "zoneless_rate": (1 / 8, 1, 8),
    "estimate_coverage": (5 / 8, 5, 8),
    "on_time_estimate": (2 / 3, 2, 3),
    "early_estimate": (1 / 3, 1, 3),
    "late_estimate": (1 / 3, 1, 3),
    "on_time_promise": (2 / 3, 2, 3),
    "early_promise": (1 / 3, 1, 3),
    "late_promise": (1 / 3, 1, 3),
    "lateness_estimate": (2, 1, 3),
    "lateness_promise": (1, 1, 3),
    "trending_late": (1, 1, 1),
    "overdue_estimate": (1, 1, 1),
    "overdue_promise": (1, 2, 2),
    "late_reasons": (1, 1, 1),
    "accuracy_at_scan": (1, 3, 3),
    "accuracy_3_days": (0, 0, 1),
    "accuracy_1_day": (1, 3, 3),
    "revisions": (0.4, 2, 5),
    "moved_later": (0.4, 2, 5),
    "transit_p50": (NOT_REACHED, 3, 8),
    "transit_p90": (NOT_REACHED, 3, 8),
    "transit_p95": (NOT_REACHED, 3, 8),
    "order_to_delivery_p50": (NOT_REACHED, 3, 9),
    "order_to_delivery_p90": (NOT_REACHED, 3, 9),
    "order_to_delivery_p95": (NOT_REACHED, 3, 9),
    "attempt_time_p50": (NOT_REACHED, 3, 8),
    "attempt_time_p90": (NOT_REACHED, 3, 8),
    "attempt_time_p95": (NOT_REACHED, 3, 8),
    "pickup_p50": (13, 8, 10),
    "pickup_p90": (NOT_REACHED, 8, 10),
    "pickup_p95": (NOT_REACHED, 8, 10),
    "processing_p50": (50, 10, 10),
    "processing_p90": (122, 10, 10),
    "recovery_p50": (NOT_REACHED, 1, 4),
    "recovery_p90": (NOT_REACHED, 1, 4),
    "scan_gap_p50": (24, 6, 6),
    "scan_gap_p95": (64.2, 6, 6),
    "first_attempt": (2 / 3, 2, 3),
    "attempts_per_delivery": (4 / 3, 4, 3),
    "exception_rate": (0.5, 4, 8),
    "exceptions_now": (3 / 8, 3, 8),
    "exceptions_by_actor": (0.5, 4, 8),
    "lost_rate": (1 / 8, 1, 8),
    "lost_of_exceptions": (1 / 4, 1, 4),
    "damaged_rate": (1 / 8, 1, 8),
    "damaged_of_exceptions": (1 / 4, 1, 4),
    "returned_rate": (1 / 8, 1, 8),
    "returned_of_exceptions": (1 / 4, 1, 4),
    "recovery_rate": (1 / 4, 1, 4),
    "warned_first": (1 / 4, 1, 4),
    "stalled_before_scan": (1 / 9, 1, 9),
    "stalled_in_transit": (2 / 3, 2, 3),
}
PARTS = {
    "exception_rate": {"weather": 1, "lost": 1, "returning": 1, "damaged": 1},
    "exceptions_now": {"lost": 1, "returning": 1, "damaged": 1},
    "exceptions_by_actor": {"carrier": 1, "merchant": 2, "weather": 1},
    "late_reasons": {"weather": 1},
    "overdue_promise": {"1": 0, "2-3": 0, "4-7": 0, "8+": 2},
    "accuracy_at_scan": {"exact": 2 / 3, "bias_days": -1 / 3},
    "accuracy_3_days": {"exact": 0, "bias_days": 2},
    "lateness_estimate": {"-1": 1, "0": 1, "2": 1, "p50": 2, "p90": 2},
    "revisions": {"0": 3, "1": 2},
    "transit_p50": {"ended": 3, "open": 3, "never": 2},
}
LEFT_OUT = {"delivery_rate": 2, "estimate_coverage": 2, "on_time_estimate": 0, "order_to_delivery_p50": 0}
NO_PARCELS = {"attempts_per_delivery", "revisions"}  # their numerators are attempts and changes


def test_every_kpi(world: World) -> None:
    world.figure("created")
    figures = measure(FILTERS)[""]
    found = {key: (figure.value, figure.numerator, figure.denominator) for key, figure in figures.items()}
    assert found.keys() == EXPECTED.keys() == KPIS.keys()
    wrong = {key: (found[key], wanted) for key, wanted in EXPECTED.items() if found[key] != pytest.approx(wanted)}
    assert wrong == {}
    assert {key: dict(figures[key].parts) for key in PARTS} == {key: pytest.approx(PARTS[key]) for key in PARTS}
    assert {key: sum(n for _, n in figures[key].left_out) for key in LEFT_OUT} == LEFT_OUT


def test_every_figure_opens_the_parcels_behind_it(world: World) -> None:
    world.figure("created")
    for key, (_, numerator, denominator) in EXPECTED.items():
        numbers = {"numerator": numerator, "denominator": denominator}
        if key in NO_PARCELS:
            del numbers["numerator"]
        found = {part: behind(KPIS[key], FILTERS, part).count() for part in numbers}
        assert (key, found) == (key, numbers)
    assert behind(KPIS["delivery_rate"], FILTERS, "left_out").count() == 2
    assert behind(KPIS["on_time_promise"], FILTERS, "undecided").count() == 2


@pytest.mark.sqlite
def test_every_kind_opens_the_parcels_behind_it(world: World) -> None:
    """Reasons, who can act, ages, days late: what charts split a figure into, and each list is as long as it says."""
    several = [["delayed", "Exception_017"], ["exception", "Exception_002"], ["exception", "Exception_008"]]
    world.parcel("exception", scan=20, exception=40, tallies={"troubles": several})
    world.figure("created")
    split = [kpi for kpi in KPIS.values() if kpi.kinds]
    figures = measure(FILTERS, [kpi.key for kpi in split])[""]
    for kpi in split:
        kinds = {kind: number for kind, number in figures[kpi.key].parts.items() if kind not in ("p50", "p90")}
        assert any(kinds.values()), kpi.key
        found = {kind: behind(kpi, FILTERS, kind=kind).count() for kind in kinds}
        assert (kpi.key, found) == (kpi.key, kinds)
        with pytest.raises(KeyError):
            behind(kpi, FILTERS, kind="nothing")
    with pytest.raises(KeyError):
        behind(KPIS["created"], FILTERS, kind="lost")


def test_every_kpi_says_what_it_is() -> None:
    for kpi in KPIS.values():
        words = (kpi.title, kpi.definition, kpi.numerator, kpi.denominator)
        assert all(str(one).strip() for one in words), kpi.key
        assert kpi.unit in {"share", "count", "ratio", "hours", "days", "seconds", "per_10_000"}
        assert kpi.section in {"overview", "promise", "time", "problems", "service"}
        assert {"numerator", "denominator"} <= kpi.parts.keys()
        assert kpi.version >= 1


def test_without_parcels_nothing_is_zero(world: World) -> None:
    nothing = measure(FILTERS)[""]
    assert {key for key, figure in nothing.items() if figure.value is not None} == {
        "created", "tracked", "delivered", "open",
    }  # fmt: skip
