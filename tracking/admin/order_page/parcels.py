"""The strip of parcels: a card each, with what is in it, where it is, what may be done; and what is not shipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from tracking.admin import display, why
from tracking.admin.display import NOTHING, age, day, link, linked, person, status_badge, two_lines
from tracking.admin.order_page.flags import flag_badges
from tracking.admin.order_registry import PARCELS, Block, Part, ShownOrder, acts_of_parcel, order_section
from tracking.admin.story import courier_of, parcel_note
from tracking.models import Order, Parcel, Tracking
from tracking.services.deadlines import last_day_of
from tracking.services.flags import flags_of, left_to_ship
from tracking.services.promise import promised_day
from tracking.services.scope import may_see_people

PARCEL_TEMPLATE = "admin/tracking/order/parcels.html"


@order_section(PARCELS)
def parcels_section(shown: ShownOrder) -> Block:
    cards = [card(shown, parcel, number) for number, parcel in enumerate(shown.live_parcels, 1)]
    gone = [card(shown, parcel, 0) for parcel in shown.parcels if parcel.removed_at]
    facts = {
        "cards": cards,
        "gone": gone,
        "unshipped": items_in_words(shown.order, left_to_ship(shown.order, shown.live_parcels)),
        "is_cancelled": shown.order.is_cancelled,
    }
    return Part(_("Parcels"), PARCEL_TEMPLATE, facts)


def card(shown: ShownOrder, parcel: Parcel, number: int) -> dict[str, Any]:
    """One parcel as its card shows it. ``number`` counts those that are there; 0 for one that left the order."""
    tracking, condition = parcel.tracking, shown.conditions.get(parcel.pk)
    flags = flags_of(condition, shown.today) if condition else ()
    return {
        "pk": parcel.pk,
        "title": _("Parcel %(n)d of %(all)d") % {"n": number, "all": len(shown.live_parcels)} if number else _("Left"),
        "number": link(parcel, parcel.tracking_number or _("no number yet")),
        "note": parcel_note(parcel),
        "carrier": parcel.carrier or NOTHING,
        "courier": courier_of(tracking),
        "page": carrier_page(tracking) if may_see_people(shown.request.user) else "",
        "status": status_badge(tracking.status if tracking else None),
        "flags": flag_badges(flags) if flags else "",
        "facts": card_facts(shown, parcel),
        "items": items_in_words(shown.order, parcel.items),
        "problems": [link(one, one.get_kind_display()) for one in shown.problems_of(parcel)],
        "sharing": [link(order) for order in shown.sharing.get(str(parcel.tracking_id), [])],
        "earlier": [earlier_line(one) for one in shown.earlier.get(str(parcel.tracking_id), [])],
        "why": why.why_link(parcel),
        "proof": proof_link(parcel),
        "acts": acts_of_parcel(shown.request, parcel) if number else [],
    }


def card_facts(shown: ShownOrder, parcel: Parcel) -> list[tuple[str, Any]]:
    """When it comes, where it was seen last, and how fresh that is."""
    tracking = parcel.tracking
    if tracking is None:
        return [(_("Promised"), day(promised_day(parcel)))]
    user = shown.request.user
    words = tracking.last_message if may_see_people(user) else tracking.subtag_message
    seen = [words or tracking.subtag_message, person(user, tracking.last_location)]
    facts: list[tuple[str, Any]] = [
        (_("Expected"), day(tracking.eta)),
        (_("Promised"), day(promised_day(parcel))),
        (_("Last scan"), display.as_given(tracking.last_checkpoint_at) or NOTHING),
        (_("It says"), " · ".join(part for part in seen if part) or NOTHING),
        (_("Heard of"), age(tracking.received_at or tracking.updated_at)),
        (_("Written to commercetools"), age(parcel.written_at)),
    ]
    if tracking.delivered_at:
        facts[0] = (_("Delivered"), display.as_given(tracking.delivered_at))
    facts[2:2] = pickup_facts(tracking, user)
    return facts


def pickup_facts(tracking: Tracking, user: Any) -> list[tuple[str, Any]]:
    """Where and until when it can be collected, with the hours if the carrier gave any."""
    facts: list[tuple[str, Any]] = []
    if tracking.pickup_location:
        note = tracking.pickup_note if may_see_people(user) else ""
        facts.append((_("Collect at"), two_lines(person(user, tracking.pickup_location), note)))
    if last := last_day_of(tracking):
        facts.append((_("Last day to collect it"), day(last)))
    return facts


def carrier_page(tracking: Tracking | None) -> SafeString | str:
    """The carrier's own page of this number, opened beside ours: not for all, its address may hold the postcode."""
    if tracking is None or not tracking.tracking_url:
        return ""
    return format_html(
        '<a class="tb-link" href="{}" target="_blank" rel="noopener noreferrer">{}</a>',
        tracking.tracking_url,
        _("Carrier's page"),
    )


def earlier_line(tracking: Tracking) -> SafeString:
    """A tracking that gave way to this one: its number and courier, and why."""
    words = _("before: %(number)s with %(courier)s") % {
        "number": tracking.tracking_number,
        "courier": tracking.courier or tracking.requested_courier or _("no courier"),
    }
    return format_html("{} ({})", link(tracking, words), tracking.retired_reason)


def proof_link(parcel: Parcel) -> SafeString | str:
    if parcel.tracking is None:
        return ""
    return linked(display.reverse_page("parcel-proof", parcel.pk), _("Proof file"))


def items_in_words(order: Order, quantities: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What these line items are, with how many: by name in the order's language, by SKU, or by a piece of their id."""
    return [
        {"quantity": quantity, **named(order.item_words.get(line) or {}, order.locale, line)}
        for line, quantity in quantities.items()
    ]


def named(words: Mapping[str, Any], locale: str, line: str) -> dict[str, str]:
    names: Mapping[str, str] = words.get("name") or {}
    language = locale.partition("-")[0]
    name = names.get(locale) or names.get(language) or names.get("en") or next(iter(names.values()), "")
    sku = str(words.get("sku") or "")
    return {"name": name or sku or _("item %(id)s…") % {"id": line[:8]}, "sku": sku if name else ""}
