"""What a check found, in words, and what all findings together mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import structlog

from tracking.clients.errors import AccountStopped, RetryLater, UpstreamError
from tracking.enums import Area, Health

logger = structlog.get_logger("trackbridge.doctor")


@dataclass(frozen=True)
class Finding:
    """One line of the examination. ``next_step`` is "" where there is nothing to do."""

    area: Area
    state: Health
    words: str
    next_step: str = ""

    def document(self) -> dict[str, Any]:
        return {name: str(value) for name, value in asdict(self).items()}


Findings = Iterator[Finding]


def fine(area: Area, words: str) -> Finding:
    return Finding(area, Health.FINE, words)


def warning(area: Area, words: str, next_step: str) -> Finding:
    return Finding(area, Health.WARNING, words, next_step)


def broken(area: Area, words: str, next_step: str) -> Finding:
    return Finding(area, Health.BROKEN, words, next_step)


def tried(area: Area, check: Callable[[], Iterable[Finding]]) -> Findings:
    """The findings of one check; what it ran into is one too, so that no check keeps the others from being made."""
    try:
        yield from check()
    except UpstreamError as error:
        yield unreachable(area, error)
    except Exception as error:
        logger.exception("a check failed for a reason of our own", area=area)
        yield broken(area, f"The check itself failed ({type(error).__name__}).", "Look into the log, and tell us.")


def unreachable(area: Area, error: UpstreamError) -> Finding:
    if isinstance(error, AccountStopped):
        return broken(area, f"Refused: {error}", "Check the credentials and what they allow.")
    if isinstance(error, RetryLater):
        return broken(area, f"No usable answer: {error}", "Check the address and the network, then check again.")
    return broken(area, f"Refused: {error}", "Read the upstream's words and mend the cause.")


def is_go(findings: Iterable[dict[str, Any]]) -> bool:
    """Warnings want a look, but keep nobody from going live."""
    return all(one["state"] != Health.BROKEN for one in findings)
