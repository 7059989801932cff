"""One line per step of a parcel's story, in words: what support reads out and ``make demo`` prints."""

from __future__ import annotations

import structlog

logger = structlog.get_logger("trackbridge.story")


def tell(step: str, **facts: object) -> None:
    """Log one step (such as ``tracking opened``) with its facts: ids, numbers and statuses, never a person's data."""
    logger.info(step, **{name: fact for name, fact in facts.items() if fact not in ("", None)})
