"""One carrier text is given a courier: looked at on real parcels first, then saved and taken to those it concerns.

    preview ─> who is read again, who would be moved, who stays
    map_carrier ─> change_rules (revision, orders that wait are read again) ─> remap of parcels with another courier

A parcel that AfterShip tracks with this very courier stays, whoever found the courier out. One that AfterShip does not
recognise, or has refused, is taken up when its order is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet

from stores.carriers import Scope, normalise_carrier
from stores.models import CarrierMapping, Project, Revision
from stores.revisions import Draft
from stores.rule_set import load_rule_set, snapshot
from tracking.enums import StaffActionKind
from tracking.models import IgnoredCarrier, Parcel, Remap
from tracking.services.carrier_texts import CarrierText
from tracking.services.dry_run import DryRun, dry_run
from tracking.services.link import stands
from tracking.services.remap import RemapRefused, start_remap
from tracking.services.rules import MOST_MOVED, RulesChanged, change_rules
from tracking.services.staff import note_action

SLICE = 1_000


@dataclass(frozen=True)
class Wish:
    """``carrier`` shall be ``courier`` (slug) within ``scope``."""

    carrier: str
    courier: str
    scope: Scope

    def known(self) -> CarrierMapping | None:
        """The mapping of this very text and scope that is there already, and would be changed."""
        scope = self.scope
        found = CarrierMapping.objects.select_related("courier", "project", "store", "channel").filter(
            carrier_key=normalise_carrier(self.carrier),
            project__key=scope.project or None,
            store__key=scope.store or None,
            channel__key=scope.channel or None,
        )
        return found.first()

    def draft(self) -> Draft:
        """As `save_drafts` takes it. Extra fields stay where the courier does."""
        known = self.known()
        words: dict[str, Any] = snapshot(known) if known else {"carrier": self.carrier, "origin": "console"}
        if words.get("courier") != self.courier:
            words["extra_fields"] = {}
        words |= {name: getattr(self.scope, name) or None for name in ("project", "store", "channel")}
        return Draft("carrier_mapping", known.pk if known else None, words | {"courier": self.courier})


@dataclass
class Preview:
    """What a wish would do, as far as the newest parcels tell. Ids of parcels, newest first.

    ``read_again``: AfterShip has none of these, or recognises no courier. ``move``: it tracks them with another one.
    ``stay``: it tracks them with this courier already.
    """

    found: DryRun
    known: CarrierMapping | None = None
    read_again: list[int] = field(default_factory=list)
    move: list[int] = field(default_factory=list)
    stay: list[int] = field(default_factory=list)


def preview(wish: Wish, *, limit: int = 10_000, viewer: Any = None) -> Preview:
    """Try the wish out on the ``limit`` newest parcels of its scope that the viewer may see. Reads only."""
    draft = wish.draft()
    rules = load_rule_set()
    changed = rules.with_changes([(draft.kind, draft.id or -1, draft.words)])
    projects = list(Project.objects.filter(key=wish.scope.project)) if wish.scope.project else None
    effect = Preview(dry_run(rules, changed, limit=limit, projects=projects, viewer=viewer), wish.known())
    for parcel in in_slices(effect.found.to_move):
        tracking = parcel.tracking
        if tracking is None or not stands(tracking):
            effect.read_again.append(parcel.pk)
        elif tracking.courier == wish.courier:
            effect.stay.append(parcel.pk)
        else:
            effect.move.append(parcel.pk)
    return effect


def in_slices(ids: Sequence[int]) -> Iterator[Parcel]:
    """These parcels with their trackings, without their many other columns."""
    needed = ("tracking__opened_at", "tracking__retired_at", "tracking__courier")
    for start in range(0, len(ids), SLICE):
        rows: QuerySet[Parcel] = Parcel.objects.filter(pk__in=ids[start : start + SLICE]).order_by("-pk")
        yield from rows.select_related("tracking").only("pk", *needed)


@dataclass(frozen=True)
class Mapped:
    """What a wish did: see RulesChanged. ``remap`` is None where nothing is moved, ``refusal`` why it cannot be."""

    changed: RulesChanged
    remap: Remap | None = None
    refusal: str = ""


@transaction.atomic
def map_carrier(wish: Wish, *, actor: AbstractBaseUser | None, reason: str, move: bool) -> Mapped:
    """Save the mapping and take it to the parcels on their way; those tracked with another courier only with ``move``.

    Raises what `change_rules` raises, and RemapConflict where a parcel waits in another remap: then nothing is saved.
    The caller wakes a worker once this is committed.
    """
    to_move = preview(wish, limit=MOST_MOVED).move if move else []
    changed = change_rules([wish.draft()], actor=actor, source=Revision.Source.WORKBENCH, reason=reason)
    if changed.revision is None or not to_move:
        return Mapped(changed)
    try:
        return Mapped(changed, start_remap(to_move, {}, actor=actor, reason=reason, revision=changed.revision))
    except RemapRefused as error:
        return Mapped(changed, refusal=str(error))


@transaction.atomic
def leave_to_detection(text: CarrierText, *, actor: AbstractBaseUser | None, reason: str) -> None:
    """The workbench asks no more about this text of this store. Safe to repeat."""
    project, store, key = text.scope
    _row, is_new = IgnoredCarrier.objects.get_or_create(project_id=project, store_id=store, carrier_key=key)
    if is_new:
        summary = f"Left the carrier text '{text.carrier}' to AfterShip's detection"
        note_action(StaffActionKind.MAP_CARRIER, actor=actor, summary=summary, reason=reason)


@transaction.atomic
def ask_again(text: CarrierText, *, actor: AbstractBaseUser | None, reason: str) -> None:
    """The workbench asks about this text again. Safe to repeat."""
    project, store, key = text.scope
    gone, _ = IgnoredCarrier.objects.filter(project=project, store=store, carrier_key=key).delete()
    if gone:
        summary = f"Asks about the carrier text '{text.carrier}' again"
        note_action(StaffActionKind.MAP_CARRIER, actor=actor, summary=summary, reason=reason)
