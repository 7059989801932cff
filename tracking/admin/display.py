"""How values look: badges with words, links, times and ages. The classes are drawn in static/tracking/console.css."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tracking.enums import ParcelStatus, ReceiptState
from tracking.models import Checkpoint, Job, Problem
from tracking.services.scope import may_see_people

NOTHING = "–"
SHORT = 16
MASK = "•••"
GOOD, MOVING, WAITING, DOUBTFUL, BAD = "good", "moving", "waiting", "doubtful", "bad"

STATUS_TONES: dict[str, str] = {
    ParcelStatus.PENDING: WAITING,
    ParcelStatus.INFO_RECEIVED: WAITING,
    ParcelStatus.IN_TRANSIT: MOVING,
    ParcelStatus.OUT_FOR_DELIVERY: MOVING,
    ParcelStatus.AVAILABLE_FOR_PICKUP: MOVING,
    ParcelStatus.DELIVERED: GOOD,
    ParcelStatus.DELAYED: DOUBTFUL,
    ParcelStatus.ATTEMPT_FAILED: DOUBTFUL,
    ParcelStatus.RETURNING: DOUBTFUL,
    ParcelStatus.EXPIRED: DOUBTFUL,
    ParcelStatus.UNKNOWN: DOUBTFUL,
    ParcelStatus.EXCEPTION: BAD,
    ParcelStatus.RETURNED: BAD,
    ParcelStatus.LOST: BAD,
    ParcelStatus.DISPOSED: BAD,
    ParcelStatus.CANCELLED: WAITING,
}
RECEIPT_TONES: dict[str, str] = {
    ReceiptState.PENDING: MOVING,
    ReceiptState.DONE: GOOD,
    ReceiptState.IGNORED: WAITING,
    ReceiptState.QUARANTINED: BAD,
}
OUTCOME_TONES = {"ok": GOOD, "retry": DOUBTFUL, "conflict": DOUBTFUL, "stopped": BAD, "refused": BAD}


def person(user: Any, text: str) -> str:
    """Something that tells who or where a shopper is: as it is, or masked for those who may not see it."""
    return text if may_see_people(user) else masked(text)


def masked(text: str) -> str:
    """``ella@example.com`` → ``e•••@example.com``; any other text → its first sign and ``•••``."""
    name, at, host = text.rpartition("@")
    return f"{name[:1]}{MASK}@{host}" if at else f"{text[:1]}{MASK}" if text else ""


def badge(words: object, tone: str = WAITING) -> SafeString:
    """Words on a colour; the words alone say it too."""
    return format_html('<span class="tb-badge tb-{}">{}</span>', tone, words)


def status_badge(status: str | None) -> SafeString | str:
    """Our status; a dash where there is none."""
    if not status:
        return NOTHING
    label = ParcelStatus(status).label if status in ParcelStatus.values else status
    return badge(label, STATUS_TONES.get(status, DOUBTFUL))


def receipt_badge(state: str) -> SafeString:
    return badge(ReceiptState(state).label, RECEIPT_TONES[state])


def outcome_badge(outcome: str, status: int | None) -> SafeString:
    """An upstream call's end: HTTP status (where there was an answer) and verdict."""
    return badge(f"{status or _('no answer')} {outcome}", OUTCOME_TONES.get(outcome, DOUBTFUL))


def job_state(job: Job) -> tuple[str, str]:
    """A job's state in words, and its tone; the states are drawn at the model."""
    now = timezone.now()
    if job.dead_at:
        return _("Dead letter"), BAD
    if job.want == job.done:
        return _("Done"), GOOD
    if job.next_attempt_at <= now:
        return _("Due"), MOVING
    if job.attempts and job.last_error_code:
        return _("Backing off"), DOUBTFUL
    return (_("Running"), MOVING) if job.attempts else (_("Waiting"), WAITING)


def job_badge(job: Job) -> SafeString:
    return badge(*job_state(job))


def problem_badge(problem: Problem) -> SafeString:
    return badge(problem.get_kind_display(), WAITING if problem.closed_at else BAD)


def open_problems_badge(number: int) -> SafeString | str:
    """How many problems are open; a dash for none."""
    if not number:
        return NOTHING
    return badge(ngettext("%(n)d open", "%(n)d open", number) % {"n": number}, BAD)


def link(target: Model | None, words: object = "") -> SafeString | str:
    """A link to a row's page; a dash for None."""
    if target is None:
        return NOTHING
    return linked(page_of(target), words or target)


def linked(address: str, words: object) -> SafeString:
    """A link to an address of ours."""
    return format_html('<a class="tb-link {}" href="{}">{}</a>', short(str(words)), address, words)


def reverse_page(name: str, pk: object) -> str:
    """The address of one of our pages about a row."""
    return reverse(name, args=[pk])


def joined(parts: Iterable[object]) -> SafeString:
    """The parts beside each other."""
    return format_html_join(" ", "{}", ((part,) for part in parts))


def page_of(row: Model) -> str:
    """The address of a row's page in the console."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_of(model: type[Model], **parameters: Any) -> str:
    """The address of a model's list, filtered or searched by ``parameters``."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{urlencode(parameters)}" if parameters else address


def code(text: str) -> SafeString | str:
    """Something to copy or read out: an id, a code, a number."""
    return format_html('<code class="tb-code {}">{}</code>', short(text), text) if text else NOTHING


def short(words: str) -> str:
    """The class that keeps short words on one line."""
    return "tb-short" if len(words) <= SHORT else ""


def two_lines(first: object, second: object) -> SafeString:
    """A value and, smaller, what goes with it."""
    return format_html('<span class="tb-two">{}<span class="tb-second">{}</span></span>', first, second)


def lines(parts: list[Any]) -> SafeString | str:
    """Each part on a line of its own."""
    return format_html_join("", '<span class="tb-line">{}</span>', ((part,) for part in parts)) or NOTHING


def when(at: datetime | None, zone: tzinfo | None = None) -> SafeString | str:
    """A moment by the clock of this zone, else of the console's, to the minute; a dash for None."""
    if at is None:
        return NOTHING
    local = timezone.localtime(at, zone)
    words = date_format(local, "j M Y, H:i")
    return format_html(
        '<time class="tb-time" datetime="{}" title="{}">{}</time>', at.isoformat(), local.tzname(), words
    )


def age(at: datetime | None) -> SafeString | str:
    """How long ago (or ahead) a moment is, in one unit, with the moment itself behind it; a dash for None."""
    if at is None:
        return NOTHING
    words = span((timezone.now() - at).total_seconds())
    exact = f"{date_format(timezone.localtime(at), 'j M Y, H:i:s')} {timezone.localtime(at).tzname()}"
    return format_html('<time class="tb-time" datetime="{}" title="{}">{}</time>', at.isoformat(), exact, words)


def length(seconds: float) -> str:
    """``90`` → "1 min": in one unit, rounded down."""
    units = ((86_400, _("d")), (3_600, _("h")), (60, _("min")), (1, _("s")))
    most, unit = next((one for one in units if seconds >= one[0]), units[-1])
    return f"{int(seconds // most)}\N{NO-BREAK SPACE}{unit}"


def span(seconds: float) -> str:
    """``90`` → "1 min ago", ``-7200`` → "in 2 h"."""
    words = {"span": length(abs(seconds))}
    return _("%(span)s ago") % words if seconds >= 0 else _("in %(span)s") % words


def day(at: date | None) -> str:
    """A day; a dash for None."""
    return date_format(at, "j M Y").replace(" ", "\N{NO-BREAK SPACE}") if at else NOTHING


def milliseconds(number: int) -> str:
    return f"{number}\N{NO-BREAK SPACE}ms"


def as_given(text: str) -> str:
    """A time as an upstream wrote it, in our form, with its own offset if it has one; other text stays as it is."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{date_format(at, 'j M Y, H:i')} {offset(at.utcoffset())}".strip()


def offset(of: timedelta | None) -> str:
    """``+01:00``; nothing where it is not known."""
    if of is None:
        return ""
    minutes = round(of.total_seconds() / 60)
    return f"{'+' if minutes >= 0 else '−'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def clock_on_the_wall(checkpoint: Checkpoint) -> SafeString:
    """A checkpoint's time where it happened, with its offset, or with the word that none was given."""
    if not checkpoint.local_time:
        return format_html("{}", checkpoint.time_text or _("no time given"))
    local = datetime.fromisoformat(checkpoint.local_time)
    zone = _("local time")
    if checkpoint.happened_at:
        zone = offset(local.replace(tzinfo=UTC) - checkpoint.happened_at)
    return two_lines(date_format(local, "j M Y, H:i"), zone)
