"""Orders of arrival. ``STORM_FORM=long``, as ``make storm`` sets it, tries ten times as many."""

from __future__ import annotations

import os

import pytest

from tests.storm import sequences
from tracking.services import apply_update

LONGEST, ROUNDS = (6, 100) if os.environ.get("STORM_FORM") == "long" else (5, 10)


@pytest.mark.parametrize("name", sequences.WAYS)
def test_every_order_of_arrival_with_repeats_ends_as_the_newest_news(name: str) -> None:
    outcome = sequences.every_sequence(name, longest=LONGEST)
    assert outcome.tried == sum(6**length for length in range(1, LONGEST + 1)) > 9_000
    assert outcome.wrong == []


@pytest.mark.parametrize("name", sequences.WAYS)
def test_every_permutation_of_six_ends_as_the_newest_news(name: str) -> None:
    outcome = sequences.every_sequence(name, all_repeats=False)
    assert outcome.tried == 720
    assert outcome.wrong == []


def test_random_interleavings_over_a_thousand_parcels_end_as_the_newest_news() -> None:
    outcome = sequences.interleavings(seed=3, parcels=1000, rounds=ROUNDS)
    assert outcome.tried == 1000 * ROUNDS
    assert outcome.wrong == []


def test_control_without_the_line_against_late_news_the_end_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply_update, "is_newer", lambda snapshot, tracking: True)
    assert sequences.every_sequence("out and delivered", longest=2).wrong
    assert sequences.interleavings(seed=3, parcels=50, rounds=1).wrong


def test_control_without_the_rank_within_one_second_the_end_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply_update, "rank_of", lambda snapshot: [])
    assert sequences.every_sequence("one second for all", longest=2).wrong
