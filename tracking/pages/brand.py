"""A brand's look as a style sheet of custom properties: the page itself may carry no inline style.

The address names what the sheet says (``?v=``), so a browser may keep it for ever and a change is seen at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from stores.colours import readable, text_on
from stores.models import Brand

LIGHT, DARK = "#ffffff", "#16181d"  # what stands behind text, in shop.css
FOR_EVER, NOT_AT_ALL = "public, max-age=31536000, immutable", "no-cache"


def style_of(brand: Brand) -> str:
    """The whole sheet. Every value is a colour that was checked when the brand was saved."""
    light, dark = colours(brand.colour, LIGHT), colours(brand.colour, DARK)
    return f":root{{{declared(light)}}}@media(prefers-color-scheme:dark){{:root{{{declared(dark)}}}}}"


def colours(colour: str, background: str) -> Mapping[str, str]:
    """A brand's colour as a bar, the text on it, and the shade of it that reads as text on the page."""
    return {"brand": colour, "on-brand": text_on(colour), "brand-ink": readable(colour, background)}


def declared(values: Mapping[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in values.items())


def version_of(style: str) -> str:
    return hashlib.sha256(style.encode()).hexdigest()[:12]


def style_url(brand: Brand) -> str:
    """Address of the brand's sheet as it is now."""
    return f"{reverse('brand-style', args=[brand.key])}?v={version_of(style_of(brand))}"


@require_safe
def brand_style(request: HttpRequest, key: str) -> HttpResponse:
    """``GET /brand/<key>.css?v=…``. An outdated ``v`` gets today's sheet, and is told not to keep it."""
    style = style_of(get_object_or_404(Brand, key=key))
    is_current = request.GET.get("v") == version_of(style)
    response = HttpResponse(style, content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = FOR_EVER if is_current else NOT_AT_ALL
    response.headers["Access-Control-Allow-Origin"] = "*"  # it is public, and storefronts show it as well
    return response
