"""From a Project or AfterShipAccount row to a client that is ready to call; and pausing one that refuses us or is down.

    a call works ──> resume: nothing is paused
    401, 403 ──> paused at once             ─┐ no calls before paused_until; then one job at a time tries again,
    found down, so many times in a row ──>   ─┘ and each failure doubles the pause, up to a limit

A broken project or account delays its own work only: its jobs are not claimed while it is paused, so they neither fail
nor use up their attempts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import CharField, F, Q, QuerySet, Value
from django.utils import timezone

from stores.models import AfterShipAccount, Project
from tracking.clients.aftership import AfterShipClient
from tracking.clients.commercetools import CommercetoolsClient, Token
from tracking.clients.errors import UpstreamError
from tracking.enums import ProblemKind, Source
from tracking.models import Mailer
from tracking.services.budget import SharedBudget
from tracking.services.problems import close_problems, open_problem
from tracking.services.story import tell

MAIL = "mail"
CONNECTIONS = {  # all that may be paused, with what stands before the colon of their keys
    Project: Source.COMMERCETOOLS.value,
    AfterShipAccount: Source.AFTERSHIP.value,
    Mailer: MAIL,
}
FAILURES_BEFORE_PAUSE = 5
CLOCK_EACH_SECONDS, CLOCK_STEP_SECONDS = 60.0, 1.0  # a Date header tells whole seconds
CLOCK_LIMIT_SECONDS = 30
PROBE_SECONDS = 50  # a probe that never ends (its worker was killed) lets the next one follow: longer than a lease


@dataclass(frozen=True)
class Pause:
    """How long a connection is left alone, first and at most, in seconds; and the problem that it raises."""

    first: int
    longest: int
    problem: ProblemKind


_clock_noted_at: dict[str, float] = {}
REFUSES_US = Pause(first=30, longest=900, problem=ProblemKind.UPSTREAM_PAUSED)
IS_DOWN = Pause(first=2, longest=15, problem=ProblemKind.UPSTREAM_DOWN)


class SharedToken:
    """The project's access token, kept encrypted on its row: one token for all processes."""

    def __init__(self, project: Project) -> None:
        self.project_id = project.pk

    def load(self) -> Token | None:
        project = Project.objects.only("access_token", "access_token_expires_at").get(pk=self.project_id)
        if not project.access_token or project.access_token_expires_at is None:
            return None
        return Token(value=project.access_token, expires_at=project.access_token_expires_at)

    def save(self, token: Token) -> None:
        Project.objects.filter(pk=self.project_id).update(
            access_token=token.value, access_token_expires_at=token.expires_at
        )


def commercetools(project: Project) -> CommercetoolsClient:
    return CommercetoolsClient(
        project_key=project.key,
        api_url=project.api_url,
        auth_url=project.auth_url,
        client_id=project.client_id,
        client_secret=project.client_secret,
        tokens=SharedToken(project),
        in_stores=project.in_stores,
    )


def aftership(account: AfterShipAccount) -> AfterShipClient:
    return AfterShipClient(api_url=account.api_url, api_key=account.api_key, budget=SharedBudget(account))


def upstream_key(connection: Project | AfterShipAccount | Mailer) -> str:
    """``commercetools:demo``, ``aftership:main`` or ``mail:acme``: what jobs of this connection are paused by."""
    return f"{CONNECTIONS[type(connection)]}:{connection.key}"


@dataclass(frozen=True)
class Probe:
    """Leave to try a paused connection with a single job, until then."""

    key: str
    until: datetime


@dataclass
class Gate:
    """Which connections may not be called now, and which ones may be tried with a single job."""

    closed: list[str] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)


def gate() -> Gate:
    """Look at all connections. Whoever is given a probe has taken it: nobody else gets one until it is over."""
    now = timezone.now()
    result = Gate()
    for model in CONNECTIONS:
        troubled = model.objects.filter(Q(is_active=False) | Q(pause_seconds__gt=0))
        for connection in troubled.only("key", "is_active", "paused_until"):
            key = upstream_key(connection)
            result.closed.append(key)
            is_over = connection.is_active and (connection.paused_until is None or connection.paused_until <= now)
            if is_over and (probe := take_probe(connection, now)):
                result.probes.append(probe)
    return result


def take_probe(connection: Project | AfterShipAccount | Mailer, now: datetime) -> Probe | None:
    """Move the end of the pause forward, if it stands where we saw it: one of many workers wins."""
    row = type(connection).objects.filter(pk=connection.pk, paused_until=connection.paused_until)
    until = now + timedelta(seconds=PROBE_SECONDS)
    return Probe(upstream_key(connection), until) if row.update(paused_until=until) else None


def give_back(probe: Probe) -> None:
    """The probe ended (or found no job) and neither lifted the pause nor made it longer: the next one may follow."""
    rows_of(probe.key).filter(pause_seconds__gt=0, paused_until=probe.until).update(
        paused_until=timezone.now() + timedelta(seconds=1)
    )


def closed_upstreams() -> list[str]:
    """Keys of all connections that are switched off or paused. One query."""
    first, *others = [
        model.objects.filter(Q(is_active=False) | Q(pause_seconds__gt=0))
        .order_by()
        .annotate(source=Value(source, CharField()))
        .values_list("source", "key")
        for model, source in CONNECTIONS.items()
    ]
    return [f"{source}:{key}" for source, key in first.union(*others, all=True)]


def pause(key: str, error: UpstreamError, kind: Pause, *, correlation_id: str, is_probe: bool = False) -> int:
    """Leave this connection alone for a while, twice as long as last time; returns the seconds.

    While it is left alone, only its probe has news: a call that was under way when the pause began makes it no longer.
    """
    last, until = rows_of(key).values_list("pause_seconds", "paused_until").first() or (0, None)
    now = timezone.now()
    if until and until > now and not is_probe:
        return max(1, round((until - now).total_seconds()))
    seconds = min(max(last * 2, kind.first), kind.longest)
    row = rows_of(key).filter(paused_until=until)  # of several that found out at once, one counts
    if not row.update(pause_seconds=seconds, paused_until=now + timedelta(seconds=seconds)):
        return seconds
    open_problem(kind.problem, key, str(error), correlation_id=correlation_id)
    tell("upstream paused", upstream=key, seconds=seconds, code=error.code)
    return seconds


def found_down(key: str, error: UpstreamError, *, correlation_id: str, is_probe: bool = False) -> None:
    """Count a call that found the upstream down; so many in a row pause the whole connection."""
    rows_of(key).update(failures=F("failures") + 1)
    if rows_of(key).filter(failures__gte=FAILURES_BEFORE_PAUSE).exists():
        pause(key, error, IS_DOWN, correlation_id=correlation_id, is_probe=is_probe)


def resume(key: str) -> None:
    """A call worked again: lift the pause and close its problem. Cheap when there is none."""
    if (
        rows_of(key)
        .filter(Q(pause_seconds__gt=0) | Q(failures__gt=0))
        .update(pause_seconds=0, paused_until=None, failures=0)
    ):
        close_problems([REFUSES_US.problem, IS_DOWN.problem], key, "It answers again.")


def note_clock(key: str, skew_seconds: float) -> None:
    """Keep how far the upstream's clock is ahead of ours, where it moved; each process looks once a minute."""
    now = time.monotonic()
    if now - _clock_noted_at.get(key, -CLOCK_EACH_SECONDS) < CLOCK_EACH_SECONDS:
        return
    _clock_noted_at[key] = now
    near = (skew_seconds - CLOCK_STEP_SECONDS, skew_seconds + CLOCK_STEP_SECONDS)
    has_moved = Q(clock_skew_seconds=None) | ~Q(clock_skew_seconds__range=near)
    rows_of(key).filter(has_moved).update(clock_skew_seconds=round(skew_seconds, 1))


def clock_skews() -> dict[str, float]:
    """Of each connection in use whose clock was seen, how far it is ahead of ours. Two queries."""
    return {
        upstream_key(connection): connection.clock_skew_seconds
        for model in (Project, AfterShipAccount)
        for connection in model.objects.filter(is_active=True).only("key", "clock_skew_seconds")
        if connection.clock_skew_seconds is not None
    }


def rows_of(key: str) -> QuerySet[Project] | QuerySet[AfterShipAccount] | QuerySet[Mailer]:
    """The one row behind an upstream key, as a queryset to update; none behind another service's (``sns:demo``)."""
    source, _, name = key.partition(":")
    if source == Source.COMMERCETOOLS:
        return Project.objects.filter(key=name)
    if source == MAIL:
        return Mailer.objects.filter(key=name)
    return AfterShipAccount.objects.filter(key=name) if source == Source.AFTERSHIP else AfterShipAccount.objects.none()
