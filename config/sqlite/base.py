"""Django's SQLite, with the one write lock shared fairly.

A writer that finds the lock taken sleeps and looks again. SQLite itself soon sleeps 100 ms at a time, and sees the lock
taken anew whenever it wakes: with a few writers busy, a webhook waited seconds for a lock that nobody held longer than
0.4 s. Here it looks every few milliseconds. Figures: docs/decisions/database.md.
"""

from __future__ import annotations

import random
import sqlite3
import time
from typing import Any

from django.db.backends.sqlite3 import base

LONGEST_WAIT_SECONDS = 20.0
SHORTEST_SLEEP_SECONDS, LONGEST_SLEEP_SECONDS = 0.001, 0.006
OWN_PATIENCE = "PRAGMA busy_timeout=1"  # of SQLite, in milliseconds: the rest is ours


class PatientCursor(base.SQLiteCursorWrapper):
    """Waits for the lock before a single statement or the BEGIN of a transaction; inside one, it is held already.

    ``executemany`` belongs into a transaction: alone it could fail halfway.
    """

    def execute(self, query: str, params: Any = None) -> Any:
        ends_at = time.monotonic() + LONGEST_WAIT_SECONDS
        while True:
            try:
                return super().execute(query, params)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or self.connection.in_transaction:
                    raise
                if time.monotonic() > ends_at:
                    raise
            time.sleep(random.uniform(SHORTEST_SLEEP_SECONDS, LONGEST_SLEEP_SECONDS))


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.execute(OWN_PATIENCE)
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        return self.connection.cursor(factory=PatientCursor)
