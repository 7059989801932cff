"""Whatever changes, in whatever order and however often: day sums say what a slow look at every row says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import filters as analytics_filters
from analytics import rebuild, refresh, totals
from analytics.filters import Filters
from analytics.kpis import KPIS, measure
from analytics.models import DayBucket, DayCount, ParcelFact
from analytics.names import BY_MONTH, COUNTS, Cohort, Spread
from analytics.statistics import wilson
from tests.analytics.worlds import DAY, MONDAY, World, clock, told
from tests.factories import make_contact, make_message
from tracking.models import Change, Message, Order, Parcel, Tracking

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

STATUSES = ["info_received", "in_transit", "out_for_delivery", "delivered", "exception", "returned", "lost", "expired"]
AS_OF = DAY + timedelta(days=60)


@dataclass(frozen=True)
class Act:
    """One thing that happens: to the parcel of that number, with that value."""

    what: str
    parcel: int
    value: int


acts = st.builds(
    Act,
    st.sampled_from(
        ["new", "status", "scan", "deliver", "remove", "restore", "cancel", "move", "count", "twice", "warn", "ask"]
    ),
    st.integers(0, 5),
    st.integers(0, 40),
)


@given(st.lists(acts, max_size=25), st.integers(-5, 40), st.integers(0, 60), st.sampled_from(list(Cohort)))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_day_sums_are_what_a_slow_look_at_every_row_gives(
    transactional: Any, what: list[Act], start: int, length: int, cohort: Cohort
) -> None:
    with transactional():
        world, parcels = World(), list[Parcel]()
        for act in what:
            happen(world, parcels, act)
        refresh.drain()
        first = DAY + timedelta(days=start)
        filters = Filters(first, first + timedelta(days=length), as_of=AS_OF, cohort=cohort)
        found = measure(filters)[""]
        assert {key: found[key].numerator for key in SLOW} == {key: slow(filters) for key, slow in SLOW.items()}
        assert found["transit_p50"].value == pytest.approx(slow_transit(filters, 0.5))
        assert found["on_time_promise"].low == (wilson(*rate(filters)) or (None,))[0]
        assert found == by_day_alone(filters)
        assert mended() == 0


@pytest.fixture
def transactional() -> Any:
    """Each example in a transaction that is undone."""
    from contextlib import contextmanager

    from django.db import transaction

    @contextmanager
    def undone() -> Any:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)

    return undone


def happen(world: World, parcels: list[Parcel], act: Act) -> None:
    """Do it; what is about no parcel is left out."""
    if act.what == "new":
        courier = ["dhl-germany", "ups"][act.value % 2]
        parcels.append(world.parcel("info_received", ready=act.value * 20, courier=courier, promise=3))
    elif act.what == "count":
        refresh.drain()
    elif act.what == "twice":
        refresh.refresh([parcel.pk for parcel in parcels] * 2)
        Change.objects.all().delete()
        Change.objects.bulk_create(Change(kind="parcel", subject=str(parcel.pk)) for parcel in reversed(parcels))
    elif parcels:
        change(parcels[act.parcel % len(parcels)], act)


def change(parcel: Parcel, act: Act) -> None:
    tracking = Tracking.objects.get(pk=parcel.tracking_id)
    if act.what == "status":
        told(tracking, status=STATUSES[act.value % len(STATUSES)])
    elif act.what == "scan":
        told(tracking, status="in_transit", clocks=tracking.clocks | {"first_scan": clock(act.value * 20)})
    elif act.what == "deliver":
        end = clock(act.value * 30)
        told(tracking, status="delivered", clocks=tracking.clocks | {"first_attempt": end, "delivered": end})
    elif act.what in ("remove", "restore"):
        Parcel.objects.filter(pk=parcel.pk).update(removed_at=AS_OF_MOMENT if act.what == "remove" else None)
    elif act.what == "cancel":
        Order.objects.filter(pk=parcel.order_id).update(order_state=["Open", "Cancelled"][act.value % 2])
    elif act.what == "move":
        told(tracking, courier="gls")
    elif act.what == "warn":
        told(tracking, clocks=tracking.clocks | {"exception": clock(act.value)})
        make_message(parcel, kind="delayed", occasion=str(Message.objects.count()), **sent(act.value))
    elif act.what == "ask":
        make_contact(parcel.order, cause=["late", "none"][act.value % 2], opened_at=MONDAY + timedelta(hours=act.value))


def sent(hours: int) -> dict[str, Any]:
    """One in four came back."""
    return {"state": "sent" if hours % 4 else "bounced", "sent_at": MONDAY + timedelta(hours=hours)}


AS_OF_MOMENT = "2026-12-04T00:00:00+00:00"


# ── slowly ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def local(parcel: Parcel, name: str) -> str:
    return str(parcel.tracking.clocks.get(name, {}).get("local", ""))


def parcels_in(filters: Filters) -> list[Parcel]:
    """Those of the period, by what stands on their rows."""
    shown = Parcel.objects.filter(removed_at=None).exclude(order__order_state="Cancelled")
    found = []
    for parcel in shown.select_related("order", "tracking"):
        ready = (parcel.shipped_at + timedelta(hours=2)).date()  # Berlin, in summer
        if parcel.shipped_at >= parcel.shipped_at.replace(month=10, day=25, hour=1, minute=0):
            ready = (parcel.shipped_at + timedelta(hours=1)).date()
        scan = local(parcel, "first_scan")[:10]
        day = ready if filters.cohort == Cohort.HANDOVER else scan and date.fromisoformat(scan)
        if day and filters.first <= day <= filters.last:
            found.append(parcel)
    return found


def count(*statuses: str) -> Any:
    return lambda filters: sum(parcel.tracking.status in statuses for parcel in parcels_in(filters))


def rate(filters: Filters) -> tuple[int, int]:
    """Kept promises and attempted parcels: three days from Sunday is Wednesday, 7 October."""
    tracked = [parcel for parcel in parcels_in(filters) if parcel.tracking.status != "expired"]
    days = [local(parcel, "first_attempt")[:10] for parcel in tracked if local(parcel, "first_attempt")]
    return sum(day <= "2026-10-07" for day in days), len(days)


def warned(filters: Filters) -> int:
    """Parcels with an exception whose shopper was sent word of it, and did not ask about trouble before."""
    found = 0
    for parcel in parcels_in(filters):
        mails = [one.sent_at for one in parcel.messages.all() if one.kind == "delayed" and one.state == "sent"]
        tickets = [one.opened_at for one in parcel.order.contacts.all() if one.cause == "late"]
        is_troubled = "exception" in parcel.tracking.clocks and parcel.tracking.status != "expired"
        found += is_troubled and bool(mails) and all(min(mails) <= at for at in tickets)
    return found


def slow_transit(filters: Filters, share: float) -> float | None:
    """Kaplan and Meier over each parcel, in hours from the beginning of its bucket of six."""
    ends, at_risk = Counter[int](), list[float]()
    for parcel in parcels_in(filters):
        scan, end = local(parcel, "first_scan"), local(parcel, "delivered")
        status = parcel.tracking.status
        fact = ParcelFact.objects.get(pk=parcel.pk)
        if not scan or (status == "delivered" and not end):
            continue
        if status == "delivered":
            bucket = max(int(fact.transit_hours // 6), 0)
            ends[bucket] += 1
            at_risk.append(bucket)
        elif status in ("returned", "lost"):
            at_risk.append(float("inf"))
        else:
            at_risk.append((AS_OF - date.fromisoformat(scan[:10])).days * 24 // 6)
    left, target = 1.0, 1 - share
    for bucket in sorted(ends):
        before = left
        left *= 1 - ends[bucket] / sum(age >= bucket for age in at_risk)
        if left <= target + 1e-12:
            return 6 * (bucket + 1) - 6 * (target - left) / (before - left)
    return None


SLOW = {
    "created": lambda filters: len(parcels_in(filters)),
    "delivered": count("delivered"),
    "expired_rate": count("expired"),
    "lost_rate": count("lost"),
    "open": count("info_received", "in_transit", "out_for_delivery", "exception"),
    "not_scanned": lambda filters: sum(not local(parcel, "first_scan") for parcel in parcels_in(filters)),
    "on_time_promise": lambda filters: rate(filters)[0],
    "warned_first": warned,
}


def by_day_alone(filters: Filters) -> Any:
    """The same figures without the sums of months."""
    whole = totals.days_and_months
    totals.days_and_months = lambda filters, by: [
        Q(cohort=filters.cohort, day__gte=filters.first, day__lte=filters.last)
    ]
    try:
        return measure(filters)[""]
    finally:
        totals.days_and_months = whole


def mended() -> int:
    """How many days and months differ from what facts that are made anew say."""
    stored = sorted(map(tuple, rows()))
    DayCount.objects.all().delete()
    DayBucket.objects.all().delete()
    ParcelFact.objects.all().delete()
    refresh.refresh(list(Parcel.objects.values_list("pk", flat=True)))
    again = Counter[str]()
    assert sorted(map(tuple, rows())) == stored
    list(rebuild.days([], again))
    return again["mended"]


def rows() -> list[Any]:
    """Both tables without their keys."""
    counts = DayCount.objects.order_by().values_list("cohort", "day", "slice", *COUNTS)
    buckets = DayBucket.objects.order_by().values_list("cohort", "spread", "day", "slice", "bucket", "number")
    return [[str(value) for value in row] for row in (*counts, *buckets)]


def test_months_are_used_where_a_period_has_whole_ones() -> None:
    """From 20 August to 3 November: two months and their edges; the same days by week: days alone."""
    filters = Filters(date(2026, 8, 20), date(2026, 11, 3), as_of=AS_OF)
    words = str(totals.days_and_months(filters, ""))
    assert str(BY_MONTH) in words
    assert str(totals.days_and_months(filters, "week")).count("cohort") == 1
    short = replace(filters, first=date(2026, 10, 2), last=date(2026, 10, 31))
    assert str(totals.days_and_months(short, "")).count("cohort") == 1


@pytest.mark.parametrize("few", [0, 1, 100])
def test_choice_is_the_same_whether_its_slices_or_the_others_are_named(
    monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(analytics_filters, "FEW", few)
    world = World()
    for courier, number in (("dhl", 1), ("dpd", 2), ("gls", 4)):
        for _ in range(number):
            world.parcel("lost", ready=12, courier=courier)
    refresh.drain()
    for chosen, expected in ((("dpd",), 2), (("dhl", "gls"), 5), ((), 7), (("ups",), 0)):
        filters = Filters(DAY, DAY, as_of=AS_OF, chosen={"courier": chosen} if chosen else {})
        found = totals.totals(filters, spreads=[Spread.PROCESSING])[""]
        assert (found.counts["created"], sum(found.spreads[Spread.PROCESSING].values())) == (expected, expected)


def test_slice_that_is_made_between_two_queries_is_not_shown_to_who_may_not_see_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(analytics_filters, "FEW", 0)
    world = World()
    world.parcel("lost", ready=12)
    refresh.drain()
    filters = Filters(DAY, DAY, as_of=AS_OF, seen=frozenset({world.store.pk}))
    of_slices = filters.of_slices()
    World().parcel("lost", ready=12)
    refresh.drain()
    assert DayCount.objects.filter(cohort=Cohort.HANDOVER, day=DAY).count() == 2
    assert DayCount.objects.filter(of_slices, cohort=Cohort.HANDOVER, day=DAY).count() == 1


def test_spreads_are_summed_up_from_their_index_alone() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'day_bucket_once'")
            assert cursor.fetchone()[0].endswith("INCLUDE (number)")


def test_every_kpi_is_measured_in_three_queries(django_assert_num_queries: Any) -> None:
    World().parcel("lost", ready=12)
    refresh.drain()
    with django_assert_num_queries(3):
        measure(Filters(DAY, DAY, as_of=DAY), list(KPIS), by="courier")


def test_whole_months_and_their_edges_count_each_parcel_once() -> None:
    """Handed over on the days around the turns of two months, 31 October to 1 December, and beyond both ends."""
    world = World()
    for day in (date(2026, 10, 19), date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 30), date(2026, 12, 1)):
        world.parcel("lost", ready=(day - DAY).days * 24 + 12)
    world.parcel("lost", ready=(date(2026, 12, 6) - DAY).days * 24 + 12)
    refresh.drain()
    for first, last, expected in (
        (date(2026, 10, 20), date(2026, 12, 5), 4),
        (date(2026, 11, 1), date(2026, 11, 30), 2),
        (date(2026, 11, 1), date(2026, 12, 1), 3),
        (date(2026, 10, 31), date(2026, 11, 30), 3),
        (date(2026, 10, 19), date(2026, 12, 6), 6),
    ):
        spread = totals.totals(Filters(first, last, as_of=AS_OF), counts=(), spreads=[Spread.PROCESSING])[""].spreads
        assert (first, last, sum(spread[Spread.PROCESSING].values())) == (first, last, expected)
