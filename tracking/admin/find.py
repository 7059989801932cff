"""``/admin/find/``: the search box of every page. What is typed is posted, and never stands in an address or a log.

box ─ POST ─ find ─┬─ one order is meant ──> its page
                   ├─ a code without order ─> its story
                   └─ several, or none ─────> the session ─ redirect ─> a short list, or what to try
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from tracking.admin import display, story
from tracking.admin.base import Table
from tracking.admin.codes import story_address
from tracking.admin.display import lines, masked, status_badge, when
from tracking.admin.order_status import status_of
from tracking.models import Order
from tracking.services.find import Because, Found, Hit, Strength, find, orders_of
from tracking.services.pieces import SHORTEST_INSIDE, SHORTEST_PIECE
from tracking.services.quoted import MOST_TEXT, Quote, QuoteKind, is_single
from tracking.services.scope import visible

KEPT = "found"  # in the session: what was asked for (addresses masked) and which orders were found
MOST_SHOWN_QUOTES = 12
REASONS = {
    Because.ORDER_NUMBER: gettext_lazy("order number"),
    Because.TRACKING_NUMBER: gettext_lazy("tracking number"),
    Because.EMAIL: gettext_lazy("e-mail address"),
    Because.ORDER_ID: gettext_lazy("commercetools id of the order"),
    Because.PARCEL_ID: gettext_lazy("commercetools id of a parcel"),
    Because.TRACKING_ID: gettext_lazy("AfterShip id"),
    Because.CODE: gettext_lazy("code"),
    Because.PIECE_OF_ORDER_NUMBER: gettext_lazy("beginning or end of the order number"),
    Because.PIECE_OF_TRACKING_NUMBER: gettext_lazy("beginning or end of a tracking number"),
    Because.INSIDE_ORDER_NUMBER: gettext_lazy("middle of the order number"),
    Because.INSIDE_TRACKING_NUMBER: gettext_lazy("middle of a tracking number"),
}
QUOTE_WORDS = {
    QuoteKind.EMAIL: gettext_lazy("e-mail address"),
    QuoteKind.CODE: gettext_lazy("code"),
    QuoteKind.ID: gettext_lazy("id"),
    QuoteKind.NUMBER: gettext_lazy("number"),
}


@sensitive_post_parameters("text")
@never_cache
def find_page(request: HttpRequest) -> HttpResponse:
    """POST looks for ``text``; GET shows what the last search of this session came to."""
    if not request.user.has_perm("tracking.view_order"):
        raise PermissionDenied
    if request.method == "POST":
        return look_for(request, request.POST.get("text", ""))
    return found_page(request, request.session.get(KEPT, {}))


def look_for(request: HttpRequest, text: str) -> HttpResponse:
    """Lead to the order that is meant, else keep what was found and show it."""
    found = find(request.user, text)
    if found.best:
        return HttpResponseRedirect(address_of(found.best))
    if found.story:
        return HttpResponseRedirect(story_address(found.story))
    request.session[KEPT] = kept(found, text.strip())
    return HttpResponseRedirect(reverse("console-search"))


def address_of(hit: Hit) -> str:
    """The order's page; where one parcel was quoted, at that parcel."""
    page = reverse("admin:tracking_order_change", args=[hit.order])
    return f"{page}#parcel-{min(hit.parcels)}" if len(hit.parcels) == 1 else page


def kept(found: Found, text: str) -> dict[str, Any]:
    """What the session keeps: no more than the list needs, and no address in full."""
    return {
        "quotes": [[quote.kind, shown(quote)] for quote in found.quotes[:MOST_SHOWN_QUOTES]],
        "hits": [[hit.order, sorted(hit.because), sorted(hit.parcels)] for hit in found.hits],
        "is_cut": found.is_cut,
        "is_long": len(text) > MOST_TEXT,
        "signs": len(text) if is_single(text) else 0,
    }


def shown(quote: Quote) -> str:
    return masked(quote.text) if quote.kind == QuoteKind.EMAIL or "@" in quote.text else quote.text


def found_page(request: HttpRequest, result: dict[str, Any]) -> HttpResponse:
    """The short list, or that nothing was found. Asked again for what this person may see now."""
    hits = [Hit(order, {Because(one) for one in because}, set(ids)) for order, because, ids in result.get("hits", [])]
    orders = orders_of(visible(request.user, Order.objects.filter(pk__in=[hit.order for hit in hits])))
    context = {
        **admin.site.each_context(request),
        "title": _("Search"),
        "has_asked": bool(result),
        "quotes": [(QUOTE_WORDS[QuoteKind(kind)], text) for kind, text in result.get("quotes", [])],
        "is_long": result.get("is_long", False),
        "most_text": MOST_TEXT,
        "table": hits_table([hit for hit in hits if hit.order in orders], orders),
        "note": _("There may be more than these %(n)d: give more of the number.") % {"n": len(orders)}
        if result.get("is_cut")
        else "",
        "too_short": too_short(result.get("signs", 0), hits),
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "admin/tracking/find.html", context)


def too_short(signs: int, hits: list[Hit]) -> str:
    """Of a text with so few signs: what was not looked for. Nothing where it was found as a whole."""
    if not 0 < signs < SHORTEST_INSIDE or any(hit.strength > Strength.PIECE for hit in hits):
        return ""
    if signs < SHORTEST_PIECE:
        return _("Too short for a piece of a number: give four signs of its beginning or end, or any five in a row.")
    return _("With four signs only beginnings and ends of numbers are looked for: give five to find their middle, too.")


def hits_table(hits: list[Hit], orders: dict[int, Order]) -> Table:
    """Order, why it matched, status, store and date: enough to choose."""
    return Table(
        _("Found"),
        [_("Order"), _("Because of"), _("Status"), _("Store"), _("Ordered")],
        [
            [
                display.linked(address_of(hit), str(orders[hit.order])),
                lines([REASONS[one] for one in sorted(hit.because)]),
                status_badge(status_of(orders[hit.order])),
                story.store_of(orders[hit.order]),
                when(orders[hit.order].ordered_at or orders[hit.order].created_at),
            ]
            for hit in hits
        ],
        _("Nothing was found."),
    )
