"""What an agent needs of the lists of orders and parcels: flags, and filters that find what they say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests import factories as make
from tests.tracking.admin.test_pages import address
from tracking.models import Order, Parcel

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NOW = timezone.now()


def rows(client: Client, model: type, filters: dict[str, Any]) -> set[str]:
    found = client.get(address(model, "changelist"), filters).context["cl"].result_list
    return {(one.order if model is Parcel else one).order_number for one in found}


@pytest.fixture
def orders() -> None:
    """late: five days past its estimate, with UPS to Austria; troubled: a problem of its tracking; back: with a return;
    old: ordered in spring, delivered.
    """
    yesterday = (NOW - timedelta(days=5)).date()
    late = make.make_order(order_number="late", destination_country="AT")
    make.make_parcel(late, make.make_tracking(eta=yesterday, courier="ups"))
    troubled = make.make_order(order_number="troubled")
    tracking = make.make_tracking()
    make.make_parcel(troubled, tracking)
    make.make_problem(kind="silent", subject=f"tracking:{tracking.pk}", tracking=tracking)
    back = make.make_order(order_number="back")
    make.make_parcel(back, make.make_tracking())
    make.make_parcel(back, make.make_tracking(eta=yesterday), is_return=True)
    old = make.make_order(order_number="old", ordered_at=NOW - timedelta(days=200))
    make.make_parcel(old, make.make_tracking(status="delivered", eta=yesterday))


@pytest.mark.parametrize(
    ("model", "filters", "expected"),
    [
        (Order, {"late": "yes"}, {"late"}),
        (Order, {"late": "week"}, set()),
        (Order, {"courier": " UPS "}, {"late"}),
        (Order, {"country": "at"}, {"late"}),
        (Order, {"returns": "yes"}, {"back"}),
        (Order, {"returns": "no"}, {"late", "troubled", "old"}),
        (Order, {"problems": "open"}, {"troubled"}),
        (Order, {"problems": "none"}, {"late", "back", "old"}),
        (Order, {"status": "delivered"}, {"old"}),
        (Order, {"ordered_at_to": (NOW - timedelta(days=100)).date().isoformat()}, {"old"}),
        (Order, {"late": "yes", "country": "DE"}, set()),
        (Parcel, {"late": "yes"}, {"late"}),
        (Parcel, {"courier": "ups"}, {"late"}),
        (Parcel, {"country": "AT"}, {"late"}),
        (Parcel, {"returns": "yes"}, {"back"}),
        (Parcel, {"problems": "open"}, {"troubled"}),
        (Parcel, {"status": "delivered"}, {"old"}),
    ],
)
def test_filter_finds(
    model: type, filters: dict[str, str], expected: set[str], orders: None, admin_client: Client
) -> None:
    assert rows(admin_client, model, filters) == expected


@pytest.mark.parametrize("model", [Order, Parcel])
def test_where_many_problems_are_open_the_same_rows_are_found(
    model: type, orders: None, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracking.admin.filters.MANY_PROBLEMS", 1)
    assert rows(admin_client, model, {"problems": "open"}) == {"troubled"}


@pytest.mark.parametrize("model", [Order, Parcel])
def test_list_says_what_is_to_be_known(model: type, orders: None, admin_client: Client) -> None:
    page = admin_client.get(address(model, "changelist")).content.decode()
    for words in ("Late</span>", "Silent in transit</span>", "Customer return</span>"):
        assert words in page


@pytest.mark.parametrize("model", [Order, Parcel])
def test_more_rows_take_no_more_queries(model: type, orders: None, admin_client: Client) -> None:
    url = address(model, "changelist")
    admin_client.get(url)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(url)
    for _ in range(12):
        tracking = make.make_tracking()
        order = make.make_order(items={"a": 2})
        parcel = make.make_parcel(order, tracking, route=make.make_route(), items={"a": 1})
        make.make_problem(kind="silent", subject=f"tracking:{tracking.pk}", tracking=tracking)
        make.make_problem(parcel=parcel, order=order)
    with CaptureQueriesContext(connection) as many:
        admin_client.get(url)
    assert len(many) == len(few)
