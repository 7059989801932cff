"""Millions of rows in minutes: made by the database itself, without anything beside the row; indexes come afterwards.

    with bare_tables(Order, Parcel):                 no triggers, no foreign keys looked up, no index kept
        insert(Order, 1_000_000, columns)            INSERT … SELECT over a series, a piece at a time, with its progress
                                                     at the end every index is made anew, and the planner's figures

Only for a database of the benchmark's own and its superuser. Indexes that belong to constraints are made anew as well,
so a row that breaks one ends the run; that foreign keys lead somewhere is looked at by the questions asked later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.models import AutoField, Field, JSONField, Model
from django.db.models.fields import NOT_PROVIDED

from tests.benchmarks.progress import note

PIECE = 250_000
FOR_A_WHILE = {
    "session_replication_role": "replica",  # neither triggers nor foreign keys
    "statement_timeout": "0",
    "synchronous_commit": "off",
    "maintenance_work_mem": "'512MB'",
    "jit": "off",
}


@contextmanager
def bare_tables(*models: type[Model]) -> Iterator[None]:
    """Fill these tables inside. What was switched off is as before afterwards, and the tables are analysed."""
    tables = [model._meta.db_table for model in models]
    with connection.cursor() as cursor:
        for name, value in FOR_A_WHILE.items():
            cursor.execute(f"SET {name} = {value}")
        cursor.execute(
            "UPDATE pg_index SET indisready = false, indisvalid = false WHERE indrelid = ANY(%s::regclass[])", [tables]
        )
        yield
        for table in tables:  # makes the indexes valid again
            cursor.execute(f"REINDEX TABLE {table}")
            note(f"indexes of {table}")
        for name in FOR_A_WHILE:
            cursor.execute(f"RESET {name}")


def settle() -> None:
    """Let the database know its tables, and write down what it has only in its log."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
        cursor.execute("RESET statement_timeout")
    note("the database knows its tables")


def insert(model: type[Model], count: int, columns: dict[str, str], *, first: int = 1, beside: str = "") -> None:
    """One row per ``n`` of ``first`` and those behind it: SQL per column, each other column with its default.

    ``beside`` is a second series: ``generate_series(1, 5) s`` makes five rows of each n.
    """
    filled = dict(columns)
    for field in model._meta.concrete_fields:
        if field.column in filled or field.null or field.db_default is not NOT_PROVIDED or isinstance(field, AutoField):
            continue
        filled[field.column] = default_of(field)
    table, names = model._meta.db_table, ", ".join(f'"{name}"' for name in filled)
    last, made = first + count - 1, 0
    with connection.cursor() as cursor:
        for start in range(first, last + 1, PIECE):
            end = min(start + PIECE - 1, last)
            series = f"generate_series({start}, {end}) n" + (f", {beside}" if beside else "")
            cursor.execute(f"INSERT INTO {table} ({names}) SELECT {', '.join(filled.values())} FROM {series}")
            made += cursor.rowcount
            note(f"{bar((end - first + 1) / count)} {made:>9,} {model._meta.verbose_name_plural}")
        if columns.get("id") == "n":
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {last})")


def bar(share: float) -> str:
    """``[#####     ]``"""
    return f"[{'#' * round(share * 20):20}]"


def default_of(field: Field[Any, Any]) -> str:
    """A column's default as SQL. Raises where it has none: whoever adds such a column says here what it holds."""
    if getattr(field, "auto_now_add", False):
        return "now()"
    value = field.get_default()
    if isinstance(field, JSONField):
        return f"'{json.dumps(value)}'"
    if value is None:
        raise RuntimeError(f"{field} has no default: give it a value")
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else f"'{value}'"
