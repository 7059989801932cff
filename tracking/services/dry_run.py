"""A draft of the rules, tried out on real parcels before it is saved: who would go elsewhere, who would lose what.

    newest parcels, streamed ─> facts ─> both rule sets decide (once per distinct facts) ─> DryRun

Both sides are the rules' own words. What stands is not touched by a new rule: a tracking that AfterShip has stays
until its parcel is moved (``remap.py``), and what a person chose for a parcel goes before any rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from stores.models import Channel, Project
from stores.routing import ParcelFacts
from stores.rule_set import RuleSet
from tracking.enums import FINISHED
from tracking.models import Parcel
from tracking.services.facts import FACT_COLUMNS, facts_from
from tracking.services.scope import visible

MOST_SAMPLES = 50
MOST_REMEMBERED = 20_000  # distinct facts, so that memory stays bounded where no two orders are alike
PAGE = 2_000
OWN_COLUMNS = (
    "pk", "order", "tracking_number", "override", "order__project", "tracking__opened_at", "tracking__retired_at",
    "tracking__status",
)  # fmt: skip


class Outcome(NamedTuple):
    """What a rule set makes of a parcel. ``route`` is None where no rule matches; "" stands for none.

    ``courier`` "" leaves it to AfterShip's detection where the parcel ``is_tracked``.
    """

    route: int | None = None
    is_tracked: bool = False
    account: str = ""
    courier: str = ""
    brand: str = ""


@dataclass(frozen=True)
class Sample:
    """One parcel that the draft decides otherwise. ``stands``: AfterShip has its tracking, which stays until moved."""

    parcel_id: int
    order_id: int
    number: str
    facts: ParcelFacts
    before: Outcome
    after: Outcome
    stands: bool


@dataclass
class DryRun:
    """What a draft would change, over the newest ``looked_at`` parcels.

    ``changes`` counts from → to per field of `Outcome` that differs. Of those ``decided_otherwise``, ``finished`` ones
    stay for good, and ``stand`` ones until they are moved: AfterShip has theirs. ``to_move`` are the ids, newest
    first, of those not finished: what a remap would move. ``chosen_by_hand`` are decided otherwise too and counted
    nowhere else: a person chose. Under the draft, ``matched`` counts by route id, ``unmatched``
    by (project, store); ``newly_unmatched`` are those of them that lose their route.
    """

    looked_at: int = 0
    decided_otherwise: int = 0
    stand: int = 0
    finished: int = 0
    chosen_by_hand: int = 0
    lose_route: int = 0
    gain_route: int = 0
    lose_courier: int = 0
    gain_courier: int = 0
    changes: dict[str, Counter[tuple[Any, Any]]] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    to_move: list[int] = field(default_factory=list)
    matched: Counter[int] = field(default_factory=Counter)
    unmatched: Counter[tuple[str, str]] = field(default_factory=Counter)
    newly_unmatched: Counter[tuple[str, str]] = field(default_factory=Counter)


def dry_run(
    now: RuleSet,
    draft: RuleSet,
    *,
    limit: int = 10_000,
    projects: Collection[Project] | None = None,
    viewer: Any = None,
) -> DryRun:
    """Try ``draft`` against ``now`` on the ``limit`` newest parcels with a number (of ``projects``; None: of all)
    that the viewer may see.

    Reads only; two queries, the parcels streamed. Parcels that were removed, or whose order was deleted, are left out.
    """
    found = DryRun()
    asked = {rule.field_name for rules in (now, draft) for rule in rules.routes}

    @lru_cache(MOST_REMEMBERED)
    def decided(facts: ParcelFacts) -> tuple[Outcome, Outcome]:
        return outcome(now, facts), outcome(draft, facts)

    for row in newest_parcels(limit, projects, viewer):
        facts = replace(row.facts, fields=tuple(pair for pair in row.facts.fields if pair[0] in asked))
        before, after = decided(facts)
        note(found, row, before, after)
    return found


def outcome(rules: RuleSet, facts: ParcelFacts) -> Outcome:
    """What these rules make of a parcel with these facts."""
    decision = rules.decide(facts)
    if decision.rule is None:
        return Outcome()
    account, courier = decision.target
    return Outcome(decision.rule.id, decision.courier is not None, account, courier, decision.rule.brand)


class Row(NamedTuple):
    """A parcel as far as a dry run needs it."""

    parcel_id: int
    order_id: int
    number: str
    is_chosen_by_hand: bool
    stands: bool
    is_finished: bool
    facts: ParcelFacts


def newest_parcels(limit: int, projects: Collection[Project] | None = None, viewer: Any = None) -> Iterator[Row]:
    """The newest parcels that rules decide about, streamed: no model instances, a page of rows in memory at a time."""
    parcels = Parcel.objects.filter(removed_at=None, order__deleted_at=None).exclude(tracking_number="")
    imported = Channel.objects.filter(commercetools_id__isnull=False)
    if projects is not None:
        parcels, imported = parcels.filter(order__project__in=projects), imported.filter(project__in=projects)
    channels: dict[int, dict[str, str]] = {}
    for project, channel, key in imported.values_list("project", "commercetools_id", "key"):
        channels.setdefault(project, {})[channel] = key
    rows = visible(viewer, parcels).order_by("-pk").values_list(*OWN_COLUMNS, *FACT_COLUMNS)[:limit]
    for pk, order, number, override, project, opened_at, retired_at, status, *bare in rows.iterator(PAGE):
        yield Row(
            parcel_id=pk,
            order_id=order,
            number=number,
            is_chosen_by_hand=bool(override),
            stands=opened_at is not None and retired_at is None,
            is_finished=status in FINISHED,
            facts=facts_from(*bare, channels=channels.get(project, {})),
        )


def note(found: DryRun, row: Row, before: Outcome, after: Outcome) -> None:
    """Count one parcel."""
    found.looked_at += 1
    if after.route is None:
        found.unmatched[row.facts.project, row.facts.store] += 1
    else:
        found.matched[after.route] += 1
    if before == after:
        return
    if row.is_chosen_by_hand:
        found.chosen_by_hand += 1
        return
    found.decided_otherwise += 1
    found.stand += row.stands and not row.is_finished
    found.finished += row.is_finished
    if after.route is None:
        found.lose_route += 1
        found.newly_unmatched[row.facts.project, row.facts.store] += 1
    found.gain_route += before.route is None
    found.lose_courier += loses_courier(before, after)
    found.gain_courier += loses_courier(after, before)
    for what, old, new in zip(Outcome._fields, before, after, strict=True):
        if old != new:
            found.changes.setdefault(what, Counter())[old, new] += 1
    if not row.is_finished:
        found.to_move.append(row.parcel_id)
    if len(found.samples) < MOST_SAMPLES:
        found.samples.append(Sample(row.parcel_id, row.order_id, row.number, row.facts, before, after, row.stands))


def loses_courier(before: Outcome, after: Outcome) -> bool:
    """Whether a courier was known, and is left to detection."""
    return bool(before.courier) and after.is_tracked and not after.courier
