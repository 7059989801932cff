"""``/admin/queues/outages/``: couriers that send no news, now and lately; who may, declares and ends them.

The banner of home and queues is made here too: courier, since when, how many parcels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pycountry
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from stores.models import Courier
from tracking.admin.base import Table
from tracking.admin.display import NOTHING, two_lines, when
from tracking.models import Outage
from tracking.services import outages
from tracking.services.waits import Usuals

MAY_DECLARE = "tracking.declare_outage"
MOST_WORDS = 500
MOST_SHOWN = 50


@dataclass(frozen=True)
class OutageLine:
    """One line of the banner."""

    outage: Outage
    courier: str
    country: str
    started: Any
    suppressed: int


def outage_lines(found: Iterable[Outage]) -> list[OutageLine]:
    """Those that last, with how many problems each explains: one query and one more per outage, of which few last."""
    return [
        OutageLine(one, one.courier, one.country, when(one.started_at), one.suppressed.filter(closed_at=None).count())
        for one in found
    ]


def outages_page(request: HttpRequest) -> HttpResponse:
    """GET: what lasts and what was. POST ``declare`` or ``end``: with a reason, by who may."""
    if not request.user.has_perm("tracking.view_problem"):
        raise PermissionDenied
    if request.method == "POST":
        return act(request)
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    return outages_shown(request)


def outages_shown(request: HttpRequest, *, fault: str = "", given: dict[str, str] | None = None) -> HttpResponse:
    """The page; 422 with ``fault`` and what was ``given`` where a declaration was refused."""
    context = {
        "title": _("Courier outages"),
        "lasting": outage_lines(Outage.objects.filter(ended_at=None)),
        "table": past_table(Outage.objects.filter(ended_at__isnull=False).select_related("declared_by", "ended_by")),
        "couriers": Courier.objects.order_by("name").only("slug", "name") if request.user.has_perm(MAY_DECLARE) else [],
        "may_declare": request.user.has_perm(MAY_DECLARE),
        "most_words": MOST_WORDS,
        "fault": fault,
        "given": given or {},
    }
    request.current_app = admin.site.name
    status = 422 if fault else 200
    page = admin.site.each_context(request) | context
    return TemplateResponse(request, "admin/tracking/outages.html", page, status=status)


def past_table(found: Any) -> Table:
    """The newest outages that are over: when, why, and who or what ended them."""
    return Table(
        _("Over"),
        [_("Courier"), _("From"), _("To"), _("What was seen"), _("By")],
        [
            [
                str(one),
                when(one.started_at),
                when(one.ended_at),
                one.cause,
                two_lines(one.declared_by or (_("seen") if not one.is_declared else NOTHING), ended_by(one)),
            ]
            for one in found[:MOST_SHOWN]
        ],
        _("No courier has been out so far."),
    )


def ended_by(one: Outage) -> str:
    return _("ended by %(name)s") % {"name": one.ended_by} if one.ended_by else _("ended by itself")


def act(request: HttpRequest) -> HttpResponse:
    """Declare or end, and say what that did."""
    if not request.user.has_perm(MAY_DECLARE):
        raise PermissionDenied
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:MOST_WORDS]
    if (pk := request.POST.get("end", "")).isdecimal() and len(pk) < 19:
        outage = Outage.objects.filter(pk=int(pk)).first()
        if not reason:
            return outages_shown(request, fault=_("Give a reason: nothing was changed."))
        if outage and outages.end(outage, reason, by=request.user):
            messages.success(request, _("The outage of %(courier)s is over.") % {"courier": outage})
        else:
            messages.warning(request, _("It was over already."))
        return HttpResponseRedirect(reverse("outages"))
    return declare(request, reason)


def declare(request: HttpRequest, reason: str) -> HttpResponse:
    """Begin an outage by hand; the page again with what is wrong, where it names no courier, or gives no reason."""
    given = {name: request.POST.get(name, "").replace("\x00", "").strip() for name in ("courier", "country")}
    courier, country = given["courier"].lower(), given["country"].upper()
    given["reason"] = reason
    fault = fault_of(courier, country, reason)
    if fault:
        return outages_shown(request, fault=fault, given=given)
    outage = outages.begin(courier, country=country, cause=reason, by=request.user)
    if outage is None:
        messages.warning(request, _("An outage of this courier lasts already."))
    else:
        number = outage.suppressed.count()
        words = _("%(courier)s is out from now on; %(n)s problems are explained by it.")
        messages.success(request, words % {"courier": outage, "n": f"{number:,}"})
    return HttpResponseRedirect(reverse("outages"))


def fault_of(courier: str, country: str, reason: str) -> str:
    """What is wrong with a declaration, field by field; nothing where it is right."""
    if not Courier.objects.filter(slug=courier).exists():
        return _("Courier: AfterShip has none with the slug “%(slug)s”.") % {"slug": courier}
    if country and pycountry.countries.get(alpha_2=country) is None:
        return _("Country: “%(code)s” is no country code of two letters.") % {"code": country}
    return "" if reason else _("Reason: say what is known, for colleagues and for the record.")


def usual_page(request: HttpRequest) -> HttpResponse:
    """What is usual: the learned times of each lane, the ones with the most parcels first."""
    if not request.user.has_perm("tracking.view_problem"):
        raise PermissionDenied
    rows = sorted(Usuals.load().rows.values(), key=lambda row: (-row.sample, row.courier, row.country, row.measure))
    table = Table(
        _("Learned from our own parcels of the last 90 days"),
        [_("Courier"), _("To"), _("What"), _("Half within"), _("95 % within"), _("Parcels")],
        [
            [
                row.courier or _("all couriers"),
                row.country or _("everywhere"),
                row.get_measure_display(),
                hours(row.p50_hours),
                hours(row.p95_hours),
                f"{row.sample:,}",
            ]
            for row in rows
        ],
        _("Nothing is learned yet: four working days count as usual. It is learned each night, from 50 parcels on."),
    )
    request.current_app = admin.site.name
    context = admin.site.each_context(request) | {"title": _("What is usual"), "table": table}
    return TemplateResponse(request, "admin/tracking/usual.html", context)


def hours(number: float) -> Any:
    return format_html("{}\N{NO-BREAK SPACE}h", f"{number:g}")
