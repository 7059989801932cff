"""Finding a number by its end: an index over the last four signs, and what asks for it."""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, Func

ENDING = 4


class Ending(Func):
    """The last four signs of a text, spelled the same in the index and in every question, or no index would be used.

    So few because the index is there to leave some hundred of a million rows; the caller compares the rest.
    """

    function = "RIGHT"
    template = "%(function)s(%(expressions)s, 4)"
    arity = 1
    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="SUBSTR(%(expressions)s, -4)", **extra)
