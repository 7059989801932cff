"""Carriers' own words, without the people in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.words.discreet import LONGEST, without_people


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Handed to A. Muster, Lindenstr. 5", "Handed to …, …"),
        ("Signed by: MÜLLER", "Signed by …"),
        ("Left with neighbour Mrs. Smith at 12 High Street", "Left with …"),
        (
            "Die Sendung wurde an Nachbar Schmidt, Hauptstraße 12a übergeben",
            "Die Sendung wurde an Nachbar …, … übergeben",
        ),
        ("Übergeben an J.R. Tolkien", "Übergeben an …"),
        ("Remis à Mme Dupont, 3 rue Verte", "Remis à …, …"),
        ("Entregado a Pérez", "Entregado a …"),
        ("Podpisane przez: Kowalski", "Podpisane przez …"),
        ("Call +49 170 1234567 please", "Call … please"),
        ("Customer erna@example.com notified", "Customer … notified"),
        ("Accepted by carrier", "Accepted by carrier"),
        ("Accepted by courier John Smith", "Accepted by …"),
        ("Arrived at hub Köln 50667", "Arrived at hub Köln 50667"),
        ("Sendung 2026-11-27 10:15 eingetroffen", "Sendung 2026-11-27 10:15 eingetroffen"),
        ("Shipment departed from facility - LEIPZIG", "Shipment departed from facility - LEIPZIG"),
        ("two\r\nlines\x00 \u202eand tricks", "two lines and tricks"),
        ("", ""),
    ],
)
def test_people_are_left_out_and_places_stay(said: str, shown: str) -> None:
    assert without_people(said) == shown


def test_words_of_a_delivery_are_not_shown_at_all() -> None:
    assert without_people("Front door - SMITH", "Delivered") == ""


@given(st.text(max_size=2000))
def test_any_text_comes_out_short_and_in_one_line(said: str) -> None:
    shown = without_people(said)
    assert len(shown) <= LONGEST
    assert shown == "" or shown.isprintable()
