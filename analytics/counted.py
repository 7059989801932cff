"""A fact → what day sums hold of it, and back: the text in ``ParcelFact.counted``.

To change a fact is to add ``minus`` what it was counted as and ``plus`` what it is. The text says all of it, so the
subtraction is right whichever version of the definitions wrote it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from analytics.buckets import NEVER, day_bucket, days_bucket, hours_bucket, open_bucket
from analytics.facts import WILL_NOT_ARRIVE
from analytics.models import ParcelFact
from analytics.names import ACTORS, BY_MONTH, STATUSES, Cohort, Spread, has, names_of
from analytics.times import zone_day
from tracking.enums import FINISHED, ParcelStatus

CountKey = tuple[int, int, int]  # cohort, ordinal of the day, slice
BucketKey = tuple[int, int, int, int, int]  # cohort, spread, ordinal of the day, slice, bucket


class Sums:
    """What is to be added to the roll-ups: numbers by row, a zero being nothing."""

    def __init__(self) -> None:
        self.counts: dict[CountKey, Counter[str]] = {}
        self.buckets: Counter[BucketKey] = Counter()

    def add(self, text: str, sign: int = 1) -> None:
        """Add, or take away, what this text says; nothing if it is empty."""
        if not text:
            return
        counted = Counted.parse(text)
        for cohort, day in ((Cohort.HANDOVER, counted.ready), (Cohort.FIRST_SCAN, counted.scan)):
            if not day:
                continue
            counts = self.counts.setdefault((int(cohort), day, counted.slice), Counter())
            for name in names_of(counted.flags):
                counts[name] += sign
            counts["attempts"] += sign * counted.attempts
            counts["revisions"] += sign * counted.revisions
            month = date.fromordinal(day).replace(day=1).toordinal()
            for spread, bucket in counted.buckets:
                self.buckets[int(cohort), spread, day, counted.slice, bucket] += sign
                self.buckets[int(cohort) + BY_MONTH, spread, month, counted.slice, bucket] += sign


class Counted(NamedTuple):
    """Slice, days as ordinals (0: of no such cohort), flags, numbers, and [spread, bucket] pairs."""

    slice: int
    ready: int
    scan: int
    flags: int
    attempts: int
    revisions: int
    buckets: list[list[int]]

    @classmethod
    def parse(cls, text: str) -> Counted:
        return cls(*json.loads(text))


def counted_as(fact: ParcelFact, here: ZoneInfo) -> str:
    """The text; empty where the parcel is not counted."""
    if not fact.is_counted:
        return ""
    counted = Counted(
        fact.slice_id,
        fact.ready_day.toordinal(),
        fact.scan_day.toordinal() if fact.scan_day else 0,
        fact.flags,
        fact.attempts,
        fact.revisions,
        sorted([int(spread), bucket] for spread, bucket in buckets_of(fact, here)),
    )
    return json.dumps(counted, separators=(",", ":"))


def buckets_of(fact: ParcelFact, here: ZoneInfo) -> Iterator[tuple[Spread, int]]:
    """Each spread that the parcel is part of, with its bucket."""
    yield from durations(fact, here)
    yield from lateness(fact)
    yield from waiting(fact)
    yield Spread.STATUS, STATUSES.index(fact.status)
    if has(fact.flags, "troubled"):  # a failed attempt alone is no exception
        for reason in fact.reasons:
            yield Spread.REASON, reason
        for actor in fact.actors:
            yield Spread.ACTOR, ACTORS.index(actor)
    if fact.late_reason:
        yield Spread.LATE_REASON, fact.late_reason
    if has(fact.flags, "with_estimate"):
        yield Spread.REVISIONS, fact.revisions
    if has(fact.flags, "troubled_now") and fact.reasons:
        yield Spread.REASON_NOW, fact.reasons[-1]


def durations(fact: ParcelFact, here: ZoneInfo) -> Iterator[tuple[Spread, int]]:
    """Of ended and of open parcels. One that was cancelled, or whose start is unknown, has none."""
    known = [
        (Spread.TRANSIT, fact.transit_hours, fact.first_scan_at),
        (Spread.ATTEMPT, fact.attempt_hours, fact.first_scan_at),
        (Spread.ORDER_TO_DELIVERY, fact.order_hours, fact.ordered_at if fact.status != ParcelStatus.PENDING else None),
        (Spread.RECOVERY, fact.recovery_hours, fact.exception_at),
    ]
    for spread, hours, since in known:
        if hours is not None:
            yield spread, hours_bucket(spread, hours)
        elif (start := zone_day(since, here)) is not None and (end := not_ended(fact, start)) is not None:
            yield spread, end
    if fact.pickup_hours is not None:
        yield Spread.PICKUP, hours_bucket(Spread.PICKUP, fact.pickup_hours)
    elif fact.first_scan_at is None and not has_ended(fact):
        yield Spread.PICKUP, open_bucket(fact.ready_day)
    if fact.processing_hours is not None:
        yield Spread.PROCESSING, hours_bucket(Spread.PROCESSING, fact.processing_hours)
    if fact.longest_gap_hours is not None:
        yield Spread.GAP, hours_bucket(Spread.GAP, fact.longest_gap_hours)


def has_ended(fact: ParcelFact) -> bool:
    """Whether nothing more is to come. AfterShip's "expired" is no end: it has only stopped looking."""
    return fact.status in FINISHED and fact.status != ParcelStatus.EXPIRED


def not_ended(fact: ParcelFact, since: date) -> int | None:
    """The bucket of a duration without an end; None where it counts for nothing."""
    if fact.status in WILL_NOT_ARRIVE:
        return NEVER
    return None if has_ended(fact) else open_bucket(since)


def lateness(fact: ParcelFact) -> Iterator[tuple[Spread, int]]:
    """By how many days it missed estimates and promise, where a delivery was attempted; early is negative."""
    if fact.estimate_late_days is not None and has(fact.flags, "estimate_attempted"):
        yield Spread.ESTIMATE_LATENESS, days_bucket(fact.estimate_late_days)
        snapshots = [
            (Spread.ERROR_AT_SCAN, fact.error_at_scan),
            (Spread.ERROR_3_DAYS, fact.error_3_days),
            (Spread.ERROR_1_DAY, fact.error_1_day),
        ]
        for spread, days in snapshots:
            if days is not None:
                yield spread, days_bucket(days)
    if fact.promise_late_days is not None and has(fact.flags, "promise_attempted"):
        yield Spread.PROMISE_LATENESS, days_bucket(fact.promise_late_days)


def waiting(fact: ParcelFact) -> Iterator[tuple[Spread, int]]:
    """What open parcels wait for, by the day that matters: how many are overdue is a question of the day asked."""
    if has(fact.flags, "estimate_open") and fact.estimate_now:
        yield Spread.DUE, day_bucket(fact.estimate_now)
    if has(fact.flags, "promise_open") and fact.promised_on:
        yield Spread.PROMISED, day_bucket(fact.promised_on)
    if fact.first_scan_at is None:
        if not has_ended(fact) and has(fact.flags, "covered"):
            yield Spread.UNSCANNED, day_bucket(fact.ready_day)
    elif has(fact.flags, "open") and fact.silent_since:
        yield Spread.SILENT, day_bucket(fact.silent_since)
