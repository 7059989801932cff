"""How old something is that a test made old: never younger, and older by what a busy machine takes for the test."""

from __future__ import annotations

from typing import Any

import pytest

SLACK_SECONDS = 30


def aged(seconds: float) -> Any:
    """Equal to any age from ``seconds`` (rounded) to a minute more."""
    return pytest.approx(seconds + SLACK_SECONDS, abs=SLACK_SECONDS + 0.5)
