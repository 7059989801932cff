"""What time brings about: parcels that nobody scanned, that fell silent, that wait to be collected.

    each hour: WATCH couriers ─> pulses (is a courier out?) ─> WATCH <account> for each account ─> pages of candidates
    each night: WATCH learn ─> what is usual (learn.py)

A candidate waits longer than the shortest limit of all; whether it is stuck says the limit of its own lane, in working
days at its destination. Pages by time and key, a thousand rows in memory at most; a walk that is cut off goes on.
What an outage explains is opened suppressed: it is counted, and shown once the outage is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from config.correlation import new_correlation_id
from stores.models import AfterShipAccount
from tracking.enums import ON_ITS_WAY, UNSCANNED, JobKind, Measure, ParcelStatus, ProblemKind, RunKind
from tracking.models import Parcel, Problem, Run, Tracking
from tracking.models.orders import SHOWN
from tracking.services import jobs, learn, pulses, runs
from tracking.services.calendars import working_hours
from tracking.services.deadlines import deadline_of
from tracking.services.learn import LEARN, UPSTREAM
from tracking.services.troubles import (
    BY_TIME,
    KEPT_FOR,
    Trouble,
    close_many,
    is_healed,
    open_troubles,
    outages_of,
    trouble,
    until,
)
from tracking.services.waits import Limit, Usuals, in_days

COURIERS = "couriers"
PAGE = 1_000
RUN_SECONDS = 15.0  # well within the lease of a job
REMIND_AFTER = timedelta(days=3)  # a parcel at a pickup point for so long is worth a reminder
SETTLED = "It is not stuck any more by what is usual."


def watch_all() -> None:
    """Wish for a look at couriers, and after it at all parcels. Safe to repeat: what waits is not doubled."""
    want(COURIERS)


def want(subject: str) -> None:
    jobs.want([jobs.Wish(JobKind.WATCH, subject, UPSTREAM, new_correlation_id(), jobs.BACKFILL)])


def watch(subject: str) -> None:
    """The job's handler: ``couriers``, ``learn`` or an account's key of the row."""
    if subject == LEARN:
        learn.run_wanted()
    elif subject == COURIERS:
        pulses.take(timezone.now())
        for pk in AfterShipAccount.objects.order_by("pk").values_list("pk", flat=True):
            want(str(pk))
    elif AfterShipAccount.objects.filter(pk=int(subject)).exists():
        watch_account(subject)


def watch_account(subject: str) -> None:
    """Look at the account's parcels, for a while; what is left is wished again and goes on where this stood."""
    run = runs.open_run(RunKind.WATCH, subject) or runs.begin(RunKind.WATCH, subject, {}, is_kept=False)
    if not runs.go_for(run, lambda run: walk(run, timezone.now()), RUN_SECONDS):
        run.save()
        want(subject)


def walk(run: Run, now: datetime) -> Iterator[None]:
    """All steps, page by page; notes each page."""
    look, counts = Look(now=now), Counter(run.counts)
    for number in range(run.cursor.get("step", 0), len(STEPS)):
        after = run.cursor.get("after") if run.cursor.get("step") == number else None
        while page := STEPS[number](look, int(run.subject), after):
            counts[STEPS[number].__name__] += page.number
            after = page.after
            runs.note(run, {"step": number, "after": after}, counts)
            yield
        runs.note(run, {"step": number + 1}, counts)
    runs.finish(run)
    yield


@dataclass
class Look:
    """One look at an account: when, and what is usual."""

    now: datetime
    usuals: Usuals = field(default_factory=Usuals.load)


@dataclass(frozen=True)
class Page:
    """What became of one page, and where the next begins."""

    number: int
    after: list[str]


def close_settled(look: Look, account_id: int, after: list[str] | None) -> Page | None:
    """Close what holds no more although no news came: its lane turned out to be slower, an outage is over or new."""
    rows = Problem.objects.filter(kind__in=BY_TIME, closed_at=None, tracking__account=account_id)
    page = list(rows.filter(pk__gt=int(after[0]) if after else 0).select_related("tracking").order_by("pk")[:PAGE])
    if not page:
        return None
    trackings = {problem.tracking_id: problem.tracking for problem in page if problem.tracking}
    countries, settled = countries_of(list(trackings)), []
    for problem in page:
        tracking = problem.tracking
        if tracking and (tracking.retired_at or is_settled(look, problem, tracking, countries.get(tracking.pk, ""))):
            settled.append(problem.pk)
    close_many(settled, SETTLED)
    return Page(len(settled), [str(page[-1].pk)])


def is_settled(look: Look, problem: Problem, tracking: Tracking, country: str) -> bool:
    """Whether the problem would not be opened now."""
    if tracking.status == ParcelStatus.EXPIRED:
        return False
    if is_healed(problem, tracking):
        return True
    if problem.kind == ProblemKind.NO_SCAN:
        return unscanned_trouble(look, tracking, country) is None
    return problem.kind == ProblemKind.SILENT and silent_trouble(look, tracking, country) is None


def find_unscanned(look: Look, account_id: int, after: list[str] | None) -> Page | None:
    """Opened at AfterShip long ago, and no carrier has scanned it."""
    waits_since = look.now - timedelta(hours=look.usuals.shortest(Measure.FIRST_SCAN))
    rows = live(account_id).filter(status__in=UNSCANNED, opened_at__lt=waits_since, first_scan_at=None)
    return find(look, rows, "opened_at", after, unscanned_trouble)


def find_silent(look: Look, account_id: int, after: list[str] | None) -> Page | None:
    """On its way, and without news for longer than parcels like it."""
    waits_since = look.now - timedelta(hours=look.usuals.shortest(Measure.LONGEST_GAP))
    rows = live(account_id).filter(status__in=ON_ITS_WAY, last_news_at__lt=waits_since)
    return find(look, rows, "last_news_at", after, silent_trouble)


def find_uncollected(look: Look, account_id: int, after: list[str] | None) -> Page | None:
    """At a pickup point for days."""
    rows = live(account_id).filter(
        status=ParcelStatus.AVAILABLE_FOR_PICKUP, status_changed_at__lt=look.now - REMIND_AFTER
    )
    return find(look, rows, "status_changed_at", after, uncollected_trouble)


STEPS = [close_settled, find_unscanned, find_silent, find_uncollected]
Finder = Callable[[Look, Tracking, str], Trouble | None]


def live(account_id: int) -> QuerySet[Tracking]:
    return Tracking.objects.filter(account=account_id, retired_at=None, forgotten_at=None, is_fenced=False)


def find(look: Look, rows: QuerySet[Tracking], clock: str, after: list[str] | None, finder: Finder) -> Page | None:
    """One page of candidates, the longest waiting first; opens what its lane calls stuck."""
    if after:
        at = datetime.fromisoformat(after[0])
        rows = rows.filter(**{f"{clock}__gt": at}) | rows.filter(**{clock: at, "pk__gt": after[1]})
    page = list(rows.order_by(clock, "pk")[:PAGE])
    if not page:
        return None
    countries = countries_of([tracking.pk for tracking in page])
    found = {
        tracking: [one]
        for tracking in page
        if tracking.pk in countries and (one := finder(look, tracking, countries[tracking.pk]))
    }
    lanes = {tracking.pk: (courier_of(tracking), countries[tracking.pk]) for tracking, [one] in found.items()}
    number = open_troubles(found, suppressed=outages_of(lanes) if finder is not uncollected_trouble else None)
    return Page(number, [getattr(page[-1], clock).isoformat(), page[-1].pk])


def countries_of(tracking_ids: Collection[str]) -> dict[str, str]:
    """Where each goes that an order still shows; one that none shows is nobody's trouble."""
    rows = Parcel.objects.filter(SHOWN, tracking__in=tracking_ids).order_by("-pk")
    return dict(rows.values_list("tracking_id", "order__destination_country"))


def courier_of(tracking: Tracking) -> str:
    return tracking.courier or tracking.requested_courier


def unscanned_trouble(look: Look, tracking: Tracking, country: str) -> Trouble | None:
    opened_at, limit = tracking.opened_at, look.usuals.limit(Measure.FIRST_SCAN, courier_of(tracking), country)
    waited = working_hours(opened_at, look.now, country) if opened_at else 0.0
    if waited <= limit.hours:
        return None
    words = f"Not scanned for {in_days(whole_days(waited))}. {limit.words()}"
    return trouble(tracking, ProblemKind.NO_SCAN, words, opened_at)


def silent_trouble(look: Look, tracking: Tracking, country: str) -> Trouble | None:
    """A carrier that explained its delay is given twice the time."""
    news_at, limit = tracking.last_news_at, look.usuals.limit(Measure.LONGEST_GAP, courier_of(tracking), country)
    waited = working_hours(news_at, look.now, country) if news_at else 0.0
    if waited <= limit.hours * (2 if tracking.status == ParcelStatus.DELAYED else 1):
        return None
    return trouble(tracking, ProblemKind.SILENT, silence_words(waited, limit), news_at)


def silence_words(waited: float, limit: Limit) -> str:
    return f"No news for {in_days(whole_days(waited))}. {limit.words()}"


def whole_days(hours: float) -> float:
    """Rounded down to days, so that the words change once a day."""
    return hours // 24 * 24


def uncollected_trouble(look: Look, tracking: Tracking, country: str) -> Trouble | None:
    since = tracking.status_changed_at
    if since is None:
        return None
    deadline = deadline_of(tracking)
    words = f"It waits to be collected since {since:%-d %B}.{until(deadline)}"
    return trouble(tracking, ProblemKind.AWAITING_PICKUP, words, since, deadline or since + KEPT_FOR)
