"""``/admin/courier-codes/``: codes that nobody has read yet, and what each shall mean.

list ─> one code: choose a status (GET) ─> what that changes on stored parcels ─> reason, save (POST) ─> list
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from stores.models import Courier, Origin, Revision, StatusRule
from stores.revisions import Draft, DraftError
from tracking import tasks
from tracking.admin.base import Table
from tracking.admin.display import NOTHING, age, code, status_badge, two_lines
from tracking.admin.viewer import link_if_seen
from tracking.enums import ParcelStatus
from tracking.services.apply_status_rules import preview
from tracking.services.courier_codes import CodeLine, courier_codes
from tracking.services.rules import change_rules
from tracking.services.status_rules import StatusRules, load_status_rules

MOST_LOOKED_AT = 10_000
MOST_REASON = 500
AS_AFTERSHIP = "aftership"  # the choice that takes a rule back


def courier_codes_page(request: HttpRequest) -> HttpResponse:
    """Codes to be looked at, the most frequent first; ``?all=1`` shows every code that was ever seen."""
    if not request.user.has_perm("stores.view_statusrule"):
        raise PermissionDenied
    all_of_them = request.GET.get("all") == "1"
    found = courier_codes(all_of_them=all_of_them, courier=clean(request.GET.get("courier", "")))
    context = {"title": _("Courier codes"), "table": codes_table(found), "number": len(found), "is_all": all_of_them}
    return shown(request, "admin/tracking/courier_codes.html", **context)


def status_rule_page(request: HttpRequest) -> HttpResponse:
    """One code. GET with ``status``: what that choice would change. POST with ``reason``: save it."""
    may_change = all(request.user.has_perm(f"stores.{verb}_statusrule") for verb in ("add", "change", "delete"))
    if not request.user.has_perm("stores.view_statusrule") or (request.method == "POST" and not may_change):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    kind, text, courier = (clean(request.GET.get(name, "")) for name in ("kind", "code", "courier"))
    if kind not in StatusRule.Code.values or not text or (courier and not Courier.objects.filter(slug=courier)):
        return HttpResponseRedirect(reverse("courier-codes"))
    rule = StatusRule.objects.filter(code_kind=kind, code=text, courier__slug=courier or None).first()
    status = request.GET.get("status", "")
    status = status if status in [*ParcelStatus.values, AS_AFTERSHIP] else ""
    reason = clean(request.POST.get("reason", "")).strip()[:MOST_REASON]
    if request.method == "POST" and status and reason:
        return saved(request, rule, kind, text, courier, status, reason)
    draft = drafted(kind, text, courier, status) if status else None
    looked_at, moves = preview({(kind, text)}, draft, MOST_LOOKED_AT) if draft else (0, {})
    return shown(
        request,
        "admin/tracking/status_rule.html",
        title=_("What a courier's code means"),
        rule=rule,
        kind=kind,
        kind_label=StatusRule.Code(kind).label,
        code=text,
        courier=courier,
        status=status,
        choices=[(AS_AFTERSHIP, _("As AfterShip reads it")), *ParcelStatus.choices],
        looked_at=looked_at,
        table=moves_table(moves),
        may_change=may_change,
        most_reason=MOST_REASON,
        is_reason_missing=request.method == "POST",
    )


def drafted(kind: str, text: str, courier: str, status: str) -> StatusRules:
    """All rules, with this one as it would be."""
    rules = dict(load_status_rules().rules)
    rules.pop((kind, text, courier), None)
    if status != AS_AFTERSHIP:
        rules[kind, text, courier] = (-1, ParcelStatus(status))
    return StatusRules(rules)


def saved(
    request: HttpRequest, rule: StatusRule | None, kind: str, text: str, courier: str, status: str, reason: str
) -> HttpResponse:
    """Save the rule, or take it back, with all that follows; and lead back to the list."""
    words = {
        "courier": courier or None,
        "code_kind": kind,
        "code": text,
        "status": status,
        "origin": Origin.CONSOLE.value,
    }
    draft = Draft("status_rule", rule.pk if rule else None, None if status == AS_AFTERSHIP else words)
    try:
        done = change_rules([draft], actor=request.user, source=Revision.Source.CONSOLE, reason=reason)
    except (DraftError, IntegrityError):
        messages.error(request, _("Somebody else changed this rule at the same moment. Look at it again."))
        return HttpResponseRedirect(request.get_full_path())
    if done.revision:
        tasks.kick()
        messages.success(request, _("Saved. Parcels with this code follow now."))
    else:
        messages.info(request, _("Nothing changed: the rule says that already."))
    return HttpResponseRedirect(reverse("courier-codes"))


def shown(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    request.current_app = admin.site.name
    return TemplateResponse(request, template, admin.site.each_context(request) | context)


def clean(text: str) -> str:
    """PostgreSQL's text holds no NUL."""
    return text.replace("\x00", "")[:200]


def rule_address(kind: str, text: str, courier: str) -> str:
    """The page of one code."""
    return f"{reverse('status-rule')}?{urlencode({'kind': kind, 'code': text, 'courier': courier})}"


def codes_table(found: list[CodeLine]) -> Table:
    """One line per code, with a sample and the way to its rule."""
    return Table(
        _("Codes"),
        [_("Courier"), _("Code"), _("AfterShip's words for it"), _("To us"), _("Scans"), _("For example"), _("Rule")],
        [
            [
                line.seen.courier or NOTHING,
                code(line.code),
                two_lines(line.seen.tag or NOTHING, line.seen.subtag),
                status_badge(line.status),
                two_lines(f"{line.seen.count:,}", age(line.seen.last_seen_at)),
                link_if_seen(line.seen.sample),
                rule_link(line),
            ]
            for line in found
        ],
        _("Every code that came is known. New ones gather here by themselves, with a sample of each."),
    )


def rule_link(line: CodeLine) -> SafeString:
    """To the rule that reads the code, else to making one for its courier."""
    if line.rule:
        address = rule_address(line.rule.code_kind, line.rule.code, line.rule.courier.slug if line.rule.courier else "")
        return format_html('<a class="tb-link tb-short" href="{}">{}</a>', address, _("Rule"))
    address = rule_address(line.kind, line.code, line.courier)
    return format_html('<a class="tb-link tb-short" href="{}">{}</a>', address, _("What is it?"))


def moves_table(moves: dict[tuple[str, str], int]) -> Table:
    """From which status to which, how often."""
    return Table(
        _("What would change"),
        [_("Now"), _("Then"), _("Parcels on their way")],
        [[status_badge(now), status_badge(then), f"{number:,}"] for (now, then), number in sorted(moves.items())],
        _("No parcel that is stored would change: the code is not the newest scan of any, or it means this already."),
    )
