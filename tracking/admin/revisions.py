"""Every change of rules: who, when, why, before and after; going back to one; and what is doubtful about the rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from stores.models import Revision, Route
from stores.revisions import back_to
from stores.rule_checks import check_routes, name_of, route_words
from stores.rule_set import KINDS, load_rule_set
from stores.rule_words import changed_fields
from tracking.admin.base import HistoryAdmin, Page, Table
from tracking.admin.display import BAD, GOOD, MOVING, NOTHING, badge, lines, link, list_of, when
from tracking.admin.rule_preview import Proposal, may_propose, rule_name, shown
from tracking.admin.viewer import needs_all_stores
from tracking.services.dry_run import dry_run
from tracking.services.rules import summary_of, verb_of
from tracking.services.scope import store_ids_of

CHECKED = 10_000
TONES = {"added": GOOD, "changed": MOVING, "removed": BAD}


@admin.register(Revision)
class RevisionAdmin(HistoryAdmin):
    """Revisions are kept for ever; going back makes a new one."""

    list_display = ["shown_id", "made", "who", "what", "shown_reason", "source"]
    list_filter = [("source", ChoicesDropdownFilter)]
    ordering = ["-pk"]
    search_fields = ["actor_name", "reason"]
    search_help_text = gettext_lazy("Who, or why")
    actions = ["roll_back"]

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Going back may change rules of every kind; what it really does is asked again by the preview."""
        return request.user.has_perms(["stores.change_route", "stores.change_carriermapping"])

    @admin.action(description=gettext_lazy("Roll back to this"), permissions=["act"])
    def roll_back(self, request: HttpRequest, rows: QuerySet[Revision]) -> HttpResponse | None:
        """The preview of what brings all rules back to what they were right after the revision."""
        if len(rows) != 1:
            self.message_user(request, _("Choose one version to go back to."), messages.WARNING)
            return None
        revision = rows[0]
        drafts = []
        for draft in back_to(revision):
            row = KINDS[draft.kind].objects.filter(pk=draft.id).first()
            drafts.append(replace(draft, version=row.version if row else None))
        if not drafts:
            self.message_user(request, _("The rules are what they were then: there is nothing to roll back."))
            return None
        if not may_propose(request, drafts):
            raise PermissionDenied
        title = _("Roll back to revision %(id)s") % {"id": revision}
        source = Revision.Source.ROLLBACK.value
        return shown(request, Proposal(title, tuple(drafts), list_of(Revision), source=source, restores=revision.pk))

    @admin.display(description=gettext_lazy("version"))
    def shown_id(self, revision: Revision) -> str:
        return str(revision)

    @admin.display(description=gettext_lazy("when"), ordering="made_at")
    def made(self, revision: Revision) -> SafeString | str:
        return when(revision.made_at)

    @admin.display(description=gettext_lazy("who"))
    def who(self, revision: Revision) -> str:
        return revision.actor_name or NOTHING

    @admin.display(description=gettext_lazy("what"))
    def what(self, revision: Revision) -> str:
        return summary_of(revision)

    @admin.display(description=gettext_lazy("why"))
    def shown_reason(self, revision: Revision) -> str:
        return revision.reason or NOTHING

    def page_queryset(self, request: HttpRequest) -> QuerySet[Revision]:
        return self.get_queryset(request).select_related("restores")

    def page(self, revision: Revision) -> Page:
        facts: list[tuple[str, Any]] = [
            (_("When"), when(revision.made_at)),
            (_("Who"), revision.actor_name or NOTHING),
            (_("Through"), revision.get_source_display()),
            (_("Why"), revision.reason or NOTHING),
            (_("Rolls back to"), link(revision.restores)),
            (_("Moved parcels"), lines([link(remap) for remap in revision.remaps.all()])),
        ]
        return Page(headline=summary_of(revision), facts=facts, blocks=[changes_of(revision)])


def changes_of(revision: Revision) -> Table:
    """One row per field that differs, with the rule in words."""
    rows = []
    for change in revision.changes:
        verb = verb_of(change)
        name = rule_name(change["kind"], change["id"], change["after"] or change["before"])
        said = format_html("{} {}", name, badge(VERBS[verb](), TONES[verb]))
        for field, before, after in changed_fields(change["kind"], change["before"], change["after"]):
            rows.append([said, field, before, after])
    return Table(_("What was changed"), [_("Rule"), _("Field"), _("Before"), _("After")], rows, _("Nothing to see."))


VERBS = {"added": lambda: _("added"), "changed": lambda: _("changed"), "removed": lambda: _("removed")}


def may_check_rules(request: HttpRequest) -> bool:
    """Whether the sidebar offers it."""
    return request.user.has_perm("stores.view_route") and store_ids_of(request.user) is None


def check_page(request: HttpRequest) -> HttpResponse:
    """``/admin/check-rules/``: doubts about the routes as they stand, and how many recent parcels each one takes."""
    if not request.user.has_perm("stores.view_route"):
        raise PermissionDenied
    needs_all_stores(request.user)
    rules, routes = load_rule_set(), route_words()
    found = dry_run(rules, rules, limit=CHECKED)
    doubts = [
        [rule_link(doubt.rule, routes) if doubt.rule else _("Gap"), doubt.words]
        for doubt in check_routes(routes, found.unmatched)
    ]
    idle = [rule for rule in rules.routes if not found.matched[rule.id]]
    looked_at = ngettext(
        "Looked at %(n)s parcel with a number.",
        "Looked at the newest %(n)s parcels with a number.",
        found.looked_at,
    )
    context = {
        "title": _("Check rules"),
        "blocks": [
            Table(
                _("Doubts"),
                [_("Rule"), _("What is doubtful")],
                doubts,
                _("No rule is hidden by another, every target works, and recent parcels all find a rule."),
            ),
            Table(
                _("Rules that none of these parcels matched"),
                [_("Rule")],
                [[rule_link(rule.id, routes)] for rule in idle],
                _("Each active rule took at least one."),
            ),
        ],
        "words": looked_at % {"n": f"{found.looked_at:,}"},
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "admin/stores/rule_check.html", admin.site.each_context(request) | context)


def rule_link(number: int, routes: dict[int, dict[str, Any]]) -> SafeString:
    url = reverse(f"admin:{Route._meta.app_label}_{Route._meta.model_name}_change", args=[number])
    return format_html('<a class="tb-link" href="{}">{}</a>', url, name_of(number, routes[number]))
