"""``/admin/queues/``: what waits for people, by kind of problem; behind each figure the queue itself.

all queues ─> one queue (filters in the address, most urgent first) ─> a problem's page ─> dealt with ─> the next one
                  └─ several ticked ─> handle.py: preview, then done
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from config.people import viewer
from stores.admin import told_apart
from stores.models import Store
from tracking.admin.base import Table
from tracking.admin.display import (
    BAD,
    DOUBTFUL,
    NOTHING,
    WAITING,
    age,
    badge,
    code,
    length,
    lines,
    link,
    page_of,
    short,
    two_lines,
)  # fmt: skip
from tracking.admin.outages import outage_lines
from tracking.enums import ProblemKind
from tracking.models import Outage, Problem
from tracking.services import queues
from tracking.services.queues import AGES, ALL, ME, NOBODY, QueueFigures, Selection
from tracking.services.scope import store_ids_of, visible

PAGE = 50
MAY_VIEW, MAY_ASSIGN, MAY_NOTE, MAY_CLOSE = (f"tracking.{verb}_problem" for verb in ("view", "assign", "note", "close"))
SOON = timedelta(hours=4)
WORKBENCHES = {  # kind → the page that mends many at once, and its name
    ProblemKind.UNROUTED: ("unrouted", "Unrouted parcels"),
    ProblemKind.UNMAPPED_CARRIER: ("carriers", "Carrier workbench"),
    ProblemKind.CARRIER_MISMATCH: ("carriers", "Carrier workbench"),
    ProblemKind.CARRIER_DOUBTFUL: ("carriers", "Carrier workbench"),
    ProblemKind.UNKNOWN_STATUS: ("courier-codes", "Courier codes"),
    ProblemKind.DEAD_LETTER: ("dead-letters", "Dead letters"),
    ProblemKind.COURIER_OUTAGE: ("outages", "Courier outages"),
    ProblemKind.FOREIGN_TYPE: ("doctor", "Doctor"),
    ProblemKind.TYPE_MISSING: ("doctor", "Doctor"),
    ProblemKind.UPSTREAM_PAUSED: ("doctor", "Doctor"),
    ProblemKind.UPSTREAM_DOWN: ("doctor", "Doctor"),
    ProblemKind.UNSUBSCRIBED: ("doctor", "Doctor"),
    ProblemKind.MESSAGES_OFF: ("doctor", "Doctor"),
}


def shown(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    request.current_app = admin.site.name
    return TemplateResponse(request, f"admin/tracking/{template}", admin.site.each_context(request) | context)


def check_view(request: HttpRequest) -> HttpResponse | None:
    """Refuses those who may not see problems; an answer for methods that a page does not know."""
    if not request.user.has_perm(MAY_VIEW):
        raise PermissionDenied
    return None if request.method in ("GET", "HEAD") else HttpResponseNotAllowed(["GET", "HEAD"])


def queues_page(request: HttpRequest) -> HttpResponse:
    """All queues, those with work and those without."""
    if refused := check_view(request):
        return refused
    found = queues.figures(request.user)
    return shown(
        request,
        "queues.html",
        title=_("Queues"),
        tables=[queues_table(_(title), kinds, found) for title, kinds in queues.SECTIONS.items()],
        outages=outage_lines(Outage.objects.filter(ended_at=None)),
        number=sum(one.number for one in found.values()),
        mine=sum(one.mine for one in found.values()),
        mine_url=address_of(Selection(owner=ME)),
        all_url=address_of(Selection()),
        may_lead=request.user.has_perm(MAY_ASSIGN),
    )


def queues_table(title: str, kinds: list[ProblemKind], found: Mapping[ProblemKind, QueueFigures]) -> Table:
    return Table(
        title,
        [_("Queue"), _("Open"), _("Overdue"), _("Mine"), _("Nobody's"), _("Oldest"), _("Next due")],
        [queue_cells(found.get(kind, QueueFigures(kind))) for kind in kinds],
        "",
    )


def queue_cells(one: QueueFigures) -> list[Any]:
    """One queue as a row of the page of queues."""
    kind = one.kind
    name = format_html('<a class="tb-link" href="{}">{}</a>', address_of(Selection(kind)), kind.label)
    hidden = _("%(n)s more explained by an outage") % {"n": f"{one.suppressed:,}"} if one.suppressed else ""
    cells = [
        badge(f"{one.overdue:,}", BAD) if one.overdue else "0",
        figure_link(one.mine, Selection(kind, owner=ME)),
        figure_link(one.nobodys, Selection(kind, owner=NOBODY)),
        age(one.oldest_at),
        due_badge(one.due_at),
    ]
    if not one.number:  # a phone leaves them out
        cells = [format_html('<span class="tb-nothing">{}</span>', cell) for cell in cells]
    return [two_lines(name, hidden), f"{one.number:,}", *cells]


def figure_link(number: int, selection: Selection) -> SafeString | str:
    if not number:
        return "0"
    return format_html('<a class="tb-link" href="{}">{}</a>', address_of(selection), f"{number:,}")


def address_of(selection: Selection, **more: Any) -> str:
    parameters = selection.parameters() | more
    address = reverse("queue", args=[selection.kind])
    return f"{address}?{urlencode(parameters)}" if parameters else address


def queue_page(request: HttpRequest, kind: str) -> HttpResponse:
    """One queue, or all of them together: the most urgent first, fifty on a page."""
    if refused := check_view(request):
        return refused
    if kind != ALL and kind not in ProblemKind.values:
        raise Http404
    selection, number = selection_of(kind, request.GET), page_number(request)
    rows = queues.selected(request.user, selection).select_related(
        "order__store", "tracking", "parcel", "assignee", "job"
    )
    page = list(rows[(number - 1) * PAGE : number * PAGE + 1])
    return shown(
        request,
        "queue.html",
        title=_("All queues") if kind == ALL else ProblemKind(kind).label,
        kind=kind,
        selection=selection,
        figures=queues.figures(request.user).get(ProblemKind(kind)) if kind != ALL else None,
        table=problems_table(page[:PAGE], selection, request),
        filters=filters_of(request, selection),
        outages=outage_lines(Outage.objects.filter(ended_at=None)),
        workbench=workbench_of(kind),
        suppressed_url=address_of(Selection(kind, is_suppressed=True)),
        previous_url=address_of(selection, page=number - 1) if number > 1 else "",
        next_url=address_of(selection, page=number + 1) if len(page) > PAGE else "",
        first_url=problem_address(page[0], selection) if page else "",
        back=request.get_full_path(),
        may_assign=request.user.has_perm(MAY_ASSIGN),
        may_note=request.user.has_perm(MAY_NOTE),
        may_close=request.user.has_perm(MAY_CLOSE),
        may_remap=request.user.has_perm("tracking.remap_parcel"),
    )


def page_number(request: HttpRequest) -> int:
    asked = request.GET.get("page", "")
    return max(int(asked), 1) if asked.isdecimal() and len(asked) < 6 else 1


def selection_of(kind: str, asked: Mapping[str, str]) -> Selection:
    """What an address asks for. What cannot be meant is left out."""
    owner, store, hours = asked.get("owner", ""), asked.get("store", ""), asked.get("age", "")
    courier = asked.get("courier", "").replace("\x00", "").strip().lower()[:64]
    return Selection(
        kind=kind if kind in ProblemKind.values else ALL,
        owner=owner if owner in (ME, NOBODY) or is_key(owner) else "",
        store=store if is_key(store) else "",
        courier=courier,
        age=hours if hours in AGES else "",
        is_suppressed=asked.get("suppressed") == "1",
    )


def is_key(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def filters_of(request: HttpRequest, selection: Selection) -> dict[str, Any]:
    """What the filters offer; stores and people only as far as the person may see them."""
    ages = {"1": _("1 hour"), "4": _("4 hours"), "24": _("a day"), "72": _("3 days"), "168": _("a week")}
    return {
        "owners": [(str(one.pk), one.get_username()) for one in queues.colleagues() if one.pk != request.user.pk],
        "stores": [(str(pk), name) for pk, name in told_apart(visible(request.user, Store.objects.order_by()))],
        "ages": [(value, ages[value]) for value in AGES],
        "is_used": selection != selection.without_filters(),
        "clear_url": address_of(selection.without_filters()),
    }


def workbench_of(kind: str) -> tuple[str, str] | None:
    """Where problems of this kind are mended; nothing for people of a store where that page is about all of them."""
    if kind not in WORKBENCHES:
        return None
    name, words = WORKBENCHES[ProblemKind(kind)]
    if name == "doctor" and store_ids_of(viewer()) is not None:
        return None
    return reverse(name), _(words)


def problems_table(problems: list[Problem], selection: Selection, request: HttpRequest) -> Table:
    """Ticks, so that several can be dealt with at once, then what one needs to choose."""
    may = any(request.user.has_perm(one) for one in (MAY_ASSIGN, MAY_NOTE, MAY_CLOSE, "tracking.remap_parcel"))
    headings = [_("Problem"), _("About"), _("Waits"), _("Due"), _("Owner")]
    rows = [problem_cells(problem, selection) for problem in problems]
    if may:
        headings = [_("Tick"), *headings]
        rows = [[tick(problem), *cells] for problem, cells in zip(problems, rows, strict=True)]
    empty = (
        _("Nothing here with these filters.") if selection != selection.without_filters() else _("Nothing waits here.")
    )
    return Table(_("Problems"), headings, rows, empty)


def tick(problem: Problem) -> SafeString:
    words = _("Tick %(what)s") % {"what": problem.order or problem.subject}
    return format_html('<input type="checkbox" name="problem" value="{}" aria-label="{}">', problem.pk, words)


def problem_cells(problem: Problem, selection: Selection) -> list[Any]:
    cause = format_html('<a class="tb-link" href="{}">{}</a>', problem_address(problem, selection), problem.cause)
    kind = [badge(problem.get_kind_display(), WAITING)] if selection.kind == ALL else []
    owner = problem.assignee.get_username() if problem.assignee else _("nobody")
    return [
        lines([*kind, two_lines(cause, problem.next_step)]),
        about(problem),
        age(problem.since_at or problem.opened_at),
        due_badge(problem.due_at),
        two_lines(format_html('<span class="{}">{}</span>', short(owner), owner), problem.note),
    ]


def problem_address(problem: Problem, selection: Selection) -> str:
    """The problem's page, which knows the queue that one came from."""
    return f"{page_of(problem)}?{urlencode({'queue': selection.kind} | selection.parameters())}"


def about(problem: Problem) -> SafeString | str:
    """The order, its store, and the number with its courier."""
    tracking = problem.tracking or None
    number = tracking or problem.parcel or ""
    if problem.order:
        store = problem.order.store.key if problem.order.store else ""
        way = " · ".join(filter(None, [str(number), store, problem.order.destination_country]))
        return two_lines(link(problem.order), way)
    if problem.job:
        return link(problem.job, problem.job.get_kind_display())
    return link(number) if number else code(problem.subject) or NOTHING


def due_badge(at: datetime | None) -> SafeString | str:
    """Overdue in red, soon in yellow; the words say it too."""
    if at is None:
        return NOTHING
    left = (at - timezone.now()).total_seconds()
    if left < 0:
        return badge(_("%(span)s over") % {"span": length(-left)}, BAD)
    return badge(_("in %(span)s") % {"span": length(left)}, DOUBTFUL if left < SOON.total_seconds() else WAITING)
