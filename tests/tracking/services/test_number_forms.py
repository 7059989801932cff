"""What numbers look like, counted once per tracking, by the carrier's own news."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import make_account, make_number_form, make_tracking
from tests.tracking.services.snapshots import document, receipt, scan, snapshot
from tracking.enums import ParcelStatus
from tracking.models import NumberForm, Tracking
from tracking.services import number_forms, pump
from tracking.services.apply_update import Batch
from tracking.services.number_forms import FormHistory, best_courier, best_couriers, count_forms, form_of

ID = "a" * 32
NUMBER = "00340434161094000001"
FORM = "00999999999999999999"


@pytest.mark.parametrize(
    ("number", "form"),
    [
        (NUMBER, FORM),
        ("1Z999AA10123456784", "1Z999AA99999999999"),
        ("JD0002", "JD9999"),
        ("jd-00a/B", "JD-99A/A"),
        ("9", "9"),
        ("", ""),
        ("9" * 100, "9" * 100),
    ],
)
def test_form_keeps_two_signs_and_tells_letters_from_digits(number: str, form: str) -> None:
    assert form_of(number) == form


def fresh(**facts: Any) -> Tracking:
    blank = {"status": ParcelStatus.PENDING, "tag": "Pending", "subtag": "Pending_001", "updated_at": None}
    return make_tracking(**{"id": ID, "aftership_id": ID, "tracking_number": NUMBER} | blank | facts)


def take(tracking: Tracking, *args: Any, **facts: Any) -> None:
    batch = Batch.lock(tracking.account, [tracking.pk])
    batch.apply(batch.by_id[tracking.pk], snapshot(tracking.pk, *args, **facts))
    batch.save()


def counted() -> list[tuple[str, str, int]]:
    return list(NumberForm.objects.order_by("form", "courier").values_list("form", "courier", "count"))


@pytest.mark.django_db
@pytest.mark.sqlite
def test_each_tracking_counts_once_with_the_courier_it_moved_with() -> None:
    tracking = fresh()
    take(tracking, 1, "Pending", "Pending_001")
    assert counted() == []
    take(tracking, 2, slug="austrian-post", checkpoints=[scan(1)])
    take(tracking, 3, "Delivered", "Delivered_001", slug="austrian-post", checkpoints=[scan(1), scan(2)])
    take(tracking, 4, "Pending", "Pending_001", slug="austrian-post", checkpoints=[scan(1), scan(2)])
    take(tracking, 5, slug="dhl-germany", checkpoints=[scan(1), scan(2), scan(3)])
    assert counted() == [(FORM, "austrian-post", 1)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "facts",
    [
        {"tag": "Expired", "subtag": "Expired_001"},
        {"tag": "Delivered", "subtag": "Delivered_001", "checkpoints": [scan(1, source="user")]},
        {"slug": "unrecognized", "checkpoints": [scan(1)]},
        {"slug": "", "checkpoints": [scan(1)]},
    ],
)
def test_what_no_courier_said_teaches_nothing(facts: dict[str, Any]) -> None:
    take(fresh(), 2, **facts)
    assert counted() == []


@pytest.mark.django_db
def test_a_batch_of_webhooks_of_two_accounts_costs_one_query() -> None:
    for key, number in (("main", NUMBER), ("other", "1Z999AA10123456784")):
        account = make_account(key=key)
        for position in range(3):
            pk = f"{key}{position}".ljust(32, "0")
            tracking = fresh(account=account, id=pk, aftership_id=pk, tracking_number=f"{number[:-1]}{position}")
            receipt(document(tracking.pk, 2, checkpoints=[scan(1)]), endpoint=key)
    with CaptureQueriesContext(connection) as queries:
        pump.drain_receipts()
    assert len([one for one in queries if "tracking_numberform" in one["sql"]]) == 1
    assert counted() == [(FORM, "dhl-germany", 3), ("1Z999AA99999999999", "dhl-germany", 3)]


@pytest.mark.django_db
@pytest.mark.sqlite
def test_counts_add_up() -> None:
    for _ in range(3):
        count_forms([make_tracking(tracking_number=NUMBER, retired_at="2026-11-01T00:00Z")])
    count_forms([])
    assert counted() == [(FORM, "dhl-germany", 3)]


@pytest.mark.django_db
def test_the_most_frequent_courier_of_the_form_with_its_share() -> None:
    make_number_form(FORM, "dhl-germany", 409)
    make_number_form(FORM, "austrian-post", 3)
    make_number_form("1Z999AA99999999999", "ups", 7)
    best = best_courier(NUMBER)
    assert best == FormHistory(FORM, "dhl-germany", 409, 412)
    assert str(best) == f"Of 412 numbers of this form ({FORM}) 409 moved with dhl-germany."
    assert best_courier("XX123") is None
    found = best_couriers([NUMBER, "1Z999AA10123456784", "XX123"])
    assert {number: one.courier for number, one in found.items()} == {
        NUMBER: "dhl-germany",
        "1Z999AA10123456784": "ups",
    }


@pytest.mark.django_db
def test_a_tie_is_told_the_same_way_each_time() -> None:
    make_number_form(FORM, "ups", 5)
    make_number_form(FORM, "dhl-germany", 5)
    assert best_courier(NUMBER) == number_forms.FormHistory(FORM, "dhl-germany", 5, 10)
