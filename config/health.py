"""Two questions of machines: alive? able to work?

`/healthz` says that the process answers, nothing more: what a load balancer or a restart policy should ask. `/readyz`
says whether work gets done: database, migrations, oldest pending receipt, oldest due job, last sign of a worker. It is
503 and names the parts where it does not: what an alarm or a roll-out should ask. All web processes share one database
and its backlog, so taking one out of service for it would only refuse webhooks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import Error, connection, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

RECEIPT_LIMIT_SECONDS = 300
JOB_LIMIT_SECONDS = 300
BEAT_LIMIT_SECONDS = 90


def unapplied_migrations() -> int:
    """How many migrations on disk the database lacks. Raises django.db.Error where it cannot be asked."""
    applied = MigrationRecorder(connection).applied_migrations()
    return len(set(MigrationLoader(None).disk_migrations) - set(applied))


def _age(moment: datetime | None) -> float | None:
    return None if moment is None else round(max(0.0, (timezone.now() - moment).total_seconds()), 1)


def _backlog(age: float | None, limit: float) -> dict[str, Any]:
    return {"ok": age is None or age <= limit, "oldest_seconds": age}


def receipts() -> dict[str, Any]:
    """The age of the oldest receipt that nobody has worked on yet."""
    from tracking.enums import ReceiptState
    from tracking.models import Receipt

    pending = Receipt.objects.filter(state=ReceiptState.PENDING)
    return _backlog(_age(pending.aggregate(at=models.Min("received_at"))["at"]), RECEIPT_LIMIT_SECONDS)


def jobs() -> dict[str, Any]:
    """How long the longest waiting due job has been overdue. Back-off and leases are not waiting for a worker."""
    from tracking.models import Job

    due = Job.objects.filter(want__gt=models.F("done"), dead_at=None, next_attempt_at__lte=timezone.now())
    return _backlog(_age(due.aggregate(at=models.Min("next_attempt_at"))["at"]), JOB_LIMIT_SECONDS)


def worker() -> dict[str, Any]:
    """How long ago a worker last gave a sign; None: never."""
    from tracking.models import Heartbeat

    age = _age(Heartbeat.objects.aggregate(at=models.Max("at"))["at"])
    return {"ok": age is not None and age <= BEAT_LIMIT_SECONDS, "beat_seconds": age}


def readiness() -> dict[str, dict[str, Any]]:
    """Every part with ``ok`` and its figure; parts that cannot be asked because of an earlier one are left out."""
    parts: dict[str, dict[str, Any]] = {"database": {"ok": False}}
    try:
        missing = unapplied_migrations()
        parts["database"]["ok"] = True
        parts["migrations"] = {"ok": missing == 0, "unapplied": missing}
        if missing == 0:
            parts |= {"receipts": receipts(), "jobs": jobs(), "worker": worker()}
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


PROBES: dict[str, Callable[[HttpRequest], JsonResponse]] = {"/healthz": alive, "/readyz": ready}


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
