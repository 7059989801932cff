"""All figures from the rows, whatever they hold now: a walk in two parts that may stop and go on at any moment.

    facts   parcels page by page ─ refresh ─> facts, and sums moved by the difference
    days    each day's sums anew from its facts, replaced as a whole: what drifted is counted and mended

Both parts work under the lock of ``refresh``, page by page, so live changes are counted in between. Memory: one page of
parcels, or one day of facts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from analytics import refresh
from analytics.counted import Sums
from analytics.facts import VERSION
from analytics.models import DayBucket, DayCount, FigureState, ParcelFact
from analytics.names import COUNTS, Cohort
from analytics.roll_ups import add
from tracking.enums import RunKind
from tracking.models import Parcel, Run
from tracking.services import runs
from tracking.services.changes import wish_again
from tracking.services.story import tell

SUBJECT = "figures"
PAGE = 1_000
DAY_FIELDS = {Cohort.HANDOVER: "ready_day", Cohort.FIRST_SCAN: "scan_day"}


def is_current() -> bool:
    """Whether all facts follow the definitions of now. Where there is nothing to rebuild, they do."""
    state = FigureState.objects.filter(pk=1).first()
    if state and state.version == VERSION:
        return True
    if (state and state.version) or Parcel.objects.exists():
        return False
    finish()
    return True


def bring_up_to_date(subject: str) -> None:
    """Count in what changed; first rebuild what other definitions made, some seconds at a time. The job's handler."""
    run = runs.open_run(RunKind.FACTS, SUBJECT)
    if (run or not is_current()) and not runs.go_for(run or begin(), walk, refresh.RUN_SECONDS):
        wish_again()
        return
    refresh.drain()


def begin() -> Run:
    """The walk that is under way, or a new one."""
    return runs.open_run(RunKind.FACTS, SUBJECT) or runs.begin(RunKind.FACTS, SUBJECT, {"version": VERSION})


def walk(run: Run) -> Iterator[None]:
    """Both parts, from where the run stands."""
    counts = Counter(run.counts)
    if "day" not in run.cursor:
        for after in facts(run.cursor.get("after", 0), counts):
            runs.note(run, {"after": after}, counts)
            yield
        runs.note(run, {"cohort": 0, "day": 0}, counts)
    for cohort, day in days(run.cursor["cohort"], run.cursor["day"], counts):
        runs.note(run, {"cohort": cohort, "day": day}, counts)
        yield
    finish()
    runs.finish(run)
    tell("figures rebuilt", **{name: counts[name] for name in ("parcels", "days", "mended")})


def facts(after: int, counts: Counter[str]) -> Iterator[int]:
    """Each parcel's fact anew; yields the key it got to."""
    while page := list(Parcel.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:PAGE]):
        counts["changed"] += refresh.refresh(page)
        counts["parcels"] += len(page)
        after = page[-1]
        yield after


def days(cohort: int, after: int, counts: Counter[str]) -> Iterator[tuple[int, int]]:
    """Each day's sums anew, of both cohorts; yields the cohort and the ordinal of the day it got to."""
    for one in Cohort:
        if one >= cohort:
            yield from days_of(one, after if one == cohort else 0, counts)


def days_of(cohort: Cohort, after: int, counts: Counter[str]) -> Iterator[tuple[int, int]]:
    while day := next_day(cohort, after):
        counts["mended"] += replace_day(cohort, day)
        counts["days"] += 1
        after = day.toordinal()
        yield cohort.value, after


def next_day(cohort: Cohort, after: int) -> date | None:
    """The first day after this ordinal that has facts or sums."""
    since = date.fromordinal(after + 1)
    field = DAY_FIELDS[cohort]
    found = [
        ParcelFact.objects.filter(**{f"{field}__gte": since}).aggregate(day=Min(field))["day"],
        DayCount.objects.filter(cohort=cohort, day__gte=since).aggregate(day=Min("day"))["day"],
        DayBucket.objects.filter(cohort=cohort, day__gte=since).aggregate(day=Min("day"))["day"],
    ]
    return min((day for day in found if day), default=None)


@transaction.atomic
def replace_day(cohort: Cohort, day: date) -> bool:
    """Make one day's sums equal to what its facts say; returns whether they were not."""
    refresh.lock()
    wanted, stored = sums_of(cohort, day), stored_sums(cohort, day)
    if wanted == stored:
        return False
    DayCount.objects.filter(cohort=cohort, day=day).delete()
    DayBucket.objects.filter(cohort=cohort, day=day).delete()
    sums = Sums()
    sums.counts = {(int(cohort), day.toordinal(), one): Counter(numbers) for one, numbers in wanted[0].items()}
    sums.buckets = Counter(
        {(int(cohort), spread, day.toordinal(), one, bucket): n for (spread, one, bucket), n in wanted[1].items()}
    )
    add(sums)
    return True


DaySums = tuple[dict[int, dict[str, int]], dict[tuple[int, int, int], int]]


def sums_of(cohort: Cohort, day: date) -> DaySums:
    """What the facts of a day add up to: numbers by slice, and by (spread, slice, bucket); no zeros."""
    sums = Sums()
    texts = ParcelFact.objects.filter(**{DAY_FIELDS[cohort]: day}).exclude(counted="").values_list("counted", flat=True)
    for text in texts.iterator(chunk_size=2_000):
        sums.add(text)
    counts = {
        key[2]: {name: n for name, n in numbers.items() if n}
        for key, numbers in sums.counts.items()
        if key[:2] == (cohort, day.toordinal())
    }
    buckets = {
        (spread, one, bucket): number
        for (of, spread, on, one, bucket), number in sums.buckets.items()
        if (of, on) == (cohort, day.toordinal())
    }
    return counts, buckets


def stored_sums(cohort: Cohort, day: date) -> DaySums:
    rows = DayCount.objects.filter(cohort=cohort, day=day).values("slice", *COUNTS)
    counts = {row["slice"]: {name: row[name] for name in COUNTS if row[name]} for row in rows}
    stored = DayBucket.objects.filter(cohort=cohort, day=day).exclude(number=0)
    buckets = {(one[0], one[1], one[2]): one[3] for one in stored.values_list("spread", "slice", "bucket", "number")}
    return {key: numbers for key, numbers in counts.items() if numbers}, buckets


def finish() -> None:
    """All facts follow the definitions of now."""
    FigureState.objects.update_or_create(pk=1, defaults={"version": VERSION, "rebuilt_at": timezone.now()})
