"""AfterShip's endpoints: create, get, list, update, delete, retrack, complete, couriers, detect, limits."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.sandbox.conftest import Caller
from tracking.sandbox.client import SandboxClient
from tracking.sandbox.server import Sandbox

UPS = "1Z999AA10123456784"


def create(aftership: Caller, **fields: Any) -> Any:
    """POST /trackings with a UPS number unless another is given."""
    return aftership("POST", "/trackings", {"tracking_number": UPS, **fields})


def test_a_wrong_key_is_401(sandbox: Sandbox, aftership: Caller) -> None:
    aftership.headers["as-api-key"] = "asat_2"
    reply = create(aftership)
    assert (reply.status, reply.body["meta"]["code"], reply.body["meta"]["type"]) == (401, 401, "Unauthorized")


def test_an_unknown_path_is_401_too(aftership: Caller) -> None:
    assert aftership("GET", "/notifications").status == 401


def test_a_new_tracking_is_pending_without_checkpoints(aftership: Caller) -> None:
    reply = create(aftership)
    data = reply.body["data"]
    assert (reply.status, reply.body["meta"], reply.headers["as-api-version"]) == (201, {"code": 201}, "2026-07")
    assert re.fullmatch(r"[0-9a-f]{32}", data["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", data["updated_at"])
    expected = {
        "slug": "ups",
        "tag": "Pending",
        "subtag": "Pending_001",
        "active": True,
        "checkpoints": [],
        "title": UPS,
    }
    assert {name: data[name] for name in expected} == expected


def test_the_callers_id_is_the_trackings_id(aftership: Caller) -> None:
    data = create(aftership, id="tb_1-A").body["data"]
    assert data["id"] == "tb_1-A"
    assert aftership("GET", "/trackings/tb_1-A").body["data"] == data
    assert aftership("GET", f"/trackings/{data['legacy_id']}").body["data"] == data


def test_number_and_courier_exist_once(aftership: Caller) -> None:
    create(aftership, id="a")
    reply = create(aftership, id="b")
    assert (reply.status, reply.code, reply.body["data"]) == (400, 4003, {})
    assert create(aftership, id="c", slug="dhl").status == 201


def test_an_own_id_is_used_once(aftership: Caller) -> None:
    create(aftership, id="a")
    assert create(aftership, id="a", tracking_number="Z1234567890").code == 4003


def test_accounts_do_not_see_each_other(control: SandboxClient, aftership: Caller) -> None:
    control.account("second", api_key="asat_2")
    create(aftership, id="a")
    aftership.headers["as-api-key"] = "asat_2"
    assert aftership("GET", "/trackings/a").status == 404
    assert create(aftership, id="a").status == 201


def test_a_body_that_is_no_json_is_4001(aftership: Caller) -> None:
    assert aftership("POST", "/trackings", b"{").code == 4001


def test_a_tracking_that_is_not_there_is_4004_and_404(aftership: Caller) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/retrack")):
        reply = aftership(method, f"/trackings/nothing{path}")
        assert (reply.status, reply.code, reply.body["meta"]["type"]) == (404, 4004, "BadRequest")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"tracking_number": None}, 4007),
        ({"tracking_number": ""}, 4007),
        ({"tracking_number": "abc"}, 4005),
        ({"tracking_number": "A" * 101}, 4005),
        ({"tracking_number": 12345}, 4005),
        ({"tracking_number": "1z999aa10123456784"}, 4017),
        ({"tracking_number": "1Z999 AA1"}, 4017),
        ({"id": "with space"}, 4015),
        ({"id": "x" * 129}, 4015),
        ({"slug": "no-such-courier"}, 4010),
        ({"slug": "UPS"}, 4010),
        ({"slug": "postnl"}, 4011),
        ({"tracking_number": "????".replace("?", "-")}, 4012),
        ({"tracking": {"slug": "ups"}}, 4008),
        ({"order_tags": ["a"]}, 4008),
        ({"title": ""}, 4008),
        ({"order_id": ""}, 4008),
        ({"order_id": None}, 4008),
        ({"order_date": "2026-11-22T10:00:00"}, 4008),
        ({"order_promised_delivery_date": "2026-12-01"}, 4008),
        ({"order_promised_delivery_date": {"promised_delivery_date": "soon"}}, 4008),
        ({"destination_country_region": "DE"}, 4008),
        ({"destination_country_region": "GER"}, 4008),
        ({"destination_postal_code": "12345678901"}, 4008),
        ({"language": "de-DE"}, 4008),
        ({"delivery_type": "drone"}, 4008),
        ({"shipment_direction": "back"}, 4008),
        ({"custom_fields": {"a": 1}}, 4008),
        ({"custom_fields": {"a" * 31: "x"}}, 4008),
        ({"custom_fields": {"a": "x" * 513}}, 4008),
        ({"custom_fields": {f"k{n}": "x" for n in range(26)}}, 4008),
        ({"customers": [{}] * 4}, 4008),
        ({"customers": [{"email": "nobody"}]}, 4008),
        ({"customers": [{"phone_number": "030 123"}]}, 4008),
        ({"customers": [{"name": ""}]}, 4008),
        ({"customers": [{"mail": "a@b.de"}]}, 4008),
        ({"shipment_tags": ["x" * 33]}, 4008),
        ({"last_mile": {"slug": "ups"}}, 4008),
        ({"location_id": "berlin", "origin_city": "Berlin"}, 4008),
        ({"slug": "ups", "slug_group": "dpd-group"}, 4008),
        ({"tracking_ship_date": "1.12.2026"}, 4008),
    ],
)
def test_a_bad_field_is_refused_with_its_code(aftership: Caller, fields: dict[str, Any], code: int) -> None:
    reply = create(aftership, **fields)
    assert (reply.status, reply.code, reply.body["meta"]["type"]) == (400, code, "BadRequest")
    assert aftership("GET", "/trackings").body["data"]["trackings"] == []


def test_every_field_of_the_contract_is_taken_and_shown(aftership: Caller) -> None:
    fields = {
        "slug": "postnl",
        "tracking_number": "3SABCDEF123456",
        "title": "Mug",
        "order_id": "o-1",
        "order_number": "CT-1",
        "order_id_path": "https://shop.example.com/o-1",
        "order_date": "2026-11-22T10:00:00+01:00",
        "order_promised_delivery_date": {"promised_delivery_date": "2026-12-01", "promised_delivery_date_max": None},
        "custom_fields": {"store": "de-web"},
        "customers": [{"role": "buyer", "name": "Ada", "email": "ada@example.com", "phone_number": "+4930123456"}],
        "language": "de",
        "note": "",
        "shipment_tags": ["gift"],
        "delivery_type": "door_to_door",
        "shipping_method": "Standard",
        "tracking_ship_date": "20261122",
        "destination_country_region": "NLD",
        "destination_postal_code": "1012 AB",
        "shipment_direction": "forward",
    }
    data = create(aftership, **fields).body["data"]
    assert {name: data[name] for name in fields} == fields


def test_missing_courier_fields_are_named(aftership: Caller) -> None:
    message = create(aftership, slug="postnl", tracking_number="3SABCDEF123456").body["meta"]["message"]
    assert "destination_postal_code" in message


def test_only_couriers_of_the_account_are_detected(control: SandboxClient, aftership: Caller) -> None:
    control.account("main", couriers=["dhl-germany"])
    assert create(aftership).code == 4012
    assert create(aftership, tracking_number="00340434161094042557").body["data"]["slug"] == "dhl-germany"


def test_a_put_replaces_named_fields_and_keeps_the_others(aftership: Caller) -> None:
    before = create(aftership, id="a", title="Mug", note="x", custom_fields={"a": "1", "b": "2"}).body["data"]
    reply = aftership("PUT", "/trackings/a", {"note": "", "custom_fields": {"c": "3"}, "order_id": "o-2"})
    after = reply.body["data"]
    assert (reply.status, after["title"], after["note"], after["order_id"]) == (200, "Mug", "", "o-2")
    assert after["custom_fields"] == {"c": "3"}
    assert after["updated_at"] > before["updated_at"]


@pytest.mark.parametrize(
    "name", ["tracking_number", "id", "shipment_tags", "courier_connection_id", "slug_group", "tag"]
)
def test_a_put_cannot_send_what_is_fixed(aftership: Caller, name: str) -> None:
    create(aftership, id="a")
    assert aftership("PUT", "/trackings/a", {name: "x"}).code == 4008


def test_a_put_of_the_same_values_changes_nothing(control: SandboxClient, aftership: Caller) -> None:
    before = create(aftership, id="a", title="Mug").body["data"]
    assert aftership("PUT", "/trackings/a", {"title": "Mug"}).body["data"] == before
    assert control.journal("aftership")[-1]["effect"] == "no_change"


def test_a_put_may_correct_the_courier_unless_that_is_taken(aftership: Caller) -> None:
    create(aftership, id="a", slug="ups")
    create(aftership, id="b", slug="dhl")
    assert aftership("PUT", "/trackings/b", {"slug": "ups"}).code == 4003
    assert aftership("PUT", "/trackings/b", {"slug": "fedex"}).body["data"]["slug"] == "fedex"
    assert create(aftership, id="c", slug="dhl").status == 201


def test_a_deleted_tracking_is_returned_and_its_number_is_free(aftership: Caller) -> None:
    data = create(aftership, id="a").body["data"]
    assert aftership("DELETE", "/trackings/a").body["data"] == data
    assert aftership("GET", "/trackings/a").code == 4004
    assert create(aftership, id="a").status == 201


def test_a_list_is_paged_by_cursor(aftership: Caller) -> None:
    for n in range(5):
        create(aftership, id=f"t{n}", tracking_number=f"Z000000000{n}")
    seen, cursor = [], None
    while True:
        data = aftership("GET", "/trackings", limit=2, **({"cursor": cursor} if cursor else {})).body["data"]
        seen += [tracking["id"] for tracking in data["trackings"]]
        cursor = data["pagination"]["next_cursor"]
        assert data["pagination"] == {"total": 5, "next_cursor": cursor, "has_next_page": cursor is not None}
        if not cursor:
            break
    assert seen == ["t0", "t1", "t2", "t3", "t4"]


@pytest.mark.parametrize(
    "query",
    [
        {"tracking_numbers": f"{UPS},X"},
        {"slug": "dhl,ups"},
        {"order_id": "o-1"},
        {"tag": "Pending"},
        {"destination": "DEU,AUT"},
        {"shipment_tags": "gift"},
        {"return_to_sender": "false"},
        {"keyword": "ada@"},
        {"updated_at_min": "2026-01-01T00:00:00+00:00", "created_at_max": "2999-01-01T00:00:00+01:00"},
    ],
)
def test_a_filter_finds_and_its_opposite_does_not(aftership: Caller, query: dict[str, str]) -> None:
    customers = [{"email": "ada@example.com"}]
    create(
        aftership, id="a", order_id="o-1", destination_country_region="DEU", shipment_tags=["gift"], customers=customers
    )
    assert aftership("GET", "/trackings", **query).body["data"]["pagination"]["total"] == 1
    opposite = {
        name: "true" if name == "return_to_sender" else "1999-01-01T00:00:00+00:00" if name.endswith("max") else "zzz"
        for name in query
        if not name.endswith("min")
    }
    assert aftership("GET", "/trackings", **opposite).body["data"]["trackings"] == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 201},
        {"updated_at_min": "2026-01-01T00:00:00Z"},
        {"created_at_min": "2026-01-01T00:00:00-01:00"},
        {"cursor": "nonsense"},
    ],
)
def test_a_bad_list_query_is_400(aftership: Caller, query: dict[str, Any]) -> None:
    assert aftership("GET", "/trackings", **query).status == 400


def test_named_fields_only(aftership: Caller) -> None:
    create(aftership, id="a", order_id="o-1")
    shown = aftership("GET", "/trackings", fields="order_id,tag").body["data"]["trackings"][0]
    assert (shown["id"], shown["order_id"], shown["tag"], "checkpoints" in shown) == ("a", "o-1", "Pending", False)
    create(aftership, id="b", tracking_number="Z1234567890")
    assert aftership("GET", "/trackings", fields="note").code == 4008


@pytest.mark.parametrize(
    ("reason", "tag", "subtag"),
    [
        ("DELIVERED", "Delivered", "Delivered_001"),
        ("LOST", "Exception", "Exception_013"),
        ("RETURNED_TO_SENDER", "Exception", "Exception_011"),
    ],
)
def test_completed_by_hand_a_tracking_rests(aftership: Caller, reason: str, tag: str, subtag: str) -> None:
    create(aftership, id="a")
    data = aftership("POST", "/trackings/a/mark-as-completed", {"reason": reason}).body["data"]
    assert (data["tag"], data["subtag"], data["active"]) == (tag, subtag, False)
    assert [checkpoint["source"] for checkpoint in data["checkpoints"]] == ["user"]


@pytest.mark.parametrize(("body", "code"), [({}, 4009), ({"reason": "GONE"}, 4008)])
def test_a_completion_needs_a_known_reason(aftership: Caller, body: dict[str, str], code: int) -> None:
    create(aftership, id="a")
    assert aftership("POST", "/trackings/a/mark-as-completed", body).code == code


def test_a_tracking_is_retracked_three_times_and_only_at_rest(aftership: Caller) -> None:
    create(aftership, id="a")
    assert aftership("POST", "/trackings/a/retrack").code == 4013
    for _ in range(3):
        aftership("POST", "/trackings/a/mark-as-completed", {"reason": "LOST"})
        assert aftership("POST", "/trackings/a/retrack").body["data"]["active"] is True
    aftership("POST", "/trackings/a/mark-as-completed", {"reason": "LOST"})
    assert aftership("POST", "/trackings/a/retrack").code == 4016


def test_couriers_say_what_they_need(control: SandboxClient, aftership: Caller) -> None:
    data = aftership("GET", "/couriers").body["data"]
    assert data["total"] == len(data["couriers"]) > 40
    postnl = aftership("GET", "/couriers", slug="postnl,ups").body["data"]["couriers"][1]
    assert (postnl["slug"], postnl["required_fields"]) == ("postnl", ["destination_postal_code"])
    control.account("main", couriers=["ups", "dhl"])
    assert aftership("GET", "/couriers", active="true").body["data"]["total"] == 2


@pytest.mark.parametrize(
    ("number", "slugs"),
    [
        (UPS, ["ups"]),
        ("00340434161094042557", ["dhl-germany"]),
        ("3SABCDEF123456", ["postnl", "postnl-3s"]),
        ("RR123456789AT", ["austrian-post"]),
        ("IT001D-1-x".upper(), ["testing-courier"]),
        ("----", []),
    ],
)
def test_couriers_are_detected_by_the_look_of_a_number(aftership: Caller, number: str, slugs: list[str]) -> None:
    data = aftership("POST", "/couriers/detect", {"tracking_number": number}).body["data"]
    assert ([courier["slug"] for courier in data["couriers"]], data["total"]) == (slugs, len(slugs))


def test_detection_keeps_to_the_slugs_or_group_asked_for(aftership: Caller) -> None:
    body = {"tracking_number": "01234567890123"}
    assert aftership("POST", "/couriers/detect", {**body, "slug": ["hermes-de"]}).body["data"]["total"] == 1
    found = aftership("POST", "/couriers/detect", {**body, "slug_group": "dpd-group"}).body["data"]["couriers"]
    assert [courier["slug"] for courier in found] == ["dpd-de"]
    assert aftership("POST", "/couriers/detect", {"slug": ["ups"]}).code == 4007


def test_each_endpoint_has_its_own_limit_per_second(control: SandboxClient, aftership: Caller) -> None:
    control.set_dials(aftership={"rate_limit": True})
    statuses = [aftership("POST", "/couriers/detect", {"tracking_number": UPS}) for _ in range(9)]
    refused = [reply for reply in statuses if reply.status == 429]
    assert len(statuses) - len(refused) in range(3, 7)
    assert refused[0].body["meta"] == {**refused[0].body["meta"], "code": 429, "type": "TooManyRequests"}
    limits = {name: refused[0].headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining")}
    assert limits == {"Limit": "3", "Remaining": "0"}
    assert aftership("GET", "/couriers").status == 200
