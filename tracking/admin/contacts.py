"""Tickets of a helpdesk: on the order that they are about, and as a list."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from stores.admin import RelatedFilter
from tracking.admin.base import HistoryAdmin, Page, Table
from tracking.admin.display import BAD, GOOD, NOTHING, WAITING, age, badge, link, status_badge, two_lines, when
from tracking.admin.filters import DayFilter
from tracking.admin.order_registry import TOLD, ShownOrder, order_section
from tracking.enums import ContactCause
from tracking.models import Contact

MOST_SHOWN = 20
TONES = {ContactCause.NONE: GOOD, ContactCause.NOT_SHIPPED: WAITING, ContactCause.UNKNOWN_ORDER: WAITING}


def cause_badge(contact: Contact) -> SafeString:
    """What was the matter then."""
    return badge(contact.get_cause_display(), TONES.get(ContactCause(contact.cause), BAD))


@order_section(TOLD + 5)
def asked(shown: ShownOrder) -> Table | None:
    """What its shopper asked, each with the state of that moment; left out where nobody asked."""
    if not shown.request.user.has_perm("tracking.view_contact"):
        return None
    contacts = list(Contact.objects.filter(order=shown.order)[:MOST_SHOWN])
    if not contacts:
        return None
    rows = [
        (when(one.opened_at), f"{one.source} {one.ticket}", cause_badge(one), status_badge(one.status), closed(one))
        for one in contacts
    ]
    return Table(
        _("What the shopper asked"), [_("Opened"), _("Ticket"), _("Then"), _("Status then"), _("Closed")], rows, ""
    )


def closed(contact: Contact) -> SafeString | str:
    return when(contact.closed_at) if contact.closed_at else _("open")


@admin.register(Contact)
class ContactAdmin(HistoryAdmin):
    """Tickets as the helpdesk told of them; see docs/connecting.md."""

    list_display = ["named", "order_link", "shown_cause", "shown_status", "opened", "shown_closed"]
    list_filter = [
        ("cause", ChoicesDropdownFilter),
        ("opened_at", DayFilter),
        ("project", RelatedFilter),
        ("order__store", RelatedFilter),
    ]
    list_select_related = ["order", "project"]
    ordering = ["-opened_at"]
    search_fields = ["ticket"]
    search_help_text = gettext_lazy("The helpdesk's id of a ticket, as it is")
    empty_list_words = gettext_lazy(
        "No helpdesk has told of a ticket yet: POST /api/v1/contacts/ (docs/connecting.md)."
    )

    def get_search_results(self, request: Any, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By the ticket's id alone: it has an index with its source."""
        return queryset.filter(ticket=search_term.strip()) if search_term else queryset, False

    @admin.display(description=gettext_lazy("ticket"))
    def named(self, contact: Contact) -> SafeString:
        return two_lines(contact.ticket, contact.source)

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, contact: Contact) -> SafeString | str:
        return link(contact.order)

    @admin.display(description=gettext_lazy("what was the matter"))
    def shown_cause(self, contact: Contact) -> SafeString:
        return cause_badge(contact)

    @admin.display(description=gettext_lazy("status then"))
    def shown_status(self, contact: Contact) -> SafeString | str:
        return status_badge(contact.status)

    @admin.display(description=gettext_lazy("opened"), ordering="opened_at")
    def opened(self, contact: Contact) -> SafeString | str:
        return age(contact.opened_at)

    @admin.display(description=gettext_lazy("closed"))
    def shown_closed(self, contact: Contact) -> SafeString | str:
        return closed(contact)

    def page(self, contact: Contact) -> Page:
        facts = [
            (_("Helpdesk"), contact.source),
            (_("Project"), contact.project.key),
            (_("Order"), link(contact.order)),
            (_("Parcel"), link(contact.parcel)),
            (_("Status then"), status_badge(contact.status) if contact.status else NOTHING),
            (_("We had told of it"), when(contact.warned_at) if contact.warned_at else NOTHING),
            (_("Opened"), when(contact.opened_at)),
            (_("Closed"), closed(contact)),
        ]
        return Page(headline=cause_badge(contact), facts=facts)
