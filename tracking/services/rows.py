"""Many rows saved at once: one statement, with all rows in one JSON parameter.

Django's ``bulk_update`` writes a CASE per row and column, and its ``bulk_create`` prepares each value on its own; here
the database takes the values apart. Measured in docs/benchmarks.md.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Field, Model


def insert_rows(rows: Collection[Model]) -> None:
    """INSERT new rows of one model whose key the database makes; those that meet a constraint are left out.

    The caller's rows get no key. Part of the caller's transaction. Nothing but text, numbers, truth, times, lists and
    dicts can be in them, which is to say: no bytes.
    """
    if not rows:
        return
    meta = next(iter(rows))._meta
    columns = [column for column in meta.concrete_fields if not column.primary_key]
    names = ", ".join(column.column for column in columns)
    insert = f"INSERT INTO {meta.db_table} ({names}) SELECT {names} FROM {source(columns)}"  # noqa: S608 our models
    with connection.cursor() as cursor:
        cursor.execute(f"{insert} WHERE true ON CONFLICT DO NOTHING", [as_json(rows, columns, are_new=True)])


def update_rows(rows: Collection[Model], fields: Sequence[str]) -> None:
    """UPDATE these fields (model names) of each row. Part of the caller's transaction, which holds the rows' locks."""
    if not rows:
        return
    meta = next(iter(rows))._meta
    columns = [meta.get_field(name) for name in fields]
    assignments = ", ".join(f"{column.column} = fresh.{column.column}" for column in columns)
    key, columns = meta.pk.column, [*columns, meta.pk]
    update = f"UPDATE {meta.db_table} SET {assignments} FROM {source(columns)}"  # noqa: S608 names of our models
    with connection.cursor() as cursor:
        cursor.execute(f"{update} WHERE {meta.db_table}.{key} = fresh.{key}", [as_json(rows, columns)])


def upsert_rows(rows: Collection[Model], key: Sequence[str]) -> None:
    """INSERT rows with all their columns; of those that are there under the ``key`` (column names), UPDATE the others.

    Part of the caller's transaction.
    """
    if not rows:
        return
    meta = next(iter(rows))._meta
    columns = list(meta.concrete_fields)
    names = ", ".join(column.column for column in columns)
    assignments = ", ".join(f"{one.column} = excluded.{one.column}" for one in columns if one.column not in key)
    insert = f"INSERT INTO {meta.db_table} ({names}) SELECT {names} FROM {source(columns)}"  # noqa: S608 our models
    with connection.cursor() as cursor:
        cursor.execute(
            f"{insert} WHERE true ON CONFLICT ({', '.join(key)}) DO UPDATE SET {assignments}", [as_json(rows, columns)]
        )


def source(columns: Sequence[Field[Any, Any]]) -> str:
    """The table ``fresh`` with these columns, of one parameter: what ``as_json`` makes."""
    if connection.vendor == "postgresql":
        types = ", ".join(f"{column.column} {column.cast_db_type(connection)}" for column in columns)
        return f"json_to_recordset(%s) AS fresh({types})"
    values = ", ".join(f"json_extract(value, '$.{column.column}') AS {column.column}" for column in columns)
    return f"(SELECT {values} FROM json_each(%s)) AS fresh"  # noqa: S608 names of our models


def as_json(rows: Collection[Model], columns: Sequence[Field[Any, Any]], *, are_new: bool = False) -> str:
    """The rows as a JSON list of objects, with times and days as this database reads them."""
    adapt = connection.ops.adapt_datetimefield_value
    objects = [{column.column: column.pre_save(row, are_new) for column in columns} for row in rows]
    return json.dumps(objects, default=lambda value: str(adapt(value) if isinstance(value, datetime) else value))
