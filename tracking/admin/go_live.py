"""``/admin/go-live/<store>/``: is this store ready? Go or no-go, what is left to do, and everything that was found.

page (GET) shows the last examination ─> "Check now" (POST) ─> a job examines project, accounts and store ─> the page
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from stores.models import Store
from tracking import tasks
from tracking.admin.display import link
from tracking.admin.doctor import examination, may_check, part_title
from tracking.admin.viewer import needs_all_stores
from tracking.enums import Area, Health
from tracking.models import Run
from tracking.services.doctor.examine import found_in, last_run, store_subject, want

REFRESH_SECONDS = 3


def go_live_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Whoever may see stores looks, whoever may have connections examined asks for it. It is about all of a project."""
    if not request.user.has_perm("stores.view_store"):
        raise PermissionDenied
    needs_all_stores(request.user)
    if request.method == "POST" and not may_check(request.user):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    store = get_object_or_404(Store.objects.select_related("project"), pk=pk)
    if request.method == "POST":
        want(store_subject(store))
        transaction.on_commit(tasks.kick)
        messages.success(request, _("A worker examines what this store needs: look again in a moment."))
        return HttpResponseRedirect(reverse("go-live", args=[store.pk]))
    last = last_run(store_subject(store), is_finished=True)
    response = examination(
        request,
        store_subject(store),
        "admin/tracking/go_live.html",
        title=_("Going live: %(store)s") % {"store": store},
        store=store,
        store_link=link(store),
        steps=next_steps(last) if last else [],
    )
    context = response.context_data or {}
    if context["progress"] or context["waits"]:
        response.headers["Refresh"] = str(REFRESH_SECONDS)
    return response


def next_steps(run: Run) -> list[tuple[Any, str, Any]]:
    """What is left to do, what keeps it from going live first: (area, step, where)."""
    found = [(part, one) for part, findings in found_in(run).items() for one in findings if one["next_step"]]
    ranked = sorted(found, key=lambda pair: pair[1]["state"] != Health.BROKEN)
    return [(Area(one["area"]).label, one["next_step"], part_title(part)) for part, one in ranked]
