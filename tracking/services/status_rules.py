"""A courier's own code → our status, where a rule says so.

A rule speaks for the scan that AfterShip's status rests on: a code in an old scan, or one that AfterShip read
something else from since, changes nothing. What happens when rules change: ``apply_status_rules.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stores.models import StatusRule
from tracking.enums import ParcelStatus
from tracking.payloads.from_aftership import TrackingSnapshot, newest_checkpoint


@dataclass(frozen=True)
class StatusRules:
    """All status rules by (kind of code, code, courier; "" = every courier): the rule's id and its status."""

    rules: Mapping[tuple[str, str, str], tuple[int, ParcelStatus]] = field(default_factory=dict)

    def status_for(self, snapshot: TrackingSnapshot) -> tuple[ParcelStatus, int | None]:
        """The snapshot's status and the id of the rule it follows; None where it is AfterShip's own.

        A courier's own code goes before AfterShip's subtag, a rule for the courier before one for all.
        """
        newest = newest_checkpoint(snapshot.checkpoints) if self.rules else None
        if newest is None or (newest.tag, newest.subtag) != (snapshot.tag, snapshot.subtag):
            return snapshot.status, None
        found = self.find(newest.raw_tag, newest.subtag, newest.courier or snapshot.courier)
        return (found[1], found[0]) if found else (snapshot.status, None)

    def find(self, raw_tag: str, subtag: str, courier: str) -> tuple[int, ParcelStatus] | None:
        """The rule for a scan with these codes and its status; None where no rule speaks of it."""
        for kind, code in (("raw", raw_tag), ("subtag", subtag)):
            for one in (courier, ""):
                if code and (found := self.rules.get((kind, code, one))):
                    return found
        return None


def load_status_rules() -> StatusRules:
    """The rules as they stand: one query."""
    rows = StatusRule.objects.values_list("code_kind", "code", "courier__slug", "pk", "status").order_by()
    return StatusRules(
        {(kind, code, courier or ""): (number, ParcelStatus(status)) for kind, code, courier, number, status in rows}
    )
