"""The pages of figures, their CSV, and the parcels behind them as a file. All read, nothing is changed here.

GET /analytics/<page>/?from=…&to=…&store=…     page          … /analytics/figures.csv   every figure of the filters
                                                              … /analytics/parcels.csv   one line per parcel
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from analytics import exports
from analytics.behind import behind
from analytics.blocks import draw
from analytics.choices import choices_for
from analytics.filters import FilterError, Filters
from analytics.kpis import KPIS
from analytics.models import FigureState, ParcelFact
from analytics.pages import PAGES
from analytics.words import period_words
from tracking.services.scope import EXPORT, store_ids_of

SEE_FIGURES = "analytics.view_parcelfact"
PERIODS = ((7, _("7 days")), (28, _("28 days")), (90, _("90 days")), (365, _("a year")))


def figures_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For people who may see figures; others are led to the log-in, or refused."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        if not request.user.has_perm(SEE_FIGURES):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return require_safe(guarded)


def filters_of(query: Mapping[str, Sequence[str]], user: Any) -> Filters:
    """The filters of an address, within the stores of this person. Raises FilterError."""
    return Filters.parse(query, today=timezone.localdate(), seen=store_ids_of(user))


@figures_only
def first_page(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("figures", args=["overview"]))


@figures_only
def figures(request: HttpRequest, slug: str) -> HttpResponse:
    """One page. A filter that cannot be is said beside the filters, with the default period below and status 400."""
    if slug not in PAGES:
        raise Http404
    page, error = PAGES[slug], None
    query = dict(request.GET.lists())
    try:
        filters = filters_of(query, request.user)
    except FilterError as wrong:
        error, filters = wrong, filters_of({}, request.user)
    before = filters.compared()
    address, offered = urlencode(filters.query(), doseq=True), choices_for(filters)
    context = {
        "page": page,
        "places": [
            {"url": f"{reverse('figures', args=[one.slug])}?{address}", "title": one.title, "is_here": one is page}
            for one in PAGES.values()
        ],
        "blocks": draw(page, filters, request.user),
        "filters": filters,
        "choices": offered,
        "only": only_words(filters, offered),
        "error": error,
        "period": period_words(filters.first, filters.last),
        "before": period_words(before.first, before.last) if before else "",
        "periods": quick_periods(filters),
        "csv_url": f"{reverse('figures-csv')}?{address}",
        "parcels_url": f"{reverse('parcels-csv')}?{address}" if request.user.has_perm(EXPORT) else "",
        "state": FigureState.objects.filter(pk=1).first(),
    }
    response = render(request, "analytics/page.html", context, status=400 if error else 200)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def only_words(filters: Filters, offered: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What the figures are limited to, in words: a printed page shows no filters."""
    chosen = ((one["label"], [option["words"] for option in one["options"] if option["is_chosen"]]) for one in offered)
    found = [(str(label), ", ".join(words)) for label, words in chosen if words]
    return [*found, (_("Lane"), _("Returns"))] if filters.is_return else found


def quick_periods(filters: Filters) -> list[dict[str, Any]]:
    """Links to usual periods that end today, with all other filters kept."""
    today = filters.as_of
    found = []
    for days, words in PERIODS:
        first = today - timedelta(days=days - 1)
        query = replace(filters, first=first, last=today).query()
        is_here = (filters.first, filters.last) == (first, today)
        found.append({"words": words, "url": "?" + urlencode(query, doseq=True), "is_here": is_here})
    return found


@figures_only
def figures_csv(request: HttpRequest) -> HttpResponse:
    """Every figure of the filters as CSV, whole or ``by`` a grouping: what the API answers, in lines."""
    query = dict(request.GET.lists())
    by = request.GET.get("by", "")
    try:
        rows = exports.figure_rows(filters_of(query, request.user), by=by)
    except FilterError as wrong:
        return HttpResponse(f"{wrong}\n", status=400, content_type="text/plain; charset=utf-8")
    return as_file("figures", exports.csv_lines(exports.FIGURE_HEADINGS, rows))


@figures_only
def scorecard_csv(request: HttpRequest) -> HttpResponse:
    """The scores of couriers as CSV: what the API answers, in lines."""
    try:
        rows = exports.score_rows(filters_of(dict(request.GET.lists()), request.user))
    except FilterError as wrong:
        return HttpResponse(f"{wrong}\n", status=400, content_type="text/plain; charset=utf-8")
    return as_file("scorecard", exports.csv_lines(exports.SCORE_HEADINGS, rows))


@figures_only
def parcels_csv(request: HttpRequest) -> HttpResponse:
    """One line per parcel of the filters, without anything that names a person; streamed, so any number of them. With
    ``kpi`` those behind one figure alone: its ``part`` or ``kind``, as the console lists them.
    """
    if not request.user.has_perm(EXPORT):
        raise PermissionDenied
    try:
        filters = filters_of(dict(request.GET.lists()), request.user)
        facts = facts_of(request, filters)
    except FilterError as wrong:
        return HttpResponse(f"{wrong}\n", status=400, content_type="text/plain; charset=utf-8")
    return as_file("parcels", exports.csv_lines(exports.FACT_HEADINGS, exports.fact_rows(filters, facts)))


def facts_of(request: HttpRequest, filters: Filters) -> QuerySet[ParcelFact]:
    """All that the filters leave, or those behind one figure. Raises FilterError for a figure, part or kind unknown."""
    key, part, kind = (request.GET.get(name, "") for name in ("kpi", "part", "kind"))
    if not key:
        return filters.facts()
    if key not in KPIS:
        raise FilterError("kpi", _("There is no figure %(key)s.") % {"key": key})
    try:
        return behind(KPIS[key], filters, part or "numerator", kind)
    except KeyError as wrong:
        raise FilterError("kind" if kind else "part", _("This figure has none of this name.")) from wrong


def as_file(name: str, lines: Any) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{date.today():%Y-%m-%d}.csv"'  # noqa: DTZ011
    response.headers["Cache-Control"] = "private, no-store"
    return response
