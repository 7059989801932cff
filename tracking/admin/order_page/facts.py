"""The order in one line, and its facts."""

from __future__ import annotations

from typing import Any

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tracking.admin import display, story
from tracking.admin.base import Facts
from tracking.admin.codes import story_address
from tracking.admin.display import NOTHING, age, code, person, status_badge, two_lines, when
from tracking.admin.order_registry import ORDER, Block, ShownOrder, order_section
from tracking.admin.order_status import status_of
from tracking.enums import ParcelStatus
from tracking.models import Order


def headline(order: Order) -> SafeString:
    """Where the order is, in one line."""
    if order.deleted_at:
        return format_html("{} {}", _("Deleted in commercetools"), when(order.deleted_at))
    parcels = order.live_parcels
    arrived = sum(bool(one.tracking and one.tracking.status == ParcelStatus.DELIVERED) for one in parcels)
    words = ngettext("%(done)d of %(n)d parcel delivered", "%(done)d of %(n)d parcels delivered", len(parcels))
    dates = [one.tracking.eta for one in parcels if one.tracking and one.tracking.eta]
    expected = (
        _("expected by %(date)s") % {"date": date_format(max(dates), "j M Y")}
        if dates and arrived < len(parcels)
        else ""
    )
    words = words % {"done": arrived, "n": len(parcels)} if parcels else _("No parcel yet")
    return format_html("{} {} {}", status_badge(status_of(order)), words, expected and f"· {expected}")


@order_section(ORDER)
def order_facts(shown: ShownOrder) -> Block:
    """Who, where from, where to, and the code to read out."""
    order, user = shown.order, shown.request.user
    place = " ".join(part for part in (order.destination_postal_code, order.destination_city) if part)
    where = ", ".join(part for part in (person(user, place), order.destination_country) if part)
    rows: list[tuple[Any, Any]] = [
        (_("Store"), story.store_of(order)),
        (_("Ordered"), when(order.ordered_at, shown.zone)),
        (_("Shopper"), person(user, order.customer_email) or NOTHING),
        (_("Goes to"), where or NOTHING),
        (_("Language"), order.locale or NOTHING),
        (_("Order state"), order.order_state or NOTHING),
        (_("Shipment state"), order.shipment_state or NOTHING),
        (_("Carries in commercetools"), story.carried_fields(order.carried)),
        (_("Last read"), two_lines(age(order.collected_at), f"version {order.version}" if order.version else "")),
        (_("commercetools id"), code(order.commercetools_id)),
        (_("Code to read out"), code_to_copy(order)),
    ]
    return Facts(_("Order"), rows)


def code_to_copy(order: Order) -> SafeString:
    """The story's code with a button that copies it, and a link to everything that happened under it."""
    return format_html(
        '<code class="tb-code" id="tb-this-code">{}</code> <button type="button" class="tb-button tb-small" '
        'data-tb-copy="tb-this-code" data-tb-copied="{}" hidden>{}</button> {}',
        order.correlation_id,
        _("Copied"),
        _("Copy"),
        display.linked(story_address(order.correlation_id), _("Whole path")),
    )
