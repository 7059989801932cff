"""What staff want of a tracking at AfterShip: read it again, have it tracked again, tell it how the parcel ended.

    REFRESH  ─> GET, applied as any snapshot
    RETRACK  ─> retrack ─ still active: fine ─> REFRESH
                   └─ no retrack left, or gone: opened anew with the same id (another unit of the quota)
    COMPLETE ─> the mark as it is now: told, or taken back by a retrack, whichever AfterShip does not know yet

Each handler compares what is wanted with what AfterShip knows, so that a repeat after a crash is harmless.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from tracking.clients.aftership import AfterShipClient
from tracking.clients.errors import NotFound, Refused
from tracking.enums import JobKind, ProblemKind
from tracking.models import Tracking
from tracking.services import connections, jobs
from tracking.services.marks import REASONS, UNDONE, is_active
from tracking.services.poll import take_in
from tracking.services.problems import close_problems, open_problem
from tracking.services.replace import never_opened
from tracking.services.story import tell

STILL_ACTIVE, NONE_LEFT = "4013", "4016"


def wish(kind: JobKind, tracking: Tracking, priority: int = jobs.LIVE) -> jobs.Wish:
    """For a job about this tracking; its account has to be at hand."""
    upstream = connections.upstream_key(tracking.account)
    return jobs.Wish(kind, tracking.pk, upstream, tracking.correlation_id, priority)


def is_at_aftership(tracking: Tracking) -> bool:
    """Whether AfterShip has it, as far as we know."""
    return bool(tracking.opened_at and tracking.forgotten_at is None and tracking.retired_at is None)


def want_refresh(trackings: Iterable[Tracking]) -> None:
    """Wish to read these trackings again, in the caller's transaction."""
    jobs.want(wish(JobKind.REFRESH, one) for one in trackings if is_at_aftership(one))


def refresh_tracking(tracking_id: str) -> None:
    """Read the tracking and take in what is new. Raises UpstreamError; one that is gone is noted as gone."""
    tracking = Tracking.objects.select_related("account").get(pk=tracking_id)
    if is_at_aftership(tracking):
        read_again(tracking, connections.aftership(tracking.account))


def read_again(tracking: Tracking, client: AfterShipClient) -> None:
    try:
        document = client.get_tracking(tracking.aftership_id)
    except NotFound:
        forgotten(tracking)
        return
    take_in(tracking.account, [document])


@transaction.atomic
def forgotten(tracking: Tracking) -> None:
    """AfterShip does not have it any more: it keeps nothing for longer than 120 days. Ours stays."""
    row = Tracking.objects.select_for_update().get(pk=tracking.pk)
    row.forgotten_at, row.is_moving = row.forgotten_at or timezone.now(), False
    row.save(update_fields=["forgotten_at", "is_moving"])
    tell("tracking was gone at AfterShip", number=row.tracking_number)


def retrack_tracking(tracking_id: str) -> None:
    """Have AfterShip ask the courier again, whatever it takes. Raises UpstreamError; refusals become Problems."""
    tracking = Tracking.objects.select_related("account").get(pk=tracking_id)
    if not is_at_aftership(tracking):
        return
    client = connections.aftership(tracking.account)
    try:
        wake(tracking, client)
    except NotFound:
        open_anew(tracking)
    except Refused as error:
        if error.code != NONE_LEFT or tracking.is_adopted:
            not_taken(tracking, error)
            return
        delete(tracking, client)
        open_anew(tracking)
    else:
        close_problems([ProblemKind.REFUSED], tracking, "AfterShip tracks it again.")
        read_again(tracking, client)


def wake(tracking: Tracking, client: AfterShipClient) -> None:
    """One retrack; that it is tracked already is what was wanted."""
    try:
        client.retrack(tracking.aftership_id)
    except Refused as error:
        if error.code != STILL_ACTIVE:
            raise
    tell("AfterShip tracks again", number=tracking.tracking_number)


def delete(tracking: Tracking, client: AfterShipClient) -> None:
    try:
        client.delete_tracking(tracking.aftership_id)
    except NotFound:
        tell("tracking was gone at AfterShip", number=tracking.tracking_number)


@transaction.atomic
def open_anew(tracking: Tracking) -> None:
    """AfterShip has it no more, and is to have it again: as pending, under the same id."""
    row = Tracking.objects.select_for_update(of=("self",)).select_related("account").get(pk=tracking.pk)
    if row.retired_at:
        return
    begin_anew(row)


def begin_anew(tracking: Tracking, priority: int = jobs.LIVE) -> None:
    """Save the tracking (locked) as one that AfterShip has never had, its clock anew, and wish for its PUSH."""
    never_opened(tracking)
    tracking.is_moving, tracking.is_adopted = True, False
    tracking.updated_at, tracking.snapshot_rank = None, []
    tracking.save()
    jobs.want([wish(JobKind.PUSH, tracking, priority)])
    tell("tracking is opened anew", number=tracking.tracking_number)


def complete_tracking(tracking_id: str) -> None:
    """Bring AfterShip in line with how staff marked the tracking. Raises UpstreamError; refusals become Problems."""
    tracking = Tracking.objects.select_related("account").get(pk=tracking_id)
    mark = tracking.mark
    is_news = mark and (is_active(mark) != mark["is_told"]) and mark["ended"] in ("", UNDONE)
    if not is_news or not is_at_aftership(tracking) or tracking.is_adopted:
        return
    client = connections.aftership(tracking.account)
    try:
        if is_active(mark):
            at = datetime.fromisoformat(mark["at"])
            client.mark_as_completed(tracking.aftership_id, reason=REASONS[mark["status"]], event_datetime=at)
        else:
            wake(tracking, client)
    except NotFound:
        forgotten(tracking)
        return
    except Refused as error:
        not_taken(tracking, error)
        return
    note_told(tracking, is_told=is_active(mark))
    read_again(tracking, client)


@transaction.atomic
def note_told(tracking: Tracking, *, is_told: bool) -> None:
    """Keep what AfterShip knows of the mark. Where it was undone meanwhile, the undo's own wish comes next."""
    row = Tracking.objects.select_for_update().get(pk=tracking.pk)
    if row.mark.get("made_at") == tracking.mark["made_at"]:
        row.mark = {**row.mark, "is_told": is_told}
        row.save(update_fields=["mark"])
    close_problems([ProblemKind.REFUSED], row, "AfterShip has taken it.")
    tell("AfterShip told how it ended", number=row.tracking_number, is_told=is_told)


def not_taken(tracking: Tracking, error: Refused) -> None:
    """AfterShip's no becomes a Problem in its own words; what staff wanted stands here."""
    cause = f"{error.code}: {error.message}"
    open_problem(ProblemKind.REFUSED, tracking, cause, correlation_id=tracking.correlation_id)
