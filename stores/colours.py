"""Colours as WCAG 2 measures them: how well text reads on a background, and the nearest shade that reads well enough.

Colours are ``#rrggbb``. AA asks 4.5 to 1 of text, 3 to 1 of what is large or is no text.
"""

from __future__ import annotations

WHITE, BLACK = "#ffffff", "#000000"
AA = 4.5


def channels(colour: str) -> tuple[int, int, int]:
    """Red, green and blue from 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance, 0 for black and 1 for white."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21; which of them is the text does not matter."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def text_on(background: str) -> str:
    """White or black, whichever reads better on it: one of them always has 4.5 to 1."""
    return max(WHITE, BLACK, key=lambda one: contrast(one, background))


def mixed(colour: str, other: str, share: float) -> str:
    """``colour`` with this share of ``other`` in it."""
    pairs = zip(channels(colour), channels(other), strict=True)
    return "#" + "".join(f"{round(mine + (theirs - mine) * share):02x}" for mine, theirs in pairs)


def readable(colour: str, background: str, least: float = AA) -> str:
    """The colour itself where it reads on the background, else mixed with white or black until it does."""
    towards = text_on(background)
    shades = (mixed(colour, towards, step / 20) for step in range(21))
    return next((shade for shade in shades if contrast(shade, background) >= least), towards)
