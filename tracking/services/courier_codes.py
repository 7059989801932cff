"""Codes that couriers send and nobody has read yet: what to look at, with samples, and the rule for each.

SeenCode (counted per scan) ─> unknown subtag or tag, or a code that AfterShip could only call "exception"
                             └─ a status rule reads it ─> no longer to be looked at
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from stores.models import Courier, StatusRule
from tracking.enums import ParcelStatus
from tracking.models import SeenCode
from tracking.payloads.from_aftership import KNOWN_SUBTAGS, TAG_STATUS, status_of

VAGUE_SUBTAGS = ("Exception_001",)  # "unspecified exception": the courier's own code may say more
MOST_SHOWN = 500


@dataclass(frozen=True)
class CodeLine:
    """One code with what AfterShip made of it, what that is to us, and the rule that reads it (None: none does)."""

    seen: SeenCode
    status: ParcelStatus
    rule: StatusRule | None
    courier: str  # the slug that a rule for it can name; "" where our list of couriers does not have it

    @property
    def kind(self) -> str:
        """What a rule for it would name: the courier's own code, or AfterShip's subtag where there is none."""
        return "raw" if self.seen.raw_tag else "subtag"

    @property
    def code(self) -> str:
        return self.seen.raw_tag or self.seen.subtag


def courier_codes(*, all_of_them: bool = False, courier: str = "") -> list[CodeLine]:
    """Codes by how often they were seen, the most frequent first: those to be looked at, or all; three queries."""
    rows = SeenCode.objects.select_related("sample")
    if courier:
        rows = rows.filter(courier=courier)
    if not all_of_them:
        rows = unread(rows)
    rules = {(one.code_kind, one.code, one.courier.slug if one.courier else ""): one for one in all_rules()}
    found = list(rows.order_by("-count", "pk")[:MOST_SHOWN])
    couriers = set(Courier.objects.filter(slug__in={one.courier for one in found}).values_list("slug", flat=True))
    lines = [line_of(seen, rules, couriers) for seen in found]
    return [line for line in lines if line.code and (all_of_them or line.rule is None)]


def unread(rows: QuerySet[SeenCode]) -> QuerySet[SeenCode]:
    """Those that AfterShip's documentation does not explain, or that it could not tell more about."""
    unknown = ~Q(subtag__in=[*KNOWN_SUBTAGS, ""]) | ~Q(tag__in=[*TAG_STATUS, ""])
    return rows.filter(unknown | Q(subtag__in=VAGUE_SUBTAGS) & ~Q(raw_tag=""))


def all_rules() -> Collection[StatusRule]:
    return StatusRule.objects.select_related("courier")


def line_of(seen: SeenCode, rules: dict[tuple[str, str, str], StatusRule], couriers: Collection[str]) -> CodeLine:
    codes = (("raw", seen.raw_tag), ("subtag", seen.subtag))
    found = [rules.get((kind, code, courier)) for kind, code in codes for courier in (seen.courier, "") if code]
    rule = next((one for one in found if one), None)
    status = ParcelStatus(rule.status) if rule else status_of(seen.tag, seen.subtag)
    return CodeLine(seen, status, rule, seen.courier if seen.courier in couriers else "")


def count_unread() -> int:
    """How many codes wait for somebody to read them."""
    return len(courier_codes())
