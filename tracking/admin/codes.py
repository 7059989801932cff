"""A correlation code as it is shown: it leads to its story."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from tracking.admin.display import NOTHING


def story_address(code: str, **more: str) -> str:
    """The page of a code's story; ``more`` are further parameters of it."""
    return f"{reverse('story')}?{urlencode({'code': code} | more)}"


def code_link(code: str) -> SafeString | str:
    """The code, to read out or copy, as a link to everything that happened under it; a dash where there is none."""
    if not code:
        return NOTHING
    return format_html('<a class="tb-link tb-code tb-short" href="{}">{}</a>', story_address(code), code)
