"""commercetools polled: a cursor that neither skips nor repeats, flat memory, and one receipt for what comes twice."""

from __future__ import annotations

import json
import os
import re
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import DatabaseError

from stores.models import Project
from tests import factories as make
from tracking.clients.commercetools import moment
from tracking.enums import JobKind, ProblemKind, Source
from tracking.models import Job, Problem, Receipt
from tracking.payloads.from_commercetools import parse_message
from tracking.sandbox.predicates import compile_predicate
from tracking.services import poll_project as polling
from tracking.services.poll_project import poll_project, poll_projects
from tracking.services.pump import drain_everything
from tracking.services.receive import store_receipts

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


class Upstream:
    """A commercetools that lists what it is given, one page at a time, and counts what it was asked."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.messages_enabled, self.project_status = True, 200
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.answer({"access_token": "t", "expires_in": 172800})

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = parse_qs(parts.query)
                upstream.asked.append((parts.path, query))
                if parts.path.count("/") == 1:
                    refusal = {"message": "no", "errors": [{"code": "insufficient_scope", "message": "no"}]}
                    found = {"messages": {"enabled": upstream.messages_enabled}}
                    self.answer(found if upstream.project_status == 200 else refusal, upstream.project_status)
                else:
                    self.answer({"results": upstream.page(parts.path.rsplit("/", 1)[1], query)})

            def answer(self, body: dict[str, Any], status: int = 200) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def page(self, resource: str, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        by, test = query["sort"][0].partition(" ")[0], compile_predicate(query["where"][0], {})
        rows: list[dict[str, Any]] = getattr(self, resource)
        found = sorted((row for row in rows if test(row)), key=lambda row: (row[by], row["id"]))
        return found[: int(query["limit"][0])]

    def pages(self) -> int:
        return sum(path.count("/") == 2 for path, _ in self.asked)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.server.shutdown()
    upstream.server.server_close()


def make_polling(upstream: Upstream, poll: str) -> Project:
    return make.make_project(key="demo", api_url=upstream.url, auth_url=upstream.url, inbound_type="poll", poll=poll)


def order(number: int, changed_at: datetime, version: int = 3) -> dict[str, Any]:
    return {"id": f"order-{number:06d}", "version": version, "lastModifiedAt": moment(changed_at), "orderNumber": "N"}


def message(number: int, at: datetime, kind: str = "ParcelAddedToDelivery") -> dict[str, Any]:
    """As /messages lists it: no notificationType, no projectKey."""
    return {
        "id": f"message-{number}",
        "version": 1,
        "sequenceNumber": number,
        "resource": {"typeId": "order", "id": "order-1"},
        "resourceVersion": number,
        "type": kind,
        "createdAt": moment(at),
    }


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)


def event_ids() -> list[str]:
    return list(Receipt.objects.order_by("pk").values_list("event_id", flat=True))


def test_a_page_that_was_not_committed_is_read_again_and_none_is_skipped(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal timestamps across the page's end, and a death between the page and its commit."""
    at = ago(minutes=30)
    upstream.orders = [order(number, at) for number in range(500)]
    project, pages = make_polling(upstream, "orders"), 0

    def dies_at_the_second(*given: Any) -> int:
        nonlocal pages
        pages += 1
        if pages == 2:
            raise DatabaseError("killed")
        return store_receipts(*given)

    with monkeypatch.context() as patched:
        patched.setattr(polling, "store_receipts", dies_at_the_second)
        with pytest.raises(DatabaseError):
            poll_project(project.pk)
    project.refresh_from_db()
    assert project.poll_cursors == {"orders": [moment(at), "order-000199"]}
    assert Receipt.objects.count() == 200
    poll_project(project.pk)
    assert event_ids() == [f"change:order-{number:06d}:3" for number in range(500)]


def test_receipts_and_cursor_of_a_page_are_committed_together(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.orders = [order(1, ago(minutes=30))]
    project = make_polling(upstream, "orders")

    def dies_afterwards(*given: Any) -> int:
        store_receipts(*given)
        raise DatabaseError("killed")

    monkeypatch.setattr(polling, "store_receipts", dies_afterwards)
    with pytest.raises(DatabaseError):
        poll_project(project.pk)
    project.refresh_from_db()
    assert (project.poll_cursors, event_ids()) == ({}, [])


def test_a_second_run_that_overtook_the_first_is_not_undone(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's lease was over: it stores nothing and moves nothing back."""
    upstream.orders = [order(1, ago(minutes=30))]
    project = make_polling(upstream, "orders")
    newer = {"orders": [moment(ago(minutes=5)), "order-000009"]}

    def overtaken(*given: Any) -> list[bytes]:
        Project.objects.update(poll_cursors=newer)
        return [b"{}"]

    monkeypatch.setitem(polling.FEEDS, "orders", polling.Feed("orders", "lastModifiedAt", overtaken))
    poll_project(project.pk)
    project.refresh_from_db()
    assert (project.poll_cursors, event_ids()) == (newer, [])


def test_what_becomes_visible_late_is_found_and_what_is_fresh_waits_a_minute(upstream: Upstream) -> None:
    upstream.orders = [order(1, ago(seconds=70)), order(2, ago(seconds=20))]
    project = make_polling(upstream, "orders")
    poll_project(project.pk)
    assert event_ids() == ["change:order-000001:3"]
    upstream.orders.append(order(3, ago(seconds=90)))
    poll_project(project.pk)
    assert event_ids() == ["change:order-000001:3", "change:order-000003:3"]


def test_the_upstreams_clock_says_what_is_a_minute_old(upstream: Upstream) -> None:
    upstream.orders = [order(1, ago(seconds=-45)), order(2, ago(seconds=-15))]
    project = make_polling(upstream, "orders")
    Project.objects.update(clock_skew_seconds=90.0)
    poll_project(project.pk)
    assert event_ids() == ["change:order-000002:3"]


def test_the_first_poll_begins_an_hour_ago(upstream: Upstream) -> None:
    upstream.orders = [order(1, ago(minutes=62)), order(2, ago(minutes=59))]
    poll_project(make_polling(upstream, "orders").pk)
    assert event_ids() == ["change:order-000002:3"]


def test_an_order_read_at_this_version_leaves_no_receipt(upstream: Upstream) -> None:
    upstream.orders = [order(1, ago(minutes=30)), order(2, ago(minutes=30), version=4)]
    project = make_polling(upstream, "orders")
    for number in (1, 2):
        make.make_order(project=project, commercetools_id=f"order-{number:06d}", version=3)
    poll_project(project.pk)
    assert event_ids() == ["change:order-000002:4"]


def test_a_polled_message_is_the_one_that_was_pushed(upstream: Upstream) -> None:
    listed = message(1, ago(minutes=30))
    upstream.messages = [listed, message(2, ago(minutes=29), "OrderCustomFieldChanged")]
    project = make_polling(upstream, "messages")
    pushed = json.dumps({"notificationType": "Message", "projectKey": "demo", **listed}).encode()
    store_receipts(Source.COMMERCETOOLS, "demo", [pushed], {}, "K7MQ-2XRT")
    poll_project(project.pk)
    assert event_ids() == ["message-1"]
    Receipt.objects.all().delete()
    Project.objects.update(poll_cursors={})
    poll_project(project.pk)
    assert event_ids() == ["message-1"]
    stored = parse_message(json.loads(bytes(Receipt.objects.get().body)))
    assert (stored.resource_id, stored.resource_version, stored.type) == ("order-1", 1, "ParcelAddedToDelivery")


def test_messages_that_are_switched_off_are_a_problem_until_they_are_on(upstream: Upstream) -> None:
    project = make_polling(upstream, "messages")
    upstream.messages_enabled = False
    poll_project(project.pk)
    problem = Problem.objects.get(closed_at=None)
    assert (problem.kind, problem.subject) == (ProblemKind.MESSAGES_OFF, "commercetools:demo")
    upstream.messages_enabled = True
    poll_project(project.pk)
    assert not Problem.objects.filter(closed_at=None).exists()
    asked = len([path for path, _ in upstream.asked if path == "/demo"])
    poll_project(project.pk)
    assert len([path for path, _ in upstream.asked if path == "/demo"]) == asked == 2


def test_a_client_that_may_not_read_the_settings_polls_all_the_same(upstream: Upstream) -> None:
    upstream.project_status = 403
    poll_projects_of = make_polling(upstream, "messages")
    poll_projects()
    drain_everything()
    job = Job.objects.get(kind=JobKind.POLL_PROJECT)
    assert (job.done, job.subject) == (job.want, str(poll_projects_of.pk))
    assert Project.objects.get().pause_seconds == 0


def test_only_active_projects_that_poll_are_polled(upstream: Upstream) -> None:
    project = make_polling(upstream, "orders")
    make.make_project(poll="off")
    make.make_project(poll="orders", is_active=False)
    assert [poll_projects(), poll_projects()] == [1, 1]
    assert list(Job.objects.values_list("subject", "want")) == [(str(project.pk), 2)]


class Endless(Upstream):
    """Makes each page when it is asked for it: nothing of the whole is held here either."""

    total = 0
    at = ""

    def page(self, resource: str, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        behind = re.search(r'id > "order-(\d+)"', query["where"][0])
        first = int(behind[1]) + 1 if behind else 0
        numbers = range(first, min(first + int(query["limit"][0]), self.total))
        row = {"version": 3, "lastModifiedAt": self.at, "filler": "x" * 2_000}
        return [row | {"id": f"order-{number:06d}"} for number in numbers]


def test_many_changes_are_walked_in_slices_with_flat_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """All changed at the same moment, each run cut off after a page. The long form: POLL_WALK=250000, -p no:logging."""
    upstream, total = Endless(), int(os.environ.get("POLL_WALK", "5000"))
    upstream.at = moment(ago(minutes=30))
    project = make_polling(upstream, "orders")
    monkeypatch.setattr(polling, "RUN_SECONDS", 0.0)
    peaks = []
    for upstream.total in (total // 5, total):
        Receipt.objects.all().delete()
        Project.objects.update(poll_cursors={})
        tracemalloc.start()
        poll_project(project.pk)
        while Project.objects.get().poll_cursors["orders"][1]:
            poll_project(project.pk)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert Receipt.objects.count() == upstream.total
    print(f"peaks of {total // 5} and {total} orders: {[round(peak / 1e6, 1) for peak in peaks]} MB")
    upstream.server.shutdown()
    assert len(upstream.asked) >= total / 200
    assert peaks[1] < peaks[0] * 1.5
