"""Contact rate and cause: tickets of the period against parcels shipped in it, by what was the matter then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db.models import Case, Count, DurationField, ExpressionWrapper, F, IntegerField, QuerySet, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.filters import Filters
from analytics.kpi import Figure, rate_of, share_of
from analytics.kpis import measure
from analytics.statistics import time_within
from tracking.enums import ContactCause
from tracking.models import Contact
from tracking.services.contacts import TELLS_OF

NO_MATTER = _("tickets about nothing that we tell shoppers of")
HOURS = (0.25, 0.5, 1, 2, 4, 8, 16, 24, 48, 72, 120, 168, 336)  # bounds of how long a ticket takes


@dataclass(frozen=True)
class Contacts:
    """``rate``: tickets for each parcel created in the period; ``causes``: how many, the most frequent first.

    ``unknown`` are tickets about orders that are not known here: they are in the rate, and in no cause. ``warned``:
    those whose matter the shopper had been told of. ``closed`` and ``open``: how many tickets, by bucket of HOURS.
    """

    rate: Figure
    causes: Mapping[ContactCause, int]
    unknown: int
    warned: Figure
    closed: Counter[int]
    open: Counter[int]

    def within(self, share: float) -> Figure:
        """Hours within which this share of tickets is closed; open ones count as longer than so far."""
        ended, waiting = self.closed.total(), self.open.total()
        value = time_within(share, HOURS, self.closed, self.open)
        return Figure(value, ended, ended + waiting, parts={"open": waiting})


def tickets_of(filters: Filters) -> QuerySet[Contact]:
    """Tickets opened in the period, of the stores that are chosen and may be seen."""
    zone = timezone.get_current_timezone()
    first = datetime.combine(filters.first, time.min, zone)
    last = datetime.combine(filters.last + timedelta(days=1), time.min, zone)
    rows = Contact.objects.filter(opened_at__gte=first, opened_at__lt=last)
    if filters.seen is not None:
        rows = rows.filter(order__store__in=filters.seen)
    if stores := filters.chosen.get("store"):
        rows = rows.filter(order__store__in=stores)
    return rows


def contacts(filters: Filters) -> Contacts:
    """The figures of tickets; filters by courier, channel or destination apply to the parcels' number alone, so they
    are taken off: a ticket is about an order. Four queries.
    """
    whole = Filters(filters.first, filters.last, filters.as_of, filters.cohort, stores_of(filters), seen=filters.seen)
    created = measure(whole, ["created"])[""]["created"]
    rows = tickets_of(filters).order_by()
    numbers = rows.values_list("cause").annotate(n=Count("pk"), warned=Count("warned_at")).order_by("-n")
    found = [(ContactCause(cause), n, warned) for cause, n, warned in numbers]
    number = sum(n for _cause, n, _warned in found)
    told = sum(n for cause, n, _warned in found if cause in TELLS_OF)
    warned = sum(warned for cause, _n, warned in found if cause in TELLS_OF)
    causes = {cause: n for cause, n, _warned in found}
    unknown = causes.pop(ContactCause.UNKNOWN_ORDER, 0)
    took = ExpressionWrapper(F("closed_at") - F("opened_at"), output_field=DurationField())
    return Contacts(
        rate=rate_of(number, int(created.numerator)),
        causes=causes,
        unknown=unknown,
        warned=share_of(warned, told, (NO_MATTER, number - told)),
        closed=by_hours(rows.filter(closed_at__isnull=False).annotate(took=took)),
        open=by_hours(rows.filter(closed_at=None).annotate(took=so_far())),
    )


def so_far() -> ExpressionWrapper:
    return ExpressionWrapper(timezone.now() - F("opened_at"), output_field=DurationField())


def by_hours(rows: QuerySet[Contact]) -> Counter[int]:
    """How many took how long: counted by the database, by bucket of HOURS, the last one beyond all."""
    up_to = [When(took__lte=timedelta(hours=one), then=n) for n, one in enumerate(HOURS)]
    bucket = Case(*up_to, default=len(HOURS), output_field=IntegerField())
    return Counter(dict(rows.order_by().values_list(bucket).annotate(n=Count("pk"))))


def stores_of(filters: Filters) -> dict[str, tuple[str | int, ...]]:
    return {"store": filters.chosen["store"]} if "store" in filters.chosen else {}
