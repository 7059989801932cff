"""``/admin/sync/<order>/``: POST has everything about an order read now; GET shows how far that is, and refreshes."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from tracking import tasks
from tracking.admin import remap_pages
from tracking.admin.acts import MAY_SYNC
from tracking.admin.base import Table
from tracking.admin.display import NOTHING, age, job_badge, link, page_of
from tracking.models import Job, Order
from tracking.services.scope import visible
from tracking.services.sync import jobs_of, sync_now

REFRESH_SECONDS = 2


def sync_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Whoever may act on orders; an order of other stores is not found."""
    if not (request.user.has_perm(MAY_SYNC) and request.user.has_perm("tracking.view_order")):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    orders = visible(request.user, Order.objects.select_related("project", "store"))
    order = get_object_or_404(orders, pk=pk)
    if request.method == "POST":
        if order.deleted_at is None:
            sync_now(order, request.user)
            tasks.kick()
        return HttpResponseRedirect(reverse("sync", args=[order.pk]))
    steps = list(jobs_of(order))
    is_over = all(step.dead_at or step.want == step.done for step in steps)
    response = remap_pages.shown(
        request,
        "admin/tracking/sync.html",
        title=_("Sync now"),
        order=order,
        order_link=link(order),
        back=page_of(order),
        is_over=is_over,
        has_failed=any(step.dead_at for step in steps),
        steps=table_of(steps),
    )
    if not is_over:
        response.headers["Refresh"] = str(REFRESH_SECONDS)
    return response


def table_of(steps: list[Job]) -> Table:
    rows = [
        [step.get_kind_display(), job_badge(step), step.last_error or NOTHING, age(step.next_attempt_at)]
        for step in steps
    ]
    headings = [_("What"), _("State"), _("Last error"), _("When")]
    return Table(_("Steps"), headings, rows, _("Nothing was asked for yet."))
