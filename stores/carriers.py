"""Carrier text as merchants write it → the key under which a mapping is looked up."""

from __future__ import annotations

import re
import unicodedata

# "™" decomposes to the letters TM: "DHL™" has to find "DHL".
TRADE_MARKS = str.maketrans("™℠", "  ")
NOT_WORD = re.compile(r"[\W_]+")
KEY_LIMIT = 200


def normalise_carrier(text: str) -> str:
    """``" DHL_Paket "`` → ``"dhl paket"``, ``"Česká-Pošta"`` → ``"ceska posta"``. "" where only punctuation is left.

    Case, accents, wide letters, and any run of white space, ``_``, ``-`` and punctuation make no difference. Applying
    it twice changes nothing. At most 200 characters.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text.translate(TRADE_MARKS)).casefold())
    plain = "".join(sign for sign in folded if not unicodedata.combining(sign))
    return NOT_WORD.sub(" ", plain).strip()[:KEY_LIMIT].rstrip()
