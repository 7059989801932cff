"""Which storefronts may show a brand's orders in their own pages: browsers are told by CORS, and others are refused."""

from __future__ import annotations

from urllib.parse import urlsplit

from stores.models import Brand


def origin_of(address: str) -> str:
    """``https://shop.example.com`` of an address below it; "" where it has none."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


def origins_of(brand: Brand | None) -> frozenset[str]:
    """The brand's storefronts: as they are listed, and that of its address."""
    if brand is None:
        return frozenset()
    listed = [*brand.storefront_origins, brand.storefront_url]
    return frozenset(origin for one in listed if (origin := origin_of(str(one))))
