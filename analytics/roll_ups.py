"""Differences → day sums, in four statements: rows that are there are added to, then the missing ones are made.

Not an upsert: that would be refused for every negative difference, since the row to insert is checked first. So the
database can refuse a sum below zero. Whoever calls holds the lock, so no row appears in between.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Field, Model

from analytics.counted import Sums
from analytics.models import DayBucket, DayCount
from analytics.names import COUNTS
from tracking.services.rows import source

COUNT_KEY = ("cohort", "day", "slice")
BUCKET_KEY = ("cohort", "spread", "day", "slice", "bucket")


def add(sums: Sums) -> int:
    """Add to the roll-ups, in the transaction of whoever holds the lock; returns how many rows it moved."""
    counts = [
        {"cohort": cohort, "day": day_text(day), "slice_id": slice_id} | {name: numbers[name] for name in COUNTS}
        for (cohort, day, slice_id), numbers in sorted(sums.counts.items())
        if any(numbers.values())
    ]
    buckets = [
        {
            "cohort": cohort, "spread": spread, "day": day_text(day), "slice_id": slice_id, "bucket": bucket,
            "number": number,
        }
        for (cohort, spread, day, slice_id, bucket), number in sorted(sums.buckets.items())
        if number
    ]  # fmt: skip
    add_rows(DayCount, counts, COUNT_KEY, COUNTS)
    add_rows(DayBucket, buckets, BUCKET_KEY, ("number",))
    return len(counts) + len(buckets)


def drop_empty() -> None:
    """Delete rows that count nothing any more; each table has an index of just those."""
    DayCount.objects.filter(created=0).delete()
    DayBucket.objects.filter(number=0).delete()


def day_text(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def add_rows(
    model: type[Model], rows: Sequence[dict[str, Any]], key_fields: Sequence[str], number_fields: Sequence[str]
) -> None:
    """Add numbers to the rows with these keys, and make those that are missing: two statements, whatever the number of
    rows. The caller holds the lock of `refresh`, else two could make one row.
    """
    if not rows:
        return
    meta = model._meta
    fields: list[Field[Any, Any]] = [meta.get_field(name) for name in (*key_fields, *number_fields)]
    keys = [meta.get_field(name).column for name in key_fields]
    numbers = [meta.get_field(name).column for name in number_fields]
    names = ", ".join([*keys, *numbers])
    table, fresh, parameter = meta.db_table, source(fields), [json.dumps(rows)]
    same = " AND ".join(f"{table}.{name} = fresh.{name}" for name in keys)
    added = ", ".join(f"{name} = {table}.{name} + fresh.{name}" for name in numbers)
    update = f"UPDATE {table} SET {added} FROM {fresh} WHERE {same}"  # noqa: S608 names of our models
    missing = f"WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 likewise
    insert = f"INSERT INTO {table} ({names}) SELECT {names} FROM {fresh} {missing}"  # noqa: S608 likewise
    with connection.cursor() as cursor:
        cursor.execute(update, parameter)
        cursor.execute(insert, parameter)
