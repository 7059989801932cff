"""A parcel with its order and tracking, as one line of a query → its fact: pure.

    COLUMNS of a parcel ─> clocks · estimates and promise · durations · troubles · flags ─> ParcelFact (unsaved)

What each flag means: ``analytics/names.py``. Whoever changes a meaning raises VERSION: facts are then made anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from analytics.models import ParcelFact, Slice
from analytics.names import BIT, Reason, reason_of
from analytics.times import hours, instant, local_day, zone_day
from stores.zones import zone, zone_name
from tracking.enums import FINISHED, ParcelStatus
from tracking.models.orders import CANCELLED
from tracking.payloads.from_aftership import actor_of
from tracking.services.clocks import EXCEPTIONS
from tracking.services.promise import day_after, kept_days

VERSION = 4  # 2: spreads are summed by month, too; 3: who was warned; 4: reasons and actors of exceptions alone
DAY = timedelta(days=1)
LATE_PICKUP_HOURS = 48.0
WILL_NOT_ARRIVE = frozenset({ParcelStatus.RETURNING, ParcelStatus.RETURNED, ParcelStatus.LOST, ParcelStatus.DISPOSED})
COLUMNS = (
    "pk", "order_id", "route_id", "tracking_id", "tracking_number", "is_return", "decision", "shipped_at", "created_at",
    "removed_at", "written_at", "route__promise_days", "route__promise_days_by_country",
    "order__project_id", "order__store_id", "order__store__time_zone", "order__store__countries",
    "order__destination_country", "order__ordered_at", "order__order_state", "order__deleted_at",
    "tracking__account_id", "tracking__courier", "tracking__requested_courier", "tracking__status", "tracking__subtag",
    "tracking__eta", "tracking__clocks", "tracking__tallies", "tracking__estimates", "tracking__opened_at",
    "tracking__received_at", "tracking__forgotten_at", "warned_at", "asked_at",
)  # fmt: skip
Row = Mapping[str, Any]
SliceKey = tuple[int, int, int, str, str, str, bool]


def slice_of(row: Row) -> SliceKey:
    """What figures are cut by; the fields of ``Slice`` in their order."""
    seen = row["decision"].get("facts", {})
    return (
        row["order__project_id"],
        row["order__store_id"] or 0,
        row["tracking__account_id"] or 0,
        next(iter(seen.get("supply_channels", [])), ""),
        row["tracking__courier"] or row["tracking__requested_courier"] or "",
        row["order__destination_country"],
        row["is_return"],
    )


def fact_of(row: Row, now: datetime) -> ParcelFact:
    """The fact of one parcel, unsaved and without its slice and ``counted``; ``now`` is only noted on it."""
    here = zone(zone_name(row["order__store__time_zone"] or "", row["order__store__countries"] or []))
    clocks = row["tracking__clocks"] or {}
    is_opened = row["tracking__opened_at"] is not None
    fact = ParcelFact(
        parcel_id=row["pk"],
        order_id=row["order_id"],
        tracking_id=row["tracking_id"] or "",
        route_id=row["route_id"],
        is_counted=is_counted(row),
        status=row["tracking__status"] if is_opened else ParcelStatus.PENDING,
        subtag=row["tracking__subtag"] or "",
        version=VERSION,
        made_at=now,
    )
    take_clocks(fact, row, clocks, here)
    take_estimates(fact, row, clocks, here)
    take_durations(fact, row)
    take_troubles(fact, (row["tracking__tallies"] or {}).get("troubles", []))
    zoneless = (clocks.get(name) for name in ("first_scan", "first_attempt", "delivered"))
    is_zoneless = any(clock is not None and not clock["is_offset_known"] for clock in zoneless)
    if fact.first_scan_at and fact.status not in FINISHED:
        fact.silent_since = zone_day(fact.last_news_at, here)
    fact.flags = sum(BIT[name] for name in flags_of(fact, row, is_zoneless=is_zoneless))
    return fact


def is_counted(row: Row) -> bool:
    """Shown in commercetools with a number; of an order that stands."""
    is_shown = row["removed_at"] is None and row["order__deleted_at"] is None
    return is_shown and row["order__order_state"] != CANCELLED and bool(row["tracking_number"])


def take_clocks(fact: ParcelFact, row: Row, clocks: Mapping[str, Any], here: ZoneInfo) -> None:
    """Instants, and the days that parcels are grouped by."""
    fact.ordered_at, fact.ready_at = row["order__ordered_at"], row["shipped_at"] or row["created_at"]
    fact.pushed_at, fact.received_at = row["tracking__opened_at"], row["tracking__received_at"]
    fact.written_at = row["written_at"]
    fact.announced_at = instant(clocks.get("announced"), here)
    fact.first_scan_at = instant(clocks.get("first_scan"), here)
    fact.out_for_delivery_at = instant(clocks.get("out_for_delivery"), here)
    fact.first_attempt_at = instant(clocks.get("first_attempt"), here)
    fact.delivered_at = instant(clocks.get("delivered"), here)
    fact.turned_back_at = instant(clocks.get("turned_back"), here)
    fact.exception_at = instant(clocks.get("exception"), here)
    fact.last_news_at = instant(clocks.get("last_news"), here)
    fact.ready_day = fact.ready_at.astimezone(here).date()
    fact.scan_day = zone_day(fact.first_scan_at, here)
    fact.attempt_day = local_day(clocks.get("first_attempt"), here)


def take_estimates(fact: ParcelFact, row: Row, clocks: Mapping[str, Any], here: ZoneInfo) -> None:
    """What was expected when, and what was promised. An estimate that came after the first attempt is none."""
    history = [(datetime.fromisoformat(at), date.fromisoformat(day)) for at, day in row["tracking__estimates"] or []]
    attempt = fact.first_attempt_at
    before = [(at, day) for at, day in history if attempt is None or at <= attempt]
    fact.estimate_first = before[0][1] if before else None
    fact.estimate_now = row["tracking__eta"] or (history[-1][1] if history else None)
    fact.estimate_at_scan = as_of(before, fact.first_scan_at + DAY) if fact.first_scan_at else None
    fact.estimate_3_days = as_of(before, attempt - 3 * DAY) if attempt else None
    fact.estimate_1_day = as_of(before, attempt - DAY) if attempt else None
    fact.revisions = max(len(before) - 1, 0)
    fact.moves_later = sum(later > earlier for (_, earlier), (_, later) in pairwise(before))
    route = (row["route__promise_days"], row["route__promise_days_by_country"])
    fact.promise_days = kept_days(row["decision"], row["order__destination_country"], *route)
    fact.promised_on = day_after(fact.promise_days, fact.ordered_at, fact.ready_at, here)
    fact.estimate_late_days = days_late(fact, fact.estimate_first)
    fact.promise_late_days = days_late(fact, fact.promised_on)
    fact.error_at_scan = days_late(fact, fact.estimate_at_scan)
    fact.error_3_days = days_late(fact, fact.estimate_3_days)
    fact.error_1_day = days_late(fact, fact.estimate_1_day)


def as_of(history: list[tuple[datetime, date]], moment: datetime) -> date | None:
    """What was estimated at that moment."""
    return next((day for at, day in reversed(history) if at <= moment), None)


def days_late(fact: ParcelFact, expected: date | None) -> int | None:
    """Days from what was expected to the first attempt; None where one of both is missing."""
    if fact.attempt_day is None or expected is None:
        return None
    return min(max((fact.attempt_day - expected).days, -30_000), 30_000)


def take_durations(fact: ParcelFact, row: Row) -> None:
    """Fill in the fact's durations. One whose either end is not known stays None."""
    tallies = row["tracking__tallies"] or {}
    ready = row["shipped_at"]  # when our row was made says nothing about the warehouse
    delivered = fact.delivered_at if fact.status == ParcelStatus.DELIVERED else None
    fact.processing_hours = hours(fact.ordered_at, ready)
    fact.pickup_hours = hours(ready, fact.first_scan_at)
    fact.transit_hours = hours(fact.first_scan_at, delivered)
    fact.attempt_hours = hours(fact.first_scan_at, fact.first_attempt_at)
    is_complete = ready is not None and fact.first_scan_at is not None
    fact.order_hours = hours(fact.ordered_at, delivered) if is_complete else None
    fact.recovery_hours = hours(fact.exception_at, delivered)
    fact.longest_gap_hours = tallies.get("longest_gap_hours") if tallies.get("scans", 0) > 1 else None
    fact.attempts = tallies.get("attempts", 0)


def take_troubles(fact: ParcelFact, troubles: list[list[str]]) -> None:
    """Reasons and who could act, each once; why it was late, where it was."""
    reasons = [int(reason_of(status, subtag)) for status, subtag in troubles]
    actors = [actor_of(ParcelStatus(status), subtag) for status, subtag in troubles]
    fact.reasons = list(dict.fromkeys(reasons))
    fact.actors = list(dict.fromkeys(actor.value for actor in actors if actor))
    if (fact.estimate_late_days or 0) > 0 or (fact.promise_late_days or 0) > 0:
        is_late_pickup = (fact.pickup_hours or 0) > LATE_PICKUP_HOURS
        unexplained = Reason.LATE_PICKUP if is_late_pickup else Reason.UNEXPLAINED
        fact.late_reason = fact.reasons[0] if fact.reasons else int(unexplained)


def flags_of(fact: ParcelFact, row: Row, *, is_zoneless: bool) -> Iterator[str]:
    """The names that hold for it; none where it is not counted."""
    if fact.is_counted:
        yield "created"
        yield from coverage_flags(fact, row)
        yield from outcome_flags(fact)
        if is_warned(fact, row):
            yield "warned"
        yield from promise_flags(fact)
        if is_zoneless:
            yield "zoneless"


def coverage_flags(fact: ParcelFact, row: Row) -> Iterator[str]:
    """Which of the parcel's data are there, as flags of the fact."""
    asked, courier = row["tracking__requested_courier"], row["tracking__courier"]
    is_gone = row["tracking__forgotten_at"] is not None and fact.status not in FINISHED
    if fact.pushed_at and not is_gone:
        yield "covered"
    if fact.route_id is None:
        yield "unrouted"
    if asked and courier and asked != courier:
        yield "mismatched"
    if fact.announced_at:
        yield "announced"
    if fact.first_scan_at:
        yield "scanned"


def outcome_flags(fact: ParcelFact) -> Iterator[str]:
    """Where it is and how it went."""
    status = fact.status
    if status in (ParcelStatus.PENDING, ParcelStatus.EXPIRED):
        yield status
        return
    yield "tracked"
    named = {ParcelStatus.DELIVERED, ParcelStatus.LOST, ParcelStatus.DISPOSED, ParcelStatus.CANCELLED}
    if status in named:
        yield status
    if status not in FINISHED:
        yield "open"
    if fact.turned_back_at or status in (ParcelStatus.RETURNING, ParcelStatus.RETURNED):
        yield "returned"
    if int(Reason.DAMAGED) in fact.reasons:
        yield "damaged"
    is_delivered = status == ParcelStatus.DELIVERED
    if fact.exception_at:
        yield "troubled"
        if is_delivered:
            yield "recovered"
    if status in EXCEPTIONS:
        yield "troubled_now"
    if fact.first_attempt_at:
        yield "attempted"
        if is_delivered and fact.first_attempt_at == fact.delivered_at:
            yield "first_try"
    if is_delivered:
        yield "gapped" if fact.order_hours is None else "complete"


def is_warned(fact: ParcelFact, row: Row) -> bool:
    """Had trouble, and its shopper heard of it from us before asking; one who never asked was warned in time."""
    has_trouble = fact.exception_at is not None and fact.status not in (ParcelStatus.PENDING, ParcelStatus.EXPIRED)
    told, asked = row["warned_at"], row["asked_at"]
    return has_trouble and told is not None and (asked is None or told <= asked)


def promise_flags(fact: ParcelFact) -> Iterator[str]:
    """Kept or not, of parcels that AfterShip tracks."""
    if fact.status in (ParcelStatus.PENDING, ParcelStatus.EXPIRED):
        return
    is_waiting = fact.first_attempt_at is None and fact.status not in FINISHED
    if fact.estimate_first:
        yield "with_estimate"
        if fact.revisions:
            yield "revised"
        if fact.moves_later:
            yield "moved_later"
        if is_waiting:
            yield "estimate_open"
            if fact.estimate_now and fact.estimate_now > fact.estimate_first:
                yield "trending_late"
    if fact.estimate_late_days is not None:
        yield from kept("estimate", fact.estimate_late_days)
    if fact.promised_on and is_waiting:
        yield "promise_open"
    if fact.promise_late_days is not None:
        yield from kept("promise", fact.promise_late_days)


def kept(what: str, late_days: int) -> Iterator[str]:
    yield f"{what}_attempted"
    if late_days <= 0:
        yield f"{what}_kept"
    if late_days < 0:
        yield f"{what}_early"


def slice_row(key: SliceKey) -> Slice:
    names = ("project_id", "store_id", "account_id", "channel", "courier", "country", "is_return")
    return Slice(**dict(zip(names, key, strict=True)))
