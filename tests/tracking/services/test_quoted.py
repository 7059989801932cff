"""What is taken out of a customer's text, and what is left in it."""

from __future__ import annotations

import pytest

from tracking.services.quoted import MOST_QUOTES, MOST_TEXT, QuoteKind, quotes_in

MAIL = """Subject: Re: AW: Where is it?

Hello, I ordered on 3.11.2026 at 14:30 for 49.90 EUR and still wait for my order no. CT-77001.
The carrier shows  1Z 999 AA1 01 2345 6784  (https://www.ups.com/track?tracknum=1Z999AA10123456784&loc=de_DE).
Call me: +49 30 901820. Erika Muster, 10115 Berlin

On Mon, 2 Nov 2026, shop <service@shop.example> wrote:
> Thank you for your order, Erika <Erika.Muster@Example.COM>!
"""


def texts(text: str, kind: QuoteKind | None = None) -> list[str]:
    return [quote.text for quote in quotes_in(text) if kind in (None, quote.kind)]


def test_whole_email_gives_its_numbers_and_addresses() -> None:
    assert {"CT-77001", "1Z999AA10123456784"} <= set(texts(MAIL, QuoteKind.NUMBER))
    assert texts(MAIL, QuoteKind.EMAIL) == ["service@shop.example", "erika.muster@example.com"]
    assert texts(MAIL)[0] in ("CT-77001", "1Z999AA10123456784")


@pytest.mark.parametrize("noise", ["3.11.2026", "14:30", "49.90", "2026", "EUR", "Berlin", "Nov"])
def test_days_times_prices_and_words_are_no_numbers(noise: str) -> None:
    assert noise not in texts(MAIL)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("where is my parcel 0034 0434 1610 9412 3456?", "00340434161094123456"),
        ("Bestellung Nr. 2026 bitte", "2026"),
        ("Order #100234, thanks", "100234"),
        ("ma commande: FR_2026-00017.", "FR_2026-00017"),
        ("https://parcel.example/t/JJD014600003SE/view", "JJD014600003SE"),
        ("przesyłka rr123456785pl", "rr123456785pl"),
        ("7C1F9C62-6C9E-4B0E-8A55-2D1C5A9E0001", "7c1f9c62-6c9e-4b0e-8a55-2d1c5a9e0001"),
        ("id " + "A" * 32, "a" * 32),
        ("the code was k7mq 2xrt I think", "K7MQ-2XRT"),
        ("K7MQ-2XRT", "K7MQ-2XRT"),
        ("k 7 m q 2 x r t", "K7MQ-2XRT"),
        ("<mailto:O'Brien@example.com>", "mailto"),
        ("order CT\u201377001, please", "CT-77001"),  # a hyphen that a mail program made a dash
        ("CT\u201177001", "CT-77001"),
        ("CT\u201377001", "CT\u201377001"),  # and an order number that has one
        ("1Z\u00a0999\u00a0AA1\u00a001\u00a02345\u00a06784", "1Z999AA10123456784"),
        ("number \u200e1Z999AA1\u200b0123456784\u202c", "1Z999AA10123456784"),  # copied from a page
    ],
)
def test_quote_is_taken_out_of(text: str, expected: str) -> None:
    found = texts(text)
    assert ("o'brien@example.com" if expected == "mailto" else expected) in found


@pytest.mark.parametrize("text", ["", "   ", "\x00", "\n\n", "Hello,\nwhere is it?\nBye"])
def test_nothing_is_quoted_in(text: str) -> None:
    assert texts(text) == []


def test_short_text_counts_as_it_stands() -> None:
    assert texts(" Web Order-A \n".strip())[0] == "Web Order-A"
    assert texts("erika@example.com") == ["erika@example.com"]


def test_eight_letters_are_no_code_without_digit_or_hyphen() -> None:
    assert texts("the\nPWRDWNTS thing", QuoteKind.CODE) == []


def test_enormous_text_is_cut_and_gives_so_many_quotes_at_most() -> None:
    text = "\n".join(f"CT-{number}" for number in range(100_000, 110_000))
    found = quotes_in(text + " LAST-99999")
    assert len(found) == MOST_QUOTES
    assert len(quotes_in("x" * MOST_TEXT * 50 + "\nCT-1")) <= MOST_QUOTES
