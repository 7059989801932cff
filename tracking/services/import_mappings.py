"""Carrier mappings from a CSV: tried out first, then saved exactly as they were shown.

entries (`stores.mappings_csv.read`) ─ preview ─> lines, a fingerprint
                                     ─ import_mappings(fingerprint) ─> change_rules, or ChangedMeanwhile
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from stores.config_file.document import Entry
from stores.mappings_csv import Line, compare, fingerprint
from stores.models import Revision
from stores.revisions import DraftError
from tracking.services.rules import MOST_MOVED, RulesChanged, change_rules


class ChangedMeanwhile(Exception):  # noqa: N818 - says what happened
    """The mappings are not any more what the preview compared with; nothing was saved."""


@dataclass(frozen=True)
class Preview:
    """What an import would do. ``lines`` are all of the CSV; ``seen`` is what `import_mappings` asks for."""

    lines: Sequence[Line]
    seen: str

    @property
    def changes(self) -> list[Line]:
        return [line for line in self.lines if line.is_change]

    @property
    def new(self) -> int:
        return sum(line.before is None for line in self.lines)

    @property
    def unchanged(self) -> int:
        return len(self.lines) - len(self.changes)


def preview(entries: Sequence[Entry]) -> Preview:
    """Compare with the mappings as they stand; writes nothing."""
    lines = compare(entries)
    return Preview(lines, fingerprint(lines))


def import_mappings(
    entries: Sequence[Entry],
    seen: str,
    *,
    actor: AbstractBaseUser | None,
    reason: str,
    move: bool = False,
    limit: int = MOST_MOVED,
) -> RulesChanged:
    """Save what a preview with this fingerprint showed, all of it, as one revision.

    ``move`` and ``limit`` as for `change_rules`. Raises ChangedMeanwhile where it would do something else by now, and
    RemapConflict. The caller wakes a worker after the commit.
    """
    try:
        with transaction.atomic():
            lines = compare(entries, lock=True)
            if fingerprint(lines) != seen:
                raise ChangedMeanwhile
            drafts = [line.draft for line in lines if line.is_change]
            return change_rules(drafts, actor=actor, source=Revision.Source.CSV, reason=reason, move=move, limit=limit)
    except (DraftError, IntegrityError) as error:
        raise ChangedMeanwhile from error
