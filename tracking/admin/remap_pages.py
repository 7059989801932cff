"""``/admin/remap/``: parcels are moved by hand in three steps, and nothing happens before the last of them.

parcels (a button, a selection, a problem) ─> choose the target ─> preview ─ POST with a reason ─> the remap's page
                                                                      ^──── somebody was faster ────┘
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from stores.models import AfterShipAccount, Courier, Route
from tracking import tasks
from tracking.admin.base import Facts, Table
from tracking.admin.display import (
    DOUBTFUL,
    GOOD,
    MOVING,
    NOTHING,
    WAITING,
    as_given,
    badge,
    lines,
    link,
    list_of,
    page_of,
    two_lines,
)
from tracking.enums import AtSource, AtTarget, ParcelStatus, RemapState, ToShopper
from tracking.models import Parcel, Remap
from tracking.payloads.errors import PayloadError
from tracking.payloads.to_aftership import clean_number
from tracking.services.remap import PlannedMove, RemapConflict, RemapRefused, plan_remap, start_remap
from tracking.services.remap_plan import Place
from tracking.services.scope import visible
from tracking.services.story import ending

MAY_REMAP = "tracking.remap_parcel"
IN_BULK = "tracking.remap_in_bulk"
MOST_ALONE = 20  # without the permission to move many
MOST_PARCELS = 5_000
MOST_SHOWN = 50
MOST_REASON = 500
REMAP_TONES: dict[str, str] = {
    RemapState.RUNNING: MOVING,
    RemapState.UNDOING: MOVING,
    RemapState.STOPPED: DOUBTFUL,
    RemapState.DONE: GOOD,
    RemapState.UNDONE: WAITING,
}
FIELD_WORDS = {  # what a correction tells AfterShip
    "destination_postal_code": gettext_lazy("another postcode"),
    "destination_country_region": gettext_lazy("another country"),
    "destination_state": gettext_lazy("another state or province"),
    "tracking_key": gettext_lazy("another tracking key"),
    "tracking_account_number": gettext_lazy("another account number at the courier"),
}


def remap_page(request: HttpRequest) -> HttpResponse:
    """GET with ``parcel``, and a target where one is proposed: choose. POST with ``parcels`` and a target: the preview;
    with ``start``: do it.
    """
    if not (request.user.has_perm(MAY_REMAP) and request.user.has_perm("tracking.view_parcel")):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    ids = numbers_in(request.POST.get("parcels", "") if request.method == "POST" else request.GET.get("parcel", ""))
    ids = sorted(
        visible(request.user, Parcel.objects.filter(pk__in=ids[: MOST_PARCELS + 1])).values_list("pk", flat=True)
    )
    if not ids:
        return HttpResponseRedirect(list_of(Remap))
    is_too_many = len(ids) > MOST_ALONE and not request.user.has_perm(IN_BULK)
    if request.method != "POST" or "choose" in request.POST or is_too_many:
        return choose_page(request, ids, request.POST or request.GET)
    target, fault = target_in(request.POST)
    if fault or target is None:
        return choose_page(request, ids, request.POST, fault)
    if "start" not in request.POST:
        return preview_page(request, ids, target)
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:MOST_REASON]
    if not reason:
        return preview_page(request, ids, target, is_reason_missing=True)
    return start(request, ids, target, reason) or preview_page(request, ids, target)


def numbers_in(text: str) -> list[int]:
    """``"3,14"`` → [3, 14]; what is no number is left out."""
    found = {int(part) for part in text.split(",") if part.isascii() and part.isdecimal() and len(part) < 19}
    return sorted(found)


def choose_page(
    request: HttpRequest, ids: Sequence[int], given: QueryDict | None = None, fault: str = ""
) -> HttpResponse:
    """Where do they go? Nothing is changed by looking."""
    if len(ids) > MOST_ALONE and not request.user.has_perm(IN_BULK):
        words = _("You may move %(n)s parcels at once; ask a lead to move more.") % {"n": MOST_ALONE}
        messages.error(request, words)
        return HttpResponseRedirect(list_of(Parcel))
    if len(ids) > MOST_PARCELS:
        words = _("At most %(n)s parcels can be moved at once.") % {"n": f"{MOST_PARCELS:,}"}
        messages.error(request, words)
        return HttpResponseRedirect(list_of(Parcel))
    parcels = visible(request.user, Parcel.objects.filter(pk__in=ids))
    ids = sorted(parcels.values_list("pk", flat=True))
    projects = parcels.order_by().values("order__project").distinct()
    routes = visible(request.user, Route.objects.filter(project__in=projects)).select_related("project", "store")
    first = parcels.select_related("order", "tracking").order_by("pk").first()
    return shown(
        request,
        "admin/tracking/remap_choose.html",
        title=_("Remap"),
        ids=",".join(map(str, ids)),
        number=len(ids),
        first=first,
        what=link(first) if first else NOTHING,
        routes=routes,
        accounts=visible(request.user, AfterShipAccount.objects.only("key")),
        couriers=Courier.objects.only("slug", "name").order_by("slug"),
        given=given or {},
        fault=fault,
    )


def target_in(given: QueryDict) -> tuple[dict[str, Any] | None, str]:
    """The target as it was chosen, or what is wrong with it in words."""
    if given.get("how") == "rules":
        return {}, ""
    target: dict[str, Any] = {}
    if given.get("route", "").isdecimal():
        target["route"] = int(given["route"][:18])
    if account := clean(given.get("account", "")):
        target["account"] = account
    if given.get("detect"):
        target["courier"] = ""
    elif courier := clean(given.get("courier", "")).lower():
        target["courier"] = courier
    if number := clean(given.get("number", "")):
        try:
            target["number"] = clean_number(number)
        except PayloadError as error:
            return None, _("This number cannot be used: %(cause)s.") % {"cause": error.cause}
    return target, "" if target else _("Choose what the parcels move to.")


def clean(text: str) -> str:
    """PostgreSQL's text holds no NUL."""
    return text.replace("\x00", "").strip()


def preview_page(
    request: HttpRequest, ids: Sequence[int], target: dict[str, Any], *, is_reason_missing: bool = False
) -> HttpResponse:
    """What would change, in counts and line by line."""
    moves = plan_remap(ids, target)
    going = [move for move in moves if not move.refusal]
    refused = [move for move in moves if move.refusal]
    return shown(
        request,
        "admin/tracking/remap_preview.html",
        title=_("Preview of a remap"),
        ids=",".join(map(str, ids)),
        number=len(going),
        target=target_words(target, route_of(target)),
        fields=fields_of(target),
        seen=",".join(f"{move.parcel.pk}:{move.fingerprint}" for move in moves),
        effects=effects(going),
        moves=moves_table(going),
        refused=refused_table(refused) if refused else None,
        most_reason=MOST_REASON,
        is_reason_missing=is_reason_missing,
        reason=request.POST.get("reason", "")[:MOST_REASON],
    )


def start(request: HttpRequest, ids: Sequence[int], target: dict[str, Any], reason: str) -> HttpResponse | None:
    """Start it as it was previewed and lead to its page. None, with a message, where somebody was faster or nothing is
    left to do: the preview is shown again.
    """
    pairs = (part.partition(":") for part in request.POST.get("seen", "").split(","))
    seen = {int(key): value for key, _colon, value in pairs if key.isdecimal() and len(key) < 19}
    try:
        remap = start_remap(ids, target, actor=request.user, reason=reason, seen=seen)
    except RemapConflict as conflict:
        words = ngettext(
            "Nothing was done: %(n)d of these parcels waits in another remap. %(who)s",
            "Nothing was done: %(n)d of these parcels wait in another remap. %(who)s",
            len(conflict.items),
        )
        messages.error(request, words % {"n": len(conflict.items), "who": conflict})
    except RemapRefused as refused:
        messages.error(request, _("Nothing was done. %(cause)s") % {"cause": refused})
    else:
        tasks.kick()
        return HttpResponseRedirect(page_of(remap))
    return None


def shown(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    request.current_app = admin.site.name
    return TemplateResponse(request, template, admin.site.each_context(request) | context)


def fields_of(target: dict[str, Any]) -> list[tuple[str, Any]]:
    """The target as hidden fields of the next form."""
    if not target:
        return [("how", "rules")]
    fields = [(name, value) for name, value in target.items() if value != ""]
    return fields + ([("detect", "1")] if target.get("courier") == "" else [])


def target_words(target: dict[str, Any], route: Route | None = None) -> str:
    """The target as a sentence's end; ``route`` is the row that it names, where it is at hand. No query."""
    if not target:
        return _("what the rules say now")
    if "mark" in target:
        at = as_given(str(target.get("at", "")))
        return _("%(status)s, %(at)s") % {"status": ParcelStatus(target["mark"]).label, "at": at}
    parts = {
        "retrack": _("tracked again"),
        "stop": _("no longer tracked"),
        "fields": ", ".join(str(FIELD_WORDS.get(name, name)) for name in sorted(target.get("fields", {}))),
        "upstream": _("in commercetools, too"),
        "route": _("route %(name)s") % {"name": route.title if route else f"#{target.get('route')}"},
        "account": _("account %(key)s") % {"key": target.get("account")},
        "courier": _("courier %(slug)s") % {"slug": target.get("courier")}
        if target.get("courier")
        else _("the courier that AfterShip detects"),
        "number": _("number %(number)s") % {"number": target.get("number")},
    }
    return ", ".join(words for name, words in parts.items() if name in target)


def route_of(target: dict[str, Any]) -> Route | None:
    """The route that a target names, if it is there still."""
    return Route.objects.select_related("project", "store").filter(pk=target.get("route")).first()


def effects(moves: Sequence[PlannedMove]) -> Facts:
    """What happens to how many: at AfterShip, in commercetools, for the shopper."""
    fields = sorted({name for move in moves for name in move.fields})
    at_aftership = [*counted(moves, "at_target", AtTarget), *counted(moves, "at_source", AtSource)]
    written = sum(bool(move.fields) for move in moves)
    words = ngettext("%(n)s parcel is written again", "%(n)s parcels are written again", written)
    return Facts(
        _("What changes"),
        [
            (
                _("At AfterShip"),
                lines(at_aftership),
            ),
            (
                _("In commercetools"),
                two_lines(words % {"n": f"{written:,}"}, ", ".join(fields)) if written else _("nothing changes"),
            ),
            (_("For the shopper"), lines(counted(moves, "to_shopper", ToShopper))),
        ],
    )


def counted(moves: Iterable[PlannedMove], name: str, effect: Any) -> list[str]:
    numbers = Counter(getattr(move, name) for move in moves)
    return [f"{numbers[one]:,} × {one.label}" for one in effect if numbers[one]]


def moves_table(moves: Sequence[PlannedMove]) -> Table:
    """One line per parcel: what it has now, what it would have, and what that means."""
    return Table(
        _("Parcels"),
        [_("Parcel"), _("Now"), _("Then"), _("At AfterShip"), _("For the shopper")],
        [
            [
                two_lines(link(move.parcel), move.parcel.order),
                place(move.now),
                place(move.then),
                two_lines(move.at_target.label, move.at_source.label),
                move.to_shopper.label,
            ]
            for move in moves[:MOST_SHOWN]
        ],
        _("None of these parcels can be moved there."),
        more=left_out(len(moves)),
    )


def refused_table(moves: Sequence[PlannedMove]) -> Table:
    return Table(
        _("Left as they are"),
        [_("Parcel"), _("Now"), _("Because")],
        [
            [two_lines(link(move.parcel), move.parcel.order), place(move.now), move.refusal]
            for move in moves[:MOST_SHOWN]
        ],
        NOTHING,
        more=left_out(len(moves)),
    )


def left_out(number: int) -> str:
    more = number - MOST_SHOWN
    return _("%(n)s more are not listed.") % {"n": f"{more:,}"} if more > 0 else ""


def place(where: Place | None) -> Any:
    """Account and courier, with number, route and brand below."""
    if where is None:
        return NOTHING
    route = where.route
    brand = route.brand.name if route and route.brand else ""
    below = " · ".join(part for part in (ending(where.number), route.title if route else _("no route"), brand) if part)
    if not where.account:
        return two_lines(_("not tracked"), below)
    return two_lines(f"{where.account} · {where.courier or _('AfterShip detects')}", below)


def remap_badge(remap: Remap) -> Any:
    return badge(remap.get_state_display(), REMAP_TONES[remap.state])
