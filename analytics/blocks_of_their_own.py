"""Blocks that are more than figures of parcels: what shoppers do, what couriers score, how we ourselves did.

Each is a function of the filters and the person, that gives (template, title, facts) per block.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from analytics.charts import Range, bars, percent, ranges
from analytics.contacts import contacts as contacts_of
from analytics.filters import Filters
from analytics.kpi import LEAST_SAMPLE
from analytics.repeat import COUNTED, WINDOWS
from analytics.repeat import repeat as repeat_of
from analytics.words import of_hours
from tracking.enums import ContactCause

Parts = Iterable[tuple[str, Any, Mapping[str, Any]]]


def repeat(filters: Filters, user: Any) -> Parts:
    """Orders again within 30, 60 and 90 days, by how the delivery of the one before went."""
    found = repeat_of(filters)
    counted = [one for one in found if one.course in COUNTED]
    for window in WINDOWS:
        rows = [
            Range(one.course.label, None, None, None, figure.denominator)
            if figure.is_small
            else Range(one.course.label, figure.value, figure.low, figure.high, figure.denominator)
            for one in counted
            if (figure := one.figures[window]).denominator
        ]
        title = _("Ordered again within %(days)d days") % {"days": window}
        note = _("Of orders that ended at least %(days)d days ago; with 95%% intervals.") % {"days": window}
        yield "chart", title, {"chart": ranges(title, rows, words=percent, note=note)}
    left_out = [(one.course.label, one.orders) for one in found if one.course not in COUNTED]
    rows = [
        (one.course.label, f"{one.orders:,}", *(cell(one.figures[window]) for window in WINDOWS)) for one in counted
    ]
    headings = ["", _("Orders"), *(_("%(days)d days") % {"days": window} for window in WINDOWS)]
    facts = {"headings": headings, "rows": rows, "left_out": left_out, "least": LEAST_SAMPLE}
    yield "repeat", _("Repeat purchase, by how the delivery went"), facts


def cell(figure: Any) -> str:
    if not figure.denominator:
        return "–"
    words = percent(figure.value) if figure.value is not None else "–"
    return _("%(value)s (%(again)s of %(ripe)s)") % {
        "value": words, "again": f"{figure.numerator:,.0f}", "ripe": f"{figure.denominator:,}",
    }  # fmt: skip


def contacts(filters: Filters, user: Any) -> Parts:
    """How many write to us, and what was the matter when they did."""
    found = contacts_of(filters)
    rows = [Range(cause.label, number, url=ticket_list(cause, user)) for cause, number in found.causes.items()]
    title = _("Why shoppers asked")
    note = _("The state of the order at the moment of the ticket, the gravest of its parcels.")
    facts = {
        "rate": percent(found.rate.value) if found.rate.value is not None else "–",
        "tickets": f"{found.rate.numerator:,.0f}",
        "parcels": f"{found.rate.denominator:,}",
        "unknown": found.unknown,
        "open": found.open,
        "mean": of_hours(found.mean_hours) if found.mean_hours is not None else "–",
    }
    yield "contacts", _("Contacts"), facts
    yield "chart", title, {"chart": bars(title, rows, note=note, name=_("tickets"))}


def ticket_list(cause: ContactCause, user: Any) -> str:
    if not user.has_perm("tracking.view_contact"):
        return ""
    return f"{reverse('admin:tracking_contact_changelist')}?{urlencode({'cause__exact': cause.value})}"


def scorecard(filters: Filters, user: Any) -> Parts:
    return ()


def service(filters: Filters, user: Any) -> Parts:
    return ()
