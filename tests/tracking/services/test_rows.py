"""Many rows saved at once."""

from __future__ import annotations

import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories import make_tracking
from tracking.enums import ParcelStatus
from tracking.models import Checkpoint, Tracking
from tracking.services.rows import insert_rows, update_rows

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_named_fields_of_each_row_are_saved_and_no_others() -> None:
    first, second, third = make_tracking(), make_tracking(), make_tracking()
    at = timezone.now().replace(microsecond=123_456)
    for row, rank in ((first, [1, "", 3, "InTransit_003"]), (second, [])):
        row.status, row.snapshot_rank, row.updated_at, row.eta = ParcelStatus.LOST, rank, at, None
        row.tag = "not named"
    update_rows([first, second], ["status", "snapshot_rank", "updated_at", "eta"])
    assert list(
        Tracking.objects.filter(pk__in=[first.pk, second.pk])
        .order_by("tracking_number")
        .values_list("status", "snapshot_rank", "updated_at", "eta", "tag")
    ) == [("lost", [1, "", 3, "InTransit_003"], at, None, "InTransit"), ("lost", [], at, None, "InTransit")]
    assert Tracking.objects.get(pk=third.pk).status == ParcelStatus.IN_TRANSIT


def test_a_foreign_key_is_a_field_like_any_other() -> None:
    tracking, other = make_tracking(), make_tracking()
    tracking.account = other.account
    update_rows([tracking], ["account"])
    assert Tracking.objects.get(pk=tracking.pk).account == other.account


def test_no_rows_cost_no_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        update_rows([], ["status"])
        insert_rows([])
    assert not queries.captured_queries


def test_new_rows_are_inserted_and_those_that_are_there_stay_as_they_are() -> None:
    tracking, at = make_tracking(), timezone.now().replace(microsecond=123_456)
    words = 'Zugestellt \\ "Nachbar" 100 % 🚚'
    insert_rows([Checkpoint(tracking=tracking, fingerprint="a", message=words, happened_at=at)])
    insert_rows([Checkpoint(tracking=tracking, fingerprint=key, is_fenced=True) for key in ("a", "b")])
    assert list(
        tracking.checkpoints.order_by("fingerprint").values_list("fingerprint", "message", "happened_at", "is_fenced")
    ) == [("a", words, at, False), ("b", "", None, True)]
    assert min(tracking.checkpoints.values_list("created_at", flat=True)) > at.replace(microsecond=0)


def test_a_text_that_is_too_long_is_refused_rather_than_cut() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no lengths")
    with pytest.raises(DataError), transaction.atomic():
        insert_rows([Checkpoint(tracking=make_tracking(), fingerprint="a" * 65)])
