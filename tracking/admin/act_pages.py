"""``/admin/act/<key>/``: one thing is done to parcels by hand, in steps; nothing happens before the last of them.

parcels (a button, a selection) ─> what it needs, if anything ─> preview ─ POST with a reason ─> the remap's page
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stores.models import Route
from tracking.admin import remap_pages
from tracking.admin.act_forms import ActForm
from tracking.admin.acts import ACTS, Act
from tracking.admin.base import Facts, Table
from tracking.admin.display import NOTHING, lines, link, list_of, page_of, status_badge, two_lines
from tracking.admin.remap_pages import IN_BULK, MOST_ALONE, MOST_PARCELS, MOST_REASON, MOST_SHOWN, left_out, numbers_in
from tracking.enums import AtTarget
from tracking.models import Parcel
from tracking.services.deeds import Planned
from tracking.services.marking import PlannedChange
from tracking.services.remap import plan_for
from tracking.services.scope import visible


def act_page(request: HttpRequest, key: str) -> HttpResponse:
    """GET with ``parcel``: what the act needs, or its preview. POST with ``parcels``: the preview; with ``start``: do
    it.
    """
    act = ACTS.get(key)
    if act is None:
        raise Http404
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    given = request.POST.get("parcels", "") if request.method == "POST" else request.GET.get("parcel", "")
    return act_on(request, act, numbers_in(given))


def act_on(request: HttpRequest, act: Act, ids: Sequence[int], *, is_asked: bool = False) -> HttpResponse:
    """The act's page for these parcels, as far as the person may see them. ``is_asked``: they were only just chosen."""
    ids = allowed(request, act, ids)
    if not ids or (act.is_single and len(ids) > 1) or len(ids) > MOST_PARCELS:
        if ids:
            most = 1 if act.is_single else MOST_PARCELS
            messages.error(request, _("At most %(n)s at once.") % {"n": f"{most:,}"})
        return HttpResponseRedirect(list_of(Parcel))
    is_posted = request.method == "POST" and not is_asked
    form = form_of(request, act, ids, is_bound=is_posted and "choose" not in request.POST)
    if form.fields and not (form.is_bound and form.is_valid()):
        return shown(request, act, ids, form)
    target = form.target()
    if not (is_posted and "start" in request.POST):
        return shown(request, act, ids, form, target)
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:MOST_REASON]
    if not reason:
        return shown(request, act, ids, form, target, is_reason_missing=True)
    return remap_pages.start(request, ids, target, reason) or shown(request, act, ids, form, target)


def allowed(request: HttpRequest, act: Act, ids: Sequence[int]) -> list[int]:
    """Those of the ids that the person may see. Raises PermissionDenied where they may not act, or not on so many."""
    user = request.user
    if not (user.has_perm(act.permission) and user.has_perm("tracking.view_parcel")):
        raise PermissionDenied
    rows = visible(user, Parcel.objects.filter(pk__in=ids[: MOST_PARCELS + 1]))
    found = sorted(rows.values_list("pk", flat=True))
    if len(found) > MOST_ALONE and not user.has_perm(IN_BULK):
        raise PermissionDenied(_("You may do this to %(n)s parcels at once.") % {"n": MOST_ALONE})
    return found


def form_of(request: HttpRequest, act: Act, ids: Sequence[int], *, is_bound: bool) -> ActForm:
    only = Parcel.objects.select_related("order__store", "tracking").get(pk=ids[0]) if len(ids) == 1 else None
    initial = request.POST if request.method == "POST" else request.GET
    data = request.POST if is_bound else None
    return act.form(data, initial=initial.dict(), request=request, parcel=only)


def shown(
    request: HttpRequest,
    act: Act,
    ids: Sequence[int],
    form: ActForm,
    target: dict[str, Any] | None = None,
    *,
    is_reason_missing: bool = False,
) -> HttpResponse:
    """The form, and with a ``target`` what it would change, in counts and line by line."""
    plans = plan_for(ids, target) if target is not None else []
    going = [plan for plan in plans if not plan.refusal]
    refused = [plan for plan in plans if plan.refusal]
    first = Parcel.objects.select_related("order", "tracking").get(pk=ids[0])
    return remap_pages.shown(
        request,
        "admin/tracking/act.html",
        title=act.label,
        act=act,
        form=form,
        ids=",".join(map(str, ids)),
        number=len(ids),
        going=len(going),
        what=two_lines(link(first), first.order),
        back=page_of(first.order) if len(ids) == 1 else list_of(Parcel),
        is_preview=target is not None,
        kept=kept(request, form) if target is not None else [],
        seen=",".join(f"{plan.parcel.pk}:{plan.fingerprint}" for plan in plans),
        effects=effects_of(going, target) if going and target is not None else None,
        lines=lines_of(going) if going else None,
        refused=refused_of(refused) if refused else None,
        most_reason=MOST_REASON,
        is_reason_missing=is_reason_missing,
        reason=request.POST.get("reason", "")[:MOST_REASON],
    )


def kept(request: HttpRequest, form: ActForm) -> list[tuple[str, str]]:
    """What was chosen, for the next step."""
    return [(name, request.POST.get(name, "")) for name in form.fields if request.POST.get(name)]


# ── what would change ────────────────────────────────────────────────────────────────────────────────────────────────


def is_status(plans: Sequence[Planned]) -> bool:
    return isinstance(plans[0], PlannedChange)


def effects_of(plans: Sequence[Any], target: dict[str, Any]) -> Facts:
    """What was chosen, and what happens to how many."""
    chosen = (_("To"), remap_pages.target_words(target))
    if not is_status(plans):
        of_moves = remap_pages.effects(plans)
        return Facts(of_moves.title, [chosen, *of_moves.rows])
    at_aftership = Counter(plan.at_aftership for plan in plans)
    changing = sum(bool(plan.then) for plan in plans)
    written = ngettext("%(n)s parcel is written again", "%(n)s parcels are written again", changing)
    return Facts(
        _("What changes"),
        [
            chosen,
            (
                _("At AfterShip"),
                lines([f"{at_aftership[one]:,} × {one.label}" for one in AtTarget if one in at_aftership]),
            ),
            (_("In commercetools"), written % {"n": f"{changing:,}"} if changing else _("as AfterShip's news come")),
            (_("For the shopper"), lines(told(plans))),
        ],
    )


def told(plans: Sequence[PlannedChange]) -> list[Any]:
    """Who would tell the shopper of the new status, by route."""
    if not any(plan.then for plan in plans):
        return [_("nothing, until there is news")]
    words = {
        Route.Notify.AFTERSHIP: _("AfterShip may write of it, as its flows say"),
        Route.Notify.PLATFORM: _("we tell them, as of any other change"),
    }
    by = Counter(plan.parcel.route.notify if plan.parcel.route else Route.Notify.OFF for plan in plans)
    return [f"{number:,} × {words.get(how, _('nobody writes'))}" for how, number in sorted(by.items())]


def lines_of(plans: Sequence[Any]) -> Table:
    """What happens to each parcel, the first MOST_SHOWN of them: its status now and then, or its move."""
    if not is_status(plans):
        return remap_pages.moves_table(plans)
    return Table(
        _("Parcels"),
        [_("Parcel"), _("Now"), _("Then"), _("At AfterShip")],
        [
            [
                two_lines(link(plan.parcel), plan.parcel.order),
                status_badge(plan.now),
                status_badge(plan.then) if plan.then else _("as AfterShip's news say"),
                plan.at_aftership.label,
            ]
            for plan in plans[:MOST_SHOWN]
        ],
        NOTHING,
        more=left_out(len(plans)),
    )


def refused_of(plans: Sequence[Planned]) -> Table:
    return Table(
        _("Left as they are"),
        [_("Parcel"), _("Because")],
        [[two_lines(link(plan.parcel), plan.parcel.order), plan.refusal] for plan in plans[:MOST_SHOWN]],
        NOTHING,
        more=left_out(len(plans)),
    )
