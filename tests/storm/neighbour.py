"""``python -m tests.storm.neighbour``: what a project that is down costs another one, in time.

Two projects have the same news, on the real programs. Round by round one of them is well, refuses every connection, or
takes connections and never answers (each call then lasts until its timeout). Measured is the other one: how long its
events wait for their write, by the sandbox's journal. Twice per round: all news at once, and a steady trickle.

``tests/end_to_end/test_fairness.py`` has the short form, which counts claims. Times depend on the machine and on who
else uses it: read the ratios. Exit status 1 if an event was not written at all.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median

from tests.storm import oracle
from tests.storm.carriers import Carriers, Webhook
from tests.storm.generator import Order, Parcel, Shipment, World
from tests.storm.outage import is_idle, track_all
from tests.storm.processes import Site
from tests.storm.report import shares
from tests.storm.sender import Sender

SOUND, BROKEN = "demo", "shop-1"
STATES = ("is well", "refuses", "hangs")
UNREACHABLE = "http://127.0.0.1:1"
PATIENCE_SECONDS = 300.0


@dataclass
class Kind:
    """``orders`` of each project, one webhook for each, so many a second."""

    name: str
    orders: int
    rate: float


KINDS = (Kind("all at once", 200, 100_000), Kind("steady, 10 a second each", 300, 20))


class NotWrittenError(Exception):
    """An event of the sound project was never written."""


@contextmanager
def black_hole() -> Iterator[str]:
    """The address of a host that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def make_world(seed: int, orders: int) -> World:
    """So many orders of one parcel for each of the two projects."""
    world = World(seed, {SOUND: "main", BROKEN: "account-1"})
    for n in range(2 * orders):
        parcel = Parcel(
            f"{n:08d}-0000-4000-8000-000000000000", [Shipment(f"00340{n:015d}", "DHL", [])], False, False, {}
        )
        project = (SOUND, BROKEN)[n % 2]
        world.orders.append(Order(f"{n:08d}-0000-4000-9000-000000000000", project, f"S-{n}", {"line-0": 1}, [parcel]))
    return world


class Rounds:
    """Plays one round after the other, each with news that no round before had."""

    def __init__(self, site: Site, carriers: Carriers, sender: Sender, hole: str) -> None:
        self.site, self.carriers, self.sender = site, carriers, sender
        self.addresses = {"is well": site.sandbox_url, "refuses": UNREACHABLE, "hangs": hole}
        self.number = 0

    def play(self, kind: Kind, state: str) -> list[float]:
        """One round; the sorted waits of the sound project's events in seconds."""
        news = self.news(kind)
        self.site.inside.ask("move", BROKEN, self.addresses[state])
        since, sent_at = len(self.site.sandbox.journal()), {}
        next_at = time.monotonic()
        for order, webhook in news:
            sent_at[order.id] = datetime.now(UTC)
            self.sender.send(webhook)
            next_at += 1 / kind.rate
            time.sleep(max(0.0, next_at - time.monotonic()))
        sound = {order.id for order, _ in news if order.project == SOUND}
        written = self.wait_for_writes(sound, since)
        self.site.inside.ask("move", BROKEN, self.addresses["is well"])
        while not is_idle(self.site):
            time.sleep(0.5)
        return sorted((written[one] - sent_at[one]).total_seconds() for one in sound)

    def news(self, kind: Kind) -> list[tuple[Order, Webhook]]:
        """One scan of each parcel; the webhooks of it, shuffled."""
        self.number += 1
        world, found = self.carriers.world, []
        for order in world.orders[: 2 * kind.orders]:
            account = world.accounts[order.project]
            tracking_id = self.carriers.ids[account, order.parcels[0].shipments[0].number]
            subtag = ("InTransit_003", "InTransit_004")[self.number % 2]
            at = world.base.replace(year=world.base.year + self.number).isoformat()
            document = self.site.sandbox.scan(
                account, tracking_id, "InTransit", subtag, webhook=False, updated_at=at, checkpoint_time=at
            )["tracking"]
            found.append((order, self.carriers.webhook(account, document)))
        self.carriers.chance.shuffle(found)
        return found

    def wait_for_writes(self, orders: set[str], since: int) -> dict[str, datetime]:
        """When each of these orders was first written."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends_at:
            written: dict[str, datetime] = {}
            for one in self.site.sandbox.journal("commercetools", since):
                if oracle.is_write(one):
                    written.setdefault(one["subject"], datetime.fromisoformat(one["at"]))
            if orders <= written.keys():
                return written
            time.sleep(0.5)
        raise NotWrittenError(f"{len(orders - written.keys())} events were not written after {PATIENCE_SECONDS:.0f} s")


def run(seed: int, rounds: int, clusters: int, logs: Path) -> list[str]:
    """All rounds, the states taking turns; the lines of the summary."""
    world = make_world(seed, max(kind.orders for kind in KINDS))
    waits: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    with black_hole() as hole, Site(world, logs, clusters=clusters, sqlite=False, quick=False) as site:
        carriers, sender = Carriers(world, site.sandbox, random.Random(seed)), Sender(site.web_url)
        try:
            track_all(site, carriers, print)
            played = Rounds(site, carriers, sender, hole)
            for _ in range(rounds):
                for kind in KINDS:
                    for state in STATES:
                        waits[kind.name, state].append(played.play(kind, state))
                        print(f"{kind.name}, neighbour {state}: {shares(waits[kind.name, state][-1])}", flush=True)
        finally:
            sender.close()
    return [line for kind in KINDS for line in summary(kind, waits)]


def summary(kind: Kind, waits: dict[tuple[str, str], list[list[float]]]) -> list[str]:
    """Per state: the middle round's last write and mean wait, each against the same when the neighbour is well."""
    lines = [f"{kind.name}: {kind.orders} events of each project"]
    lasts, means = ({state: median(map(of, waits[kind.name, state])) for state in STATES} for of in (max, mean))
    for state in STATES:
        last, middle = lasts[state] / lasts[STATES[0]], means[state] / means[STATES[0]]
        together = sorted(wait for one in waits[kind.name, state] for wait in one)
        lines.append(
            f"  neighbour {state:<8}  last write after {lasts[state]:5.1f} s (x {last:.2f}), mean wait "
            f"{means[state]:5.2f} s (x {middle:.2f}), p50 / p99 / longest {shares(together)}"
        )
    return lines


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm.neighbour")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clusters", type=int, default=2)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # and everything that was started ends
    logs = Path(tempfile.mkdtemp(prefix="neighbour"))
    print(f"logs: {logs}")
    try:
        lines = run(options.seed, options.rounds, options.clusters, logs)
    except NotWrittenError as error:
        print(f"WRONG: {error}")
        return 1
    print("\n".join(["", *lines, f"load average {os.getloadavg()[2]:.1f} over the last quarter of an hour"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
