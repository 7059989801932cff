"""What to know beside the status: late, stuck, wrong carrier?, split …, from facts that are loaded already.

    rows ─ condition_of ─> Condition of a parcel ─ flags_of ─────────┐
    order, all conditions ──────────────────────── flags_of_order ───┴─> flags, the gravest first

Pure: no query, no clock of its own (``today`` is given). Whether something is stuck or silent is decided where the
problem of that name is opened, by what is usual there; here an open problem is a fact. What each flag is called stands
at `tracking.enums.Flag`; the shopper's sentences in ``tracking/words``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from tracking.enums import FINISHED, Flag, ParcelStatus, ProblemKind
from tracking.models import Order, Parcel
from tracking.services.promise import promised_day

# An open problem of this kind means this flag.
PROBLEM_FLAGS: dict[str, Flag] = {
    ProblemKind.NUMBER_REUSED: Flag.NUMBER_REUSED,
    ProblemKind.UNROUTED: Flag.NOT_TRACKED,
    ProblemKind.BAD_NUMBER: Flag.NOT_TRACKED,
    ProblemKind.MISSING_FIELD: Flag.NOT_TRACKED,
    ProblemKind.NO_SCAN: Flag.STUCK,
    ProblemKind.SILENT: Flag.SILENT,
    ProblemKind.COURIER_OUTAGE: Flag.COURIER_OUTAGE,
    ProblemKind.ADDRESS: Flag.ADDRESS,
    ProblemKind.ATTEMPTS_FAILED: Flag.ATTEMPTS_FAILED,
    ProblemKind.AWAITING_PICKUP: Flag.AWAITING_PICKUP,
    ProblemKind.CARRIER_MISMATCH: Flag.WRONG_CARRIER,
    ProblemKind.CARRIER_DOUBTFUL: Flag.WRONG_CARRIER,
    ProblemKind.UNMAPPED_CARRIER: Flag.WRONG_CARRIER,
    ProblemKind.REFUSED: Flag.SYNC_FAILING,
    ProblemKind.FOREIGN_TYPE: Flag.SYNC_FAILING,
    ProblemKind.TYPE_MISSING: Flag.SYNC_FAILING,
    ProblemKind.DRIFT: Flag.SYNC_FAILING,
    ProblemKind.DEAD_LETTER: Flag.SYNC_FAILING,
    ProblemKind.MAIL_UNSURE: Flag.MAIL_TROUBLE,
    ProblemKind.MAIL_REFUSED: Flag.MAIL_TROUBLE,
}
# AfterShip's subtags that say it themselves, as long as the status still stands there.
SUBTAG_FLAGS: dict[str, Flag] = {
    "Exception_002": Flag.ADDRESS,  # moved
    "Exception_003": Flag.REFUSED,
    "Exception_004": Flag.CUSTOMS,
    "Exception_005": Flag.WEATHER,
    "Exception_006": Flag.PAYMENT,
    "Exception_007": Flag.ADDRESS,
    "Exception_008": Flag.NOT_COLLECTED,
    "Exception_012": Flag.DAMAGED,
    "Exception_017": Flag.WEATHER,
    "Exception_018": Flag.DOCUMENTS,
    "Delivered_005": Flag.NEIGHBOUR,
}
STATUS_FLAGS: dict[str, Flag] = {
    ParcelStatus.ATTEMPT_FAILED: Flag.ATTEMPTS_FAILED,
    ParcelStatus.AVAILABLE_FOR_PICKUP: Flag.AWAITING_PICKUP,
}
# Where a parcel is neither late nor moved later any more: it is there, or it goes elsewhere.
NOT_EXPECTED = FINISHED | {ParcelStatus.AVAILABLE_FOR_PICKUP, ParcelStatus.RETURNING}
ORDER_OF_FLAGS = {flag: rank for rank, flag in enumerate(Flag)}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One parcel as its flags see it. ``status`` None: nothing tracks it. ``problems``: kinds of its open problems.

    ``promised`` is what the route promised; ``attempted`` the day of the first delivery attempt, where there was one.
    """

    status: str | None = None
    subtag: str = ""
    is_return: bool = False
    has_number: bool = True
    is_fenced: bool = False
    is_out: bool = False
    is_shared: bool = False
    is_corrected: bool = False
    has_late_news: bool = False
    estimate: date | None = None
    first_estimate: date | None = None
    promised: date | None = None
    attempted: date | None = None
    problems: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_expected(self) -> bool:
        """Whether somebody still waits for it."""
        return not self.is_return and not self.is_fenced and self.status not in NOT_EXPECTED

    @property
    def due(self) -> date | None:
        """The day that is expected: the carrier's, else what was promised."""
        return self.estimate or self.promised


def flags_of(parcel: Condition, today: date) -> tuple[Flag, ...]:
    """One parcel's flags, the gravest first."""
    found = {PROBLEM_FLAGS[kind] for kind in parcel.problems if kind in PROBLEM_FLAGS}
    facts = {
        Flag.NUMBER_REUSED: parcel.is_fenced,
        Flag.NOT_TRACKED: parcel.has_number and parcel.status is None,
        Flag.COURIER_OUTAGE: parcel.is_out and parcel.is_expected,
        Flag.LATE: is_late(parcel, today),
        Flag.ESTIMATE_MOVED: is_moved(parcel),
        Flag.LATE_NEWS: parcel.has_late_news,
        Flag.NUMBER_CORRECTED: parcel.is_corrected,
        Flag.SHARED: parcel.is_shared,
        Flag.RETURN: parcel.is_return,
    }
    found |= {flag for flag, is_so in facts.items() if is_so}
    if not parcel.is_fenced:
        found |= {flag for flag in (SUBTAG_FLAGS.get(parcel.subtag), STATUS_FLAGS.get(parcel.status or "")) if flag}
    return in_order(found)


def flags_of_order(
    parcels: Iterable[Condition],
    today: date,
    *,
    is_cancelled: bool = False,
    is_all_shipped: bool = True,
    problems: Collection[str] = (),
) -> tuple[Flag, ...]:
    """The flags of all parcels and of the order, the gravest first. ``problems``: kinds about the order alone."""
    conditions = list(parcels)
    if is_cancelled:
        return (Flag.CANCELLED,)
    found = {flag for one in conditions for flag in flags_of(one, today)}
    found |= {PROBLEM_FLAGS[kind] for kind in problems if kind in PROBLEM_FLAGS}
    outbound = [one for one in conditions if not one.is_return]
    if len(outbound) > 1:
        found.add(Flag.SPLIT)
    if outbound and not is_all_shipped:
        found.add(Flag.NOT_ALL_SHIPPED)
    return in_order(found)


def in_order(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    return tuple(sorted(flags, key=ORDER_OF_FLAGS.__getitem__))


def is_late(parcel: Condition, today: date) -> bool:
    """Past its day, and the carrier did not even try on it: the first attempt counts, as AfterShip counts."""
    if not parcel.is_expected or parcel.due is None or parcel.status is None:
        return False
    return (parcel.attempted or today) > parcel.due


def is_moved(parcel: Condition) -> bool:
    """Expected later than it first was."""
    if not parcel.is_expected or parcel.estimate is None:
        return False
    return parcel.first_estimate is not None and parcel.estimate > parcel.first_estimate


def condition_of(
    parcel: Parcel,
    *,
    problems: Collection[str] = (),
    is_out: bool = False,
    is_shared: bool = False,
    is_corrected: bool = False,
    has_late_news: bool = False,
) -> Condition:
    """A parcel's condition from its row with order, route and tracking, all loaded; the caller says the rest."""
    facts = Condition(
        is_return=parcel.is_return,
        has_number=bool(parcel.tracking_number),
        is_out=is_out,
        is_shared=is_shared,
        is_corrected=is_corrected,
        has_late_news=has_late_news,
        promised=promised_day(parcel),
        problems=frozenset(problems),
    )
    tracking = parcel.tracking
    if tracking is None:
        return facts
    return replace(
        facts,
        status=tracking.status,
        subtag=tracking.subtag,
        is_fenced=tracking.is_fenced,
        estimate=tracking.eta,
        first_estimate=day_of(tracking.clocks.get("first_estimate")),
        attempted=day_of(tracking.clocks.get("first_attempt")),
    )


def day_of(clock: Mapping[str, object] | None) -> date | None:
    """The day of one of `Tracking.clocks`, at the place where it happened; None where it is not known."""
    text = str((clock or {}).get("local") or (clock or {}).get("at") or "")
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None


def left_to_ship(order: Order, parcels: Iterable[Parcel]) -> dict[str, int]:
    """Quantity by line item id that was ordered and is in no parcel yet. {} where parcels do not list their items."""
    outbound = [parcel for parcel in parcels if not parcel.is_return and parcel.removed_at is None]
    if not all(parcel.items for parcel in outbound):
        return {}
    return {line: left for line, quantity in order.items.items() if (left := quantity - packed(line, outbound)) > 0}


def packed(line: str, parcels: Sequence[Parcel]) -> int:
    """How many of one line item these parcels hold."""
    return sum(int(parcel.items.get(line, 0)) for parcel in parcels)
