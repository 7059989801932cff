"""Every list and page: shown, searched, and in a fixed handful of queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from analytics.models import Summary
from stores.admin import CappedPaginator
from stores.models import (
    AfterShipAccount,
    Brand,
    CarrierMapping,
    Channel,
    Courier,
    CustomType,
    Project,
    Revision,
    Route,
    Store,
)
from tests import factories as make
from tracking.enums import JobKind
from tracking.models import (
    Attempt,
    BlockedAddress,
    Checkpoint,
    Contact,
    Erasure,
    Heartbeat,
    Job,
    Message,
    Order,
    Parcel,
    Problem,
    Promotion,
    Receipt,
    Refusal,
    Remap,
    Run,
    ShopperCount,
    StaffAction,
    StoreLimit,
    Tracking,
    Write,
)

pytestmark = pytest.mark.django_db
MOST_QUERIES = 16
serial = iter(range(1, 10_000))


def order_with_story() -> Order:
    order = make.make_order(store=make.make_store())
    tracking = make.make_tracking()
    make.make_parcel(order, tracking, carried={"tb_status": "in_transit"})
    make.make_parcel(order)
    make.make_checkpoint(tracking)
    make.make_problem(order=order)
    job = make.make_job(subject=str(order.pk), correlation_id=order.correlation_id)
    make.make_attempt(job)
    make.make_receipt(correlation_id=order.correlation_id)
    make.make_write(order)
    return order


def tracking_with_story() -> Tracking:
    return order_with_story().parcels.exclude(tracking=None).get().tracking


def job_with_story() -> Job:
    return Job.objects.get(correlation_id=order_with_story().correlation_id)


def refusal() -> Refusal:
    day = timezone.now().date()
    return Refusal.objects.create(source="aftership", endpoint=f"e{next(serial)}", reason="signature_wrong", day=day)


FACTORIES: dict[type[Model], Callable[[], Any]] = {
    Project: make.make_project,
    AfterShipAccount: make.make_account,
    Store: make.make_store,
    Channel: make.make_channel,
    Brand: make.make_brand,
    Route: lambda: make.make_route(
        project=(p := make.make_project()), store=make.make_store(p), brand=make.make_brand()
    ),
    Courier: make.make_courier,
    CarrierMapping: lambda: make.make_carrier_mapping(project=(p := make.make_project()), store=make.make_store(p)),
    CustomType: make.make_custom_type,
    Revision: make.make_revision,
    Order: order_with_story,
    Parcel: lambda: order_with_story().parcels.exclude(tracking=None).get(),
    Tracking: tracking_with_story,
    Checkpoint: lambda: tracking_with_story().checkpoints.get(),
    Receipt: lambda: Receipt.objects.get(correlation_id=order_with_story().correlation_id),
    Refusal: refusal,
    Job: job_with_story,
    Attempt: lambda: job_with_story().call_attempts.get(),
    Heartbeat: lambda: Heartbeat.objects.create(name=f"pump-{next(serial)}", at=timezone.now()),
    Run: make.make_run,
    Write: make.make_write,
    Contact: make.make_contact,
    Message: make.make_message,
    BlockedAddress: make.make_blocked_address,
    Erasure: make.make_erasure,
    Summary: lambda: Summary.objects.create(user=User.objects.create_user(f"reader-{next(serial)}")),
    Remap: make.make_remap,
    StaffAction: make.make_staff_action,
    Promotion: make.make_promotion,
    ShopperCount: make.make_shopper_count,
    Problem: lambda: Problem.objects.get(order=order_with_story()),
    User: lambda: User.objects.create_user(f"person-{next(serial)}", is_staff=True),
    Group: lambda: Group.objects.create(name=f"role-{next(serial)}"),
}
MODELS = sorted(FACTORIES, key=lambda model: model._meta.label)


def address(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def queries_of(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(url)
    assert response.status_code == 200, response
    return len(queries)


def test_every_model_of_ours_is_in_the_console_and_nothing_else() -> None:
    assert set(admin.site._registry) == set(FACTORIES)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_list_of_twenty_rows_costs_the_queries_of_three(model: type[Model], admin_client: Client) -> None:
    for _ in range(3):
        FACTORIES[model]()
    url = address(model, "changelist")
    admin_client.get(url)
    few = queries_of(admin_client, url)
    for _ in range(17):
        FACTORIES[model]()
    assert queries_of(admin_client, url) == few <= MOST_QUERIES


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_page_costs_the_same_queries_whatever_else_there_is(model: type[Model], admin_client: Client) -> None:
    row = FACTORIES[model]()
    url = address(model, "change", row.pk)
    admin_client.get(url)
    alone = queries_of(admin_client, url)
    for _ in range(10):
        FACTORIES[model]()
    assert queries_of(admin_client, url) == alone


def test_order_page_costs_the_same_queries_with_one_parcel_and_with_ten(admin_client: Client) -> None:
    order = order_with_story()
    url = address(Order, "change", order.pk)
    admin_client.get(url)
    few = queries_of(admin_client, url)
    for _ in range(9):
        tracking = make.make_tracking()
        make.make_parcel(order, tracking)
        make.make_checkpoint(tracking)
        make.make_problem(order=order)
        make.make_attempt(make.make_job(subject=tracking.pk, kind="push", correlation_id=order.correlation_id))
        make.make_receipt(correlation_id=order.correlation_id)
    assert queries_of(admin_client, url) == few <= 35  # answer, flags, messages, blocks, tickets, other orders too


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_search_finds_nothing_and_says_so(model: type[Model], admin_client: Client) -> None:
    FACTORIES[model]()
    response = admin_client.get(address(model, "changelist"), {"q": "no-such-thing"})
    assert response.status_code == 200
    if admin.site._registry[model].search_fields:
        assert response.context["cl"].result_count == 0


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_viewer_sees_list_and_page(model: type[Model], viewer_client: Client) -> None:
    row = FACTORIES[model]()
    assert viewer_client.get(address(model, "changelist")).status_code == 200
    assert viewer_client.get(address(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_staff_without_permission_sees_neither(model: type[Model]) -> None:
    row = FACTORIES[model]()
    client = Client()
    client.force_login(User.objects.create_user("newcomer", is_staff=True))
    assert client.get(address(model, "changelist")).status_code == 403
    assert client.get(address(model, "change", row.pk)).status_code == 403


def test_page_of_a_row_that_is_gone_leads_to_the_first_page(admin_client: Client) -> None:
    response = admin_client.get(address(Order, "change", 999_999), follow=True)
    assert response.redirect_chain[-1][0] == reverse("admin:index")
    assert "doesn’t exist" in response.content.decode()


def test_list_says_when_there_is_more_than_it_counts(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stores.admin.MOST_COUNTED", 3)
    for _ in range(4):
        make.make_order()
    assert "The first 3 of more" in admin_client.get(address(Order, "changelist")).content.decode()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="asks PostgreSQL's planner")
def test_what_a_filter_leaves_is_not_counted_where_much_is_expected(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stores.admin.MOST_COUNTED_FILTERED", 60)
    project = make.make_project()
    for _ in range(70):
        make.make_order(project, destination_country="AT")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tracking_order")
    url = address(Order, "changelist")
    with CaptureQueriesContext(connection) as queries:
        page = admin_client.get(url, {"country": "AT"}).content.decode()
    assert "The first 60 of about 70" in page
    assert not [
        one["sql"] for one in queries.captured_queries if "COUNT(" in one["sql"] and "tracking_order" in one["sql"]
    ]
    Order.objects.filter(pk__in=Order.objects.values("pk")[:67]).delete()
    page = admin_client.get(url, {"country": "AT"})  # the planner does not know yet that they are gone
    assert page.context["cl"].result_count == 3
    assert "3 orders" in page.content.decode()


@pytest.mark.sqlite
def test_page_far_behind_has_the_rows_that_stand_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stores.admin.FAR_BEHIND", 4)
    for _ in range(7):
        make.make_order(destination_country="AT")
    make.make_order(destination_country="DE")
    orders = Order.objects.select_related("project").filter(destination_country="AT").order_by("-created_at", "-pk")
    pages = [list(CappedPaginator(orders, 2).page(number)) for number in range(1, 5)]
    assert [one.pk for page in pages for one in page] == [one.pk for one in orders]
    assert [len(page) for page in pages] == [2, 2, 2, 1]


@pytest.mark.parametrize("kind", JobKind)
def test_jobs_of_every_kind_are_shown(kind: JobKind, admin_client: Client) -> None:
    job = make.make_job(kind=kind, subject="1")
    assert admin_client.get(address(Job, "changelist")).status_code == 200
    assert admin_client.get(address(Job, "change", job.pk)).status_code == 200


def test_list_of_which_somebody_may_see_nothing_is_empty_and_no_fault(viewer: User, viewer_client: Client) -> None:
    StoreLimit.objects.create(user=viewer, store=make.make_store())
    for model in (Revision, Erasure):
        response = viewer_client.get(address(model, "changelist"))
        assert (response.status_code, response.context["cl"].result_count) == (200, 0)
        assert "Nothing here yet" in response.content.decode()
