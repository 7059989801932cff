"""How fast the door is: signed webhooks of 8 to 9 KB into gunicorn, against a bare 200 and against a bare INSERT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connection

from stores.models import AfterShipAccount
from tests.benchmarks import raw_insert
from tests.benchmarks.figures import Rates, interleave
from tests.benchmarks.processes import crew, gunicorn, measured
from tests.benchmarks.progress import heading
from tracking.models import Receipt

SECRET = "webhook-secret-of-bench"
CONNECTIONS = 16  # from the sender; gunicorn works on eight requests at once
WORKERS, THREADS = 2, 4  # of config/gunicorn.py: the bare INSERT gets as many connections to the database
BARE, INSERT, OURS = "bare 200", "bare INSERT", "webhook endpoint"


@dataclass
class Door:
    """One web server under load: sends, counts, and keeps how long its answers took."""

    url: str
    count: int
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)

    def run(self) -> float:
        """One round; raises where any answer is not 200."""
        options = ["--secret", SECRET, "--count", self.count, "--connections", CONNECTIONS]
        said = measured("tests.benchmarks.load", self.url, *options)
        if said["statuses"] != {"200": self.count}:
            raise RuntimeError(f"not everything was answered 200: {said['statuses']}")
        self.p50_ms.append(said["p50_ms"])
        self.p99_ms.append(said["p99_ms"])
        return self.count / said["seconds"]

    def waits(self) -> str:
        return f"p50 {min(self.p50_ms):.1f} ms, p99 {min(self.p99_ms):.1f} ms"


def run(*, rounds: int, count: int) -> list[str]:
    """Measure; the lines of the summary. Raises RuntimeError where an answered webhook was not stored."""
    heading(f"Ingest: {CONNECTIONS} connections, signed bodies of 8 to 9 KB, every one new")
    AfterShipAccount.objects.create(key="bench", webhook_secret=SECRET, api_key="none")
    with connection.cursor() as cursor:
        cursor.execute(raw_insert.TABLE)
    with gunicorn("tests.benchmarks.bare:application") as bare_url, gunicorn("config.wsgi:application") as url:
        bare = Door(f"{bare_url}/webhooks/aftership/bench/", count * 2)
        ours = Door(f"{url}/webhooks/aftership/bench/", count)
        contestants: dict[str, Callable[[], float]] = {
            BARE: bare.run,
            INSERT: lambda: insert_rate(count),
            OURS: ours.run,
        }
        Door(ours.url, 200).run()
        rates = interleave(rounds, contestants)
    stored = Receipt.objects.count()
    if stored != count * rounds + 200:
        raise RuntimeError(f"{count * rounds + 200} webhooks were answered 200, {stored} are stored")
    return summary(rates, bare, ours)


def insert_rate(count: int) -> float:
    """Rows per second of bare INSERTs, one commit each, over as many connections as gunicorn has."""
    seconds = crew(WORKERS, "tests.benchmarks.raw_insert", "--count", count // WORKERS, "--connections", THREADS)
    return count // WORKERS * WORKERS / seconds


def summary(rates: dict[str, Rates], bare: Door, ours: Door) -> list[str]:
    return [
        f"webhooks taken in          {rates[OURS]}, {ours.waits()}",
        f"  share of a bare 200      {rates[OURS].share_of(rates[BARE])}   of {rates[BARE]}, {bare.waits()}",
        f"  share of a bare INSERT   {rates[OURS].share_of(rates[INSERT])}   of {rates[INSERT]}",
    ]
