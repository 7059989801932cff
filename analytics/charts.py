"""Charts as SVG, made on the server: no script, no inline style, each with its numbers as a table.

    stacked_bars   how a whole splits, per day or per courier       lines        a rate over time, with the one before
    columns        a distribution: how many in each bucket          ranges       one value per row, with its interval
    bars           kinds by their number

Colours are classes (``c1`` … ``c5``, Okabe and Ito's, told apart by colour-blind people) that analytics.css fills for
light, dark and print; series differ by a second sign as well, also where there is no colour: dash or hatch. All texts
of a caller are escaped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify

WIDTH, HEIGHT = 480, 240
LEFT, RIGHT, TOP, BOTTOM = 50, 10, 12, 26
ROW, NAME_WIDTH, NUMBER_WIDTH, WIDE_NAME = 26, 152, 124, 240
MOST_SERIES = 5
LABEL_WIDTH = 66  # room that a label on the axis takes: closer ones are left out

Words = Callable[[float], str]


@dataclass(frozen=True)
class Series:
    """One set of values, in the order of the chart's labels; None where there is nothing to say (no sample). ``urls``:
    where each leads from the table.
    """

    name: str
    values: Sequence[float | None]
    urls: Sequence[str] = ()


@dataclass(frozen=True)
class Range:
    """One row of `ranges`: a value with its interval (both ends None where the sample is too small), and its sample.
    ``url`` is where the row leads, ``value_url`` and ``sample_url`` where its numbers lead from the table.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    sample: int = 0
    url: str = ""
    value_url: str = ""
    sample_url: str = ""


@dataclass(frozen=True)
class Chart:
    """What a page shows: the picture, the legend, and the same numbers as a table."""

    title: str
    svg: SafeString
    legend: Sequence[tuple[str, str]]  # class, name
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    is_lines: bool = False
    is_empty: bool = False  # nothing to draw: the page says so, in place of axes
    hatches: str = ""  # what the ids of its patterns begin with, where it has any


def plain(value: float) -> str:
    """``1234.5`` → "1,234.5"; whole numbers without a fraction."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def percent(value: float) -> str:
    """A share as people read it: ``0.912`` → "91.2 %"."""
    return f"{value * 100:.1f}\N{NO-BREAK SPACE}%"


def tick_words(value: float, words: Words) -> str:
    """For an axis: shares without a fraction where they have none."""
    share = f"{value * 100:.10g}"
    return f"{share}\N{NO-BREAK SPACE}%" if words is percent and len(share) <= 4 else words(value)


def stacked_bars(
    title: str, labels: Sequence[str], series: Sequence[Series], *, words: Words = plain, note: str = ""
) -> Chart:
    """One bar per label, the series on top of each other from below. Values are not negative; None counts as nothing.

    Raises ValueError for more series than there are colours, or for series that are not as long as the labels.
    """
    check(labels, series)
    highest = max((sum(one.values[at] or 0 for one in series) for at in range(len(labels))), default=0)
    top = nice_top(highest, is_whole=words is plain)
    step = (WIDTH - LEFT - RIGHT) / max(len(labels), 1)
    width = max(step * 0.78, 0.5)
    ids, bars = ids_of(title), [hatches(ids_of(title), len(series))]
    for at, label in enumerate(labels):
        below = 0.0
        for number, one in enumerate(series, 1):
            value = one.values[at] or 0
            if value > 0:
                y, height = y_of(below + value, top), value / top * plot_height()
                tip = f"{label}: {one.name} {words(value)}"
                x = LEFT + at * step + (step - width) / 2
                bars.append(bar(x, y, width, height, f"c{number}", tip))
                if number > 1:
                    bars.append(hatched(x, y, width, height, f"{ids}-c{number}"))
            below += value
    body = [*grid(top, words), *bars, *below_axis(labels, [LEFT + (at + 0.5) * step for at in range(len(labels))])]
    summary = f"{len(labels)} bars, {' and '.join(one.name for one in series)}; at most {words(top)} on the axis."
    legend = [(f"c{number}", one.name) for number, one in enumerate(series, 1)]
    svg = picture(title, summary, body)
    return Chart(title, svg, legend, *table(labels, series, words), note=note, is_empty=not highest, hatches=ids)


def columns(
    title: str,
    labels: Sequence[str],
    values: Sequence[float],
    *,
    words: Words = plain,
    name: str,
    note: str = "",
    urls: Sequence[str] = (),
) -> Chart:
    """A distribution: one column per bucket, ``labels`` name the buckets."""
    return stacked_bars(title, labels, [Series(name, values, urls)], words=words, note=note)


def lines(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    words: Words = plain,
    top: float | None = None,
    note: str = "",
) -> Chart:
    """Values over time. A gap stays a gap: None is not drawn through. ``top`` fixes the axis (1.0 for shares)."""
    check(labels, series)
    known = [value for one in series for value in one.values if value is not None]
    top = top or nice_top(max(known, default=0))
    step = (WIDTH - LEFT - RIGHT) / max(len(labels) - 1, 1)
    centres = [LEFT + at * step if len(labels) > 1 else (LEFT + WIDTH - RIGHT) / 2 for at in range(len(labels))]
    body = [*grid(top, words)]
    for number, one in reversed(list(enumerate(series, 1))):  # the first one on top of all others
        for run in unbroken(one.values):
            path = " ".join(f"{centres[at]:.1f},{y_of(one.values[at] or 0, top):.1f}" for at in run)
            body.append(format_html('<polyline class="line c{}" points="{}"/>', number, path))
        for x, value, label in zip(centres, one.values, labels, strict=True):
            if value is not None:
                body.append(dot(x, y_of(value, top), f"c{number}", f"{label}: {one.name} {words(value)}"))
    body += below_axis(labels, centres)
    summary = "; ".join(trend(one, words) for one in series)
    legend = [(f"c{number}", one.name) for number, one in enumerate(series, 1)]
    svg = picture(title, summary, body)
    return Chart(title, svg, legend, *table(labels, series, words), note=note, is_lines=True, is_empty=not known)


def ranges(
    title: str, rows: Sequence[Range], *, words: Words = plain, top: float | None = None, note: str = ""
) -> Chart:
    """One row per courier, lane or store: a dot for its value, a whisker for its interval, and its sample size."""
    known = [value for one in rows for value in (one.value, one.high) if value is not None]
    top = top or nice_top(max(known, default=0))
    left, right = NAME_WIDTH, WIDTH - NUMBER_WIDTH
    height = TOP + len(rows) * ROW + BOTTOM

    def x_of(value: float) -> float:
        return left + min(max(value / top, 0), 1) * (right - left)

    body: list[SafeString] = []
    for tick in ticks(top):
        x = x_of(tick)
        body.append(line("grid", x, TOP, x, height - BOTTOM))
        body.append(text(x, height - 8, tick_words(tick, words), "middle"))
    for at, one in enumerate(rows):
        y = TOP + at * ROW + ROW / 2
        name = text(left - 8, y + 4, shortened(one.name), "end")
        body.append(format_html('<a href="{}">{}</a>', one.url, name) if one.url else name)
        if one.low is not None and one.high is not None:
            body.append(line("whisker", x_of(one.low), y, x_of(one.high), y))
        if one.value is not None:
            body.append(dot(x_of(one.value), y, "c1", f"{one.name}: {words(one.value)}, n = {one.sample:,}", 4))
        said = words(one.value) if one.value is not None else "too few"
        body.append(text(right + 8, y + 4, f"{said} · n {one.sample:,}", "start"))
    cells = [
        [
            one.name,
            linked(said_of(one.value, words), one.value_url if one.value is not None else ""),
            said_of(one.low, words),
            said_of(one.high, words),
            linked(f"{one.sample:,}", one.sample_url),
        ]
        for one in rows
    ]
    summary = f"{len(rows)} rows, the value as a dot, its 95 % interval as a line."
    svg = picture(title, summary, body, height=height, has_links=any(one.url for one in rows))
    return Chart(title, svg, [], ["", "Value", "Low", "High", "n"], cells, note=note, is_empty=not rows)


def bars(title: str, rows: Sequence[Range], *, words: Words = plain, note: str = "", name: str = "") -> Chart:
    """One horizontal bar per kind, as long as its value: reasons, causes, whatever has a name and a number."""
    top = nice_top(max((one.value or 0 for one in rows), default=0))
    left, right, height = WIDE_NAME, WIDTH - 70, TOP + len(rows) * ROW + 4
    body: list[SafeString] = []
    for at, one in enumerate(rows):
        value, y = one.value or 0, TOP + at * ROW
        label = text(left - 8, y + ROW / 2 + 4, shortened(one.name, 30), "end")
        body.append(format_html('<a href="{}">{}</a>', one.url, label) if one.url else label)
        width = max(value / top * (right - left), 0.5)
        body.append(bar(left, y + 4, width, ROW - 8, "c1", f"{one.name}: {words(value)}"))
        body.append(text(left + width + 6, y + ROW / 2 + 4, words(value), "start"))
    cells = [[one.name, linked(words(one.value or 0), one.url)] for one in rows]
    summary = f"{len(rows)} bars, the longest first."
    svg = picture(title, summary, body, height=height, has_links=any(one.url for one in rows))
    return Chart(title, svg, [], ["", name or "Number"], cells, note=note, is_empty=not rows)


def check(labels: Sequence[str], series: Sequence[Series]) -> None:
    if len(series) > MOST_SERIES:
        raise ValueError(f"{len(series)} series, but {MOST_SERIES} colours that can be told apart")
    if any(len(one.values) != len(labels) for one in series):
        raise ValueError("a series is not as long as the labels")


def plot_height() -> float:
    return HEIGHT - TOP - BOTTOM


def y_of(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * plot_height()


TOPS = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10)  # their quarters are numbers that people like


def nice_top(most: float, *, is_whole: bool = False) -> float:
    """The end of an axis of four parts, not below the largest value; ``is_whole``: all its ticks are whole numbers."""
    if most <= 0:
        return 4 if is_whole else 1
    power = 10 ** math.floor(math.log10(most))
    tops = (factor * scale for scale in (power, 10 * power) for factor in TOPS)
    return next(top for top in tops if top >= most * (1 - 1e-9) and not (is_whole and top % 4))


def ticks(top: float) -> list[float]:
    return [top * part / 4 for part in range(5)]


def grid(top: float, words: Words) -> list[SafeString]:
    found = []
    for tick in ticks(top):
        y = y_of(tick, top)
        found.append(line("grid", LEFT, y, WIDTH - RIGHT, y))
        found.append(text(LEFT - 6, y + 4, tick_words(tick, words), "end"))
    return found


def below_axis(labels: Sequence[str], centres: Sequence[float]) -> list[SafeString]:
    """As many of the labels as have room, evenly chosen, the first always among them."""
    if not labels:
        return []
    room = max(int((WIDTH - LEFT - RIGHT) / LABEL_WIDTH), 1)
    every = math.ceil(len(labels) / room)
    shown = range(0, len(labels), every)
    return [text(min(centres[at], WIDTH - RIGHT - 24), HEIGHT - 8, labels[at], "middle") for at in shown]


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> SafeString:
    ends = (f"{one:.1f}" for one in (x1, y1, x2, y2))
    return format_html('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>', kind, *ends)


def bar(x: float, y: float, width: float, height: float, kind: str, tip: str) -> SafeString:
    place = (f"{x:.2f}", f"{y:.2f}", f"{width:.2f}", f"{height:.2f}")
    shape = '<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
    return format_html(shape, kind, *place, tip)


def hatched(x: float, y: float, width: float, height: float, pattern: str) -> SafeString:
    """The sign of a series over its bar; nothing on it is said twice."""
    place = (f"{x:.2f}", f"{y:.2f}", f"{width:.2f}", f"{height:.2f}")
    shape = '<rect class="over" fill="url(#{})" x="{}" y="{}" width="{}" height="{}"/>'
    return format_html(shape, pattern, *place)


STROKE = format_html('<line class="hatch" x1="{0}" x2="{0}" y2="5"/>', 2.5)
SPOT = format_html('<circle class="spot" cx="{0}" cy="{0}" r="{1}"/>', 2.5, 1.1)
# What tells the second to the fifth series apart where colours cannot: how the tile is turned, and what is on it.
HATCHES = {
    2: ("45", STROKE),
    3: ("0", SPOT),
    4: ("-45", STROKE),
    5: ("90", STROKE),
}


def hatches(ids: str, number: int) -> SafeString:
    """The patterns of so many series; the first has none."""
    units = 'width="5" height="5" patternUnits="userSpaceOnUse"'
    shape = f'<pattern id="{{}}-c{{}}" {units} patternTransform="rotate({{}})">{{}}</pattern>'
    made = ((ids, one, *HATCHES[one]) for one in range(2, number + 1))
    return format_html("<defs>{}</defs>", format_html_join("", shape, made)) if number > 1 else SafeString("")


def dot(x: float, y: float, kind: str, tip: str, radius: float = 2.5) -> SafeString:
    shape = '<circle class="dot {}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>'
    return format_html(shape, kind, f"{x:.1f}", f"{y:.1f}", radius, tip)


def text(x: float, y: float, words: str, anchor: str) -> SafeString:
    return format_html('<text x="{}" y="{}" text-anchor="{}">{}</text>', f"{x:.1f}", f"{y:.1f}", anchor, words)


def shortened(name: str, most: int = 18) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def unbroken(values: Sequence[float | None]) -> Iterable[list[int]]:
    """Positions of values in a row that are all known, one list per row of two or more."""
    run: list[int] = []
    for at, value in enumerate([*values, None]):
        if value is not None:
            run.append(at)
            continue
        if len(run) > 1:
            yield run
        run = []


def trend(one: Series, words: Words) -> str:
    known = [value for value in one.values if value is not None]
    if not known:
        return f"{one.name}: nothing known"
    ends = f"from {words(known[0])} to {words(known[-1])}"
    return f"{one.name}: {ends}, at least {words(min(known))}, at most {words(max(known))}"


def said_of(value: float | None, words: Words) -> str:
    return "–" if value is None else words(value)


def cell_of(series: Series, at: int, words: Words) -> str:
    value = series.values[at]
    return linked(said_of(value, words), series.urls[at] if value and series.urls else "")


def linked(words: str, url: str) -> str:
    """A cell that leads somewhere, where there is something to lead to."""
    return format_html('<a href="{}">{}</a>', url, words) if url else words


def table(labels: Sequence[str], series: Sequence[Series], words: Words) -> tuple[list[str], list[list[str]]]:
    """Headings and rows with the same numbers as the picture."""
    rows = [[label, *(cell_of(one, at, words) for one in series)] for at, label in enumerate(labels)]
    return ["", *(one.name for one in series)], rows


def ids_of(title: str) -> str:
    """What the ids within one chart begin with: titles of a page differ."""
    return f"chart-{slugify(title)}"


def picture(
    title: str, summary: str, body: Iterable[SafeString], *, height: float = HEIGHT, has_links: bool = False
) -> SafeString:
    """The SVG as a whole; what a screen reader says is the title and the summary, the rest is in the table.

    An image with links in it is a group: what is inside an image cannot be reached.
    """
    ids = ids_of(title)
    inner = format_html_join("", "{}", ((one,) for one in body))
    opening = '<svg class="chart" viewBox="0 0 {} {}" role="{}" aria-labelledby="{}-t {}-d">'
    words = '<title id="{}-t">{}</title><desc id="{}-d">{}</desc>{}</svg>'
    role = "group" if has_links else "img"
    return format_html(opening + words, WIDTH, height, role, ids, ids, ids, title, ids, summary, inner)
