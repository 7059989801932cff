"""Numbers as people quote them: as typed, in capitals, as AfterShip would write them; whole, or a piece of one.

    a piece ─ KnownNumber (each number once, by its pieces) ─> the newest numbers that hold it ─ by index ─> rows

A piece of four signs is looked for at the beginning and the end of numbers, a longer one anywhere in them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress

from django.db.models import Q, QuerySet

from tracking.models import KnownNumber
from tracking.models.pieces import PIECE, Holds
from tracking.payloads.errors import PayloadError
from tracking.payloads.to_aftership import clean_number

SHORTEST_PIECE = PIECE  # shorter text would match nearly everything
SHORTEST_INSIDE = 5  # four signs are somewhere in thousands of a million numbers


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


def piece_words(words: Iterable[str]) -> list[str]:
    """Those that are long enough to be a piece, in capitals, each once."""
    return sorted({word.upper() for word in words if len(word) >= SHORTEST_PIECE})


def numbers_with(word: str, *, most: int) -> QuerySet[KnownNumber]:
    """The newest numbers, at most so many, that hold this word of ``piece_words``."""
    found = KnownNumber.objects.filter(Holds(word))
    if len(word) < SHORTEST_INSIDE:
        found = found.filter(Q(text__istartswith=word) | Q(text__iendswith=word))
    return found.order_by("-pk")[:most]


def numbers_with_any(words: Collection[str], *, most: int) -> tuple[list[str], bool]:
    """The newest numbers that hold any of these ``piece_words``, and whether there are more: one query.

    Each word has its share of ``most``, so that one which is in every number leaves the others room.
    """
    share = max(most // max(len(words), 1), 1)
    parts = [
        KnownNumber.objects.filter(pk__in=numbers_with(word, most=share + 1).values("pk")).values_list(
            "text", flat=True
        )
        for word in words
    ]
    if not parts:
        return [], False
    first, *others = parts
    texts = sorted(first.union(*others))
    is_cut = any(sum(word in text.upper() for text in texts) > share for word in words)
    return texts, is_cut


def is_edge(number: str, words: Iterable[str]) -> bool:
    """Whether the number begins or ends with one of these ``piece_words``."""
    edges = tuple(words)
    return number.upper().startswith(edges) or number.upper().endswith(edges)
