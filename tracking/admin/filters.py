"""Filters of the lists. Each is one condition that an index or a small table can answer."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from tracking.enums import ParcelStatus
from tracking.models import Parcel, Problem


class ParcelStatusFilter(DropdownFilter):
    """Orders of which a parcel has this status."""

    title = _("status of a parcel")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return ParcelStatus.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        parcels = Parcel.objects.filter(removed_at=None, tracking__retired_at=None, tracking__status=self.value())
        return queryset.filter(pk__in=parcels.values("order"))


class TroubleFilter(DropdownFilter):
    """Rows with or without an open problem. ``link`` is the problem's link to them."""

    title = _("problems")
    parameter_name = "problems"
    link = "order"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [("open", _("With an open problem")), ("none", _("Without"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        troubled = Q(pk__in=Problem.objects.filter(closed_at=None, **{f"{self.link}__isnull": False}).values(self.link))
        if self.link == "order":
            doubtful = Parcel.objects.filter(tracking__problems__closed_at=None, tracking__problems__isnull=False)
            troubled |= Q(pk__in=doubtful.filter(removed_at=None).values("order"))
        if self.value() == "open":
            return queryset.filter(troubled)
        return queryset.exclude(troubled) if self.value() == "none" else queryset


class TrackingTroubleFilter(TroubleFilter):
    link = "tracking"


class LifeFilter(DropdownFilter):
    """Live rows or those that were retired or removed; ``column`` tells which."""

    title = _("life")
    parameter_name = "life"
    column = "retired_at"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [("live", _("Live")), ("gone", _("Retired or removed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(**{f"{self.column}__isnull": self.value() == "live"})


class RemovedFilter(LifeFilter):
    column = "removed_at"


class NumberFilter(DropdownFilter):
    """Parcels that wait for a number, or have a number but no tracking."""

    title = _("number")
    parameter_name = "number"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [("none", _("Waiting for a number")), ("untracked", _("Number without tracking"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        untracked = queryset.filter(tracking=None, removed_at=None)
        if self.value() == "none":
            return untracked.filter(tracking_number="")
        return untracked.exclude(tracking_number="") if self.value() == "untracked" else queryset


class CourierFilter(TextFilter):
    """Trackings of one courier, by its slug."""

    title = _("courier (slug)")
    parameter_name = "courier"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(courier=self.value().strip().lower()) if self.value() else queryset


class ProblemStateFilter(DropdownFilter):
    """Open problems first of all: closed ones only when asked for, or when searching."""

    title = _("state")
    parameter_name = "state"
    all_option = None

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [("open", _("Open")), ("closed", _("Closed")), ("all", _("Open and closed"))]

    def value(self) -> str:
        return super().value() or ("all" if self.searching else "open")

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: ModelAdmin) -> None:
        self.searching = bool(request.GET.get("q"))
        super().__init__(request, params, model, model_admin)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == "open")


class JobStateFilter(DropdownFilter):
    """Jobs by what they wait for."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [
            ("waiting", _("Waiting or running")),
            ("backing_off", _("Backing off")),
            ("dead", _("Dead letters")),
            ("done", _("Done")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        waiting = Q(want__gt=F("done"), dead_at=None)
        failed = Q(attempts__gt=0) & ~Q(last_error_code="")
        conditions = {
            "waiting": waiting & ~failed,
            "backing_off": waiting & failed,
            "dead": Q(dead_at__isnull=False),
            "done": Q(want=F("done")),
        }
        condition = conditions.get(self.value() or "")
        return queryset.filter(condition) if condition else queryset


class OutcomeFilter(DropdownFilter):
    """Calls by their verdict."""

    title = _("result")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [(one, one) for one in ("ok", "retry", "conflict", "stopped", "refused")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(outcome=self.value()) if self.value() else queryset
