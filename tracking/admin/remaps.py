"""Remaps and staff actions: how far a remap is, its buttons, and who did what. Rows that nobody edits."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from tracking import tasks
from tracking.admin import pauses, story
from tracking.admin.base import HistoryAdmin, Page, Table, report
from tracking.admin.codes import code_link
from tracking.admin.display import (
    BAD,
    DOUBTFUL,
    GOOD,
    MOVING,
    NOTHING,
    WAITING,
    age,
    badge,
    lines,
    link,
    two_lines,
    when,
)
from tracking.admin.remap_pages import MAY_REMAP, remap_badge, route_of, target_words
from tracking.admin.search import cut_story_note, story_codes
from tracking.admin.viewer import hidden
from tracking.enums import RemapItemState, RemapState
from tracking.models import Remap, RemapItem, StaffAction
from tracking.services.remap import can_be_undone, resume_remap, stop_remap, undo_remap

REFRESH_SECONDS = 3
UNDER_WAY = (RemapState.RUNNING, RemapState.UNDOING)
ITEM_TONES: dict[str, str] = {
    RemapItemState.WAITING: MOVING,
    RemapItemState.MOVED: GOOD,
    RemapItemState.SKIPPED: BAD,
    RemapItemState.UNDONE: WAITING,
    RemapItemState.KEPT: DOUBTFUL,
}


@admin.register(Remap)
class RemapAdmin(HistoryAdmin):
    """Parcels that were moved by hand: how far it is, and the buttons to stop it, go on, or take it back."""

    list_display = ["number", "shown_state", "shown_target", "who", "how_far", "made", "reason"]
    list_filter = [("state", ChoicesDropdownFilter)]
    ordering = ["-made_at"]
    search_fields = ["actor_name", "correlation_id"]
    search_help_text = gettext_lazy("Name of a colleague, or code")
    actions = ["stop", "go_on", "undo"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Remap]:
        waiting = Q(items__state=RemapItemState.WAITING)
        return super().get_queryset(request).annotate(number_of=Count("items"), left=Count("items", filter=waiting))

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_REMAP)

    @admin.display(description=gettext_lazy("remap"), ordering="pk")
    def number(self, remap: Remap) -> str:
        return str(remap)

    @admin.display(description=gettext_lazy("state"))
    def shown_state(self, remap: Remap) -> SafeString:
        return remap_badge(remap)

    @admin.display(description=gettext_lazy("to"))
    def shown_target(self, remap: Remap) -> str:
        return target_words(remap.target)

    @admin.display(description=gettext_lazy("by"))
    def who(self, remap: Remap) -> str:
        return remap.actor_name or NOTHING

    @admin.display(description=gettext_lazy("parcels"))
    def how_far(self, remap: Remap) -> SafeString:
        left = _("%(n)s are left") % {"n": f"{remap.left:,}"} if remap.left else ""
        return two_lines(f"{remap.number_of:,}", left)

    @admin.display(description=gettext_lazy("started"), ordering="made_at")
    def made(self, remap: Remap) -> SafeString | str:
        return age(remap.made_at)

    @admin.action(description=gettext_lazy("Stop"), permissions=["act"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Remap]) -> HttpResponse | None:
        """No further parcel moves until it goes on."""
        count = sum(stop_remap(remap) for remap in queryset)
        said = report(
            count,
            lambda n: ngettext("%(n)d remap was stopped.", "%(n)d remaps were stopped.", n) % {"n": n},
            _("It is not running."),
        )
        return self.done(request, queryset, *said)

    @admin.action(description=gettext_lazy("Go on"), permissions=["act"])
    def go_on(self, request: HttpRequest, queryset: QuerySet[Remap]) -> HttpResponse | None:
        """Go on where it was stopped."""
        count = sum(resume_remap(remap) for remap in queryset)
        tasks.kick()
        said = report(
            count,
            lambda n: ngettext("%(n)d remap goes on.", "%(n)d remaps go on.", n) % {"n": n},
            _("It was not stopped."),
        )
        return self.done(request, queryset, *said)

    @admin.action(description=gettext_lazy("Undo"), permissions=["act"])
    def undo(self, request: HttpRequest, queryset: QuerySet[Remap]) -> HttpResponse | None:
        """Every parcel goes back to what it was, unless it was moved again since."""
        mine = queryset if request.user.has_perm("tracking.undo_others") else queryset.filter(actor=request.user)
        if foreign := queryset.count() - mine.count():
            words = ngettext(
                "%(n)d remap is somebody else's: ask them, or a lead, to undo it.",
                "%(n)d remaps are somebody else's: ask them, or a lead, to undo them.",
                foreign,
            )
            self.message_user(request, words % {"n": foreign}, messages.WARNING)
        count = sum(undo_remap(remap, request.user) for remap in mine)
        tasks.kick()
        said = report(
            count,
            lambda n: ngettext("%(n)d remap is being undone.", "%(n)d remaps are being undone.", n) % {"n": n},
            _("It cannot be undone: it is still running, undone already, or a day has gone by."),
        )
        return self.done(request, queryset, *said)

    def fits(self, action: str, remap: Remap) -> bool:
        if action == "undo":
            return can_be_undone(remap)
        return remap.state == (RemapState.RUNNING if action == "stop" else RemapState.STOPPED)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The remap's page; while something moves, the browser asks for it again every few seconds."""
        response = super().change_view(request, object_id, form_url, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "original" in context and context["original"].state in UNDER_WAY:
            response.headers["Refresh"] = str(REFRESH_SECONDS)
        return response

    def page(self, remap: Remap) -> Page:
        """How far it is, what it changes, parcel by parcel, and what it left alone and why."""
        items = remap.items.select_related("parcel__order")
        counts = dict(items.order_by().values_list("state").annotate(n=Count("pk")))
        left_alone = items.filter(state__in=[RemapItemState.SKIPPED, RemapItemState.KEPT])
        waits = pauses.of_remap(remap) if remap.undo_until > timezone.now() else []
        return Page(
            headline=format_html("{} {}", remap_badge(remap), progress_words(remap, counts)),
            facts=[
                (_("To"), target_words(remap.target, route_of(remap.target))),
                (_("Reason"), remap.reason),
                (_("By"), remap.actor_name or NOTHING),
                (_("Progress"), progress_bar(remap, counts)),
                *([(_("Not everywhere yet"), lines(waits))] if waits else []),
                (_("Started"), when(remap.made_at)),
                (_("Finished"), when(remap.finished_at)),
                (_("Can be undone until"), when(remap.undo_until)),
                (_("Code of this story"), code_link(remap.correlation_id)),
            ],
            blocks=[
                items_block(_("Left as they are"), left_alone, _("None: every parcel so far could be changed.")),
                items_block(_("Parcels"), items, _("No parcel.")),
                actions_block(StaffAction.objects.filter(remap=remap)),
            ],
        )


def progress_words(remap: Remap, counts: dict[str, int]) -> str:
    """How many there are in which state, in words."""
    parts = [f"{counts[state]:,} {item_words(state).lower()}" for state in RemapItemState if counts.get(state)]
    return ", ".join(parts)


def item_words(state: RemapItemState) -> str:
    """A parcel that was marked or told to AfterShip has not moved anywhere."""
    return str(_("Changed") if state == RemapItemState.MOVED else state.label)


def progress_bar(remap: Remap, counts: dict[str, int]) -> SafeString:
    """Of a remap under way, what is done of it; of one being undone, what is back."""
    total, left = sum(counts.values()), counts.get(RemapItemState.WAITING, 0)
    if remap.state == RemapState.UNDOING:
        left = counts.get(RemapItemState.MOVED, 0)
    words = _("%(done)s of %(all)s") % {"done": f"{total - left:,}", "all": f"{total:,}"}
    return format_html(
        '<progress class="tb-progress" max="{}" value="{}" aria-label="{}">{}</progress> {}',
        total,
        total - left,
        _("Progress"),
        words,
        words,
    )


def items_block(title: str, items: QuerySet[RemapItem], empty: str) -> Table:
    """The parcels of a remap with what became of each."""
    rows, is_more = story.capped(items)
    return Table(
        title,
        [_("Parcel"), _("State"), _("Outcome"), _("When")],
        [
            [
                two_lines(link(item.parcel), item.parcel.order),
                badge(item_words(RemapItemState(item.state)), ITEM_TONES[item.state]),
                item.outcome or NOTHING,
                age(item.done_at),
            ]
            for item in rows
        ],
        empty,
        more=_("More are not listed.") if is_more else "",
    )


def actions_block(actions: QuerySet[StaffAction]) -> Table:
    """What people did about it. One query."""
    rows, _more = story.capped(actions)
    return Table(
        _("What staff did"),
        [_("What"), _("By"), _("Reason"), _("When")],
        [[link(one, one.summary), one.actor_name or NOTHING, one.reason or NOTHING, age(one.made_at)] for one in rows],
        _("Nobody has done anything about it by hand."),
    )


@admin.register(StaffAction)
class StaffActionAdmin(HistoryAdmin):
    """Who did what in the console, and why: kept for good."""

    list_display = ["what", "who", "reason", "about", "made", "story_code"]
    list_filter = [("kind", ChoicesDropdownFilter)]
    list_select_related = ["order__project", "order__store", "parcel", "remap"]
    ordering = ["-made_at"]
    search_fields = ["actor_name", "correlation_id"]
    search_note = staticmethod(cut_story_note)
    search_help_text = gettext_lazy("Order or tracking number, name of a colleague, or code")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(
            Q(correlation_id__in=story_codes(search_term)) | Q(actor_name=search_term.strip())
        ), False

    @admin.display(description=gettext_lazy("what"))
    def what(self, action: StaffAction) -> SafeString:
        return two_lines(action.get_kind_display(), action.summary)

    @admin.display(description=gettext_lazy("by"))
    def who(self, action: StaffAction) -> str:
        return action.actor_name or NOTHING

    @admin.display(description=gettext_lazy("about"))
    def about(self, action: StaffAction) -> SafeString | str:
        return link(action.order or action.remap)

    @admin.display(description=gettext_lazy("when"), ordering="made_at")
    def made(self, action: StaffAction) -> SafeString | str:
        return age(action.made_at)

    @admin.display(description=gettext_lazy("code"))
    def story_code(self, action: StaffAction) -> SafeString | str:
        return code_link(action.correlation_id)

    def page(self, action: StaffAction) -> Page:
        """Who did what to which order, when and why, and what was there before and after."""
        return Page(
            headline=format_html("{} {}", badge(action.get_kind_display()), action.summary),
            facts=[
                (_("By"), action.actor_name or NOTHING),
                (_("When"), when(action.made_at)),
                (_("Reason"), action.reason or NOTHING),
                (_("Order"), link(action.order)),
                (_("Parcel"), link(action.parcel)),
                (_("Remap"), link(action.remap)),
                (_("Code of this story"), code_link(action.correlation_id)),
            ],
            blocks=[before_and_after(action)],
        )


def before_and_after(action: StaffAction) -> Table:
    names = sorted({*action.before, *action.after})
    return Table(
        _("Before and after"),
        [_("What"), _("Before"), _("After")],
        [[name, shown(name, action.before.get(name)), shown(name, action.after.get(name))] for name in names],
        _("It changed nothing that is kept as values."),
    )


def shown(name: str, value: Any) -> str:
    """A value as it was kept; of several, each on its line. Corrected fields may be a postcode, and is masked."""
    if isinstance(value, dict):
        return lines([f"{key}: {hidden(str(one)) if name == 'fields' else one}" for key, one in value.items()])
    return NOTHING if value is None else str(value)
