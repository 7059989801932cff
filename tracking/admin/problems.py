"""Problems: what needs a person, why, and what to do. They close by themselves when they heal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from stores.admin import RelatedFilter
from tracking.admin import story
from tracking.admin.base import Facts, HistoryAdmin, Page, Table
from tracking.admin.carriers import map_address, map_link
from tracking.admin.codes import code_link
from tracking.admin.display import NOTHING, age, code, link, problem_badge, two_lines, when
from tracking.admin.filters import ProblemStateFilter
from tracking.admin.problem_page import done_block, handling_facts, handling_part, problem_acts
from tracking.admin.remap_pages import MAY_REMAP, choose_page
from tracking.admin.search import cut_story_note, story_codes
from tracking.admin.viewer import seen
from tracking.models import Attempt, Parcel, Problem
from tracking.services.remap import parcels_alike

MOST_PROBLEMS = 20  # each brings its parcels along with those alike


@admin.register(Problem)
class ProblemAdmin(HistoryAdmin):
    """Open ones first; closed ones are a filter or a search away."""

    list_display = ["shown_kind", "cause_and_step", "about", "since", "occurrences", "seen", "closed"]
    list_filter = [ProblemStateFilter, ("kind", ChoicesDropdownFilter), ("order__project", RelatedFilter)]
    list_select_related = ["order__project", "order__store", "parcel", "tracking", "job", "assignee", "suppressed_by"]
    ordering = ["-pk"]
    search_fields = ["correlation_id"]
    search_note = staticmethod(cut_story_note)
    search_help_text = gettext_lazy("Order or tracking number, e-mail or code")
    actions = ["remap_alike"]
    page_template = "admin/tracking/problem.html"

    def has_remap_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_REMAP)

    @admin.action(description=gettext_lazy("Remap all parcels alike"), permissions=["remap"])
    def remap_alike(self, request: HttpRequest, queryset: QuerySet[Problem]) -> HttpResponse | None:
        """Choose where the parcels go that have the same problem, carrier text and store; nothing is changed yet."""
        alike = {parcel for problem in queryset[:MOST_PROBLEMS] for parcel in parcels_alike(problem)}
        if alike:
            return choose_page(request, sorted(alike))
        self.message_user(request, _("These problems are about no parcel."), messages.WARNING)
        return None

    def fits(self, action: str, problem: Problem) -> bool:
        return action != "remap_alike" or bool(problem.closed_at is None and (problem.parcel or problem.tracking))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return queryset.filter(correlation_id__in=story_codes(search_term)) if search_term else queryset, False

    @admin.display(description=gettext_lazy("problem"))
    def shown_kind(self, problem: Problem) -> SafeString:
        return problem_badge(problem)

    @admin.display(description=gettext_lazy("cause and next step"))
    def cause_and_step(self, problem: Problem) -> SafeString:
        return two_lines(problem.cause, problem.next_step)

    @admin.display(description=gettext_lazy("about"))
    def about(self, problem: Problem) -> SafeString | str:
        """The order first: that is what people ask about."""
        narrower = problem.parcel or problem.tracking
        if problem.order:
            return two_lines(link(problem.order), narrower or "")
        if problem.job:
            return two_lines(link(problem.job, problem.job.get_kind_display()), problem.correlation_id)
        return link(narrower) if narrower else code(problem.subject)

    @admin.display(description=gettext_lazy("since"), ordering="opened_at")
    def since(self, problem: Problem) -> SafeString | str:
        return age(problem.opened_at)

    @admin.display(description=gettext_lazy("last seen"))
    def seen(self, problem: Problem) -> SafeString | str:
        return age(problem.seen_at)

    @admin.display(description=gettext_lazy("closed"))
    def closed(self, problem: Problem) -> SafeString | str:
        return two_lines(age(problem.closed_at), problem.closed_reason) if problem.closed_at else _("open")

    def page_for(self, request: HttpRequest, problem: Problem) -> Page:
        page, part = self.page(problem), handling_part(request, problem)
        blocks = [*([part] if part else []), *page.blocks]
        return replace(page, blocks=blocks, acts=problem_acts(request, problem))

    def page(self, problem: Problem) -> Page:
        """The cause, the next step, who handles it, and the rows that it is about."""
        rows: list[tuple[str, Any]] = [
            (_("Next step"), _("none: it is closed") if problem.closed_at else problem.next_step),
            *handling_facts(problem),
            (_("Order"), link(problem.order)),
            (_("Parcel"), link(problem.parcel)),
            (_("Tracking"), link(problem.tracking)),
            (_("Job"), link(problem.job, problem.job.get_kind_display()) if problem.job else NOTHING),
            (_("Subject"), code(problem.subject)),
            (_("Opened"), when(problem.opened_at)),
            (_("Seen"), two_lines(when(problem.seen_at), _("%(n)d times") % {"n": problem.occurrences})),
            (_("Closed"), two_lines(when(problem.closed_at), problem.closed_reason)),
            (_("Code of this story"), code_link(problem.correlation_id)),
        ]
        codes = [problem.correlation_id] if problem.correlation_id else []
        return Page(
            headline=format_html("{} {}", problem_badge(problem), problem.cause),
            facts=rows,
            blocks=[
                *evidence_blocks(problem),
                done_block(problem),
                story.attempts_block(Attempt.objects.filter(correlation_id__in=codes), q=problem.correlation_id),
                story.receipts_block(codes),
            ],
        )


def evidence_blocks(problem: Problem) -> list[Table | Facts]:
    """What speaks for the cause, and what would mend it, where something does."""
    blocks: list[Table | Facts] = []
    if problem.evidence:
        blocks.append(Table(_("Evidence"), [_("What speaks for it")], [[one] for one in problem.evidence], ""))
    if problem.proposal.get("courier") and not problem.closed_at:
        blocks.append(Facts(_("Proposal"), proposal_facts(problem)))
    return blocks


def proposal_facts(problem: Problem) -> list[tuple[Any, Any]]:
    """The courier, and ways to take it: for the parcels at hand, or for all that say the same in their stores."""
    courier, carrier = problem.proposal["courier"], problem.proposal.get("carrier", "")
    rows: list[tuple[Any, Any]] = [(_("Courier"), code(courier))]
    shown = Parcel.objects.filter(tracking=problem.tracking_id, removed_at=None, order__deleted_at=None)
    found = seen(shown).order_by("pk").values_list("pk", "order__project__key", "order__store__key")
    parcels = found if problem.tracking_id else []
    if parcels:
        ids = ",".join(str(pk) for pk, _project, _store in parcels)
        address = f"{reverse('remap')}?{urlencode({'parcel': ids, 'courier': courier})}"
        rows.append((_("For this one"), map_link(address, _("Remap this parcel"))))
    for project, store in sorted({(project, store or "") for _pk, project, store in parcels if carrier}):
        address = map_address(project, store, carrier, courier=courier)
        where = _("store %(store)s") % {"store": store} if store else _("project %(project)s") % {"project": project}
        words = _("Map “%(text)s” to %(courier)s for %(where)s")
        rows.append((_("For all"), map_link(address, words % {"text": carrier, "courier": courier, "where": where})))
    return rows
