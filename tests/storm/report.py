"""A page of plain lines."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_LINES = 15


@dataclass
class Report:
    """What a storm showed. ``wrong`` has one line per broken promise; none is a pass."""

    seed: int
    where: str
    clusters: int
    title: str = "Storm"
    counts: dict[str, int] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    drained: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def count(self, name: str, number: int) -> None:
        self.counts[name] = number

    def say(self, name: str, words: str) -> None:
        self.facts[name] = words

    def lines(self) -> list[str]:
        lines = [
            f"{self.title} on {self.where}, {self.clusters} worker cluster{'s' * (self.clusters > 1)}, seed {self.seed}"
        ]
        kills = ", ".join(f"{kind} {times}" for kind, times in sorted(self.kills.items()))
        lines.append(f"  killed                                         {kills or 'nobody'}")
        lines += [f"  {name:<45}  {number:,}" for name, number in self.counts.items()]
        if events := self.counts.get("distinct events acknowledged"):
            updates = self.counts.get("order updates accepted", 0)
            lines.append(f"  {'order updates per event':<45}  {updates / events:.2f}")
        if self.latencies:
            self.say("answer p50 / p99 / longest", shares(self.latencies))
        lines += [f"  {name:<45}  {words}" for name, words in self.facts.items()]
        after = ("the load", "redelivery", "replay")
        lines += [f"  drained after {what:<31}  {s:.1f} s" for what, s in zip(after, self.drained, strict=False)]
        lines += [f"  cluster {n} alone worked after{'':<18}  {s:.1f} s" for n, s in enumerate(self.alone)]
        lines += [f"  WRONG: {line}" for line in self.wrong[:MOST_LINES]]
        if len(self.wrong) > MOST_LINES:
            lines.append(f"  … and {len(self.wrong) - MOST_LINES} more")
        return [*lines, "  0 wrong" if not self.wrong else f"  {len(self.wrong)} WRONG"]


def shares(seconds: list[float]) -> str:
    """Of sorted times: the middle one, the one that 1 % are above, the longest."""
    if not seconds:
        return "none"
    return " / ".join(f"{seconds[int(len(seconds) * share)] * 1000:.0f}" for share in (0.5, 0.99)) + (
        f" / {seconds[-1] * 1000:.0f} ms"
    )
