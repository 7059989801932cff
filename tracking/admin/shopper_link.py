"""What the desk may do with the shopper's link: look at the page as the shopper sees it, or withdraw it."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from tracking.admin.display import page_of
from tracking.admin.order_registry import Act, acts_on_orders
from tracking.models import Order
from tracking.services.links import link_token, withdraw_link
from tracking.services.scope import may_see_people, visible

MAY_LOOK, MAY_WITHDRAW = "tracking.view_order", "tracking.change_order"
MOST_REASON = 500


@acts_on_orders
def link_acts(request: HttpRequest, order: Order) -> Iterable[Act]:
    """The page as the shopper sees it (not counted as a view), and an end to every link that was handed out. That page
    shows places and carriers' words unmasked, so its link is for those who may see people.
    """
    if order.deleted_at is None and request.user.has_perm(MAY_LOOK) and may_see_people(request.user):
        url = f"{reverse('track', args=[link_token(order)])}?preview"
        yield Act(_("Shopper's page"), url, icon="visibility", key="shopper-page")
    if order.deleted_at is None and request.user.has_perm(MAY_WITHDRAW):
        url = reverse("withdraw-link", args=[order.pk])
        yield Act(_("Withdraw the shopper's link"), url, icon="link_off", is_grave=True, key="withdraw-link")


def withdraw_page(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: what withdrawing means. POST with ``reason``: do it. Changes nothing where the reason is missing."""
    if not request.user.has_perm(MAY_WITHDRAW):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    order = get_object_or_404(visible(request.user, Order.objects.filter(pk=pk)))
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:MOST_REASON]
    if request.method == "POST" and reason:
        withdraw_link(order, actor=request.user, reason=reason)
        messages.success(request, _("Links that were handed out open nothing any more. New messages carry a new one."))
        return HttpResponseRedirect(page_of(order))
    context = {
        "title": _("Withdraw the shopper's link"),
        "order": order,
        "order_url": page_of(order),
        "most_reason": MOST_REASON,
        "is_reason_missing": request.method == "POST",
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "admin/tracking/withdraw_link.html", admin.site.each_context(request) | context)
