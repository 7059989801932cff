"""Figures of shoppers: whether they come back, why they ask, what they were told, what they look at.

    RepeatDay, MailDay (days of shoppers) · Contact · ShopperCount ─ ShopperTotals ─ measure_shoppers ─> figures

They are of people, orders, tickets and mails, not of parcels: of the period and the stores of the filters; those of
courier, channel, destination and lane leave them as they are. What is not asked for is not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from analytics.contacts import NO_MATTER, Contacts, contacts
from analytics.filters import Filters
from analytics.kpi import KPI, Figure, Words, rate_of, share_of
from analytics.mails import mails
from analytics.names import Course
from analytics.repeat import COUNTED, NOT_RIPE, WINDOWS, Repeat, repeat
from analytics.totals import Totals
from tracking.enums import ContactCause, ShopperEvent, ShopperPlace
from tracking.models import ShopperCount

ON_PAGE = (ShopperPlace.PAGE, ShopperPlace.EMBED)


class ShopperTotals(Totals):
    """What these figures follow from, each asked for once, where a figure needs it."""

    def __init__(self, filters: Filters) -> None:
        super().__init__(filters.as_of)
        self.filters = filters

    @cached_property
    def again(self) -> Mapping[Course, Repeat]:
        return {one.course: one for one in repeat(self.filters)}

    @cached_property
    def contacts(self) -> Contacts:
        return contacts(self.filters)

    @cached_property
    def mails(self) -> Counter[str]:
        return mails(self.filters)

    @cached_property
    def orders(self) -> int:
        """Orders whose first parcel was handed over in the period, each once."""
        return sum(one.shipped for one in self.again.values())

    @cached_property
    def seen(self) -> Mapping[tuple[str, str], int]:
        """How often something happened, by event and place."""
        days = {"day__gte": self.filters.first, "day__lte": self.filters.last}
        rows = ShopperCount.objects.filter(self.filters.of_stores(), **days).order_by()
        return {(event, place): n for event, place, n in rows.values_list("event", "place").annotate(n=Sum("count"))}

    def happened(self, event: ShopperEvent, *places: ShopperPlace) -> int:
        return sum(self.seen.get((event, place), 0) for place in places)


def measure_shoppers(filters: Filters, keys: Iterable[str] | None = None) -> dict[str, Figure]:
    """The figures by key of SHOPPER_KPIS, all where none are named; as last counted."""
    return figures_of(ShopperTotals(filters), SHOPPER_KPIS if keys is None else keys)


def figures_of(totals: ShopperTotals, keys: Iterable[str]) -> dict[str, Figure]:
    """The same, of sums that others ask for as well."""
    return {key: SHOPPER_KPIS[key].compute(totals) for key in keys}


def again(totals: ShopperTotals, *, course: Course, window: int) -> Figure:
    found = totals.again.get(course)
    return found.figures[window] if found else share_of(0, 0, (NOT_RIPE, 0))


def matter(totals: ShopperTotals) -> Figure:
    causes = totals.contacts.causes
    known = sum(causes.values())
    parts = {cause.value: number for cause, number in causes.items()}
    return share_of(known - causes.get(ContactCause.NONE, 0), known, (UNKNOWN, totals.contacts.unknown), **parts)


def mails_sent(totals: ShopperTotals) -> Figure:
    sent, told = totals.mails["sent"], totals.mails["told"]
    return Figure(sent, sent, told)


def mails_arrived(totals: ShopperTotals) -> Figure:
    counts = totals.mails
    return share_of(counts["arrived"], counts["reported"], (UNREPORTED, counts["sent"] - counts["reported"]))


def clicks(totals: ShopperTotals, *, places: tuple[ShopperPlace, ...]) -> Figure:
    return rate_of(totals.happened(ShopperEvent.CLICK, *places), totals.happened(ShopperEvent.SHOWN, *places))


def page_views(totals: ShopperTotals) -> Figure:
    views = totals.happened(ShopperEvent.VIEW, *ON_PAGE)
    return Figure(views / totals.orders if totals.orders else None, views, totals.orders)


def shopper_kpi(
    key: str, title: Words, unit: str, compute: Callable[..., Figure], words: tuple[Words, Words, Words, Words],
    **facts: Any,
) -> KPI:  # fmt: skip
    """``words``: definition, numerator, denominator, and what the latter counts in one word."""
    definition, numerator, denominator, sample = words
    return KPI(
        key=key, title=title, unit=unit, section="shoppers", compute=compute, definition=definition,
        numerator=numerator, denominator=denominator, sample=sample, **facts,
    )  # fmt: skip


def again_kpi(course: Course, window: int) -> KPI:
    """The KPI of who ordered again within ``window`` days after a delivery of this course."""
    facts = {"days": window, "course": course.label}
    return shopper_kpi(
        f"again_{window}_{course.value}",
        _("Ordered again within %(days)d days: %(course)s") % facts,
        "share",
        partial(again, course=course, window=window),
        (
            _("Share of shoppers who order again, by how the delivery of the first of their orders in the period that "
              "has ended went. Each shopper of a store counts once."),
            _("those who placed another order in the store within %(days)d days of its end") % facts,
            _("shoppers whose delivery ended %(days)d days ago or more") % facts,
            _("shoppers"),
        ),
        left_out=NOT_RIPE,
        better="more",
        version=2,
    )  # fmt: skip


UNKNOWN = _("tickets about orders that are not known here")
UNREPORTED = _("mails that no provider has told of")
TICKETS, TICKET = _("tickets of the period"), _("tickets")
OFFER_CLICKS = _("clicks on what the brand offers")

ALL = (
    *(again_kpi(course, window) for window in WINDOWS for course in COUNTED),
    shopper_kpi(
        "contact_rate", _("Contact rate"), "share", lambda totals: totals.contacts.rate,
        (_("Tickets opened in the period for each parcel created in it."), TICKETS, _("parcels created in the period"),
         _("parcels")),
        better="less",
    ),
    shopper_kpi(
        "contact_matter", _("Asked with cause"), "share", matter,
        (_("Share of tickets at whose moment something was the matter with the order, by what it was: the gravest of "
           "its parcels."), _("tickets with another cause than nothing"), _("tickets about known orders"), TICKET),
        left_out=UNKNOWN,
    ),
    shopper_kpi(
        "warned_before_ticket", _("Told before they asked"), "share", lambda totals: totals.contacts.warned,
        (_("Share of tickets before which we had told that shopper of that very matter: a delay, an exception, a "
           "failed attempt, the delivery. Where AfterShip or nobody tells shoppers, it says nothing."),
         _("tickets whose matter we had told of before"), _("tickets about a matter that we tell shoppers of"), TICKET),
        left_out=NO_MATTER,
    ),
    *(
        shopper_kpi(
            f"handling_p{percent}", _("Time until closed, P%(percent)d") % {"percent": percent}, "hours",
            partial(lambda totals, share: totals.contacts.within(share), share=percent / 100),
            (_("From the opening of a ticket to its end, as the helpdesk tells it; open ones count as longer than so "
               "far."), _("closed tickets"), TICKETS, TICKET),
            better="less",
        )
        for percent in (50, 90)
    ),
    shopper_kpi(
        "mails_sent", _("Mails sent"), "count", mails_sent,
        (_("Mails to shoppers that the mail server took. One mail may tell several pieces of news."),
         _("mails"), _("pieces of news told in them"), _("news")),
    ),
    shopper_kpi(
        "mails_arrived", _("Mails that arrived"), "share", mails_arrived,
        (_("Share of the mails whose fate the provider told us: it needs one that reports (docs/notifications.md)."),
         _("mails that arrived"), _("mails that arrived or came back"), _("mails")),
        left_out=UNREPORTED, better="more",
    ),
    shopper_kpi(
        "mail_clicks", _("Clicks per mail"), "share", partial(clicks, places=(ShopperPlace.MAIL,)),
        (_("How often what the brand offers in mails was followed. Other links of mails are not counted, nor is who "
           "opens them."), OFFER_CLICKS, _("mails that showed an offer"), _("mails")),
        better="more",
    ),
    shopper_kpi(
        "page_views", _("Looks per order"), "ratio", page_views,
        (_("How often shoppers look at their order's page, ours or in the storefront."),
         _("views of pages"), _("orders whose first parcel was handed over in the period"), _("orders")),
    ),
    shopper_kpi(
        "page_clicks", _("Clicks per look"), "share", partial(clicks, places=ON_PAGE),
        (_("How often what the brand offers on these pages was followed."), OFFER_CLICKS,
         _("views that showed an offer"), _("views")),
        better="more",
    ),
)  # fmt: skip
SHOPPER_KPIS: dict[str, KPI] = {kpi.key: kpi for kpi in ALL}
