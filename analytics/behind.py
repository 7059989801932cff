"""A figure → the parcels behind it: the same flags and days that the roll-ups were counted by, asked of the facts.

Where a page shows a number, ``behind(...)`` is the list that it opens; as many rows as the number says, unless parcels
changed in between.
"""

from __future__ import annotations

from django.db.models import BigIntegerField, ExpressionWrapper, F, QuerySet

from analytics.filters import Filters
from analytics.kpi import KPI, Part
from analytics.models import ParcelFact
from analytics.names import BIT


def behind(kpi: KPI, filters: Filters, part: str = "numerator", kind: str = "") -> QuerySet[ParcelFact]:
    """The facts of one part ("numerator", "denominator", "left_out", "undecided") of this KPI, or of one kind that it
    splits into. Raises KeyError for no such part or kind.
    """
    wanted = part_of(kpi, part, kind)
    mask, without = (sum(BIT[name] for name in names) for names in (wanted.flags, wanted.without))
    facts = filters.facts()
    if mask or without:
        bits = ExpressionWrapper(F("flags").bitand(mask | without), output_field=BigIntegerField())
        facts = facts.alias(bits=bits).filter(bits=mask)
    return facts.filter(wanted.condition(filters)) if wanted.condition else facts


def part_of(kpi: KPI, part: str, kind: str) -> Part:
    if not kind:
        return kpi.parts[part]
    if kpi.kinds is None:
        raise KeyError(kind)
    return kpi.kinds(kind)
