"""``/admin/queues/team/``: for who leads: what waits in each queue and with each person, and what made work lately."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from tracking.admin.base import Table
from tracking.admin.display import BAD, NOTHING, age, badge, length
from tracking.admin.queues import MAY_ASSIGN, address_of, check_view, shown
from tracking.enums import ProblemKind
from tracking.services import queues
from tracking.services.queues import NOBODY, Performance, Selection, WeeklyCause


def team_page(request: HttpRequest) -> HttpResponse:
    """Three tables in five queries. For those who may assign."""
    if refused := check_view(request):
        return refused
    if not request.user.has_perm(MAY_ASSIGN):
        raise PermissionDenied
    names = {one.pk: one.get_username() for one in queues.colleagues()}
    tables = [
        performance_table(_("By person"), _("Person"), queues.performance(request.user, "assignee"), person_of(names)),
        performance_table(_("By queue"), _("Queue"), queues.performance(request.user, "kind"), queue_of),
        causes_table(queues.weekly_causes(request.user)),
    ]
    return shown(request, "team.html", title=_("Who works what"), tables=tables)


def person_of(names: dict[Any, str]) -> Callable[[Any], Any]:
    def named(key: Any) -> Any:
        selection = Selection(owner=str(key) if key else NOBODY)
        words = names.get(key, _("somebody who left")) if key else _("nobody")
        return format_html('<a class="tb-link" href="{}">{}</a>', address_of(selection), words)

    return named


def queue_of(kind: Any) -> Any:
    return format_html('<a class="tb-link" href="{}">{}</a>', address_of(Selection(kind)), ProblemKind(kind).label)


def performance_table(title: str, whose: str, rows: list[Performance], named: Callable[[Any], Any]) -> Table:
    """A line per person, or per queue: what is open and overdue, what was done in seven days, and how fast."""
    headings = [whose, _("Open"), _("Overdue"), _("Oldest"), _("Done in 7 days"), _("By hand"), _("Half within")]
    cells = [
        [
            named(row.key),
            f"{row.number:,}",
            badge(f"{row.overdue:,}", BAD) if row.overdue else "0",
            age(row.oldest_at),
            f"{row.done:,}",
            f"{row.by_hand:,}",
            half(row),
        ]
        for row in rows
    ]
    return Table(title, headings, cells, _("Nothing is open, and nothing was closed in seven days."))


def half(row: Performance) -> str:
    if not row.done:
        return NOTHING
    longest: timedelta = queues.STEPS[-1]
    if row.half_within is None:
        return _("more than %(span)s") % {"span": length(longest.total_seconds())}
    return length(row.half_within.total_seconds())


def causes_table(causes: list[WeeklyCause]) -> Table:
    return Table(
        _("What made work"),
        [_("Cause"), _("Last 7 days"), _("7 days before"), _("Change")],
        [[queue_of(one.kind), f"{one.this_week:,}", f"{one.week_before:,}", change(one)] for one in causes],
        _("No problem opened in two weeks."),
    )


def change(one: WeeklyCause) -> str:
    """In figures, not in percent: most of these are small."""
    return f"{one.this_week - one.week_before:+,}".replace("-", "−")
