"""What django-q2 runs for figures: hints without data, like those of ``tracking/tasks.py``."""

from __future__ import annotations

from analytics.service import count_recent
from analytics.shopper_days import refresh_stale
from analytics.summaries import want_due
from tracking.tasks import kick


def run_repeat() -> None:
    """Every ten minutes: look at some of the days of shoppers that may have changed since."""
    refresh_stale()


def run_service() -> None:
    """Every five minutes: count how we ourselves did today."""
    count_recent()


def run_summaries() -> None:
    """Each hour: wish for the weekly mails whose morning has come."""
    if want_due():
        kick()
