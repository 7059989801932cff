"""Who does the jobs of a kind. The pump knows those of ``tracking``; apps above register theirs in ``ready``."""

from __future__ import annotations

from collections.abc import Callable

HANDLERS: dict[str, Callable[[str], object]] = {}


def register(kind: str, handler: Callable[[str], object]) -> None:
    """``handler`` gets the job's subject; it raises UpstreamError, or anything else for a fault of our own."""
    HANDLERS[kind] = handler
