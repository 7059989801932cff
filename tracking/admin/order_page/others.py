"""Why its parcels went where they went, and the shopper's other orders."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from tracking.admin import story, why
from tracking.admin.base import Table
from tracking.admin.display import BAD, GOOD, NOTHING, WAITING, badge, link, status_badge, two_lines, when
from tracking.admin.order_registry import DECISIONS, OTHER_ORDERS, Block, Part, ShownOrder, order_section
from tracking.admin.order_status import status_of
from tracking.models import Order, Parcel
from tracking.services.scope import visible

MOST_OTHERS = 10


@order_section(DECISIONS)
def decisions_section(shown: ShownOrder) -> Block | None:
    """Per parcel: its account, courier and route, the rules that were tried, and the way to ask the rules again."""
    if not shown.live_parcels:
        return None
    rows = [decision(parcel) for parcel in shown.live_parcels]
    return Part(_("Why did it go there?"), "admin/tracking/order/decisions.html", {"rows": rows}, is_folded=True)


def decision(parcel: Parcel) -> dict[str, Any]:
    """What decided about one parcel. A rule is named by its number: its page tells the rest."""
    tracking, courier = parcel.tracking, parcel.decision.get("courier") or {}
    return {
        "parcel": link(parcel),
        "why": why.now_link(parcel),
        "route": link(parcel.route) if parcel.route else badge(_("no route"), BAD),
        "account": tracking.account.key if tracking else NOTHING,
        "courier": courier.get("slug") or _("left to AfterShip's detection"),
        "because": courier.get("because", ""),
        "is_by_hand": bool(parcel.override),
        "steps": [
            {"rule": rule, "mark": badge(_("matches"), GOOD) if hit else badge(_("does not match"), WAITING)}
            | {"reason": reason}
            for rule, hit, reason, *_version in parcel.route_trace
        ],
    }


@order_section(OTHER_ORDERS)
def others_section(shown: ShownOrder) -> Block:
    """The newest other orders of the same shopper, of the stores that one may see."""
    rows, has_more = others_of(shown)
    return Table(
        _("The shopper's other orders"),
        [_("Order"), _("Status"), _("Parcels"), _("Store"), _("Ordered")],
        [
            [
                link(order),
                status_badge(status_of(order)),
                two_lines(len(order.live_parcels), ""),
                story.store_of(order),
                when(order.ordered_at or order.created_at, shown.zone),
            ]
            for order in rows
        ],
        _("No other order of this shopper is known here."),
        more=_("Only the newest %(n)d are shown.") % {"n": MOST_OTHERS} if has_more else "",
    )


def others_of(shown: ShownOrder) -> tuple[list[Order], bool]:
    """Two queries; none where nothing tells who the shopper is."""
    order = shown.order
    same = Q()
    if order.shopper_key:
        same |= Q(shopper_key=order.shopper_key)
    if order.customer_email:
        same |= Q(customer_email=order.customer_email)
    if not same:
        return [], False
    found = visible(shown.request.user, Order.objects.filter(same).exclude(pk=order.pk))
    rows = list(found.select_related("project", "store").order_by("-created_at")[: MOST_OTHERS + 1])
    parcels: dict[int, list[Parcel]] = defaultdict(list)
    for parcel in Parcel.objects.filter(order__in=rows, removed_at=None).select_related("tracking").order_by("pk"):
        parcels[parcel.order_id].append(parcel)
    for one in rows:
        one.live_parcels = parcels[one.pk]
    return rows[:MOST_OTHERS], len(rows) > MOST_OTHERS
