"""Every change of rules is a Revision: who, when, why, before and after. What was changed can be brought back.

a form, a file, a CSV, the workbench ─> save_drafts ─> rows + one Revision, in one transaction
back_to(revision) ─> the drafts that undo everything since ─> tried out ─> save_drafts
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import models, transaction

from stores.models import (
    AfterShipAccount,
    Brand,
    CarrierMapping,
    Channel,
    Courier,
    Project,
    Revision,
    Route,
    StatusRule,
    Store,
)
from stores.rule_set import FIELDS, KINDS, LINKS, kind_of, snapshot

AnyRule = Route | CarrierMapping | StatusRule
LINKED: dict[str, type[models.Model]] = {
    "project": Project,
    "store": Store,
    "channel": Channel,
    "account": AfterShipAccount,
    "brand": Brand,
    "courier": Courier,
}


class DraftError(ValueError):
    """A draft that cannot be saved: ``field`` names what is wrong ("" = the rule as a whole), ``cause`` why."""

    def __init__(self, field: str, cause: str) -> None:
        super().__init__(f"{field}: {cause}" if field else cause)
        self.field = field
        self.cause = cause


class StaleDraftError(DraftError):
    """The rule was changed or removed since the draft was made."""


@dataclass(frozen=True)
class Draft:
    """A wish about one rule: ``words`` as `snapshot` gives them; None removes it. ``id`` None makes a new one.

    ``version`` is that of the rule which the draft was made from; None saves it whatever happened to the rule since.
    """

    kind: str
    id: int | None
    words: dict[str, Any] | None
    version: int | None = None


@dataclass(frozen=True)
class Change:
    """What became of one rule, in words; None where there was, or is, none."""

    kind: str
    id: int
    label: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def keep_revision(
    changes: Iterable[Change],
    *,
    source: Revision.Source,
    actor: AbstractBaseUser | None = None,
    reason: str = "",
    restores: Revision | None = None,
) -> Revision | None:
    """Keep what was changed, in the caller's transaction; None where before and after are the same everywhere."""
    kept = [vars(change) for change in changes if change.before != change.after]
    if not kept:
        return None
    return Revision.objects.create(
        source=source,
        actor=actor,
        actor_name=actor.get_username() if actor else "",
        reason=reason[:500],
        changes=kept,
        restores=restores,
    )


@transaction.atomic
def save_drafts(
    drafts: Sequence[Draft],
    *,
    source: Revision.Source,
    actor: AbstractBaseUser | None = None,
    reason: str = "",
    restores: Revision | None = None,
) -> Revision | None:
    """Save all drafts and the Revision that tells of it, or nothing. Removals first, so that scopes become free.

    A rule that was removed comes back under its old id where the draft names it. Raises DraftError for what cannot be
    saved, StaleDraftError where the rule moved on, and IntegrityError where somebody else made the same rule meanwhile.
    """
    ordered = sorted(drafts, key=lambda draft: draft.words is not None)
    find = cache(linked_row)  # many drafts name few stores and couriers
    changes = [change for draft in ordered if (change := save_draft(draft, find))]
    return keep_revision(changes, source=source, actor=actor, reason=reason, restores=restores)


def save_draft(draft: Draft, find: Find) -> Change | None:
    """Save one draft; None where there was nothing to remove."""
    model = KINDS[draft.kind]
    rows = model.objects.select_related(*links_of(draft.kind)).select_for_update(of=("self",))
    row = rows.filter(pk=draft.id).first() if draft.id is not None else None
    if draft.version is not None and (row is None or row.version != draft.version):
        raise StaleDraftError("", f"{row or 'the rule'} was {'changed' if row else 'removed'} meanwhile")
    before = snapshot(row) if row else None
    if draft.words is None:
        if row is None:
            return None
        change = Change(draft.kind, row.pk, str(row), before, None)
        row.delete()
        return change
    row = fill(row or model(pk=draft.id), draft, find)
    row.save()
    return Change(draft.kind, row.pk, str(row), before, snapshot(row))


def linked_row(name: str, key: str, project: str | None) -> models.Model | None:
    """The row that a link's key names, within its project for a store or channel; None where there is none."""
    rows = LINKED[name].objects.filter(**{LINKS[name]: key})
    return (rows if project is None else rows.filter(project__key=project)).first()


Find = Callable[[str, str, str | None], models.Model | None]


def links_of(kind: str) -> list[str]:
    return [name for name in FIELDS[kind] if name in LINKS]


def fill(row: AnyRule, draft: Draft, find: Find = linked_row) -> AnyRule:
    """Give the row the draft's words, unsaved. Raises DraftError with the field that leads nowhere or is refused."""
    words = draft.words or {}
    for name in FIELDS[draft.kind]:
        if name in words:
            setattr(row, name, linked(name, words, find) if name in LINKS else words[name])
    found = [name for name in links_of(draft.kind) if words.get(name) is not None]
    try:
        row.clean_fields(exclude={*row.derived_fields, *found})
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise DraftError(field, " ".join(messages)) from None
    return row


def linked(name: str, words: dict[str, Any], find: Find) -> models.Model | None:
    """The row that a link's key names; stores and channels within their project."""
    if words[name] is None:
        return None
    row = find(name, words[name], words["project"] if name in ("store", "channel") else None)
    if row is None:
        raise DraftError(name, f"there is no {name} {words[name]}")
    return row


def back_to(revision: Revision) -> list[Draft]:
    """Drafts that bring every rule back to what it was right after ``revision``; empty where nothing changed since."""
    wanted: dict[tuple[str, int], dict[str, Any] | None] = {}
    for later in Revision.objects.filter(pk__gt=revision.pk).order_by("pk"):
        for change in later.changes:
            wanted.setdefault((change["kind"], change["id"]), change["before"])
    drafts = [Draft(kind, number, words) for (kind, number), words in wanted.items()]
    return [draft for draft in drafts if differs(draft)]


def differs(draft: Draft) -> bool:
    row = KINDS[draft.kind].objects.filter(pk=draft.id).first()
    return (snapshot(row) if row else None) != draft.words


def change_of(row: AnyRule, before: dict[str, Any] | None) -> Change:
    """For rows that a form or a file has saved itself; ``before`` as `snapshot` gave it, None where it is new."""
    return Change(kind_of(row), row.pk, str(row), before, snapshot(row))
