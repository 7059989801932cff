"""Our rows → Prometheus metrics, in about twenty small queries per scrape. What each means: docs/operating.md.

The two clocks are histograms over the last hour, not since the start of a process: no ``rate()`` on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Q, QuerySet, Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from stores.models import AfterShipAccount, Project
from tracking.enums import JobKind, MessageState, ReceiptState, Source
from tracking.models import Attempt, Heartbeat, Job, Message, Parcel, Problem, Receipt, Refusal, Tracking
from tracking.services import backlog, connections
from tracking.services.jobs import due_jobs

RECENT = timedelta(minutes=5)
CLOCK_WINDOW = timedelta(hours=1)
DAY = timedelta(days=1)
BUCKETS = (1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 14_400, 86_400)
UNKNOWN = float("nan")


class TrackbridgeCollector(Collector):
    """Reads everything anew for each scrape. Raises django.db.Error where the database is away."""

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: registering asks the database nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        yield from receipts(now)
        yield from jobs(now)
        yield from upstreams(now)
        yield from people(now)
        yield from messages(now)
        yield from clocks(now)
        yield from processes(now)


def receipts(now: datetime) -> Iterator[Metric]:
    yield counted(
        "receipts_waiting", "Receipts that are not taken in yet.", Receipt.objects.filter(state=ReceiptState.PENDING),
        source=Source.values,
    )  # fmt: skip
    yield counted(
        "receipts_quarantined", "Receipts that could not be read.",
        Receipt.objects.filter(state=ReceiptState.QUARANTINED), source=Source.values,
    )  # fmt: skip
    recent = Receipt.objects.filter(received_at__gte=now - RECENT)
    yield counted("receipts_recent", "Receipts of the last 5 minutes, by state.", recent, source=None, state=None)
    yield from waits("receipts", backlog.receipts(), now)


def jobs(now: datetime) -> Iterator[Metric]:
    dead = Job.objects.filter(dead_at__isnull=False)
    yield counted("jobs_due", "Jobs that wait for a worker.", due_jobs(now), kind=JobKind.values)
    yield counted("jobs_dead", "Dead letters.", dead, kind=JobKind.values)
    due = backlog.jobs(connections.closed_upstreams())
    yield GaugeMetricFamily("trackbridge_jobs_held_back", "Due jobs of paused connections.", due.held_back)
    yield from waits("jobs", due, now)


def waits(what: str, waiting: backlog.Backlog, now: datetime) -> Iterator[Metric]:
    age = max(0.0, (now - waiting.oldest_at).total_seconds()) if waiting.oldest_at else 0.0
    yield GaugeMetricFamily(f"trackbridge_{what}_oldest_seconds", f"Age of the oldest of the waiting {what}.", age)
    left = waiting.drained_in_seconds
    yield GaugeMetricFamily(
        f"trackbridge_{what}_drained_in_seconds",
        f"How long the waiting {what} take at the pace of the last 5 minutes; NaN if nothing moved.",
        UNKNOWN if left is None else left,
    )


def upstreams(now: datetime) -> Iterator[Metric]:
    """Calls of the last minutes, pauses and clock skew, per connection."""
    recent = Attempt.objects.filter(started_at__gte=now - RECENT)
    yield counted("attempts_recent", "Upstream calls of the last 5 minutes.", recent, upstream=None, outcome=None)
    paused = GaugeMetricFamily(
        "trackbridge_connection_paused", "1 while it refuses us or is down.", labels=["upstream"]
    )
    for model in (Project, AfterShipAccount):
        for one in model.objects.filter(is_active=True).only("key", "pause_seconds").order_by("key"):
            paused.add_metric([connections.upstream_key(one)], float(one.pause_seconds > 0))
    yield paused
    skewed = GaugeMetricFamily(
        "trackbridge_upstream_clock_skew_seconds", "How far its clock is ahead of ours.", labels=["upstream"]
    )
    for key, skew in connections.clock_skews().items():
        skewed.add_metric([key], skew)
    yield skewed


def people(now: datetime) -> Iterator[Metric]:
    yield counted("problems_open", "Open problems.", Problem.objects.filter(closed_at=None), kind=None)
    unrouted = backlog.unrouted()
    age = max(0.0, (now - unrouted.oldest_at).total_seconds()) if unrouted.oldest_at else 0.0
    yield GaugeMetricFamily("trackbridge_unrouted_parcels", "Parcels that no rule takes.", unrouted.number)
    yield GaugeMetricFamily("trackbridge_unrouted_oldest_seconds", "Age of the oldest of them; alarm at 900.", age)
    refusals = CounterMetricFamily(
        "trackbridge_refusals", "Requests turned away at the door.", labels=["source", "reason"]
    )
    for row in Refusal.objects.order_by("source", "reason").values("source", "reason").annotate(n=Sum("count")):
        refusals.add_metric([row["source"], row["reason"]], row["n"])
    yield refusals


def messages(now: datetime) -> Iterator[Metric]:
    recent = Message.objects.filter(created_at__gte=now - DAY)
    yield counted(
        "messages_day",
        "Messages to shoppers that were planned in the last 24 hours.",
        recent,
        state=MessageState.values,
    )
    waiting = Message.objects.filter(state=MessageState.PLANNED, due_at__lte=now)
    yield GaugeMetricFamily("trackbridge_messages_due", "Messages that could be sent now.", waiting.count())


def clocks(now: datetime) -> Iterator[Metric]:
    """How long news takes on its two ways, as histograms in seconds."""
    since = now - CLOCK_WINDOW
    yield histogram(
        "event_to_us_seconds",
        "From AfterShip's change to our knowing of it; parcels that changed in the last hour.",
        Tracking.objects.filter(received_at__gte=since, updated_at__isnull=False),
        F("received_at") - F("updated_at"),
    )
    yield histogram(
        "us_to_commercetools_seconds",
        "From our knowing of a change to commercetools' taking it; parcels written in the last hour.",
        Parcel.objects.filter(written_at__gte=since, tracking__received_at__lte=F("written_at")),
        F("written_at") - F("tracking__received_at"),
    )


def processes(now: datetime) -> Iterator[Metric]:
    beat = Heartbeat.objects.aggregate(at=Max("at"))["at"]
    age = (now - beat).total_seconds() if beat else UNKNOWN
    yield GaugeMetricFamily("trackbridge_worker_beat_seconds", "Since a worker last gave a sign; NaN: never.", age)
    skew = backlog.clock_skew_seconds()
    yield GaugeMetricFamily("trackbridge_clock_skew_seconds", "How far the database's clock is ahead of ours.", skew)


def counted(name: str, words: str, rows: QuerySet[Any], **labels: list[str] | None) -> Metric:
    """Rows by these columns, in one query. A column with known values has a sample for each of them, also for none."""
    family = GaugeMetricFamily(f"trackbridge_{name}", words, labels=list(labels))
    numbers = {
        tuple(str(row[label]) for label in labels): row["n"]
        for row in rows.order_by(*labels).values(*labels).annotate(n=Count("pk"))
    }
    known = [(value,) for values in labels.values() for value in values or []] if len(labels) == 1 else []
    for values in [*known, *(values for values in numbers if values not in known)]:
        family.add_metric(values, numbers.get(values, 0))
    return family


def histogram(name: str, words: str, rows: QuerySet[Any], lag: Any) -> Metric:
    """How long something took, counted into buckets by the database in one query."""
    counts = {f"le_{bound}": Count("pk", filter=Q(lag__lte=timedelta(seconds=bound))) for bound in BUCKETS}
    found = rows.annotate(lag=ExpressionWrapper(lag, DurationField())).aggregate(
        n=Count("pk"), total=Sum("lag"), **counts
    )
    family = HistogramMetricFamily(f"trackbridge_{name}", words)
    buckets = [(str(float(bound)), float(found[f"le_{bound}"])) for bound in BUCKETS]
    total = found["total"].total_seconds() if found["total"] else 0.0
    family.add_metric([], [*buckets, ("+Inf", float(found["n"]))], sum_value=total)
    return family
