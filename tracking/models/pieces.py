"""Finding a number by a piece of it: each number once in a table of its own, and what asks for it.

Trackings and parcels are updated all the time, and each update would write their part of an index over pieces anew. A
number is written here once, by a trigger (``tracking/triggers.py``), and its row is never touched again.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import BooleanField, CharField, F, Func

PIECE = 4  # signs; shorter pieces would leave too many rows to look at, longer ones could not be asked for


class KnownNumber(models.Model):
    """A number that an order, a parcel or a tracking has or had, as it is written there. None is ever taken away."""

    text = models.CharField(max_length=500)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["text"], name="known_number_once")]

    def __str__(self) -> str:
        return self.text


class Holds(Func):
    """Whether a number has the word in it, in capitals or not: by its pieces, then as a whole.

    On PostgreSQL a column and its index hold every four signs in a row, in capitals (made by the migration: a generated
    column, and no extension). SQLite looks at each number.
    """

    output_field = BooleanField()

    def __init__(self, word: str) -> None:
        super().__init__(F("text"))
        self.word = word.upper()

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:
        column, _none = compiler.compile(self.source_expressions[0])
        if connection.vendor == "sqlite":
            return f"INSTR(UPPER({column}), %s) > 0", [self.word]
        pieces = column.replace('"text"', '"pieces"')
        return f"({pieces} @> %s::text[] AND STRPOS(UPPER({column}), %s) > 0)", [pieces_of(self.word), self.word]


def pieces_of(word: str) -> list[str]:
    """Every four signs in a row, as ``trackbridge_pieces`` has them."""
    return sorted({word[start : start + PIECE] for start in range(len(word) - PIECE + 1)})


class Ending(Func):
    """The last four signs of a text. Only migration 0024 knows it: its indexes went when ``KnownNumber`` came."""

    function = "RIGHT"
    template = "%(function)s(%(expressions)s, 4)"
    arity = 1
    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="SUBSTR(%(expressions)s, -4)", **extra)
