"""Contact rate and causes: of the period, of the stores that may be seen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from analytics.contacts import contacts
from analytics.filters import Filters
from tests import factories as make
from tests.analytics.worlds import DAY, MONDAY, World
from tracking.enums import ContactCause

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
PERIOD = Filters(DAY, DAY + timedelta(days=6), as_of=DAY)


def test_rate_causes_and_handling_time() -> None:
    world = World()
    parcels = [world.parcel(scan=4) for _ in range(20)]
    world.figure("created")
    noon = MONDAY + timedelta(hours=36)
    for parcel, cause in zip(parcels, [ContactCause.LATE, ContactCause.LATE, ContactCause.NOT_SCANNED], strict=False):
        make.make_contact(parcel.order, cause=cause, opened_at=noon, closed_at=noon + timedelta(hours=3))
    make.make_contact(parcels[0].order, cause=ContactCause.LATE, opened_at=noon - timedelta(days=3))
    lost = make.make_contact(parcels[0].order, cause=ContactCause.UNKNOWN_ORDER, opened_at=noon)
    lost.order = None
    lost.save()
    found = contacts(PERIOD)
    assert (found.rate.numerator, found.rate.denominator, found.rate.value) == (4, 20, 0.2)
    assert found.causes == {ContactCause.LATE: 2, ContactCause.NOT_SCANNED: 1}
    assert (found.unknown, found.open, found.mean_hours) == (1, 1, 3.0)


def test_more_tickets_than_parcels_is_a_rate_above_one_without_an_interval() -> None:
    world = World()
    parcel = world.parcel(scan=4)
    world.figure("created")
    for _ in range(3):
        make.make_contact(parcel.order, opened_at=MONDAY + timedelta(hours=36))
    rate = contacts(PERIOD).rate
    assert (rate.value, rate.low, rate.high) == (3.0, None, None)


def test_nothing_is_no_rate() -> None:
    found = contacts(PERIOD)
    assert (found.rate.value, found.causes, found.mean_hours) == (None, {}, None)


def test_tickets_of_other_stores_are_neither_counted_nor_told() -> None:
    world, other = World(), World()
    for one in (world, other):
        parcel = one.parcel(scan=4)
        make.make_contact(parcel.order, opened_at=MONDAY + timedelta(hours=36))
    world.figure("created")
    limited = contacts(Filters(PERIOD.first, PERIOD.last, PERIOD.as_of, seen=frozenset({world.store.pk})))
    assert (limited.rate.numerator, limited.rate.denominator) == (1, 1)
    chosen = Filters(PERIOD.first, PERIOD.last, PERIOD.as_of, chosen={"store": (other.store.pk,)})
    assert contacts(chosen).rate.numerator == 1
    assert contacts(PERIOD).rate.numerator == 2
