"""Counters as rows: one statement makes the row or raises it, whoever else does the same at that moment."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Model


def count_up(model: type[Model], *, unique: tuple[str, ...], **values: Any) -> int:
    """Raise ``count`` of the row with these values by one; returns what it is then.

    ``unique`` names those of ``values`` that are the row's unique constraint.
    """
    meta = model._meta
    columns = {meta.get_field(name).column: adapted(value) for name, value in values.items()}
    quoted = connection.ops.quote_name
    names = ", ".join(quoted(column) for column in columns)
    keys = ", ".join(quoted(meta.get_field(name).column) for name in unique)
    marks = ", ".join(["%s"] * len(columns))
    insert = f"INSERT INTO {meta.db_table} ({names}, count) VALUES ({marks}, 1)"  # noqa: S608 names of our models
    raised = f"ON CONFLICT ({keys}) DO UPDATE SET count = {meta.db_table}.count + 1 RETURNING count"
    with connection.cursor() as cursor:
        cursor.execute(f"{insert} {raised}", list(columns.values()))
        return int(cursor.fetchone()[0])


def adapted(value: Any) -> Any:
    """Rows by their key, times and days as this database reads them."""
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return connection.ops.adapt_datefield_value(value) if isinstance(value, date) else value
