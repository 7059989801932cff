"""The pages of shoppers. None sets a cookie or asks for one; who holds the link, or knows the order, may look.

/track/ , /track/find/<brand>/   order number with e-mail or postcode ─ POST ─> the link
/track/<token>/                  the order
/go/<token>/                     counts a click, and leads to the promotion's own link
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_safe

from config.addresses import network_of
from stores.models import Brand
from tracking.enums import ShopperEvent, ShopperPlace
from tracking.pages.answers import finished, is_fresh_look, is_from_here, page, wait_words
from tracking.pages.language import language_for
from tracking.pages.rows import load
from tracking.pages.shown import shown
from tracking.services.links import LinkState, link_token, open_link
from tracking.services.lookup import Asked, TooManyTriesError, find_order
from tracking.services.promotions import Where, count, offer_for, open_click
from tracking.words.languages import speaking

logger = structlog.get_logger("trackbridge.shoppers")
GONE = {LinkState.UNKNOWN: HTTPStatus.NOT_FOUND, LinkState.WITHDRAWN: HTTPStatus.GONE, LinkState.OVER: HTTPStatus.GONE}
LONGEST_NUMBER, LONGEST_PROOF = 256, 320


@require_safe
@gzip_page
def track_page(request: HttpRequest, token: str) -> HttpResponseBase:
    """The order that the link opens, or a page that says why it opens none."""
    opened = open_link(token)
    if opened.order is None:
        return gone_page(request, opened.state)
    rows = load(opened.order)
    language = language_for(request, rows.brand, opened.order.locale)
    order = shown(rows, language)
    where = Where(ShopperPlace.PAGE, order.state, opened.order.store_id)
    offer = offer_for(rows.brand, language, where)
    if is_fresh_look(request):
        count(ShopperEvent.VIEW, where)
        if offer:
            count(ShopperEvent.SHOWN, where, offer.promotion)
    return page(request, "shopper/order.html", language, brand=rows.brand, order=order, offer=offer)


def gone_page(request: HttpRequest, state: LinkState) -> HttpResponseBase:
    """No order: never was, or not any more. Says nothing of which order it would have been."""
    language = language_for(request, None)
    is_ended = state in (LinkState.WITHDRAWN, LinkState.OVER)
    return page(request, "shopper/gone.html", language, status=GONE[state], is_ended=is_ended)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@gzip_page
def find_page(request: HttpRequest, brand: str = "") -> HttpResponseBase:
    """The form for who has no link. Wrong number and wrong proof are answered alike."""
    row = get_object_or_404(Brand, key=brand) if brand else only_brand()
    language = language_for(request, row)
    if request.method != "POST":
        return page(request, "shopper/find.html", language, brand=row)
    number, proof = (typed(request.POST.get(name, "")) for name in ("number", "proof"))
    with speaking(language):
        if not is_from_here(request):
            return refused(request, language, row, HTTPStatus.FORBIDDEN, _("This form was sent from another site."))
        if not 0 < len(number) <= LONGEST_NUMBER or not 0 < len(proof) <= LONGEST_PROOF:
            words = _("Please fill in both fields.")
            return refused(request, language, row, HTTPStatus.BAD_REQUEST, words)
        return looked_up(request, language, row, Asked(number, proof, network_of(request), row))


def typed(text: str) -> str:
    """What a person can have typed: no control characters, which no database takes."""
    return "".join(letter for letter in text if letter.isprintable()).strip()


def looked_up(request: HttpRequest, language: str, brand: Brand | None, asked: Asked) -> HttpResponseBase:
    """Lead to the order, or say that there is none that fits, or that there were too many tries."""
    try:
        order = find_order(asked)
    except TooManyTriesError as error:
        logger.warning("an order was looked up too often", seconds=round(error.retry_after.total_seconds()))
        words = wait_words(error.retry_after.total_seconds())
        response = refused(request, language, brand, HTTPStatus.TOO_MANY_REQUESTS, words)
        response.headers["Retry-After"] = str(max(1, round(error.retry_after.total_seconds())))
        return response
    if order is None:
        words = _("We found no order with this number and this e-mail address or postcode.")
        return refused(request, language, brand, HTTPStatus.NOT_FOUND, words)
    # On this very host, whatever it is called: the form may lead nowhere else.
    path = reverse("track", args=[link_token(order)])
    query = f"?{urlencode({'lang': request.GET['lang']})}" if request.GET.get("lang") else ""
    response = HttpResponse(status=HTTPStatus.SEE_OTHER, headers={"Location": path + query})
    return finished(request, response, language)


def refused(
    request: HttpRequest, language: str, brand: Brand | None, status: HTTPStatus, words: str
) -> HttpResponseBase:
    """The form again, empty, with what was wrong."""
    return page(request, "shopper/find.html", language, brand=brand, status=status, error=words)


def only_brand() -> Brand | None:
    """The brand of an installation that has one."""
    brands = list(Brand.objects.order_by("key")[:2])
    return brands[0] if len(brands) == 1 else None


@require_safe
def go(request: HttpRequest, token: str) -> HttpResponseBase:
    """``GET /go/<token>/``: one click more, then the promotion's link. The address itself holds no target."""
    opened = open_click(token)
    if opened is None:
        return gone_page(request, LinkState.UNKNOWN)
    promotion, where = opened
    if is_fresh_look(request):
        count(ShopperEvent.CLICK, where, promotion)
    response = HttpResponseRedirect(promotion.link)
    response.headers["Cache-Control"] = "no-store"
    return finished(request, response, promotion.language)
