"""Empties PostgreSQL after a test that commits: Django's flush, without its second half of setting up again.

Flush truncates every table, then makes content types, permissions and roles anew: half a second per test, and more than
a thousand tests commit. Here what migrations put there stays, as long as it is as they left it, and only tables that
have rows are truncated. Where a test did change what stays, Django's own flush does it all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test import TransactionTestCase

KEPT = (
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
    "tracking_role",
)


def mark_of_kept() -> list[Any]:
    """A digest of each kept table's rows."""
    digests = (f"(SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t)" for name in KEPT)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(digests)}")
        return list(cursor.fetchone())


def filled_tables() -> list[str]:
    """The names of all other tables of ours that have rows."""
    names = [name for name in connection.introspection.table_names() if name not in KEPT]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in names))
        return [name for (name,) in cursor.fetchall()]


def quick_teardown(flush: Callable[[Any], None], mark: list[Any]) -> Callable[[TransactionTestCase], None]:
    """The tear-down of a TransactionTestCase; ``mark`` is `mark_of_kept` before any test."""

    def tear_down(case: TransactionTestCase) -> None:
        if mark_of_kept() != mark:
            flush(case)
        elif filled := filled_tables():
            with connection.cursor() as cursor:
                cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")

    return tear_down
