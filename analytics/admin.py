"""The parcels behind a figure, as a list of the console: what every number of the pages of figures leads to."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.behind import behind
from analytics.choices import choices_for
from analytics.filters import FilterError, Filters
from analytics.kpi import KPI
from analytics.kpis import KPIS, measure
from analytics.models import ParcelFact, Summary
from analytics.views import SEE_FIGURES, filters_of, only_words
from analytics.words import kind_words, of_hours, period_words
from stores.admin import CappedPaginator, ConsoleAdmin
from stores.models import Store
from tracking.admin.base import Table
from tracking.admin.display import NOTHING, day, link, status_badge, two_lines, when
from tracking.models import Parcel
from tracking.services.scope import EXPORT, visible

PER_PAGE = 50


def parcels_page(request: HttpRequest, key: str, part: str) -> HttpResponse:
    """The parcels of one part of a figure, the newest first. 404: no such figure; 400: a filter that cannot be."""
    if not (request.user.has_perm(SEE_FIGURES) and request.user.has_perm("tracking.view_parcel")):
        raise PermissionDenied
    kpi, kind = KPIS.get(key), request.GET.get("kind", "")
    if kpi is None or part not in kpi.parts:
        raise Http404
    try:
        filters = filters_of(dict(request.GET.lists()), request.user)
    except FilterError as wrong:
        return HttpResponse(f"{wrong}\n", status=400, content_type="text/plain; charset=utf-8")
    try:
        facts = behind(kpi, filters, part, kind).order_by("-ready_day", "-pk")
    except KeyError as unknown:
        raise Http404 from unknown
    page = CappedPaginator(facts, PER_PAGE).get_page(request.GET.get("p"))
    query = filters.query() | ({"kind": [kind]} if kind else {})
    title, part_title = str(kpi.title), kind_words(key, kind) if kind else words_of(key, part)
    context = {
        **admin.site.each_context(request),
        "title": title if title.casefold() == part_title.casefold() else f"{title}: {part_title}",
        "kpi": kpi,
        "period": period_words(filters.first, filters.last),
        "only": only_words(filters, choices_for(filters)),
        "page": page,
        "count": f"{page.paginator.count:,}",
        "all": number_of(kpi, filters, part, kind) if page.paginator.is_capped else None,
        "csv_url": f"{reverse('parcels-csv')}?{urlencode(query | {'kpi': [key], 'part': [part]}, doseq=True)}"
        if request.user.has_perm(EXPORT)
        else "",
        "table": table(request, list(page.object_list)),
        "query": urlencode(query, doseq=True),
        "back": f"{reverse('figures', args=['overview'])}?{urlencode(filters.query(), doseq=True)}",
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "admin/analytics/parcels.html", context)


def number_of(kpi: KPI, filters: Filters, part: str, kind: str) -> str:
    """What the figure says of this part, for a list that is too long to be counted; "" where it counts no parcels."""
    figure = measure(filters, [kpi.key])[""][kpi.key]
    if kind:
        return f"{figure.parts.get(kind, 0):,.0f}"
    if part == "numerator" and kpi.unit == "ratio":  # attempts, changes
        return ""
    left_out = sum(number for _words, number in figure.left_out)
    others = figure.denominator - figure.numerator
    numbers = {
        "others": others,
        "numerator": figure.numerator,
        "denominator": figure.denominator,
        "undecided": figure.undecided,
    }
    return f"{numbers.get(part, left_out):,.0f}"


def words_of(key: str, part: str) -> str:
    kpi = KPIS[key]
    undecided = kpi.undecided.words if kpi.undecided else ""
    words: dict[str, Any] = {"numerator": kpi.numerator, "denominator": kpi.denominator, "undecided": undecided}
    words["others"] = _("not %(words)s") % {"words": kpi.numerator}
    return str(words.get(part, kpi.left_out))


def table(request: HttpRequest, facts: list[ParcelFact]) -> Table:
    """Facts with their parcels as the console names them; a parcel that is gone keeps its figures."""
    parcels = visible(request.user, Parcel.objects.filter(pk__in=[fact.pk for fact in facts]))
    by_id = {parcel.pk: parcel for parcel in parcels.select_related("order__store", "order__project", "tracking")}
    headings = [_("Parcel"), _("Order"), _("Status"), _("Handed over"), _("Promised"), _("First attempt"), _("Transit")]
    return Table("", headings, [row_of(fact, by_id.get(fact.pk)) for fact in facts], _("No parcel is behind it."))


def row_of(fact: ParcelFact, parcel: Parcel | None) -> list[Any]:
    attempt = two_lines(day(fact.attempt_day), lateness(fact.promise_late_days))
    return [
        link(parcel) if parcel else _("erased"),
        link(parcel.order) if parcel else NOTHING,
        status_badge(fact.status),
        when(fact.ready_at),
        day(fact.promised_on or fact.estimate_first),
        attempt,
        of_hours(fact.transit_hours) if fact.transit_hours is not None else NOTHING,
    ]


def lateness(days: int | None) -> str:
    if not days:
        return "" if days is None else _("on the day")
    return _("%(n)d d late") % {"n": days} if days > 0 else _("%(n)d d early") % {"n": -days}


@admin.register(Summary)
class SummaryAdmin(ConsoleAdmin):
    """Weekly mails: one's own; who may see users sees those of others as well, who may change users changes them."""

    list_display = ["user", "shown_store", "is_active", "state"]
    list_select_related = ["user", "store"]
    ordering = ["user__username", "store__key"]
    fields = ["store", "is_active"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Summary]:
        rows = super().get_queryset(request)
        return rows if request.user.has_perm("auth.view_user") else rows.filter(user=request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(SEE_FIGURES))

    def has_view_permission(self, request: HttpRequest, obj: Summary | None = None) -> bool:
        return self.has_module_permission(request)

    has_add_permission = has_module_permission

    def has_change_permission(self, request: HttpRequest, obj: Summary | None = None) -> bool:
        is_own = obj is None or obj.user_id == request.user.pk
        return self.has_module_permission(request) and (is_own or bool(request.user.has_perm("auth.change_user")))

    has_delete_permission = has_change_permission

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field and db_field.name == "store":
            field.queryset = visible(request.user, Store.objects.select_related("project"))
            field.empty_label = _("All that you may see")
        return field

    def get_form(self, request: HttpRequest, obj: Summary | None = None, **kwargs: Any) -> Any:
        """A second one of the same store is refused with words, not by the database alone."""
        form = super().get_form(request, obj, **kwargs)
        owner = obj.user_id if obj else request.user.pk

        class OwnForm(form):  # type: ignore[misc,valid-type]
            def clean(own) -> Any:  # noqa: N805
                cleaned = super().clean()
                same = Summary.objects.filter(user=owner, store=cleaned.get("store")).exclude(pk=own.instance.pk)
                if "store" in cleaned and same.exists():
                    own.add_error("store", _("There is a summary of this already."))
                return cleaned

        return OwnForm

    def save_model(self, request: HttpRequest, obj: Summary, form: Any, change: bool) -> None:
        if not change:
            obj.user = request.user
        super().save_model(request, obj, form, change)

    @admin.display(description=gettext_lazy("store"))
    def shown_store(self, summary: Summary) -> str:
        return summary.store.key if summary.store else _("all that they may see")

    @admin.display(description=gettext_lazy("last mail"))
    def state(self, summary: Summary) -> Any:
        if summary.last_error:
            return summary.last_error
        if summary.claimed_at and (summary.sent_at is None or summary.sent_at < summary.claimed_at):
            return _("unsure: begun %(at)s") % {"at": when(summary.claimed_at)}
        return when(summary.sent_at) if summary.sent_at else _("next Monday, 7 o'clock")
