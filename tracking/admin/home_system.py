"""Home: whether work is being done. Connections, workers, clocks, what waits, what gave up."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, F, Max, Min, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.people import viewer
from stores.models import AfterShipAccount, Project
from tracking.admin.display import BAD, DOUBTFUL, GOOD, MOVING, WAITING, age, length, list_of, page_of
from tracking.admin.tiles import MOST_COUNTED, Tile, also, capped, oldest
from tracking.admin.viewer import seen
from tracking.enums import ReceiptState
from tracking.models import Heartbeat, Job, Parcel, Receipt
from tracking.services import backlog
from tracking.services.connections import CLOCK_LIMIT_SECONDS, closed_upstreams
from tracking.services.scope import store_ids_of

QUARANTINE_WINDOW = timedelta(days=7)  # receipts have an index by time, none by this state
STALE_HEARTBEAT = timedelta(minutes=3)  # the sweep runs each minute
MOST_SKEW_SECONDS = 2


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


def last_beat() -> datetime | None:
    """When a worker last showed life."""
    return Heartbeat.objects.aggregate(at=Max("at"))["at"]


def silent_workers() -> list[Tile]:
    """A tile if no worker has shown life for a while although there was one, or although there is a connection."""
    last = last_beat()
    if last and last > timezone.now() - STALE_HEARTBEAT:
        return []
    if last is None and not Project.objects.exists():
        return []
    note = _("start one with: manage.py worker")
    return [Tile(age(last) if last else _("Never"), _("a worker was last seen"), list_of(Heartbeat), BAD, note)]


def living_worker() -> list[Tile]:
    """A tile if one works: nothing is said twice."""
    last = last_beat()
    is_alive = last is not None and last > timezone.now() - STALE_HEARTBEAT
    return [Tile(age(last), _("a worker showed life"), list_of(Heartbeat), GOOD)] if is_alive else []


def living_connections() -> list[Tile]:
    """How many connections are in use and answer."""
    number = sum(
        seen(model.objects.filter(is_active=True, pause_seconds=0)).count() for model in (Project, AfterShipAccount)
    )
    words = ngettext("connection answers", "connections answer", number)
    url = reverse("doctor") if store_ids_of(viewer()) is None else ""  # that page is about all stores at once
    return [Tile(number, words, url, GOOD)] if number else []


def skewed_clock() -> list[Tile]:
    """A tile if the database's clock is not ours: leases of several hosts would overlap."""
    skew = backlog.clock_skew_seconds()
    if abs(skew) <= MOST_SKEW_SECONDS:
        return []
    words = _("the database's clock is ahead of ours") if skew > 0 else _("the database's clock is behind ours")
    return [Tile(length(abs(skew)), words, list_of(Heartbeat), BAD, _("set both by NTP"))]


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


def left(waiting: backlog.Backlog) -> str:
    """How long what waits will take at the pace of the last minutes; nothing where nothing waits."""
    if not waiting.waiting:
        return ""
    seconds = waiting.drained_in_seconds
    if seconds is None:
        return _("time left: unknown, nothing moved lately")
    return _("about %(span)s left") % {"span": length(seconds)}


def last_receipt() -> list[Tile]:
    """When anything came in last: a webhook or a message."""
    at = seen(Receipt.objects.all()).aggregate(at=Max("received_at"))["at"]
    return [Tile(age(at), _("the last webhook or message came"), list_of(Receipt), MOVING)] if at else []
