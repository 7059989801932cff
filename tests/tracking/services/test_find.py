"""One search: which orders a text leads to, why, and for whom; whatever it holds, in a handful of queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories as make
from tracking import triggers
from tracking.models import KnownNumber, Order, Parcel, StoreLimit, Tracking
from tracking.models.pieces import Holds
from tracking.services import find as finding
from tracking.services.find import MOST_HITS, Because, Strength, find
from tracking.services.message_acts import readdress
from tracking.services.pieces import numbers_with

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NUMBER = "1Z999AA10123456784"


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss")


@pytest.fixture
def order() -> Order:
    """CT-77001 of erika@example.com with one UPS parcel, and an older order of hers; beside them a stranger's."""
    make.make_parcel(make.make_order(), make.make_tracking())
    make.make_order(order_number="CT-66001", customer_email="erika@example.com")
    order = make.make_order(
        order_number="CT-77001", customer_email="erika@example.com", correlation_id="K7MQ-2XRT",
        commercetools_id="7c1f9c62-6c9e-4b0e-8a55-2d1c5a9e0001",
    )  # fmt: skip
    tracking = make.make_tracking(tracking_number=NUMBER, aftership_id="a" * 32)
    make.make_parcel(order, tracking, commercetools_id="2b1f9c62-6c9e-4b0e-8a55-2d1c5a9e0002")
    return order


def because(user: Any, text: str) -> dict[str, set[Because]]:
    found = find(user, text)
    numbers = dict(Order.objects.values_list("pk", "order_number"))
    return {numbers[hit.order]: hit.because for hit in found.hits}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("CT-77001", Because.ORDER_NUMBER),
        (" ct-77001 ", Because.ORDER_NUMBER),
        (NUMBER, Because.TRACKING_NUMBER),
        ("1z 999 aa1 01 2345 6784", Because.TRACKING_NUMBER),
        ("k7mq 2xrt", Because.CODE),
        ("7C1F9C62-6C9E-4B0E-8A55-2D1C5A9E0001", Because.ORDER_ID),
        ("2b1f9c62-6c9e-4b0e-8a55-2d1c5a9e0002", Because.PARCEL_ID),
        ("a" * 32, Because.TRACKING_ID),
        ("CT-7700", Because.PIECE_OF_ORDER_NUMBER),
        ("7001", Because.PIECE_OF_ORDER_NUMBER),
        ("1Z999AA1", Because.PIECE_OF_TRACKING_NUMBER),
        ("6784", Because.PIECE_OF_TRACKING_NUMBER),
        ("99AA1", Because.INSIDE_TRACKING_NUMBER),
        ("z999aa101", Because.INSIDE_TRACKING_NUMBER),
        ("9 aa1 01 23", Because.INSIDE_TRACKING_NUMBER),
        ("T-770", Because.INSIDE_ORDER_NUMBER),
        ("Where is my parcel?\nIt ends with 456784, they say", Because.PIECE_OF_TRACKING_NUMBER),
    ],
)
def test_one_order_is_meant_by(text: str, reason: Because, order: Order, boss: User) -> None:
    assert because(boss, text) == {"CT-77001": {reason}}
    best = find(boss, text).best
    assert best is not None
    assert best.order == order.pk


def test_number_in_an_email_stands_before_the_address_of_its_sender(order: Order, boss: User) -> None:
    found = find(boss, "From: Erika <erika@example.com>\n\nWhere is CT-77001?")
    assert [hit.strength for hit in found.hits] == [Strength.EXACT, Strength.EMAIL]
    assert found.best is not None
    assert (found.best.order, found.best.because) == (order.pk, {Because.ORDER_NUMBER, Because.EMAIL})


def test_address_that_messages_go_to_finds_the_order_as_its_own_does(order: Order, boss: User) -> None:
    readdress(order, "Erika.Neu@Example.com", actor=boss, reason="She asked for it.")
    assert because(boss, "From: erika.neu@example.com") == {"CT-77001": {Because.EMAIL}}
    assert because(boss, "erika@example.com").keys() == {"CT-77001", "CT-66001"}


def test_address_alone_leads_to_all_orders_of_it_the_newest_first(order: Order, boss: User) -> None:
    found = find(boss, "Erika@Example.com")
    assert found.hits[0].order == order.pk
    assert (len(found.hits), found.best) == (2, None)


def test_two_numbers_of_one_order_mean_it_and_name_the_parcel(order: Order, boss: User) -> None:
    best = find(boss, f"CT-77001\n{NUMBER}").best
    assert best is not None
    assert best.parcels == {order.parcels.get().pk}


def test_two_exact_orders_are_a_choice(order: Order, boss: User) -> None:
    found = find(boss, "CT-77001 or\nCT-66001?")
    assert (len(found.hits), found.best) == (2, None)


def test_number_of_a_parcel_as_commercetools_has_it_is_found(boss: User) -> None:
    parcel = make.make_parcel(tracking_number=" jd 01-4 ")
    best = find(boss, " jd 01-4 ").best or find(boss, "jd 01-4").best
    assert best is None or best.order == parcel.order_id


def test_code_that_a_sender_was_answered_with_leads_to_the_order(order: Order, boss: User) -> None:
    make.make_receipt(request_id="QQQQ-2222", correlation_id=order.correlation_id)
    assert because(boss, "qqqq2222") == {"CT-77001": {Because.CODE}}


def test_code_without_order_opens_its_story(boss: User) -> None:
    make.make_job(correlation_id="ZZZZ-2222")
    assert find(boss, "zzzz 2222").story == "ZZZZ-2222"
    assert find(boss, "ZZZZ-3333").story == ""


@pytest.mark.parametrize(
    "text", ["", " ", "%", "_", "\x00", "CT", "@", "'; --", "zzzz", "0" * 5000, "(((", "CT_77001", "T-77", "9AA1"]
)
def test_nothing_is_found_by(text: str, order: Order, boss: User) -> None:
    assert find(boss, text).hits == ()


def test_orders_of_other_stores_are_not_found_by_anything(order: Order) -> None:
    store, other = make.make_store(order.project), make.make_store(order.project)
    Order.objects.filter(pk=order.pk).update(store=other)
    user = User.objects.create_user("limited", is_staff=True)
    StoreLimit.objects.create(user=user, store=store)
    make.make_job(correlation_id="ZZZZ-2222")
    for text in (
        "CT-77001",
        "7001",
        "T-770",
        NUMBER,
        "6784",
        "99AA1",
        "erika@example.com",
        "K7MQ-2XRT",
        "a" * 32,
        "zzzz2222",
    ):
        found = find(User.objects.get(pk=user.pk), text)
        assert (found.hits, found.story) == ((), ""), text
    Order.objects.filter(pk=order.pk).update(store=store)
    assert because(User.objects.get(pk=user.pk), "7001") == {"CT-77001": {Because.PIECE_OF_ORDER_NUMBER}}


def test_many_hits_are_cut_and_none_of_them_is_meant(boss: User) -> None:
    for number in range(MOST_HITS + 1):
        make.make_order(order_number=f"WEB-{number:04d}")
    found = find(boss, "WEB-")
    assert (len(found.hits), found.is_cut, found.best) == (MOST_HITS, True, None)


@pytest.mark.parametrize(
    "text", ["NR-1", "\n".join(f"NR-{n:06d} 9934 9434 {n:04d} x{n}@example.com" for n in range(60))]
)
def test_a_line_and_a_long_email_take_the_same_three_queries(text: str, order: Order, boss: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert find(boss, text).hits == ()
    assert len(queries) == 3


def test_a_piece_takes_two_queries_more_however_many_numbers_hold_it(boss: User) -> None:
    counts = []
    for start in (0, 30):
        for number in range(start, start + 30):
            make.make_parcel(make.make_order(order_number=f"A-{number:03d}-WEB-{number}"))
        with CaptureQueriesContext(connection) as queries:
            assert len(find(boss, "-WEB-").hits) == MOST_HITS
        counts.append(len(queries))
    assert counts == [5, 5]


def test_where_more_numbers_hold_it_than_are_looked_at_none_is_meant(
    boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MOST_NUMBERS", 1)
    for number in range(3):
        make.make_order(order_number=f"A-{number}-WEBSHOP")
    found = find(boss, "-WEBS")
    numbers = [Order.objects.get(pk=hit.order).order_number for hit in found.hits]
    assert (numbers, found.is_cut) == (["A-2-WEBSHOP", "A-1-WEBSHOP"], True)  # one more, to know that there are more
    assert found.best is None


def test_ends_stand_before_what_is_in_the_middle(boss: User) -> None:
    ending = make.make_order(order_number="CT-77123")
    inside = make.make_order(order_number="CT-7712345")
    found = find(boss, "77123")
    assert [hit.order for hit in found.hits] == [ending.pk, inside.pk]
    assert found.best is None


def test_any_piece_of_five_signs_of_either_number_finds_it(order: Order, boss: User) -> None:
    for number in (NUMBER, "CT-77001"):
        for start in range(len(number) - 4):
            piece = number[start : start + 5]
            assert list(because(boss, piece)) == ["CT-77001"], piece


# -- The table of numbers


def known() -> set[str]:
    return set(KnownNumber.objects.values_list("text", flat=True))


def test_numbers_are_known_from_when_they_are_written_however_that_is_done() -> None:
    order = make.make_order(order_number="")
    tracking = make.make_tracking(tracking_number="T-11111")
    Parcel.objects.bulk_create([Parcel(order=order, commercetools_id="p", delivery_id="d", tracking_number="t-1 1111")])
    Parcel.objects.create(order=order, commercetools_id="p2", delivery_id="d", tracking_number="T-11111")
    assert known() == {"T-11111", "t-1 1111"}
    Order.objects.update(order_number="CT-9")
    Tracking.objects.filter(pk=tracking.pk).update(tracking_number="T-22222")
    assert known() == {"T-11111", "t-1 1111", "CT-9", "T-22222"}


def test_numbers_that_came_without_a_trigger_are_noted_when_triggers_come_back() -> None:
    triggers.remove(using="default")
    make.make_parcel(make.make_order(order_number="CT-5"), make.make_tracking(tracking_number="T-55555"))
    Parcel.objects.update(tracking_number="t 55555")
    assert known() == set()
    triggers.install(using="default")
    assert known() == {"CT-5", "T-55555", "t 55555"}


@pytest.mark.parametrize("word", ["CT-7", "T-770", "A" * 60])
def test_pieces_are_answered_by_an_index(word: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite looks at each number")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = KnownNumber.objects.filter(Holds(word)).order_by().values("pk").explain()
    assert "Bitmap Index Scan on known_number_pieces" in plan, plan


def test_four_signs_are_looked_for_at_the_ends_only(order: Order) -> None:
    assert [str(one) for one in numbers_with("CT-7", most=9)] == ["CT-77001"]
    assert [str(one) for one in numbers_with("T-77", most=9)] == []
    assert [str(one) for one in numbers_with("T-770", most=9)] == ["CT-77001"]
