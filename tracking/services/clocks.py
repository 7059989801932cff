"""Scans → the moments of a parcel's life that every figure and every waiting list uses: pure, one walk, oldest first.

    scans (without fenced ones) ─ status of each ─> announced, first_scan, out_for_delivery, first_attempt, delivered, …

Each clock is ``{"at": UTC, "local": clock on the wall or "", "is_offset_known": bool}``. Where the carrier gave no
offset, ``at`` is the local time as if it were UTC: good for ordering and for days, hours may be off by the zone.

- ``announced``: the carrier knows the number (label created), it need not have the parcel.
- ``first_scan``: the carrier has it in hand. Label created is not that, and an exception alone is not either.
- ``first_attempt``: AfterShip's rule, the earliest of delivered, failed attempt, ready for pickup, exception after out
  for delivery, and a second out for delivery more than a day after the first.
- ``delivered``: at the shopper's, not back at the sender's. A parcel that goes out again after it was not delivered.
- ``turned_back``, ``returned``: on its way back, and there; neither for one that was sent out once more.
- ``exception``: the first one ever, also where it is long over. ``last_news``: the newest scan, whatever it says.
- ``first_estimate`` (no scan: set by ``lives.py``): ``at`` is when AfterShip gave the first, ``local`` its day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tracking.enums import ParcelStatus
from tracking.payloads.from_aftership import (
    BEGINNING,
    ON_THE_WAY_BACK,
    TAG_ORDER,
    is_forward,
    status_of,
)
from tracking.payloads.times import as_utc, parse_times

NEXT_ROUND = timedelta(days=1)  # a second "out for delivery" later than that means that the first did not succeed
MOST_ESTIMATES = 60
MOST_TROUBLES = 20
IN_HAND = frozenset(
    {
        ParcelStatus.IN_TRANSIT,
        ParcelStatus.OUT_FOR_DELIVERY,
        ParcelStatus.ATTEMPT_FAILED,
        ParcelStatus.AVAILABLE_FOR_PICKUP,
        ParcelStatus.DELIVERED,
        ParcelStatus.RETURNING,
        ParcelStatus.RETURNED,
    }
)
EXCEPTIONS = frozenset(
    {
        ParcelStatus.EXCEPTION,
        ParcelStatus.DELAYED,
        ParcelStatus.RETURNING,
        ParcelStatus.RETURNED,
        ParcelStatus.LOST,
        ParcelStatus.DISPOSED,
        ParcelStatus.CANCELLED,
    }
)
TROUBLES = EXCEPTIONS | {ParcelStatus.ATTEMPT_FAILED}
ATTEMPTS = frozenset({ParcelStatus.ATTEMPT_FAILED, ParcelStatus.AVAILABLE_FOR_PICKUP, ParcelStatus.DELIVERED})
SCAN_COLUMNS = (
    "fingerprint", "tag", "subtag", "sort_at", "reported_at", "local_time", "happened_at", "courier", "raw_tag",
)  # fmt: skip
Clock = dict[str, Any]


class Scan(NamedTuple):
    """One stored checkpoint as far as clocks follow from it: the columns SCAN_COLUMNS, in their order."""

    fingerprint: str
    tag: str
    subtag: str
    at: datetime | None
    reported_at: datetime | None
    local: str
    happened_at: datetime | None
    courier: str
    raw_tag: str


class Life(NamedTuple):
    """The clocks of one tracking, and what was counted on the way.

    ``tallies``: ``scans``; ``attempts`` (days on which somebody came: failed, delivered, or left at a pickup point);
    ``longest_gap_hours`` between two scans; ``troubles`` as [status, subtag], each once, in their order.
    """

    clocks: dict[str, Clock]
    tallies: dict[str, Any]


def clocks_of(scans: Iterable[Scan], **facts: Any) -> dict[str, Clock]:
    """The clocks alone; see ``life_of`` for the arguments."""
    return life_of(scans, **facts).clocks


def life_of(
    scans: Iterable[Scan],
    *,
    status: str = "",
    delivered_at: str = "",
    rule: Callable[[Scan], ParcelStatus | None] | None = None,
) -> Life:
    """Walk the scans, given in any order and without fenced ones.

    ``rule`` is what our own status rules say of one scan, None where they say nothing. Where the tracking's ``status``
    is delivered and no scan says when, its ``delivered_at`` (as given) does.
    """
    walk = _Walk()
    for scan in sorted(scans, key=sort_key):
        walk.take(scan, (rule(scan) if rule else None) or walk.status_of(scan))
    if status == ParcelStatus.DELIVERED and "delivered" not in walk.clocks:
        walk.delivered_without_scan(delivered_at)
    return Life(walk.clocks, walk.tallies())


def sort_key(scan: Scan) -> tuple[datetime, datetime, int, str]:
    """The same order as AfterShip's checkpoints are read in."""
    rank = TAG_ORDER.index(scan.tag) if scan.tag in TAG_ORDER else -1
    return scan.at or BEGINNING, scan.reported_at or BEGINNING, rank, scan.fingerprint


def clock(scan: Scan) -> Clock:
    at = scan.at.isoformat() if scan.at else ""
    return {"at": at, "local": scan.local, "is_offset_known": scan.happened_at is not None}


def estimates_with(known: list[list[str]], learned_at: datetime, eta: Any) -> list[list[str]]:
    """The history of estimates, [when AfterShip said so, day], with this one, if it says something new.

    The first is always kept: it is what lateness is measured against.
    """
    if eta is None or (known and known[-1][1] == eta.isoformat()):
        return known
    longer = [*known, [learned_at.isoformat(), eta.isoformat()]]
    return longer if len(longer) <= MOST_ESTIMATES else [longer[0], *longer[2:]]


class _Walk:
    """What is known so far, scan by scan."""

    def __init__(self) -> None:
        self.clocks: dict[str, Clock] = {}
        self.is_going_back = False
        self.out_at: datetime | None = None
        self.attempt_days: set[str] = set()
        self.troubles: list[list[str]] = []
        self.scans = 0
        self.last_at: datetime | None = None
        self.longest_gap = timedelta(0)

    def status_of(self, scan: Scan) -> ParcelStatus:
        """AfterShip's own, turned around on the way back to the sender."""
        found = status_of(scan.tag, scan.subtag)
        if self.is_going_back and found in ON_THE_WAY_BACK and not is_forward(scan.tag, scan.subtag):
            return ON_THE_WAY_BACK[found]
        return found

    def take(self, scan: Scan, status: ParcelStatus) -> None:
        """Count one scan in. Scans come in their order in time; one without a time counts, but moves no clock."""
        self.scans += 1
        self.turn(scan, status)
        if [status, scan.subtag] not in self.troubles and status in TROUBLES and len(self.troubles) < MOST_TROUBLES:
            self.troubles.append([status.value, scan.subtag])
        if scan.at is None:
            return
        if self.last_at:
            self.longest_gap = max(self.longest_gap, scan.at - self.last_at)
        self.last_at = scan.at
        now = clock(scan)
        if self.is_another_attempt(status):
            self.attempt_days.add((scan.local or now["at"])[:10])
        self.clocks["last_news"] = now
        for name in names_of(status):
            self.clocks.setdefault(name, now)
        if self.is_attempt(scan.at, status):
            self.clocks.setdefault("first_attempt", now)

    def turn(self, scan: Scan, status: ParcelStatus) -> None:
        """Which way it goes. Sent out once more: it was not returned; out again: it was not delivered."""
        if status == ParcelStatus.RETURNING:
            self.is_going_back = True
        elif is_forward(scan.tag, scan.subtag):
            self.is_going_back = False
            for name in ("turned_back", "returned", "delivered"):
                self.clocks.pop(name, None)

    def is_attempt(self, at: datetime, status: ParcelStatus) -> bool:
        """AfterShip's rule for the first attempt, as far as this scan makes one."""
        if status == ParcelStatus.OUT_FOR_DELIVERY:
            self.out_at = self.out_at or at
            return at - self.out_at > NEXT_ROUND
        return status in ATTEMPTS or (self.out_at is not None and status in EXCEPTIONS)

    def is_another_attempt(self, status: ParcelStatus) -> bool:
        """Whether somebody came to the door: a reminder to collect is no attempt, nor is the collection."""
        waits = "available_for_pickup" in self.clocks and status != ParcelStatus.ATTEMPT_FAILED
        return status in ATTEMPTS and not waits

    def delivered_without_scan(self, text: str) -> None:
        times = parse_times(text)
        at = times.instant or as_utc(times.local)
        if at and times.local:
            local = times.local.isoformat()
            now = {"at": at.isoformat(), "local": local, "is_offset_known": times.instant is not None}
            self.clocks["delivered"] = now
            self.attempt_days.add(local[:10])
            for name in ("first_scan", "first_attempt", "last_news"):
                self.clocks.setdefault(name, now)

    def tallies(self) -> dict[str, Any]:
        return {
            "scans": self.scans,
            "attempts": len(self.attempt_days),
            "longest_gap_hours": round(self.longest_gap.total_seconds() / 3600, 1),
            "troubles": self.troubles,
        }


def names_of(status: ParcelStatus) -> list[str]:
    """The clocks that the first scan of this status sets."""
    own = {
        ParcelStatus.INFO_RECEIVED: "announced",
        ParcelStatus.OUT_FOR_DELIVERY: "out_for_delivery",
        ParcelStatus.AVAILABLE_FOR_PICKUP: "available_for_pickup",
        ParcelStatus.DELIVERED: "delivered",
        ParcelStatus.RETURNING: "turned_back",
        ParcelStatus.RETURNED: "returned",
    }.get(status)
    names = [own] if own else []
    if status == ParcelStatus.RETURNED:
        names.append("turned_back")
    if status in IN_HAND:
        names.append("first_scan")
    if status in EXCEPTIONS:
        names.append("exception")
    return names
