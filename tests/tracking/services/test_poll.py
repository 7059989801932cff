"""Slices of time: what a poll asks AfterShip for, and when its cursor moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import factories as make
from tracking.clients.errors import RetryLater
from tracking.enums import JobKind
from tracking.models import Job
from tracking.services import connections, poll

START = datetime(2026, 11, 1, tzinfo=UTC)


class Client:
    """Lists so many changes per hour, evenly; ``breaks_at`` is the list call that fails."""

    def __init__(self, per_hour: int = 0, breaks_at: int = 0) -> None:
        self.per_hour, self.breaks_at = per_hour, breaks_at
        self.asked: list[dict[str, Any]] = []

    def count_trackings(self, *, updated_at_min: datetime, updated_at_max: datetime) -> int:
        return round((updated_at_max - updated_at_min) / timedelta(hours=1) * self.per_hour)

    def list_trackings(self, **filters: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(filters)
        if len(self.asked) == self.breaks_at:
            raise RetryLater("aftership", "503", "down", 503)
        return iter(())


def test_a_short_time_is_one_slice_open_to_the_end() -> None:
    client = Client()
    pages = list(poll.read_changes(client, START, START + timedelta(minutes=5)))
    assert client.asked == [{"updated_at_min": START}]
    assert [(page.read_until, page.is_last) for page in pages] == [(START + timedelta(minutes=5), True)]


def test_a_long_time_is_halved_until_a_slice_is_small_enough_and_no_time_is_left_out() -> None:
    client, until = Client(per_hour=1_000), START + timedelta(hours=72)
    list(poll.read_changes(client, START, until))
    assert len(client.asked) > 30
    assert client.asked[0]["updated_at_min"] == START
    for one, following in zip(client.asked, client.asked[1:], strict=False):
        assert one["updated_at_max"] == following["updated_at_min"]
    assert "updated_at_max" not in client.asked[-1]


@pytest.mark.django_db
def test_the_cursor_stays_at_the_last_slice_that_was_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    account = make.make_account(polled_until=now - timedelta(hours=70))
    monkeypatch.setattr(connections, "aftership", lambda account: Client(per_hour=1_000, breaks_at=3))
    with pytest.raises(RetryLater):
        poll.poll_account(account.pk)
    account.refresh_from_db()
    assert now - timedelta(hours=70) < account.polled_until < now - timedelta(hours=60)


@pytest.mark.django_db
def test_every_active_account_is_wished_for_once() -> None:
    account = make.make_account()
    make.make_account(is_active=False)
    assert [poll.poll_all(), poll.poll_all()] == [1, 1]
    job = Job.objects.get(kind=JobKind.POLL)
    assert (job.subject, job.want, job.priority) == (str(account.pk), 2, 10)
