"""Trackings and checkpoints: what AfterShip says, and which parcels show it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from stores.admin import RelatedFilter
from tracking.admin import story
from tracking.admin.base import Facts, HistoryAdmin, Page, Table
from tracking.admin.codes import code_link
from tracking.admin.display import (
    NOTHING,
    age,
    as_given,
    clock_on_the_wall,
    code,
    day,
    lines,
    link,
    open_problems_badge,
    status_badge,
    two_lines,
    when,
)
from tracking.admin.filters import CourierFilter, LifeFilter, TrackingTroubleFilter
from tracking.admin.orders import number_of
from tracking.admin.search import cut_note, trackings_by
from tracking.admin.viewer import hidden, said, shows_people
from tracking.models import Attempt, Checkpoint, Parcel, Problem, Tracking
from tracking.services.scope import visible


@admin.register(Tracking)
class TrackingAdmin(HistoryAdmin):
    """AfterShip's record of one number, with its checkpoints."""

    list_display = [
        "number",
        "orders",
        "courier_name",
        "shown_status",
        "last_scan",
        "expected",
        "problems_count",
        "updated",
    ]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        TrackingTroubleFilter,
        ("account", RelatedFilter),
        CourierFilter,
        LifeFilter,
    ]
    list_select_related = ["account"]
    ordering = ["-created_at", "-pk"]
    search_fields = ["tracking_number"]
    search_note = staticmethod(cut_note)
    search_help_text = gettext_lazy("Tracking or order number, e-mail, AfterShip id or code")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tracking]:
        parcels = visible(request.user, Parcel.objects.select_related("order__project", "order__store"))
        parcels = parcels.order_by("pk")
        return (
            super()
            .get_queryset(request)
            .prefetch_related(Prefetch("parcels", parcels, to_attr="shown_on"))
            .annotate(problems_number=number_of(Problem.objects.all(), "tracking"))
        )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return queryset.filter(pk__in=trackings_by(search_term).values("pk")) if search_term else queryset, False

    @admin.display(description=gettext_lazy("number"), ordering="tracking_number")
    def number(self, tracking: Tracking) -> SafeString:
        return two_lines(tracking.tracking_number, _("retired") if tracking.retired_at else "")

    @admin.display(description=gettext_lazy("orders"))
    def orders(self, tracking: Tracking) -> SafeString | str:
        return lines([link(order) for order in {parcel.order: None for parcel in tracking.shown_on}])

    @admin.display(description=gettext_lazy("courier"))
    def courier_name(self, tracking: Tracking) -> SafeString:
        return two_lines(story.courier_of(tracking), tracking.account)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def shown_status(self, tracking: Tracking) -> SafeString | str:
        return status_badge(tracking.status)

    @admin.display(description=gettext_lazy("last checkpoint"))
    def last_scan(self, tracking: Tracking) -> SafeString | str:
        return story.last_checkpoint(tracking)

    @admin.display(description=gettext_lazy("problems"))
    def problems_count(self, tracking: Tracking) -> SafeString | str:
        return open_problems_badge(tracking.problems_number)

    @admin.display(description=gettext_lazy("expected"), ordering="eta")
    def expected(self, tracking: Tracking) -> str:
        return day(tracking.eta)

    @admin.display(description=gettext_lazy("updated"))
    def updated(self, tracking: Tracking) -> SafeString | str:
        return age(tracking.updated_at)

    def page(self, tracking: Tracking) -> Page:
        """The tracking with its parcels, scans and calls."""
        parcels: list[Parcel] = tracking.shown_on
        for parcel in parcels:
            parcel.tracking = tracking
        codes = {tracking.correlation_id} | {parcel.order.correlation_id for parcel in parcels}
        orders = {parcel.order_id for parcel in parcels}
        words = said(tracking.last_message, tracking.subtag_message)
        retired = format_html("{} {}", _("· retired:"), tracking.retired_reason) if tracking.retired_at else ""
        return Page(
            headline=format_html("{} {} {}", status_badge(tracking.status), words, retired),
            facts=tracking_facts(tracking),
            blocks=[
                story.problems_block(Problem.objects.filter(tracking=tracking)),
                shown_on_block(parcels),
                story.checkpoints_block([tracking]),
                Facts(_("At AfterShip"), aftership_facts(tracking)),
                story.jobs_block(story.jobs_of(orders, [tracking.pk])),
                story.attempts_block(Attempt.objects.filter(correlation_id__in=codes), q=tracking.correlation_id),
                story.receipts_block([tracking.correlation_id, *sorted(codes - {tracking.correlation_id})]),
            ],
        )


def tracking_facts(tracking: Tracking) -> list[tuple[str, Any]]:
    address = tracking.tracking_url if shows_people() else ""
    page = format_html('<a class="tb-link" href="{0}" rel="noreferrer">{0}</a>', address) if address else NOTHING
    return [
        (_("Courier"), story.courier_of(tracking)),
        (_("Last checkpoint"), story.last_checkpoint(tracking)),
        (_("Expected"), day(tracking.eta)),
        (_("Delivered"), as_given(tracking.delivered_at) or NOTHING),
        (_("Direction"), _("Return") if tracking.is_return else _("To the shopper")),
        (_("Tracking page"), page),
        (_("Code of this story"), code_link(tracking.correlation_id)),
    ]


def aftership_facts(tracking: Tracking) -> list[tuple[str, Any]]:
    """Names and values of what stands at AfterShip: account, ids, courier asked for and found."""
    return [
        (_("Account"), link(tracking.account)),
        (_("AfterShip id"), code(tracking.aftership_id)),
        (_("Tag and subtag"), two_lines(tracking.tag or NOTHING, f"{tracking.subtag} {tracking.subtag_message}")),
        (_("Asked for courier"), tracking.requested_courier or _("none: AfterShip detects it")),
        (_("Polled by AfterShip"), _("yes") if tracking.is_moving else _("no")),
        (_("Adopted"), _("yes: AfterShip had it before us") if tracking.is_adopted else _("no")),
        (_("Newest snapshot"), when(tracking.updated_at)),
        (_("Status changed"), when(tracking.status_changed_at)),
        (_("Opened"), when(tracking.opened_at)),
        (_("Retired"), when(tracking.retired_at)),
        (_("Leads on to"), link(tracking.replaced_by)),
    ]


def shown_on_block(parcels: list[Parcel]) -> Table:
    """Every parcel that shows this number, also of several orders."""
    return Table(
        _("Shown on"),
        [_("Order"), _("Parcel"), _("In commercetools"), _("Shipped")],
        [
            [
                story.order_line(parcel.order),
                two_lines(story.number_link(parcel), story.parcel_note(parcel)),
                story.carried_fields(parcel.carried),
                when(parcel.shipped_at),
            ]
            for parcel in parcels
        ],
        _("No parcel shows this number any more."),
    )


@admin.register(Checkpoint)
class CheckpointAdmin(HistoryAdmin):
    """Scans, as they were reported."""

    list_display = ["what", "tracking_link", "where", "clock", "says", "reported"]
    list_filter = [("tracking__account", RelatedFilter)]
    list_select_related = ["tracking"]
    ordering = ["-pk"]
    search_fields = ["tracking__tracking_number"]
    search_note = staticmethod(cut_note)
    search_help_text = gettext_lazy("Tracking or order number, e-mail, AfterShip id or code")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return queryset.filter(tracking__in=trackings_by(search_term).values("pk")) if search_term else queryset, False

    @admin.display(description=gettext_lazy("what happened"))
    def what(self, checkpoint: Checkpoint) -> str:
        return said(checkpoint.message, checkpoint.subtag_message or checkpoint.tag) or NOTHING

    @admin.display(description=gettext_lazy("tracking"))
    def tracking_link(self, checkpoint: Checkpoint) -> SafeString | str:
        return link(checkpoint.tracking)

    @admin.display(description=gettext_lazy("where"))
    def where(self, checkpoint: Checkpoint) -> str:
        return hidden(checkpoint.location) or NOTHING

    @admin.display(description=gettext_lazy("time there"))
    def clock(self, checkpoint: Checkpoint) -> SafeString:
        return clock_on_the_wall(checkpoint)

    @admin.display(description=gettext_lazy("AfterShip says"))
    def says(self, checkpoint: Checkpoint) -> SafeString:
        return two_lines(checkpoint.tag or NOTHING, checkpoint.subtag)

    @admin.display(description=gettext_lazy("reported"))
    def reported(self, checkpoint: Checkpoint) -> SafeString | str:
        return age(checkpoint.reported_at or checkpoint.created_at)

    def page(self, checkpoint: Checkpoint) -> Page:
        """One scan: when, where and what, as the carrier said it and as we read it."""
        place = (*map(hidden, (checkpoint.city, checkpoint.state, checkpoint.postal_code)), checkpoint.country)
        return Page(
            headline=self.what(checkpoint),
            facts=[
                (_("Tracking"), link(checkpoint.tracking)),
                (_("Time there"), clock_on_the_wall(checkpoint)),
                (_("Time as given"), checkpoint.time_text or NOTHING),
                (_("Reported to AfterShip"), when(checkpoint.reported_at)),
                (_("Kept here since"), when(checkpoint.created_at)),
                (_("Where"), hidden(checkpoint.location) or NOTHING),
                (_("City, state, postal code, country"), ", ".join(part for part in place if part) or NOTHING),
                (_("Tag and subtag"), two_lines(checkpoint.tag or NOTHING, checkpoint.subtag)),
                (_("Subtag in words"), checkpoint.subtag_message or NOTHING),
                (_("Courier"), checkpoint.courier or NOTHING),
                (_("Courier's own code"), checkpoint.raw_tag or NOTHING),
                (_("Source"), checkpoint.source or NOTHING),
                (_("Fingerprint"), code(checkpoint.fingerprint)),
            ],
        )
