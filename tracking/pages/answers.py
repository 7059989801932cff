"""What every answer to a shopper has: a language, nobody's cache, no trace, and a tag that makes asking again cheap."""

from __future__ import annotations

import hashlib
import math
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.translation import gettext as _

from stores.models import Brand
from stores.pictures import EXTENSIONS
from tracking.pages.brand import style_url
from tracking.pages.language import enabled
from tracking.words.languages import direction, is_spoken, name_among, pick, speaking, tag

LONGEST_IN_MINUTES = 90  # a longer wait is told in hours
REFRESH = "X-Refresh"  # sent by the page's own script: somebody looks on, nobody looks anew


def page(
    request: HttpRequest,
    template: str,
    language: str,
    *,
    brand: Brand | None = None,
    status: int = 200,
    **context: Any,
) -> HttpResponseBase:
    """The template in this language and brand, with the headers of all pages of shoppers; 304 where it is known."""
    with speaking(language):
        body = render_to_string(template, frame(language, brand) | context)
    response = HttpResponse(body, status=status)
    return finished(request, response, language)


def frame(language: str, brand: Brand | None) -> dict[str, Any]:
    """What the page's frame needs."""
    others = [tag(one) for one in enabled(brand) if is_spoken(one)]
    return {
        "language": language,
        "direction": direction(language),
        "brand": brand,
        "brand_style": style_url(brand) if brand else "",
        "logo": logo_path(brand),
        "legal": pick(brand.legal, language, enabled(brand)) if brand else "",
        "languages": [(one, name_among(one, others)) for one in others] if len(others) > 1 else [],
    }


def logo_path(brand: Brand | None) -> str:
    """Where the logo is on our own host; "" without one."""
    if brand is None or not brand.logo_digest:
        return ""
    return reverse("brand-logo", args=[brand.key, brand.logo_digest, EXTENSIONS[brand.logo_type]])


def finished(request: HttpRequest, response: HttpResponse, language: str) -> HttpResponseBase:
    """The answer with its headers, or 304 without a body for who has it already."""
    headers = {
        "Cache-Control": "private, no-cache",
        "Content-Language": language,
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    patch_vary_headers(response, ["Accept-Language"])
    if response.status_code != 200:
        return response
    etag = f'W/"{hashlib.sha256(response.content + language.encode()).hexdigest()[:24]}"'
    response.headers["ETag"] = etag
    known: HttpResponseBase | None = get_conditional_response(request, etag=etag, response=response)
    return known or response


def is_fresh_look(request: HttpRequest) -> bool:
    """Whether somebody opens the page: not its own script again, and not a browser that only might."""
    if request.method != "GET" or REFRESH in request.headers or "preview" in request.GET:
        return False  # ``?preview`` is how the console opens it
    return "prefetch" not in request.headers.get("Sec-Purpose", request.headers.get("Purpose", ""))


def is_from_here(request: HttpRequest) -> bool:
    """Whether a form was sent by a page of ours. There is no cookie that another site could abuse, and so no token;
    what is left is that another site's visitors would use up tries. Old browsers say nothing here, and may pass."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin", "null")
    return origin == "null" or urlsplit(origin).netloc in (request.get_host(), urlsplit(settings.PUBLIC_URL).netloc)


def wait_words(seconds: float) -> str:
    """How long to wait: in whole minutes, or hours where it is long; never less than it takes."""
    minutes = max(1, math.ceil(seconds / 60))
    if minutes > LONGEST_IN_MINUTES:
        hours = math.ceil(minutes / 60)
        return _("There were too many attempts. Please try again in %(hours)d h.") % {"hours": hours}
    return _("There were too many attempts. Please try again in %(minutes)d min.") % {"minutes": minutes}
