"""AfterShip asked what it changed: for plans without webhooks, and outages longer than its 68 hours of retries.

    polled_until less an overlap ─> slices of the time since ─> pages ─> applied as webhooks are (the same is_newer)
                                        └─ a slice is taken in: polled_until moves on

AfterShip does not say in which order it lists, so only a whole slice counts. A slice that holds too much for one run of
a job is halved first. Waits behind live work, as a job of its own: back-off, pauses and rate budgets come with that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from config.correlation import new_correlation_id
from stores.models import AfterShipAccount
from tracking.clients.aftership import PAGE_SIZE, AfterShipClient
from tracking.enums import JobKind
from tracking.models import Tracking
from tracking.payloads import from_aftership
from tracking.payloads.errors import PayloadError
from tracking.payloads.from_aftership import TrackingSnapshot
from tracking.services import connections, jobs
from tracking.services.apply_update import Batch
from tracking.services.story import tell

OVERLAP = timedelta(minutes=5)  # clocks differ, and a change may become visible after its own timestamp
RUN_SECONDS = 15.0  # well within the lease of a job
MOST_IN_SLICE = 2_000  # 10 pages: two seconds of AfterShip's rate
SHORTEST_SLICE = timedelta(minutes=1)


@dataclass
class Page:
    """Some trackings, and the time up to which everything has been read once they are taken in.

    ``is_last`` of its slice: only then that time has moved on, and one may stop without reading the same again.
    """

    documents: list[dict[str, Any]]
    read_until: datetime
    is_last: bool = False


def poll_all() -> int:
    """Wish for a poll of every active account; returns how many. Safe to repeat: one that waits is not doubled."""
    accounts = list(AfterShipAccount.objects.filter(is_active=True))
    jobs.want(wish(account) for account in accounts)
    return len(accounts)


def wish(account: AfterShipAccount) -> jobs.Wish:
    upstream = connections.upstream_key(account)
    return jobs.Wish(JobKind.POLL, str(account.pk), upstream, new_correlation_id(), jobs.BACKFILL)


def poll_account(account_id: int) -> None:
    """Take in what AfterShip changed since the last poll; what is left after a while is wished for again.

    Raises UpstreamError; what was taken in until then is kept, and ``polled_until`` says how far that is.
    """
    account = AfterShipAccount.objects.get(pk=account_id)
    now, ends_at = timezone.now(), time.monotonic() + RUN_SECONDS
    since = (account.polled_until or first_opened(account) or now) - OVERLAP
    seen = changed = 0
    for page in read_changes(connections.aftership(account), since, now):
        for item in take_in(account, page.documents):
            seen, changed = seen + 1, changed + item.is_news
        if not page.is_last:
            continue
        row = AfterShipAccount.objects.filter(pk=account.pk)
        moved_on = row.exclude(polled_until__gte=page.read_until).update(polled_until=page.read_until)
        if moved_on and page.read_until < now and time.monotonic() > ends_at:
            jobs.want([wish(account)])
            break
    tell("AfterShip was asked for changes", account=account.key, seen=seen, changed=changed)


def first_opened(account: AfterShipAccount) -> datetime | None:
    """When AfterShip took our first tracking: nothing of ours can have changed before."""
    first: datetime | None = account.trackings.aggregate(first=Min("opened_at"))["first"]
    return first


def read_changes(client: AfterShipClient, since: datetime, until: datetime) -> Iterator[Page]:
    """Every tracking that changed from ``since`` to ``until``, page by page, slice by slice. Raises UpstreamError.

    The last slice is open to the end, since AfterShip's clock may be ahead of ours.
    """
    while since < until:
        slice_end = end_of_slice(client, since, until)
        limits = {"updated_at_min": since} | ({"updated_at_max": slice_end} if slice_end < until else {})
        for documents in chunks(client.list_trackings(**limits), PAGE_SIZE):
            yield Page(documents, since)
        yield Page([], slice_end, is_last=True)
        since = slice_end


def end_of_slice(client: AfterShipClient, since: datetime, until: datetime) -> datetime:
    """The time up to which not too much has changed since ``since``: half of the time, and half of it again."""
    while until - since > SHORTEST_SLICE:
        if client.count_trackings(updated_at_min=since, updated_at_max=until) <= MOST_IN_SLICE:
            break
        until = since + (until - since) / 2
    return until


def chunks(items: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    """Lists of up to ``size`` items: only one of them is in memory."""
    while chunk := list(islice(items, size)):
        yield chunk


@dataclass(frozen=True)
class Taken:
    """What became of one listed tracking. ``tracking`` is None where nobody here knows it or it cannot be read."""

    document: dict[str, Any]
    tracking: Tracking | None = None
    snapshot: TrackingSnapshot | None = None
    is_news: bool = False


def take_in(account: AfterShipAccount, documents: Sequence[dict[str, Any]]) -> list[Taken]:
    """Apply trackings as AfterShip listed them, in one transaction. ``is_news``: what we write has changed by it."""
    now, taken = timezone.now(), []
    snapshots = [(document, read(document)) for document in documents]
    with transaction.atomic():
        batch = Batch.lock(account, [snapshot.aftership_id for _, snapshot in snapshots if snapshot])
        for document, snapshot in snapshots:
            tracking = batch.by_id.get(snapshot.aftership_id) if snapshot else None
            if tracking is None or snapshot is None:
                taken.append(Taken(document, snapshot=snapshot))
                continue
            was_news = tracking.pk in batch.to_write
            batch.apply(tracking, snapshot, now)
            is_news = tracking.pk in batch.to_write and not was_news
            taken.append(Taken(document, tracking, snapshot, is_news))
        batch.save()
    return taken


def read(document: dict[str, Any]) -> TrackingSnapshot | None:
    """A listed tracking; None for one that cannot be read, which must not stand in the way of the others."""
    try:
        return from_aftership.parse_tracking(document, path="data.trackings")
    except PayloadError as error:
        tell("a listed tracking cannot be read", id=str(document.get("id"))[:128], cause=str(error))
        return None
