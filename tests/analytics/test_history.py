"""The made-up year: the same each time, with all that figures are looked at for, and never beside real data."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Sum
from django.test import Client
from django.urls import reverse

from analytics.filters import Filters
from analytics.history.seasons import black_friday, demand, is_peak
from analytics.history.world import OUTAGES
from analytics.kpis import measure
from analytics.management.commands.demo_history import MARK
from analytics.models import MailDay, ParcelFact, RepeatMark, Slice
from analytics.service import measure_service
from analytics.shopper_days import every_day
from analytics.shoppers import measure_shoppers
from tests import factories as make
from tracking.enums import ParcelStatus
from tracking.models import Change, Checkpoint, Contact, Job, Message, Order, Parcel, Problem, Tracking
from tracking.services.lives import LIFE_FIELDS, retake

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
LAST = date(2026, 11, 27)


def load(parcels: int = 300, **options: Any) -> str:
    out = StringIO()
    call_command("demo_history", parcels=parcels, last=LAST, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def digest() -> str:
    rows = Parcel.objects.order_by("order__order_number", "tracking_number").values_list(
        "order__order_number", "order__ordered_at", "order__customer_email", "tracking_number", "tracking__status",
        "tracking__clocks", "tracking__estimates", "is_return",
    )  # fmt: skip
    return hashlib.sha256(repr(list(rows)).encode()).hexdigest()


def test_seed_and_day_make_the_year() -> None:
    digests = []
    for seed in (7, 7, 8):
        with transaction.atomic():
            load(60, seed=seed, without_figures=True)
            digests.append(digest())
            transaction.set_rollback(True)
    assert digests[0] == digests[1] != digests[2]


def test_real_project_is_left_alone() -> None:
    make.make_project(key="shop", api_url="https://api.europe-west1.gcp.commercetools.com")
    with pytest.raises(CommandError, match="Project shop is real"):
        load()
    assert (Order.objects.count(), Tracking.objects.count(), Parcel.objects.count()) == (0, 0, 0)


def test_year_is_loaded_once() -> None:
    load(20, without_figures=True)
    count = Parcel.objects.count()
    with pytest.raises(CommandError, match="demo-year already"):
        load(20)
    assert Parcel.objects.count() == count


@pytest.mark.parametrize("parcels", [0, -1, 1_000_001])
def test_size_has_limits(parcels: int) -> None:
    with pytest.raises(CommandError, match="--parcels"):
        load(parcels)


def test_year_has_all_that_figures_are_looked_at_for_and_asks_nobody() -> None:
    demo = make.make_order(make.make_project(key="demo", api_url="http://127.0.0.1:4010"))
    before = make.make_parcel(demo, make.make_tracking())
    said = load(500)
    orders = Order.objects.filter(project__key=MARK)
    parcels = Parcel.objects.filter(order__project__key=MARK)
    assert 420 <= parcels.count() <= 580, said
    assert {order.project.is_active for order in orders.select_related("project")[:1]} == {False}
    assert (Job.objects.count(), Problem.objects.count(), Change.objects.count()) == (0, 0, 0)
    assert ParcelFact.objects.filter(parcel_id__in=parcels).count() == parcels.count()
    statuses = Counter(parcels.values_list("tracking__status", flat=True))
    assert statuses[ParcelStatus.DELIVERED] > 0.85 * parcels.count()
    assert {ParcelStatus.RETURNED, ParcelStatus.EXPIRED} & set(statuses)
    assert 0 < parcels.filter(is_return=True).count() < 0.15 * parcels.count()
    assert Contact.objects.filter(project__key=MARK).count() > 5
    emails = Counter(orders.values_list("customer_email", flat=True))
    assert max(emails.values()) > 1, "some shoppers come again"
    dated = ParcelFact.objects.exclude(promise_late_days=None)
    on_time = dated.filter(promise_late_days__lte=0).count() / dated.count()
    assert 0.7 < on_time < 0.95, "promises are mostly kept"
    assert set(every_day()) == set(RepeatMark.objects.values_list("day", flat=True)), (
        "every day of the year is looked at"
    )
    told = Message.objects.filter(order__in=orders)
    assert told.count() > 2 * parcels.count()
    assert MailDay.objects.aggregate(n=Sum("told"))["n"] == told.count()
    year = Filters(LAST - timedelta(days=365), LAST, as_of=LAST)
    found = measure(year)[""] | measure_shoppers(year) | measure_service(year.first, year.last)
    silent = {"order_to_delivery_p95", "recovery_p90"} | {key for key in found if key.endswith("_undated")}
    assert {key for key, figure in found.items() if figure.value is None} <= silent, (
        "each figure shows something but where so many never end"
    )
    assert measure(year, ["created"], by="channel").keys() >= {"hub-berlin", "hub-leipzig", "hub-leeds"}
    assert 0.3 < found["warned_first"].value < 0.95
    assert 1 < found["page_views"].value < 8
    assert found["again_90_problem"].denominator > 3
    assert orders.earliest("ordered_at").ordered_at.date() <= LAST - timedelta(days=355)
    assert Checkpoint.objects.filter(sort_at__gte=datetime(2026, 11, 28, tzinfo=UTC)).count() == 0
    assert Parcel.objects.get(pk=before.pk).tracking_id == before.tracking_id, "what was there stays"
    make.make_parcel(demo, make.make_tracking())  # the database counts on from the keys given by hand


def test_clocks_are_those_that_the_scans_say() -> None:
    load(120, without_figures=True)
    written = {row.pk: [getattr(row, name) for name in LIFE_FIELDS] for row in Tracking.objects.all()}
    with transaction.atomic():
        retake(list(Tracking.objects.order_by("pk").select_for_update()))
    assert written == {row.pk: [getattr(row, name) for name in LIFE_FIELDS] for row in Tracking.objects.all()}


def test_promise_changes_and_nothing_is_scanned_in_an_outage() -> None:
    load(400, without_figures=True)
    promised = Parcel.objects.filter(order__store__key="de-web", is_return=False)
    days = {row.order.ordered_at.date(): row.decision["promise_days"] for row in promised.select_related("order")}
    changed_on = LAST - timedelta(days=150)
    assert {promise for on, promise in days.items() if on < changed_on} == {7}
    assert {promise for on, promise in days.items() if on > changed_on} == {6}
    for outage in OUTAGES:
        scans = Checkpoint.objects.filter(courier=outage.courier).exclude(subtag="InfoReceived_001")
        days_of_scans = {datetime.fromisoformat(one).date() for one in scans.values_list("local_time", flat=True)}
        assert [day for day in days_of_scans if outage.covers(outage.courier, day, LAST)] == []


def test_seasons() -> None:
    assert (black_friday(2025), black_friday(2026)) == (date(2025, 11, 28), date(2026, 11, 27))
    year = [LAST - timedelta(days=n) for n in range(1, 366)]
    assert max(year, key=lambda day: demand(day, LAST)) == date(2025, 11, 28)
    assert is_peak(date(2025, 12, 15))
    assert not is_peak(date(2026, 6, 15))
    assert demand(date(2025, 12, 25), LAST) < 0.5 * demand(date(2025, 12, 11), LAST)


def test_desk_opens_what_was_made_up(admin_client: Client) -> None:
    load(40)
    parcel = Parcel.objects.earliest("pk")
    pages = [
        reverse("admin:tracking_order_change", args=[parcel.order_id]),
        reverse("admin:tracking_parcel_change", args=[parcel.pk]),
        reverse("admin:tracking_tracking_change", args=[parcel.tracking_id]),
        reverse("admin:tracking_parcel_why", args=[parcel.pk]),
        reverse("parcel-proof", args=[parcel.pk]),
        f"{reverse('story')}?code={parcel.order.correlation_id}",
        f"/api/v1/stories/{parcel.order.correlation_id}/",
    ]
    assert [admin_client.get(path).status_code for path in pages] == [200] * len(pages)


def test_figures_of_the_demo_name_stores_that_are_called_alike(admin_client: Client) -> None:
    project = make.make_project(key="demo", api_url="http://127.0.0.1:4010")
    twin, other = make.make_store(project, key="de-web"), make.make_store(project, key="nl-web")
    load(60)
    for store in (twin, other):
        Slice.objects.create(project_id=project.pk, store_id=store.pk)
    page = admin_client.get("/analytics/overview/").content.decode()
    named = re.findall(r'<option value="\d+"[^>]*>([^<]+)</option>', page)
    assert named == ["de-web (demo)", "de-web (demo-year)", "en-web", "nl-web"]
