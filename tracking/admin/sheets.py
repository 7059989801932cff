"""A list of the console as text: the same rows, columns, filters, limits and masks as on its page, for a CSV.

Times are given in full, with their offset; what is only there to be clicked (buttons, boxes) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import islice
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import display_for_field, label_for_field, lookup_field
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist, PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, QueryDict
from django.utils.html import conditional_escape

from config.people import looking_as
from stores.admin import ConsoleAdmin
from tracking.services.exports import Forbidden, set_opener
from tracking.services.scope import EXPORT

LEFT_OUT = {"action_checkbox", "steps"}
SILENT = {"button", "form", "script", "select"}
APART = {"span", "div", "br", "li", "p", "summary", "td", "details"}


class InWords(HTMLParser):
    """Markup as words: parts apart by a dot, times as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = [""]
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT or tag == "time":
            self.silent.append(tag)
        if tag == "time":
            self.parts[-1] += dict(attrs).get("datetime") or ""
        if tag in APART:
            self.parts.append("")

    def handle_endtag(self, tag: str) -> None:
        if self.silent and self.silent[-1] == tag:
            self.silent.pop()
        elif tag in APART:
            self.parts.append("")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts[-1] += data

    @property
    def words(self) -> str:
        return " · ".join(part for part in (" ".join(one.split()) for one in self.parts) if part)


def in_words(value: Any) -> str:
    parser = InWords()
    parser.feed(str(conditional_escape("" if value is None else value)))
    parser.close()
    return parser.words


class ListSheet:
    """One list with its filters, as the user sees it."""

    def __init__(self, user: Any, label: str, query: str) -> None:
        self.page_admin = page_of(label)
        self.request = HttpRequest()
        self.request.method, self.request.user = "GET", user
        self.request.GET = QueryDict(query)
        if not (user.is_active and user.has_perm(EXPORT) and self.page_admin.has_view_permission(self.request)):
            raise Forbidden("You may not export this list.")
        with looking_as(self.request):
            try:
                self.changes = self.page_admin.get_changelist_instance(self.request)
            except (IncorrectLookupParameters, PermissionDenied) as error:
                raise Forbidden("These filters cannot be used.") from error
        self.columns = [name for name in self.changes.list_display if name not in LEFT_OUT]
        self.rows = self.changes.queryset

    @property
    def headings(self) -> list[str]:
        model = self.page_admin.model
        return ["id", *(str(label_for_field(name, model, self.page_admin)) for name in self.columns)]

    def count(self) -> int:
        number: int = self.rows.order_by().count()
        return number

    def page(self, after: str, most: int) -> tuple[list[list[str]], str]:
        """The page behind a key, the highest key first."""
        rows = self.rows.order_by("-pk")
        found = list((rows.filter(pk__lt=after) if after else rows)[:most])
        return self.lines(found), str(found[-1].pk) if found else ""

    def in_order(self, size: int = 500) -> Iterator[list[list[str]]]:
        """All rows in the list's own order, some at a time."""
        rows = self.rows.iterator(chunk_size=size)
        while some := list(islice(rows, size)):
            yield self.lines(some)

    def lines(self, rows: list[Model]) -> list[list[str]]:
        with looking_as(self.request):
            self.page_admin.prepare(rows)
            return [[str(row.pk), *(self.cell(row, name) for name in self.columns)] for row in rows]

    def cell(self, row: Model, name: str) -> str:
        """One value of a list in words for a file: no HTML, dates in ISO 8601; "" where the row has no such thing."""
        try:
            field, attribute, value = lookup_field(name, row, self.page_admin)
        except (ObjectDoesNotExist, FieldDoesNotExist):
            return ""
        if field is None:
            if getattr(attribute, "boolean", False):
                value = "yes" if value else "no"
            return in_words(value)
        if field.remote_field:
            return str(getattr(row, field.name) or "")
        if hasattr(value, "isoformat"):
            return value.isoformat()
        if isinstance(value, bool):
            return "yes" if value else "no"
        return in_words(display_for_field(value, field, ""))


def page_of(label: str) -> ConsoleAdmin:
    """The admin of a model by its label. Raises Forbidden where there is none."""
    for model, page in admin.site._registry.items():
        if model._meta.label == label and isinstance(page, ConsoleAdmin):
            return page
    raise Forbidden("There is no such list.")


set_opener(ListSheet)
