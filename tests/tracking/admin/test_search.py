"""Finding: whatever a customer quotes leads to the order."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from tests import factories as make
from tests.tracking.admin.test_pages import address
from tracking.admin import search
from tracking.models import Attempt, Job, Order, Parcel, Problem, Receipt, Tracking

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def order() -> Order:
    """CT-77001 of erika@example.com, one UPS parcel; beside it an order that nobody asks for."""
    make.make_parcel(make.make_order(), make.make_tracking())
    order = make.make_order(
        order_number="CT-77001", customer_email="erika@example.com", correlation_id="K7MQ-2XRT",
        commercetools_id="7c1f9c62-6c9e-4b0e-8a55-2d1c5a9e0001", message_email="erika.neu@example.com",
    )  # fmt: skip
    tracking = make.make_tracking(tracking_number="1Z999AA10123456784", aftership_id="a" * 32)
    make.make_parcel(order, tracking, tracking_number=" 1z 999aa10123456784", commercetools_id="9a" * 16)
    return order


QUOTED = [
    "CT-77001", "ct-77001", " CT-77001 ", "CT-770", "1Z999AA10123456784", "1z999aa10123456784", "1Z 999 AA1 0123456784",
    "1Z999AA1", "99aa101",
    "Erika@Example.COM", "Erika.Neu@Example.com", "k7mq2xrt", "K7MQ 2XRT",
    "7c1f9c62-6c9e-4b0e-8a55-2d1c5a9e0001", "a" * 32, "9a" * 16,
]  # fmt: skip


@pytest.mark.parametrize("quoted", QUOTED)
def test_order_parcel_and_tracking_are_found_by(quoted: str, order: Order) -> None:
    assert list(search.orders_by(quoted)) == [order]
    if quoted != "9a" * 16:  # the parcel's own id leads to the parcel and its order
        assert list(search.trackings_by(quoted)) == [order.parcels.get().tracking]
    if quoted != "7c1f9c62-6c9e-4b0e-8a55-2d1c5a9e0001":
        assert list(search.parcels_by(quoted)) == [order.parcels.get()]


@pytest.mark.parametrize("quoted", ["", " ", "\x00", "%", "CT", "zzzz", "@", "00000000-0000-0000-0000-000000000000"])
def test_what_nobody_quotes_finds_nothing(quoted: str, order: Order) -> None:
    make.make_order(customer_email="", order_number="")
    assert not search.orders_by(quoted).exists()


def test_search_with_one_hit_opens_the_order(order: Order, admin_client: Client) -> None:
    response = admin_client.get(address(Order, "changelist"), {"q": "1z 999 aa1 0123456784"})
    assert (response.status_code, response["Location"]) == (302, address(Order, "change", order.pk))


def test_search_with_several_hits_lists_them(order: Order, admin_client: Client) -> None:
    make.make_order(order_number="CT-77002")
    response = admin_client.get(address(Order, "changelist"), {"q": "CT-7700"})
    assert {str(one) for one in response.context["cl"].result_list} == {"CT-77001", "CT-77002"}


def test_rows_of_the_story_are_found_by_the_order_number(order: Order, admin_client: Client) -> None:
    other = make.make_job()
    job = make.make_job(correlation_id=order.correlation_id)
    rows = {
        Job: job,
        Attempt: make.make_attempt(job),
        Receipt: make.make_receipt(correlation_id=order.correlation_id),
        Problem: make.make_problem(order=order),
    }
    make.make_attempt(other)
    make.make_receipt()
    for model, row in rows.items():
        response = admin_client.get(address(model, "changelist"), {"q": "ct-77001"})
        assert list(response.context["cl"].result_list) == [row]


def test_receipt_is_found_by_event_id_subject_and_the_code_it_was_answered_with(admin_client: Client) -> None:
    make.make_account(key="main")
    receipt = make.make_receipt(event_id="event-1", subject="b" * 32, request_id="QQQQ-2222")
    for quoted in ("event-1", "b" * 32, "qqqq2222"):
        response = admin_client.get(address(Receipt, "changelist"), {"q": quoted})
        assert list(response.context["cl"].result_list) == [receipt]


def test_closed_problem_is_found_although_the_list_shows_open_ones(order: Order, admin_client: Client) -> None:
    problem = make.make_problem(order=order, closed_at=timezone.now())
    url = address(Problem, "changelist")
    assert list(admin_client.get(url).context["cl"].result_list) == []
    assert list(admin_client.get(url, {"q": "CT-77001"}).context["cl"].result_list) == [problem]
    assert list(admin_client.get(url, {"state": "closed"}).context["cl"].result_list) == [problem]


@pytest.mark.parametrize(
    ("model", "filters", "expected"),
    [
        (Order, {"status": "delivered"}, 1), (Order, {"status": "lost"}, 0), (Order, {"problems": "open"}, 1),
        (Order, {"problems": "none"}, 1), (Parcel, {"number": "none"}, 2), (Parcel, {"number": "untracked"}, 0),
        (Parcel, {"life": "live"}, 3), (Tracking, {"courier": " DHL-Germany "}, 1), (Tracking, {"courier": "ups"}, 0),
        (Tracking, {"life": "gone"}, 0), (Tracking, {"problems": "open"}, 1),
        (Tracking, {"status__exact": "delivered"}, 1),
    ],
)  # fmt: skip
def test_filter_finds(model: type, filters: dict[str, str], expected: int, admin_client: Client) -> None:
    tracking = make.make_tracking(status="delivered")
    make.make_parcel(make.make_order(), tracking)
    make.make_problem(subject=f"tracking:{tracking.pk}", tracking=tracking)
    order = make.make_order()
    make.make_parcel(order)
    make.make_parcel(order)
    response = admin_client.get(address(model, "changelist"), filters)
    assert response.context["cl"].result_count == expected


@pytest.mark.parametrize(
    ("state", "expected"), [("waiting", "fresh"), ("backing_off", "failed"), ("dead", "dead"), ("done", "done")]
)
def test_jobs_are_filtered_by_what_they_wait_for(state: str, expected: str, admin_client: Client) -> None:
    jobs = {
        "fresh": make.make_job(),
        "failed": make.make_job(attempts=2, last_error_code="503", last_error="busy"),
        "dead": make.make_dead_letter(),
        "done": make.make_job(done=1),
    }
    response = admin_client.get(address(Job, "changelist"), {"state": state})
    assert list(response.context["cl"].result_list) == [jobs[expected]]
