"""Copies that staff made of an erased person's rows: files of exports, and saved views that name them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests import factories as make
from tracking.models import Erasure, Export, ExportPart, Order, SavedView
from tracking.services import exports
from tracking.services.erase import run_erasure, start_erasure
from tracking.services.erase_copies import WHY
from tracking.services.message_acts import readdress

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
ANNA = "anna@example.com"


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss")


@pytest.fixture
def order() -> Order:
    order = make.make_order(order_number="CT-12", customer_email=ANNA, correlation_id="K7MQ-2XRT")
    make.make_parcel(order, make.make_tracking(tracking_number="RR1234567"), tracking_number="RR1234567")
    return order


def export_of(user: User, *texts: str, query: str = "", is_finished: bool = True) -> Export:
    now = timezone.now()
    export = Export.objects.create(
        user=user, list="tracking.Order", query=query, correlation_id="AAAA-2222", number=9, done=9,
        expires_at=now + timedelta(days=1), finished_at=now if is_finished else None,
    )  # fmt: skip
    for number, text in enumerate(texts):
        ExportPart.objects.create(export=export, number=number, text=text)
    return export


def erase() -> Erasure:
    erasure = start_erasure(ANNA, actor=None, reason="asked for it")
    run_erasure(erasure.pk)
    erasure.refresh_from_db()
    assert erasure.finished_at is not None
    return erasure


@pytest.mark.parametrize(
    "line", ["x,Anna@Example.com,1", "CT-12,DE", '"CT-12 · de-web",DE', "k7mq-2xrt", "dhl,RR1234567,delivered"]
)
def test_file_that_holds_the_person_is_gone_and_its_row_says_why(line: str, order: Order, boss: User) -> None:
    export = export_of(boss, "order,country\r\nCT-11,DE\r\n", f"{line}\r\n")
    erasure = erase()
    export.refresh_from_db()
    assert (export.parts.count(), export.fault) == (0, WHY)
    assert "".join(exports.text_of(export)) == "\ufeff"
    assert erasure.counts["exports"] == 1


@pytest.mark.parametrize("line", ["CT-123,DE", "ACT-12,DE", "12.50,CT-12.50", "joanna@example.com", "RR12345678"])
def test_file_about_others_stays(line: str, order: Order, boss: User) -> None:
    export = export_of(boss, f"{line}\r\n")
    erasure = erase()
    export.refresh_from_db()
    assert (export.parts.get().text, export.fault) == (f"{line}\r\n", "")
    assert "exports" not in erasure.counts


def test_file_that_is_being_written_ends_and_gets_no_page_more(order: Order, boss: User) -> None:
    export = export_of(boss, "CT-12,DE\r\n", is_finished=False)
    erase()
    assert exports.keep_page(export, [["CT-13", "DE"]], "1", ["order", "country"]) is False
    export.refresh_from_db()
    assert (export.parts.count(), export.fault) == (0, WHY)
    assert export.finished_at is not None
    exports.run_export(export.pk)
    assert ExportPart.objects.count() == 0


def test_address_in_the_filters_of_an_export_is_forgotten(order: Order, boss: User) -> None:
    export = export_of(boss, query="q=Anna%40example.com&status=lost")
    erase()
    export.refresh_from_db()
    assert (export.query, export.fault) == ("", WHY)


def test_views_that_name_the_address_are_gone_and_others_stay(order: Order, boss: User) -> None:
    for name, query in (
        ("a", "recipient=ANNA%40example.com"),
        ("Anna@example.com's", ""),
        ("b", "q=CT-12"),
        ("c", "recipient=other%40example.com"),
    ):
        SavedView.objects.create(user=boss, list="tracking.Message", name=name, query=query)
    erasure = erase()
    assert set(SavedView.objects.values_list("name", flat=True)) == {"b", "c"}
    assert erasure.counts["saved views"] == 2


def test_erasing_twice_counts_once(order: Order, boss: User) -> None:
    export_of(boss, "CT-12,DE\r\n")
    erasure = erase()
    run_erasure(erasure.pk)
    erasure.refresh_from_db()
    assert erasure.counts["exports"] == 1


def test_address_that_was_typed_by_hand_in_other_letters_is_forgotten_too(order: Order, boss: User) -> None:
    others = make.make_order(customer_email="boris@example.com")
    readdress(others, "Anna@Example.com", actor=boss, reason="She collects it.")
    erase()
    others.refresh_from_db()
    assert (others.message_email, others.customer_email) == ("", "boris@example.com")
