"""Triggers that note each number once, whoever writes it: of an order, a parcel or a tracking ─> tracking_knownnumber.

Made and dropped together with those of ``tracking/triggers.py``, and for the same reasons no part of a migration.
"""

from __future__ import annotations

NUMBERS = {"order": "order_number", "parcel": "tracking_number", "tracking": "tracking_number"}
PREFIX = "trackbridge_change_number_1"  # rises with every change of what is here; the beginning is that of all triggers
NOTE = "INSERT INTO tracking_knownnumber (text) VALUES (NEW.{column}) ON CONFLICT DO NOTHING"
POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION {prefix}_{column}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {note};
    RETURN NULL;
END $$
"""


def statements(vendor: str) -> dict[str, str]:
    """The triggers to make, by name."""
    return {
        f"{PREFIX}_{kind}_{what.lower()}": trigger(vendor, f"{PREFIX}_{kind}_{what.lower()}", what, kind)
        for kind in NUMBERS
        for what in ("INSERT", "UPDATE")
    }


def trigger(vendor: str, name: str, what: str, kind: str) -> str:
    """Nothing is called where no number is new: trackings are updated all the time."""
    column = NUMBERS[kind]
    is_update = what == "UPDATE"
    is_new = f"NEW.{column} <> ''" + (f" AND OLD.{column} <> NEW.{column}" if is_update else "")
    event = f"UPDATE OF {column}" if is_update else what
    head = f"CREATE TRIGGER {name} AFTER {event} ON tracking_{kind} FOR EACH ROW WHEN ({is_new})"
    if vendor == "postgresql":
        return f"{head} EXECUTE FUNCTION {PREFIX}_{column}()"
    return f"{head} BEGIN {NOTE.format(column=column)}; END"


def functions() -> list[str]:
    """What PostgreSQL's triggers call."""
    columns = sorted(set(NUMBERS.values()))
    return [POSTGRESQL_FUNCTION.format(prefix=PREFIX, column=one, note=NOTE.format(column=one)) for one in columns]


def missing() -> list[str]:
    """Notes the numbers that came while no trigger was there, as while ``migrate`` is at work."""
    return [
        f"INSERT INTO tracking_knownnumber (text) SELECT DISTINCT {column} FROM tracking_{kind} AS source"  # noqa: S608
        f" WHERE {column} <> '' AND NOT EXISTS"
        f" (SELECT 1 FROM tracking_knownnumber AS known WHERE known.text = source.{column}) ON CONFLICT DO NOTHING"
        for kind, column in NUMBERS.items()
    ]
