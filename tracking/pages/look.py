"""The brand's colours for the storefront's page, which draws on a ground of its own: it must read there."""

from __future__ import annotations

from stores.models import Brand
from tracking.pages.brand import colours

PLAIN = "#24548f"


def look_of(brand: Brand | None) -> dict[str, str]:
    """``brand``, ``on-brand``, ``brand-ink``; the last also as ``dark-ink``, for dark pages."""
    brand = brand or Brand(colour=PLAIN)
    light, dark = colours(brand), colours(brand, is_dark=True)
    names = ("brand", "on-brand", "brand-ink")
    return {name: light[name] for name in names} | {"dark-ink": dark["brand-ink"]}
