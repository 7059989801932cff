import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.carriers import normalise_carrier


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("DHL", "dhl"),
        (" DHL  Paket\t", "dhl paket"),
        ("DHL_V2", "dhl v2"),
        ("dhl-v2", "dhl v2"),
        ("--DHL__--Paket..", "dhl paket"),
        ("U.P.S. (Ground)", "u p s ground"),
        ("Česká pošta", "ceska posta"),
        ("Colis Privé", "colis prive"),
        ("Colis Prive\u0301", "colis prive"),
        ("DHL™", "dhl"),
        ("DHL®", "dhl"),
        ("ＤＨＬ", "dhl"),
        ("Groß-Post", "gross post"),
        ("İstanbul Kargo", "istanbul kargo"),
        ("日本郵便", "日本郵便"),
        ("Почта России", "почта россии"),
        ("DHL\0\ud83d", "dhl"),
        ("\u00a0UPS\u200b", "ups"),
        ("", ""),
        (" _-./ ", ""),
    ],
)
def test_spelling_does_not_matter(text, key):
    assert normalise_carrier(text) == key


def test_different_services_stay_different():
    assert len({normalise_carrier(text) for text in ("DHL", "DHL Paket", "DHL Express", "DHL2")}) == 4


@given(st.text(max_size=300))
def test_a_key_is_its_own_key_and_fits_the_column(text):
    key = normalise_carrier(text)
    assert normalise_carrier(key) == key
    assert len(key) <= 200
    assert key == key.strip()
