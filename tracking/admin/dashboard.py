"""The console's first page: what needs a person, what moves, and whether work is being done. About ten small queries.

Each figure leads to the list behind it, and is shown only to those who may open that list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Min, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.people import viewer
from stores.models import AfterShipAccount, Project, Route
from tracking.admin.display import BAD, DOUBTFUL, MOVING, STATUS_TONES, WAITING, age, length, list_of, page_of
from tracking.admin.viewer import seen
from tracking.enums import ParcelStatus, ProblemKind, ReceiptState
from tracking.models import Heartbeat, Job, Order, Parcel, Problem, Receipt, Tracking
from tracking.services import backlog
from tracking.services.connections import CLOCK_LIMIT_SECONDS, closed_upstreams

QUARANTINE_WINDOW = timedelta(days=7)  # receipts have an index by time, none by this state
STALE_HEARTBEAT = timedelta(minutes=3)  # the sweep runs each minute
MOST_SKEW_SECONDS = 2
MOST_COUNTED = 1_000


@dataclass(frozen=True)
class Tile:
    """A figure, what it counts, and the list behind it. ``note`` says more, such as how old the oldest is."""

    number: Any
    words: Any
    url: str
    tone: str = WAITING
    note: Any = ""


def add_overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Called by unfold for the first page: adds the figures that this user may see."""
    user = request.user

    def shown(permission: str, tiles: Callable[[], list[Tile]]) -> list[Tile]:
        return tiles() if user.has_perm(permission) else []

    trouble = [
        *shown("stores.view_project", paused_connections),
        *shown("stores.view_project", skewed_upstreams),
        *shown("tracking.view_heartbeat", silent_workers),
        *shown("tracking.view_heartbeat", skewed_clock),
        *shown("tracking.view_problem", unrouted),
        *shown("tracking.view_problem", open_problems),
        *shown("tracking.view_job", dead_letters),
        *shown("tracking.view_receipt", quarantined),
    ]
    return context | {
        "title": _("Overview"),
        "steps": first_steps() if user.has_perm("stores.add_project") else [],
        "trouble": trouble,
        "trackings": shown("tracking.view_tracking", trackings_by_status),
        "flow": [
            *shown("tracking.view_order", new_orders),
            *shown("tracking.view_parcel", waiting_parcels),
            *shown("tracking.view_receipt", waiting_receipts),
            *shown("tracking.view_job", waiting_jobs),
        ],
    }


def unrouted() -> list[Tile]:
    """Parcels that no rule takes; loud once they have waited for a quarter of an hour."""
    found = backlog.unrouted(viewer())
    words = ngettext("parcel without a route", "parcels without a route", found.number)
    tone = BAD if found.is_late else DOUBTFUL
    return [Tile(found.number, words, reverse("unrouted"), tone, oldest(found.oldest_at))] if found.number else []


def open_problems() -> list[Tile]:
    """One tile per kind, the most frequent first; unrouted parcels have a tile of their own."""
    others = seen(Problem.objects.filter(closed_at=None)).exclude(kind=ProblemKind.UNROUTED)
    found = others.values("kind").annotate(n=Count("pk"), oldest=Min("opened_at"))
    return [
        Tile(
            number=row["n"],
            words=ProblemKind(row["kind"]).label,
            url=list_of(Problem, state="open", kind__exact=row["kind"]),
            tone=BAD,
            note=oldest(row["oldest"]),
        )
        for row in found.order_by("-n", "kind")
    ]


def dead_letters() -> list[Tile]:
    found = seen(Job.objects.filter(dead_at__isnull=False)).aggregate(n=Count("pk"), oldest=Min("dead_at"))
    words = ngettext("dead letter", "dead letters", found["n"])
    tile = Tile(found["n"], words, reverse("dead-letters"), BAD, oldest(found["oldest"]))
    return [tile] if found["n"] else []


def quarantined() -> list[Tile]:
    since = timezone.now() - QUARANTINE_WINDOW
    found = seen(Receipt.objects.filter(received_at__gte=since, state=ReceiptState.QUARANTINED))
    row = found.aggregate(n=Count("pk"), oldest=Min("received_at"))
    words = ngettext("quarantined receipt, last 7 days", "quarantined receipts, last 7 days", row["n"])
    tile = Tile(row["n"], words, list_of(Receipt, state__exact="quarantined"), BAD, oldest(row["oldest"]))
    return [tile] if row["n"] else []


def paused_connections() -> list[Tile]:
    """Each connection that is switched off, or paused because it refuses us or is down."""
    tiles = []
    for model, upstream in ((Project, "commercetools"), (AfterShipAccount, "AfterShip")):
        for one in seen(model.objects.filter(Q(is_active=False) | Q(pause_seconds__gt=0))).only("key", "is_active"):
            words, tone = (_("Paused"), BAD) if one.is_active else (_("Off"), WAITING)
            tiles.append(Tile(words, f"{upstream} {one.key}", page_of(one), tone))
    return tiles


def skewed_upstreams() -> list[Tile]:
    """Each upstream whose clock is far from ours: times on parcels, and what counts as late, are wrong then."""
    tiles = []
    for model, upstream in ((Project, "commercetools"), (AfterShipAccount, "AfterShip")):
        far = Q(clock_skew_seconds__gt=CLOCK_LIMIT_SECONDS) | Q(clock_skew_seconds__lt=-CLOCK_LIMIT_SECONDS)
        for one in seen(model.objects.filter(far, is_active=True)).only("key", "clock_skew_seconds"):
            skew = one.clock_skew_seconds
            words = (
                _("the clock of %(upstream)s is ahead of ours")
                if skew > 0
                else _("the clock of %(upstream)s is behind ours")
            )
            named = words % {"upstream": f"{upstream} {one.key}"}
            tiles.append(Tile(length(abs(skew)), named, page_of(one), BAD, _("check our own by NTP first")))
    return tiles


def silent_workers() -> list[Tile]:
    """A tile if no worker has shown life for a while although there was one, or although there is a connection."""
    heartbeats = {row.name: row for row in Heartbeat.objects.all()}
    last = max((row.at for row in heartbeats.values() if row.at), default=None)
    if last and last > timezone.now() - STALE_HEARTBEAT:
        return []
    if last is None and not Project.objects.exists():
        return []
    note = _("start one with: manage.py worker")
    return [Tile(age(last) if last else _("Never"), _("a worker was last seen"), list_of(Heartbeat), BAD, note)]


def skewed_clock() -> list[Tile]:
    """A tile if the database's clock is not ours: leases of several hosts would overlap."""
    skew = backlog.clock_skew_seconds()
    if abs(skew) <= MOST_SKEW_SECONDS:
        return []
    words = _("the database's clock is ahead of ours") if skew > 0 else _("the database's clock is behind ours")
    return [Tile(length(abs(skew)), words, list_of(Heartbeat), BAD, _("set both by NTP"))]


def trackings_by_status() -> list[Tile]:
    """Live trackings, in the order in which a parcel travels."""
    found = seen(Tracking.objects.filter(retired_at=None)).values_list("status").annotate(n=Count("pk"))
    numbers = dict(found.order_by())
    return [
        Tile(numbers[status], status.label, list_of(Tracking, status__exact=status, life="live"), STATUS_TONES[status])
        for status in ParcelStatus
        if status in numbers
    ]


def new_orders() -> list[Tile]:
    day, week = timezone.now() - timedelta(days=1), timezone.now() - timedelta(days=7)
    found = seen(Order.objects.filter(created_at__gte=week)).aggregate(
        week=Count("pk"), day=Count("pk", filter=Q(created_at__gte=day))
    )
    words = ngettext("new order in 24 hours", "new orders in 24 hours", found["day"])
    return [Tile(found["day"], words, list_of(Order), MOVING, _("%(n)d in 7 days") % {"n": found["week"]})]


def waiting_parcels() -> list[Tile]:
    waiting = seen(Parcel.objects.filter(tracking=None, removed_at=None, tracking_number=""))
    number = waiting[:MOST_COUNTED].count()
    words = ngettext("parcel waits for a number", "parcels wait for a number", number)
    return [Tile(capped(number), words, list_of(Parcel, number="none"))]


def waiting_receipts() -> list[Tile]:
    found = backlog.receipts()
    words = ngettext("receipt waits to be taken in", "receipts wait to be taken in", found.waiting)
    note = also(oldest(found.oldest_at), left(found))
    return [Tile(found.waiting, words, list_of(Receipt, state__exact="pending"), MOVING, note)]


def waiting_jobs() -> list[Tile]:
    row = seen(Job.objects.filter(want__gt=F("done"), dead_at=None)).aggregate(
        n=Count("pk"), oldest=Min("due_since"), failed=Count("pk", filter=Q(attempts__gt=0) & ~Q(last_error_code=""))
    )
    words = ngettext("job waits or runs", "jobs wait or run", row["n"] - row["failed"])
    note = left(backlog.jobs(closed_upstreams())) if row["n"] else ""
    tiles = [Tile(row["n"] - row["failed"], words, list_of(Job, state="waiting"), MOVING, note)]
    if row["failed"]:
        words = ngettext("job backs off", "jobs back off", row["failed"])
        tiles.append(Tile(row["failed"], words, list_of(Job, state="backing_off"), DOUBTFUL, oldest(row["oldest"])))
    return tiles


def first_steps() -> list[tuple[str, str]]:
    """What a fresh install lacks, in the order in which it is needed; empty once orders can be routed."""
    steps = [
        (Project, _("Connect a commercetools project")),
        (AfterShipAccount, _("Connect an AfterShip account")),
        (Route, _("Make a route from the project to the account")),
    ]
    return [(words, list_of(model) + "add/") for model, words in steps if not model.objects.exists()]


def oldest(at: datetime | None) -> SafeString | str:
    """``oldest 3 h ago``; nothing where there is none."""
    return SafeString(_("oldest %(age)s") % {"age": age(at)}) if at else ""


def left(waiting: backlog.Backlog) -> str:
    """How long what waits will take at the pace of the last minutes; nothing where nothing waits."""
    if not waiting.waiting:
        return ""
    seconds = waiting.drained_in_seconds
    if seconds is None:
        return _("time left: unknown, nothing moved lately")
    return _("about %(span)s left") % {"span": length(seconds)}


def also(*notes: SafeString | str) -> SafeString:
    """Those of the notes that say something, with a dot between them."""
    return format_html_join(" · ", "{}", ((note,) for note in notes if note))


def capped(number: int) -> str:
    return f"{MOST_COUNTED:,}+" if number == MOST_COUNTED else str(number)


def open_problems_badge(request: HttpRequest) -> str:
    """For the sidebar: how many problems are open, up to a hundred."""
    number = seen(Problem.objects.filter(closed_at=None))[:100].count()
    return "99+" if number == 100 else str(number)
