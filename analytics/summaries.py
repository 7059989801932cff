"""The weekly mail: last week's figures of a store against the week before, for people who asked for it.

    each hour ─ due? (Monday, 7 o'clock of the store) ─ wish ─> job ─ claim, committed ─ send ─> sent
                                                                 └─ refused: claim given back, tried again later

The numbers are ``measure``'s, as on the pages, and limited to what the person may see.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from analytics.filters import Filters
from analytics.kpis import KPIS, compared, measure
from analytics.models import Summary
from analytics.names_of import names_of
from analytics.views import SEE_FIGURES
from analytics.words import change_of, period_words, value_words
from config.correlation import new_correlation_id
from stores.zones import zone, zone_name
from tracking.enums import JobKind
from tracking.services import jobs
from tracking.services.scope import store_ids_of
from tracking.services.story import tell

MONDAY, MORNING = 0, 7  # o'clock, in the store's zone
UPSTREAM = "trackbridge:summaries"
KEYS = (
    "created", "on_time_promise", "on_time_estimate", "overdue_promise", "transit_p50", "transit_p90", "first_attempt",
    "exception_rate", "not_scanned", "coverage",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One figure as the mail shows it."""

    title: str
    value: str
    sample: str
    change: str


def here_of(summary: Summary) -> Any:
    """The zone in which its Monday morning is."""
    store = summary.store
    return zone(zone_name(store.time_zone, store.countries)) if store else zone("")


def week_before(moment: datetime, here: Any) -> tuple[date, date]:
    """The newest week, Monday to Sunday, that was over at the last Monday morning in that zone."""
    local = moment.astimezone(here)
    day = local.date() - timedelta(days=1) if local.hour < MORNING else local.date()
    monday = day - timedelta(days=(day.weekday() - MONDAY) % 7)
    return monday - timedelta(days=7), monday - timedelta(days=1)


def want_due(now: datetime | None = None) -> int:
    """Wish for each mail whose week is over and was not begun; returns how many. A new one waits for its Monday."""
    due = 0
    for summary in Summary.objects.filter(is_active=True, user__is_active=True).select_related("store"):
        last = week_before(now or timezone.now(), here_of(summary))[1]
        if summary.claimed_for is None:
            Summary.objects.filter(pk=summary.pk, claimed_for=None).update(claimed_for=last)
        elif summary.claimed_for < last:
            jobs.want([jobs.Wish(JobKind.SUMMARY, str(summary.pk), UPSTREAM, new_correlation_id(), jobs.BACKFILL)])
            due += 1
    return due


def send_summary(subject: str) -> None:
    """Send one person's mail of last week, unless it was begun before. Raises what the mail server said, after giving
    the claim back: it is tried again. Who may no longer see figures, or has no address, is told in ``last_error``.
    """
    now = timezone.now()
    with transaction.atomic():
        summary = Summary.objects.select_for_update(of=("self",)).filter(pk=int(subject), is_active=True).first()
        if summary is None:
            return
        before, (first, last) = summary.claimed_for, week_before(now, here_of(summary))
        if before is not None and before >= last:
            return
        summary.claimed_for, summary.claimed_at = last, now
        summary.last_error = obstacle(summary)
        summary.save(update_fields=["claimed_for", "claimed_at", "last_error"])
    if summary.last_error:
        return
    mail = compose(summary, first, last)
    try:
        mail.send()
    except Exception as error:
        words = type(error).__name__
        Summary.objects.filter(pk=summary.pk, claimed_at=now).update(claimed_for=before, last_error=words)
        raise
    Summary.objects.filter(pk=summary.pk).update(sent_at=timezone.now(), last_error="")
    tell("summary sent", summary=summary.pk, store=str(summary.store or "*"))


def obstacle(summary: Summary) -> str:
    """Why this person gets none; "" where nothing stands in the way."""
    if not summary.user.has_perm(SEE_FIGURES):
        return _("This person may not see figures.")
    return "" if summary.user.email else _("This person has no e-mail address.")


def filters_for(summary: Summary, first: date, last: date) -> Filters:
    """Last week against the one before, of the store, within what the person may see."""
    chosen: dict[str, tuple[str | int, ...]] = {"store": (summary.store.pk,)} if summary.store else {}
    seen = store_ids_of(summary.user)
    return Filters(first, last, as_of=last + timedelta(days=1), chosen=chosen, compare="previous", seen=seen)


def lines_of(filters: Filters) -> list[Line]:
    now, before = measure(filters, KEYS)[""], compared(filters, KEYS)[""]
    found = []
    for key in KEYS:
        kpi, figure = KPIS[key], now[key]
        change = change_of(kpi, figure, before[key])
        sample = _("of %(n)s parcels") % {"n": f"{figure.denominator:,}"} if kpi.unit != "count" else ""
        if figure.undecided and kpi.undecided:
            sample += f"; {figure.undecided:,} {kpi.undecided.words}"
        words = f"{change.said}: {change.words}" if change else ""
        found.append(Line(str(kpi.title), value_words(kpi, figure), sample, words))
    return found


def name_of(summary: Summary) -> str:
    """The store, with its project where another project has one of this key."""
    if summary.store is None:
        return _("all stores")
    key = str(summary.store.pk)
    return names_of("store", [key])[key]


def compose(summary: Summary, first: date, last: date) -> EmailMultiAlternatives:
    """The mail, text and HTML, with a way to the same figures as a page."""
    filters = filters_for(summary, first, last)
    period, name = period_words(first, last), name_of(summary)
    address = f"{settings.PUBLIC_URL}{reverse('figures', args=['overview'])}?{urlencode(filters.query(), doseq=True)}"
    context = {"lines": lines_of(filters), "period": period, "name": name, "url": address}
    mail = EmailMultiAlternatives(
        subject=_("Deliveries of %(name)s, %(period)s") % {"name": name, "period": period},
        body=render_to_string("analytics/mail/summary.txt", context),
        to=[summary.user.email],
        headers={"Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(render_to_string("analytics/mail/summary.html", context), "text/html")
    return mail
