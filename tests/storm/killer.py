"""Ends what runs, without warning, at random moments: web processes, queue workers, whole clusters, PostgreSQL."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from tests.storm.processes import Site, children, family, kill

DATABASE_DOWN_SECONDS = 0.7


class Killer:
    """``plan`` says how many of each kind; ``strike`` kills what is due by now. What is dead is started again by the
    site's own means: gunicorn, django-q2's sentinel, our watchdog, and the supervisor for programs as a whole.
    """

    def __init__(self, site: Site, plan: dict[str, int], chance: random.Random) -> None:
        self.site, self.chance = site, chance
        kinds = [kind for kind, times in plan.items() for _ in range(times)]
        chance.shuffle(kinds)
        gap = 0.9 / max(len(kinds), 1)
        self.due = [(0.05 + gap * (n + chance.random()), kind) for n, kind in enumerate(kinds)]
        self.done: Counter[str] = Counter()
        self.last_at = time.monotonic()

    def strike(self, progress: float) -> list[str]:
        """Kill what falls due at this progress of the load (0 to 1); says whom."""
        struck = []
        while self.due and self.due[0][0] <= progress:
            _, kind = self.due.pop(0)
            struck.append(KINDS[kind](self.site, self.chance))
            self.done[kind] += 1
            self.last_at = time.monotonic()
        if self.site.supervise():
            self.last_at = time.monotonic()
        return struck


def kill_web(site: Site, chance: random.Random) -> str:
    """One of gunicorn's processes; once in a while gunicorn itself, with all of them."""
    master = site.web.process.pid
    if chance.random() < 0.15:
        kill(master, *family(master))
        return "gunicorn, all of it"
    workers = children(master)
    kill(chance.choice(workers or [master]))
    return "a web process"


def kill_worker(site: Site, chance: random.Random) -> str:
    """Something of a cluster: one process of its pool, its sentinel, its main process, or the whole group."""
    watchdog = chance.choice(site.workers).process.pid
    main = next(iter(children(watchdog)), None)
    sentinel = next(iter(children(main)), None) if main else None
    if main is None or sentinel is None:
        return "nobody, the cluster was down already"
    dice = chance.random()
    if dice < 0.65 and (pool := children(sentinel)):
        kill(chance.choice(pool))
        return "a process of a cluster's pool"
    if dice < 0.75:
        kill(sentinel)
        return "a sentinel"
    if dice < 0.85:
        kill(main)
        return "a cluster's main process"
    if dice < 0.93:
        kill(main, *family(main))
        return "a whole cluster"
    kill(watchdog, main, *family(main))
    return "a watchdog with its cluster"


def kill_database(site: Site, chance: random.Random) -> str:
    assert site.postgres is not None
    site.postgres.crash()
    time.sleep(DATABASE_DOWN_SECONDS)
    site.postgres.launch()
    return "PostgreSQL"


KINDS: dict[str, Callable[[Site, random.Random], str]] = {
    "web": kill_web,
    "worker": kill_worker,
    "database": kill_database,
}
