"""What something costs on a machine that others use too: the wall clock, and how much of it was standing in line.

    costs = cost_of(ask)      wall   what a person waits
                              alone  without the time that we and our database session stood in line for a processor
                              ours   processor time of this process       theirs   … of the database session

Linux counts both for every process in nanoseconds (``/proc/<pid>/schedstat``). Elsewhere ``alone`` is the wall clock.
Helpers that PostgreSQL starts for one query are not looked at: what they stood in line is part of ``alone``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from django.db import connection


@dataclass(frozen=True)
class Cost:
    """Milliseconds."""

    wall: float
    alone: float
    ours: float
    theirs: float


def cost_of(ask: Callable[[], object], *, is_fresh: bool = False) -> Cost:
    """Do it once. ``is_fresh``: it opens a connection of its own, so all that its session did belongs to it."""
    ran, stood = spent(os.getpid())
    before = (0.0, 0.0) if is_fresh else spent(session())
    started_at = time.perf_counter()
    ask()
    wall = (time.perf_counter() - started_at) * 1000
    ran_now, stood_now = spent(os.getpid())
    after = spent(session())
    waited = stood_now - stood + after[1] - before[1]
    return Cost(wall, max(wall - waited, 0), ran_now - ran, after[0] - before[0])


def session() -> int:
    """The process of our database session."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def spent(pid: int) -> tuple[float, float]:
    """Milliseconds that a process ran, and stood in line for a processor."""
    try:
        with open(f"/proc/{pid}/schedstat") as file:
            ran, stood, _ = file.read().split()
    except OSError:
        return time.process_time() * 1000 if pid == os.getpid() else 0.0, 0.0
    return int(ran) / 1e6, int(stood) / 1e6


def middle(costs: Sequence[Cost]) -> Cost:
    """The median of each."""
    return Cost(*(median(getattr(one, name) for one in costs) for name in ("wall", "alone", "ours", "theirs")))


def high(costs: Sequence[Cost]) -> float:
    """The 95th percentile of the wall clock."""
    walls = [one.wall for one in costs]
    return quantiles(walls, n=20)[-1] if len(walls) > 1 else walls[0]
