"""One durable INSERT of a webhook's body per commit, and nothing else: the floor that storing it costs.

    python -m tests.benchmarks.raw_insert --count 2000 --connections 4

Says "ready", waits for a line, says "done". The table has what makes a repeat harmless, a unique event id, and no more.
"""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg

from tests.benchmarks.bodies import WAY, webhook

TABLE = "CREATE TABLE IF NOT EXISTS bench_raw (id bigserial PRIMARY KEY, event_id text UNIQUE, body bytea NOT NULL)"
INSERT = "INSERT INTO bench_raw (event_id, body) VALUES (%s, %s) ON CONFLICT DO NOTHING"


def insert_all(connection: psycopg.Connection, rows: list[tuple[str, bytes]]) -> None:
    for row in rows:
        connection.execute(INSERT, row)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.raw_insert")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    options = parser.parse_args()
    template = webhook(uuid.uuid4().hex, "00340434161094000001", len(WAY), "EVENT-ID")
    ids = [str(uuid.uuid4()) for _ in range(options.count)]
    rows = [(one, template.replace(b"EVENT-ID", one.encode())) for one in ids]
    connections = [psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) for _ in range(options.connections)]
    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(options.connections) as pool:
        shares = [rows[start :: options.connections] for start in range(options.connections)]
        list(pool.map(insert_all, connections, shares))
    print("done", flush=True)


if __name__ == "__main__":
    main()
