import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.carriers import normalise_carrier


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("DHL", "dhl"),
        (" DHL  Paket\t", "dhlpaket"),
        ("DHL_V2", "dhlv2"),
        ("dhl-v2", "dhlv2"),
        ("--DHL__--Paket..", "dhlpaket"),
        ("U.P.S. (Ground)", "upsground"),
        ("Česká pošta", "ceskaposta"),
        ("Colis Privé", "colisprive"),
        ("Colis Prive\u0301", "colisprive"),
        ("DHL™", "dhl"),
        ("DHL®", "dhl"),
        ("ＤＨＬ", "dhl"),
        ("Groß-Post", "grosspost"),
        ("İstanbul Kargo", "istanbulkargo"),
        ("日本郵便", "日本郵便"),
        ("Почта России", "почтароссии"),
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
