"""``/admin/story/?code=…``: everything that happened under one code, line by line, in order of time.

code ─> story_of ─> one Line per entry (icon, words, badge, what was sent and answered) ─> story_of.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.correlation import normalise
from stores.statuses import MessageKind
from tracking.admin.codes import story_address
from tracking.admin.display import BAD, DOUBTFUL, GOOD, MOVING, WAITING, badge, link, outcome_badge, receipt_badge
from tracking.admin.outbox import indented
from tracking.enums import JobKind, MessageState, ProblemKind, Source, StaffActionKind
from tracking.services.story import ending
from tracking.services.story_of import (
    MOST_ROWS,
    Acted,
    Called,
    Decided,
    Entry,
    Received,
    Story,
    Told,
    Trouble,
    Wished,
    Written,
    story_of,
)

# Per kind: icon, one of them, many of them.
KINDS: dict[str, tuple[str, Promise, Promise]] = {
    "receipt": ("inbox", gettext_lazy("Came in"), gettext_lazy("What came in")),
    "decision": ("alt_route", gettext_lazy("Decision"), gettext_lazy("Decisions")),
    "job": ("schedule", gettext_lazy("Job"), gettext_lazy("Jobs")),
    "attempt": ("sync_alt", gettext_lazy("Call"), gettext_lazy("Calls")),
    "write": ("edit_note", gettext_lazy("Write"), gettext_lazy("Writes")),
    "message": ("mail", gettext_lazy("Message"), gettext_lazy("Messages")),
    "problem": ("report", gettext_lazy("Problem"), gettext_lazy("Problems")),
    "staff": ("person", gettext_lazy("By hand"), gettext_lazy("By hand")),
}
MESSAGE_TONES = {
    MessageState.PLANNED: MOVING,
    MessageState.HELD: DOUBTFUL,
    MessageState.SENDING: MOVING,
    MessageState.SENT: GOOD,
    MessageState.UNSURE: BAD,
    MessageState.SKIPPED: WAITING,
    MessageState.FAILED: BAD,
    MessageState.BOUNCED: BAD,
    MessageState.COMPLAINED: BAD,
}
JOB_STATES: dict[str, tuple[Promise, str]] = {
    "waiting": (gettext_lazy("wished for, waits now"), MOVING),
    "done": (gettext_lazy("wished for, done now"), GOOD),
    "dead": (gettext_lazy("wished for, dead letter now"), WAITING),
    "gave_up": (gettext_lazy("gave up"), BAD),
}


@dataclass(frozen=True)
class Line:
    """One entry as it is read: ``badge`` says how it went, ``words`` what it was, ``note`` more of it.

    ``why``: for what reason it changed nothing, where that is to be said.
    """

    badge: SafeString
    words: Any
    note: str = ""
    texts: list[tuple[Any, str]] = field(default_factory=list)
    changes: tuple[Any, ...] = ()
    steps: tuple[Any, ...] = ()
    why: str = ""


def story_page(request: HttpRequest) -> HttpResponse:
    """The page, with one search field; 404 where the code means nothing, and then it says so."""
    if not request.user.has_perm("tracking.view_order"):
        raise PermissionDenied
    code = normalise(request.GET.get("code", ""))
    story = story_of(code, viewer=request.user) if code else None
    kind = request.GET.get("kind", "")
    context = {
        **admin.site.each_context(request),
        "title": _("Story %(code)s") % {"code": story.code} if story else _("Story"),
        "code": story.code if story else code[:40],
        "story": story,
        "most_rows": MOST_ROWS,
        "kind": kind if kind in KINDS else "",
        "subjects": subjects_of(story) if story else [],
        "related": [(one, story_address(one)) for one in story.related_codes] if story else [],
        "filters": filters_of(story, kind) if story else [],
        "rows": rows_of(story, kind, request) if story else [],
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "admin/tracking/story_of.html", context, status=404 if code and not story else 200)


def filters_of(story: Story, chosen: str) -> list[dict[str, Any]]:
    """One link per kind that the story has, with how many, and one for all of them."""
    numbers = Counter(entry.kind for entry in story.entries)
    chosen = chosen if chosen in KINDS else ""
    kinds = [(kind, icon, many) for kind, (icon, _one, many) in KINDS.items() if numbers[kind]]
    return [
        {"words": _("Everything"), "icon": "timeline", "number": len(story.entries), "url": story_address(story.code)}
        | {"is_chosen": not chosen},
        *(
            {"words": many, "icon": icon, "number": numbers[kind], "url": story_address(story.code, kind=kind)}
            | {"is_chosen": kind == chosen}
            for kind, icon, many in kinds
        ),
    ]


def rows_of(story: Story, kind: str, request: HttpRequest) -> list[dict[str, Any]]:
    """What the template draws: entries of the kind (all, where it is none), each with its time and the gap before."""
    entries = [entry for entry in story.entries if kind not in KINDS or entry.kind == kind]
    gaps = ["", *(gap(before.at, entry.at) for before, entry in pairwise(entries))][: len(entries)]
    return [
        {
            "kind": entry.kind,
            "icon": KINDS[entry.kind][0],
            "label": KINDS[entry.kind][1],
            "at": entry.at,
            "clock": clock(entry.at),
            "gap": space,
            "line": LINES[entry.kind](entry),
            "url": url_of(entry, request),
        }
        for entry, space in zip(entries, gaps, strict=True)
    ]


def clock(at: datetime) -> str:
    """To the second, in the console's time zone."""
    return date_format(timezone.localtime(at), "j M Y, H:i:s")


def gap(before: datetime, after: datetime) -> str:
    """``+ 1.5 s``, ``+ 2 min 5 s``, ``+ 3 h 20 min``; nothing below a tenth of a second."""
    seconds = (after - before).total_seconds()
    if seconds < 0.1:
        return ""
    if seconds < 60:
        return f"+ {seconds:.1f} s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86_400)
    if days:
        return f"+ {days} d {hours % 24} h"
    return f"+ {hours} h {minutes % 60} min" if hours else f"+ {minutes} min {int(seconds % 60)} s"


def url_of(entry: Entry, request: HttpRequest) -> str:
    """The page of the row that tells it; "" for who may not see it."""
    model = entry.model._meta.model_name
    if not request.user.has_perm(f"tracking.view_{model}"):
        return ""
    return reverse(f"admin:tracking_{model}_change", args=[entry.row])


def came_in(entry: Received) -> Line:
    source = Source(entry.source).label
    words = format_html("{} {} <b>{}</b>", source, entry.endpoint, entry.event or _("not read yet"))
    return Line(receipt_badge(entry.state), words, entry.outcome)


def decision(entry: Decided) -> Line:
    if not entry.account:
        return Line(badge(_("no route"), BAD), _("Parcel %(parcel)s") % {"parcel": entry.parcel}, steps=entry.trace)
    asked = entry.asked_courier or _("AfterShip detects the courier")
    found = _("found: %(courier)s") % {"courier": entry.courier} if entry.courier != entry.asked_courier else ""
    words = format_html("{} {} → <b>{}</b>, {}", _("Parcel"), entry.parcel, entry.account, asked)
    note = " · ".join(part for part in (_("carrier “%s”") % entry.carrier if entry.carrier else "", found) if part)
    return Line(badge(_("routed"), GOOD), words, note, steps=entry.trace)


def job(entry: Wished) -> Line:
    words, tone = JOB_STATES[entry.state]
    error = " ".join(part for part in (entry.code, entry.words) if part)
    note = error if entry.state in ("waiting", "gave_up") else ""
    return Line(badge(words, tone), format_html("<b>{}</b> · {}", JobKind(entry.job).label, entry.upstream), note)


def call(entry: Called) -> Line:
    words = format_html('<span class="tb-path">{} {}</span>', entry.method, entry.path)
    took = _("%(ms)d ms") % {"ms": entry.duration_ms}
    waited = _("then waits %(s)s s") % {"s": f"{entry.wait_seconds:g}"} if entry.wait_seconds is not None else ""
    said = " ".join(part for part in (entry.code, entry.words) if part)
    note = " · ".join(part for part in (entry.upstream, took, said, waited) if part)
    texts = [(_("Sent"), indented(entry.request_excerpt)), (_("Answered"), indented(entry.response_excerpt))]
    return Line(outcome_badge(entry.outcome, entry.status), words, note, texts=[one for one in texts if one[1]])


def write(entry: Written) -> Line:
    versions = _("version %(before)d → %(after)d") % {"before": entry.version_before, "after": entry.version_after}
    fields = ", ".join(dict.fromkeys(change.name for change in entry.changes))
    return Line(badge(_("written"), GOOD), format_html("<b>{}</b>", versions), fields, changes=entry.changes)


def message(entry: Told) -> Line:
    words = format_html("<b>{}</b> · {}", MessageKind(entry.message).label, entry.parcel or _("the whole order"))
    note = " · ".join(part for part in (entry.brand, entry.language, entry.words) if part)
    return Line(badge(MessageState(entry.state).label, MESSAGE_TONES[entry.state]), words, note)


def trouble(entry: Trouble) -> Line:
    words = format_html("<b>{}</b> · {}", ProblemKind(entry.problem).label, entry.words)
    tone = (_("opened"), DOUBTFUL) if entry.step == "opened" else (_("closed"), GOOD)
    return Line(badge(*tone), words, entry.next_step)


def by_hand(entry: Acted) -> Line:
    words = format_html("<b>{}</b> · {}", entry.actor or _("somebody"), entry.words)
    about = _("parcel %(parcel)s") % {"parcel": entry.parcel} if entry.parcel else ""
    note = " · ".join(part for part in (entry.reason, about, entry.outcome) if part)
    return Line(badge(StaffActionKind(entry.action).label, MOVING), words, note)


LINES: dict[str, Callable[[Any], Line]] = {
    "receipt": came_in,
    "decision": decision,
    "job": job,
    "attempt": call,
    "write": write,
    "message": message,
    "problem": trouble,
    "staff": by_hand,
}


def subjects_of(story: Story) -> list[SafeString | str]:
    """Links to what the story is about; of a tracking number only the end is told."""
    trackings = [
        link(one, f"{one.courier or one.requested_courier} {ending(one.tracking_number)}".strip())
        for one in story.trackings
    ]
    return [*(link(order) for order in story.orders), *trackings]
