"""What the page of a problem has beside its story: whose it is, what may be done with it, and what was done."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from tracking.admin.base import Table
from tracking.admin.display import NOTHING, when
from tracking.admin.handle import Act as Handling
from tracking.admin.handle import acts
from tracking.admin.order_registry import Act, Part, acts_of_parcel
from tracking.admin.queues import WORKBENCHES, due_badge, problem_address, selection_of, workbench_of
from tracking.models import Parcel, Problem, StaffAction
from tracking.services import queues
from tracking.services.scope import visible

FOR_ONE = {"take": "Make it mine", "drop": "Make it nobody's"}
ASKED_HERE = ["take", "drop", "assign", "note", "close"]
MOST_SHOWN = 20


def handling_facts(problem: Problem) -> list[tuple[Any, Any]]:
    """Owner, deadline, note: what a colleague asks first."""
    owner = problem.assignee.get_username() if problem.assignee else _("nobody")
    return [(_("Owner"), owner), (_("Due"), due_badge(problem.due_at)), (_("Note"), problem.note or NOTHING)]


def handling_part(request: HttpRequest, problem: Problem) -> Part | None:
    """Forms for what this person may do with it; None where that is nothing, or it is closed."""
    if problem.closed_at:
        return None
    offered = {name: act for name, act in acts().items() if name in ASKED_HERE and fits(request, name, act, problem)}
    if not offered and not problem.suppressed_by:
        return None
    forms = [form_of(name, act) for name, act in sorted(offered.items(), key=lambda one: ASKED_HERE.index(one[0]))]
    facts = {
        "pk": problem.pk,
        "forms": forms,
        "suppressed_by": problem.suppressed_by,
        "back": request.get_full_path(),
        "queue": queue_fields(request),
    }
    return Part(_("Deal with it"), "admin/tracking/partials/problem_handle.html", facts)


def fits(request: HttpRequest, name: str, act: Handling, problem: Problem) -> bool:
    """What the person may, and what would change something."""
    is_mine = problem.assignee_id == request.user.pk
    pointless = {"take": is_mine, "drop": problem.assignee_id is None}.get(name, False)
    return request.user.has_perm(act.permission) and not pointless


def form_of(name: str, act: Handling) -> dict[str, Any]:
    people = queues.colleagues() if act.needs_person else None
    label = act.title if act.needs_person else act.needs_words
    button = _(FOR_ONE[name]) if name in FOR_ONE else act.button
    return {"act": name, "label": label, "button": button, "people": people}


def queue_fields(request: HttpRequest) -> dict[str, str]:
    """The queue that one came from, to go on with its next problem; empty where one came otherwise."""
    kind = request.GET.get("queue", "")
    if not kind:
        return {}
    selection = selection_of(kind, request.GET)
    return {"queue": selection.kind} | selection.parameters()


def problem_acts(request: HttpRequest, problem: Problem) -> list[Act]:
    """The next one of the queue, the page that mends many alike, and what may be done to the parcel."""
    found = []
    if request.GET.get("queue"):
        selection = selection_of(request.GET["queue"], request.GET)
        if following := queues.next_problem(request.user, selection, after=problem):
            found.append(Act(_("Next in the queue"), problem_address(following, selection), key="next"))
    if problem.closed_at:
        return found
    if problem.kind in WORKBENCHES and (bench := workbench_of(problem.kind)):
        found.append(Act(bench[1], bench[0]))
    parcel = parcel_of(request, problem)
    return found + (acts_of_parcel(request, parcel) if parcel else [])


def parcel_of(request: HttpRequest, problem: Problem) -> Parcel | None:
    """The parcel that it is about: its own, or the first that shows its tracking and that the person may see."""
    rows = visible(request.user, Parcel.objects.filter(removed_at=None)).select_related("order__store", "tracking")
    if problem.parcel_id:
        return rows.filter(pk=problem.parcel_id).first()
    return rows.filter(tracking=problem.tracking_id).order_by("pk").first() if problem.tracking_id else None


def done_block(problem: Problem) -> Table:
    """Who did what with it: assignments, notes, closing."""
    rows = StaffAction.objects.filter(correlation_id=problem.correlation_id, after__problem=problem.pk)
    return Table(
        _("Done with it"),
        [_("When"), _("Who"), _("What"), _("Words")],
        [[when(one.made_at), one.actor_name, one.summary, one.reason or NOTHING] for one in rows[:MOST_SHOWN]],
        _("Nobody has dealt with it yet."),
    )
