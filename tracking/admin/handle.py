"""``/admin/queues/handle/``: what people do with problems, one or several. POST only.

ticked in a queue, or a problem's page ─ act ─> preview: these, whose they are, what changes ─ confirm ─> done ─> back
                                           └─ with what it needs, and confirmed at once ──────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tracking.admin.base import Table
from tracking.admin.display import badge, two_lines
from tracking.admin.queues import (
    MAY_ASSIGN,
    MAY_CLOSE,
    MAY_NOTE,
    MAY_VIEW,
    about,
    due_badge,
    is_key,
    problem_address,
    selection_of,
    shown,
)  # fmt: skip
from tracking.admin.remap_pages import MAY_REMAP, choose_page
from tracking.models import Parcel, Problem
from tracking.services import queues
from tracking.services.queues import MOST_AT_ONCE, Handled

MOST_WORDS = 500
MOST_SHOWN = 100


@dataclass(frozen=True)
class Act:
    """One thing that can be done with problems: who may, what it is called, and what it needs to be told."""

    permission: str
    title: Any
    button: Any
    needs_person: bool = False
    needs_words: str = ""


def acts() -> dict[str, Act]:
    return {
        "take": Act(MAY_ASSIGN, _("Take them over"), _("Make them mine")),
        "assign": Act(MAY_ASSIGN, _("Assign to a colleague"), _("Assign"), needs_person=True),
        "drop": Act(MAY_ASSIGN, _("Assign to nobody"), _("Make them nobody's")),
        "note": Act(MAY_NOTE, _("Write a note"), _("Save the note"), needs_words=_("Note")),
        "close": Act(MAY_CLOSE, _("Close as done"), _("Close"), needs_words=_("What was done?")),
        "remap": Act(MAY_REMAP, _("Remap their parcels"), _("Choose where to")),
    }


def handle_page(request: HttpRequest) -> HttpResponse:
    """Preview, or with ``confirm`` do it. Nothing is changed where a part is missing or nobody may."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    name = request.POST.get("act", "")
    act = acts().get(name)
    if act is None or not request.user.has_perm(MAY_VIEW) or not request.user.has_perm(act.permission):
        raise PermissionDenied
    keys = [int(key) for key in request.POST.getlist("problem") if is_key(key)][:MOST_AT_ONCE]
    found = list(chosen(request, keys))
    if not found:
        messages.warning(request, _("Nothing was changed: tick at least one problem that is still open."))
        return HttpResponseRedirect(back_to(request))
    if name == "remap":
        return remap(request, found)
    fault = fault_of(request, act) if "confirm" in request.POST else ""
    if "confirm" not in request.POST or fault:
        return preview(request, name, act, found, fault)
    report(request, name, do(request, name, [problem.pk for problem in found]))
    return HttpResponseRedirect(next_address(request, name, found))


def chosen(request: HttpRequest, keys: list[int]) -> Any:
    rows = queues.open_problems(request.user).filter(pk__in=keys).order_by("due_at", "pk")
    return rows.select_related("order__store", "tracking", "parcel", "assignee", "job")


def words_of(request: HttpRequest) -> str:
    return request.POST.get("words", "").replace("\x00", "").strip()[:MOST_WORDS]


def person_of(request: HttpRequest) -> Any:
    key = request.POST.get("person", "")
    return queues.colleagues().filter(pk=int(key)).first() if is_key(key) else None


def fault_of(request: HttpRequest, act: Act) -> str:
    """What is missing, by the name of its field; nothing where all is there."""
    if act.needs_person and person_of(request) is None:
        return _("Colleague: choose one. Nothing was changed.")
    if act.needs_words and not words_of(request):
        return _("%(field)s: write something. Nothing was changed.") % {"field": act.needs_words.rstrip("?")}
    return ""


def preview(request: HttpRequest, name: str, act: Act, found: list[Problem], fault: str) -> HttpResponse:
    """These problems, and what would change about them."""
    table = Table(
        _("These would change"),
        [_("Problem"), _("About"), _("Due"), _("Owner")],
        [
            [
                two_lines(badge(problem.get_kind_display()), problem.cause),
                about(problem),
                due_badge(problem.due_at),
                two_lines(problem.assignee or _("nobody"), problem.note),
            ]
            for problem in found[:MOST_SHOWN]
        ],
        "",
        more=_("%(n)d more are not listed.") % {"n": len(found) - MOST_SHOWN} if len(found) > MOST_SHOWN else "",
    )
    response = shown(
        request,
        "queue_handle.html",
        title=act.title,
        act=act,
        name=name,
        keys=[problem.pk for problem in found],
        number=len(found),
        table=table,
        people=queues.colleagues() if act.needs_person else [],
        words=words_of(request),
        most_words=MOST_WORDS,
        fault=fault,
        back=back_to(request),
        queue=request.POST.get("queue", ""),
    )
    response.status_code = 422 if fault else 200
    return response


def remap(request: HttpRequest, found: list[Problem]) -> HttpResponse:
    """To the page that chooses where their parcels go; it has a preview of its own."""
    ids = {problem.parcel_id for problem in found if problem.parcel_id}
    trackings = {problem.tracking_id for problem in found if problem.tracking_id}
    ids |= set(Parcel.objects.filter(tracking__in=trackings, removed_at=None).values_list("pk", flat=True))
    if not ids:
        messages.warning(request, _("These problems are about no parcel."))
        return HttpResponseRedirect(back_to(request))
    return choose_page(request, sorted(ids))


def do(request: HttpRequest, name: str, keys: list[int]) -> Handled:
    if name == "note":
        return queues.note(keys, words_of(request), by=request.user)
    if name == "close":
        return queues.close(keys, words_of(request), by=request.user)
    person = {"take": request.user, "assign": person_of(request), "drop": None}[name]
    return queues.assign(keys, person, by=request.user)


def report(request: HttpRequest, name: str, handled: Handled) -> None:
    """Say what was done, and what was left alone."""
    did = {
        "take": ngettext("%(n)d problem is yours now.", "%(n)d problems are yours now.", handled.number),
        "assign": ngettext("%(n)d problem was assigned.", "%(n)d problems were assigned.", handled.number),
        "drop": ngettext("%(n)d problem is nobody's now.", "%(n)d problems are nobody's now.", handled.number),
        "note": ngettext("Noted on %(n)d problem.", "Noted on %(n)d problems.", handled.number),
        "close": ngettext("%(n)d problem was closed.", "%(n)d problems were closed.", handled.number),
    }
    if handled.number:
        messages.success(request, did[name] % {"n": handled.number})
    if handled.left:
        words = _("%(n)d were left as they are: theirs already, closed meanwhile, or of stores that they may not see.")
        messages.warning(request, words % {"n": handled.left})


def back_to(request: HttpRequest) -> str:
    """Where the person came from: a page of the console, nothing else."""
    back = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None) and back.startswith(reverse("admin:index"))
    return back if is_ours else reverse("queues")


def next_address(request: HttpRequest, name: str, found: list[Problem]) -> str:
    """After a problem's page: the next of its queue, where this one needs nothing more. Else back."""
    queue = request.POST.get("queue", "")
    if not queue or name in ("take", "note"):
        return back_to(request)
    selection = selection_of(queue, request.POST)
    following = queues.next_problem(request.user, selection, after=found[0])
    if following is None:
        messages.info(request, _("That was the last one of this queue."))
        return reverse("queue", args=[selection.kind])
    return problem_address(following, selection)
