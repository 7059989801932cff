from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.payloads.times import NO_TIMES, Times, parse_date, parse_times, parse_utc


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant", "local"),
    [
        ("2026-12-01T10:00:00Z", at(2026, 12, 1, 10), datetime(2026, 12, 1, 10)),
        ("2026-12-01T10:00:00.000Z", at(2026, 12, 1, 10), datetime(2026, 12, 1, 10)),
        ("2026-12-01T10:00:00+00:00", at(2026, 12, 1, 10), datetime(2026, 12, 1, 10)),
        ("2026-12-01T00:30:00+02:00", at(2026, 11, 30, 22, 30), datetime(2026, 12, 1, 0, 30)),
        ("2026-12-01T22:30:00-0330", at(2026, 12, 2, 2), datetime(2026, 12, 1, 22, 30)),
        ("2026-12-01T10:00:00+01", at(2026, 12, 1, 9), datetime(2026, 12, 1, 10)),
        ("2026-12-01 10:00:00Z", at(2026, 12, 1, 10), datetime(2026, 12, 1, 10)),
        ("2026-12-01T10:00:00.5Z", at(2026, 12, 1, 10, 0, 0, 500000), datetime(2026, 12, 1, 10, 0, 0, 500000)),
        (
            "2026-12-01T10:00:00.123456789012Z",
            at(2026, 12, 1, 10, 0, 0, 123456),
            datetime(2026, 12, 1, 10, 0, 0, 123456),
        ),
        ("2026-12-01T10:00:00", None, datetime(2026, 12, 1, 10)),
        ("2026-12-01T10:00:00.1234567", None, datetime(2026, 12, 1, 10, 0, 0, 123456)),
        ("2026-12-01T10:00", None, datetime(2026, 12, 1, 10)),
        ("2026-12-01", None, datetime(2026, 12, 1)),
        (" 2026-12-01\n", None, datetime(2026, 12, 1)),
    ],
)
def test_an_offset_is_used_where_given_and_never_guessed(text, instant, local):
    assert parse_times(text) == Times(instant, local)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13-01",
        "2026-02-30T10:00:00Z",
        "2026-12-01T24:00:00Z",
        "2026-12-01T10:00:60Z",
        "2026-12-01T10:00:00+25:00",
        "2026-12-01T10:00:00+01:75",
        "2026-12-01T10",
        "2026-12-01Z",
        "20261201",
        "01.12.2026",
        "2026-12-01T10:00:00ZZ",
        "2026-12-01T10:00:00.Z",
        "٢٠٢٦-١٢-٠١",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_what_is_no_time_of_ours_gives_neither_form(text):
    assert parse_times(text) == NO_TIMES


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-01T10:00:00", at(2026, 12, 1, 10)),
        ("2026-12-01T10:00:00+01:00", at(2026, 12, 1, 9)),
        ("2026-12-01", None),
        ("soon", None),
    ],
)
def test_a_field_documented_as_utc_needs_no_offset_but_a_time(text, instant):
    assert parse_utc(text) == instant


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-12-01", date(2026, 12, 1)),
        ("2026-12-01T23:59:59-08:00", date(2026, 12, 1)),
        ("2026-12-01T00:10:00+13:00", date(2026, 12, 1)),
        ("", None),
        ("next week", None),
    ],
)
def test_the_day_is_the_one_written(text, day):
    assert parse_date(text) == day


@given(st.text(max_size=40) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.+Z-]{0,20}", fullmatch=True))
def test_no_text_raises(text):
    parse_times(text)
    parse_utc(text)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 12, 30), timezones=st.timezones()))
def test_iso_text_round_trips(moment):
    # Historical zones have offsets with seconds, which no upstream writes.
    if moment.utcoffset().total_seconds() % 60:
        return
    assert parse_times(moment.isoformat()) == Times(moment.astimezone(UTC), moment.replace(tzinfo=None, fold=0))
