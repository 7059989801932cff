"""Home: what needs people, mine first. The queues' figures are asked for once."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tracking.admin.display import BAD, DOUBTFUL, GOOD, MOVING
from tracking.admin.queues import address_of
from tracking.admin.tiles import Tile, also, oldest
from tracking.enums import ProblemKind
from tracking.services import queues
from tracking.services.queues import ALL, ME, NOBODY, QueueFigures, Selection

Figures = dict[ProblemKind, QueueFigures]


def needs(user: Any) -> list[Tile]:
    """What is mine, what is nobody's, then each queue that is not empty: the one with most overdue first."""
    found = {kind: one for kind, one in queues.figures(user).items() if one.number}
    if not found:
        return []
    ranked = sorted(
        found.values(), key=lambda one: (-one.overdue, one.due_at is None, one.due_at or timezone.now(), one.kind)
    )
    return [mine(found), nobodys(found), *(queue_tile(one) for one in ranked)]


def mine(found: Figures) -> Tile:
    number = sum(one.mine for one in found.values())
    words = ngettext("problem is yours", "problems are yours", number)
    return Tile(f"{number:,}", words, address_of(Selection(ALL, owner=ME)), MOVING if number else GOOD)


def nobodys(found: Figures) -> Tile:
    """How old the oldest of their queues is says whether somebody should take them."""
    number = sum(one.nobodys for one in found.values())
    since = min((one.oldest_at for one in found.values() if one.nobodys and one.oldest_at), default=None)
    words = ngettext("problem is nobody's", "problems are nobody's", number)
    tone = DOUBTFUL if number else GOOD
    return Tile(f"{number:,}", words, address_of(Selection(ALL, owner=NOBODY)), tone, oldest(since))


def queue_tile(one: QueueFigures) -> Tile:
    url = reverse("unrouted") if one.kind == ProblemKind.UNROUTED else address_of(Selection(one.kind))
    overdue = _("%(n)s overdue") % {"n": f"{one.overdue:,}"} if one.overdue else ""
    note = also(overdue, oldest(one.oldest_at))
    return Tile(f"{one.number:,}", one.kind.label, url, BAD if one.overdue else DOUBTFUL, note)


def summary(tiles: list[Tile]) -> str:
    """For ears: read out when it has changed."""
    return ", ".join(f"{tile.number} {tile.words}" for tile in tiles[:2])
