"""One line per step of a parcel's story, in words: what support reads out and ``make demo`` prints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog

logger = structlog.get_logger("trackbridge.story")
_is_muted: ContextVar[bool] = ContextVar("story_is_muted", default=False)


@contextmanager
def muted(*, is_muted: bool) -> Iterator[None]:
    """Inside, nothing is told: what a dry run does is undone, and never happened."""
    reset = _is_muted.set(is_muted)
    try:
        yield
    finally:
        _is_muted.reset(reset)


def tell(step: str, **facts: object) -> None:
    """Log one step (such as ``tracking opened``) with its facts: ids, codes and statuses, never a person's data.

    Of a tracking number only the end is told: with the whole of it, carriers show where somebody lives.
    """
    if _is_muted.get():
        return
    if number := facts.get("number"):
        facts["number"] = ending(str(number))
    logger.info(step, **{name: fact for name, fact in facts.items() if fact not in ("", None)})


def ending(number: str) -> str:
    """``…0001``: enough to tell the parcels of an order apart."""
    return f"…{number[-4:]}" if len(number) > 6 else number
