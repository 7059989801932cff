"""``/admin/dead-letters/``: what gave up, by cause; what requeueing would do; and the button that does it.

list of groups ─> preview of one job, one group or all (GET) ─> the same address by POST, with a reason ─> list
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tracking import tasks
from tracking.admin.base import Table
from tracking.admin.codes import code_link
from tracking.admin.display import BAD, DOUBTFUL, MOVING, NOTHING, age, badge, code, link, two_lines
from tracking.admin.outbox import attach_subjects
from tracking.enums import JobKind, StaffActionKind
from tracking.models import Job
from tracking.services.dead_letters import MOST_SHOWN, Cause, Group, Preview, Selection, groups, preview, requeue
from tracking.services.staff import note_each

MAY_REQUEUE = "tracking.requeue_job"
MOST_REASON = 500


def dead_letters_page(request: HttpRequest) -> HttpResponse:
    """All groups, the largest first."""
    if not request.user.has_perm("tracking.view_job"):
        raise PermissionDenied
    found = groups(Selection(viewer=request.user))
    return shown(
        request,
        "admin/tracking/dead_letters.html",
        title=_("Dead letters"),
        number=sum(group.number for group in found),
        table=groups_table(found),
        all_url=reverse("dead-letters-requeue") + "?all=1",
    )


def requeue_page(request: HttpRequest) -> HttpResponse:
    """GET: what requeueing would do. POST with ``reason``: do it. Changes nothing where the reason is missing."""
    may_requeue = request.user.has_perm(MAY_REQUEUE)
    if not request.user.has_perm("tracking.view_job") or (request.method == "POST" and not may_requeue):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    selection = selected(request)
    if selection is None:
        return HttpResponseRedirect(reverse("dead-letters"))
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:MOST_REASON]
    if request.method == "POST" and reason:
        return done(request, selection, reason)
    found = preview(selection)
    return shown(
        request,
        "admin/tracking/dead_letters_requeue.html",
        title=_("Requeue dead letters"),
        found=found,
        what=name_of(selection),
        parts=parts_table(found),
        jobs=jobs_table(found),
        may_requeue=may_requeue,
        most_reason=MOST_REASON,
        is_reason_missing=request.method == "POST",
    )


def shown(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    request.current_app = admin.site.name
    return TemplateResponse(request, template, admin.site.each_context(request) | context)


def selected(request: HttpRequest) -> Selection | None:
    """What the address asks for: ``job``, or ``kind``, ``code`` and ``upstream``, or ``all``; None for none of them."""
    asked = request.GET
    if (pk := asked.get("job", "")).isdecimal() and len(pk) < 19:
        return Selection(job=int(pk), viewer=request.user)
    if asked.get("kind") in JobKind.values:
        code, upstream = clean(asked.get("code", "")), clean(asked.get("upstream", ""))
        return Selection(kind=asked["kind"], code=code, upstreams=(upstream,), viewer=request.user)
    return Selection(viewer=request.user) if asked.get("all") == "1" else None


def clean(text: str) -> str:
    """PostgreSQL's text holds no NUL."""
    return text.replace("\x00", "")


def name_of(selection: Selection) -> str:
    """The selection in words."""
    if selection.job is not None:
        return _("Job %(number)d") % {"number": selection.job}
    if selection.kind is not None:
        parts = (str(JobKind(selection.kind).label), selection.code, *selection.upstreams)
        return " · ".join(part for part in parts if part)
    return _("All dead letters")


def address_of(**selection: Any) -> str:
    """The preview of a selection."""
    return f"{reverse('dead-letters-requeue')}?{urlencode(selection)}"


def done(request: HttpRequest, selection: Selection, reason: str) -> HttpResponse:
    """Requeue, wake a worker, note who did it and why, and lead back to what is left."""
    with transaction.atomic():
        dead = list(selection.rows().select_for_update())
        number = requeue(selection, actor=request.user.get_username(), reason=reason)
        note_each(StaffActionKind.REQUEUE, dead, actor=request.user, summary="Requeued", reason=reason)
    if number:
        tasks.kick()
        what = f"{number} × {name_of(selection)}"
        LogEntry.objects.create(
            user=request.user, action_flag=CHANGE, object_repr=what[:200], change_message=f"Requeued: {reason}"
        )
        words = ngettext("%(n)d job is due again.", "%(n)d jobs are due again.", number) % {"n": number}
        messages.success(request, words)
    else:
        messages.warning(request, _("Nothing was requeued: none of them is a dead letter any more."))
    return HttpResponseRedirect(reverse("dead-letters"))


def groups_table(found: list[Group]) -> Table:
    """What gave up by its cause, each with an example and a way to requeue all of it."""
    return Table(
        _("By cause"),
        [_("Cause"), _("How many"), _("Oldest"), _("For example"), _("Requeue")],
        [
            [
                two_lines(badge(JobKind(group.cause.kind).label, BAD), cause_of(group.cause)),
                f"{group.number:,}",
                age(group.oldest_at),
                two_lines(
                    group.sample.last_error or NOTHING, link(group.sample, _("Job %(n)d") % {"n": group.sample.pk})
                ),
                requeue_link(
                    address_of(kind=group.cause.kind, code=group.cause.code, upstream=group.cause.upstream),
                    _("Look at %(n)s") % {"n": f"{group.number:,}"},
                ),
            ]
            for group in found
        ],
        _("Nothing has given up. Jobs that fail are tried again for about a day before they come here."),
    )


def cause_of(cause: Cause) -> SafeString:
    return two_lines(code(cause.code), cause.upstream)


def requeue_link(url: str, words: str) -> SafeString:
    return format_html('<a class="tb-link tb-short" href="{}">{}</a>', url, words)


def parts_table(found: Preview) -> Table:
    """What would be started."""
    return Table(
        _("What would happen"),
        [_("Job"), _("How many"), _("Through"), _("When")],
        [
            [
                JobKind(part.kind).label,
                f"{part.number:,}",
                part.upstream,
                badge(_("once the connection answers again"), DOUBTFUL)
                if part.is_held_back
                else badge(_("at once"), MOVING),
            ]
            for part in found.parts
        ],
        _("None of them is a dead letter any more: there is nothing to requeue."),
    )


def jobs_table(found: Preview) -> Table:
    """Each job by itself, so that one can be tried before all."""
    rows: list[Job] = list(found.shown)
    attach_subjects(rows)
    more = _("%(n)s more are not listed.") % {"n": f"{found.number - len(rows):,}"}
    return Table(
        _("Jobs"),
        [_("Job"), _("About"), _("Gave up"), _("Its words"), _("Story"), _("Requeue")],
        [
            [
                link(job, job.get_kind_display()),
                link(job.about) if job.about else _("%(subject)s, gone") % {"subject": job.subject},
                age(job.dead_at),
                two_lines(job.last_error or NOTHING, job.last_error_code),
                code_link(job.correlation_id),
                requeue_link(address_of(job=job.pk), _("Only this one")),
            ]
            for job in rows
        ],
        _("No job."),
        more=more if found.number > MOST_SHOWN else "",
    )
