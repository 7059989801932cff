"""One sender of record per status: who writes to the shopper, and what to do where two would.

routes changed ─> follow_senders: AfterShip is given the shopper's address, or made to forget it
a tracking that two sides would mail about ─> Problem TWO_SENDERS, which closes by itself
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stores.models import Revision, Route
from stores.statuses import MessageKind
from tracking.enums import FINISHED, ProblemKind
from tracking.models import Parcel, Tracking
from tracking.models.orders import SHOWN
from tracking.services.problems import close_problems, open_problem

MOST_TOLD = 20_000


def follow_senders(revision: Revision | None) -> list[str]:
    """Keys of the trackings whose AfterShip side changes with these rules: it is to be given, or to forget, whom to
    write to. Those on their way only, the newest first.
    """
    changed = [
        change["id"]
        for change in (revision.changes if revision else [])
        if change["kind"] == "route" and has_aftership(change["before"]) != has_aftership(change["after"])
    ]
    if not changed:
        return []
    live = Parcel.objects.filter(SHOWN, route__in=changed, tracking__retired_at=None, tracking__opened_at__isnull=False)
    return list(
        live.exclude(tracking__status__in=FINISHED).order_by("-pk").values_list("tracking", flat=True)[:MOST_TOLD]
    )


def has_aftership(words: Mapping[str, Any] | None) -> bool:
    """Whether a route, in words, lets AfterShip write about any status; words of old lack the exceptions."""
    if words is None:
        return False
    chosen = {kind: words.get("notify_by_status", {}).get(kind, words["notify"]) for kind in MessageKind.values}
    return Route.Notify.AFTERSHIP in chosen.values()


def check_senders(tracking: Tracking, *, has_customers: bool = False) -> None:
    """Open or close the Problem about this tracking. ``has_customers``: AfterShip has somebody to write to, from
    whoever made the tracking there before us.
    """
    shown = Parcel.objects.filter(SHOWN, tracking=tracking, route__isnull=False).select_related("order", "route")
    parcels = list(shown.order_by("pk"))
    ours = [one for one in parcels if one.route.is_sender(Route.Notify.PLATFORM)]
    theirs = [one for one in parcels if one.route.is_sender(Route.Notify.AFTERSHIP)]
    cause = ""
    if ours and has_customers and not theirs:
        cause = "AfterShip had this tracking before us, with somebody to write to; Trackbridge writes, too."
    elif both := kinds_of_both(parcels):
        cause = f"Orders that share this box have it told by AfterShip and by Trackbridge: {', '.join(both)}."
    if cause:
        code = tracking.correlation_id
        open_problem(ProblemKind.TWO_SENDERS, tracking, cause, correlation_id=code, order=parcels[0].order)
    elif not has_customers:
        close_problems([ProblemKind.TWO_SENDERS], tracking, "One side writes to the shopper.")


def kinds_of_both(parcels: list[Parcel]) -> list[str]:
    """Statuses that one parcel's route leaves to AfterShip, and another's to us."""
    both = {Route.Notify.AFTERSHIP, Route.Notify.PLATFORM}
    return [
        str(MessageKind(kind).label)
        for kind in MessageKind.values
        if both <= {parcel.route.sender_of(kind) for parcel in parcels}
    ]
