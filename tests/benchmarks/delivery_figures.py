"""What a page of figures costs from the day sums, against counting the parcels themselves; what one change costs.

    python -m tests.benchmarks.delivery_figures [--parcels 5000000]     a PostgreSQL of its own, half an hour to fill

``make bench`` runs the short form. A page is asked cold: on a fresh connection, in the long form after a restart of the
server. The naive way is one grouped query over the facts of the period, which is kind to it: from trackings and
checkpoints it would have to work out everything first.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median

from tests.benchmarks.progress import heading, note
from tests.postgres import Postgres

ASKED = 5
NAIVE = """
SELECT s.courier, date_trunc('week', f.ready_day), count(*), count(*) FILTER (WHERE f.estimate_late_days <= 0),
    percentile_cont(ARRAY[0.5, 0.9, 0.95]) WITHIN GROUP (ORDER BY f.transit_hours)
FROM analytics_parcelfact f JOIN analytics_slice s ON s.id = f.slice_id
WHERE f.ready_day BETWEEN %s AND %s AND NOT s.is_return GROUP BY 1, 2
"""


def run(*, parcels: int, restart: Callable[[], None] = lambda: None) -> list[str]:
    """Fill the tables and measure; the lines of the summary."""
    from tests.benchmarks.figures_seed import seed_facts

    heading(f"Figures: {parcels:,} parcels of one year")
    seed_facts(parcels)
    return [f"figures of {parcels:,} parcels   {sizes()}", *pages(restart), change()]


def sizes() -> str:
    from django.db import connection

    tables = {"facts": "analytics_parcelfact", "counts": "analytics_daycount", "spreads": "analytics_daybucket"}
    found = []
    with connection.cursor() as cursor:
        for name, table in tables.items():
            cursor.execute(f"SELECT count(*), pg_total_relation_size('{table}') FROM {table}")
            rows, size = cursor.fetchone()
            found.append(f"{rows:,} {name} ({size / 1e6:,.0f} MB)")
    return ", ".join(found)


def pages(restart: Callable[[], None]) -> list[str]:
    """Each page's median, cold, beside the naive query for the same period."""
    lines = []
    for weeks in (12, 52):
        naive = timed(lambda weeks=weeks: ask_naively(weeks), restart)
        for name in ("overview", "couriers", "weeks", "lanes"):
            ours = timed(lambda name=name, weeks=weeks: ask(name, weeks), restart)
            times = f"{naive / ours:.1f}x faster than the naive query ({naive * 1000:,.0f} ms)"
            lines.append(f"  {name:<9} {weeks} weeks       {ours * 1000:,.0f} ms, {times}")
            note(lines[-1])
    return lines


def timed(work: Callable[[], object], restart: Callable[[], None]) -> float:
    """The median of some cold runs, in seconds."""
    from django.db import connection

    seconds = []
    for _ in range(ASKED):
        connection.close()
        restart()
        started_at = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started_at)
    return median(seconds)


def ask(page: str, weeks: int) -> object:
    """What a page shows: all KPIs at once, of all parcels, per courier, week or lane."""
    from analytics.filters import Filters
    from analytics.kpis import KPIS, measure
    from tests.benchmarks.figures_seed import LAST_DAY

    filters = Filters(LAST_DAY - timedelta(days=weeks * 7 - 1), LAST_DAY, as_of=LAST_DAY)
    some = ["created", "on_time_estimate", "transit_p50", "transit_p90", "exception_rate"]
    asked = {
        "overview": (list(KPIS), ""),
        "couriers": (some, "courier"),
        "weeks": (some, "week"),
        "lanes": (some, "lane"),
    }
    keys, by = asked[page]
    return measure(filters, keys, by=by)


def ask_naively(weeks: int) -> object:
    from django.db import connection

    from tests.benchmarks.figures_seed import LAST_DAY

    with connection.cursor() as cursor:
        cursor.execute(NAIVE, [LAST_DAY - timedelta(days=weeks * 7 - 1), LAST_DAY])
        return cursor.fetchall()


def change() -> str:
    """Rows of sums that one change of a parcel moves, and how long it takes."""
    from django.db import transaction

    from analytics.counted import Sums
    from analytics.models import ParcelFact
    from analytics.refresh import lock
    from analytics.roll_ups import add

    before, after = ParcelFact.objects.order_by("-pk").values_list("counted", flat=True)[:2]
    rows, seconds = [], []
    for texts in ((before, after), (after, before)) * 10:
        started_at = time.perf_counter()
        with transaction.atomic():
            lock()
            sums = Sums()
            sums.add(texts[0], -1)
            sums.add(texts[1])
            rows.append(add(sums))
        seconds.append(time.perf_counter() - started_at)
    return f"  one change             {max(rows)} rows of sums at the most, {median(seconds) * 1000:.1f} ms"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.delivery_figures")
    parser.add_argument("--parcels", type=int, default=5_000_000)
    options = parser.parse_args(arguments)
    from tests.benchmarks.__main__ import ENVIRONMENT, machine

    with Postgres(tcp=True, settings=("shared_buffers=256MB", "max_wal_size=4GB")) as postgres:
        os.environ.update(ENVIRONMENT | {"DATABASE_URL": postgres.url})
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)

        def restart() -> None:
            assert postgres.server is not None
            postgres.server.send_signal(signal.SIGINT)
            postgres.server.wait(60)
            postgres.launch()

        lines = run(parcels=options.parcels, restart=restart)
    heading("Summary")
    print("\n".join([machine(), *lines]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
