"""The console's first page: what needs me now, what moves today, and whether work is being done.

Each figure leads to the list behind it, and is shown only to those who may open that list. About thirty small
queries, whatever there is. The page keeps itself fresh: ``live_page`` gives the same figures without the frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from stores.models import AfterShipAccount, Project, Route
from tracking.admin import home_system, home_today
from tracking.admin.display import list_of
from tracking.admin.home_needs import needs, summary
from tracking.admin.outages import OutageLine, outage_lines
from tracking.admin.tiles import Tile
from tracking.admin.viewer import seen
from tracking.models import Outage, Problem


@dataclass(frozen=True)
class Section:
    """Some figures under one heading; words where there are none."""

    name: str
    title: Any
    tiles: list[Tile]
    empty: Any


def add_overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Called by unfold for the first page: adds the figures that this user may see."""
    return context | {
        "title": _("Home"),
        "steps": first_steps() if request.user.has_perm("stores.add_project") else [],
        **figures(request),
    }


def live_page(request: HttpRequest) -> HttpResponse:
    """``/admin/live/``: the figures alone, for the script that keeps the first page fresh."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    return TemplateResponse(request, "admin/tracking/partials/home.html", figures(request))


def figures(request: HttpRequest) -> dict[str, Any]:
    """All that changes while one looks at it."""
    found = sections(request)
    return {
        "sections": found,
        "outages": lasting_outages(request),
        "summary": summary(found[0].tiles),
        "looked_at": timezone.localtime(),
    }


def lasting_outages(request: HttpRequest) -> list[OutageLine]:
    may_see = request.user.has_perm("tracking.view_problem")
    return outage_lines(Outage.objects.filter(ended_at=None)) if may_see else []


def sections(request: HttpRequest) -> list[Section]:
    """Three parts, in the order in which one asks. A part of which the person may see nothing is left out."""
    user = request.user

    def shown(permission: str, *some: Callable[[], list[Tile]]) -> list[Tile]:
        return [tile for tiles in some for tile in tiles()] if user.has_perm(permission) else []

    today = [
        *shown("tracking.view_tracking", home_today.under_way, home_today.delivered),
        *shown("tracking.view_order", home_today.new_orders),
        *shown("tracking.view_problem", home_today.new_troubles),
        *shown("tracking.view_message", home_today.messages_sent),
    ]
    found = [
        Section(
            "needs",
            _("What needs me now"),
            needs(user) if user.has_perm("tracking.view_problem") else [],
            _("Nothing: no problem is open."),
        ),
        Section("today", _("What moves today"), today, ""),
        Section("system", _("Is work being done?"), system(shown), ""),
    ]
    return [one for one in found if one.tiles or one.empty]


def system(shown: Callable[..., list[Tile]]) -> list[Tile]:
    """What is wrong first, then how work flows."""
    return [
        *shown("stores.view_project", home_system.paused_connections, home_system.skewed_upstreams),
        *shown("tracking.view_heartbeat", home_system.silent_workers, home_system.skewed_clock),
        *shown("tracking.view_job", home_system.dead_letters),
        *shown("tracking.view_receipt", home_system.quarantined),
        *shown("stores.view_project", home_system.living_connections),
        *shown("tracking.view_heartbeat", home_system.living_worker),
        *shown("tracking.view_receipt", home_system.last_receipt, home_system.waiting_receipts),
        *shown("tracking.view_job", home_system.waiting_jobs),
        *shown("tracking.view_parcel", home_system.waiting_parcels),
    ]


def first_steps() -> list[tuple[str, str]]:
    """What a fresh install lacks, in the order in which it is needed; empty once orders can be routed."""
    steps: list[tuple[type[Model], str]] = [
        (Project, _("Connect a commercetools project")),
        (AfterShipAccount, _("Connect an AfterShip account")),
        (Route, _("Make a route from the project to the account")),
    ]
    return [(words, list_of(model) + "add/") for model, words in steps if not model._default_manager.exists()]


def open_problems_badge(request: HttpRequest) -> str:
    """For the sidebar: how many problems are open, up to a hundred; nothing where there is none."""
    number = seen(Problem.objects.filter(closed_at=None, suppressed_by=None))[:100].count()
    return "99+" if number == 100 else str(number or "")
