"""/metrics: who may read it, that its figures are the rows', and that Prometheus can read it."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from config import metrics
from tests import factories as make
from tests.ages import aged
from tracking.enums import JobKind, ProblemKind, ReceiptState, Source
from tracking.models import Heartbeat, Parcel, Refusal, Tracking
from tracking.services import backlog

pytestmark = pytest.mark.django_db
TOKEN = "scrape-me-0123456789"
MOST_QUERIES = 24


def ago(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


def scrape(client: Client) -> dict[str, float]:
    """Samples as ``name{label="value"}`` → value."""
    response = client.get("/metrics")
    assert response.status_code == 200
    return {
        sample.name + "".join(f"{{{name}={value}}}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


# ── who may read it ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "100.64.0.1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "", "unix:", "?"]
)
def test_stranger_is_refused_and_learns_nothing(client: Client, address: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = client.get("/metrics", REMOTE_ADDR=address)
    assert (response.status_code, response.content, len(queries)) == (403, b"Not allowed.\n", 0)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.7.8", "::1", "fd00::5", "::ffff:10.1.2.3", "fe80::1%eth0"]
)
def test_neighbour_reads_it_by_address_and_without_tls(client: Client, settings: Any, address: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    response = client.get("/metrics", REMOTE_ADDR=address, headers={"host": "10.1.2.4:8000"})
    assert response.status_code == 200


@pytest.mark.parametrize("header", metrics.PROXY_HEADERS)
def test_proxy_is_not_a_neighbour(client: Client, header: str) -> None:
    assert client.get("/metrics", headers={header: "8.8.8.8"}).status_code == 403


@pytest.mark.parametrize(
    "proof", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}é"]
)
def test_with_a_token_set_nobody_comes_in_without_it(client: Client, settings: Any, proof: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert client.get("/metrics", headers={"authorization": proof}).status_code == 403


def test_token_opens_from_anywhere(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    headers = {"authorization": f"Bearer {TOKEN}", "x-forwarded-for": "8.8.8.8"}
    assert client.get("/metrics", REMOTE_ADDR="8.8.8.8", headers=headers).status_code == 200


def test_without_the_database_it_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection to 10.1.2.3 failed: password swordfish")

    monkeypatch.setattr(backlog, "receipts", refuse)
    response = client.get("/metrics")
    assert (response.status_code, response.content) == (503, b"The database is away.\n")


def test_it_is_only_read_and_never_cached(client: Client) -> None:
    assert client.post("/metrics").status_code == 405
    assert client.get("/metrics").headers["Cache-Control"] == "no-store"


# ── what it says ─────────────────────────────────────────────────────────────────────────────────────────────────────


def fill() -> None:
    """Something for every metric."""
    make.make_project(key="demo", pause_seconds=60)
    make.make_account(key="main", clock_skew_seconds=-42.5)
    make.make_receipt(state=ReceiptState.PENDING, received_at=ago(40), processed_at=None)
    make.make_receipt(
        state=ReceiptState.QUARANTINED, source=Source.COMMERCETOOLS, received_at=ago(9000), processed_at=None
    )
    for _ in range(3):
        make.make_receipt()
    make.make_job(next_attempt_at=ago(20), upstream="aftership:main")
    make.make_job(next_attempt_at=ago(20), upstream="commercetools:demo")
    make.make_dead_letter(kind=JobKind.PUSH)
    make.make_attempt(make.make_job(done=1))
    make.make_attempt(make.make_job(done=1), outcome="retry", upstream="aftership:main")
    make.make_attempt(make.make_job(done=1), started_at=ago(900))
    make.make_problem()
    Refusal.objects.create(source="aftership", endpoint="main", reason="signature_wrong", day=ago(0).date(), count=7)
    Refusal.objects.create(source="aftership", endpoint="", reason="signature_wrong", day=ago(90_000).date(), count=4)
    Heartbeat.objects.create(name="pump", at=ago(12))


def test_counts_are_those_of_the_rows(client: Client) -> None:
    fill()
    said = scrape(client)
    assert said["trackbridge_receipts_waiting{source=aftership}"] == 1
    assert said["trackbridge_receipts_waiting{source=commercetools}"] == 0
    assert said["trackbridge_receipts_quarantined{source=commercetools}"] == 1
    assert said["trackbridge_receipts_recent{source=aftership}{state=done}"] == 3
    assert said["trackbridge_receipts_oldest_seconds"] == aged(40)
    assert said["trackbridge_receipts_drained_in_seconds"] == 1 / 3 * 300
    assert said["trackbridge_jobs_due{kind=write_back}"] == 2
    assert said["trackbridge_jobs_held_back"] == 1
    assert said["trackbridge_jobs_dead{kind=push}"] == 1
    assert said["trackbridge_jobs_drained_in_seconds"] == 300
    assert said["trackbridge_attempts_recent{outcome=ok}{upstream=commercetools:demo}"] == 1
    assert said["trackbridge_attempts_recent{outcome=retry}{upstream=aftership:main}"] == 1
    assert said[f"trackbridge_problems_open{{kind={ProblemKind.UNMAPPED_CARRIER}}}"] == 1
    assert said["trackbridge_connection_paused{upstream=commercetools:demo}"] == 1
    assert said["trackbridge_connection_paused{upstream=aftership:main}"] == 0
    assert said["trackbridge_upstream_clock_skew_seconds{upstream=aftership:main}"] == -42.5
    assert said["trackbridge_refusals_total{reason=signature_wrong}{source=aftership}"] == 11
    assert said["trackbridge_worker_beat_seconds"] == aged(12)
    assert said["trackbridge_clock_skew_seconds"] == pytest.approx(0, abs=4)


def test_empty_database_has_zeros_and_unknowns(client: Client) -> None:
    said = scrape(client)
    assert said["trackbridge_jobs_dead{kind=write_back}"] == said["trackbridge_receipts_drained_in_seconds"] == 0
    assert said["trackbridge_event_to_us_seconds_count"] == 0
    assert math.isnan(said["trackbridge_worker_beat_seconds"])


def test_backlog_that_does_not_move_takes_nobody_knows_how_long(client: Client) -> None:
    make.make_receipt(state=ReceiptState.PENDING, processed_at=None)
    assert math.isnan(scrape(client)["trackbridge_receipts_drained_in_seconds"])


def test_first_clock_is_from_aftership_to_us(client: Client) -> None:
    now = timezone.now()
    for updated, received in ((103, 100), (140, 100), (9000, 5000), (None, 100)):
        updated_at = now - timedelta(seconds=updated) if updated else None
        make.make_tracking(updated_at=updated_at, received_at=now - timedelta(seconds=received))
    said = scrape(client)
    assert said["trackbridge_event_to_us_seconds_bucket{le=2.0}"] == 0
    assert said["trackbridge_event_to_us_seconds_bucket{le=5.0}"] == 1
    assert said["trackbridge_event_to_us_seconds_bucket{le=60.0}"] == 2
    assert said["trackbridge_event_to_us_seconds_count"] == said["trackbridge_event_to_us_seconds_bucket{le=+Inf}"] == 2
    assert said["trackbridge_event_to_us_seconds_sum"] == pytest.approx(43, abs=0.1)


def test_second_clock_is_from_us_to_commercetools_and_leaves_out_what_is_not_written_yet(client: Client) -> None:
    now = timezone.now()
    for received, written in ((50, 48), (50, 20), (10, 30), (9000, 8000)):
        tracking = make.make_tracking(received_at=now - timedelta(seconds=received))
        make.make_parcel(tracking=tracking, written_at=now - timedelta(seconds=written))
    make.make_parcel(tracking=make.make_tracking(received_at=ago(10)))
    said = scrape(client)
    assert said["trackbridge_us_to_commercetools_seconds_count"] == 2
    assert said["trackbridge_us_to_commercetools_seconds_bucket{le=5.0}"] == 1
    assert said["trackbridge_us_to_commercetools_seconds_sum"] == pytest.approx(32, abs=0.1)


# ── that it can be read, and costs little ────────────────────────────────────────────────────────────────────────────


def test_openmetrics_is_spoken_where_it_is_asked_for(client: Client) -> None:
    fill()
    response = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    families = list(openmetrics_parser.text_string_to_metric_families(response.content.decode()))
    assert {family.type for family in families} == {"gauge", "counter", "histogram"}


def test_every_family_has_words_one_type_and_our_prefix(client: Client) -> None:
    fill()
    families = list(text_string_to_metric_families(client.get("/metrics").content.decode()))
    assert [one.name for one in families if not one.documentation or not one.name.startswith("trackbridge_")] == []
    assert len({one.name for one in families}) == len(families) >= 18


@pytest.mark.sqlite
def test_scrape_costs_the_same_queries_whatever_there_is(client: Client) -> None:
    with CaptureQueriesContext(connection) as empty:
        client.get("/metrics")
    for _ in range(3):
        make.make_parcel(tracking=make.make_tracking(received_at=ago(5)), written_at=ago(1))
        make.make_dead_letter()
        make.make_receipt()
        make.make_attempt()
    with CaptureQueriesContext(connection) as full:
        client.get("/metrics")
    assert len(empty) == len(full) <= MOST_QUERIES


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the planner of production")
@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (lambda: Tracking.objects.filter(received_at__gte=ago(3600)), "tracking_received"),
        (lambda: Parcel.objects.filter(written_at__gte=ago(3600)), "parcel_written"),
    ],
)
def test_clocks_are_read_by_their_index(rows: Any, index: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert index in rows().explain()
