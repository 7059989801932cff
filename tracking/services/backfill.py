"""Orders from before we were connected: read by the time of their last change, stored as any order is.

    iter_orders (keyset, oldest change first) ─> page ─> store_order each, what follows waits behind live work
                                                   └─ committed with the cursor: an interruption goes on from there

An order that is known already is stored once more, which changes nothing. Its trackings are opened by jobs of priority
``BACKFILL``: they are claimed when nothing live is due, so the writes that follow from them cannot pile up before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from config.correlation import new_correlation_id
from stores.models import Project
from tracking.enums import RunKind
from tracking.models import Order, Run
from tracking.payloads.errors import PayloadError
from tracking.payloads.from_commercetools import parse_order
from tracking.payloads.from_fields import source_of
from tracking.services import connections, jobs, runs
from tracking.services.collect import store_order
from tracking.services.poll import chunks
from tracking.services.story import tell

PAGE = 100


class OtherBackfill(ValueError):  # noqa: N818  a verdict on the request, not a failure
    """Another backfill of this project is unfinished; ``run`` is it."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"since {run.parameters['since']}, until {run.parameters['until']}")
        self.run = run


def begin(project: Project, since: datetime, until: datetime | None, now: datetime, *, restart: bool = False) -> Run:
    """The unfinished run over the same time, or a new one. ``until`` is ``now`` if none is given.

    Raises OtherBackfill where one over another time is unfinished, unless ``restart`` ends it.
    """
    subject = connections.upstream_key(project)
    unfinished = runs.open_run(RunKind.BACKFILL, subject)
    asked = {"since": since.isoformat(), "until": (until or now).isoformat(), "is_open": until is None}
    if unfinished and not restart:
        compared = ["since", "is_open"] if until is None else list(asked)
        if any(unfinished.parameters[name] != asked[name] for name in compared):
            raise OtherBackfill(unfinished)
        return unfinished
    if unfinished:
        runs.finish(unfinished)
    return runs.begin(RunKind.BACKFILL, subject, asked)


def begin_dry(project: Project, since: datetime, until: datetime | None, now: datetime) -> Run:
    """A run that only counts; nothing of it is kept."""
    parameters = {"since": since.isoformat(), "until": (until or now).isoformat(), "dry_run": True}
    return runs.begin(RunKind.BACKFILL, connections.upstream_key(project), parameters, is_kept=False)


def walk(run: Run) -> Iterator[None]:
    """Take in the orders of a run, from where it stands; yields after each page that is committed.

    Counts orders, parcels, new (orders that nobody had told us of) and unreadable. Raises UpstreamError.
    """
    project, counts = Project.objects.get(key=run.subject.partition(":")[2]), Counter(run.counts)
    at, after = run.cursor.get("at"), run.cursor.get("id", "")
    since = datetime.fromisoformat(at or run.parameters["since"])
    documents = connections.commercetools(project).iter_orders(
        modified_since=since, until=datetime.fromisoformat(run.parameters["until"])
    )
    fresh = (one for one in documents if at is None or (one["lastModifiedAt"], one["id"]) > (at, after))
    for page in chunks(fresh, PAGE):
        take = look_at if run.parameters.get("dry_run") else take_in
        counts.update(take(project, page))
        runs.note(run, {"at": page[-1]["lastModifiedAt"], "id": page[-1]["id"]}, counts)
        yield
    runs.finish(run)
    tell("backfill done", what=run.subject, counts=dict(counts))


def take_in(project: Project, documents: Sequence[dict[str, Any]]) -> Counter[str]:
    """Store a page of orders, each in a transaction of its own; returns what was counted."""
    counts: Counter[str] = Counter()
    for document in documents:
        counts["orders"] += 1
        try:
            with transaction.atomic():
                order, is_new = Order.objects.get_or_create(
                    project=project,
                    commercetools_id=document["id"],
                    defaults={"correlation_id": new_correlation_id()},
                )
                order = store_order(order, document, jobs.BACKFILL)
        except PayloadError as error:
            counts["unreadable"] += 1
            tell("an order cannot be read", id=document["id"], cause=str(error))
            continue
        counts["new"] += is_new
        counts["parcels"] += order.parcels.filter(removed_at=None).count()
    return counts


def look_at(project: Project, documents: Sequence[dict[str, Any]]) -> Counter[str]:
    """Count a page of orders, and change nothing."""
    known = Order.objects.filter(project=project, commercetools_id__in=[document["id"] for document in documents])
    counts = Counter({"orders": len(documents), "new": len(documents) - known.count()})
    source = source_of(project.tracking_source)
    for document in documents:
        try:
            counts["parcels"] += len(parse_order(document, source).parcels)
        except PayloadError:
            counts["unreadable"] += 1
    return counts
