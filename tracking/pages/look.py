"""The brand's colours for the storefront's page, which draws on a ground of its own: it must read there."""

from __future__ import annotations

from stores.models import Brand
from tracking.pages.brand import DARK, LIGHT, colours

PLAIN = "#24548f"


def look_of(brand: Brand | None) -> dict[str, str]:
    """``brand``, ``on-brand``, ``brand-ink``; the last also as ``dark-ink``, for dark pages."""
    colour = brand.colour if brand else PLAIN
    light, dark = colours(colour, LIGHT), colours(colour, DARK)
    return dict(light) | {"dark-ink": dark["brand-ink"]}
