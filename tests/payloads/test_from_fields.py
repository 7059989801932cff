"""Custom fields that hold tracking numbers: whatever stands in them, nothing raises, and the rest counts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from tests.payloads.documents import SCALARS, anything
from tracking.payloads.from_commercetools import OrderSnapshot, parse_message, parse_order
from tracking.payloads.from_fields import DELIVERY, ORDER, Entry, TrackingSource, read_field

PLAIN = TrackingSource(where=ORDER, field="numbers", carrier_text="DHL")
OBJECTS = TrackingSource(
    where=ORDER, field="fft_parcels", number="tracking_number", carrier="carrier", carrier_text="DHL", items="items"
)
OF_DELIVERY = TrackingSource(where=DELIVERY, field="number")
ONE, TWO = "00340434161094000001", "00340434161094000002"


def read(value: object, source: TrackingSource = OBJECTS) -> tuple[list[Entry], list[str]]:
    entries, faults = read_field(value, source, "f")
    return entries, [str(fault) for fault in faults]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (5, "f: neither a text nor a set of texts"),
        (True, "f: neither a text nor a set of texts"),
        ({"de": ONE}, "f: neither a text nor a set of texts"),
        ([7], "f[0]: neither a text nor a set of texts"),
        ("Anna holt es ab", "f: a word without digits is no tracking number"),
        ("[5]", "f[0]: neither an object nor a text"),
        ("[[]]", "f[0]: neither an object nor a text"),
        ('{"number": "A1"}', "f.tracking_number: missing"),
        ('[{"tracking_number": true}]', "f[0].tracking_number: not a text"),
        ('[{"tracking_number": 1.5}]', "f[0].tracking_number: not a text"),
        ('[{"tracking_number": -1}]', "f[0].tracking_number: not a text"),
        ('[{"tracking_number": ["A1"]}]', "f[0].tracking_number: not a text"),
        ("[" * 50_000, "f: nested too deeply"),
    ],
)
def test_what_gives_no_number_is_a_fault_that_quotes_nothing(value: object, fault: str) -> None:
    entries, faults = read(value)
    assert (entries, set(faults)) == ([], {fault})


@pytest.mark.parametrize("text", ['[{"tracking_number": "A1"}', '{"tracking_number": NaN}', "{'a': 1}"])
def test_what_begins_like_json_and_is_none_is_a_fault(text: str) -> None:
    entries, (fault,) = read(text)
    assert entries == []
    assert fault.startswith("f: not JSON: ")


def test_objects_are_a_fault_where_no_key_is_named() -> None:
    faults = ["f: an object, but the project's source names no key of its number"]
    assert read(json.dumps({"tracking_number": ONE}), PLAIN) == ([], faults)


@pytest.mark.parametrize(
    "items", [[], "1", {"L": "1"}, {"L": 1.5}, {"L": True}, {"L": None}, {"L": 2**63}, {"": 1}, {"L" * 65: 1}]
)
def test_items_that_are_none_do_not_cost_the_number(items: object) -> None:
    entries, faults = read(json.dumps({"tracking_number": ONE, "items": items}))
    assert entries == [Entry(number=ONE, carrier="DHL")]
    assert faults == ["f.items: not an object of line item ids and whole quantities"]


def test_a_carrier_that_is_no_text_does_not_cost_the_number() -> None:
    found = read(json.dumps([{"tracking_number": ONE, "carrier": 3}, {"tracking_number": TWO, "carrier": " UPS "}]))
    assert found == (
        [Entry(number=ONE, carrier="DHL"), Entry(number=TWO, carrier="UPS")],
        ["f[0].carrier: not a text"],
    )


@pytest.mark.parametrize(
    "value", [None, "", "  \n", [], "[]", '{"tracking_number": null}', '[{"tracking_number": " "}]']
)
def test_what_is_yet_to_come_is_no_fault(value: object) -> None:
    assert read(value) == ([], [])


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        (f'[{{"tracking_number": "{ONE}", "tracking_url": "https://x"}}]', [ONE]),
        (f'  {{"tracking_number": " {ONE} "}}', [ONE]),
        ('{"tracking_number": 123456789012}', ["123456789012"]),
        (f'["{ONE}", {{"tracking_number": "{TWO}"}}]', [ONE, TWO]),
        (ONE, [ONE]),
        (f"{ONE}, {TWO}", [ONE, TWO]),
        (f"{ONE}\n{TWO};A-3,", [ONE, TWO, "A-3"]),
        ([ONE, f'{{"tracking_number": "{TWO}"}}'], [ONE, TWO]),
        ("A1\0B", ["A1\u2400B"]),
    ],
)
def test_forms_of_a_value(value: object, numbers: list[str]) -> None:
    assert read(value) == ([Entry(number=number, carrier="DHL") for number in numbers], [])


def test_items_are_quantities_above_nothing() -> None:
    (entry,), faults = read(json.dumps({"tracking_number": ONE, "items": {"L": 2, "M": 0, "N": -1}}))
    assert (entry.items, faults) == ({"L": 2}, [])


def test_no_more_than_two_hundred_numbers_are_read() -> None:
    entries, faults = read(" ".join(f"N{index}" for index in range(1_000)))
    assert (len(entries), faults) == (200, ["f: more than 200 numbers; the others are not read"])


@given(SCALARS | anything("tracking_number carrier items"))
def test_whatever_stands_there_is_read_or_a_fault_that_names_the_field(value: object) -> None:
    for given_value in (value, json.dumps(value), json.dumps([value])):
        entries, faults = read(given_value)
        assert all(entry.number.strip() for entry in entries)
        assert all(fault.startswith("f") for fault in faults)


# ── in an order ──────────────────────────────────────────────────────────────────────────────────────────────────────


def order(field: object = None, *deliveries: dict[str, Any], **more: Any) -> dict[str, Any]:
    custom = {"custom": {"fields": {"fft_parcels": field}}} if field is not None else {}
    return {"id": "O", "version": 1, "shippingInfo": {"deliveries": list(deliveries)}, **custom, **more}


def delivery(key: str, field: object, *parcels: dict[str, Any]) -> dict[str, Any]:
    custom = {"fields": {"number": field}}
    return {"id": key, "items": [{"id": "L", "quantity": 2}], "parcels": list(parcels), "custom": custom}


def shown(snapshot: OrderSnapshot) -> list[tuple[str, dict[str, int], str]]:
    return [(one.tracking_number, one.items, one.delivery_id) for one in snapshot.parcels]


def test_without_a_source_fields_are_not_read() -> None:
    assert parse_order(order(f'[{{"tracking_number": "{ONE}"}}]')).parcels == ()


def test_faults_are_told_with_their_place() -> None:
    snapshot = parse_order(order("[{}]"), OBJECTS)
    assert snapshot.source_faults == ("custom.fields.fft_parcels[0].tracking_number: missing",)
    snapshot = parse_order(order(None, delivery("D", 5)), OF_DELIVERY)
    assert snapshot.source_faults == (
        "shippingInfo.deliveries[0].custom.fields.number: neither a text nor a set of texts",
    )


def test_a_parcel_with_the_number_wins_however_it_is_spelled() -> None:
    real = {"id": "P", "trackingData": {"trackingId": "1z 999 aa1"}}
    snapshot = parse_order(order(f"1Z999AA1 {ONE}", delivery("D", None, real)), OBJECTS)
    assert shown(snapshot) == [("1z 999 aa1", {}, "D"), (ONE, {}, "")]


def test_a_number_twice_is_one_whose_id_stays() -> None:
    first, again = (parse_order(order(value), OBJECTS) for value in (f"{ONE} ab1 AB1", f"AB1,{ONE}"))
    assert shown(first) == [(ONE, {}, ""), ("ab1", {}, "")]
    assert {one.commercetools_id for one in first.parcels} == {one.commercetools_id for one in again.parcels}


def test_a_number_alone_in_its_delivery_holds_its_items() -> None:
    deliveries = delivery("D", f"{ONE} {ONE}"), delivery("E", "A1 A2"), delivery("F", TWO, {"id": "P"})
    snapshot = parse_order(order(None, *deliveries), OF_DELIVERY)
    assert shown(snapshot) == [
        ("", {}, "F"),
        (ONE, {"L": 2}, ""),
        ("A1", {}, ""),
        ("A2", {}, ""),
        (TWO, {}, ""),
    ]


def test_a_number_of_two_deliveries_holds_the_items_of_both() -> None:
    snapshot = parse_order(order(None, delivery("D", ONE), delivery("E", ONE)), OF_DELIVERY)
    assert shown(snapshot) == [(ONE, {"L": 4}, "")]


def test_a_delivery_of_multiple_mode_is_read_too() -> None:
    shipping = [{"shippingKey": "s", "shippingInfo": {"deliveries": [delivery("D", ONE)]}}]
    assert shown(parse_order(order(shipping=shipping), OF_DELIVERY)) == [(ONE, {"L": 2}, "")]


@pytest.mark.parametrize(
    ("kind", "more", "fields"),
    [
        ("DeliveryCustomFieldAdded", {"name": "number"}, {"number"}),
        ("DeliveryCustomTypeSet", {"customFields": {"fields": {"number": "1"}}}, {"number"}),
        ("DeliveryCustomTypeSet", {"customFields": {"fields": {}}, "oldTypeId": "t"}, None),
        ("DeliveryCustomTypeRemoved", {"oldTypeId": "t"}, None),
    ],
)
def test_messages_name_the_fields_of_a_delivery(kind: str, more: dict[str, Any], fields: set[str] | None) -> None:
    message = parse_message({"id": "m", "type": kind, "resource": {"typeId": "order", "id": "O"}, **more})
    assert message.fields == fields
