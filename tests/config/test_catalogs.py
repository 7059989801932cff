"""Every sentence that shoppers read is there in every language, whole and fresh."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.translation import ngettext

from config import catalogs

LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


def texts(message: object) -> list[str]:
    string = message.string  # type: ignore[attr-defined]
    return list(string) if isinstance(string, tuple) else [string]


def test_every_language_has_a_catalog_and_no_other_has() -> None:
    assert catalogs.languages() == sorted(LANGUAGES)


def test_sources_are_searched_and_hold_no_sentence_of_the_console() -> None:
    found = {catalogs.first(message.id) for message in catalogs.extracted() if message.id}
    assert {"On its way", "There is no delivery date yet.", "Advertisement", "Order number"} <= found
    assert "Unrouted parcels" not in found


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_missing_stale_or_fuzzy(language: str) -> None:
    lying, fresh = catalogs.read(language), catalogs.extracted()
    assert catalogs.missing(catalogs.merged(language)) == [], "translate them, or run make messages"
    assert {one.id for one in lying if one.id} == {one.id for one in fresh if one.id}, "run make messages"
    assert [one.id for one in lying if one.fuzzy and one.id] == []
    assert not lying.obsolete


@pytest.mark.parametrize("language", LANGUAGES)
def test_files_are_what_make_messages_writes(language: str) -> None:
    path = catalogs.po_path(language)
    assert path.read_bytes() == catalogs.as_po(catalogs.merged(language)), "run make messages"
    assert path.with_suffix(".mo").read_bytes() == catalogs.as_mo(catalogs.read(language)), "run make messages"


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_and_ends_of_sentences_are_those_of_the_source(language: str) -> None:
    for message in catalogs.read(language):
        if not message.id:
            continue
        ids = list(message.id) if isinstance(message.id, tuple) else [message.id]
        wanted = set(PLACEHOLDER.findall(ids[-1]))
        for n, text in enumerate(texts(message)):
            found = set(PLACEHOLDER.findall(text))
            assert found == wanted or (message.pluralizable and n == 0 and found < wanted), (ids[-1], text)
            assert text == text.strip()
            assert (text[-1] in ".?!") == (ids[-1][-1] in ".?!") or text.endswith("?"), (ids[-1], text)
            assert len(text) <= 2 * len(ids[-1]) + 25, (ids[-1], text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_thing_has_one_name_with_a_colon_and_without(language: str) -> None:
    names = {one.id: one.string for one in catalogs.read(language) if isinstance(one.id, str)}
    pairs = {words: f"{words}:" for words in names if f"{words}:" in names}
    pairs |= {"Tracking number": "tracking number:", "Pickup point": "Pickup point: %(place)s."}
    assert len(pairs) > 5
    for plain, told in pairs.items():
        if plain != "What happens next":  # French asks where it stands alone
            name = names[told].removesuffix("%(place)s.").strip(": \u00a0")
            assert name.lower() == names[plain].lower(), (plain, name)


def test_french_keeps_its_signs_on_the_line() -> None:
    said = [text for one in catalogs.read("fr") if one.id for text in texts(one)]
    assert any("\u00a0:" in text for text in said)
    assert [text for text in said if re.search(r"(?<!\u00a0)[:;?!»]", text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_left_in_english(language: str) -> None:
    same = {one.id for one in catalogs.read(language) if one.id and one.id in texts(one)}
    assert same == set()


def test_a_sentence_without_translation_is_named() -> None:
    catalog = catalogs.read("de")
    catalog.get("On its way").string = ""
    catalog.get("The parcel has been delivered.").string = ("Das Paket wurde zugestellt.", "")
    assert catalogs.missing(catalog) == ["The parcel has been delivered.", "On its way"]


def test_a_new_language_begins_with_every_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogs, "LOCALE", tmp_path)
    left = catalogs.update("fi")
    assert len(left) == len({str(one.id) for one in catalogs.extracted() if one.id})
    assert catalogs.languages() == ["fi"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "1 kolejna paczka jeszcze nie dotarła."),
        (2, "2 kolejne paczki jeszcze nie dotarły."),
        (5, "5 kolejnych paczek jeszcze nie dotarło."),
        (12, "12 kolejnych paczek jeszcze nie dotarło."),
        (22, "22 kolejne paczki jeszcze nie dotarły."),
        (25, "25 kolejnych paczek jeszcze nie dotarło."),
    ],
)
def test_polish_counts_as_poles_count(number: int, words: str) -> None:
    with translation.override("pl"):
        said = ngettext(
            "%(count)d more parcel has not arrived yet.", "%(count)d more parcels have not arrived yet.", number
        )
    assert said % {"count": number} == words


@pytest.mark.django_db
def test_a_german_browser_gets_the_console_in_english(client: Client) -> None:
    page = client.get("/admin/login/", headers={"accept-language": "de"})
    assert page.status_code == 200
    body = page.content.decode()
    assert 'lang="en"' in body
    assert "Log in" in body
    for word in ("Anmelden", "Benutzername", "Passwort"):
        assert word not in body


@pytest.mark.django_db
def test_no_language_is_left_over_from_whoever_spoke_before(client: Client) -> None:
    translation.activate("pl")
    assert 'lang="en"' in client.get("/admin/login/").content.decode()
