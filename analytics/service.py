"""How well we ourselves do: how fast news travels, what repeats cost nothing, what differed when sides were compared.

    Receipt, Write, Run ─ count_day ─> ServiceDay, per day (UTC) and connection ─ measure_service ─> figures

A day is counted as a whole, again and again while it lasts and once after its end. These figures are of connections,
not of stores: where stores are chosen, of the connections that serve them (``connections.py``).
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Count, DurationField, ExpressionWrapper, F, Min, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.connections import ALL, Connections
from analytics.kpi import KPI, Figure, Words, share_of
from analytics.models import ServiceDay
from analytics.statistics import Z, wilson
from analytics.totals import Totals, start_of
from tracking.enums import ReceiptEffect, RunKind, Source
from tracking.models import Receipt, Run, Write
from tracking.services.reconcile import CHECKED, Drift

BOUNDS = (1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 14_400, 86_400)  # seconds; what took longer is in one more bucket
WRITES, DRIFT, COMPARED = "writes", "drift", "compared"  # measures besides the effects
LAG_TO_US, LAG_TO_COMMERCETOOLS = "lag_to_us", "lag_to_commercetools"
COUNTED = "counted"  # when a day was counted, in Unix seconds, as a row of its own
FRESH = timedelta(minutes=5)
Row = tuple[str, str, int, int]  # upstream, measure, bucket, number


def count_recent(now: datetime | None = None) -> None:
    """Today so far, and yesterday once more where that was counted while it lasted. Cheap to call often."""
    now = now or timezone.now()
    counted = dict(ServiceDay.objects.filter(measure=COUNTED).values_list("day", "number"))
    for day in (now.date() - timedelta(days=1), now.date()):
        at = counted.get(day)
        ended = int(datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC).timestamp())
        if at is None or (at < ended and now.timestamp() - at > FRESH.total_seconds()):
            count_day(day, now)


@transaction.atomic
def count_day(day: date, now: datetime | None = None) -> None:
    """Make the rows of one day anew from what is stored of it. Of what is no longer stored, they stay as they are."""
    since = datetime.combine(day, datetime.min.time(), UTC)
    period = (since, since + timedelta(days=1))
    made = {name: rows(period) for name, rows in ORIGINS.items()}
    gone = [measure for name, rows in made.items() if not rows for measure in MEASURES[name]]
    ServiceDay.objects.filter(day=day).exclude(measure__in=gone).delete()
    ServiceDay.objects.bulk_create(
        ServiceDay(day=day, upstream=upstream, measure=measure, bucket=bucket, number=number)
        for upstream, measure, bucket, number in [
            *(row for rows in made.values() for row in rows),
            ("", COUNTED, 0, int((now or timezone.now()).timestamp())),
        ]
    )


def next_day(after: date) -> date | None:
    """The first day after this one that anything is stored of, for a rebuild."""
    since = datetime.combine(after + timedelta(days=1), datetime.min.time(), UTC)
    moments = [
        Receipt.objects.filter(source=Source.AFTERSHIP, received_at__gte=since).aggregate(at=Min("received_at"))["at"],
        Write.objects.filter(written_at__gte=since).aggregate(at=Min("written_at"))["at"],
        Run.objects.filter(kind=RunKind.RECONCILE, finished_at__gte=since).aggregate(at=Min("finished_at"))["at"],
    ]
    found = min((moment for moment in moments if moment), default=None)
    return found.astimezone(UTC).date() if found else None


def receipts(period: tuple[datetime, datetime]) -> list[Row]:
    """AfterShip's webhooks by what they changed, and how long the news among them were on their way to us."""
    first, end = period
    rows = Receipt.objects.filter(source=Source.AFTERSHIP, received_at__gte=first, received_at__lt=end)
    found: list[Row] = []
    for endpoint, effect, number in (
        rows.exclude(effect="").order_by().values_list("endpoint", "effect").annotate(n=Count("pk"))
    ):
        found.append((f"aftership:{endpoint}", effect, 0, number))
    fresh = rows.filter(effect__in=[ReceiptEffect.CHANGED, ReceiptEffect.UNWRITTEN], event_at__isnull=False)
    return found + lags(fresh, "aftership", "endpoint", LAG_TO_US, F("received_at") - F("event_at"))


def writes(period: tuple[datetime, datetime]) -> list[Row]:
    """Writes to commercetools, and how long after our knowing of the news they were taken."""
    first, end = period
    rows = Write.objects.filter(written_at__gte=first, written_at__lt=end)
    numbers = rows.order_by().values_list("order__project__key").annotate(n=Count("pk"))
    found: list[Row] = [(f"commercetools:{key}", WRITES, 0, number) for key, number in numbers]
    with_news, lag = rows.filter(news_at__isnull=False), F("written_at") - F("news_at")
    return found + lags(with_news, "commercetools", "order__project__key", LAG_TO_COMMERCETOOLS, lag)


def lags(rows: QuerySet[Receipt] | QuerySet[Write], source: str, key: str, measure: str, lag: object) -> list[Row]:
    """How many of each connection took how long: counted by the database, one row per bucket that has any."""
    bounds = {f"le_{bound}": Count("pk", filter=Q(lag__lte=timedelta(seconds=bound))) for bound in BOUNDS}
    groups = rows.annotate(lag=ExpressionWrapper(lag, DurationField())).order_by().values(key)
    found = []
    for group in groups.annotate(n=Count("pk"), **bounds):
        before = 0
        for bucket, up_to in enumerate([*(group[name] for name in bounds), group["n"]]):
            if up_to > before:
                found.append((f"{source}:{group[key]}", measure, bucket, up_to - before))
            before = up_to
    return found


def comparisons(period: tuple[datetime, datetime]) -> list[Row]:
    """What nightly and other reconciliations compared, and found to differ."""
    found = []
    runs = Run.objects.filter(kind=RunKind.RECONCILE, finished_at__gte=period[0], finished_at__lt=period[1])
    numbers: Counter[tuple[str, str]] = Counter()
    for run in runs:
        numbers[run.subject, COMPARED] += run.counts.get(CHECKED, 0)
        numbers[run.subject, DRIFT] += sum(run.counts.get(drift, 0) for drift in Drift)
    for (subject, measure), number in numbers.items():
        if number:
            found.append((subject, measure, 0, number))
    return found


ORIGINS = {"receipts": receipts, "writes": writes, "comparisons": comparisons}
MEASURES = {
    "receipts": [*ReceiptEffect.values, LAG_TO_US],
    "writes": [WRITES, LAG_TO_COMMERCETOOLS],
    "comparisons": [COMPARED, DRIFT],
}


# ── figures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class ServiceTotals(Totals):
    """Sums of ServiceDay: ``counts`` by measure, ``lags`` by measure and bucket; ``shared`` are counts of all
    connections that hang together with those asked for.
    """

    def __init__(self, as_of: date) -> None:
        super().__init__(as_of)
        self.lags: dict[str, Counter[int]] = {LAG_TO_US: Counter(), LAG_TO_COMMERCETOOLS: Counter()}
        self.shared: Counter[str] = Counter()

    def add(self, measure: str, bucket: int, number: int) -> None:
        """Add what a connection that is asked for did."""
        if measure in self.lags:
            self.lags[measure][bucket] += number
        else:
            self.counts[measure] += number


def service_totals(first: date, last: date, connections: Connections, by: str) -> dict[str, ServiceTotals]:
    """Sums by day, week or month; without ``by`` one group, "". One query."""
    columns = ("day", "upstream", "measure", "bucket") if by else ("upstream", "measure", "bucket")
    rows = ServiceDay.objects.filter(day__gte=first, day__lte=last).exclude(measure=COUNTED).order_by()
    found: dict[str, ServiceTotals] = {} if by else {"": ServiceTotals(last)}
    for *day, upstream, measure, bucket, number in rows.values_list(*columns).annotate(n=Sum("number")):
        sums = found.setdefault(start_of(by, day[0]).isoformat() if by else "", ServiceTotals(last))
        if connections.family is None or upstream in connections.family:
            sums.shared[measure] += number
        if connections.mine is None or upstream in connections.mine:
            sums.add(measure, bucket, number)
    return found


def measure_service(first: date, last: date, connections: Connections = ALL) -> dict[str, Figure]:
    """The figures of our service in these days (UTC), by key of SERVICE_KPIS, as last counted. One query."""
    return service_by(first, last, connections, "")[""]


def service_by(first: date, last: date, connections: Connections, by: str) -> dict[str, dict[str, Figure]]:
    """The same by "day", "week" or "month", told by its first day."""
    found = service_totals(first, last, connections, by)
    return {group: {kpi.key: kpi.compute(sums) for kpi in SERVICE_KPIS.values()} for group, sums in found.items()}


def lag_at(buckets: Counter[int], share: float) -> float | None:
    """Seconds within which this share was done, interpolated; None without any, or where it took more than a day."""
    total, seen = sum(buckets.values()), 0
    for bucket, (start, end) in enumerate(zip((0, *BOUNDS), BOUNDS, strict=False)):
        if buckets[bucket] and seen + buckets[bucket] >= share * total:
            return start + (end - start) * (share * total - seen) / buckets[bucket]
        seen += buckets[bucket]
    return None


def lag_kpi(key: str, title: Words, measure: str, share: float, definition: Words) -> KPI:
    """The KPI of a lag's percentile, in seconds, from its buckets of each day."""

    def compute(totals: ServiceTotals) -> Figure:
        buckets = totals.lags[measure]
        number = sum(buckets.values())
        error = Z * math.sqrt(share * (1 - share) / number) if number else 0
        low, high = lag_at(buckets, max(share - error, 0)), lag_at(buckets, min(share + error, 1))
        return Figure(lag_at(buckets, share), number, number, low, high)

    return KPI(
        key=key,
        title=title,
        unit="seconds",
        section="service",
        better="less",
        definition=definition,
        numerator=_("news that were in time"),
        denominator=_("all news"),
        sample=_("news"),
        compute=compute,  # type: ignore[arg-type]
    )


def events(counts: Counter[str]) -> int:
    return sum(counts[effect] for effect in ReceiptEffect.values)


def without_effect(totals: Totals) -> Figure:
    names = (ReceiptEffect.REPEATED, ReceiptEffect.LATE)
    parts = {name.value: totals.counts[name.value] for name in names}
    return share_of(sum(parts.values()), events(totals.counts), **parts)


def writes_avoided(totals: ServiceTotals) -> Figure:
    """Of all connections that hang together: webhooks come to accounts, writes go to projects."""
    number = max(events(totals.shared) - totals.shared[WRITES], 0)
    return share_of(number, events(totals.shared), writes=totals.shared[WRITES])


def drift(totals: Totals) -> Figure:
    found, whole = totals.counts[DRIFT], totals.counts[COMPARED]
    low, high = wilson(found, whole) or (None, None) if found <= whole else (None, None)
    ends = [10_000 * end if end is not None else None for end in (low, high)]
    return Figure(10_000 * found / whole if whole else None, found, whole, *ends)


def service_kpi(
    key: str, title: Words, unit: str, compute: object, better: str, words: tuple[Words, Words, Words]
) -> KPI:
    """A KPI of our own service; ``words`` are its definition, numerator and denominator."""
    return KPI(
        key=key,
        title=title,
        unit=unit,
        section="service",
        better=better,
        definition=words[0],
        numerator=words[1],
        denominator=words[2],
        sample=_("events"),
        compute=compute,  # type: ignore[arg-type]
    )


TO_US = _("From AfterShip's change of a tracking to our knowing of it: their part. Repeats and late news do not count.")
TO_COMMERCETOOLS = _("From our knowing of the newest news in a write to commercetools' having taken it: our part.")
EVENTS = _("webhooks of AfterShip that were applied")
SERVICE_KPIS: dict[str, KPI] = {
    kpi.key: kpi
    for kpi in (
        *(
            lag_kpi(
                f"{measure}_p{round(share * 100)}",
                _("%(title)s, P%(percent)d") % {"title": title, "percent": round(share * 100)},
                measure, share, words,
            )
            for measure, title, words in (
                (LAG_TO_US, _("AfterShip to us"), TO_US),
                (LAG_TO_COMMERCETOOLS, _("Us to commercetools"), TO_COMMERCETOOLS),
            )
            for share in (0.5, 0.95, 0.99)
        ),
        service_kpi(
            "without_effect", _("Repeats suppressed"), "share", without_effect, "",
            (_("Webhooks that said what was known already, or came after newer ones: they changed nothing."),
             _("webhooks without effect"), EVENTS),
        ),
        service_kpi(
            "writes_avoided", _("Writes avoided"), "share", writes_avoided, "more",
            (_("Webhooks that needed no write of their own: nothing that we write changed, or several became one."),
             _("webhooks less writes to commercetools"), EVENTS),
        ),
        service_kpi(
            "drift", _("Drift"), "per_10_000", drift, "less",
            (_("Differences that reconciliation found between commercetools, our rows and AfterShip."),
             _("differences"), _("parcels and trackings compared")),
        ),
    )
}  # fmt: skip
