"""What the benchmark says while it runs."""

from __future__ import annotations

import time

STARTED_AT = time.monotonic()


def note(words: str) -> None:
    """One line, with the seconds since the start."""
    print(f"{time.monotonic() - STARTED_AT:6.1f} s  {words}", flush=True)


def heading(words: str) -> None:
    """The title of a part."""
    print(f"\n== {words}", flush=True)
