"""What the console's read-only pages share: a list in a handful of queries, a page of facts and tables, safe buttons.

list ─ get_queryset (annotated, prefetched) ─ columns          HistoryAdmin.list_display
page ─ facts(row) + sections(row) ─ templates/admin/tracking/story.html
button ─ POST to the list's action with this one row ─ service ─ counts in words, and back to the page
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from stores.admin import ConsoleAdmin, LookedAtOnly
from tracking.admin.display import page_of


@dataclass(frozen=True)
class Table:
    """One block of a page: rows of cells under headings, or words where there are none."""

    title: Any
    headings: Sequence[Any]
    rows: Sequence[Sequence[Any]]
    empty: Any
    more_url: str = ""
    more: Any = ""

    def labelled(self) -> list[list[tuple[Any, Any]]]:
        """Each cell with its heading: on a phone the heading stands beside it."""
        return [list(zip(self.headings, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Text:
    """One block of a page: preformatted text, or words where there is none."""

    title: Any
    text: str
    empty: Any
    note: Any = ""


@dataclass(frozen=True)
class Facts:
    """One block of a page: names and values."""

    title: Any
    rows: Sequence[tuple[Any, Any]]


@dataclass(frozen=True)
class Page:
    """A row's page: a line that says it all, facts, then blocks in reading order."""

    headline: Any
    facts: Sequence[tuple[Any, Any]]
    blocks: Sequence[Any] = field(default_factory=list)  # Table | Text | Facts, or what `order_registry` adds to them
    acts: Sequence[Any] = field(default_factory=list)


class HistoryAdmin(LookedAtOnly, ConsoleAdmin):
    """Rows that tell what happened. Whoever may change the model may press its buttons; nobody edits a row."""

    empty_list_words: Any = _("Nothing here yet.")
    page_template = "admin/tracking/story.html"

    def has_act_permission(self, request: HttpRequest) -> bool:
        """May this person press the buttons of this model?"""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def page(self, row: Any) -> Page:
        """What the row's page shows, in a fixed handful of queries."""
        raise NotImplementedError

    def page_for(self, request: HttpRequest, row: Any) -> Page:
        """The same for the person who asks: what they may do, and what is masked for them."""
        return self.page(row)

    def page_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows as their pages need them."""
        return self.get_queryset(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The row's page. There is nothing to post to it."""
        if not self.has_view_permission(request) or request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": str(row),
            "opts": self.opts,
            "original": row,
            "media": self.media,
            "page": self.page_for(request, row),
            "buttons": self.buttons(request, row),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.page_template, context)

    def buttons(self, request: HttpRequest, row: Any) -> list[tuple[str, Any]]:
        """Names and labels of the actions that this person may press, and that make sense for this row."""
        return [
            (name, label)
            for _action, name, label in self.get_actions(request).values()
            if name != "delete_selected" and self.fits(name, row)
        ]

    def fits(self, action: str, row: Any) -> bool:
        """Does the action make sense for this row?"""
        return True

    def done(self, request: HttpRequest, rows: QuerySet[Any], words: str, level: int) -> HttpResponse | None:
        """Say what an action did, note who did it, and lead back to where the button was."""
        LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, change_message=words, single_object=False)
        self.message_user(request, words, level)
        if "_from_page" in request.POST and (row := rows.first()):
            return HttpResponseRedirect(page_of(row))
        return None


def report(count: int, did: Callable[[int], str], nothing: str) -> tuple[str, int]:
    """What to say of ``count`` rows that a service changed: in words, and as success or as a warning."""
    return (did(count), messages.SUCCESS) if count else (nothing, messages.WARNING)
