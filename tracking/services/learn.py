"""Each night: what is usual, from parcels that came to their end. A Run, day by day; safe to repeat and to interrupt.

    parcels that ended on a day ─> time to the first scan, longest wait between two scans ─> WaitDay (replaced whole)
    WaitDay of the last WINDOW ─> added up per courier and destination, per courier, over all ─> Usual

Of each parcel the *longest* wait counts, not every wait: so 95 % of parcels never reach their limit, and 5 % do.
Parcels that ended without arriving (expired, lost) count with the wait in which they ended.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from config.correlation import new_correlation_id
from tracking.enums import FINISHED, JobKind, Measure, ParcelStatus, RunKind
from tracking.models import Checkpoint, Parcel, Run, Tracking, Usual, WaitDay
from tracking.services import jobs, runs, waits
from tracking.services.calendars import working_hours

UPSTREAM = "trackbridge:watch"  # no connection of that name: no pause holds it up
LEARN = "learn"
WINDOW = timedelta(days=90)
PAGE = 500
RUN_SECONDS = 10.0  # with one day more it is well within the lease of a job
NEVER_ARRIVED = {ParcelStatus.EXPIRED, ParcelStatus.LOST}


def want() -> None:
    """Wish to learn what the days since the last time teach."""
    jobs.want([jobs.Wish(JobKind.WATCH, LEARN, UPSTREAM, new_correlation_id(), jobs.BACKFILL)])


def run_wanted() -> None:
    """The job's handler. Goes on where it stood; what is left after a while is wished for again."""
    if not runs.go_for(begin(timezone.now()), walk, RUN_SECONDS):
        want()


def begin(now: datetime) -> Run:
    """The run that was interrupted, or a new one: from the day learned last (it may have been cut off) to yesterday."""
    if unfinished := runs.open_run(RunKind.LEARN, LEARN):
        return unfinished
    today = now.astimezone(UTC).date()
    last = WaitDay.objects.aggregate(day=Max("day"))["day"] or today - WINDOW
    days = [last + timedelta(days=n) for n in range((today - last).days)]
    return runs.begin(RunKind.LEARN, LEARN, {"days": [day.isoformat() for day in days]})


def walk(run: Run) -> Iterator[None]:
    """Learn day by day; then say what is usual."""
    counts, days = Counter(run.counts), run.parameters["days"]
    for number in range(run.cursor.get("days", 0), len(days)):
        counts["parcels"] += learn_day(date.fromisoformat(days[number]))
        runs.note(run, {"days": number + 1}, counts)
        yield
    counts["lanes"] = say_what_is_usual(timezone.now())
    runs.note(run, run.cursor, counts)
    runs.finish(run)
    yield


@dataclass
class Learned:
    """Histograms of one day, by lane."""

    counts: dict[waits.Lane, list[int]] = field(default_factory=lambda: defaultdict(waits.empty))

    def add(self, measure: str, courier: str, country: str, hours: float) -> None:
        waits.count(self.counts[(str(measure), courier, country)], hours)


def learn_day(day: date) -> int:
    """Learn the parcels that came to their end on that day; returns how many. Replaces what was learned of it."""
    learned, number = Learned(), 0
    for page in pages(ended_on(day)):
        learn_page(learned, page)
        number += len(page)
    rows = [
        WaitDay(measure=measure, courier=courier, country=country, day=day, counts=counts)
        for (measure, courier, country), counts in sorted(learned.counts.items())
    ]
    with transaction.atomic():
        WaitDay.objects.filter(day=day).delete()
        WaitDay.objects.bulk_create(rows, batch_size=PAGE, ignore_conflicts=True)
    return number


def ended_on(day: date) -> QuerySet[Tracking]:
    start = datetime.combine(day, time(), UTC)
    ended = Tracking.objects.filter(status__in=FINISHED - {ParcelStatus.CANCELLED}, is_fenced=False)
    return ended.filter(status_changed_at__gte=start, status_changed_at__lt=start + timedelta(days=1))


def pages(rows: QuerySet[Tracking]) -> Iterator[list[Tracking]]:
    """Pages by time and key: no offset, and no more than one in memory."""
    fields = ("pk", "courier", "status", "opened_at", "first_scan_at", "last_news_at", "status_changed_at")
    rows, last = rows.only(*fields).order_by("status_changed_at", "pk"), None
    while page := list((after(rows, last) if last else rows)[:PAGE]):
        yield page
        last = page[-1]


def after(rows: QuerySet[Tracking], last: Tracking) -> QuerySet[Tracking]:
    later = rows.filter(status_changed_at__gt=last.status_changed_at)
    return later | rows.filter(status_changed_at=last.status_changed_at, pk__gt=last.pk)


def learn_page(learned: Learned, page: Collection[Tracking]) -> None:
    countries, scans = countries_of(page), scans_of(page)
    for tracking in page:
        country = countries.get(tracking.pk, "")
        if tracking.courier:
            learn_one(learned, tracking, country, scans.get(tracking.pk, []))


def learn_one(learned: Learned, tracking: Tracking, country: str, scans: list[datetime]) -> None:
    """What one parcel teaches. One that we opened after its first scan teaches nothing about that."""
    is_gone = tracking.status in NEVER_ARRIVED
    first = tracking.first_scan_at or (tracking.status_changed_at if is_gone else None)
    if tracking.opened_at and first and first > tracking.opened_at:
        learned.add(Measure.FIRST_SCAN, tracking.courier, country, working_hours(tracking.opened_at, first, country))
    moments = [at for at in scans if tracking.first_scan_at and at >= tracking.first_scan_at]
    if is_gone and moments and tracking.status_changed_at:
        moments.append(tracking.status_changed_at)
    if len(moments) > 1:
        gaps = (working_hours(one, other, country) for one, other in pairwise(moments))
        learned.add(Measure.LONGEST_GAP, tracking.courier, country, max(gaps))


def countries_of(page: Collection[Tracking]) -> dict[str, str]:
    """Where each goes: the destination of the first order that shows it."""
    rows = Parcel.objects.filter(tracking__in=page).order_by("-pk")
    return dict(rows.values_list("tracking_id", "order__destination_country"))


def scans_of(page: Collection[Tracking]) -> dict[str, list[datetime]]:
    """Times of each tracking's scans, in order; those of an earlier use of the number count for nothing."""
    found: dict[str, list[datetime]] = defaultdict(list)
    rows = Checkpoint.objects.filter(tracking__in=page, sort_at__isnull=False, is_fenced=False).order_by("sort_at")
    for tracking_id, at in rows.values_list("tracking_id", "sort_at"):
        found[tracking_id].append(at)
    return found


def say_what_is_usual(now: datetime) -> int:
    """Add the window up and replace what counts as usual; returns how many lanes have enough parcels."""
    since = (now - WINDOW).date()
    WaitDay.objects.filter(day__lt=since).delete()
    sums: dict[waits.Lane, list[int]] = defaultdict(waits.empty)
    rows: Any = WaitDay.objects.values_list("measure", "courier", "country", "counts").iterator(chunk_size=2_000)
    for measure, courier, country, counts in rows:
        for lane in {(measure, courier, country), (measure, courier, ""), (measure, "", "")}:
            sums[lane] = waits.added(sums[lane], counts)
    usual = [usual_of(lane, counts, now) for lane, counts in sums.items() if sum(counts) >= waits.LEAST_SAMPLE]
    with transaction.atomic():
        Usual.objects.all().delete()
        Usual.objects.bulk_create(usual, batch_size=PAGE, ignore_conflicts=True)
    return len(usual)


def usual_of(lane: waits.Lane, counts: list[int], now: datetime) -> Usual:
    measure, courier, country = lane
    return Usual(
        measure=measure,
        courier=courier,
        country=country,
        sample=sum(counts),
        p50_hours=waits.within(counts, 0.5),
        p95_hours=waits.within(counts, 0.95),
        learned_at=now,
    )
