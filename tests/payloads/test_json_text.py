import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.payloads.documents import SCALARS, parses_or_refuses
from tracking.payloads.errors import PayloadError
from tracking.payloads.json_text import clean_text, loads, split_list


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{} x",
        b"\xff{}",
        b"\xef\xbb\xbf{}",
        b'"\xed\xa0\x80"',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b"[-1e400]",
        b"9" * 5_000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{'a': 1}",
        b'"a\nb"',
    ],
)
def test_what_is_not_strict_json_is_refused(raw):
    with pytest.raises(PayloadError) as caught:
        loads(raw)
    assert caught.value.path == ""


def test_json_comes_out_as_it_is():
    assert loads('{"a": [1, 2.5, null, true, "Zürich \\ud83d\\ude00"]}'.encode()) == {
        "a": [1, 2.5, None, True, "Zürich 😀"]
    }


@given(st.binary(max_size=60))
def test_any_bytes_give_json_or_a_payload_error(raw):
    parses_or_refuses(loads, raw)


def test_error_says_path_and_cause():
    error = PayloadError("msg.updated_at", "not a date-time")
    assert str(error) == "msg.updated_at: not a date-time"
    assert (error.path, error.cause) == ("msg.updated_at", "not a date-time")
    assert str(PayloadError("", "not JSON")) == "not JSON"


def test_list_slices_are_the_bytes_as_they_came():
    raw = ' [ {"a" : 1.50, "ü":"\\u00fc"} ,\n"x, ]" ,[1, [2]],\t1e2 , null] \r\n'.encode()
    assert split_list(raw) == ['{"a" : 1.50, "ü":"\\u00fc"}'.encode(), b'"x, ]"', b"[1, [2]]", b"1e2", b"null"]


@pytest.mark.parametrize("raw", [b"[]", b" [ \n ] "])
def test_empty_list_has_no_slices(raw):
    assert split_list(raw) == []


@pytest.mark.parametrize("raw", [b"{}", b'"[1]"', b"[1", b"[1,]", b"[1 2]", b"[NaN]"])
def test_what_is_no_list_is_not_split(raw):
    with pytest.raises(PayloadError):
        split_list(raw)


@given(
    st.lists(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=8), max_size=6), st.booleans()
)
def test_slices_parse_to_the_elements(values, is_indented):
    raw = json.dumps(values, indent=1 if is_indented else None).encode()
    assert [loads(part) for part in split_list(raw)] == loads(raw)


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("a\0b", "a␀b"),
        ("\ud83d broken", "\ufffd broken"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        ("😀", "😀"),
        ("", ""),
        ("x" * 1_001, "x" * 1_000),
    ],
)
def test_text_is_cleaned_for_the_database(given_text, kept):
    assert clean_text(given_text) == kept


def test_text_is_cut_where_asked_and_not_at_all_on_none():
    assert clean_text("abcdef", 3) == "abc"
    assert len(clean_text("x" * 5_000, None)) == 5_000


@given(st.text())
def test_clean_text_always_fits_utf8_without_nul(text):
    cleaned = clean_text(text, None)
    assert "\0" not in cleaned
    assert len(cleaned) == len(text)
    cleaned.encode()
