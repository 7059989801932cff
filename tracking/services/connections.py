"""From a Project or AfterShipAccount row to a client that is ready to call; and pausing one that refuses us."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from stores.models import AfterShipAccount, Project
from tracking.clients.aftership import AfterShipClient
from tracking.clients.commercetools import CommercetoolsClient, Token
from tracking.clients.errors import AccountStopped
from tracking.enums import ProblemKind, Source
from tracking.services.budget import SharedBudget
from tracking.services.problems import close_problems, open_problem

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30, 900


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
    )


def aftership(account: AfterShipAccount) -> AfterShipClient:
    return AfterShipClient(api_url=account.api_url, api_key=account.api_key, budget=SharedBudget(account))


def upstream_key(connection: Project | AfterShipAccount) -> str:
    """``commercetools:demo`` or ``aftership:main``: what jobs of this connection are paused by."""
    source = Source.COMMERCETOOLS if isinstance(connection, Project) else Source.AFTERSHIP
    return f"{source.value}:{connection.key}"


def connection_of(key: str) -> Project | AfterShipAccount:
    """The row behind an upstream key. Raises DoesNotExist where it was deleted."""
    source, _, name = key.partition(":")
    if source == Source.COMMERCETOOLS:
        return Project.objects.get(key=name)
    return AfterShipAccount.objects.get(key=name)


def paused_upstreams() -> list[str]:
    """Keys of all connections that must not be called now: switched off, or paused."""
    now = timezone.now()
    keys = []
    for model in (Project, AfterShipAccount):
        for connection in model.objects.only("key", "is_active", "paused_until"):
            if not connection.is_active or (connection.paused_until and connection.paused_until > now):
                keys.append(upstream_key(connection))
    return keys


def pause(key: str, error: AccountStopped, *, correlation_id: str) -> int:
    """Stop calling this connection for a while, twice as long each time it refuses us; returns the seconds."""
    connection = connection_of(key)
    seconds = min(max(connection.pause_seconds * 2, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
    type(connection).objects.filter(pk=connection.pk).update(
        pause_seconds=seconds, paused_until=timezone.now() + timedelta(seconds=seconds)
    )
    open_problem(ProblemKind.UPSTREAM_PAUSED, key, str(error), correlation_id=correlation_id)
    return seconds


def resume(key: str) -> None:
    """A call worked again: lift the pause and close its problem. Cheap when there is none."""
    source, _, name = key.partition(":")
    model: type[Project] | type[AfterShipAccount] = Project if source == Source.COMMERCETOOLS else AfterShipAccount
    if model.objects.filter(key=name, pause_seconds__gt=0).update(pause_seconds=0, paused_until=None):
        close_problems([ProblemKind.UPSTREAM_PAUSED], key, "Credentials are accepted again.")
