"""What we keep of our writes is what commercetools says happened, and one code finds all of a parcel's way."""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end.world import World, parcel
from tracking.models import Attempt, Receipt, Write
from tracking.services.story_of import story_of

NUMBER, OTHER = "00340434161094000001", "1Z999AA10123456784"


def in_order(changes: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return sorted(
        (one["what"], one.get("parcel_id") or "", one["name"], repr(one["before"]), repr(one["after"]))
        for one in changes
    )


def test_kept_writes_are_those_that_commercetools_recorded(world: World) -> None:
    world.order(parcel(NUMBER), parcel(OTHER, "UPS"))
    world.work()
    for tag in ("InTransit", "OutForDelivery", "Delivered"):
        world.scan(world.tracking(NUMBER), tag, message="Handed to A. Muster")
        world.work()
    kept = [in_order(write.changes) for write in Write.objects.order_by("pk")]
    assert kept == [in_order(entry["changes"]) for entry in world.writes()]
    assert len(kept) == 4


def test_write_that_was_refused_is_not_kept(world: World) -> None:
    # Each of the order's messages, and news of the tracking, may come to a sync of its own: all are refused.
    world.sandbox.set_dials(commercetools={"fail": [{"status": 400, "count": 99, "match": "POST /demo/orders"}]})
    world.order(parcel(NUMBER))
    world.work()
    assert set(Attempt.objects.filter(path__startswith="/orders/", method="POST").values_list("status")) == {(400,)}
    assert not Write.objects.exists()


def test_write_whose_answer_was_lost_is_not_made_again(world: World, settings: Any) -> None:
    settings.JOB_BACKOFF_BASE_SECONDS = settings.JOB_BACKOFF_CAP_SECONDS = 0.01
    world.sandbox.set_dials(commercetools={"drop_answer": [{"count": 1, "match": "POST /demo/orders"}]})
    world.order(parcel(NUMBER))
    for _ in range(20):
        world.work()
    assert len(world.writes()) <= 1
    assert not Write.objects.exists()


def test_words_of_carriers_are_kept_but_neither_logged_nor_left_in_excerpts(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "Delivered", message="Handed to A. Muster")
    world.work()
    story = story_of(world.our_order(order).correlation_id)
    assert "Handed to A. Muster" in str([write.changes for write in Write.objects.all()])
    assert "Handed to A. Muster" not in caplog.text
    assert "Handed to A. Muster" not in str(story and story.entries)


def test_code_of_the_webhooks_answer_finds_the_whole_way(world: World) -> None:
    world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit")
    world.work()
    story = story_of(Receipt.objects.get(source="aftership").request_id)
    assert story is not None
    kinds = [entry.kind for entry in story.entries]
    assert {"receipt", "decision", "job", "attempt", "write"} <= set(kinds)
    assert kinds[0] == "receipt"
    assert kinds.count("write") == 2
