"""The one way out: what happens when an upstream is slow, gone, wrong, or closes the door in the middle."""

from __future__ import annotations

import gzip
import logging
import os
import socket
import threading
import time
from email.utils import formatdate
from typing import Any

import pytest
import structlog
from django.db import transaction

from config.correlation import bound
from tests.clients.scripted import Reply, ScriptedServer
from tracking.clients import http as http_module
from tracking.clients.errors import AccountStopped, NotFound, Refused, RetryLater, UpstreamError
from tracking.clients.http import Answer, Call, Http, observed, retry_after_seconds, segment

LONG = 30.0  # seconds; nothing that works takes as long, however busy the machine is


def by_status(answer: Answer) -> UpstreamError | None:
    if answer.status < 300:
        return None
    kind = RetryLater if answer.status >= 500 else Refused
    return kind("demo", str(answer.status), answer.text, answer.status, maybe_applied=answer.status == 500)


def demo(server: ScriptedServer) -> Http:
    return Http("demo", server.url, by_status)


def get(server: ScriptedServer, path: str = "/things", **arguments: Any) -> Answer:
    return demo(server).call("GET", path, endpoint="GET /things", **arguments)


def post(server: ScriptedServer, **arguments: Any) -> Answer:
    return demo(server).call("POST", "/things", endpoint="POST /things", **({"json": {"a": 1}} | arguments))


@pytest.fixture
def _short_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "READ_TIMEOUT_SECONDS", 0.1)


# No answer


def test_refused_connection_was_certainly_not_applied() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(RetryLater) as caught:
        Http("demo", url, by_status).call("POST", "/things", endpoint="POST /things", json={})
    assert (caught.value.code, caught.value.maybe_applied, caught.value.status) == ("unreachable", False, None)


@pytest.mark.usefixtures("_short_reads")
def test_timeout_after_sending_a_write_may_have_been_applied(server: ScriptedServer, calls: list[Call]) -> None:
    server.will(Reply(delay_seconds=LONG))
    with pytest.raises(RetryLater) as caught:
        post(server)
    assert (caught.value.code, caught.value.maybe_applied) == ("timeout", True)
    assert [(call.outcome, call.code, call.status) for call in calls] == [("retry", "timeout", None)]
    server.wait_until_asked()
    assert len(server.asked) == 1


@pytest.mark.usefixtures("_short_reads")
def test_timeout_of_a_read_applied_nothing_and_is_not_repeated(server: ScriptedServer) -> None:
    server.will(Reply(delay_seconds=LONG))
    with pytest.raises(RetryLater) as caught:
        get(server)
    assert (caught.value.code, caught.value.maybe_applied) == ("timeout", False)
    server.wait_until_asked()
    assert len(server.asked) == 1


@pytest.mark.parametrize("drop", ["before", "middle"])
def test_write_whose_connection_drops_is_not_repeated_and_may_be_applied(server: ScriptedServer, drop: str) -> None:
    server.will(Reply(body={"long": "x" * 400}, drop=drop), Reply())
    with pytest.raises(RetryLater) as caught:
        post(server)
    assert (caught.value.code, caught.value.maybe_applied) == ("dropped", True)
    assert len(server.asked) == 1


@pytest.mark.parametrize("drop", ["before", "middle"])
def test_read_whose_connection_drops_is_repeated_once_on_a_fresh_one(
    server: ScriptedServer, calls: list[Call], drop: str
) -> None:
    server.will(Reply(), Reply(body={"long": "x" * 400}, drop=drop), Reply(body={"n": 3}))
    get(server)
    assert get(server).body == {"n": 3}
    assert [call.outcome for call in calls] == ["ok", "retry", "ok"]
    connections = [asked.connection for asked in server.asked]
    assert connections[0] == connections[1] != connections[2]


def test_read_that_drops_twice_is_left_for_later(server: ScriptedServer) -> None:
    server.will(Reply(drop="before"), Reply(drop="before"), Reply())
    with pytest.raises(RetryLater) as caught:
        get(server)
    assert (caught.value.code, caught.value.maybe_applied) == ("dropped", False)
    assert len(server.asked) == 2


def test_write_after_the_server_closed_the_idle_connection_goes_out_on_a_fresh_one(server: ScriptedServer) -> None:
    server.will(Reply(then_hang_up=True), Reply(body={"n": 2}))
    post(server)
    assert server.hung_up.wait(LONG)
    assert post(server).body == {"n": 2}
    assert len(server.asked) == 2


def test_answer_that_drips_ends_at_the_deadline(server: ScriptedServer) -> None:
    server.will(Reply(body={"slow": "x" * 2000}, drip_seconds=0.03))
    started = time.monotonic()
    with observed(lambda call: None, "", 1), pytest.raises(RetryLater) as caught:
        post(server)
    assert caught.value.code == "timeout"
    assert time.monotonic() - started < LONG, "not read to its end"


def test_deadline_shortens_the_wait(server: ScriptedServer) -> None:
    server.will(Reply(delay_seconds=LONG))
    started = time.monotonic()
    with observed(lambda call: None, "", 1), pytest.raises(RetryLater) as caught:
        post(server)
    assert caught.value.code == "timeout"
    assert time.monotonic() - started < http_module.READ_TIMEOUT_SECONDS


def test_nothing_is_sent_after_the_deadline(server: ScriptedServer) -> None:
    seen: list[Call] = []
    with observed(seen.append, "", 0), pytest.raises(RetryLater) as caught:
        post(server)
    assert (caught.value.code, caught.value.maybe_applied) == ("deadline", False)
    assert (server.asked, seen) == ([], [])


# Strange answers


def test_redirect_is_refused_and_not_followed(server: ScriptedServer) -> None:
    server.will(Reply(302, headers={"Location": f"{server.url}/elsewhere"}))
    with pytest.raises(Refused) as caught:
        get(server)
    assert (caught.value.code, caught.value.status) == ("redirect", 302)
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", ["<html>log in</html>", "", "[1]", "[" * 200_000])
def test_success_that_is_no_json_object_is_no_success(server: ScriptedServer, body: str) -> None:
    server.will(Reply(200, body))
    with pytest.raises(RetryLater) as caught:
        post(server)
    assert (caught.value.code, caught.value.maybe_applied) == ("unreadable_answer", True)


def test_html_of_a_broken_gateway_reaches_the_classifier_as_text(server: ScriptedServer, calls: list[Call]) -> None:
    server.will(Reply(502, "<html>Bad gateway, ask jane.doe@example.com</html>"))
    with pytest.raises(RetryLater) as caught:
        get(server)
    assert caught.value.status == 502
    assert calls[0].response_excerpt == "<html>Bad gateway, ask [personal]</html>"
    assert calls[0].message == "<html>Bad gateway, ask [personal]</html>"


def test_an_uncertain_500_of_a_read_applied_nothing(server: ScriptedServer) -> None:
    server.will(Reply(500), Reply(500))
    with pytest.raises(RetryLater) as write:
        post(server)
    with pytest.raises(RetryLater) as read:
        get(server)
    assert (write.value.maybe_applied, read.value.maybe_applied) == (True, False)


def test_compressed_answer_is_read(server: ScriptedServer) -> None:
    content = gzip.compress(b'{"n": 1, "long": "' + b"x" * 100_000 + b'"}')
    server.will(Reply(body=content, headers={"Content-Encoding": "gzip"}))
    assert get(server).body["n"] == 1


def test_unusable_credential_stops_the_account_and_is_not_shown(server: ScriptedServer) -> None:
    for value in ("asat_with\nnewline", "asat_\u20ac"):
        with pytest.raises(AccountStopped) as caught:
            get(server, headers={"as-api-key": value})
        assert caught.value.code == "invalid_settings"
        assert "asat" not in f"{caught.value} {caught.value.__cause__}"


def test_unusable_address_stops_the_account() -> None:
    with pytest.raises(AccountStopped) as caught:
        Http("demo", "no-address", by_status).call("GET", "/x", endpoint="GET /x")
    assert caught.value.code == "invalid_settings"


def test_body_with_a_value_json_does_not_know_is_refused_unsent(server: ScriptedServer) -> None:
    with pytest.raises(Refused) as caught:
        post(server, json={"weight": float("nan")})
    assert caught.value.code == "invalid_request"
    assert server.asked == []


# What goes along


def test_correlation_id_of_the_observer_is_sent(server: ScriptedServer, calls: list[Call]) -> None:
    server.will(Reply())
    with bound("2222-3333"):
        get(server)
    assert server.asked[0].headers["x-correlation-id"] == "K7MQ-2XRT"
    assert len(calls) == 1


def test_without_an_observer_the_bound_correlation_id_is_sent(server: ScriptedServer) -> None:
    server.will(Reply(), Reply())
    with bound("2222-3333"):
        get(server)
    get(server)
    assert server.asked[0].headers["x-correlation-id"] == "2222-3333"
    assert "x-correlation-id" not in server.asked[1].headers


def test_a_netrc_entry_does_not_replace_our_credentials(
    server: ScriptedServer, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.will(Reply())
    get(server, headers={"Authorization": "Bearer ours"})
    assert server.asked[0].headers["authorization"] == "Bearer ours"


def test_cookies_are_not_carried_to_the_next_call(server: ScriptedServer) -> None:
    server.will(Reply(headers={"Set-Cookie": "account=1; Path=/"}), Reply())
    get(server)
    get(server)
    assert "cookie" not in server.asked[1].headers


def test_one_thread_keeps_its_connection_and_another_has_its_own(server: ScriptedServer) -> None:
    server.will(*[Reply()] * 3)
    get(server)
    get(server)
    thread = threading.Thread(target=get, args=(server,))
    thread.start()
    thread.join()
    first, second, third = (asked.connection for asked in server.asked)
    assert first == second != third


def test_a_forked_process_does_not_share_a_connection(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.will(Reply(), Reply())
    get(server)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    get(server)
    assert server.asked[0].connection != server.asked[1].connection


# What is told


def test_call_tells_what_happened_without_secrets_or_personal_data(server: ScriptedServer, calls: list[Call]) -> None:
    server.will(Reply(201, {"id": "t1", "customers": [{"name": "Jane Doe"}], "note": "call +49 30 1234"}))
    demo(server).call(
        "POST",
        "/things",
        endpoint="POST /things",
        params={"keyword": "Jane Doe", "tag": "InTransit"},
        json={"tracking_number": "00340434161094042557", "customers": [{"email": "jane.doe@example.com"}]},
        headers={"as-api-key": "asat_0123456789", "Authorization": "Bearer s3cr3t"},
    )
    call = calls[0]
    assert (call.upstream, call.endpoint, call.method, call.status) == ("demo", "POST /things", "POST", 201)
    assert call.path == "/things?keyword=[personal]&tag=InTransit"
    assert (call.outcome, call.code, call.message) == ("ok", "", "")
    assert call.request_excerpt == '{"tracking_number": "00340434161094042557", "customers": "[personal]"}'
    assert call.response_excerpt == '{"id": "t1", "customers": "[personal]", "note": "[personal]"}'
    assert call.started_at.utcoffset() is not None
    assert call.duration_ms >= 0
    told = repr(call).lower()
    assert [word for word in ("jane", "doe", "asat_", "s3cr3t", "+49") if word in told] == []


def http_date(seconds_from_now: float) -> str:
    return formatdate(time.time() + seconds_from_now, usegmt=True)


@pytest.mark.parametrize("skew", [-3600, 0, 90])
def test_the_upstreams_clock_is_compared_with_ours(server: ScriptedServer, calls: list[Call], skew: int) -> None:
    server.will(Reply(404, headers={"Date": http_date(skew)}))
    with pytest.raises(Refused):
        get(server)
    assert calls[0].clock_skew_seconds == pytest.approx(skew, abs=2)


@pytest.mark.parametrize("date", ["", "tomorrow", "Sun, 99 Nov 2026 10:00:00 GMT"])
def test_without_a_date_the_upstreams_clock_is_unknown(server: ScriptedServer, calls: list[Call], date: str) -> None:
    server.will(Reply(headers={"Date": date}))
    get(server)
    assert calls[0].clock_skew_seconds is None


def test_a_slow_answer_tells_nothing_of_a_clock(
    server: ScriptedServer, calls: list[Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_module, "SLOW_FOR_A_CLOCK_MS", -1)
    server.will(Reply(headers={"Date": http_date(90)}))
    get(server)
    assert calls[0].clock_skew_seconds is None


def test_one_log_line_per_call_without_bodies(server: ScriptedServer) -> None:
    server.will(Reply(404, {"message": "no jane.doe@example.com here"}))
    seen: list[Call] = []
    with structlog.testing.capture_logs() as lines, observed(seen.append, "K7MQ-2XRT", 5), pytest.raises(Refused):
        get(server, "/things/1")
    lines[0].pop("duration_ms")
    assert lines == [
        {
            "event": "upstream_call",
            "log_level": "warning",
            "upstream": "demo",
            "endpoint": "GET /things",
            "method": "GET",
            "path": "/things/1",
            "status": 404,
            "outcome": "refused",
            "code": "404",
            "correlation_id": "K7MQ-2XRT",
        }
    ]


def test_no_other_library_logs_a_call_at_info(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    server.will(Reply())
    with caplog.at_level(logging.INFO):
        get(server)
    assert [record for record in caplog.records if record.name.startswith(("urllib3", "requests"))] == []


# Transactions


@pytest.mark.django_db(transaction=True)
def test_http_inside_a_transaction_is_a_bug(server: ScriptedServer) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="HTTP inside a database transaction"):
        get(server)
    assert server.asked == []


@pytest.mark.django_db
def test_the_transaction_around_a_test_does_not_count(server: ScriptedServer) -> None:
    server.will(Reply())
    assert get(server).status == 200
    with transaction.atomic(), pytest.raises(RuntimeError):
        get(server)


# Small tools


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "999999999"}, 86_400.0),
        ({"Retry-After": "Mon, 23 Nov 2026 10:00:09 GMT", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 9.0),
        ({"X-RateLimit-Reset": "1795428003", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 3.0),
        ({"X-RateLimit-Reset": "1795427000", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"X-RateLimit-Reset": "never"}, None),
    ],
)
def test_wish_to_wait_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_id_that_would_name_another_resource_is_not_found(value: str) -> None:
    with pytest.raises(NotFound):
        segment("demo", value)


def test_id_is_one_segment_of_the_path(server: ScriptedServer) -> None:
    server.will(Reply())
    get(server, f"/things/{segment('demo', 'A/1 ü?b#%2F')}")
    assert server.asked[0].target == "/things/A%2F1%20%C3%BC%3Fb%23%252F"
