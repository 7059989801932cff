"""Jobs that gave up: grouped by their cause, looked at before they are requeued, and requeued with a reason.

    groups ─> preview(selection) ─> the cause is mended ─> requeue(selection, actor, reason) ─> due at once

Nothing is deleted: a requeued job keeps its wishes and its last error until it works, and then its problem closes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, QuerySet

from config.redaction import redact_text
from tracking.models import Job
from tracking.services import jobs
from tracking.services.connections import closed_upstreams
from tracking.services.scope import visible
from tracking.services.story import tell

MOST_SHOWN = 50


@dataclass(frozen=True)
class Cause:
    """What dead letters of one group have in common."""

    kind: str
    code: str
    upstream: str


@dataclass(frozen=True)
class Group:
    """Dead letters of one cause. ``sample`` is the one that gave up last of all that were made."""

    cause: Cause
    number: int
    oldest_at: datetime
    sample: Job


@dataclass(frozen=True)
class Selection:
    """Which dead letters are meant: those that fit all that is given here; all of them where nothing is.

    ``viewer`` is whose selection it is: it holds only what they may see.
    """

    job: int | None = None
    kind: str | None = None
    code: str | None = None
    upstreams: tuple[str, ...] = ()
    viewer: Any = None

    def rows(self) -> QuerySet[Job]:
        dead = Job.objects.filter(dead_at__isnull=False)
        for column, wanted in {"pk": self.job, "kind": self.kind, "last_error_code": self.code}.items():
            dead = dead.filter(**{column: wanted}) if wanted is not None else dead
        return visible(self.viewer, dead.filter(upstream__in=self.upstreams) if self.upstreams else dead)


ALL = Selection()


@dataclass(frozen=True)
class Part:
    """What requeueing would start, per kind of job and connection. ``is_held_back``: not before the pause is over."""

    kind: str
    upstream: str
    number: int
    is_held_back: bool


@dataclass(frozen=True)
class Preview:
    """What requeueing a selection would do. ``shown``: the first MOST_SHOWN of ``number``, longest dead first."""

    number: int
    parts: Sequence[Part]
    shown: Sequence[Job]


def groups(selection: Selection = ALL) -> list[Group]:
    """By cause, the largest first. Two queries."""
    rows = selection.rows().order_by().values("kind", "last_error_code", "upstream")
    found = rows.annotate(n=Count("pk"), oldest=Min("dead_at"), newest=Max("pk")).order_by("-n", "oldest")
    samples = Job.objects.in_bulk([row["newest"] for row in found])
    return [
        Group(
            cause=Cause(row["kind"], row["last_error_code"], row["upstream"]),
            number=row["n"],
            oldest_at=row["oldest"],
            sample=samples[row["newest"]],
        )
        for row in found
        if row["newest"] in samples
    ]


def preview(selection: Selection) -> Preview:
    """What requeueing would start now; changes nothing. Four queries."""
    rows = selection.rows()
    counted = rows.order_by("kind", "upstream").values("kind", "upstream").annotate(n=Count("pk"))
    closed = set(closed_upstreams())
    parts = [Part(row["kind"], row["upstream"], row["n"], row["upstream"] in closed) for row in counted]
    return Preview(sum(part.number for part in parts), parts, list(rows.order_by("dead_at", "pk")[:MOST_SHOWN]))


def requeue(selection: Selection, *, actor: str, reason: str) -> int:
    """Make them due now, with a fresh count of tries, and log who did it and why; returns how many were dead still."""
    number = jobs.requeue(selection.rows())
    tell(
        "dead letters requeued",
        number_of_jobs=number,
        job=selection.job,
        kind=selection.kind or "",
        code=selection.code or "",
        upstream=", ".join(selection.upstreams),
        actor=actor,
        reason=redact_text(reason)[:500],
    )
    return number
