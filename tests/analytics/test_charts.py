"""Charts are pictures of exactly the numbers that they were given, and say the same in a table."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree

import pytest

from analytics.charts import (
    HEIGHT,
    Range,
    Series,
    bars,
    columns,
    lines,
    nice_top,
    percent,
    plain,
    ranges,
    ticks,
    unbroken,
)
from analytics.charts import stacked_bars as stacked

SVG = {"s": "http://www.w3.org/2000/svg"}


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


@pytest.mark.parametrize(
    ("most", "top"),
    [(0, 1), (0.3, 0.32), (1, 1), (1.01, 1.2), (2.2, 2.4), (7, 8), (10, 10), (23, 24), (130, 160)],
)
def test_axis_ends_at_a_round_number_not_below_the_largest_value(most: float, top: float) -> None:
    assert nice_top(most) == pytest.approx(top)


@pytest.mark.parametrize(("most", "top"), [(0, 4), (1, 4), (5, 8), (9, 12), (10, 12), (45, 60), (90, 100), (130, 160)])
def test_axis_of_numbers_of_parcels_has_no_half_parcels(most: float, top: float) -> None:
    assert nice_top(most, is_whole=True) == top
    assert all(tick == int(tick) for tick in ticks(top))


def test_series_differ_without_colour() -> None:
    """Each bar of a second to fifth series is hatched in its own way, and the patterns are there once per chart."""
    many = [Series(f"s{n}", [n]) for n in range(1, 6)]
    chart = stacked("States", ["Mon"], many)
    svg = parsed(chart.svg)
    patterns = [one.attrib["id"] for one in svg.iter(f"{{{SVG['s']}}}pattern")]
    assert patterns == [f"{chart.hatches}-c{n}" for n in range(2, 6)]
    used = [one.attrib["fill"] for one in svg.iter(f"{{{SVG['s']}}}rect") if one.attrib["class"] == "over"]
    assert used == [f"url(#{one})" for one in patterns]
    alone = stacked("Alone", ["Mon"], [Series("s", [3])])
    assert "pattern" not in alone.svg
    assert stacked("Other", ["Mon"], many).hatches != chart.hatches


def test_bars_stand_on_each_other_with_heights_in_proportion() -> None:
    svg = parsed(stacked("Parcels", ["Mon", "Tue"], [Series("on time", [60, 0]), Series("late", [40, 25])]).svg)
    bars = [one for one in svg.findall("s:rect", SVG) if one.attrib["class"] != "over"]
    heights = [float(bar.attrib["height"]) for bar in bars]
    assert heights[1] / heights[0] == pytest.approx(40 / 60, rel=1e-3)
    assert heights[2] / heights[0] == pytest.approx(25 / 60, rel=1e-3)
    lower, upper = bars[0].attrib, bars[1].attrib
    assert float(upper["y"]) + float(upper["height"]) == pytest.approx(float(lower["y"]), abs=0.02)
    assert float(lower["y"]) + float(lower["height"]) == pytest.approx(HEIGHT - 26, abs=0.02)
    assert [bar.find("s:title", SVG).text for bar in bars] == [
        "Mon: on time 60", "Mon: late 40", "Tue: late 25",
    ]  # fmt: skip


def test_table_has_the_numbers_of_the_picture_and_a_dash_where_there_is_none() -> None:
    chart = lines("On time", ["W1", "W2"], [Series("now", [0.912, None]), Series("before", [0.9, 0.85])], words=percent)
    assert chart.headings == ["", "now", "before"]
    assert chart.rows == [["W1", "91.2\xa0%", "90.0\xa0%"], ["W2", "–", "85.0\xa0%"]]


def test_a_gap_stays_a_gap() -> None:
    assert list(unbroken([1, 2, None, 4, None, 6, 7, 8])) == [[0, 1], [5, 6, 7]]
    svg = parsed(lines("x", list("abcdefgh"), [Series("s", [1, 2, None, 4, None, 6, 7, 8])]).svg)
    assert len(svg.findall("s:polyline", SVG)) == 2
    assert len(svg.findall("s:circle", SVG)) == 6


def test_bars_of_kinds_are_as_long_as_their_numbers() -> None:
    chart = bars("Why", [Range("customs", 40), Range("weather", 10, url="/x")], name="parcels")
    found = parsed(chart.svg).findall(".//s:rect", SVG)
    assert float(found[1].attrib["width"]) / float(found[0].attrib["width"]) == pytest.approx(0.25, rel=1e-2)
    assert (chart.headings, chart.rows) == (["", "parcels"], [["customs", "40"], ["weather", '<a href="/x">10</a>']])
    assert '<a href="/x">' in chart.svg


def test_range_without_a_sample_has_no_dot_and_says_so() -> None:
    rows = [Range("dhl", 0.9, 0.85, 0.94, 412), Range("evri", None, None, None, 3)]
    chart = ranges("On time by courier", rows, words=percent, top=1.0)
    svg = parsed(chart.svg)
    assert len(svg.findall("s:circle", SVG)) == 1
    assert "too few · n 3" in chart.svg
    assert chart.rows == [
        ["dhl", "90.0\xa0%", "85.0\xa0%", "94.0\xa0%", "412"],
        ["evri", "–", "–", "–", "3"],
    ]


def test_what_a_caller_says_is_escaped_everywhere() -> None:
    evil = '"><script>alert(1)</script>'
    for chart in (
        stacked(evil, [evil], [Series(evil, [1])]),
        lines(evil, [evil], [Series(evil, [1])]),
        ranges(evil, [Range(evil, 1, 0, 2, 1, url='javascript:"x')]),
    ):
        assert "<script>" not in chart.svg
        parsed(chart.svg)


def test_no_picture_needs_an_inline_style_or_script() -> None:
    svg = stacked("t", ["a"], [Series("s", [1])]).svg
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script", svg)


def test_more_series_than_colours_and_uneven_ones_are_refused() -> None:
    with pytest.raises(ValueError, match="6 series, but 5 colours"):
        stacked("t", ["a"], [Series(str(n), [1]) for n in range(6)])
    with pytest.raises(ValueError, match="not as long as the labels"):
        lines("t", ["a", "b"], [Series("s", [1])])


def test_nothing_to_show_is_an_empty_chart_not_an_error() -> None:
    for chart in (stacked("t", [], [Series("s", [])]), lines("t", [], [Series("s", [])]), ranges("t", [])):
        assert chart.is_empty
    assert columns("t", ["0-6 h"], [0], name="parcels").rows == [["0-6 h", "0"]]


def test_days_without_anything_are_empty_and_a_rate_of_zero_is_not() -> None:
    assert stacked("t", ["a", "b"], [Series("s", [0, None])]).is_empty
    assert lines("t", ["a", "b"], [Series("s", [None, None])]).is_empty
    assert not lines("t", ["a", "b"], [Series("s", [0.0, None])]).is_empty


def test_labels_that_would_overlap_are_left_out_evenly() -> None:
    labels = [f"day {n}" for n in range(90)]
    svg = parsed(lines("t", labels, [Series("s", [1.0] * 90)]).svg)
    shown = [one.text for one in svg.findall("s:text", SVG) if one.text.startswith("day")]
    assert shown[0] == "day 0"
    gaps = {int(b.split()[1]) - int(a.split()[1]) for a, b in itertools.pairwise(shown)}
    assert len(shown) <= 6
    assert len(gaps) == 1


@pytest.mark.parametrize(("value", "words"), [(1234, "1,234"), (0.25, "0.2"), (12.5, "12.5"), (3.0, "3")])
def test_plain_numbers(value: float, words: str) -> None:
    assert plain(value) == words
