"""A message as mail: subject, HTML and plain text, in a brand's dress and a shopper's language.

content_of → Content ─ templates/shopper/mail/ ─ styles put on each element → Rendered

Pure: no query, no network. A brand of a developer may have templates of its own: ``brands/<key>/mail/message.html``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import css_inline
from django.conf import settings
from django.template.loader import select_template
from django.urls import reverse

from config.addresses import web_address
from stores.models import Brand
from stores.pictures import EXTENSIONS
from stores.statuses import MessageKind
from tracking.notifications.content import Content, MailFacts, content_of
from tracking.words.languages import direction, pick, speaking, tag

MOST_BYTES = 100_000  # Gmail cuts what is longer
# Control characters, lone surrogates, and what turns the direction of everything that follows.
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Rendered:
    """A mail's parts. ``subject`` is one line; ``html`` is complete, with its styles inline."""

    subject: str
    text: str
    html: str


def render(kind: MessageKind | str, facts: MailFacts, brand: Brand, language: str) -> Rendered:
    """The message in the brand's dress, in ``language`` (one that is spoken: ``words.languages.choose``).

    The same facts give the same mail. Whatever stands in names, notes and the carrier's words is shown as text.
    Raises ValueError where there is no parcel to write about.
    """
    content = content_of(MessageKind(kind), facts, language)
    context = context_of(content, facts, brand, language)
    with speaking(language):
        html = harmless(template(brand.key, "html").render(context))
        text = harmless(template(brand.key, "txt").render(context))
    return Rendered(harmless(content.subject), plain(text), inliner().inline(html))


def context_of(content: Content, facts: MailFacts, brand: Brand, language: str) -> dict[str, Any]:
    """What the templates see."""
    return {
        "c": content,
        "brand": brand,
        "number": facts.order.number,
        "page_url": web_address(brand.order_address(facts.order.number) or facts.page_url),
        "unsubscribe_url": web_address(facts.unsubscribe_url),
        "lang": tag(language),
        "dir": direction(language),
        "p": brand.palette(),
        "d": brand.palette(is_dark=True),
        "fonts": brand.fonts,
        "radius": brand.radius,
        "logo": logo_url(brand),
        "legal": pick(brand.legal, language, brand.locales),
    }


def logo_url(brand: Brand) -> str:
    """Where mail programs fetch the logo: our own address, changed with the picture, so that it may be kept."""
    if not brand.logo_digest:
        return ""
    path = reverse("brand-logo", args=[brand.key, brand.logo_digest, EXTENSIONS[brand.logo_type]])
    return f"{settings.PUBLIC_URL}{path}"


def template(key: str, kind: str) -> Any:
    return select_template([f"brands/{key}/mail/message.{kind}", f"shopper/mail/message.{kind}"])


@lru_cache(maxsize=1)
def inliner() -> css_inline.CSSInliner:
    """Loads nothing from anywhere; media queries stay in the head."""
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True)


def harmless(text: str) -> str:
    """Without characters that no mail needs, whoever brought them in."""
    return HARMFUL.sub("", text)


def plain(text: str) -> str:
    """Without the blank lines that templates leave behind."""
    lines = "\n".join(line.rstrip() if line != "-- " else line for line in text.splitlines())
    return BLANK_LINES.sub("\n\n", lines).strip() + "\n"
