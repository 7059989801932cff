"""Filters of the lists. Each is one condition that an index or a small table can answer."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter, TextFilter
from unfold.utils import parse_date_str

from tracking.enums import EXPECTED, ParcelStatus
from tracking.models import Parcel, Problem

MANY_PROBLEMS = 2_000
# Filters of orders look at the parcels that are there, and at what tracks them now.
HERE = Q(removed_at=None, tracking__retired_at=None)


class OfParcelFilter(DropdownFilter):
    """Orders, or parcels, by a condition on a parcel: ``condition`` says it for a value that was chosen."""

    def condition(self, value: str) -> Q | None:
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        condition = self.condition(self.value() or "")
        if condition is None:
            return queryset
        if queryset.model is Parcel:
            return queryset.filter(condition)
        return queryset.filter(Exists(Parcel.objects.filter(HERE & condition, order=OuterRef("pk"))))


class StatusOfParcelFilter(OfParcelFilter):
    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return ParcelStatus.choices

    def condition(self, value: str) -> Q | None:
        return Q(tracking__status=value) if value else None


class LateFilter(OfParcelFilter):
    """Past the day that the carrier expects. What only our promise says is a flag, and no filter: no column has it."""

    title = _("late")
    parameter_name = "late"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [("yes", _("Past its estimate")), ("week", _("For more than a week"))]

    def condition(self, value: str) -> Q | None:
        if value not in ("yes", "week"):
            return None
        day = timezone.localdate() - timedelta(days=7 if value == "week" else 0)
        late = Q(tracking__eta__lt=day, tracking__status__in=EXPECTED, tracking__is_fenced=False)
        return late & Q(tracking__retired_at=None, is_return=False)


class ReturnFilter(OfParcelFilter):
    """With a parcel that the shopper sends back, or without."""

    title = _("returns")
    parameter_name = "returns"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [("yes", _("With a return")), ("no", _("Without"))]

    def condition(self, value: str) -> Q | None:
        return Q(is_return=value == "yes") if value in ("yes", "no") else None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if queryset.model is Parcel or self.value() != "no":
            return super().queryset(request, queryset)
        returns = Parcel.objects.filter(is_return=True, removed_at=None, order=OuterRef("pk"))
        return queryset.exclude(Exists(returns))


class CourierOfParcelFilter(TextFilter):
    """By the courier that tracks a parcel, by its slug."""

    title = _("courier (slug)")
    parameter_name = "courier"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        slug = (self.value() or "").strip().lower()
        if not slug:
            return queryset
        if queryset.model is Parcel:
            return queryset.filter(tracking__courier=slug)
        return queryset.filter(Exists(Parcel.objects.filter(HERE, tracking__courier=slug, order=OuterRef("pk"))))


class DestinationFilter(TextFilter):
    """By the country that it goes to."""

    title = _("destination (AT, DE …)")
    parameter_name = "country"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        country = (self.value() or "").strip().upper()
        column = "order__destination_country" if queryset.model is Parcel else "destination_country"
        return queryset.filter(**{column: country}) if country else queryset


class DayFilter(RangeDateFilter):
    """From one day to another, both included, for columns that hold moments."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = (self.day(end) for end in ("from", "to"))
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": first})
        return queryset.filter(**{f"{self.field_path}__lt": last + timedelta(days=1)}) if last else queryset

    def day(self, end: str) -> datetime | None:
        """The beginning of the day that was typed; None for none, or for what is no day."""
        day = parse_date_str(str(self.used_parameters.get(f"{self.field_path}_{end}") or ""))
        return timezone.make_aware(datetime.combine(day, time.min)) if day else None


class TroubleFilter(DropdownFilter):
    """Rows with or without an open problem. ``link`` is the problem's link to them."""

    title = _("problems")
    parameter_name = "problems"
    link = "order"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [("open", _("With an open problem")), ("none", _("Without"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "open":
            return queryset.filter(self.is_troubled())
        if self.value() == "none":
            for rows, link in self.troubled():  # each a join of its own: the database looks no further than the page
                queryset = queryset.exclude(Exists(rows.filter(**{link: OuterRef("pk")})))
        return queryset

    def is_troubled(self) -> Q:
        """Of few problems, their rows are found and sorted; of many, the list is read until a page is full."""
        first, *others = [rows.order_by().values(link) for rows, link in self.troubled()]
        if Problem.objects.filter(closed_at=None).order_by()[:MANY_PROBLEMS].count() < MANY_PROBLEMS:
            return Q(pk__in=first.union(*others) if others else first)
        return reduce(or_, [Q(pk__in=keys) for keys in (first, *others)])

    def troubled(self) -> list[tuple[QuerySet[Any], str]]:
        """Rows that lead to a row with an open problem, each with the name of that link: every kind by its index."""
        still_open = Problem.objects.filter(closed_at=None)
        found: list[tuple[QuerySet[Any], str]] = [(still_open.filter(**{f"{self.link}__isnull": False}), self.link)]
        if self.link == "order":
            doubtful = still_open.filter(tracking__isnull=False).values("tracking")
            found.append((Parcel.objects.filter(tracking__in=doubtful, removed_at=None), "order"))
        if self.link == "parcel":
            found.append((Parcel.objects.filter(tracking__in=still_open.values("tracking")), "pk"))
        return found


class TrackingTroubleFilter(TroubleFilter):
    link = "tracking"


class ParcelTroubleFilter(TroubleFilter):
    """Parcels with an open problem of their own or of their tracking."""

    link = "parcel"


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
