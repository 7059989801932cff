"""``/admin/unrouted/``: parcels that no rule takes, by what they share, each group with the route that would take it.

list ─> the form for a new route, filled in (GET parameters) ─> saved ─> waiting orders are read again by themselves
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from tracking.admin.base import Table
from tracking.admin.display import BAD, DOUBTFUL, age, badge, lines, link, short, two_lines
from tracking.enums import ProblemKind
from tracking.services import backlog
from tracking.services.unrouted import MOST_LOOKED_AT, Group, Proposal, Shared, groups

ALL = {"state": "open", "kind__exact": ProblemKind.UNROUTED.value}


def unrouted_page(request: HttpRequest) -> HttpResponse:
    """All groups, the one that waits longest first."""
    if not request.user.has_perm("tracking.view_problem"):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    waiting = backlog.unrouted(request.user)
    context = {
        **admin.site.each_context(request),
        "title": _("Unrouted parcels"),
        "number": waiting.number,
        "oldest": age(waiting.oldest_at),
        "most": MOST_LOOKED_AT if waiting.number > MOST_LOOKED_AT else 0,
        "all_url": f"{reverse('admin:tracking_problem_changelist')}?{urlencode(ALL)}",
        "table": groups_table(groups(request.user), may_add=request.user.has_perm("stores.add_route")),
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "admin/tracking/unrouted.html", context)


def groups_table(found: list[Group], *, may_add: bool) -> Table:
    """Parcels without a route by what they share, each group with the rule that would take it."""
    return Table(
        _("By what they share"),
        [_("They share"), _("How many"), _("Oldest"), _("Cause"), _("For example"), _("What would take them")],
        [
            [
                lines(shared_by(group.shared)),
                f"{group.number:,}",
                waiting_since(group),
                group.cause,
                lines([sample_link(*sample) for sample in group.samples]),
                lines(proposals(group, may_add=may_add)),
            ]
            for group in found
        ],
        _("Every parcel with a number has a route. One that no rule takes waits here, and is never dropped."),
    )


def shared_by(shared: Shared) -> list[str]:
    """``Project demo``, ``Store at-web`` …: one line each."""
    return [
        _("Project %(key)s") % {"key": shared.project},
        _("Store %(key)s") % {"key": shared.store} if shared.store else _("No store"),
        *(_("Channel %(key)s") % {"key": key} for key in shared.channels),
        *([_("To %(country)s") % {"country": shared.country}] if shared.country else []),
    ]


def waiting_since(group: Group) -> SafeString:
    is_late = group.oldest_at < timezone.now() - backlog.LATE
    return badge(age(group.oldest_at), BAD if is_late else DOUBTFUL)


def sample_link(parcel_id: int, number: str) -> SafeString:
    """The parcel's trace: which rules were tried on it."""
    address = reverse("admin:tracking_parcel_why", args=[parcel_id])
    return format_html('<a class="tb-link {}" href="{}">{}</a>', short(number), address, number)


def proposals(group: Group, *, may_add: bool) -> list[Any]:
    """The proposed route, and the default of the project beside it where that is another."""
    wanted = [group.proposal, *([] if group.proposal.is_default else [group.default])]
    return [shown(one, may_add=may_add) for one in wanted]


def shown(proposal: Proposal, *, may_add: bool) -> SafeString | str:
    """A proposal in words; for who may add routes, a link to its form."""
    if proposal.known:
        note = _("is there already") if proposal.known.is_active else _("is switched off")
        return two_lines(link(proposal.known), note)
    words = name_of(proposal)
    if not may_add:
        return words
    return format_html('<a class="tb-link" href="{}">{}</a>', form_of(proposal), words)


def name_of(proposal: Proposal) -> str:
    account = proposal.account or _("an account of your choice")
    if proposal.store:
        words = _("Add a route: store %(scope)s of %(project)s → %(account)s")
    elif proposal.channel:
        words = _("Add a route: channel %(scope)s of %(project)s → %(account)s")
    else:
        words = _("Make it the default of %(project)s → %(account)s")
    return words % {"scope": proposal.store or proposal.channel, "project": proposal.project, "account": account}


def form_of(proposal: Proposal) -> str:
    """The form for a new route, filled in."""
    filled = {
        "project": proposal.project.pk,
        "store": proposal.store.pk if proposal.store else None,
        "channel": proposal.channel.pk if proposal.channel else None,
        "account": proposal.account.pk if proposal.account else None,
        "brand": proposal.brand_id,
        "is_default": "on" if proposal.is_default else None,
    }
    wanted = {name: value for name, value in filled.items() if value is not None}
    return f"{reverse('admin:stores_route_add')}?{urlencode(wanted)}"
