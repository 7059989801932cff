"""What every page of figures costs, against counting the parcels themselves once; what one change costs.

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

from tests.benchmarks.processor import Cost, cost_of, middle
from tests.benchmarks.progress import heading, note
from tests.postgres import Postgres

ASKED, NAIVELY_ASKED = 5, 3
MOST_MS = 500
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
        naive = timed(lambda weeks=weeks: ask_naively(weeks), restart, NAIVELY_ASKED)
        lines.append(f"  {weeks} weeks: the naive query takes {naive.wall:,.0f} ms, {naive.alone:,.0f} alone")
        note(lines[-1])
        for name, ask in asked(weeks).items():
            ours = timed(ask, restart)
            verdict = "" if ours.wall < MOST_MS else f"  OVER {MOST_MS} ms"
            lines.append(
                f"  {name:<28} {weeks} weeks  {ours.wall:5,.0f} ms, {naive.wall / ours.wall:5.1f}x faster;"
                f" {ours.alone:,.0f} alone: {ours.ours:,.0f} ours, {ours.theirs:,.0f} the database{verdict}"
            )
            note(lines[-1])
    return lines


def asked(weeks: int) -> dict[str, Callable[[], None]]:
    """Every page through all of Django, with filters and compared as well; the list behind a figure; the CSV."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    from analytics.pages import PAGES
    from tests.benchmarks.figures_seed import LAST_DAY

    user, _ = User.objects.get_or_create(username="bench", defaults={"is_superuser": True, "is_staff": True})
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    period = {"from": str(LAST_DAY - timedelta(days=weeks * 7 - 1)), "to": str(LAST_DAY)}

    def page(address: str, word: str, **filters: str) -> Callable[[], None]:
        def ask() -> None:
            response = client.get(address, period | filters)
            body = b"".join(response) if response.streaming else response.content
            if response.status_code != 200 or word not in body.decode():
                raise RuntimeError(f"{address} {filters} answered {response.status_code}, or without '{word}'")

        return ask

    overview = reverse("figures", args=["overview"])
    found = {slug: page(reverse("figures", args=[slug]), "</main>") for slug in PAGES}
    created = [reverse("figure-parcels", args=[key, "numerator"]) for key in ("created", "lost_rate")]
    return found | {
        "overview, compared": page(overview, "</main>", compare="previous"),
        "overview of a store": page(overview, "</main>", store="2"),
        "overview of DPD to Austria": page(overview, "</main>", courier="dpd", country="AT"),
        "overview, by first scan": page(overview, "</main>", cohort="scan"),
        "couriers of a store": page(reverse("figures", args=["couriers"]), "</main>", store="1"),
        "CSV of all, by courier": page(reverse("figures-csv"), "dpd", by="courier"),
        "parcels behind: created": page(created[0], "</table>"),
        "parcels behind: lost": page(created[1], "</table>"),
    }


def timed(work: Callable[[], object], restart: Callable[[], None], times: int = ASKED) -> Cost:
    """The median of some cold runs: each on a fresh connection to a server that has read nothing yet."""
    from django.db import connection

    costs = []
    for _ in range(times):
        connection.close()
        restart()
        costs.append(cost_of(work, is_fresh=True))
    return middle(costs)


def ask_naively(weeks: int) -> object:
    from django.db import connection

    from tests.benchmarks.figures_seed import LAST_DAY

    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")  # it may take longer than a page is allowed to
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
