"""All figures from the rows, whatever they hold now: a walk in parts that may stop and go on at any moment.

    days       sums of each day and month anew from what their facts say; what drifted is counted and mended
    facts      parcels page by page ─ refresh ─> facts, and sums moved by the difference
    shoppers   who ordered again, what was mailed     ┐ where it is a whole rebuild, as ``rebuild_facts`` asks for;
    service    how we ourselves did, day by day       ┘ after the others the worker sees to these itself

The first two work under the lock of ``refresh``, page by page, so live changes are counted in between. Memory: one page
of parcels, the sums of one month, or those of one day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from analytics import refresh
from analytics.counted import Sums
from analytics.facts import VERSION
from analytics.models import DayBucket, DayCount, FigureState, ParcelFact
from analytics.names import BY_MONTH, COUNTS, Cohort
from analytics.periods import next_month
from analytics.roll_ups import add
from analytics.service import count_day
from analytics.service import next_day as next_service_day
from analytics.shopper_days import next_day as next_shopper_day
from analytics.shopper_days import refresh_day
from tracking.enums import RunKind
from tracking.models import Parcel, Run
from tracking.services import runs
from tracking.services.changes import wish_again
from tracking.services.story import tell

SUBJECT = "figures"
PAGE = 1_000
DAY_FIELDS = {Cohort.HANDOVER: "ready_day", Cohort.FIRST_SCAN: "scan_day"}
DaySums = tuple[dict[int, dict[str, int]], dict[tuple[int, int, int], int]]


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
    if not is_current():  # a store lives by another clock now
        wish_again()


def begin(*, is_whole: bool = False) -> Run:
    """The walk that is under way, or a new one; ``is_whole``: with the parts that need not wait for the worker."""
    run = runs.open_run(RunKind.FACTS, SUBJECT) or runs.begin(RunKind.FACTS, SUBJECT, {"version": VERSION})
    if is_whole and not run.parameters.get("is_whole"):
        run.parameters |= {"is_whole": True}
        runs.save(run, "parameters")
    return run


def walk(run: Run) -> Iterator[None]:
    """All parts, from where the run stands: ``part`` of its cursor is the number of one, ``at`` where that got to."""
    counts = Counter(run.counts)
    parts = [days, facts, shoppers, service] if run.parameters.get("is_whole") else [days, facts]
    for number in range(run.cursor.get("part", 0), len(parts)):
        for at in parts[number](run.cursor.get("at", []), counts):
            runs.note(run, {"part": number, "at": at}, counts)
            yield
        if number == parts.index(facts):
            finish()
        runs.note(run, {"part": number + 1, "at": []}, counts)
    runs.finish(run)
    tell("figures rebuilt", **{name: counts[name] for name in ("parcels", "days", "mended")})


def facts(at: list[int], counts: Counter[str]) -> Iterator[list[int]]:
    """Each parcel's fact anew; yields the key it got to."""
    (after,) = at or [0]
    while page := list(Parcel.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:PAGE]):
        counts["changed"] += refresh.refresh(page)
        counts["parcels"] += len(page)
        after = page[-1]
        yield [after]


def shoppers(at: list[int], counts: Counter[str]) -> Iterator[list[int]]:
    """Who ordered again and what was mailed, of every day; yields the day it got to."""
    for day in walk_days(next_shopper_day, at):
        refresh_day(day, is_rebuild=True)
        counts["shopper_days"] += 1
        yield [day.toordinal()]


def service(at: list[int], counts: Counter[str]) -> Iterator[list[int]]:
    """How we ourselves did, of every day that anything is stored of; yields the day it got to."""
    for day in walk_days(next_service_day, at):
        count_day(day)
        counts["service_days"] += 1
        yield [day.toordinal()]


def walk_days(next_one: Callable[[date], date | None], at: list[int]) -> Iterator[date]:
    """Day after day, from where it stands."""
    day: date | None = date.fromordinal(*(at or [1]))
    while day and (day := next_one(day)):
        yield day


def days(at: list[int], counts: Counter[str]) -> Iterator[list[int]]:
    """The sums of each day anew, then of each month, of both cohorts; yields where it got to."""
    cohort, after = at or [0, 0]
    for one in (*Cohort.values, *(value + BY_MONTH for value in Cohort.values)):
        if one >= cohort:
            yield from days_of(one, after if one == cohort else 0, counts)


def days_of(cohort: int, after: int, counts: Counter[str]) -> Iterator[list[int]]:
    while day := next_day(cohort, after):
        counts["mended"] += replace_day(cohort, day)
        counts["days"] += 1
        after = last_of(cohort, day).toordinal()
        yield [cohort, after]


def next_day(cohort: int, after: int) -> date | None:
    """The first day after this ordinal that has facts or sums; of a month its first."""
    since = date.fromordinal(after + 1)
    field = DAY_FIELDS[cohort % BY_MONTH]
    found = [
        ParcelFact.objects.filter(**{f"{field}__gte": since}).aggregate(day=Min(field))["day"],
        DayCount.objects.filter(cohort=cohort, day__gte=since).aggregate(day=Min("day"))["day"],
        DayBucket.objects.filter(cohort=cohort, day__gte=since).aggregate(day=Min("day"))["day"],
    ]
    day = min((day for day in found if day), default=None)
    return day.replace(day=1) if day and cohort >= BY_MONTH else day


def last_of(cohort: int, day: date) -> date:
    return next_month(day) - timedelta(days=1) if cohort >= BY_MONTH else day


@transaction.atomic
def replace_day(cohort: int, day: date) -> bool:
    """Make the sums of one day, or one month, equal to what its facts say; returns whether they were not."""
    refresh.lock()
    wanted, stored = sums_of(cohort, day), stored_sums(cohort, day)
    if wanted == stored:
        return False
    DayCount.objects.filter(cohort=cohort, day=day).delete()
    DayBucket.objects.filter(cohort=cohort, day=day).delete()
    sums = Sums()
    sums.counts = {(cohort, day.toordinal(), one): Counter(numbers) for one, numbers in wanted[0].items()}
    sums.buckets = Counter(
        {(cohort, spread, day.toordinal(), one, bucket): n for (spread, one, bucket), n in wanted[1].items()}
    )
    add(sums)
    return True


def sums_of(cohort: int, day: date) -> DaySums:
    """What the facts of a day or month add up to: numbers by slice, and by (spread, slice, bucket); no zeros."""
    sums, field = Sums(), DAY_FIELDS[cohort % BY_MONTH]
    period = {f"{field}__gte": day, f"{field}__lte": last_of(cohort, day)}
    texts = ParcelFact.objects.filter(**period).exclude(counted="").values_list("counted", flat=True)
    for text in texts.iterator(chunk_size=2_000):
        sums.add(text)
    counts = {
        one: {name: n for name, n in numbers.items() if n}
        for (of, on, one), numbers in sums.counts.items()
        if (of, on) == (cohort, day.toordinal())
    }
    buckets = {
        (spread, one, bucket): number
        for (of, spread, on, one, bucket), number in sums.buckets.items()
        if (of, on) == (cohort, day.toordinal())
    }
    return counts, buckets


def stored_sums(cohort: int, day: date) -> DaySums:
    rows = DayCount.objects.filter(cohort=cohort, day=day).values("slice", *COUNTS)
    counts = {row["slice"]: {name: row[name] for name in COUNTS if row[name]} for row in rows}
    stored = DayBucket.objects.filter(cohort=cohort, day=day).exclude(number=0)
    buckets = {(one[0], one[1], one[2]): one[3] for one in stored.values_list("spread", "slice", "bucket", "number")}
    return {key: numbers for key, numbers in counts.items() if numbers}, buckets


def finish() -> None:
    """All facts follow the definitions of now."""
    FigureState.objects.update_or_create(pk=1, defaults={"version": VERSION, "rebuilt_at": timezone.now()})
