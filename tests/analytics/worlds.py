"""Small worlds for figures: parcels by their clocks in hours after a Monday midnight in Berlin, all else made up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from analytics import refresh
from analytics.filters import Filters
from analytics.kpis import measure
from analytics.names import Cohort
from stores.models import AfterShipAccount, Store
from tests.factories import make_account, make_order, make_parcel, make_store, make_tracking
from tracking.models import Parcel, Tracking

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 10, 5, tzinfo=BERLIN).astimezone(UTC)
DAY = date(2026, 10, 5)
FILTERS = Filters(DAY, date(2026, 10, 11), as_of=date(2026, 10, 31))


def clock(hours: float, *, is_offset_known: bool = True) -> dict[str, Any]:
    """As a carrier in Berlin gives it, with or without its offset."""
    at = MONDAY + timedelta(hours=hours)
    local = at.astimezone(BERLIN).replace(tzinfo=None)
    if not is_offset_known:
        at = local.replace(tzinfo=UTC)
    return {"at": at.isoformat(), "local": local.isoformat(), "is_offset_known": is_offset_known}


class World:
    """One store in Germany; ``parcel`` adds to it, ``figure`` counts in what changed and measures."""

    def __init__(self) -> None:
        self.store: Store = make_store(countries=["DE"])
        self.account: AfterShipAccount = make_account()

    def parcel(
        self,
        status: str = "delivered",
        *,
        courier: str = "dhl-germany",
        ordered: float | None = -24,
        ready: float | None = 0,
        estimates: list[tuple[float, int]] | None = None,
        promise: int | None = None,
        tallies: dict[str, Any] | None = None,
        order: dict[str, Any] | None = None,
        shown: dict[str, Any] | None = None,
        is_return: bool = False,
        zoneless: tuple[str, ...] = (),
        **hours: float,
    ) -> Parcel:
        """``hours``: clocks by name (scan for first_scan, attempt for first_attempt); ``estimates``: (when AfterShip
        said so in hours, day in days after the Monday); ``tallies`` and ``shown`` are the rows' own fields.
        """
        names = {"scan": "first_scan", "attempt": "first_attempt", "out": "out_for_delivery"}
        clocks = {names.get(name, name): clock(at, is_offset_known=name not in zoneless) for name, at in hours.items()}
        told = [[clock(at)["at"], (DAY + timedelta(days=day)).isoformat()] for at, day in estimates or []]
        tracking = make_tracking(
            self.account,
            status=status,
            courier=courier,
            requested_courier=courier,
            clocks=clocks,
            estimates=told,
            eta=told[-1][1] if told else None,
            tallies={"scans": 1, "attempts": int("attempt" in hours), "longest_gap_hours": 0.0, "troubles": []}
            | (tallies or {}),
            opened_at=None if status == "pending" else MONDAY,
            subtag="",
        )
        placed = None if ordered is None else MONDAY + timedelta(hours=ordered)
        made = make_order(self.store.project, store=self.store, **{"ordered_at": placed} | (order or {}))
        return make_parcel(
            made,
            tracking,
            is_return=is_return,
            decision={"facts": {}, "promise_days": promise},
            **{"shipped_at": None if ready is None else MONDAY + timedelta(hours=ready)} | (shown or {}),
        )

    def figure(self, key: str, filters: Filters = FILTERS, by: str = "") -> Any:
        """One figure, or one per group."""
        refresh.drain()
        found = measure(filters, [key], by=by)
        return {group: figures[key] for group, figures in found.items()} if by else found[""][key]


def told(tracking: Tracking, **facts: Any) -> None:
    """Change a tracking as news do, in one UPDATE."""
    Tracking.objects.filter(pk=tracking.pk).update(**facts)


BY_SCAN = Filters(DAY, date(2026, 10, 11), as_of=date(2026, 10, 31), cohort=Cohort.FIRST_SCAN)
