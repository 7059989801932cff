"""What can go wrong upstream, as types with a verdict.

An error says by itself what may be done about it; callers branch on the class, never on a status code:

    RetryLater      the call may work later: timeouts, 429, 5xx. Back off, then try again.
      BudgetSpent   our own share of the endpoint's rate budget is used up: nothing was sent.
    Conflict        somebody else wrote first (409). Read again, recompute, try again now.
    AccountStopped  the upstream refuses our credentials (401, 403). Pause the whole account, not the one job.
    Refused         the upstream understood and says no (other 4xx). Trying again changes nothing.
      NotFound      there is no such thing (any more).
      AlreadyExists AfterShip's 4003: the tracking is there already. Find and adopt.
"""

# ruff: noqa: N818 the verdicts are named for what to do
from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class UpstreamError(Exception):
    """A call that did not give us what we asked for.

    ``upstream`` is ``commercetools`` or ``aftership``; ``code`` the most specific word for the cause (``4012``,
    ``InvalidField``, ``timeout``); ``message`` the upstream's own words, redacted and cut; ``status`` the HTTP status
    where there was an answer; ``maybe_applied`` is true where the call may have taken effect all the same.
    """

    upstream: str
    code: str
    message: str
    status: int | None = None
    maybe_applied: bool = False
    retry_after_seconds: float | None = None
    field: str = ""

    def __str__(self) -> str:
        return f"{self.upstream} {self.code}: {self.message}"


class RetryLater(UpstreamError):
    """May work later; ``retry_after_seconds`` is the upstream's own wish where it gave one."""


class BudgetSpent(RetryLater):
    """Nothing was sent: the shared rate budget of the endpoint is used up for ``retry_after_seconds``."""


@dataclass(eq=False)
class Conflict(UpstreamError):
    """The version we sent is not the newest; ``current_version`` is, where the upstream told (it need not)."""

    current_version: int | None = None

    __str__ = UpstreamError.__str__


class AccountStopped(UpstreamError):
    """Credentials or scopes are refused: nothing else will work for this account or project either."""


class Refused(UpstreamError):
    """Understood and declined. Never retried by itself."""


class NotFound(Refused):
    """The thing does not exist, or no longer."""


class AlreadyExists(Refused):
    """AfterShip has this tracking already (4003)."""
