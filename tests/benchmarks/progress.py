"""What the benchmark says while it runs."""

from __future__ import annotations

import logging
import os
import time

STARTED_AT = time.monotonic()


def note(words: str) -> None:
    """One line, with the seconds since the start."""
    print(f"{time.monotonic() - STARTED_AT:6.1f} s  {words}", flush=True)


def heading(words: str) -> None:
    """The title of a part."""
    print(f"\n== {words}", flush=True)


def quiet() -> None:
    """Log lines are made as ever and then thrown away: they cost what they cost, and nobody reads thousands of them."""
    nowhere = open(os.devnull, "w")  # noqa: SIM115 for as long as the process lives
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(nowhere)
