"""Which language a shopper is spoken to in: asked for, the browser's, the order's, the brand's; one the brand has."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest
from django.utils.translation.trans_real import parse_accept_lang_header

from stores.models import Brand
from tracking.words.languages import LANGUAGES, choose


def language_for(request: HttpRequest, brand: Brand | None, locale: str = "") -> str:
    """The language of the answer. ``locale`` is that of the order."""
    return choose(wishes(request, locale), enabled(brand))


def wishes(request: HttpRequest, locale: str) -> Iterator[str]:
    """What the shopper wants, best first."""
    yield request.GET.get("lang", "")[:35]
    yield from (code for code, _quality in parse_accept_lang_header(request.headers.get("Accept-Language", "")))
    yield locale


def enabled(brand: Brand | None) -> list[str]:
    """The languages of a brand; all that we speak where no brand says."""
    return [str(one) for one in brand.locales] if brand and brand.locales else list(LANGUAGES)
