"""Carrier text as merchants write it → the courier, by the mapping of the narrowest scope. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

# "™" decomposes to the letters TM: "DHL™" has to find "DHL".
TRADE_MARKS = str.maketrans("™℠", "  ")
NOT_WORD = re.compile(r"[\W_]+")
KEY_LIMIT = 200


def normalise_carrier(text: str) -> str:
    """``" DHL_Paket "`` → ``"dhlpaket"``, ``"Česká-Pošta"`` → ``"ceskaposta"``. "" where only punctuation is left.

    Case, accents, wide letters, white space, ``_``, ``-`` and punctuation make no difference. Applying it twice
    changes nothing. At most 200 characters.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text.translate(TRADE_MARKS)).casefold())
    plain = "".join(sign for sign in folded if not unicodedata.combining(sign))
    return NOT_WORD.sub("", plain)[:KEY_LIMIT]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where a mapping holds, by keys: of one channel or one store (with its project), of a project, or everywhere."""

    project: str = ""
    store: str = ""
    channel: str = ""

    def __str__(self) -> str:
        if self.channel:
            return f"channel {self.channel} of {self.project}"
        if self.store:
            return f"store {self.store} of {self.project}"
        return f"project {self.project}" if self.project else "everywhere"


EVERYWHERE = Scope()


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """One carrier mapping."""

    id: int
    version: int = 1
    carrier: str
    scope: Scope = EVERYWHERE
    courier: str
    extra_fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class CourierChoice:
    """The slug to ask for ("" = AfterShip detects), fields that go with it, and because of what."""

    slug: str
    because: str
    extra_fields: dict[str, str] = field(default_factory=dict, hash=False)
    mapping_id: int | None = None


def scopes_of(project: str, store: str, channels: Iterable[str]) -> Iterator[Scope]:
    """Where to look a text up, from the narrowest scope outwards; of several channels the first by name."""
    for channel in sorted(channels):
        yield Scope(project=project, channel=channel)
    if store:
        yield Scope(project=project, store=store)
    yield Scope(project=project)
    yield EVERYWHERE


def choose_courier(
    carrier: str,
    mappings: Sequence[Mapping],
    scopes: Iterable[Scope],
    slugs: Collection[str],
    courier_set: Sequence[str] = (),
) -> CourierChoice:
    """Carrier text → courier. ``mappings`` are those of this text, ``slugs`` what AfterShip lists.

    The narrowest mapping; else text that is exactly a slug; else the only courier that the route ships with; else it
    is left to AfterShip's detection. Names are never guessed: 149 of them belong to several couriers.
    """
    by_scope = {mapping.scope: mapping for mapping in mappings}
    for scope in scopes:
        if mapping := by_scope.get(scope):
            because = f"mapping #{mapping.id} ({scope}): '{mapping.carrier}' is {mapping.courier}"
            return CourierChoice(mapping.courier, because, dict(mapping.extra_fields), mapping.id)
    if carrier in slugs:
        return CourierChoice(carrier, f"the text '{carrier}' is AfterShip's own name")
    if len(courier_set) == 1:
        return CourierChoice(courier_set[0], f"nothing maps '{carrier}', and the route ships with this courier only")
    return CourierChoice("", f"nothing maps '{carrier}': left to AfterShip's detection")
