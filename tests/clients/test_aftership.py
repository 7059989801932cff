"""AfterShip: meta.code decides, the budget is asked before each call, lists are read to their end."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.clients.conftest import MemoryBudget
from tests.clients.scripted import Reply, ScriptedServer
from tracking.clients.aftership import RATES, AfterShipClient
from tracking.clients.errors import (
    AccountStopped,
    AlreadyExists,
    BudgetSpent,
    NotFound,
    Refused,
    RetryLater,
    UpstreamError,
)
from tracking.clients.http import Call

KEY = "asat_0123456789abcdef"


def client(server: ScriptedServer, budget: MemoryBudget) -> AfterShipClient:
    return AfterShipClient(api_url=f"{server.url}/", api_key=KEY, budget=budget)


def good(data: dict[str, Any], status: int = 200) -> Reply:
    return Reply(status, {"meta": {"code": status}, "data": data})


def bad(status: int, code: int, message: str = "m", type_: str = "BadRequest", **reply: Any) -> Reply:
    return Reply(status, {"meta": {"code": code, "type": type_, "message": message}, "data": {}}, **reply)


def caught(server: ScriptedServer, budget: MemoryBudget, reply: Reply) -> UpstreamError:
    """The error a create answered so raises."""
    server.will(reply)
    with pytest.raises(UpstreamError) as error:
        client(server, budget).create_tracking({"tracking_number": "1Z999AA10123456784"})
    return error.value


# Verdicts


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (bad(400, 4003, "Tracking already exists."), AlreadyExists, "4003"),
        (bad(404, 4004, "Tracking does not exist."), NotFound, "4004"),
        (bad(404, 404, type_="NotFound"), NotFound, "404"),
        (bad(400, 4012, "Cannot detect courier."), Refused, "4012"),
        (bad(200, 4005, "The value of `tracking_number` is invalid."), Refused, "4005"),
        (bad(400, 400), Refused, "400"),
        (Reply(413, "<html>Too large</html>"), Refused, "413"),
        (bad(401, 401, type_="Unauthorized"), AccountStopped, "401"),
        (bad(403, 403, type_="Forbidden"), AccountStopped, "403"),
        (bad(500, 500, type_="InternalError"), RetryLater, "500"),
        (bad(200, 503, type_="InternalError"), RetryLater, "503"),
        (Reply(502, "<html><h1>502 Bad Gateway</h1>cloudflare</html>"), RetryLater, "502"),
        (Reply(404, "<html>nginx</html>"), RetryLater, "404"),
        (Reply(408, ""), RetryLater, "408"),
    ],
)
def test_meta_code_decides(
    server: ScriptedServer, budget: MemoryBudget, reply: Reply, kind: type[UpstreamError], code: str
) -> None:
    error = caught(server, budget, reply)
    assert (type(error), error.code) == (kind, code)
    assert budget.blocked == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_error_of_a_write_may_have_been_applied(
    server: ScriptedServer, budget: MemoryBudget, status: int
) -> None:
    assert caught(server, budget, Reply(status, "")).maybe_applied is True


def test_server_error_of_a_read_applied_nothing(server: ScriptedServer, budget: MemoryBudget) -> None:
    server.will(Reply(500, ""), Reply(500, ""))
    with pytest.raises(RetryLater) as read:
        client(server, budget).get_tracking("t1")
    with pytest.raises(RetryLater) as detection:
        client(server, budget).detect_couriers({"tracking_number": "1234567890"})
    assert (read.value.maybe_applied, detection.value.maybe_applied) == (False, False)


def test_success_without_data_may_have_been_applied(server: ScriptedServer, budget: MemoryBudget) -> None:
    error = caught(server, budget, Reply(201, {"meta": {"code": 201}}))
    assert (type(error), error.code, error.maybe_applied) == (RetryLater, "unreadable_answer", True)


def test_message_holds_aftership_s_words_and_details_but_no_shopper(
    server: ScriptedServer, budget: MemoryBudget
) -> None:
    meta = {
        "code": 4008,
        "type": "BadRequest",
        "message": "The value of `customers.email` is invalid: jane.doe@example",
        "errors": [{"path": "customers.0.email", "info": "no address: jane.doe@example"}],
    }
    error = caught(server, budget, Reply(400, {"meta": meta, "data": {}}))
    assert error.message == (
        "The value of `customers.email` is invalid: [personal] "
        '[{"path": "customers.0.email", "info": "no address: [personal]"}]'
    )


# Budget


def test_429_closes_the_endpoint_until_the_window_resets(server: ScriptedServer, budget: MemoryBudget) -> None:
    headers = {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3)}
    error = caught(server, budget, bad(429, 429, "Too many.", "TooManyRequests", headers=headers))
    assert isinstance(error, RetryLater)
    assert error.maybe_applied is False
    assert [endpoint for endpoint, _ in budget.blocked] == ["POST /trackings"]
    assert 1.5 < budget.blocked[0][1] <= 3
    assert error.retry_after_seconds == budget.blocked[0][1]


@pytest.mark.parametrize(
    ("headers", "seconds"), [({"Retry-After": "8"}, 8.0), ({}, 1.0), ({"X-RateLimit-Reset": "1"}, 1.0)]
)
def test_429_waits_as_told_and_at_least_one_window(
    server: ScriptedServer, budget: MemoryBudget, headers: dict[str, str], seconds: float
) -> None:
    error = caught(server, budget, bad(429, 429, headers=headers))
    assert error.retry_after_seconds == seconds
    assert budget.blocked == [("POST /trackings", seconds)]


def test_rate_limit_of_the_edge_counts_without_an_envelope(server: ScriptedServer, budget: MemoryBudget) -> None:
    error = caught(server, budget, Reply(429, "<html>slow down</html>"))
    assert (type(error), error.code) == (RetryLater, "429")
    assert budget.blocked == [("POST /trackings", 1.0)]


def test_without_budget_nothing_is_sent(server: ScriptedServer) -> None:
    class Spent(MemoryBudget):
        def acquire(self, endpoint: str) -> None:
            raise BudgetSpent("aftership", "budget", endpoint, retry_after_seconds=2)

    with pytest.raises(BudgetSpent):
        client(server, Spent()).get_tracking("t1")
    assert server.asked == []


# Addresses


def test_each_method_asks_the_right_thing(server: ScriptedServer, budget: MemoryBudget, calls: list[Call]) -> None:
    server.will(*[good({"id": "t1", "couriers": [{"slug": "ups"}]})] * 9)
    bridge = client(server, budget)
    assert bridge.create_tracking({"id": "t1", "tracking_number": "1Z"})["id"] == "t1"
    assert bridge.get_tracking("t/1")["id"] == "t1"
    bridge.update_tracking("t1", {"title": "Box"})
    bridge.delete_tracking("t1")
    bridge.retrack("t1")
    bridge.mark_as_completed("t1", reason="DELIVERED")
    at = datetime(2026, 11, 22, 10, tzinfo=timezone(timedelta(hours=2)))
    bridge.mark_as_completed("t1", reason="LOST", event_datetime=at)
    assert bridge.list_couriers(active=True, slugs=["ups", "dhl"]) == [{"slug": "ups"}]
    assert bridge.detect_couriers({"tracking_number": "1Z", "slug": ["ups"]}) == [{"slug": "ups"}]
    base = "/tracking/2026-07"
    assert [(asked.method, asked.target, asked.content and asked.json) for asked in server.asked] == [
        ("POST", f"{base}/trackings", {"id": "t1", "tracking_number": "1Z"}),
        ("GET", f"{base}/trackings/t%2F1", b""),
        ("PUT", f"{base}/trackings/t1", {"title": "Box"}),
        ("DELETE", f"{base}/trackings/t1", b""),
        ("POST", f"{base}/trackings/t1/retrack", b""),
        ("POST", f"{base}/trackings/t1/mark-as-completed", {"reason": "DELIVERED"}),
        (
            "POST",
            f"{base}/trackings/t1/mark-as-completed",
            {"reason": "LOST", "event_datetime": "2026-11-22T08:00:00+00:00"},
        ),
        ("GET", f"{base}/couriers?active=true&slug=ups%2Cdhl", b""),
        ("POST", f"{base}/couriers/detect", {"tracking_number": "1Z", "slug": ["ups"]}),
    ]
    assert {asked.headers["as-api-key"] for asked in server.asked} == {KEY}
    assert {asked.headers["x-correlation-id"] for asked in server.asked} == {"K7MQ-2XRT"}
    assert budget.acquired == [call.endpoint for call in calls]
    assert set(budget.acquired) == set(RATES) - {"GET /trackings"}


def test_no_key_and_no_shopper_in_any_call(server: ScriptedServer, budget: MemoryBudget, calls: list[Call]) -> None:
    shopper = {"customers": [{"name": "Jane Doe", "email": "jane.doe@example.com", "phone_number": "+49301234"}]}
    server.will(good({"id": "t1", "tracking_number": "1Z", **shopper}, 201), bad(401, 401, f"Bad key {KEY}"))
    client(server, budget).create_tracking({"tracking_number": "1Z", **shopper})
    with pytest.raises(AccountStopped):
        client(server, budget).get_tracking("t1")
    told = repr(calls)
    assert [word for word in ("asat_", "jane", "Jane", "Doe", "+4930") if word in told] == []
    assert "1Z" in told


def test_unusable_id_is_not_found_and_nothing_is_sent(server: ScriptedServer, budget: MemoryBudget) -> None:
    with pytest.raises(NotFound):
        client(server, budget).delete_tracking("")
    assert server.asked == []


# Paging


def page(*ids: str, cursor: Any = None, more: bool = False) -> Reply:
    pagination = {"total": 9, "next_cursor": cursor, "has_next_page": more}
    return good({"pagination": pagination, "trackings": [{"id": tracking_id} for tracking_id in ids]})


def test_list_follows_the_cursor_to_the_end(server: ScriptedServer, budget: MemoryBudget) -> None:
    server.will(page("a", "b", cursor="c+/=1", more=True), page(cursor="c2", more=True), page("c", cursor="c3"))
    trackings = client(server, budget).list_trackings(
        tracking_numbers=["1Z", "2Z"],
        tag="InTransit",
        return_to_sender=False,
        updated_at_min=datetime(2026, 11, 22, 10, 0, 0, 500, tzinfo=UTC),
    )
    assert [tracking["id"] for tracking in trackings] == ["a", "b", "c"]
    assert server.asked[0].target == (
        "/tracking/2026-07/trackings?limit=200&tracking_numbers=1Z%2C2Z&tag=InTransit&return_to_sender=false"
        "&updated_at_min=2026-11-22T10%3A00%3A00%2B00%3A00"
    )
    assert [asked.query.get("cursor") for asked in server.asked] == [None, ["c+/=1"], ["c2"]]
    assert {asked.query["tag"][0] for asked in server.asked} == {"InTransit"}
    assert budget.acquired == ["GET /trackings"] * 3


@pytest.mark.parametrize(
    "second",
    [
        page("b", cursor="", more=True),
        page("b", cursor=None, more=True),
        page("b", cursor="c1", more=True),
        good({"trackings": [{"id": "b"}]}),
        good({"pagination": {"has_next_page": False}}),
        Reply(503, ""),
    ],
)
def test_list_that_cannot_be_read_to_its_end_raises(
    server: ScriptedServer, budget: MemoryBudget, second: Reply
) -> None:
    server.will(page("a", cursor="c1", more=True), second)
    with pytest.raises(RetryLater):
        list(client(server, budget).list_trackings())
    assert len(server.asked) == 2


def test_time_without_an_offset_is_a_bug_of_the_caller(server: ScriptedServer, budget: MemoryBudget) -> None:
    with pytest.raises(ValueError, match="has no offset"):
        list(client(server, budget).list_trackings(created_at_min=datetime(2026, 11, 22)))
