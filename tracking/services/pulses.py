"""Each hour: of each courier's parcels on their way, how many had news? Far fewer than usual: the courier is out.

one GROUP BY ─> Pulse rows ─> expected = parcels × share usual at this hour of this weekday
  all couriers of an account at once, or AfterShip not read for hours ─> AfterShip or our webhooks: no courier's fault
  else fresh < a quarter of expected, and enough were expected ─> Outage begins
       fresh ≥ half of expected ─> it ends
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Count, Max, Q

from config.correlation import new_correlation_id
from stores.models import AfterShipAccount
from tracking.enums import ON_ITS_WAY, ProblemKind
from tracking.models import Outage, Pulse, Tracking
from tracking.services import outages
from tracking.services.problems import close_problems, open_problem

WINDOW = timedelta(hours=3)  # news so young are fresh
FAR_BELOW, BACK = 0.25, 0.5  # of what is expected
ENOUGH = 20  # parcels that should have had news: fewer say nothing
SOME = 5  # a courier with so many expected counts in the question whether all fell silent at once
LEAST_LOOKS = 3  # of one hour, before anything is called usual
WEEKS, DAYS = 8, 14  # how far back the same hour of the same weekday, else of any day, is looked up
KEPT = timedelta(weeks=WEEKS + 1)
NEW_NORMAL = timedelta(days=7)  # an outage that lasts so long is how it is from now on
LEFT_ALONE = timedelta(hours=12)  # after somebody ended one by hand


@dataclass(frozen=True)
class Look:
    """One courier of one account now, and how many of its parcels should have had news (None: not known yet)."""

    account_id: int
    courier: str
    live: int
    fresh: int
    last_at: datetime | None
    expected: float | None

    @property
    def is_low(self) -> bool:
        return self.expected is not None and self.fresh < FAR_BELOW * self.expected


def take(now: datetime) -> None:
    """Look at all couriers, begin and end outages, and keep the look. Safe to repeat within the hour."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    looks = looks_at(now, hour)
    silent = silent_accounts(looks, now)
    tell_of_silence(looks, silent)
    judge(looks, silent, now)
    keep(looks, silent, hour)
    Pulse.objects.filter(hour__lt=hour - KEPT).delete()


def looks_at(now: datetime, hour: datetime) -> list[Look]:
    """Two queries, whatever the number of parcels."""
    on_their_way = Tracking.objects.filter(status__in=ON_ITS_WAY, retired_at=None, forgotten_at=None)
    rows = (
        on_their_way.exclude(courier="")
        .values("account_id", "courier")
        .annotate(live=Count("pk"), fresh=Count("pk", filter=Q(received_at__gte=now - WINDOW)), last=Max("received_at"))
        .order_by("account_id", "courier")
    )
    usual = usual_shares(hour)
    return [
        Look(
            row["account_id"], row["courier"], row["live"], row["fresh"], row["last"],
            expected(row["live"], usual.get((row["account_id"], row["courier"]))),
        )
        for row in rows
    ]  # fmt: skip


def expected(live: int, share: float | None) -> float | None:
    return None if share is None else live * share


def usual_shares(hour: datetime) -> dict[tuple[int, str], float]:
    """The share of parcels with news at this hour: the median of the same weekday, else of the last days."""
    weekly = {hour - timedelta(weeks=number) for number in range(1, WEEKS + 1)}
    daily = {hour - timedelta(days=number) for number in range(1, DAYS + 1)}
    same_day: dict[tuple[int, str], list[float]] = defaultdict(list)
    any_day: dict[tuple[int, str], list[float]] = defaultdict(list)
    for pulse in Pulse.objects.filter(hour__in=weekly | daily, is_usual=True, live__gt=0):
        key, share = (pulse.account_id, pulse.courier), pulse.fresh / pulse.live
        if pulse.hour in weekly:
            same_day[key].append(share)
        if pulse.hour in daily and (pulse.hour.weekday() < 5) == (hour.weekday() < 5):
            any_day[key].append(share)
    enough = {key: shares for key, shares in any_day.items() if len(shares) >= LEAST_LOOKS}
    enough |= {key: shares for key, shares in same_day.items() if len(shares) >= LEAST_LOOKS}
    return {key: median(shares) for key, shares in enough.items()}


def silent_accounts(looks: Collection[Look], now: datetime) -> set[int]:
    """Accounts of which nothing is heard: of all couriers at once, or because AfterShip is paused or was not read.

    Where an account has one courier only, that AfterShip was read lately tells: it would have given us the news.
    """
    unread = set()
    for account in AfterShipAccount.objects.only("pause_seconds", "polled_until", "is_active"):
        is_read = account.polled_until is None or account.polled_until > now - WINDOW
        if account.pause_seconds > 0 or not account.is_active or not is_read:
            unread.add(account.pk)
    by_account: dict[int, list[Look]] = defaultdict(list)
    for look in looks:
        if look.expected is not None and look.expected >= SOME:
            by_account[look.account_id].append(look)
    fell_silent = {pk for pk, some in by_account.items() if len(some) > 1 and all(look.is_low for look in some)}
    return unread | fell_silent


def tell_of_silence(looks: Collection[Look], silent: set[int]) -> None:
    """A problem for each account that should have had news and had none; closed when they come again."""
    due: dict[int, float] = defaultdict(float)
    for look in looks:
        due[look.account_id] += look.expected or 0.0
    for account in AfterShipAccount.objects.only("key"):
        subject = f"silence:{account.key}"
        if account.pk in silent and due[account.pk] >= ENOUGH:
            cause = f"No news of any courier of account {account.key} for hours: AfterShip or its webhooks, no courier."
            open_problem(ProblemKind.UPSTREAM_DOWN, subject, cause, correlation_id=new_correlation_id())
        elif account.pk not in silent:
            close_problems([ProblemKind.UPSTREAM_DOWN], subject, "News come again.")


@dataclass
class Sum:
    """One courier over all accounts that are heard."""

    live: int = 0
    fresh: int = 0
    expected: float = 0.0
    known_live: int = 0
    last_at: datetime | None = None

    def add(self, look: Look) -> None:
        self.live += look.live
        if look.expected is not None:
            self.fresh += look.fresh
            self.known_live += look.live
            self.expected += look.expected
        if look.last_at and (self.last_at is None or look.last_at > self.last_at):
            self.last_at = look.last_at


def judge(looks: Collection[Look], silent: set[int], now: datetime) -> None:
    """Begin and end outages by what is seen; those that a person declared are left to people."""
    sums: dict[str, Sum] = defaultdict(Sum)
    for look in looks:
        if look.account_id not in silent:
            sums[look.courier].add(look)
    lasting = {one.courier: one for one in Outage.objects.filter(ended_at=None, country="", is_declared=False)}
    recent = Outage.objects.filter(is_ended_by_hand=True, ended_at__gte=now - LEFT_ALONE)
    left_alone = set(recent.values_list("courier", flat=True))
    for courier, outage in lasting.items():
        look_again(outage, sums.get(courier), is_unheard=is_unheard(courier, looks, silent), now=now)
    for courier in sorted(sums.keys() - lasting.keys() - left_alone):
        if sums[courier].expected >= ENOUGH and sums[courier].fresh < FAR_BELOW * sums[courier].expected:
            begin(courier, sums[courier], now)


def is_unheard(courier: str, looks: Collection[Look], silent: set[int]) -> bool:
    """Whether all parcels of the courier are with accounts of which nothing is heard."""
    accounts = {look.account_id for look in looks if look.courier == courier}
    return bool(accounts) and accounts <= silent


def begin(courier: str, seen: Sum, now: datetime) -> None:
    share, usual = seen.fresh / seen.known_live, seen.expected / seen.known_live
    seen_now = f"{seen.fresh:,} of {seen.known_live:,} parcels had news in {hours(WINDOW)} hours"
    cause = f"{seen_now}; {seen.expected:,.0f} is usual."
    started_at = min(seen.last_at or now - WINDOW, now)
    outages.begin(courier, cause=cause, started_at=started_at, live=seen.live, share=share, usual_share=usual)


def look_again(outage: Outage, seen: Sum | None, *, is_unheard: bool, now: datetime) -> None:
    """End it where news are back, nothing is on its way any more, or it has become the new normal."""
    if is_unheard:
        return
    if seen is None or seen.live == 0:
        outages.end(outage, "No parcel of this courier is on its way any more.")
    elif now - outage.started_at > NEW_NORMAL:
        take_for_usual(outage)
    elif seen.expected >= ENOUGH and seen.fresh >= BACK * seen.expected:
        outages.end(outage, f"News are back: {seen.fresh:,} of {seen.known_live:,} parcels in {hours(WINDOW)} hours.")
    else:
        share = seen.fresh / seen.known_live if seen.known_live else None
        Outage.objects.filter(pk=outage.pk).update(live=seen.live, share=share, looked_at=now)
        outages.suppress(outage)


def take_for_usual(outage: Outage) -> None:
    """End it, and let only what was seen since it began count as usual: else the next look would begin it again."""
    seen = Pulse.objects.filter(courier=outage.courier)
    seen.filter(hour__lt=outage.started_at).update(is_usual=False)
    seen.filter(hour__gte=outage.started_at).update(is_usual=True)
    outages.end(outage, "It lasted a week: that is taken for usual from now on.")


def hours(span: timedelta) -> int:
    return int(span.total_seconds() // 3600)


def keep(looks: Collection[Look], silent: set[int], hour: datetime) -> None:
    """Keep the look for later weeks; what was seen during an outage is not usual."""
    out = outages.current()
    rows = [
        Pulse(
            account_id=look.account_id,
            courier=look.courier,
            hour=hour,
            live=look.live,
            fresh=look.fresh,
            is_usual=look.account_id not in silent and (look.courier, "") not in out,
        )
        for look in looks
    ]
    Pulse.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["account", "courier", "hour"],
        update_fields=["live", "fresh", "is_usual"],
    )
