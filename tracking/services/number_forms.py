"""What numbers look like, and with which courier numbers of that look moved: learned from our own trackings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db import connection

from tracking.models import NumberForm, Tracking
from tracking.payloads.from_aftership import TrackingSnapshot

UNRECOGNIZED = "unrecognized"  # AfterShip's slug for "no courier found"
PREFIX = 2  # signs that are kept as they are: couriers mark their numbers at the front
DIGIT, LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")

UPSERT = """
INSERT INTO tracking_numberform (form, courier, count) VALUES {rows}
ON CONFLICT (form, courier) DO UPDATE SET count = tracking_numberform.count + excluded.count
"""


@dataclass(frozen=True)
class FormHistory:
    """Of ``total`` numbers of this form that moved, ``count`` moved with ``courier``, more than with any other."""

    form: str
    courier: str
    count: int
    total: int

    def __str__(self) -> str:
        return f"Of {self.total} numbers of this form ({self.form}) {self.count} moved with {self.courier}."


def form_of(number: str) -> str:
    """``"1Z999AA1012"`` → ``"1Z999AA9999"``: the first two signs stay, then 9 for a digit and A for a letter."""
    front, rest = number[:PREFIX], number[PREFIX:]
    return front.upper() + LETTER.sub("A", DIGIT.sub("9", rest))


def is_carrier_news(snapshot: TrackingSnapshot) -> bool:
    """Whether a carrier spoke of the number, rather than a person who completed it, or AfterShip that gave up."""
    return any(checkpoint.source != "user" for checkpoint in snapshot.checkpoints)


def count_forms(moved: Iterable[Tracking]) -> None:
    """Count these trackings, each with the courier that it moved with: one query, in the caller's transaction."""
    seen = Counter(
        (form_of(tracking.tracking_number), tracking.courier)
        for tracking in moved
        if tracking.courier not in ("", UNRECOGNIZED)
    )
    if not seen:
        return
    values = [value for (form, courier), count in sorted(seen.items()) for value in (form, courier, count)]
    with connection.cursor() as cursor:
        cursor.execute(UPSERT.format(rows=", ".join(["(%s, %s, %s)"] * len(seen))), values)


def best_couriers(numbers: Collection[str]) -> dict[str, FormHistory]:
    """For each of these numbers whose form has moved before: with which courier most of its form did. One query."""
    forms = {number: form_of(number) for number in numbers}
    totals: Counter[str] = Counter()
    best: dict[str, NumberForm] = {}
    for row in NumberForm.objects.filter(form__in=set(forms.values())).order_by("-count", "courier"):
        totals[row.form] += row.count
        best.setdefault(row.form, row)
    return {
        number: FormHistory(form, best[form].courier, best[form].count, totals[form])
        for number, form in forms.items()
        if form in best
    }


def best_courier(number: str) -> FormHistory | None:
    """With which courier most numbers of this form moved; None where none did yet."""
    return best_couriers([number]).get(number)
