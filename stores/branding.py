"""What a brand's colours become: pure. Tokens as staff chose them → a palette whose texts can be read.

WCAG 2.2 AA: text needs a contrast of 4.5 to what it stands on. A pair that staff chose is checked when it is saved
(``faults``); what is derived (muted text, links, lines) is derived so that it holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

AA = 4.5
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")
LIGHT = {"colour": "#0b5fff", "on_colour": "", "background": "#f3f4f6", "surface": "#ffffff", "text": "#1f2933"}
DARK = {"colour": "", "on_colour": "", "background": "#111418", "surface": "#1c2127", "text": "#e7e9ec"}
WARNINGS = {False: ("#fff3d6", "#4a3300"), True: ("#4a3a12", "#ffedc2")}  # ground and text of what went wrong
BLACK, WHITE = "#000000", "#ffffff"

# Pairs that staff choose themselves, each as (text, ground).
PAIRS = (("on_colour", "colour"), ("text", "background"), ("text", "surface"))
NAMES = {
    "colour": "colour",
    "on_colour": "text on the colour",
    "background": "background",
    "surface": "surface",
    "text": "text",
}
FONTS = {
    "system": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    "humanist": "Optima, Candara, 'Noto Sans', 'Segoe UI', Arial, sans-serif",
    "geometric": "'Avenir Next', Avenir, Montserrat, 'Century Gothic', Arial, sans-serif",
    "serif": "Charter, 'Bitstream Charter', Cambria, Georgia, serif",
    "slab": "Rockwell, 'Rockwell Nova', 'Roboto Slab', Georgia, serif",
}


@dataclass(frozen=True)
class Palette:
    """Colours of one scheme, all ``#rrggbb``. ``link`` and ``muted`` can be read on surface and background."""

    colour: str
    on_colour: str
    background: str
    surface: str
    text: str
    muted: str
    link: str
    accent: str
    line: str
    warn: str
    on_warn: str


def channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance by WCAG: 0 is black, 1 is white."""
    shares = [value / 255 for value in channels(colour)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(one: str, other: str, share: float) -> str:
    """``share`` of one in other: 1 gives ``one``."""
    pairs = zip(channels(one), channels(other), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


def readable_on(colour: str) -> str:
    """Black or white, whichever is easier to read on it: one of them always reaches AA."""
    return max((WHITE, BLACK), key=lambda text: contrast(text, colour))


def nearest(colour: str, towards: str, grounds: tuple[str, ...], least: float = AA) -> str:
    """``colour``, as little changed towards another one as it takes to be read on all ``grounds``."""
    for tenth in range(11):
        found = mixed(towards, colour, tenth / 10)
        if all(contrast(found, ground) >= least for ground in grounds):
            return found
    return max((BLACK, WHITE), key=lambda text: min(contrast(text, ground) for ground in grounds))


def faults(tokens: Mapping[str, str], *, is_dark: bool = False) -> dict[str, str]:
    """What cannot be read, in words by the name of the text's token; both colours and their contrast are named."""
    chosen = completed(tokens, is_dark=is_dark)
    found = {}
    for text, ground in PAIRS:
        ratio = contrast(chosen[text], chosen[ground])
        if ratio < AA:
            found[text] = (
                f"{chosen[text]} ({NAMES[text]}) on {chosen[ground]} ({NAMES[ground]}) has a contrast of "
                f"{ratio:.2f} to 1; {AA} to 1 is needed to be read"
            )
    return found


def completed(tokens: Mapping[str, str], *, is_dark: bool = False) -> dict[str, str]:
    """All five tokens: where one is empty or no colour, the default, or what can be read."""
    defaults = DARK if is_dark else LIGHT
    good = {name: colour for name, colour in tokens.items() if COLOUR.match(colour or "")}
    chosen = {name: good.get(name, default) for name, default in defaults.items()}
    chosen["colour"] = chosen["colour"] or LIGHT["colour"]
    chosen["on_colour"] = chosen["on_colour"] or readable_on(chosen["colour"])
    return chosen


@lru_cache(maxsize=512)
def palette_of(colour: str, on_colour: str, background: str, surface: str, text: str, is_dark: bool) -> Palette:
    """The whole palette. A pair that cannot be read (saved past the check) is mended rather than shown."""
    tokens = {"colour": colour, "on_colour": on_colour, "background": background, "surface": surface, "text": text}
    chosen = completed(tokens, is_dark=is_dark)
    grounds = (chosen["surface"], chosen["background"])
    body = nearest(chosen["text"], readable_on(chosen["surface"]), grounds)
    warn, on_warn = WARNINGS[is_dark]
    return Palette(
        colour=chosen["colour"],
        on_colour=nearest(chosen["on_colour"], readable_on(chosen["colour"]), (chosen["colour"],)),
        background=chosen["background"],
        surface=chosen["surface"],
        text=body,
        muted=nearest(mixed(body, chosen["surface"], 0.65), body, grounds),
        link=nearest(chosen["colour"], body, grounds),
        accent=nearest(chosen["colour"], body, grounds, least=3.0),
        line=mixed(body, chosen["surface"], 0.18),
        warn=warn,
        on_warn=on_warn,
    )
