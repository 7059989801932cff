"""Carrier mappings from a CSV: tried out first, then saved exactly as they were shown.

entries (`stores.mappings_csv.read`) ─ preview ─> lines, their effect on real parcels, a fingerprint
                                     ─ import_mappings(fingerprint) ─> change_rules, or ChangedMeanwhile
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from stores.config_file.document import Entry
from stores.mappings_csv import KIND, Line, compare, fingerprint
from stores.models import Revision
from stores.revisions import DraftError
from stores.rule_set import load_rule_set
from tracking.services.dry_run import DryRun, dry_run
from tracking.services.rules import RulesChanged, change_rules


class ChangedMeanwhile(Exception):  # noqa: N818 - says what happened
    """The mappings are not any more what the preview compared with; nothing was saved."""


@dataclass(frozen=True)
class Preview:
    """What an import would do. ``lines`` are all of the CSV; ``seen`` is what `import_mappings` asks for."""

    lines: Sequence[Line]
    effect: DryRun
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
    """Compare with the mappings as they stand, and try the result on the newest parcels; writes nothing."""
    lines = compare(entries)
    drafts = [line.draft for line in lines if line.is_change]
    now = load_rule_set()
    draft = now.with_changes((KIND, one.id or -number, one.words) for number, one in enumerate(drafts, 1))
    return Preview(lines, dry_run(now, draft), fingerprint(lines))


def import_mappings(
    entries: Sequence[Entry], seen: str, *, actor: AbstractBaseUser | None, reason: str, move: bool = False
) -> RulesChanged:
    """Save what a preview with this fingerprint showed, all of it, as one revision.

    Raises ChangedMeanwhile where it would do something else by now. The caller wakes a worker after the commit.
    """
    try:
        with transaction.atomic():
            lines = compare(entries, lock=True)
            if fingerprint(lines) != seen:
                raise ChangedMeanwhile
            drafts = [line.draft for line in lines if line.is_change]
            return change_rules(drafts, actor=actor, source=Revision.Source.CSV, reason=reason, move=move)
    except (DraftError, IntegrityError) as error:
        raise ChangedMeanwhile from error
