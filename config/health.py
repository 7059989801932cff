"""Two questions of machines: alive? able to work?

`/healthz` says that the process answers, nothing more: what a load balancer or a restart policy should ask. `/readyz`
says whether work gets done: database, migrations, oldest pending receipt and due job, last sign of a worker, clocks. It
is 503 and names the parts where it does not: what an alarm or a roll-out should ask. All web processes share one
database and its backlog, so taking one out of service for it would only refuse webhooks. Paused connections, dead
letters, quarantined receipts and unrouted parcels are told beside that: they wait for somebody else, and are no reason
to be unready.

`/metrics` (config.metrics) is answered here too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import Error, connection, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from config import metrics

if TYPE_CHECKING:
    from tracking.services.backlog import Backlog

RECEIPT_LIMIT_SECONDS = 300
JOB_LIMIT_SECONDS = 300
BEAT_LIMIT_SECONDS = 90
SKEW_LIMIT_SECONDS = 5


def unapplied_migrations() -> int:
    """How many migrations on disk the database lacks. Raises django.db.Error where it cannot be asked."""
    applied = MigrationRecorder(connection).applied_migrations()
    return len(set(MigrationLoader(None).disk_migrations) - set(applied))


def _age(moment: datetime | None) -> float | None:
    return None if moment is None else round(max(0.0, (timezone.now() - moment).total_seconds()), 1)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def receipts() -> dict[str, Any]:
    """Receipts that are not taken in yet: how many, how old, and how long they will take (None: unknown)."""
    from tracking.services import backlog

    return _waiting(backlog.receipts(), RECEIPT_LIMIT_SECONDS)


def jobs(paused: Sequence[str]) -> dict[str, Any]:
    """The same of due jobs. Back-off and leases are not waiting for a worker, nor are jobs of a paused connection."""
    from tracking.services import backlog

    due = backlog.jobs(paused)
    return _waiting(due, JOB_LIMIT_SECONDS) | {"held_back": due.held_back}


def _waiting(backlog: Backlog, limit: float) -> dict[str, Any]:
    age = _age(backlog.oldest_at)
    return {
        "ok": age is None or age <= limit,
        "oldest_seconds": age,
        "waiting": backlog.waiting,
        "drained_in_seconds": _rounded(backlog.drained_in_seconds),
    }


def information(paused: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What waits for a person or an upstream: told, never a failure of ours."""
    from tracking.services import backlog

    piles = {"dead_letters": backlog.dead_letters(), "quarantined": backlog.quarantined()}
    told = {
        name: {"ok": True, "number": pile.number, "oldest_seconds": _age(pile.oldest_at)}
        for name, pile in piles.items()
    }
    unrouted = backlog.unrouted()
    told["unrouted"] = {
        "ok": True,
        "number": unrouted.number,
        "oldest_seconds": _age(unrouted.oldest_at),
        "is_late": unrouted.is_late,
    }
    return told | {"connections": {"ok": True, "paused": len(paused)}, "upstream_clocks": upstream_clocks()}


def upstream_clocks() -> dict[str, Any]:
    """How far the furthest upstream clock is ahead of ours (None: none was seen), and how many are too far off."""
    from tracking.services.connections import CLOCK_LIMIT_SECONDS, clock_skews

    skews = clock_skews().values()
    skewed = sum(abs(skew) > CLOCK_LIMIT_SECONDS for skew in skews)
    return {"ok": True, "skewed": skewed, "skew_seconds": max(skews, key=abs, default=None)}


def clock() -> dict[str, Any]:
    """How far the database's clock is ahead of ours. Far apart, leases of two hosts overlap."""
    from tracking.services import backlog

    skew = backlog.clock_skew_seconds()
    return {"ok": abs(skew) <= SKEW_LIMIT_SECONDS, "skew_seconds": round(skew, 3)}


def worker() -> dict[str, Any]:
    """How long ago a worker last gave a sign; None: never."""
    from tracking.models import Heartbeat

    age = _age(Heartbeat.objects.aggregate(at=models.Max("at"))["at"])
    return {"ok": age is not None and age <= BEAT_LIMIT_SECONDS, "beat_seconds": age}


def work() -> dict[str, dict[str, Any]]:
    """What can be asked once the tables are there."""
    from tracking.services.connections import closed_upstreams

    paused = closed_upstreams()
    parts = {"receipts": receipts(), "jobs": jobs(paused), "worker": worker(), "clock": clock()}
    return parts | information(paused)


def readiness() -> dict[str, dict[str, Any]]:
    """Every part with ``ok`` and its figure; parts that cannot be asked because of an earlier one are left out."""
    parts: dict[str, dict[str, Any]] = {"database": {"ok": False}}
    try:
        missing = unapplied_migrations()
        parts["database"]["ok"] = True
        parts["migrations"] = {"ok": missing == 0, "unapplied": missing}
        if missing == 0:
            parts |= work()
    except Error:
        parts["database"]["ok"] = False
    return parts


def alive(_request: HttpRequest) -> JsonResponse:
    """200 ``{"status": "alive"}``, without a look at anything."""
    return JsonResponse({"status": "alive"})


def ready(_request: HttpRequest) -> JsonResponse:
    """200 or 503 with ``status``, the names of the ``failing`` parts, and figures of all ``parts``."""
    parts = readiness()
    failing = [name for name, part in parts.items() if not part["ok"]]
    status = "not ready" if failing else "ready"
    return JsonResponse({"status": status, "failing": failing, "parts": parts}, status=503 if failing else 200)


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/healthz": alive,
    "/readyz": ready,
    "/metrics": metrics.scraped,
}


class HealthMiddleware:
    """Answers the probes before anything asks for a host name, TLS or a session: they come by address, inside."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info.rstrip("/"))
        if probe is None:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        response = probe(request)
        response.headers["Cache-Control"] = "no-store"
        return response
