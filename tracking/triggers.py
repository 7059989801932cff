"""Marks of changed rows, made by triggers: a bulk UPDATE, a form of the console and a hand in psql all leave one.

    UPDATE of a column below, INSERT of a parcel ─┐
    a shopper is warned, or asks about trouble ───┴─ trigger ─> tracking_change (kind, subject), same transaction

They are no part of a migration: SQLite loses the triggers of a table that it rebuilds, and PostgreSQL refuses to alter
a column that one looks at. So ``migrate`` drops them before and makes them after its work, whatever it did.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tracking import number_triggers
from tracking.models.contacts import ABOUT_TROUBLE
from tracking.models.messages import TOLD, WARNINGS

# Columns by table: what a figure follows from. Others (versions, what we wrote, texts) may change as they like.
WATCHED = {
    "order": (
        "store_id", "destination_country", "ordered_at", "order_state", "deleted_at", "items", "item_channels",
    ),
    "parcel": (
        "tracking_id", "route_id", "tracking_number", "is_return", "items", "decision", "shipped_at", "removed_at",
        "written_at",
    ),
    "store": ("time_zone", "countries"),
    "tracking": (
        "account_id", "courier", "requested_courier", "status", "subtag", "eta", "clocks", "tallies", "estimates",
        "opened_at", "received_at", "is_fenced",
    ),
}  # fmt: skip
TABLES = {"store": "stores_store"}  # others: tracking_<kind>
PREFIX = "trackbridge_change_4"  # rises with every change of what is below or above
SUBJECTS = ("id", "order_id", "parcel_id")  # columns that say which row the mark is about


def postgresql_function(subject: str) -> str:
    return f"""
CREATE OR REPLACE FUNCTION {PREFIX}_{subject}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tracking_change (kind, subject) VALUES (TG_ARGV[0], NEW.{subject}::text);
    RETURN NULL;
END $$
"""  # noqa: S608 a name of ours


def statements(vendor: str) -> dict[str, str]:
    """The triggers to make, by name."""
    made = {
        f"{PREFIX}_{kind}": trigger(vendor, f"{PREFIX}_{kind}", ("UPDATE", table_of(kind)), (kind, "id"),
                                    f"WHEN ({is_changed(vendor, names)})")
        for kind, names in WATCHED.items()
    }  # fmt: skip
    for name, (event, kind, subject, condition) in OTHERS.items():
        made[name] = trigger(vendor, name, event, (kind, subject), condition)
    return made


def table_of(kind: str) -> str:
    return TABLES.get(kind, f"tracking_{kind}")


def one_of(values: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in sorted(values)) + ")"


IS_WARNING = f"NEW.parcel_id IS NOT NULL AND NEW.kind IN {one_of(WARNINGS)}"
# What is no change of a watched column, by name: what happens to which table, what it marks, and when.
OTHERS = {
    f"{PREFIX}_new_parcel": (("INSERT", "tracking_parcel"), "parcel", "id", ""),
    f"{PREFIX}_new_warning": (
        ("INSERT", "tracking_message"), "parcel", "parcel_id", f"WHEN ({IS_WARNING} AND NEW.state IN {one_of(TOLD)})",
    ),
    f"{PREFIX}_warning": (
        ("UPDATE", "tracking_message"), "parcel", "parcel_id",
        f"WHEN ({IS_WARNING} AND (OLD.state IN {one_of(TOLD)}) <> (NEW.state IN {one_of(TOLD)}))",
    ),
    f"{PREFIX}_new_contact": (
        ("INSERT", "tracking_contact"), "order", "order_id",
        f"WHEN (NEW.order_id IS NOT NULL AND NEW.cause IN {one_of(ABOUT_TROUBLE)})",
    ),
}  # fmt: skip


def is_changed(vendor: str, columns: tuple[str, ...]) -> str:
    differs = "IS DISTINCT FROM" if vendor == "postgresql" else "IS NOT"
    return " OR ".join(f"OLD.{name} {differs} NEW.{name}" for name in columns)


def trigger(vendor: str, name: str, event: tuple[str, str], mark: tuple[str, str], condition: str) -> str:
    """``event``: what happens to which table. ``mark``: its kind, and the column of its subject."""
    (what, table), (kind, subject) = event, mark
    head = f"CREATE TRIGGER {name} AFTER {what} ON {table} FOR EACH ROW {condition}"
    if vendor == "postgresql":
        return f"{head} EXECUTE FUNCTION {PREFIX}_{subject}('{kind}')"
    insert = f"INSERT INTO tracking_change (kind, subject) VALUES ('{kind}', NEW.{subject})"  # noqa: S608 likewise
    return f"{head} BEGIN {insert}; END"


def install(*, using: str, **_: Any) -> None:
    """Make the triggers that are not there, and note numbers that came without; the receiver of ``post_migrate``."""
    database = connections[using]
    if not {"tracking_change", "tracking_knownnumber"} <= set(database.introspection.table_names()):
        return  # migrated back to before there were marks, or numbers
    wanted = statements(database.vendor) | number_triggers.statements(database.vendor)
    if wanted.keys() <= existing(database).keys():
        return
    remove(using=using)
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            for function in [*map(postgresql_function, SUBJECTS), *number_triggers.functions()]:
                cursor.execute(function)
        for statement in [*wanted.values(), *number_triggers.missing()]:
            cursor.execute(statement)


def remove(*, using: str, **_: Any) -> None:
    """Drop every trigger of ours, also those of older versions; the receiver of ``pre_migrate``."""
    database = connections[using]
    with database.cursor() as cursor:
        for name, table in existing(database).items():
            where = f" ON {table}" if database.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {name}{where}")


def existing(database: BaseDatabaseWrapper) -> dict[str, str]:
    """The tables of our triggers by name."""
    queries = {
        "postgresql": "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE %s",
        "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s",
    }
    with database.cursor() as cursor:
        cursor.execute(queries[database.vendor], ["trackbridge_change_%"])
        return dict(cursor.fetchall())
