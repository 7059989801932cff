"""What a customer wrote → what it may quote: numbers, ids, codes and e-mail addresses, the likeliest first.

    "Hello, where is my order CT-1001 (1Z 999 AA1 01 2345 6784)? Erika, erika@example.com"
        └─> CT-1001, 1Z999AA10123456784, erika@example.com

Pure. Takes one number as well as a whole pasted e-mail with the ones before it. Dates, times, prices and years are left
out where nothing says that they are numbers; what is taken by mistake finds nothing, since all but short texts are
compared as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from config.correlation import ALPHABET, normalise

MOST_TEXT = 20_000
MOST_QUOTES = 40
LONGEST_SINGLE = 60  # a text up to this length, on one line, is taken as one number too
SHORTEST = 4
LONGEST_RUN = 8  # groups of one number that is written with spaces
LONGEST_NUMBER = 100

EMAIL = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
UUID = re.compile(r"(?<![\w-])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![\w-])", re.IGNORECASE)
HEX = re.compile(r"(?<!\w)[0-9a-f]{32}(?!\w)", re.IGNORECASE)
CODE = re.compile(rf"(?<![\w-])[{ALPHABET}]{{4}}[ -]?[{ALPHABET}]{{4}}(?![\w-])", re.IGNORECASE)
WORD = re.compile(r"[A-Za-z0-9]+(?:[-_/.][A-Za-z0-9]+)*")
NO_NUMBER = re.compile(
    r"""(?:19|20)\d\d|                             # a year
        \d{1,4}[./-]\d{1,2}[./-]\d{1,4}|           # a day
        \d{1,2}[./]\d{1,2}|
        \d{1,3}(?:[.]\d{3})*[.]\d\d""",  # a price
    re.VERBOSE,
)
# What mail programs and web pages make of hyphens and spaces, and the signs without width that they put into numbers.
PLAIN = {
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-"),
    **dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f"), " "),
    **dict.fromkeys([0xAD, 0x2060, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)]),
}
TIME = re.compile(r"\b\d{1,2}[:h]\d{2}(?::\d{2})?\b")
# What stands before a number in the eight languages of our shoppers, in small letters, by its beginning.
HINTS = (
    "order", "bestell", "auftrag", "commande", "pedido", "ordine", "orden", "zamówieni", "beställning", "ordernr",
    "track", "sendung", "paket", "parcel", "colis", "suivi", "envío", "seguimiento", "spedizione", "zending",
    "przesył", "försändelse", "number", "nummer", "numéro", "número", "numero", "numer", "code", "id", "nr", "no",
)  # fmt: skip
NAMES = {"nr", "no", "number", "nummer", "numéro", "número", "numero", "numer", "order", "bestellung", "id"}


class QuoteKind(StrEnum):
    EMAIL = "email"
    CODE = "code"
    ID = "id"
    NUMBER = "number"


@dataclass(frozen=True)
class Quote:
    """One thing that the text may quote, as it was written; ``weight``: how likely it is meant."""

    kind: QuoteKind
    text: str
    weight: int


def quotes_in(text: str) -> list[Quote]:
    """At most MOST_QUOTES, the likeliest first, each once; of a longer text than MOST_TEXT its beginning counts."""
    given = text.replace("\x00", "")[:MOST_TEXT].strip()
    text = given.translate(PLAIN)
    found = [*single(text), *single(given), *addresses(text), *ids(text), *codes(text)]
    rest = HEX.sub(" ", UUID.sub(" ", EMAIL.sub(" ", text)))
    found += [quote for line in rest.splitlines() for quote in numbers(line)]
    first: dict[str, Quote] = {}
    for quote in sorted(found, key=lambda one: -one.weight):
        first.setdefault(quote.text.lower(), quote)
    return list(first.values())[:MOST_QUOTES]


def is_single(text: str) -> bool:
    """Whether it may be one number as it stands, and nothing else."""
    return 0 < len(text) <= LONGEST_SINGLE and "\n" not in text and "@" not in text


def single(text: str) -> Iterator[Quote]:
    """A short text as it stands: order numbers may be any words. Read out loud, a code may be one as well."""
    if not is_single(text):
        return
    if CODE.fullmatch(normalise(text)):
        yield Quote(QuoteKind.CODE, normalise(text), 100)
    elif UUID.fullmatch(text) or HEX.fullmatch(text):
        return  # they are found as what they are
    yield Quote(QuoteKind.NUMBER, text, 95)


def addresses(text: str) -> Iterator[Quote]:
    for match in EMAIL.finditer(text):
        yield Quote(QuoteKind.EMAIL, match.group().lower().strip("'.-"), 50)


def ids(text: str) -> Iterator[Quote]:
    """commercetools' ids and AfterShip's."""
    for pattern in (UUID, HEX):
        for match in pattern.finditer(text):
            yield Quote(QuoteKind.ID, match.group().lower(), 90)


def codes(text: str) -> Iterator[Quote]:
    """Correlation codes within a text: no eight letters without hyphen or digit, and no eight digits, pass for one."""
    for match in CODE.finditer(text):
        code = match.group()
        if any(sign.isalpha() for sign in code) and ("-" in code or any(sign.isdigit() for sign in code)):
            yield Quote(QuoteKind.CODE, normalise(code), 80)


def numbers(line: str) -> Iterator[Quote]:
    """Words with a digit, and neighbours of one line joined: numbers are often written in groups.

    What stands before one makes it likelier; a name right before it makes a number even of a year.
    """
    line = TIME.sub(" ", line)
    words = list(WORD.finditer(line))
    for position, match in enumerate(words):
        before = [one.group().lower() for one in words[max(0, position - 3) : position]]
        hint = 20 if any(word.startswith(HINTS) for word in before) else 0
        yield from alone(match.group(), hint, is_named=before[-1:] != [] and before[-1] in NAMES)
        yield from joined(line, words[position : position + LONGEST_RUN], hint)


def alone(word: str, hint: int, *, is_named: bool) -> Iterator[Quote]:
    """One word as a number, and its parts where it may be a link."""
    if is_number(word, is_named=is_named):
        yield Quote(QuoteKind.NUMBER, word, weight_of(word) + hint)
    for part in re.split(r"[/.]", word) if "/" in word or "." in word else ():
        if part != word and is_number(part):
            yield Quote(QuoteKind.NUMBER, part, weight_of(part) - 5)


def is_number(word: str, *, is_named: bool = False) -> bool:
    """Long enough, with a digit, and no day, year or price unless it is named a number."""
    if not SHORTEST <= len(word) <= LONGEST_NUMBER or not any(sign.isdigit() for sign in word):
        return False
    return is_named or NO_NUMBER.fullmatch(word) is None


def weight_of(word: str) -> int:
    """Long ones, and those of letters and digits, are numbers rather than amounts."""
    is_mixed = any(sign.isalpha() for sign in word)
    return 40 + (10 if len(word) >= 10 else 0) + (10 if is_mixed else 0)


def joined(line: str, words: list[re.Match[str]], hint: int) -> Iterator[Quote]:
    """``1Z 999 AA1``, ``0034 0434``: groups with one space between them, from the first of ``words`` on."""
    run = ""
    for position, match in enumerate(words):
        if not is_group(match.group()) or (position and line[words[position - 1].end() : match.start()] != " "):
            return
        run += match.group()
        if position and is_number(run) and len(run) >= 8:
            yield Quote(QuoteKind.NUMBER, run, 45 + position + hint)


def is_group(word: str) -> bool:
    """A part of a number in groups: digits, or capital letters with or without."""
    return word.isalnum() and len(word) <= 12 and (word.isdigit() or word.isupper())
