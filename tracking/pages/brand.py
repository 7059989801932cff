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

from stores.branding import nearest
from stores.models import Brand

# What the page says by colour beside the brand's own: read on the brand's surface, whatever that is.
TELLING = {"good": ("#17693a", "#6fd394"), "attention": ("#8a4b00", "#f0b35c"), "trouble": ("#a3201c", "#ff958d")}
FOR_EVER, NOT_AT_ALL = "public, max-age=31536000, immutable", "no-cache"


def style_of(brand: Brand) -> str:
    """The whole sheet. Every value is a colour, a number or a list of fonts of ours: nothing that was typed in."""
    shape = {"radius": f"{int(brand.radius)}px", "font": brand.fonts}
    light, dark = colours(brand), colours(brand, is_dark=True)
    return f":root{{{declared(light | shape)}}}@media(prefers-color-scheme:dark){{:root{{{declared(dark)}}}}}"


def colours(brand: Brand, *, is_dark: bool = False) -> dict[str, str]:
    """The brand's palette by the names of shop.css; what is text can be read on what it stands on."""
    palette = brand.palette(is_dark=is_dark)
    grounds = (palette.surface, palette.background)
    telling = {name: nearest(shades[is_dark], palette.text, grounds) for name, shades in TELLING.items()}
    return {
        "brand": palette.colour,
        "on-brand": palette.on_colour,
        "brand-ink": palette.link,
        "page": palette.background,
        "card": palette.surface,
        "ink": palette.text,
        "soft": palette.muted,
        "line": palette.line,
        **telling,
    }


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
