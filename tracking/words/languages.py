"""The languages that shoppers are spoken to in, which of them fits, and how a day is written in it.

Adding one is a step of its own: docs/languages.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, match_skeleton
from django.conf import settings
from django.utils import translation

SOURCE = "en"  # the language of the sentences in the source
LANGUAGES: dict[str, str] = dict(settings.LANGUAGES)
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})


def tag(locale: str) -> str:
    """``de_ch`` → ``de-CH``: the form of BCP 47, as it stands in ``lang`` and ``Content-Language``."""
    language, *rest = locale.strip().replace("_", "-").split("-")
    return "-".join([language.lower(), *(part.upper() if len(part) == 2 else part for part in rest)])


def base(locale: str) -> str:
    """``de-CH`` → ``de``."""
    return tag(locale).partition("-")[0]


def is_spoken(locale: str) -> bool:
    """Are the sentences there in this language?"""
    return base(locale) in LANGUAGES


def choose(wanted: Iterable[str], enabled: Iterable[str]) -> str:
    """The first of ``wanted`` that a brand speaks, as exactly as it can; else the first of ``enabled``; else English.

    ``enabled`` is the brand's chain, best first: a shopper of ``de-AT`` gets ``de-AT`` where it is enabled, else
    ``de``, else another German, else the brand's first language. What is not spoken at all is passed over.
    """
    spoken = [tag(locale) for locale in enabled if is_spoken(locale)]
    for locale in (tag(one) for one in wanted if one):
        for match in (locale, base(locale)):
            if match in spoken:
                return match
        alike = [one for one in spoken if base(one) == base(locale)]
        if alike:
            return alike[0]
    return spoken[0] if spoken else SOURCE


def name_among(locale: str, others: Iterable[str]) -> str:
    """``Deutsch``; ``Deutsch (Österreich)`` where another German stands beside it."""
    is_alone = sum(base(one) == base(locale) for one in others) < 2
    name = None if is_alone else babel_locale(locale).get_display_name()
    return name[:1].upper() + name[1:] if name else LANGUAGES[base(locale)]


def speaking(language: str) -> AbstractContextManager[None]:
    """Within the block, sentences come in this language."""
    return translation.override(tag(language).lower())


def direction(language: str) -> str:
    """For ``dir``."""
    return "rtl" if base(language) in RIGHT_TO_LEFT else "ltr"


def pick(texts: Mapping[str, str], language: str, chain: Iterable[str] = ()) -> str:
    """The text in ``language``, in its nearest relative, in one of ``chain``, in English, or whatever there is."""
    by_tag = {tag(locale): text for locale, text in texts.items() if text}
    for locale in (language, *chain, SOURCE):
        match = tag(locale)
        found = by_tag.get(match) or by_tag.get(base(match))
        found = found or next((text for other, text in sorted(by_tag.items()) if base(other) == base(match)), "")
        if found:
            return found
    return next((text for _, text in sorted(by_tag.items())), "")


@lru_cache(maxsize=64)
def babel_locale(language: str) -> Locale:
    """Babel's rules for a language, with the region where Babel knows it."""
    for locale in (tag(language), base(language), SOURCE):
        try:
            return Locale.parse(locale, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError("Babel has English")


@lru_cache(maxsize=128)
def day_pattern(language: str, *, with_year: bool) -> str:
    """Babel's pattern for a day, with the weekday in full: its own shorten it."""
    skeletons = babel_locale(language).datetime_skeletons
    name = match_skeleton("yMMMMEEEEd" if with_year else "MMMMEEEEd", skeletons)
    return re.sub("E+", "EEEE", skeletons[name].pattern) if name else "EEEE, y-MM-dd"


def day(on: date, language: str, today: date | None = None) -> str:
    """``Wednesday, December 3``; with the year where it is not this one (or ``today`` is not known)."""
    pattern = day_pattern(language, with_year=today is None or on.year != today.year)
    return format_date(on, pattern, locale=babel_locale(language))


def clock(at: datetime, language: str) -> str:
    """``4:05 PM``, ``16:05``: the clock on the wall, no zone."""
    return format_time(at.time(), "short", locale=babel_locale(language)).replace("\N{NARROW NO-BREAK SPACE}", " ")
