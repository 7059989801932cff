"""What stands in the frames of ``/admin/preview/``: documents in which nothing runs, and that lead nowhere.

Each has a policy of its own, stricter than the console's: styles and pictures of this host, and a sandbox.
"""

from __future__ import annotations

import re

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from tracking.admin.preview import chosen
from tracking.pages.answers import page
from tracking.pages.rows import load
from tracking.pages.samples import sample_rows
from tracking.pages.shown import shown

POLICY = (
    "default-src 'none'; style-src 'self'{inline}; img-src 'self'; sandbox; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
MOVING = re.compile(rb"<script\b[^>]*></script>|<noscript>.*?</noscript>", re.DOTALL)  # what refreshes the page
BODY = re.compile(r"(<body\b[^>]*>)(.*)(</body>)", re.DOTALL)
DARK = "(prefers-color-scheme: dark)"


@require_safe
def preview_mail(request: HttpRequest) -> HttpResponseBase:
    """One mail as a document, in the colours of ``scheme``; not found where there is none to show."""
    _form, choice = chosen(request)
    mail = choice.mail() if choice else None
    if mail is None:
        raise Http404
    return framed(HttpResponse(in_scheme(mail.html, request.GET.get("scheme", ""))), inline=" 'unsafe-inline'")


@require_safe
def preview_shop(request: HttpRequest) -> HttpResponseBase:
    """The shopper's page as a document; it follows this device's colours."""
    _form, choice = chosen(request)
    if choice is None:
        raise Http404
    rows = load(choice.order) if choice.order else sample_rows(choice.brand, several=choice.has_several)
    rows.brand = choice.brand
    order = shown(rows, choice.language)
    answer = page(request, "shopper/order.html", choice.language, brand=choice.brand, order=order)
    return framed(HttpResponse(MOVING.sub(b"", b"".join(answer))))


def framed(response: HttpResponseBase, inline: str = "") -> HttpResponseBase:
    """The document, to be seen only in a frame of ours."""
    response.headers["Content-Security-Policy"] = POLICY.format(inline=inline)
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def in_scheme(html: str, scheme: str) -> str:
    """The mail as a dark or a light device shows it, whatever this one is set to; its pictures from this host."""
    html = html.replace(DARK, "all" if scheme == "dark" else "not all")
    html = BODY.sub(
        r"\1<main>\2</main>\3", html
    )  # a document of its own has a main part; in a mail program it has none
    return html.replace(f'src="{settings.PUBLIC_URL}/', 'src="/')
