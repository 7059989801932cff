"""commercetools asked what it changed: for projects that are sent nothing, and as a safety net beside push.

    cursor (timestamp, id) ─> pages behind it, up to a minute ago ─> receipts and the cursor, in one transaction each
                                                                        └─> note_messages, as for what is pushed

Each row becomes the receipt that a push of it would have been, with the same event id: what came by another way already
costs nothing. A run that is cut off goes on behind the last page that is committed. One that has read everything steps
back a little, for rows that become visible late.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from config.correlation import new_correlation_id
from stores.models import Project
from tracking.clients.commercetools import CLOCK_LAG, CommercetoolsClient, Position, moment
from tracking.clients.errors import AccountStopped
from tracking.enums import JobKind, ProblemKind, Source
from tracking.models import Order
from tracking.payloads.from_commercetools import CHANGES, CUSTOM_TYPES, RELEVANT_TYPES
from tracking.services import connections, jobs
from tracking.services.collect import asked_fields
from tracking.services.problems import close_problems, open_among, open_problem
from tracking.services.receive import store_receipts
from tracking.services.story import tell

OVERLAP = timedelta(minutes=2)  # read again by the next poll: a row may become visible later than its own timestamp
RUN_SECONDS = 15.0  # well within the lease of a job
CHECK_EACH = timedelta(hours=1)
CHECKED = "messages_checked"  # beside the cursors in poll_cursors


@dataclass(frozen=True)
class Feed:
    """A list to poll: its time, which rows of it, and the receipts' bodies that a page of it gives."""

    resource: str
    time_field: str
    bodies: Callable[[Project, Sequence[dict[str, Any]]], list[bytes]]
    condition: Callable[[Project], str] = lambda _project: ""


def order_messages(project: Project) -> str:
    """Messages after which an order may be read; those about custom fields only where any of that kind matters."""
    asked = {owner for owner, _ in asked_fields(project)}
    types = RELEVANT_TYPES - CHANGES - {""} | {kind for kind, owner in CUSTOM_TYPES.items() if owner in asked}
    return 'resource(typeId="order") and type in ({})'.format(", ".join(f'"{name}"' for name in sorted(types)))


def messages(project: Project, rows: Sequence[dict[str, Any]]) -> list[bytes]:
    """Messages as they are listed: without notificationType and projectKey, else as they are pushed."""
    return [as_body(row) for row in rows]


def changed_orders(project: Project, rows: Sequence[dict[str, Any]]) -> list[bytes]:
    """A change notification for each order that we have not read at this version: our own writes cost no receipt."""
    found = Order.objects.filter(project=project, deleted_at=None, commercetools_id__in=[row["id"] for row in rows])
    known = dict(found.values_list("commercetools_id", "version"))
    return [as_body(as_change(project, row)) for row in rows if row["version"] > (known.get(row["id"]) or 0)]


def as_change(project: Project, order: dict[str, Any]) -> dict[str, Any]:
    """What a subscription to changes would have sent about this version of the order."""
    number = order.get("orderNumber")
    return {
        "notificationType": "ResourceUpdated",
        "projectKey": project.key,
        "resource": {"typeId": "order", "id": order["id"]},
        "resourceUserProvidedIdentifiers": {"orderNumber": number} if number else {},
        "version": order["version"],
        "modifiedAt": order["lastModifiedAt"],
    }


def as_body(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


FEEDS: dict[str, Feed] = {
    "messages": Feed("messages", "createdAt", messages, order_messages),
    "orders": Feed("orders", "lastModifiedAt", changed_orders),
}


def poll_projects() -> int:
    """Wish for a poll of every active project that polls; returns how many. Safe to repeat."""
    projects = list(Project.objects.filter(is_active=True, poll__in=FEEDS))
    jobs.want(wish(project) for project in projects)
    return len(projects)


def wish(project: Project) -> jobs.Wish:
    return jobs.Wish(JobKind.POLL_PROJECT, str(project.pk), connections.upstream_key(project), new_correlation_id())


def poll_project(project_id: int) -> None:
    """Take in what commercetools changed since the last poll; what is left after a while is wished for again.

    Raises UpstreamError; what was taken in until then is kept, and the cursor says how far that is.
    """
    project = Project.objects.get(pk=project_id)
    feed = FEEDS.get(project.poll)
    if feed is None:  # switched off since it was wished for
        return
    client, ends_at = connections.commercetools(project), time.monotonic() + RUN_SECONDS
    until = upstream_now(project) - CLOCK_LAG
    start = cursor(project, feed, until)
    seen = new = 0
    for rows in client.pages_of_changes(feed.resource, feed.time_field, start, until, feed.condition(project)):
        stored = take_in(project, feed, rows)
        if stored is None:  # another run, after our lease was over: it goes on from there
            return
        seen, new = seen + len(rows), new + stored
        if rows and time.monotonic() > ends_at:
            jobs.want([wish(project)])
            break
    else:
        keep(project, {feed.resource: list(max(start, (moment(until - OVERLAP), "")))})
    if feed.resource == "messages" and not seen:
        check_messages(project, client)
    else:
        close_problems([ProblemKind.MESSAGES_OFF], connections.upstream_key(project), "Changes come again.")
    tell("commercetools was asked for changes", project=project.key, of=feed.resource, seen=seen, new=new)


def upstream_now(project: Project) -> datetime:
    """Now by commercetools' clock, as far as we have seen it: the rows' times are its."""
    return timezone.now() + timedelta(seconds=project.clock_skew_seconds or 0)


def cursor(project: Project, feed: Feed, until: datetime) -> Position:
    """Behind which row to read on. The first poll begins some time ago, not with the whole history: see backfill."""
    if feed.resource in project.poll_cursors:
        at, row_id = project.poll_cursors[feed.resource]
        return at, row_id
    return moment(until - timedelta(hours=settings.POLL_START_HOURS)), ""


def take_in(project: Project, feed: Feed, rows: Sequence[dict[str, Any]]) -> int | None:
    """Commit a page: its receipts and the cursor behind it. How many were new; None if the cursor moved meanwhile."""
    if not rows:
        return 0
    bodies = feed.bodies(project, rows)
    with transaction.atomic():
        if not keep(project, {feed.resource: [rows[-1][feed.time_field], rows[-1]["id"]]}):
            return None
        return store_receipts(Source.COMMERCETOOLS, project.key, bodies, {}, new_correlation_id())


def keep(project: Project, facts: dict[str, Any]) -> bool:
    """Write to ``poll_cursors``, if it stands where we saw it."""
    before, project.poll_cursors = project.poll_cursors, project.poll_cursors | facts
    row = Project.objects.filter(pk=project.pk, poll_cursors=before)
    return bool(row.update(poll_cursors=project.poll_cursors))


def check_messages(project: Project, client: CommercetoolsClient) -> None:
    """No messages at all: because nothing happened, or because the project keeps none? Asked once an hour."""
    key, checked_at = connections.upstream_key(project), project.poll_cursors.get(CHECKED)
    is_open = key in open_among([ProblemKind.MESSAGES_OFF], [key])
    if checked_at and not is_open and timezone.now() - datetime.fromisoformat(checked_at) < CHECK_EACH:
        return
    keep(project, {CHECKED: timezone.now().isoformat()})
    try:
        is_on = bool((client.get_project().get("messages") or {}).get("enabled"))
    except AccountStopped as error:
        if error.status != 403:
            raise
        tell("whether messages are on is unknown", project=key, cause="the scope view_project_settings is missing")
        return
    if is_on:
        close_problems([ProblemKind.MESSAGES_OFF], key, "Messages are switched on.")
    else:
        cause = "It is polled for messages, but the project keeps none (messages.enabled is false): nothing is heard."
        open_problem(ProblemKind.MESSAGES_OFF, key, cause, correlation_id=new_correlation_id())
