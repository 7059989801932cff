"""``{% console_rows cl %}``: the rows of a list as unfold draws them, in a fraction of its time.

unfold works out all headings, the tick box and the address anew for every row, and draws each row by a template with
switches that no list of ours uses. Here what is the same in every row is made once per page: a row is then its columns'
values between ready pieces of HTML. A test holds every list against what unfold itself would draw.

    columns_of(list) ─> Column: head, value of a row, tail ─> one string per row

Lists in a window to choose from, and lists that are edited in place, are left to unfold (change_list.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, time
from types import SimpleNamespace
from typing import Any

from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import FieldIsAForeignKeyColumnName, lookup_field, quote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db.models import DateField, Field, ForeignKey, ManyToOneRel, Model, TimeField
from django.template import Context, Library
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from unfold.templatetags.unfold_list import CHECKBOX_CLASSES, LINK_CLASSES, ROW_CLASSES, result_headers
from unfold.utils import display_for_field, display_for_value

register = Library()
KEY = "tb-key-of-the-row"  # stands where a row's key goes
BOX = "action_checkbox"
ROW = (
    '<tbody class="block relative lg:table-row-group {}"><tr class="data-row block border border-base-200 mb-3 '
    'relative rounded-default lg:table-row lg:border-none lg:mb-0 lg:rounded-none dark:border-base-800">{}</tr></tbody>'
)
STRIPES = ("", "bg-base-50 dark:bg-white/[.02]")


@dataclass(frozen=True)
class Column:
    """One column: the value of a row, and the HTML around it; with the ``address`` of its page where it leads there."""

    value: Callable[[Model], tuple[Any, bool]]  # what is shown, and whether it stays on one line
    tag: str
    classes: str
    heading: str
    address: str = ""

    def cell(self, row: Model) -> str:
        shown, is_short = self.value(row)
        if self.address:
            address = self.address.replace(KEY, str(quote(row.pk)))
            shown = format_html('<a href="{}" class="{}" >{}</a>', address, " ".join(LINK_CLASSES), shown)
        classes = f"{self.classes} nowrap" if is_short else self.classes
        return f'<{self.tag} class="{classes}" data-label="{self.heading}">{conditional_escape(shown)}</{self.tag}>'


@register.inclusion_tag("admin/change_list_rows.html", takes_context=True)
def console_rows(context: Context, cl: ChangeList) -> dict[str, Any]:
    """The table of a list, headings included."""
    headers = list(result_headers(cl))
    columns = columns_of(cl, [conditional_escape(header["text"]) for header in headers])
    return {
        "cl": cl,
        "has_add_permission": cl.model_admin.has_add_permission(context["request"]),
        "result_headers": headers,
        "num_sorted_fields": sum(bool(one["sortable"] and one["sorted"]) for one in headers),
        "rows": [row_of(columns, row, number) for number, row in enumerate(cl.result_list)],
    }


def row_of(columns: list[Column], row: Model, number: int) -> SafeString:
    cells = "".join(column.cell(row) for column in columns)
    return mark_safe(ROW.format(STRIPES[number % 2], cells))  # noqa: S308 each cell is escaped


def columns_of(cl: ChangeList, headings: list[str]) -> list[Column]:
    """The columns as they are shown. The first leads to the row's page, or those that the list names."""
    links = set(linked_names(cl))
    made, is_first = [], True
    for index, name in enumerate(cl.list_display):
        is_link = name in links
        classes = CHECKBOX_CLASSES if name == BOX else [f"field-{class_name(name, index)}", *ROW_CLASSES]
        made.append(
            Column(
                value_of(cl, name),
                "th" if is_link and is_first else "td",
                " ".join(classes),
                headings[index] if index or is_link else conditional_escape(_("Select record")),
                address_of(cl) if is_link else "",
            )
        )
        is_first = is_first and not is_link
    return made


def linked_names(cl: ChangeList) -> Iterator[Any]:
    if cl.list_display_links is None:
        return
    yield from cl.list_display_links or [name for name in cl.list_display if name != BOX][:1]


def class_name(name: Any, index: int) -> str:
    """As Django names the cells of a column that is a function."""
    if not callable(name):
        return str(name)
    return f"column{index}" if name.__name__ == "<lambda>" else name.__name__


def address_of(cl: ChangeList) -> str:
    """The address of a row's page, with KEY in place of its key."""
    address = cl.url_for_result(SimpleNamespace(**{cl.pk_attname: KEY}))
    return str(add_preserved_filters({"preserved_filters": cl.preserved_filters, "opts": cl.opts}, address))


def value_of(cl: ChangeList, name: Any) -> Callable[[Model], tuple[Any, bool]]:
    """How to get what a column shows of a row."""
    page = cl.model_admin
    empty = page.get_empty_value_display()
    if name == BOX:
        box = str(page.action_checkbox(SimpleNamespace(pk=KEY)))
        return lambda row: (mark_safe(box.replace(KEY, str(conditional_escape(row.pk)))), False)  # noqa: S308
    field = field_of(cl, name)
    if field is None and isinstance(name, str) and name != "__str__" and hasattr(page, name):
        return method_of(getattr(page, name), empty)

    def value(row: Model) -> tuple[Any, bool]:
        try:
            found, attribute, what = lookup_field(name, row, page)
        except ObjectDoesNotExist:
            return empty, False
        if found is None or found.auto_created:
            return shown_by(attribute, what, empty)
        is_short = isinstance(found, DateField | TimeField | ForeignKey)
        if isinstance(found.remote_field, ManyToOneRel):
            related = getattr(row, found.name)
            return (empty if related is None else related), is_short
        return display_for_field(what, found, empty), is_short

    return value


def field_of(cl: ChangeList, name: Any) -> Field[Any, Any] | None:
    try:
        return cl.lookup_opts.get_field(name)
    except (FieldDoesNotExist, FieldIsAForeignKeyColumnName):
        return None


def method_of(method: Callable[[Model], Any], empty: str) -> Callable[[Model], tuple[Any, bool]]:
    def value(row: Model) -> tuple[Any, bool]:
        try:
            return shown_by(method, method(row), empty)
        except ObjectDoesNotExist:
            return empty, False

    return value


def shown_by(attribute: Any, value: Any, empty: str) -> tuple[Any, bool]:
    """What a function of a column gave, as its marks say."""
    empty = getattr(attribute, "empty_value_display", empty)
    shown = display_for_value(value, empty, getattr(attribute, "boolean", False))
    return shown, isinstance(value, date | time)
