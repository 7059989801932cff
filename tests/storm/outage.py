"""``python -m tests.storm.outage``: commercetools is down for the whole time while 100,000 webhooks arrive.

The real programs, the storm's world and judges; nobody is killed. Everything is scanned beforehand, so that the machine
is left to those who are measured:

    orders placed, all tracked ─> some webhooks while all is well ─> down ─> all the others ─> up again ─> drained
                                                                                 fresh events all through ─┘

What must hold: every webhook answered 200 as quickly as before; no process grows; afterwards one write for each order
that had news, and none for the others; fresh events do not wait for the backlog. ``tests/end_to_end/test_fairness.py``
has the short form, counted and not timed. Exit status 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.storm import oracle
from tests.storm.carriers import Carriers, Webhook
from tests.storm.generator import Order, Shipment, World, make_world
from tests.storm.processes import Program, Site, family
from tests.storm.report import Report, shares
from tests.storm.sender import Sender
from tests.storm.storm import receipts_of

PATIENCE_SECONDS = 1800.0
NEWS_PER_SCAN = 1.25
BEFORE = 0.05  # of the webhooks, while all is well
PROBES, PROBE_EVERY_SECONDS = 120, 2.0
QUIET_PROBES = 20  # of these, sent when nothing else is left to do
SAMPLE_SECONDS = 2.0
LONGEST_PROBE_SECONDS = 10.0
MOST_GROWTH, MOST_SLOWER = 1.25, 2.0
MEBIBYTE = 2**20

Note = Callable[[str], None]


@dataclass
class Plan:
    """``rate``: webhooks a second."""

    seed: int
    webhooks: int
    rate: float
    clusters: int = 2
    sqlite: bool = False


@dataclass
class Probe:
    """An order with a single parcel that has no news until it is sent, and when that was acknowledged."""

    order: Order
    shipment: Shipment
    sent_at: datetime | None = None


@dataclass
class Memory:
    """Resident bytes of each program with all its processes, every few seconds. A context manager: while inside."""

    programs: list[Program]
    samples: list[tuple[float, dict[str, int]]] = field(default_factory=list)

    def __enter__(self) -> Memory:
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.is_over.set()
        self.thread.join()

    def watch(self) -> None:
        while not self.is_over.wait(SAMPLE_SECONDS):
            now = {one.name: sum(map(resident, [one.process.pid, *family(one.process.pid)])) for one in self.programs}
            self.samples.append((time.monotonic(), now))

    def thirds(self, name: str, since: float, until: float) -> list[int]:
        """The middle sample of each third of that time."""
        seen = [sample[name] for at, sample in self.samples if since <= at <= until]
        size = max(len(seen) // 3, 1)
        return [sorted(part)[len(part) // 2] for n in range(3) if (part := seen[n * size : (n + 1) * size])]

    def most(self, name: str) -> int:
        return max((sample[name] for _, sample in self.samples), default=0)


def resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def run(plan: Plan, logs: Path, note: Note) -> Report:
    """The whole outage; progress goes to ``note``, the programs' logs to ``logs``."""
    chance = random.Random(plan.seed)
    world = make_world(plan.seed, int(plan.webhooks / NEWS_PER_SCAN * (1 + BEFORE)), with_changes=False)
    report = Report(plan.seed, "SQLite" if plan.sqlite else "PostgreSQL", plan.clusters, title="Outage")
    report.count("orders", len(world.orders))
    with Site(world, logs, clusters=plan.clusters, sqlite=plan.sqlite, quick=False) as site:
        note(f"up: {report.where}, seed {plan.seed}, {len(world.orders)} orders, {world.scans()} scans")
        carriers, sender = Carriers(world, site.sandbox, chance), Sender(site.web_url)
        try:
            track_all(site, carriers, note)
            probes = choose_probes(carriers)
            news = make_news(carriers, note)
            with Memory(site.programs) as memory:
                since = down(plan, site, sender, news, memory, report, note)
                drain(site, carriers, sender, probes, report, note)
            for program in site.programs:
                report.say(f"most resident memory, {program.name}", mebibytes(memory.most(program.name)))
            judge(site, carriers, sender, probes, since, report, note)
        finally:
            sender.close()
        report.count("programs started again", sum(program.restarts for program in site.programs))
    return report


def track_all(site: Site, carriers: Carriers, note: Note) -> None:
    """Place all orders and wait until AfterShip tracks every parcel, and nothing is left to do."""
    site.inside.ask("lift_rates")
    site.sandbox.set_dials(aftership={"rate_limit": False})
    for order in carriers.world.orders:
        carriers.place(order)
    note("all orders are placed")
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not is_idle(site):
        note(f"tracking: {site.inside.ask('status')}")
        if time.monotonic() > ends_at:
            raise RuntimeError(f"the orders are not all tracked: {site.inside.ask('why')}")
        time.sleep(5)
    carriers.look()
    if carriers.expected:
        raise RuntimeError(f"{len(carriers.expected)} parcels never got a tracking; {site.inside.ask('why')}")
    note("all parcels are tracked")


def is_idle(site: Site) -> bool:
    """Whether no news is left. Polls are not waited for: this world's times lie ahead, so each would read all of it."""
    status = site.inside.ask("status")
    return bool(status["receipts"] == status["live"] == 0 and site.sandbox.idle()["idle"])


def choose_probes(carriers: Carriers) -> list[Probe]:
    """Orders of a single parcel whose carrier has not scanned it yet; taken out of what is scanned beforehand."""
    owners = Counter(shipment for order in carriers.world.orders for one in order.parcels for shipment in one.shipments)
    alone = [one for one in carriers.world.orders if len(one.parcels) == 1 and not one.parcels[0].is_return]
    probes = [Probe(order, order.parcels[0].shipments[0]) for order in alone]
    probes = [one for one in probes if one.shipment.scans and owners[one.shipment] == 1]
    chosen = probes[: min(PROBES, len(carriers.world.orders) // 10)]
    for probe in chosen:
        carriers.active.remove(probe.shipment)
    return chosen


def make_news(carriers: Carriers, note: Note) -> list[Webhook]:
    """Scan everything to its end; all webhooks of it, shuffled."""
    while carriers.active:
        carriers.scan(carriers.chance.choice(carriers.active))
    carriers.chance.shuffle(carriers.pool)
    note(f"{len(carriers.pool)} webhooks are ready")
    return list(carriers.pool)


def down(
    plan: Plan, site: Site, sender: Sender, news: list[Webhook], memory: Memory, report: Report, note: Note
) -> int:
    """Some webhooks while all is well, the others while commercetools is down; the journal's length when it is up."""
    well = int(len(news) * BEFORE)
    play(plan, sender, news[:well], note)
    before, refusals = sorted(sender.latencies), refused(sender)
    site.sandbox.set_dials(commercetools={"down": True})
    started_at = time.monotonic()
    note("commercetools is down")
    play(plan, sender, news[well:], note)
    ended_at = time.monotonic()
    during = sorted(sender.latencies[well:])
    status, shown = site.inside.ask("status"), site.inside.ask("shown_as_down")
    report.count("webhooks during the outage, all answered 200", len(during))
    report.say("taken in", f"{len(during) / (ended_at - started_at):.0f} a second, {ended_at - started_at:.0f} s")
    report.count("other answers", refused(sender) - refusals)
    report.say("answers before: p50 / p99 / longest", shares(before))
    report.say("answers during: p50 / p99 / longest", shares(during))
    report.say("left to do at its end", f"{status['receipts']:,} receipts, {status['live']:,} jobs")
    if refused(sender) > refusals:
        report.wrong.append(f"not everything was answered 200: {sender.refusals}")
    if during[int(len(during) * 0.99)] > MOST_SLOWER * before[int(len(before) * 0.99)]:
        report.wrong.append("answers took longer than before the outage")
    if shown != sorted(f"commercetools:{project}" for project in site.world.accounts):
        report.wrong.append(f"the console shows as down: {shown}")
    for program in site.programs:
        thirds = memory.thirds(program.name, started_at, ended_at)
        report.say(f"resident memory of {program.name}, by thirds", " / ".join(map(mebibytes, thirds)))
        if thirds[-1] > MOST_GROWTH * thirds[0]:
            report.wrong.append(f"{program.name} grew from {mebibytes(thirds[0])} to {mebibytes(thirds[-1])}")
    since = len(site.sandbox.journal())
    site.sandbox.set_dials(commercetools={"down": False})
    note("commercetools is up")
    return since


def refused(sender: Sender) -> int:
    """Webhooks that were not answered 200. A kept connection that gunicorn had closed in a pause took none of them."""
    return sum(number for outcome, number in sender.refusals.items() if outcome != "BrokenPipeError")


def play(plan: Plan, sender: Sender, news: list[Webhook], note: Note) -> None:
    """Send at a steady rate; later than that where answers come slower. Returns when all are answered 200."""
    next_at, said_at = time.monotonic(), 0.0
    for webhook in news:
        sender.send(webhook)
        if time.monotonic() - said_at > 20:
            note(f"{len(sender.acknowledged)} acknowledged")
            said_at = time.monotonic()
        next_at = max(next_at + 1 / plan.rate, time.monotonic() - 1)
        time.sleep(max(0.0, next_at - time.monotonic()))
        while sender.open > 200:
            time.sleep(0.05)
    sender.wait(PATIENCE_SECONDS)


def drain(site: Site, carriers: Carriers, sender: Sender, probes: list[Probe], report: Report, note: Note) -> None:
    """Until nothing is left to do, with a fresh event every other second; the others of these in the quiet after."""
    started_at, waiting, quiet = time.monotonic(), list(probes), min(QUIET_PROBES, len(probes) // 3)
    next_at = said_at = started_at
    while time.monotonic() < started_at + PATIENCE_SECONDS and not is_idle(site):
        if len(waiting) > quiet and time.monotonic() > next_at:
            send_probe(carriers, sender, waiting.pop(0))
            next_at += PROBE_EVERY_SECONDS
        if time.monotonic() - said_at > 10:
            note(f"draining: {site.inside.ask('status')}")
            said_at = time.monotonic()
        time.sleep(0.2)
    report.drained.append(time.monotonic() - started_at)
    report.count("fresh events while it drained", len(probes) - len(waiting))
    note("drained")
    for probe in waiting:
        send_probe(carriers, sender, probe)
        while not is_idle(site):
            time.sleep(0.2)


def send_probe(carriers: Carriers, sender: Sender, probe: Probe) -> None:
    """The parcel is scanned to its end, and the last news of it is sent; the others came to nobody."""
    carriers.active.append(probe.shipment)
    while probe.shipment in carriers.active:
        carriers.scan(probe.shipment)
    sender.send(carriers.pool.pop())
    sender.wait(PATIENCE_SECONDS)
    probe.sent_at = datetime.now(UTC)


def judge(
    site: Site, carriers: Carriers, sender: Sender, probes: list[Probe], since: int, report: Report, note: Note
) -> None:
    """The storm's judges on all of it; and of the time since commercetools was up, writes by order, and waits."""
    world: World = carriers.world
    orders = {one["id"]: one for project in world.accounts for one in site.sandbox.orders(project)}
    journal = site.sandbox.journal()
    states, doubles = oracle.wrong_states(world, orders), oracle.double_writes(journal)
    report.wrong += states + doubles + oracle.wrong_trackings(world, journal)
    receipts = receipts_of(site, sender)
    report.count("acknowledged events lost", receipts.get("lost", 0))
    report.count("acknowledged events done", receipts.get("done", 0))
    if set(receipts) != {"done"}:
        report.wrong.append(f"acknowledged events that were lost or have no end: {receipts}")
    if dead := site.inside.ask("status")["dead"]:
        report.wrong.append(f"{dead} dead letters: {site.inside.ask('why')}")
    report.count("wrong values at the end", len(states))
    report.count("duplicate writes", len(doubles))
    late = site.sandbox.journal("commercetools", since)
    writes = [one for one in late if oracle.is_write(one)]
    report.count("other calls to commercetools afterwards", len(late) - len(writes))
    judge_writes(writes, probes, report)
    judge_probes(writes, probes, report)
    note(f"judged: {len(report.wrong)} wrong")


def judge_writes(writes: list[dict[str, Any]], probes: list[Probe], report: Report) -> None:
    """One write for each order that had news, whatever the news."""
    fresh = {probe.order.id for probe in probes}
    by_order = Counter(one["subject"] for one in writes if one["subject"] not in fresh)
    report.count("orders written afterwards", len(by_order))
    times = sorted(Counter(by_order.values()).items())
    report.say("writes per order", ", ".join(f"{n} x {orders:,}" for n, orders in times))
    if more := [order for order, n in by_order.items() if n > 1]:
        report.wrong.append(f"{len(more)} orders were written more than once, the first: {more[0]}")


def judge_probes(writes: list[dict[str, Any]], probes: list[Probe], report: Report) -> None:
    """How long fresh events took to their write, among the backlog and without one.

    Counted from when their project was noticed to be up: until then its pause, of a minute at most, holds all of it.
    """
    written = {one["subject"]: datetime.fromisoformat(one["at"]) for one in reversed(writes)}
    up = {one["project"]: datetime.fromisoformat(one["at"]) for one in reversed(writes)}
    sent = [(max(one.sent_at, up[one.order.project]), one.order.id) for one in probes if one.sent_at]
    waits = [(written[order] - since).total_seconds() for since, order in sent]
    busy = report.counts["fresh events while it drained"]
    for name, some in (("while it drained", waits[:busy]), ("in the quiet after", waits[busy:])):
        report.say(f"fresh event to write, {name}", shares(sorted(some)))
    if late := [wait for wait in waits if wait > LONGEST_PROBE_SECONDS]:
        report.wrong.append(f"{len(late)} fresh events waited longer than {LONGEST_PROBE_SECONDS:.0f} s: {late}")


def mebibytes(number: int) -> str:
    return f"{number / MEBIBYTE:.0f} MiB"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm.outage")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--webhooks", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=250, help="webhooks a second")
    parser.add_argument("--clusters", type=int, default=2)
    parser.add_argument("--sqlite", action="store_true", help="on SQLite, with one cluster")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # and everything that was started ends
    clusters = 1 if options.sqlite else options.clusters
    plan = Plan(options.seed, options.webhooks, options.rate, clusters, options.sqlite)
    logs = Path(tempfile.mkdtemp(prefix="outage"))
    started_at = time.monotonic()

    def note(words: str) -> None:
        print(f"{time.monotonic() - started_at:7.1f} s  {words}", flush=True)

    note(f"logs: {logs}")
    report = run(plan, logs, note)
    print("\n".join(["", *report.lines(), f"  load average {os.getloadavg()[2]:.1f} over the last quarter of an hour"]))
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
