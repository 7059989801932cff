"""Several workers at once: real threads, each with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")


def at_once(*workers: Callable[[], Result]) -> list[Result]:
    """Run all of them at the same moment; their results in order. An error of any of them is raised."""
    start = threading.Barrier(len(workers))

    def run(worker: Callable[[], Result]) -> Result:
        try:
            start.wait(60)
            return worker()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(workers)) as pool:
        return [future.result(timeout=120) for future in [pool.submit(run, worker) for worker in workers]]


def flat(lists: Sequence[Sequence[Result]]) -> list[Result]:
    return [one for each in lists for one in each]
