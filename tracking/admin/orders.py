"""Orders and their parcels: what a support agent opens when somebody asks where it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from stores.admin import RelatedFilter
from tracking import tasks
from tracking.admin import story, why
from tracking.admin.act_pages import act_on
from tracking.admin.acts import ACTS
from tracking.admin.base import Facts, HistoryAdmin, Page, report
from tracking.admin.display import (
    NOTHING,
    age,
    code,
    link,
    open_problems_badge,
    page_of,
    short,
    status_badge,
    two_lines,
    when,
)
from tracking.admin.filters import (
    CourierOfParcelFilter,
    DayFilter,
    DestinationFilter,
    LateFilter,
    NumberFilter,
    ParcelTroubleFilter,
    RemovedFilter,
    ReturnFilter,
    StatusOfParcelFilter,
    TroubleFilter,
)
from tracking.admin.listed import flags_of_listed, listed_condition, open_problems, problems_of_listed
from tracking.admin.order_page.facts import headline
from tracking.admin.order_page.flags import flag_badges
from tracking.admin.order_page.loading import shown_order
from tracking.admin.order_registry import acts_of_order, acts_of_parcel, sections_of
from tracking.admin.order_status import status_of
from tracking.admin.remap_pages import MAY_REMAP, choose_page
from tracking.admin.search import cut_note, orders_by, parcels_by
from tracking.admin.viewer import seen
from tracking.enums import JobKind, ParcelStatus, StaffActionKind
from tracking.models import Attempt, Order, Parcel, Problem
from tracking.services import jobs
from tracking.services.connections import upstream_key
from tracking.services.flags import flags_of
from tracking.services.staff import note_each
from tracking.services.why import why as explain


def number_of(problems: QuerySet[Problem], by: str) -> Coalesce:
    """How many of these open problems each row of the outer query has, as a subquery; ``by`` leads to that row."""
    mine = problems.filter(closed_at=None, **{by: OuterRef("pk")}).order_by().values(by)
    return Coalesce(Subquery(mine.annotate(n=Count("pk", distinct=True)).values("n"), output_field=IntegerField()), 0)


@admin.register(Order)
class OrderAdmin(HistoryAdmin):
    """One order: its parcels, what they carry, and everything that happened to them under one code."""

    list_display = [
        "number", "store_name", "status", "flags", "parcels_count", "last_scan", "problems_count", "ordered",
    ]  # fmt: skip
    list_filter = [
        StatusOfParcelFilter,
        LateFilter,
        TroubleFilter,
        ("store", RelatedFilter),
        ("project", RelatedFilter),
        CourierOfParcelFilter,
        DestinationFilter,
        ReturnFilter,
        ("ordered_at", DayFilter),
    ]
    list_select_related = ["project", "store"]
    ordering = ["-created_at"]
    search_fields = ["order_number"]
    search_note = staticmethod(cut_note)
    search_help_text = gettext_lazy("Order or tracking number, e-mail, id or code")
    actions = ["read_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        parcels = Parcel.objects.filter(removed_at=None).select_related("tracking", "route").order_by("pk")
        parcels = parcels.prefetch_related(open_problems(request.user, "tracking__problems"))
        of_parcels = Prefetch("parcels", parcels, to_attr="live_parcels")
        return super().get_queryset(request).prefetch_related(of_parcels, open_problems(request.user, "problems"))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return queryset.filter(pk__in=orders_by(search_term).values("pk")) if search_term else queryset, False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A search that finds one order opens it."""
        text = request.GET.get("q", "").strip()
        if text and request.method == "GET" and list(request.GET) == ["q"] and self.has_view_permission(request):
            found = list(seen(orders_by(text))[:2])
            if len(found) == 1:
                return HttpResponseRedirect(page_of(found[0]))
        return super().changelist_view(request, extra_context)

    @admin.display(description=gettext_lazy("order"), ordering="order_number")
    def number(self, order: Order) -> str:
        return str(order)

    @admin.display(description=gettext_lazy("store"))
    def store_name(self, order: Order) -> SafeString:
        name = order.store.key if order.store else order.project.key
        return format_html('<span class="{}">{}</span>', short(name), name)

    @admin.display(description=gettext_lazy("status"))
    def status(self, order: Order) -> SafeString | str:
        if order.deleted_at:
            return _("deleted in commercetools")
        return status_badge(status_of(order))

    @admin.display(description=gettext_lazy("to know"))
    def flags(self, order: Order) -> SafeString | str:
        return flag_badges(flags_of_listed(order))

    @admin.display(description=gettext_lazy("parcels"))
    def parcels_count(self, order: Order) -> SafeString:
        parcels = order.live_parcels
        arrived = sum(bool(one.tracking and one.tracking.status == ParcelStatus.DELIVERED) for one in parcels)
        return two_lines(len(parcels), _("%(n)d delivered") % {"n": arrived} if arrived else "")

    @admin.display(description=gettext_lazy("last checkpoint"))
    def last_scan(self, order: Order) -> SafeString | str:
        scanned = [one.tracking for one in order.live_parcels if one.tracking and one.tracking.updated_at]
        return story.last_checkpoint(max(scanned, key=lambda tracking: tracking.updated_at, default=None))

    @admin.display(description=gettext_lazy("problems"))
    def problems_count(self, order: Order) -> SafeString | str:
        return open_problems_badge(len(problems_of_listed(order)))

    @admin.display(description=gettext_lazy("ordered"))
    def ordered(self, order: Order) -> SafeString | str:
        return age(order.ordered_at or order.created_at)

    @admin.action(description=gettext_lazy("Read again from commercetools"), permissions=["act"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        """Wish for one read of each order; what has changed there is then taken in as usual."""
        orders = list(queryset.filter(deleted_at=None).select_related("project"))
        with transaction.atomic():
            jobs.want(
                jobs.Wish(JobKind.COLLECT, str(order.pk), upstream_key(order.project), order.correlation_id)
                for order in orders
            )
            note_each(StaffActionKind.SYNC, orders, actor=request.user, summary="Read again from commercetools")
        tasks.kick()
        words, level = report(
            len(orders),
            lambda n: ngettext("%(n)d order will be read.", "%(n)d orders will be read.", n) % {"n": n},
            _("These orders were deleted in commercetools: there is nothing to read."),
        )
        return self.done(request, queryset, words, level)

    def fits(self, action: str, order: Order) -> bool:
        return order.deleted_at is None

    def page_for(self, request: HttpRequest, order: Order) -> Page:
        """The sections of `order_registry`, in their order."""
        shown = shown_order(request, order)
        return Page(headline(order), [], sections_of(shown), acts_of_order(request, order))


@admin.register(Parcel)
class ParcelAdmin(HistoryAdmin):
    """One parcel: which tracking it got and why, and what it carries in commercetools."""

    list_display = [
        "number", "order_link", "carrier_name", "status", "flags", "last_scan", "in_commercetools", "shipped",
    ]  # fmt: skip
    list_filter = [
        StatusOfParcelFilter,
        LateFilter,
        ParcelTroubleFilter,
        NumberFilter,
        ("order__store", RelatedFilter),
        CourierOfParcelFilter,
        DestinationFilter,
        ReturnFilter,
        ("tracking__account", RelatedFilter),
        RemovedFilter,
        ("shipped_at", DayFilter),
    ]
    list_select_related = ["order__project", "order__store", "tracking", "route"]
    ordering = ["-pk"]
    search_fields = ["tracking_number"]
    search_note = staticmethod(cut_note)
    search_help_text = gettext_lazy("Tracking or order number, e-mail, id or code")
    actions = ["remap", "retrack", "mark_delivered", "mark_lost", "mark_returned", "stop", "correct_courier"]

    def has_remap_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_REMAP)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Parcel]:
        of_both = [open_problems(request.user, link) for link in ("problems", "tracking__problems")]
        return super().get_queryset(request).prefetch_related(*of_both)

    @admin.display(description=gettext_lazy("to know"))
    def flags(self, parcel: Parcel) -> SafeString | str:
        return flag_badges(flags_of(listed_condition(parcel), timezone.localdate()))

    def has_retrack_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ACTS["retrack"].permission)

    def has_mark_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ACTS["delivered"].permission)

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ACTS["stop"].permission)

    def asked(self, request: HttpRequest, key: str, queryset: QuerySet[Parcel]) -> HttpResponse:
        """The page that shows what it would do to these parcels; nothing is changed yet."""
        ids = sorted(queryset.values_list("pk", flat=True))
        return act_on(request, ACTS[key], ids, is_asked=True)

    @admin.action(description=ACTS["retrack"].label, permissions=["retrack"])
    def retrack(self, request: HttpRequest, queryset: QuerySet[Parcel]) -> HttpResponse:
        return self.asked(request, "retrack", queryset)

    @admin.action(description=ACTS["delivered"].label, permissions=["mark"])
    def mark_delivered(self, request: HttpRequest, queryset: QuerySet[Parcel]) -> HttpResponse:
        return self.asked(request, "delivered", queryset)

    @admin.action(description=ACTS["lost"].label, permissions=["mark"])
    def mark_lost(self, request: HttpRequest, queryset: QuerySet[Parcel]) -> HttpResponse:
        return self.asked(request, "lost", queryset)

    @admin.action(description=ACTS["returned"].label, permissions=["mark"])
    def mark_returned(self, request: HttpRequest, queryset: QuerySet[Parcel]) -> HttpResponse:
        return self.asked(request, "returned", queryset)

    @admin.action(description=ACTS["stop"].label, permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Parcel]) -> HttpResponse:
        return self.asked(request, "stop", queryset)

    @admin.action(description=ACTS["courier"].label, permissions=["remap"])
    def correct_courier(self, request: HttpRequest, queryset: QuerySet[Parcel]) -> HttpResponse:
        return self.asked(request, "courier", queryset)

    def page_for(self, request: HttpRequest, parcel: Parcel) -> Page:
        return replace(self.page(parcel), acts=acts_of_parcel(request, parcel))

    @admin.action(description=gettext_lazy("Remap"), permissions=["remap"])
    def remap(self, request: HttpRequest, queryset: QuerySet[Parcel]) -> HttpResponse:
        """Choose where these parcels go; nothing is changed yet."""
        return choose_page(request, sorted(queryset.values_list("pk", flat=True)))

    def fits(self, action: str, parcel: Parcel) -> bool:
        """On its own page the acts are buttons that say more."""
        return False

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return queryset.filter(pk__in=parcels_by(search_term).values("pk")) if search_term else queryset, False

    @admin.display(description=gettext_lazy("parcel"))
    def number(self, parcel: Parcel) -> SafeString:
        return two_lines(parcel.tracking_number or _("no number yet"), story.parcel_note(parcel))

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, parcel: Parcel) -> SafeString | str:
        return story.order_line(parcel.order)

    @admin.display(description=gettext_lazy("carrier"))
    def carrier_name(self, parcel: Parcel) -> SafeString:
        return two_lines(parcel.carrier or NOTHING, story.courier_of(parcel.tracking))

    @admin.display(description=gettext_lazy("status"))
    def status(self, parcel: Parcel) -> SafeString | str:
        return status_badge(parcel.tracking.status if parcel.tracking else None)

    @admin.display(description=gettext_lazy("last checkpoint"))
    def last_scan(self, parcel: Parcel) -> SafeString | str:
        return story.last_checkpoint(parcel.tracking)

    @admin.display(description=gettext_lazy("in commercetools"))
    def in_commercetools(self, parcel: Parcel) -> SafeString | str:
        return status_badge(str(parcel.carried.get("tb_status") or "")) if parcel.carried else _("nothing yet")

    @admin.display(description=gettext_lazy("shipped"))
    def shipped(self, parcel: Parcel) -> SafeString | str:
        return age(parcel.shipped_at or parcel.created_at)

    def get_urls(self) -> list[URLPattern]:
        page = path("<int:pk>/why/", self.admin_site.admin_view(self.why_view), name="tracking_parcel_why")
        return [page, *super().get_urls()]

    def why_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Why it went there, and what the rules would say now. Saves nothing."""
        if not self.has_view_permission(request) or request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        rows = Parcel.objects.select_related(
            "order__project", "order__store", "tracking__account", "route__project", "route__store", "route__account"
        )
        parcel = seen(rows).filter(pk=pk).first()
        if parcel is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(pk))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Why did it go there?"),
            "opts": self.opts,
            "original": parcel,
            "page": why.page(parcel),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/tracking/story.html", context)

    def page(self, parcel: Parcel) -> Page:
        """The parcel with its tracking, scans and decisions, and what happened under its order's or tracking's code."""
        tracking, order = parcel.tracking, parcel.order
        codes = {order.correlation_id} | ({tracking.correlation_id} if tracking else set())
        ids = [tracking.pk] if tracking else []
        return Page(
            headline=format_html(
                "{} {} ",
                status_badge(tracking.status) if tracking else _("Not tracked"),
                _("removed from the order") if parcel.removed_at else _("of order"),
            )
            + (link(order) if not parcel.removed_at else ""),
            facts=parcel_facts(parcel),
            blocks=[
                story.problems_block(Problem.objects.filter(Q(parcel=parcel) | Q(tracking__in=ids)).distinct()),
                Facts(_("Carried in commercetools"), story.carried_values(parcel.carried)),
                *why.blocks(explain(parcel)),
                story.checkpoints_block([tracking] if tracking else []),
                story.jobs_block(story.jobs_of([order.pk], ids)),
                story.attempts_block(Attempt.objects.filter(correlation_id__in=codes), q=order.correlation_id),
                story.receipts_block([order.correlation_id, *sorted(codes - {order.correlation_id})]),
            ],
        )


def parcel_id(parcel: Parcel) -> Any:
    if parcel.is_in_commercetools:
        return code(parcel.commercetools_id)
    if parcel.is_return:
        return _("no parcel: a number of the order's return information")
    return _("no parcel: a number in a custom field of the order or delivery")


def parcel_facts(parcel: Parcel) -> list[tuple[str, Any]]:
    """Names and values of what we know of the parcel itself, as it stands in commercetools."""
    return [
        (_("Order"), story.order_line(parcel.order)),
        (_("Tracking number"), parcel.tracking_number or _("none yet")),
        (_("Carrier"), two_lines(parcel.carrier or NOTHING, story.courier_of(parcel.tracking))),
        (_("Tracking"), link(parcel.tracking)),
        (_("Route"), two_lines(link(parcel.route), why.now_link(parcel))),
        (_("Direction"), _("Return") if parcel.is_return else _("To the shopper")),
        (_("Last checkpoint"), story.last_checkpoint(parcel.tracking)),
        (_("Key"), parcel.key or NOTHING),
        (_("Shipped"), when(parcel.shipped_at)),
        (_("Items"), ", ".join(f"{number} × {item[:8]}…" for item, number in parcel.items.items()) or NOTHING),
        (_("Delivery id"), code(parcel.delivery_id)),
        (_("commercetools id"), parcel_id(parcel)),
        (_("Removed"), when(parcel.removed_at)),
    ]
