"""Figures of the console's first page: how they look, and the words beside them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from tracking.admin.display import WAITING, age

MOST_COUNTED = 1_000


@dataclass(frozen=True)
class Tile:
    """A figure, what it counts, and the list behind it. ``note`` says more, such as how old the oldest is."""

    number: Any
    words: Any
    url: str
    tone: str = WAITING
    note: Any = ""


def oldest(at: datetime | None) -> SafeString | str:
    """``oldest 3 h ago``; nothing where there is none."""
    return SafeString(_("oldest %(age)s") % {"age": age(at)}) if at else ""


def also(*notes: SafeString | str) -> SafeString:
    """Those of the notes that say something, with a dot between them."""
    return format_html_join(" · ", "{}", ((note,) for note in notes if note))


def capped(number: int) -> str:
    return f"{MOST_COUNTED:,}+" if number == MOST_COUNTED else str(number)
