"""Figures of shoppers, worked out by hand: tickets, what was told before them, mails, looks and clicks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from analytics.filters import Filters
from analytics.models import MailDay
from analytics.shopper_days import refresh_day
from analytics.shoppers import SHOPPER_KPIS, measure_shoppers
from tests import factories as make
from tests.analytics.worlds import DAY, MONDAY, World
from tracking.models import Message

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
PERIOD = Filters(DAY, DAY + timedelta(days=6), as_of=DAY + timedelta(days=30))
NOON = MONDAY + timedelta(hours=36)  # Tuesday


def figures(filters: Filters = PERIOD) -> dict[str, tuple[Any, float, int]]:
    for days in range(9):
        refresh_day(DAY + timedelta(days=days - 1))
    found = measure_shoppers(filters)
    return {key: (figure.value, figure.numerator, figure.denominator) for key, figure in found.items()}


def test_every_figure_says_what_it_is() -> None:
    for kpi in SHOPPER_KPIS.values():
        assert all(
            str(words).strip() for words in (kpi.title, kpi.definition, kpi.numerator, kpi.denominator, kpi.sample)
        )
    assert {kpi.version for key, kpi in SHOPPER_KPIS.items() if key.startswith("again_")} == {2}


def test_nothing_is_no_figure() -> None:
    found = figures()
    assert found.keys() == SHOPPER_KPIS.keys()
    assert {key for key, (value, _, _) in found.items() if value is not None} == {"mails_sent"}


def test_mails_by_what_became_of_them() -> None:
    """Five mails of the period tell six pieces of news; of two nobody reported; one of three came back."""
    world = World()
    parcels = [world.parcel(scan=4) for _ in range(6)]
    arrived = {"delivered_at": NOON}
    first = make.make_message(parcels[0], sent_at=NOON, **arrived)
    make.make_message(parcels[1], sent_at=NOON, told_with=first, **arrived)
    make.make_message(parcels[2], sent_at=NOON)
    make.make_message(parcels[2], sent_at=NOON, kind="delivered")
    make.make_message(parcels[3], sent_at=NOON, state="bounced", returned_at=NOON)
    make.make_message(parcels[4], sent_at=NOON, state="complained", returned_at=NOON, **arrived)
    make.make_message(parcels[5], sent_at=NOON + timedelta(days=20))
    make.make_message(parcels[5], kind="delivered", state="planned", sent_at=None)
    found = figures()
    assert found["mails_sent"] == (5, 5, 6)
    assert found["mails_arrived"] == (pytest.approx(2 / 3), 2, 3)
    assert [n for _words, n in measure_shoppers(PERIOD, ["mails_arrived"])["mails_arrived"].left_out] == [2]
    Message.objects.filter(pk=first.pk).update(state="bounced", returned_at=NOON)
    assert figures()["mails_arrived"] == (pytest.approx(1 / 3), 1, 3)


def test_rebuild_finds_days_of_mails_alone() -> None:
    """Mailed on a day on which nothing was handed over, and on which nobody looked."""
    make.make_message(World().parcel(scan=4), sent_at=MONDAY + timedelta(days=5, hours=12))
    call_command("rebuild_facts")
    assert measure_shoppers(PERIOD, ["mails_sent"])["mails_sent"].value == 1


def test_day_keeps_its_mails_when_their_rows_are_gone() -> None:
    make.make_message(World().parcel(scan=4), sent_at=NOON)
    before = figures()["mails_sent"]
    Message.objects.all().delete()
    assert figures()["mails_sent"] == before == (1, 1, 1)


def test_looks_and_clicks() -> None:
    """Three orders, nine looks on pages of which four showed an offer; ten offers in mails, twelve clicks on them."""
    world = World()
    for _ in range(3):
        world.parcel(scan=4)
    world.figure("created")
    day, store = date(2026, 10, 6), world.store
    for event, place, count in (
        ("view", "page", 7), ("view", "embed", 2), ("shown", "page", 3), ("shown", "embed", 1), ("click", "page", 1),
        ("shown", "mail", 10), ("click", "mail", 12),
    ):  # fmt: skip
        make.make_shopper_count(day=day, event=event, place=place, count=count, store=store, key=f"{event} {place}")
    make.make_shopper_count(day=DAY - timedelta(days=1), event="view", count=99, store=store, key="before")
    found = figures()
    assert found["page_views"] == (3, 9, 3)
    assert found["page_clicks"] == (0.25, 1, 4)
    assert found["mail_clicks"] == (1.2, 12, 10)
    assert measure_shoppers(PERIOD, ["mail_clicks"])["mail_clicks"].low is None, "more clicks than mails are no share"


def test_tickets_with_cause_and_told_before() -> None:
    """Five tickets: two late ones of which one was told, one of a parcel not scanned, one of nothing, one unknown."""
    world = World()
    parcels = [world.parcel(scan=4) for _ in range(10)]
    world.figure("created")
    for parcel, cause, facts in (
        (parcels[0], "late", {"warned_at": NOON - timedelta(hours=1)}),
        (parcels[1], "late", {}),
        (parcels[2], "not_scanned", {}),
        (parcels[3], "none", {}),
    ):
        make.make_contact(parcel.order, cause=cause, opened_at=NOON, **facts)
    lost = make.make_contact(parcels[4].order, cause="unknown_order", opened_at=NOON)
    lost.order = None
    lost.save()
    found = figures()
    assert found["contact_rate"] == (0.5, 5, 10)
    assert found["contact_matter"] == (0.75, 3, 4)
    assert found["warned_before_ticket"] == (0.5, 1, 2)
    whole = measure_shoppers(PERIOD, ["contact_matter", "warned_before_ticket"])
    assert dict(whole["contact_matter"].parts) == {"late": 2, "not_scanned": 1, "none": 1}
    assert [[n for _words, n in figure.left_out] for figure in whole.values()] == [[1], [3]]


def test_figures_of_other_stores_are_neither_counted_nor_told() -> None:
    world, other = World(), World()
    for one in (world, other):
        parcel = one.parcel(scan=4)
        make.make_message(parcel, sent_at=NOON)
        make.make_shopper_count(day=DAY, event="view", count=2, store=one.store, key=str(one.store.pk))
        make.make_contact(parcel.order, opened_at=NOON)
        one.figure("created")
    assert [figures()[key][1] for key in ("mails_sent", "page_views", "contact_rate")] == [2, 4, 2]
    limited = replace(PERIOD, seen=frozenset({world.store.pk}))
    assert [figures(limited)[key][1] for key in ("mails_sent", "page_views", "contact_rate")] == [1, 2, 1]
    asked = replace(limited, chosen={"store": (other.store.pk,)})
    assert [figures(asked)[key][1] for key in ("mails_sent", "page_views", "contact_rate")] == [0, 0, 0]


def test_database_refuses_mails_that_cannot_be() -> None:
    for facts in ({"told": 1, "sent": 2}, {"told": 2, "sent": 1, "reported": 2}, {"arrived": 1}, {"arrived": -1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            MailDay.objects.create(day=DAY, **facts)
    MailDay.objects.create(day=DAY, store_id=7)
    with pytest.raises(IntegrityError), transaction.atomic():
        MailDay.objects.create(day=DAY, store_id=7)
