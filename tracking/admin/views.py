"""``/admin/views/``: lists as somebody likes to see them, kept under a name; and the list at hand as CSV.

a list ─ "Views, export" ─> its saved views · save this one · export ─ few rows ─> the file
                                                                     └ many ─> a job ─> its page ─> the file
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stores.admin import ConsoleAdmin
from tracking import tasks
from tracking.admin.display import list_of, when
from tracking.admin.sheets import ListSheet, page_of
from tracking.models import Export, SavedView
from tracking.services.exports import Forbidden, lines_of, note_export, text_of, want_export
from tracking.services.scope import EXPORT

MOST_AT_ONCE = 2_000  # rows that are written while the person waits
MOST_QUERY, MOST_NAME = 1_000, 80
REFRESH_SECONDS = 3
DROPPED = ("p", "_changelist_filters", "_popup", "_to_field")


def views_page(request: HttpRequest) -> HttpResponse:
    """GET ``list`` (a model's label) and ``query``: saved views of the list. POST with ``name``: keep this one."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    page, label, query = asked_for(request)
    if request.method == "POST":
        return kept(request, label, query)
    mine = SavedView.objects.filter(Q(user=request.user) | Q(group__in=request.user.groups.all()), list=label)
    context = {
        **admin.site.each_context(request),
        "title": _("Views of %(list)s") % {"list": page.opts.verbose_name_plural},
        "list": label,
        "query": query,
        "parts": parts_of(query),
        "back": f"{list_of(page.model)}?{query}" if query else list_of(page.model),
        "views": [
            (view, f"{list_of(page.model)}?{view.query}", view.user_id == request.user.pk)
            for view in mine.select_related("user", "group").distinct()
        ],
        "groups": request.user.groups.order_by("name"),
        "most_name": MOST_NAME,
        "may_export": request.user.has_perm(EXPORT),
        "exports": Export.objects.filter(user=request.user, expires_at__gt=timezone.now())[:10],
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "admin/tracking/views.html", context)


def asked_for(request: HttpRequest) -> tuple[ConsoleAdmin, str, str]:
    """The list that is meant, and its query without the page. Raises Http404, PermissionDenied."""
    given = request.POST if request.method == "POST" else request.GET
    label = given.get("list", "")
    try:
        page = page_of(label)
    except Forbidden as error:
        raise Http404 from error
    if not page.has_view_permission(request):
        raise PermissionDenied
    query = QueryDict(given.get("query", "").replace("\x00", "")[:MOST_QUERY], mutable=True)
    for name in DROPPED:
        query.pop(name, None)
    return page, label, query.urlencode()


def parts_of(query: str) -> list[tuple[str, str]]:
    """The filters in words, as far as their names tell."""
    return [(name, ", ".join(values)) for name, values in QueryDict(query).lists()]


def kept(request: HttpRequest, label: str, query: str) -> HttpResponse:
    """Keep the view; one of the same name is replaced. A search for a person's address is not kept."""
    name = request.POST.get("name", "").replace("\x00", "").strip()[:MOST_NAME]
    back = HttpResponseRedirect(f"{reverse('views')}?{urlencode({'list': label, 'query': query})}")
    if not name:
        messages.error(request, _("The name is missing."))
        return back
    if "@" in QueryDict(query).get("q", ""):
        messages.error(request, _("A search for a person's address is not kept: leave it out of the view."))
        return back
    group = (
        request.user.groups.filter(pk=request.POST["group"]).first()
        if request.POST.get("group", "").isdecimal()
        else None
    )
    try:
        with transaction.atomic():
            SavedView.objects.update_or_create(
                user=request.user, list=label, name=name, defaults={"query": query, "group": group}
            )
    except IntegrityError:
        messages.error(request, _("You have a view of this name already."))
        return back
    messages.success(request, _("Kept as “%(name)s”.") % {"name": name})
    return back


def view_delete_page(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: one's own view is gone."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    view = get_object_or_404(SavedView, pk=pk, user=request.user)
    label = view.list
    view.delete()
    messages.success(request, _("“%(name)s” is gone.") % {"name": view.name})
    return HttpResponseRedirect(f"{reverse('views')}?{urlencode({'list': label})}")


# ── export ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def export_page(request: HttpRequest) -> HttpResponseBase:
    """POST ``list`` and ``query``: the file at once, or a job where there are many rows."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    _page, label, query = asked_for(request)
    try:
        sheet = ListSheet(request.user, label, query)
    except Forbidden as error:
        raise PermissionDenied(str(error)) from error
    number = sheet.rows.order_by()[: MOST_AT_ONCE + 1].count()
    if number > MOST_AT_ONCE:
        export = want_export(request.user, label, query)
        transaction.on_commit(tasks.kick)
        return HttpResponseRedirect(reverse("export", args=[export.pk]))
    note_export(request.user, label, ngettext("%(n)d row", "%(n)d rows", number) % {"n": number})
    return as_file(whole(sheet), label)


def whole(sheet: ListSheet) -> Iterator[str]:
    yield "\ufeff" + lines_of([sheet.headings])
    for rows in sheet.in_order():
        yield lines_of(rows)


def as_file(text: Iterator[str], label: str) -> StreamingHttpResponse:
    name = f"{label.partition('.')[2].lower()}-{timezone.localdate():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)


def own_export(request: HttpRequest, pk: int) -> Export:
    """Raises Http404 for everybody but who asked for it, and once it has expired."""
    export: Export = get_object_or_404(Export, pk=pk, user=request.user, expires_at__gt=timezone.now())
    return export


def export_state_page(request: HttpRequest, pk: int) -> HttpResponse:
    """How far it is; the browser asks again every few seconds until the file is there."""
    export = own_export(request, pk)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Export %(number)s") % {"number": export},
        "export": export,
        "left": max((export.number or 0) - export.done, 0),
        "expires": when(export.expires_at),
        "back": list_of(page_of(export.list).model),
    }
    request.current_app = admin.site.name
    response = TemplateResponse(request, "admin/tracking/export.html", context)
    if export.finished_at is None:
        response.headers["Refresh"] = str(REFRESH_SECONDS)
    return response


def export_file_page(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The file, for as long as the person may export at all."""
    export = own_export(request, pk)
    if export.finished_at is None or export.fault:
        raise Http404
    if not request.user.has_perm(EXPORT):
        raise PermissionDenied
    return as_file(text_of(export), export.list)
