"""``/admin/erase/``: a person is erased, for administrators; and the certificates of it.

an order's button, or an address (posted, never in a URL) ─> what would go ─ POST with a reason ─> the certificate
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracking import tasks
from tracking.admin import remap_pages
from tracking.admin.acts import MAY_ERASE
from tracking.admin.base import Facts, HistoryAdmin, Page, Table
from tracking.admin.codes import code_link
from tracking.admin.display import GOOD, MOVING, NOTHING, age, badge, link, page_of, two_lines, when
from tracking.admin.remap_pages import MOST_REASON, clean
from tracking.admin.viewer import needs_all_stores
from tracking.models import Erasure, Order
from tracking.services.erase import Plan, certificate_of, plan_erasure, start_erasure, upstream_progress
from tracking.services.scope import visible

MOST_ORDERS = 100
REFRESH_SECONDS = 3
LEFT = gettext_lazy(
    "commercetools is the merchant's own: erase the person there, too. Tracking numbers, order numbers, countries, "
    "times and statuses stay: figures are made of them."
)


def erase_page(request: HttpRequest) -> HttpResponse:
    """Ask for an address, show what would be erased, erase. Only people without a limit to stores may."""
    if not request.user.has_perm(MAY_ERASE):
        raise PermissionDenied
    needs_all_stores(request.user)
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    email, order = asked(request)
    plan = plan_erasure(email) if email else None
    reason = clean(request.POST.get("reason", ""))[:MOST_REASON]
    is_start = request.method == "POST" and "start" in request.POST and plan is not None and plan.orders > 0
    if is_start and reason and request.POST.get("sure"):
        erasure = start_erasure(email, actor=request.user, reason=reason)
        tasks.kick()
        return HttpResponseRedirect(page_of(erasure))
    return remap_pages.shown(
        request,
        "admin/tracking/erase.html",
        title=_("Erase a person"),
        email=email,
        order=order,
        plan=plan,
        facts=facts_of(plan) if plan and plan.orders else None,
        earlier=list(certificate_of(email)) if email and plan and not plan.orders else [],
        reason=reason,
        is_incomplete=is_start,
        is_sure=bool(request.POST.get("sure")),
        most_reason=MOST_REASON,
        left=LEFT,
    )


def asked(request: HttpRequest) -> tuple[str, Order | None]:
    """Whose address: that of an order, or one that was typed and posted."""
    given = request.POST if request.method == "POST" else request.GET
    key = given.get("order", "")
    orders = visible(request.user, Order.objects.all())
    order = orders.filter(pk=int(key)).first() if key.isdecimal() and len(key) < 19 else None
    if order:
        return order.customer_email, order
    return clean(request.POST.get("email", ""))[:320].lower(), None


def facts_of(plan: Plan) -> Facts:
    """What an erasure would empty, delete and leave, in numbers: nothing has happened yet."""
    return Facts(
        _("What would go"),
        [
            (_("Orders"), f"{plan.orders:,}"),
            (_("Stores"), ", ".join(plan.stores) or NOTHING),
            (_("Parcels"), f"{plan.parcels:,}"),
            (_("Still on their way: no longer tracked then"), f"{plan.under_way:,}"),
            (_("Deleted at AfterShip"), f"{plan.at_aftership:,}"),
            (_("Left at AfterShip, which had them before us: ask whoever made them"), f"{plan.adopted:,}"),
            (_("Shared with other people's orders: they stay"), f"{plan.shared:,}"),
        ],
    )


@admin.register(Erasure)
class ErasureAdmin(HistoryAdmin):
    """People who were erased: certificates, without saying who."""

    list_display = ["certificate", "shown_state", "orders_count", "who", "made"]
    ordering = ["-made_at"]
    search_fields = ["correlation_id"]
    search_help_text = gettext_lazy("Code of the certificate")

    @admin.display(description=gettext_lazy("certificate"))
    def certificate(self, erasure: Erasure) -> str:
        return str(erasure)

    @admin.display(description=gettext_lazy("state"))
    def shown_state(self, erasure: Erasure) -> SafeString:
        return state_badge(erasure)

    @admin.display(description=gettext_lazy("orders"))
    def orders_count(self, erasure: Erasure) -> str:
        return f"{erasure.counts.get('orders', 0):,}"

    @admin.display(description=gettext_lazy("by"))
    def who(self, erasure: Erasure) -> str:
        return erasure.actor_name or NOTHING

    @admin.display(description=gettext_lazy("started"), ordering="made_at")
    def made(self, erasure: Erasure) -> SafeString | str:
        return age(erasure.made_at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The certificate; while it is under way, the browser asks for it again every few seconds."""
        response = super().change_view(request, object_id, form_url, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "original" in context and context["original"].finished_at is None:
            response.headers["Refresh"] = str(REFRESH_SECONDS)
        return response

    def page(self, erasure: Erasure) -> Page:
        """What an erasure did, how far AfterShip has followed, and what stays; without the person whom it was about."""
        requested, deleted = upstream_progress(erasure)
        orders = list(erasure.orders.select_related("project").order_by("pk")[: MOST_ORDERS + 1])
        more = _("More are not listed.") if len(orders) > MOST_ORDERS else ""
        done = _("%(done)s of %(all)s") % {"done": f"{deleted:,}", "all": f"{requested:,}"}
        return Page(
            headline=format_html("{} {}", state_badge(erasure), erasure),
            facts=[
                (_("Asked for by"), erasure.actor_name or _("the command line")),
                (_("Reason"), erasure.reason),
                (_("Started"), when(erasure.made_at)),
                (_("Finished"), when(erasure.finished_at)),
                (_("Deleted at AfterShip"), done),
                (_("What stays"), LEFT),
                (_("Code of this story"), code_link(erasure.correlation_id)),
            ],
            blocks=[
                Table(
                    _("Emptied"),
                    [_("What"), _("Rows")],
                    [[what.capitalize(), f"{number:,}"] for what, number in sorted(erasure.counts.items())],
                    _("Nothing yet."),
                ),
                Table(
                    _("Orders"),
                    [_("Order"), _("Ordered")],
                    [[two_lines(link(one), one.project.key), when(one.ordered_at)] for one in orders[:MOST_ORDERS]],
                    _("None yet."),
                    more=more,
                ),
            ],
        )


def state_badge(erasure: Erasure) -> SafeString:
    return badge(_("Done"), GOOD) if erasure.finished_at else badge(_("Under way"), MOVING)
