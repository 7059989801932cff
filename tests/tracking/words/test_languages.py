"""Which language a shopper is spoken to in."""

from __future__ import annotations

import pytest

from tracking.words.languages import choose, direction, name_among, pick, tag


@pytest.mark.parametrize(
    ("wanted", "enabled", "chosen"),
    [
        (["de-AT"], ["en", "de"], "de"),
        (["de-AT"], ["en", "de-AT", "de"], "de-AT"),
        (["de-AT"], ["en", "de-CH"], "de-CH"),
        (["de_at"], ["de-AT"], "de-AT"),
        (["zh", "fr"], ["en", "fr"], "fr"),
        (["zh"], ["fr", "en"], "fr"),
        (["de"], ["zh", "fr"], "fr"),
        (["de"], [], "en"),
        (["", "pl"], ["en", "pl"], "pl"),
        ([], ["sv", "en"], "sv"),
        (["fr"], ["zh"], "en"),
    ],
)
def test_the_first_wanted_language_that_the_brand_speaks(wanted: list[str], enabled: list[str], chosen: str) -> None:
    assert choose(wanted, enabled) == chosen


def test_texts_by_language_fall_back_along_the_brands_chain() -> None:
    texts = {"de": "Wanderschuh", "en-GB": "Walking boot", "fr": ""}
    assert pick(texts, "de-CH") == "Wanderschuh"
    assert pick(texts, "en") == "Walking boot"
    assert pick(texts, "fr", ["de"]) == "Wanderschuh"
    assert pick(texts, "fr") == "Walking boot"
    assert pick({"zh": "靴"}, "fr") == "靴"
    assert pick({}, "fr") == ""


def test_two_of_one_language_are_told_apart_by_their_region() -> None:
    both = ["de", "de-AT", "en-GB"]
    assert [name_among(one, both) for one in both] == ["Deutsch", "Deutsch (Österreich)", "English"]
    assert name_among("sv-FI", ["sv", "sv-FI"]) == "Svenska (Finland)"


def test_tags_and_directions() -> None:
    assert [tag("de_ch"), tag("DE"), tag("zh-hant-tw")] == ["de-CH", "de", "zh-hant-TW"]
    assert [direction("ar-EG"), direction("pl")] == ["rtl", "ltr"]
