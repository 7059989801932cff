"""Types and custom fields: one Type per object, every value checked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Caller, parcel_of, type_draft
from tests.sandbox.test_orders import update
from tracking.sandbox.client import SandboxClient


def set_type(key: str, **fields: Any) -> dict[str, Any]:
    """The action that gives the parcel a Type."""
    type_ = {"typeId": "type", "key": key}
    return {"action": "setParcelCustomType", "parcelKey": "p-1", "type": type_, "fields": fields}


def set_field(name: str, value: Any = None) -> dict[str, Any]:
    """The action that sets one field of the parcel."""
    return {"action": "setParcelCustomField", "parcelKey": "p-1", "name": name, "value": value}


def test_an_unknown_type_key_is_a_reference_not_found(shop: Caller, order: dict) -> None:
    reply = update(shop, order, set_type("nothing"))
    assert (reply.status, reply.code) == (400, "ReferencedResourceNotFound")
    assert reply.body["errors"][0]["key"] == "nothing"


def test_a_type_for_orders_fits_no_parcel(shop: Caller, order: dict) -> None:
    shop("POST", "/types", type_draft("on-order", "order"))
    assert update(shop, order, set_type("on-order")).code == "InvalidOperation"


def test_a_field_the_type_does_not_define_is_refused(shop: Caller, order: dict, parcel_type: dict) -> None:
    reply = update(shop, order, set_type("on-parcel", tb_nothing="x"))
    assert (reply.code, reply.body["errors"][0]["field"]) == ("InvalidField", "tb_nothing")


def test_without_a_type_no_field_can_be_set(shop: Caller, order: dict) -> None:
    assert update(shop, order, set_field("tb_status", "pending")).code == "InvalidOperation"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tb_status", 7),
        ("tb_eta", "2026-12-01T10:00:00Z"),
        ("tb_eta", "01.12.2026"),
        ("tb_updated_at", "2026-12-01"),
        ("tb_updated_at", "2026-12-01T10:00:00"),
        ("tb_parcels", "3"),
        ("tb_parcels", True),
        ("late", 1),
        ("kind", "inbound"),
        ("ids", "one"),
        ("ids", [1]),
    ],
)
def test_a_value_of_another_kind_is_refused(
    shop: Caller, order: dict, parcel_type: dict, name: str, value: Any
) -> None:
    reply = update(shop, order, set_type("on-parcel", **{name: value}))
    assert (reply.code, reply.body["errors"][0]["field"]) == ("InvalidField", name)


def test_values_are_kept_in_the_upstream_spelling(shop: Caller, order: dict, parcel_type: dict) -> None:
    given = {
        "tb_updated_at": "2026-12-01T12:00:00+02:00",
        "tb_eta": "2026-12-03",
        "ids": ["a", "b", "a"],
        "late": False,
    }
    parcel = parcel_of(update(shop, order, set_type("on-parcel", **given, tb_parcels=2, kind="out")).body)
    assert parcel["custom"] == {
        "type": {"typeId": "type", "id": parcel_type["id"]},
        "fields": {
            "tb_updated_at": "2026-12-01T10:00:00.000Z",
            "tb_eta": "2026-12-03",
            "ids": ["a", "b"],
            "late": False,
            "tb_parcels": 2,
            "kind": "out",
        },
    }


def test_setting_a_type_replaces_every_field(shop: Caller, order: dict, parcel_type: dict) -> None:
    first = update(shop, order, set_type("on-parcel", tb_status="pending", late=True)).body
    second = update(shop, first, set_type("on-parcel", tb_status="in_transit")).body
    assert parcel_of(second)["custom"]["fields"] == {"tb_status": "in_transit"}


def test_removing_a_field_works_once(shop: Caller, order: dict, parcel_type: dict) -> None:
    first = update(shop, order, set_type("on-parcel", tb_status="pending")).body
    second = update(shop, first, set_field("tb_status")).body
    assert parcel_of(second)["custom"]["fields"] == {}
    assert update(shop, second, set_field("tb_status")).code == "InvalidOperation"


def test_the_same_value_again_changes_nothing(shop: Caller, order: dict, parcel_type: dict) -> None:
    first = update(shop, order, set_type("on-parcel", tb_status="pending")).body
    assert update(shop, first, set_field("tb_status", "pending")).body == first


def test_without_a_type_in_the_action_type_and_fields_go(shop: Caller, order: dict, parcel_type: dict) -> None:
    first = update(shop, order, set_type("on-parcel", tb_status="pending")).body
    second = update(shop, first, {"action": "setParcelCustomType", "parcelKey": "p-1"}).body
    assert "custom" not in parcel_of(second)


def test_a_required_field_has_to_come_with_the_type(shop: Caller, order: dict) -> None:
    draft = type_draft("strict", "order-parcel")
    draft["fieldDefinitions"][0]["required"] = True
    shop("POST", "/types", draft)
    assert update(shop, order, set_type("strict")).code == "RequiredField"


def test_a_taken_key_is_a_duplicate_field(shop: Caller, parcel_type: dict) -> None:
    reply = shop("POST", "/types", type_draft("on-parcel", "order"))
    assert (reply.status, reply.code, reply.body["errors"][0]["duplicateValue"]) == (400, "DuplicateField", "on-parcel")


@pytest.mark.parametrize(
    "change",
    [{"key": "no spaces"}, {"resourceTypeIds": []}, {"resourceTypeIds": ["parcel"]}, {"name": None}],
)
def test_a_bad_draft_is_refused(shop: Caller, change: dict) -> None:
    assert shop("POST", "/types", {**type_draft("good", "order"), **change}).status == 400


def test_a_field_name_has_at_most_36_characters(shop: Caller) -> None:
    draft = {**type_draft("good", "order"), "fieldDefinitions": []}
    field = {"name": "x" * 37, "label": {"en": "x"}, "type": {"name": "String"}}
    assert shop("POST", "/types", {**draft, "fieldDefinitions": [field]}).code == "InvalidField"


def test_one_name_has_one_field_type_within_a_resource(shop: Caller, parcel_type: dict) -> None:
    draft = type_draft("other", "order-parcel")
    draft["fieldDefinitions"] = [{"name": "tb_status", "label": {"en": "x"}, "type": {"name": "Number"}}]
    assert shop("POST", "/types", draft).code == "InvalidOperation"


def test_a_type_grows_by_actions_at_its_version(shop: Caller, parcel_type: dict) -> None:
    add = {
        "action": "addFieldDefinition",
        "fieldDefinition": {"name": "tb_tag", "label": {"en": "Tag"}, "type": {"name": "String"}},
    }
    value = {"action": "addEnumValue", "fieldName": "kind", "value": {"key": "ret", "label": "Return"}}
    after = shop("POST", "/types/key=on-parcel", {"version": 1, "actions": [add, value]}).body
    assert after["fieldDefinitions"][-1]["name"] == "tb_tag"
    assert shop("GET", f"/types/{after['id']}").body == after
    assert shop("POST", "/types/key=on-parcel", {"version": 1, "actions": []}).status == 409
    again = shop("POST", "/types/key=on-parcel", {"version": after["version"], "actions": [add]})
    assert again.code == "DuplicateField"


def test_a_used_type_cannot_be_deleted(shop: Caller, order: dict, parcel_type: dict) -> None:
    update(shop, order, set_type("on-parcel"))
    assert shop("DELETE", "/types/key=on-parcel", version=1).code == "ReferenceExists"


def test_types_are_queried_by_resource(shop: Caller, parcel_type: dict) -> None:
    shop("POST", "/types", type_draft("on-order", "order"))
    found = shop("GET", "/types", where='resourceTypeIds contains any ("order-parcel")').body["results"]
    assert [document["key"] for document in found] == ["on-parcel"]


def test_a_partial_order_may_carry_types_too(control: SandboxClient, shop: Caller, parcel_type: dict) -> None:
    custom = {"type": {"key": "on-parcel"}, "fields": {"tb_status": "pending"}}
    order = control.create_order("demo", shippingInfo={"deliveries": [{"parcels": [{"custom": custom}]}]})
    assert parcel_of(order)["custom"]["type"]["id"] == parcel_type["id"]
