"""Contact rate and causes: of the period, of the stores that may be seen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from analytics.contacts import contacts
from analytics.filters import Filters
from tests import factories as make
from tests.analytics.worlds import DAY, MONDAY, World
from tracking.enums import ContactCause
from tracking.models import Contact

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
PERIOD = Filters(DAY, DAY + timedelta(days=6), as_of=DAY)


def test_rate_causes_and_handling_time() -> None:
    world = World()
    parcels = [world.parcel(scan=4) for _ in range(20)]
    world.figure("created")
    noon = MONDAY + timedelta(hours=36)
    for parcel, cause in zip(parcels, [ContactCause.LATE, ContactCause.LATE, ContactCause.NOT_SCANNED], strict=False):
        make.make_contact(parcel.order, cause=cause, opened_at=noon, closed_at=noon + timedelta(hours=3))
    Contact.objects.filter(cause=ContactCause.NOT_SCANNED).update(closed_at=None)
    make.make_contact(parcels[0].order, cause=ContactCause.LATE, opened_at=noon - timedelta(days=3))
    lost = make.make_contact(parcels[0].order, cause=ContactCause.UNKNOWN_ORDER, opened_at=noon)
    lost.order = None
    lost.save()
    found = contacts(PERIOD)
    assert (found.rate.numerator, found.rate.denominator, found.rate.value) == (4, 20, 0.2)
    assert found.causes == {ContactCause.LATE: 2, ContactCause.NOT_SCANNED: 1}
    assert (found.unknown, found.closed.total(), found.open.total()) == (1, 2, 2)


def test_open_tickets_make_the_time_longer_not_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of four were closed after 3 hours; of the others one is open for 20 hours, one since a minute.

    All four can end within the bucket up to 4 hours but the young one: left are 1, then 1 - 2/3 after it (3 at risk).
    """
    monkeypatch.setattr("analytics.contacts.timezone.now", lambda: MONDAY + timedelta(hours=24))
    world = World()
    parcel = world.parcel(scan=4)
    for opened, closed in ((3, 6), (10, 13), (4, None), (24 - 1 / 60, None)):
        at = MONDAY + timedelta(hours=opened)
        closed_at = at + timedelta(hours=closed - opened) if closed else None
        make.make_contact(parcel.order, opened_at=at, closed_at=closed_at)
    found = contacts(PERIOD)
    assert (dict(found.closed), dict(found.open)) == ({4: 2}, {0: 1, 7: 1})
    assert found.within(0.5).value == pytest.approx(2 + 2 * (1 - 0.5) / (2 / 3))
    assert found.within(0.9).value is None
    assert (found.within(0.5).numerator, found.within(0.5).denominator) == (2, 4)


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
    assert (found.rate.value, found.causes, found.within(0.5).value) == (None, {}, None)


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
