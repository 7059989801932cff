"""The predicate parser."""

from __future__ import annotations

import pytest

from tracking.sandbox.predicates import PredicateError, compile_predicate

ORDER = {
    "id": "b",
    "orderNumber": 'say "hi"',
    "version": 4,
    "lastModifiedAt": "2026-11-01T10:00:00.000Z",
    "shipmentState": "Shipped",
    "store": {"typeId": "store", "key": "de-web"},
    "tags": ["x", "y"],
    "returnInfo": [],
    "custom": {"fields": {"late": True}},
    "shipping": [{"shippingInfo": {"deliveries": [{"id": "D1"}, {"id": "D2"}]}}],
}


@pytest.mark.parametrize(
    "text",
    [
        'id = "b"',
        'id="b"',
        'id != "a"',
        'id <> "a"',
        "version > 3 and version <= 4",
        'orderNumber = "say \\"hi\\""',
        'lastModifiedAt >= "2026-11-01T00:00:00Z"',
        'lastModifiedAt = "2026-11-01T12:00:00+02:00"',
        'store(key="de-web")',
        'store(key in ("at-web", "de-web") and typeId="store")',
        'shipmentState in ("Partial","Shipped")',
        'shipmentState not in ("Partial")',
        "shipmentState is defined and paymentState is not defined",
        "returnInfo is empty and tags is not empty",
        'not(shipmentState = "Partial")',
        'id = "a" or id = "b" and version = 4',
        '(id = "a" or id = "b") and version = 4',
        'tags contains any ("y", "z")',
        'tags contains all ("y", "x")',
        'tags = "x"',
        "custom(fields(late = true))",
        'shipping(shippingInfo(deliveries(id="D2")))',
        "`id` = :wanted",
        'lastModifiedAt > "2026-10-01T10:00:00.000Z" or (lastModifiedAt = "2026-10-01T10:00:00.000Z" and id > "a")',
    ],
)
def test_a_predicate_that_holds(text: str) -> None:
    assert compile_predicate(text, {"wanted": "b"})(ORDER)


@pytest.mark.parametrize(
    "text",
    [
        'id = "a"',
        "version = 4.5",
        'version = "4"',
        "custom(fields(late = 1))",
        'store(key="at-web")',
        'missing = "x"',
        'missing(key="x")',
        'tags contains all ("x", "z")',
        'lastModifiedAt > "2026-11-01T10:00:00.000Z"',
    ],
)
def test_a_predicate_that_does_not_hold(text: str) -> None:
    assert not compile_predicate(text)(ORDER)


@pytest.mark.parametrize(
    "text",
    [
        "", "id", "id =", 'id = "a', "id = 'a'", '= "a"', 'id in ()', 'id in "a"', 'id = "a" and', '(id = "a"',
        'id = "a")', "id is odd", "id = :nobody", "not id", 'id = "a" id = "b"',
    ],
)  # fmt: skip
def test_a_malformed_predicate_is_refused(text: str) -> None:
    with pytest.raises(PredicateError):
        compile_predicate(text)
