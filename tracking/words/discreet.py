"""Carriers' own words, without the people in them: a link may be passed on, and others see what it shows.

    "Handed to A. Muster, Lindenstr. 5"  →  "Handed to …, …"

The words of a delivery are not shown at all: they mostly say who took it. What is known by its form goes (e-mail
addresses, telephone numbers, streets with a house number), and what follows words such as "signed by".
"""

from __future__ import annotations

import re
import unicodedata

from config.redaction import redact_text

HIDDEN = "…"
LONGEST = 240
TELLING_TAGS = frozenset({"Delivered"})

_END = r"[^,;.:()\n|/]*(?:\.(?=[^\s,;|]| ?[A-ZÀ-Þ])[^,;.:()\n|/]*)*"
_WHO = re.compile(
    r"(?i)\b("
    r"sign(?:ed|ature)(?: for)?(?: by)?|received by|accepted by|collected by|picked up by|taken by|refused by"
    r"|(?:handed|given|delivered|released)(?: over)? to|left with|neighbou?r|recipient|consignee|addressee|c/o|attn\.?"
    r"|unterschrift(?: von)?|unterschrieben von|übergeben an|zugestellt an|abgegeben bei|angenommen von|abgeholt von"
    r"|ausgehändigt an|nachbar(?:n|in)?|empfänger(?:in)?|hinterlegt bei"
    r"|signé par|remis à|reçu par|voisin|voisine|destinataire"
    r"|firmado por|entregado a|recibido por|recogido por|vecino|vecina|destinatario"
    r"|firmato da|consegnato a|ricevuto da|ritirato da|vicino di casa"
    r"|getekend door|overhandigd aan|ontvangen door|opgehaald door|buren|buur|geadresseerde"
    r"|podpisane przez|doręczono do rąk|odebrane przez|odebrał[ao]?|sąsiad(?:owi|a)?|adresat"
    r"|undertecknad av|överlämnad till|mottagen av|hämtad av|granne|mottagare"
    r")\b(?!\s+(?:the\s+)?(?:carrier|courier)\s*(?:[.,;]|$))(\s*[:=-]?\s*)" + _END
)
_PHONE = re.compile(r"(?<![\w.-])(?:\+|\(?0)\d?[\d ()/.-]{6,}\d(?![\w-])")
_STREET_AFTER = re.compile(
    r"(?i)\b[\w.'-]*(?:stra(?:ß|ss)e|str\.|weg|allee|platz|gasse|gatan|vägen|straat|laan)\s*\d+\s?[a-z]?\b"
    r"|\b(?:rue|avenue|av\.|calle|c/|via|ul\.|ulica|plaza|piazza|rua)\s+[^,;\d]{1,60},?\s*\d+\w?\b"
)
_STREET_BEFORE = re.compile(
    r"(?i)\b\d+\w?\s+(?:[\w.'-]+\s+){0,4}(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|close|court|way)\b\.?"
    r"|\b\d+\w?,?\s+(?:bis\s+|ter\s+)?(?:rue|avenue|boulevard|place|chemin|impasse|allée)\s+[^,;.()]{1,60}"
)


def without_people(text: str, tag: str = "") -> str:
    """The carrier's words as anybody may see them, in one line; "" for the words of a delivery."""
    if tag in TELLING_TAGS:
        return ""
    text = " ".join("".join(one if one.isprintable() else " " for one in unicodedata.normalize("NFC", text)).split())
    text = redact_text(text[: 4 * LONGEST])
    text = re.sub(r"\[(?:personal|secret|opaque)\]", HIDDEN, text)
    for pattern in (_STREET_AFTER, _STREET_BEFORE, _PHONE):
        text = pattern.sub(HIDDEN, text)
    text = _WHO.sub(rf"\1 {HIDDEN}", text)
    text = re.sub(r"(?:… ?){2,}", f"{HIDDEN} ", text).strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + HIDDEN
