"""What several commands read from their arguments, and how they show progress."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from django.core.management.base import CommandError, OutputWrapper

from stores.models import AfterShipAccount, Project


def moment(text: str) -> datetime:
    """``2026-11-01`` or ``2026-11-01T10:00:00+01:00``; without an offset it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date, such as 2026-11-01 or 2026-11-01T10:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def project_of(key: str) -> Project:
    """Raises CommandError, naming those there are."""
    project = Project.objects.filter(key=key).first()
    if project is None:
        known = ", ".join(Project.objects.values_list("key", flat=True)) or "none"
        raise CommandError(f"There is no project {key}. Known: {known}.")
    return project


def account_of(key: str) -> AfterShipAccount:
    """Raises CommandError, naming those there are."""
    account = AfterShipAccount.objects.filter(key=key).first()
    if account is None:
        known = ", ".join(AfterShipAccount.objects.values_list("key", flat=True)) or "none"
        raise CommandError(f"There is no AfterShip account {key}. Known: {known}.")
    return account


class Progress:
    """How far a walk is: one line that is drawn over and over on a terminal, a line now and then elsewhere."""

    EVERY_SECONDS = 10.0

    def __init__(self, stream: OutputWrapper) -> None:
        self.stream, self.is_terminal, self.told_at = stream, sys.stderr.isatty(), 0.0

    def show(self, words: str, now: float) -> None:
        """Show ``words`` at ``now`` (seconds of any clock that only grows)."""
        if self.is_terminal:
            self.stream.write(f"\r\x1b[K{words}", ending="")
        elif now - self.told_at >= self.EVERY_SECONDS:
            self.stream.write(words)
            self.told_at = now

    def end(self) -> None:
        """Leave the line."""
        if self.is_terminal:
            self.stream.write("")


def bar(share: float, width: int = 30) -> str:
    """``[#########---------------------]  31%``"""
    done = round(max(0.0, min(share, 1.0)) * width)
    return f"[{'#' * done}{'-' * (width - done)}] {100 * max(0.0, min(share, 1.0)):3.0f}%"
