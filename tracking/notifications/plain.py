"""The barest mail that is true: which order, which number, what happened. Until a brand's own texts are there."""

from __future__ import annotations

from dataclasses import dataclass

from stores.models import Brand
from stores.statuses import MessageKind


@dataclass(frozen=True)
class Rendered:
    """A mail's parts. ``subject`` is one line."""

    subject: str
    text: str
    html: str = ""


@dataclass(frozen=True)
class PlainFacts:
    """An order as far as the barest mail tells of it: (number, items) of each parcel that is news."""

    number: str
    parcels: tuple[tuple[str, str], ...]
    page_url: str


def render(kind: str, facts: PlainFacts, brand: Brand, language: str) -> Rendered:
    label = MessageKind(kind).label
    lines = [f"{number}: {items}" if items else number for number, items in facts.parcels]
    text = "\n".join([f"{brand.name}: {label}", "", f"Order {facts.number}", *lines, "", facts.page_url, ""])
    return Rendered(f"{brand.name}: {label} ({facts.number})", text)
