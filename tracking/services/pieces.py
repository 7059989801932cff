"""Numbers as people quote them: as typed, in capitals, as AfterShip would write them; whole, or a piece of one.

A piece is the beginning or the end of a number. Both are answered by an index on PostgreSQL and on SQLite (which has
none for LIKE, so it is asked for a range), and a list of a million answers as fast as one of ten.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from django.db import connection
from django.db.models import F, Q, Value
from django.db.models.lookups import Exact

from tracking.models.pieces import ENDING, Ending
from tracking.payloads.errors import PayloadError
from tracking.payloads.to_aftership import clean_number

SHORTEST_PIECE = 4  # shorter text would match nearly everything


def trimmed(text: str) -> str:
    """Without what no column can hold or nobody means."""
    return text.replace("\x00", "").strip()


def spellings(text: str) -> set[str]:
    """``" 1z 999aa1 "`` → as typed, in upper and lower case, and as a clean tracking number where it can be one."""
    text = trimmed(text)
    found = {text, text.upper(), text.lower()}
    with suppress(PayloadError):
        found.add(clean_number(text))
    return found - {""}


def whole(field: str, words: Iterable[str]) -> Q:
    """``field`` is one of the words."""
    return Q(**{f"{field}__in": list(words)})


def begins(field: str, words: Iterable[str]) -> list[Q]:
    """One condition per word that is long enough: ``field`` begins with it."""
    return [begins_with(field, word) for word in sorted(words) if len(word) >= SHORTEST_PIECE]


def ends(field: str, words: Iterable[str]) -> list[Q]:
    """One condition per word that is long enough: ``field`` ends with it."""
    return [ends_with(field, word) for word in sorted(words) if len(word) >= SHORTEST_PIECE]


def begins_with(field: str, word: str) -> Q:
    if connection.vendor == "sqlite":
        after = word[:-1] + chr(ord(word[-1]) + 1)
        return Q(**{f"{field}__gte": word, f"{field}__lt": after})
    return Q(**{f"{field}__startswith": word})


def ends_with(field: str, word: str) -> Q:
    return Q(Exact(Ending(F(field)), Value(word[-ENDING:]))) & Q(**{f"{field}__endswith": word})
