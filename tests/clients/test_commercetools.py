"""commercetools: tokens that end, are refused or come from another process; verdicts; paging that loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from tests.clients.conftest import MemoryTokens
from tests.clients.scripted import Reply, ScriptedServer
from tracking.clients import commercetools
from tracking.clients.commercetools import CommercetoolsClient, Token
from tracking.clients.errors import AccountStopped, Conflict, NotFound, Refused, RetryLater, UpstreamError
from tracking.clients.http import Call

INVALID_TOKEN = Reply(
    401,
    {
        "statusCode": 401,
        "message": "invalid_token",
        "errors": [{"code": "invalid_token", "message": "invalid_token"}],
        "error": "invalid_token",
    },
)
MOMENT = datetime(2026, 11, 22, 10, 0, 0, 123_456, tzinfo=UTC)


def client(server: ScriptedServer, tokens: MemoryTokens | None = None) -> CommercetoolsClient:
    return CommercetoolsClient(
        project_key="demo",
        api_url=server.url,
        auth_url=server.url,
        client_id="bridge",
        client_secret="s3cr3t-of-the-bridge",
        tokens=tokens or MemoryTokens("first", 3600),
    )


def token(value: str, expires_in: int = 172_800) -> Reply:
    return Reply(body={"access_token": value, "token_type": "Bearer", "expires_in": expires_in, "scope": "x:demo"})


def envelope(status: int, *errors: dict[str, Any], **reply: Any) -> Reply:
    return Reply(status, {"statusCode": status, "message": errors[0]["message"], "errors": list(errors)}, **reply)


def bearers(server: ScriptedServer) -> list[str]:
    return [asked.headers["authorization"].removeprefix("Bearer ") for asked in server.asked]


def caught(server: ScriptedServer, reply: Reply) -> UpstreamError:
    """The error an order update answered so raises."""
    server.will(reply)
    with pytest.raises(UpstreamError) as error:
        client(server).update_order("O", 4, [])
    return error.value


# Tokens


def test_first_call_fetches_a_token_with_basic_auth_and_shares_it(server: ScriptedServer) -> None:
    tokens = MemoryTokens()
    server.will(token("new"), Reply(body={"id": "O"}))
    before = datetime.now(UTC)
    assert client(server, tokens).get_order("O") == {"id": "O"}
    asked = server.asked[0]
    assert (asked.method, asked.target, asked.content) == ("POST", "/oauth/token", b"grant_type=client_credentials")
    assert asked.headers["authorization"] == "Basic YnJpZGdlOnMzY3IzdC1vZi10aGUtYnJpZGdl"
    assert server.asked[1].headers["authorization"] == "Bearer new"
    assert tokens.token is not None
    assert tokens.token.value == "new"
    assert timedelta(0) <= tokens.token.expires_at - before - timedelta(seconds=172_800) < timedelta(seconds=5)


def test_fresh_token_is_used_by_every_client(server: ScriptedServer) -> None:
    tokens = MemoryTokens("shared", 301)
    server.will(Reply(), Reply())
    client(server, tokens).get_order("O")
    client(server, tokens).get_order("O")
    assert bearers(server) == ["shared", "shared"]


def test_token_is_renewed_five_minutes_before_its_end(server: ScriptedServer) -> None:
    tokens = MemoryTokens("ending", 299)
    server.will(token("new"), Reply())
    client(server, tokens).get_order("O")
    assert (server.asked[1].headers["authorization"], tokens.saved) == ("Bearer new", ["new"])


def test_refused_token_is_replaced_once_and_the_call_repeated(server: ScriptedServer) -> None:
    tokens = MemoryTokens("revoked", 3600)
    server.will(INVALID_TOKEN, token("new"), Reply(body={"version": 5}))
    assert client(server, tokens).update_order("O", 4, [{"action": "x"}]) == {"version": 5}
    assert [asked.path for asked in server.asked] == ["/demo/orders/O", "/oauth/token", "/demo/orders/O"]
    assert server.asked[2].json == {"version": 4, "actions": [{"action": "x"}]}
    assert tokens.saved == ["new"]


def test_second_refusal_stops_the_account(server: ScriptedServer) -> None:
    server.will(INVALID_TOKEN, token("new"), INVALID_TOKEN, Reply())
    with pytest.raises(AccountStopped) as error:
        client(server).get_order("O")
    assert (error.value.code, error.value.status, len(server.asked)) == ("invalid_token", 401, 3)


def test_token_another_process_got_meanwhile_is_used_instead_of_a_new_one(server: ScriptedServer) -> None:
    class OtherProcessIsFaster(MemoryTokens):
        def load(self) -> Token | None:
            given = super().load()
            self.token = Token("theirs", datetime.now(UTC) + timedelta(hours=1))
            return given

    tokens = OtherProcessIsFaster("revoked", 3600)
    server.will(INVALID_TOKEN, Reply())
    client(server, tokens).get_order("O")
    assert (bearers(server), tokens.saved) == (["revoked", "theirs"], [])


def test_missing_scope_stops_the_account_without_a_new_token(server: ScriptedServer) -> None:
    error = caught(server, envelope(403, {"code": "insufficient_scope", "message": "One of: manage_orders:demo"}))
    assert isinstance(error, AccountStopped)
    assert (error.code, error.message, len(server.asked)) == ("insufficient_scope", "One of: manage_orders:demo", 1)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(401, {"error": "invalid_client", "error_description": "Please provide valid client"}), "invalid_client"),
        (Reply(400, {"error": "invalid_scope"}), "invalid_scope"),
        (Reply(404, {"message": "no such host"}), "404"),
        (Reply(302, headers={"Location": "/"}), "redirect"),
    ],
)
def test_no_from_the_auth_host_stops_the_account_and_never_reads_as_a_refused_order(
    server: ScriptedServer, reply: Reply, code: str
) -> None:
    server.will(reply)
    with pytest.raises(AccountStopped) as error:
        client(server, MemoryTokens()).get_order("O")
    assert error.value.code == code


@pytest.mark.parametrize("reply", [Reply(503), Reply(500), Reply(429), Reply(body={}), Reply(404, "<html>")])
def test_trouble_of_the_auth_host_passes_and_applied_nothing(server: ScriptedServer, reply: Reply) -> None:
    server.will(reply)
    with pytest.raises(RetryLater) as error:
        client(server, MemoryTokens()).update_order("O", 4, [])
    assert error.value.maybe_applied is False
    assert len(server.asked) == 1


def test_no_credential_and_no_shopper_in_any_call(server: ScriptedServer, calls: list[Call]) -> None:
    order = {
        "id": "O",
        "customerEmail": "jane.doe@example.com",
        "shippingAddress": {"firstName": "Jane", "city": "Ulm"},
    }
    server.will(token("t0ken-value"), Reply(body=order))
    client(server, MemoryTokens()).get_order("O")
    assert [call.endpoint for call in calls] == ["POST /oauth/token", "GET /orders/{id}"]
    told = repr(calls)
    assert [word for word in ("t0ken", "s3cr3t", "Basic", "jane", "Jane", "Ulm") if word in told] == []


# Verdicts


def test_conflict_tells_the_current_version(server: ScriptedServer) -> None:
    message = "Object O has a different version than expected. Expected: 4 - Actual: 6."
    error = caught(server, envelope(409, {"code": "ConcurrentModification", "message": message, "currentVersion": 6}))
    assert isinstance(error, Conflict)
    assert (error.code, error.current_version, error.message) == ("ConcurrentModification", 6, message)
    assert str(error) == f"commercetools ConcurrentModification: {message}"


def test_conflict_without_the_current_version_is_a_conflict_too(server: ScriptedServer) -> None:
    error = caught(server, envelope(409, {"code": "ConcurrentModification", "message": "Different version."}))
    assert isinstance(error, Conflict)
    assert error.current_version is None


def test_refusal_has_the_first_code_and_field_and_all_messages(server: ScriptedServer) -> None:
    first = {"code": "InvalidField", "message": "tb_eta is no Date.", "field": "tb_eta", "invalidValue": "soon"}
    error = caught(server, envelope(400, first, {"code": "RequiredField", "message": "name is required."}))
    assert type(error) is Refused
    assert (error.code, error.field) == ("InvalidField", "tb_eta")
    assert error.message == "tb_eta is no Date.; name is required."


def test_order_that_is_gone_is_not_found(server: ScriptedServer) -> None:
    error = caught(server, envelope(404, {"code": "ResourceNotFound", "message": "The Resource was not found."}))
    assert isinstance(error, NotFound)
    assert error.code == "ResourceNotFound"


def test_404_of_somebody_else_does_not_say_that_the_order_is_gone(server: ScriptedServer) -> None:
    error = caught(server, Reply(404, "<html>nginx</html>"))
    assert type(error) is RetryLater
    assert error.code == "404"


@pytest.mark.parametrize(
    ("reply", "code", "maybe_applied", "wait"),
    [
        (envelope(400, {"code": "QueryTimedOut", "message": "Too slow."}), "QueryTimedOut", False, None),
        (envelope(429, {"code": "x", "message": "m"}, headers={"Retry-After": "4"}), "x", False, 4.0),
        (envelope(500, {"code": "General", "message": "Write may have happened."}), "General", True, None),
        (Reply(502, "<html>Bad gateway</html>"), "502", False, None),
        (
            envelope(503, {"code": "OverCapacity", "message": "m"}, headers={"Retry-After": "9"}),
            "OverCapacity",
            False,
            9.0,
        ),
        (Reply(504, ""), "504", True, None),
    ],
)
def test_trouble_that_passes(
    server: ScriptedServer, reply: Reply, code: str, maybe_applied: bool, wait: float | None
) -> None:
    error = caught(server, reply)
    assert type(error) is RetryLater
    assert (error.code, error.maybe_applied, error.retry_after_seconds) == (code, maybe_applied, wait)


# Addresses


def test_each_method_asks_the_right_thing(server: ScriptedServer, calls: list[Call]) -> None:
    server.will(*[Reply()] * 7)
    bridge = client(server)
    bridge.get_order_by_number("CT/1 ü")
    bridge.update_order("O", 7, [{"action": "changeShipmentState", "shipmentState": "Shipped"}])
    bridge.get_type("T")
    bridge.get_type_by_key("trackbridge-parcel")
    bridge.create_type({"key": "trackbridge-order"})
    bridge.update_type("T", 2, [{"action": "addFieldDefinition"}])
    bridge.get_project()
    assert [(asked.method, asked.target, asked.content and asked.json) for asked in server.asked] == [
        ("GET", "/demo/orders/order-number=CT%2F1%20%C3%BC", b""),
        (
            "POST",
            "/demo/orders/O",
            {"version": 7, "actions": [{"action": "changeShipmentState", "shipmentState": "Shipped"}]},
        ),
        ("GET", "/demo/types/T", b""),
        ("GET", "/demo/types/key=trackbridge-parcel", b""),
        ("POST", "/demo/types", {"key": "trackbridge-order"}),
        ("POST", "/demo/types/T", {"version": 2, "actions": [{"action": "addFieldDefinition"}]}),
        ("GET", "/demo", b""),
    ]
    assert [call.endpoint for call in calls] == [
        "GET /orders/order-number={orderNumber}",
        "POST /orders/{id}",
        "GET /types/{id}",
        "GET /types/key={key}",
        "POST /types",
        "POST /types/{id}",
        "GET /",
    ]
    assert {asked.headers["x-correlation-id"] for asked in server.asked} == {"K7MQ-2XRT"}


@pytest.mark.parametrize("order_id", ["", "..", "."])
def test_unusable_order_id_is_not_found_and_nothing_is_sent(server: ScriptedServer, order_id: str) -> None:
    with pytest.raises(NotFound):
        client(server).get_order(order_id)
    assert server.asked == []


# Paging


@pytest.fixture
def _pages_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commercetools, "PAGE_SIZE", 2)


def order(order_id: str, second: int) -> dict[str, str]:
    return {"id": order_id, "lastModifiedAt": f"2026-11-22T09:00:{second:02d}.000Z"}


def page(*rows: dict[str, Any], limit: int = 2) -> Reply:
    return Reply(body={"limit": limit, "offset": 0, "count": len(rows), "results": list(rows)})


@pytest.mark.usefixtures("_pages_of_two")
def test_orders_with_equal_timestamps_across_a_page_are_neither_lost_nor_repeated(server: ScriptedServer) -> None:
    server.will(page(order("a", 1), order("b", 5)), page(order("c", 5), order("d", 5)), page(order("e", 6)))
    since = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    orders = client(server).iter_orders(modified_since=since, until=MOMENT)
    assert [found["id"] for found in orders] == ["a", "b", "c", "d", "e"]
    upper = 'lastModifiedAt <= "2026-11-22T10:00:00.123Z"'
    compound = '(lastModifiedAt > "{0}" or (lastModifiedAt = "{0}" and id > "{1}")) and ' + upper
    assert [asked.query["where"] for asked in server.asked] == [
        [f'lastModifiedAt >= "2026-11-22T09:00:00.000Z" and {upper}'],
        [compound.format("2026-11-22T09:00:05.000Z", "b")],
        [compound.format("2026-11-22T09:00:05.000Z", "d")],
    ]
    assert server.asked[0].query["sort"] == ["lastModifiedAt asc", "id asc"]
    assert (server.asked[0].query["limit"], server.asked[0].query["withTotal"]) == (["2"], ["false"])


@pytest.mark.usefixtures("_pages_of_two")
def test_a_short_page_ends_the_reading(server: ScriptedServer) -> None:
    server.will(page(order("a", 1)))
    assert len(list(client(server).iter_orders())) == 1
    assert len(server.asked) == 1


@pytest.mark.usefixtures("_pages_of_two")
def test_an_empty_page_after_a_full_one_ends_the_reading(server: ScriptedServer) -> None:
    server.will(page(order("a", 1), order("b", 1)), page())
    assert len(list(client(server).iter_orders())) == 2


def test_orders_are_read_up_to_a_minute_ago_by_default(server: ScriptedServer) -> None:
    server.will(page())
    list(client(server).iter_orders())
    where = server.asked[0].query["where"][0]
    until = datetime.fromisoformat(where.removeprefix('lastModifiedAt <= "').removesuffix('"'))
    assert timedelta(seconds=59) < datetime.now(UTC) - until < timedelta(seconds=70)


@pytest.mark.usefixtures("_pages_of_two")
def test_list_that_breaks_in_the_middle_raises_instead_of_ending(server: ScriptedServer) -> None:
    server.will(page(order("a", 1), order("b", 2)), Reply(503))
    orders = client(server).iter_orders()
    assert [next(orders)["id"], next(orders)["id"]] == ["a", "b"]
    with pytest.raises(RetryLater):
        next(orders)


@pytest.mark.usefixtures("_pages_of_two")
def test_paging_that_does_not_move_on_raises(server: ScriptedServer) -> None:
    server.will(*[page(order("a", 1), order("b", 1))] * 3)
    with pytest.raises(RetryLater, match="does not move on"):
        list(client(server).iter_orders())
    assert len(server.asked) == 2


@pytest.mark.parametrize("code", ["QueryTimedOut", "ContentTooLarge"])
def test_page_too_big_for_the_upstream_is_asked_smaller(server: ScriptedServer, code: str) -> None:
    server.will(
        envelope(413 if code == "ContentTooLarge" else 400, {"code": code, "message": "m"}), page(order("a", 1))
    )
    assert [found["id"] for found in client(server).iter_orders()] == ["a"]
    assert [asked.query["limit"] for asked in server.asked] == [["500"], ["100"]]


@pytest.mark.parametrize("body", [{}, {"results": None}, {"results": ["a"]}])
def test_page_without_results_is_no_empty_page(server: ScriptedServer, body: dict[str, Any]) -> None:
    server.will(Reply(body=body))
    with pytest.raises(RetryLater):
        list(client(server).iter_orders())


@pytest.mark.usefixtures("_pages_of_two")
def test_stores_and_channels_are_read_by_id(server: ScriptedServer) -> None:
    server.will(page({"id": "1"}, {"id": 'a"\\'}), page(), page({"id": "c"}))
    assert [store["id"] for store in client(server).iter_stores()] == ["1", 'a"\\']
    assert [channel["id"] for channel in client(server).iter_channels()] == ["c"]
    assert [unquote(asked.target.replace("+", " ")) for asked in server.asked] == [
        "/demo/stores?sort=id asc&limit=2&withTotal=false",
        '/demo/stores?sort=id asc&limit=2&withTotal=false&where=id > "a\\"\\\\"',
        "/demo/channels?sort=id asc&limit=2&withTotal=false",
    ]


def test_time_without_an_offset_is_a_bug_of_the_caller(server: ScriptedServer) -> None:
    with pytest.raises(ValueError, match="has no offset"):
        list(client(server).iter_orders(until=datetime(2026, 11, 22)))
