"""``/admin/doctor/``: what the last examination found, how far one under way is, and the button that asks for another.

page (GET) shows the kept findings only ─> "Check now" (POST) ─> a job examines ─> the page again
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tracking import tasks
from tracking.admin.base import Table
from tracking.admin.display import BAD, DOUBTFUL, GOOD, NOTHING, age, badge
from tracking.admin.viewer import needs_all_stores
from tracking.enums import Area, Health
from tracking.models import Run
from tracking.services.doctor.examine import ALL, HOUSE, STORE, found_in, last_run, want, wanted_since
from tracking.services.doctor.findings import is_go
from tracking.services.scope import store_ids_of

MAY_VIEW, MAY_CHECK = "stores.view_project", ("stores.change_project", "tracking.examine_connections")
TONES = {Health.FINE: GOOD, Health.WARNING: DOUBTFUL, Health.BROKEN: BAD}
WORST_FIRST = [Health.BROKEN, Health.WARNING, Health.FINE]
LONG_WAIT = timedelta(minutes=2)
OLD = timedelta(days=1)


def may_ask(request: HttpRequest) -> bool:
    """Whether the sidebar offers it."""
    return request.user.has_perm(MAY_VIEW) and store_ids_of(request.user) is None


def doctor_page(request: HttpRequest) -> HttpResponse:
    """GET shows, POST asks for an examination. Two queries for the rows, whatever was found."""
    if not request.user.has_perm(MAY_VIEW) or (request.method == "POST" and not may_check(request.user)):
        raise PermissionDenied
    needs_all_stores(request.user)
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if request.method == "POST":
        want()
        transaction.on_commit(tasks.kick)
        messages.success(request, _("A worker examines everything now: look again in a moment."))
        return HttpResponseRedirect(reverse("doctor"))
    return examination(request, ALL, "admin/tracking/doctor.html", title=_("Doctor"))


def examination(request: HttpRequest, subject: str, template: str, **context: Any) -> TemplateResponse:
    """The page of one examination: what the last one found, and how far the next one is. Three queries."""
    last, under_way = last_run(subject, is_finished=True), last_run(subject, is_finished=False)
    asked_at = wanted_since(subject)
    found = {
        "verdict": verdict(last) if last else "",
        "at": age(last.finished_at) if last else "",
        "is_old": bool(last and last.finished_at and last.finished_at < timezone.now() - OLD),
        "progress": progress(under_way) if under_way else "",
        "waits": age(asked_at) if asked_at and not under_way else "",
        "is_stuck": bool(asked_at and asked_at < timezone.now() - LONG_WAIT),
        "tables": tables(last) if last else [],
        "may_check": may_check(request.user),
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, template, admin.site.each_context(request) | found | context)


def may_check(user: Any) -> bool:
    """Who may change connections, or may have them examined."""
    return any(user.has_perm(permission) for permission in MAY_CHECK)


def verdict(run: Run) -> Any:
    """Go or no-go, as a badge that says it in words."""
    if is_go(one for part in run.findings.values() for one in part):
        return badge(_("Go: nothing is broken"), GOOD)
    number = run.counts.get(Health.BROKEN, 0)
    words = ngettext("No-go: %(n)d thing is broken", "No-go: %(n)d things are broken", number) % {"n": number}
    return badge(words, BAD)


def progress(run: Run) -> str:
    """``2 of 3 parts are examined.``"""
    parts = {"done": len(run.findings), "all": len(run.parameters.get("parts", []))}
    return _("An examination is under way: %(done)d of %(all)d parts are done.") % parts


def tables(run: Run) -> list[Table]:
    """One per part, its worst findings first."""
    return [
        Table(
            part_title(part),
            [_("State"), _("What"), _("Finding"), _("Next step")],
            [row(one) for one in sorted(findings, key=lambda one: WORST_FIRST.index(Health(one["state"])))],
            _("Nothing was looked at: it is gone."),
        )
        for part, findings in found_in(run).items()
    ]


def part_title(part: str) -> Any:
    if part == HOUSE:
        return _("This installation")
    return _("The store itself") if part.startswith(STORE) else part


def row(finding: dict[str, str]) -> list[Any]:
    state = Health(finding["state"])
    return [
        badge(state.label, TONES[state]),
        Area(finding["area"]).label,
        finding["words"],
        finding["next_step"] or NOTHING,
    ]
