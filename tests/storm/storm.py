"""One storm, start to end: load with kills and bad weather, drain, judge, everything again, judge, each cluster alone.

make_world ─> Carriers.draw ─> Sender ─> web ─> workers ─> sandbox ─> oracle and judge
                    Killer, weather ──^──────^──────^
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.storm import oracle
from tests.storm.carriers import Carriers
from tests.storm.generator import make_world
from tests.storm.killer import Killer
from tests.storm.processes import Site, children, family, kill
from tests.storm.report import Report
from tests.storm.sender import Sender

DRAIN_SECONDS = 60.0
PATIENCE_SECONDS = 240.0
NEWS_PER_SCAN = 1.2
DROPPED = 0.01


@dataclass
class Plan:
    """What a storm is made of. ``database``: further settings of PostgreSQL, to take its durability away.
    ``drain_seconds``: in which all has to be done after it, on a machine that has nothing else to do.
    """

    seed: int
    webhooks: int
    rate: float
    kills: dict[str, int]
    clusters: int = 2
    sqlite: bool = False
    quick: bool = False
    outage_seconds: float = 8.0
    repeats: int = 3
    database: tuple[str, ...] = ()
    drain_seconds: float = DRAIN_SECONDS


def run(plan: Plan, logs: Path, note: Callable[[str], None]) -> Report:
    """The whole storm; progress goes to ``note``, the programs' logs to ``logs``."""
    chance = random.Random(plan.seed)
    world = make_world(plan.seed, int(plan.webhooks / NEWS_PER_SCAN))
    report = Report(plan.seed, "SQLite" if plan.sqlite else "PostgreSQL", plan.clusters)
    report.count("orders", len(world.orders))
    report.count("tracking numbers", len(world.shipments()))
    with Site(
        world, logs, clusters=plan.clusters, sqlite=plan.sqlite, quick=plan.quick, database=plan.database
    ) as site:
        note(f"up: {report.where}, seed {plan.seed}, {len(world.orders)} orders, {world.scans()} scans")
        site.sandbox.set_dials(
            commercetools={"drop_answer_rate": DROPPED, "fail_rate": DROPPED, "rival_rate": DROPPED},
            aftership={"drop_answer_rate": DROPPED, "fail_rate": DROPPED},
            messages={"duplicate_rate": 0.05, "shuffle_seconds": 1.0},
        )
        carriers, sender = Carriers(world, site.sandbox, chance), Sender(site.web_url)
        try:
            killer = load(plan, site, carriers, sender, note)
            drain(plan, site, sender, killer.last_at, report, note)
            judge(site, carriers, sender, report, note)
            report.kills = dict(killer.done)
            again(plan, site, sender, report, note)
            for number in range(plan.clusters) if plan.clusters > 1 else ():
                alone(site, number, report, note)
        finally:
            sender.close()
        report.count("programs started again", sum(program.restarts for program in site.programs))
    return report


def load(plan: Plan, site: Site, carriers: Carriers, sender: Sender, note: Callable[[str], None]) -> Killer:
    """Send at a steady rate until the world is told to its end; storms and kills come as it goes on."""
    total = carriers.world.scans() * NEWS_PER_SCAN
    killer, weather = Killer(site, plan.kills, carriers.chance), Weather(plan, site, carriers.chance)
    next_at, said_at, dry_since = time.monotonic(), 0.0, time.monotonic()
    while not carriers.is_over:
        webhook = carriers.draw()
        if webhook:
            sender.send(webhook)
            dry_since = time.monotonic()
        elif time.monotonic() - dry_since > PATIENCE_SECONDS:
            raise RuntimeError(f"{len(carriers.expected)} parcels never got a tracking; {site.inside.ask('why')}")
        progress = min(sender.sent / total, 0.99)
        for whom in killer.strike(progress):
            note(f"{progress:4.0%}  killed: {whom}")
        weather.change(progress, note)
        if time.monotonic() - said_at > 5:
            note(f"{progress:4.0%}  {sender.sent} webhooks sent, {len(sender.acknowledged)} acknowledged")
            said_at = time.monotonic()
        next_at = max(next_at + 1 / plan.rate, time.monotonic() - 1)
        time.sleep(max(0.0, next_at - time.monotonic()))
    killer.strike(1.0)
    weather.clear()
    if not sender.wait(PATIENCE_SECONDS):
        note("some webhooks are still not acknowledged")
    return killer


class Weather:
    """Storms of 429, 500 and 502 of each upstream, and an outage: from when, by the progress of the load; how long."""

    def __init__(self, plan: Plan, site: Site, chance: random.Random) -> None:
        self.sandbox = site.sandbox
        seconds = {"429": 1.5, "500": 1.5, "502": 1.5, "down": plan.outage_seconds}
        self.due: list[tuple[float, str, str, float]] = sorted(
            (chance.uniform(0.1, 0.8), upstream, kind, seconds[kind])
            for upstream in ("commercetools", "aftership")
            for kind in seconds
        )
        self.clears_at = {"commercetools": 0.0, "aftership": 0.0}

    def change(self, progress: float, note: Callable[[str], None]) -> None:
        """Begin what is due where the sky is clear, and end what has lasted."""
        for upstream, clears_at in self.clears_at.items():
            if clears_at and time.monotonic() > clears_at:
                self.sandbox.set_dials(**{upstream: {"down": False, "fail": []}})
                self.clears_at[upstream] = 0.0
        for one in [one for one in self.due if one[0] <= progress and not self.clears_at[one[1]]][:1]:
            self.due.remove(one)
            _, upstream, kind, seconds = one
            headers = {"Retry-After": "1"} if kind == "429" else {}
            rule = {"status": 0 if kind == "down" else int(kind), "count": 1_000_000, "headers": headers}
            rule["body"] = "html" if kind == "502" else "json"
            self.sandbox.set_dials(**{upstream: {"down": True} if kind == "down" else {"fail": [rule]}})
            self.clears_at[upstream] = time.monotonic() + seconds
            note(f"{progress:4.0%}  weather: {upstream} {kind} for {seconds:g} s")

    def clear(self) -> None:
        """The sky clears: what is lost and refused at random stays."""
        for upstream in self.clears_at:
            self.sandbox.set_dials(**{upstream: {"down": False, "fail": []}})


def drain(
    plan: Plan, site: Site, sender: Sender, last_kill: float, report: Report, note: Callable[[str], None]
) -> None:
    """Until nothing is left to do; how long that took since the last restart, or since the end of the load."""
    started_at = max(last_kill, time.monotonic())
    status: dict[str, Any] = {}
    while time.monotonic() < started_at + PATIENCE_SECONDS:
        site.supervise()
        status = site.inside.ask("status")
        sends = site.sandbox.idle()
        if status["receipts"] == status["jobs"] == 0 and sends["idle"] and not sender.open:
            break
        note(f"draining: {status['receipts']} receipts, {status['jobs']} jobs")
        time.sleep(1)
    else:
        report.wrong.append(f"not drained after {PATIENCE_SECONDS:.0f} s: {status}, {site.inside.ask('why')}")
    seconds = time.monotonic() - started_at
    report.drained.append(seconds)
    if seconds > plan.drain_seconds:
        report.wrong.append(f"drained after {seconds:.0f} s only")
    if status.get("dead"):
        report.wrong.append(f"{status['dead']} dead letters: {site.inside.ask('why')}")


def judge(site: Site, carriers: Carriers, sender: Sender, report: Report, note: Callable[[str], None]) -> None:
    """The oracle on every parcel and order, the judge on every write, the receipts of all that was acknowledged."""
    orders = {one["id"]: one for project in carriers.world.accounts for one in site.sandbox.orders(project)}
    journal = site.sandbox.journal()
    states = oracle.wrong_states(carriers.world, orders)
    writes = oracle.double_writes(journal)
    report.wrong += states + writes + oracle.wrong_trackings(carriers.world, journal) + carriers.lost_edits()
    receipts = receipts_of(site, sender)
    report.count("webhooks acknowledged", len(sender.acknowledged))
    report.count("distinct events acknowledged", sum(receipts.values()))
    report.count("webhooks refused or unanswered, sent again", sum(sender.refusals.values()))
    report.count("acknowledged events lost", receipts.pop("lost", 0))
    report.count("acknowledged events not done", sum(n for state, n in receipts.items() if state != "done"))
    report.count("wrong values at the end", len(states))
    report.count("order updates accepted", sum(oracle.is_write(one) for one in journal))
    report.count("conflicts", sum(one["status"] == 409 for one in journal))
    report.count("answers dropped", sum(one["answer_dropped"] for one in journal))
    report.count("errors of upstreams", sum(one["status"] >= 429 for one in journal))
    report.count("duplicate writes", len(writes))
    report.count("rival edits checked", len(carriers.weights))
    report.latencies = sorted(sender.latencies)
    if report.counts["acknowledged events lost"] or report.counts["acknowledged events not done"]:
        report.wrong.append(f"acknowledged events that were lost or have no end; with one: {receipts}")
    note(f"judged: {len(report.wrong)} wrong")


def receipts_of(site: Site, sender: Sender) -> dict[str, int]:
    path = site.logs / "acknowledged.txt"
    path.write_text("\n".join({webhook.event_id for webhook in sender.acknowledged}))
    return site.inside.ask("acknowledged", str(path))


def again(plan: Plan, site: Site, sender: Sender, report: Report, note: Callable[[str], None]) -> None:
    """Every acknowledged event some times more, then the whole inbox replayed: nothing may be written."""
    site.sandbox.reset_dials()
    since = len(site.sandbox.journal())
    known = list({webhook.event_id: webhook for webhook in sender.acknowledged}.values())
    note(f"sending {len(known)} events {plan.repeats} times more")
    for webhook in known * plan.repeats:
        sender.send(webhook)
        if sender.open > 1000:
            time.sleep(0.5)
    sender.wait(PATIENCE_SECONDS)
    drain(plan, site, sender, 0, report, note)
    report.count("events redelivered", len(known) * plan.repeats)
    report.count("receipts replayed", site.inside.ask("replay"))
    drain(plan, site, sender, 0, report, note)
    entries = site.sandbox.journal(since=since)
    effects = [one for one in entries if one["effect"]]
    report.count("writes after redelivery and replay", len(effects))
    if effects:
        report.wrong.append(f"{len(effects)} writes after redelivery and replay, the first: {effects[0]}")


def alone(site: Site, number: int, report: Report, note: Callable[[str], None]) -> None:
    """One cluster has to do the work without the others: one that hangs shows now, unless its watchdog mends it."""
    others = [worker for n, worker in enumerate(site.workers) if n != number]
    for worker in others:
        kill(worker.process.pid, *family(worker.process.pid))
        worker.process.wait()
    project = next(iter(site.world.accounts))
    order = next(one for one in site.world.orders if one.project == project)
    started_at = time.monotonic()
    site.inside.ask("touch", project, order.id)
    while site.inside.ask("status")["jobs"] and time.monotonic() < started_at + PATIENCE_SECONDS:
        site.workers[number].supervise()
        time.sleep(0.3)
    seconds = time.monotonic() - started_at
    note(f"cluster {number} alone worked after {seconds:.1f} s")
    if site.inside.ask("status")["jobs"]:
        report.wrong.append(f"cluster {number} hangs: {children(site.workers[number].process.pid)}")
    report.alone.append(seconds)
    for worker in others:
        worker.supervise()
