"""Durations, lateness and days ↔ whole numbers that roll-ups can count.

A spread of hours has buckets of some hours' width up to a cap; what is longer falls into the last one. Three more
numbers tell of parcels whose duration has no end:

    negative          still open since the day of that ordinal (date.toordinal): censored, as of the day asked
    NEVER             it has come to another end (lost, returned): it will not arrive
    day spreads       lateness in days from -60 to 90, moved up so that none is negative; or the day's own ordinal
"""

from __future__ import annotations

from datetime import date

from analytics.names import Spread

NEVER = 1_000_000
HOURS = {
    Spread.TRANSIT: (6, 90 * 24),
    Spread.ORDER_TO_DELIVERY: (6, 90 * 24),
    Spread.ATTEMPT: (6, 90 * 24),
    Spread.PICKUP: (2, 30 * 24),
    Spread.PROCESSING: (2, 30 * 24),
    Spread.RECOVERY: (6, 90 * 24),
    Spread.GAP: (6, 30 * 24),
}
LATENESS = frozenset(
    {
        Spread.ESTIMATE_LATENESS,
        Spread.PROMISE_LATENESS,
        Spread.ERROR_AT_SCAN,
        Spread.ERROR_3_DAYS,
        Spread.ERROR_1_DAY,
    }
)
EARLIEST, LATEST = -60, 90


def hours_bucket(spread: Spread, hours: float) -> int:
    """The bucket of a duration; a negative one (clocks that disagree) counts as none at all, in the first."""
    width, cap = HOURS[spread]
    return min(max(int(hours // width), 0), cap // width)


def hours_of(spread: Spread, bucket: int) -> float:
    """Where a bucket begins, in hours."""
    return bucket * HOURS[spread][0]


def open_bucket(since: date) -> int:
    return -since.toordinal()


def open_days(bucket: int, as_of: date) -> int:
    """For how many days such a parcel has been open."""
    return as_of.toordinal() + bucket


def days_bucket(days: int) -> int:
    return min(max(days, EARLIEST), LATEST) - EARLIEST


def days_of(bucket: int) -> int:
    return bucket + EARLIEST


def day_bucket(day: date) -> int:
    return day.toordinal()


def day_of(bucket: int) -> date:
    return date.fromordinal(bucket)
