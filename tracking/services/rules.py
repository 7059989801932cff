"""Every change of rules by a person: saved with its revision, told, and taken to the parcels that it concerns.

drafts ─> save_drafts (rows + Revision) ─> StaffAction
             ├─> orders that wait for a rule are read again
             ├─> stored trackings follow changed status rules
             └─> parcels that stand are moved, where the person wants it (``move``)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db import transaction

from stores.models import Project, Revision, Store
from stores.revisions import Draft, save_drafts
from stores.rule_set import load_rule_set
from tracking.enums import StaffActionKind
from tracking.models import Remap
from tracking.services import apply_status_rules
from tracking.services.dry_run import dry_run
from tracking.services.jobs import BACKFILL
from tracking.services.push import want_updates
from tracking.services.reapply import reapply_rules
from tracking.services.remap import RemapRefused, start_remap
from tracking.services.scope import store_ids_of
from tracking.services.senders import follow_senders
from tracking.services.staff import note_action

MOST_MOVED = 100_000


@dataclass(frozen=True)
class RulesChanged:
    """What a change did. ``revision`` is None where it changed nothing, ``remap`` where it moves nothing.

    ``reread`` is the number of orders that wait for a rule and are read again; ``unmoved`` says why parcels that were
    to be moved all stay.
    """

    revision: Revision | None = None
    reread: int = 0
    remap: Remap | None = None
    unmoved: str = ""


@transaction.atomic
def change_rules(
    drafts: Sequence[Draft],
    *,
    actor: AbstractBaseUser | None,
    source: Revision.Source,
    reason: str,
    move: bool = False,
    limit: int = MOST_MOVED,
    restores: Revision | None = None,
) -> RulesChanged:
    """Save the drafts and all that follows from them, or nothing.

    ``move`` also moves the parcels on their way, among the ``limit`` newest, that the rules now decide otherwise.
    Raises what `save_drafts` raises, PermissionDenied where the actor is limited to stores and a rule is about others
    too, and RemapConflict where one of them waits in another remap. The caller wakes a
    worker once this is committed.
    """
    before = load_rule_set() if move else None
    revision = save_drafts(drafts, actor=actor, source=source, reason=reason, restores=restores)
    if revision is None:
        return RulesChanged()
    if not may_change(actor, (words for change in revision.changes for words in (change["before"], change["after"]))):
        raise PermissionDenied
    projects = projects_of(words for change in revision.changes for words in (change["before"], change["after"]))
    note_action(
        StaffActionKind.CHANGE_RULES, actor=actor, summary=summary_of(revision), reason=reason, revision=revision
    )
    apply_status_rules.wish_for(revision)
    want_updates(follow_senders(revision), BACKFILL)
    affected = dry_run(before, load_rule_set(), limit=limit, projects=projects).to_move if before else []
    changed = RulesChanged(revision, reapply_rules(projects))
    if not affected:
        return changed
    try:
        return replace(changed, remap=start_remap(affected, {}, actor=actor, reason=reason, revision=revision))
    except RemapRefused as refusal:
        return replace(changed, unmoved=str(refusal))


def may_change(user: Any, rules: Iterable[Mapping[str, Any] | None]) -> bool:
    """May the person change these rules, in words? Whoever is limited to stores: those of these stores only."""
    stores = store_ids_of(user)
    if stores is None:
        return True
    own = set(Store.objects.filter(pk__in=stores).values_list("project__key", "key"))
    return all((words.get("project"), words.get("store")) in own for words in rules if words)


def projects_of(words: Iterable[Mapping[str, Any] | None]) -> list[Project]:
    """The projects whose parcels these rules, in words, decide about; a mapping that holds everywhere: about all."""
    keys = {one["project"] for one in words if one and "project" in one}
    return list(Project.objects.all() if None in keys else Project.objects.filter(key__in=keys))


def summary_of(revision: Revision) -> str:
    """What a revision did, in one sentence."""
    labels = [f"{verb_of(change)} {change['label']}" for change in revision.changes]
    more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
    return "; ".join(labels[:3]) + more


def verb_of(change: Mapping[str, Any]) -> str:
    """``added``, ``changed`` or ``removed``."""
    if change["before"] is None:
        return "added"
    return "changed" if change["after"] is not None else "removed"
