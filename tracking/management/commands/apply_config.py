from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction

from stores.config_file.document import Document, read_document
from stores.config_file.plan import Plan, known_keys, make_plan, save_plan
from stores.config_file.report import describe
from stores.config_file.source import ConfigFileError
from stores.fields import DecryptionError
from tracking.services import apply_status_rules
from tracking.services.jobs import BACKFILL
from tracking.services.push import want_updates
from tracking.services.reapply import reapply_rules
from tracking.services.registry import want_imports
from tracking.services.senders import follow_senders


class Command(BaseCommand):
    help = "Make projects, accounts, brands and rules what a YAML file says. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="The configuration, see docs/configuration.md.")
        parser.add_argument("--plan", action="store_true", help="Only show what would change; write nothing.")

    def handle(self, *args: Any, file: Path, plan: bool, **options: Any) -> None:
        """Exit code 0: applied, or nothing to do; 1: refused, and nothing was changed."""
        try:
            document = read_document(file, known_keys())
            planned = make_plan(document) if plan else apply(document, reason=file.name)
        except ConfigFileError as error:
            faults = "\n".join(f"  {fault}" for fault in error.faults)
            raise CommandError(f"{file} was refused, nothing was changed:\n{faults}") from None
        except DecryptionError as error:
            raise CommandError(f"Nothing was changed: {error}") from None
        except IntegrityError:
            words = "Nothing was changed: somebody else changed the same rows at this moment. Run it again."
            raise CommandError(words) from None
        self.stdout.write(describe(planned, is_applied=not plan))


@transaction.atomic
def apply(document: Document, reason: str) -> Plan:
    """Save what differs, and wish for what follows from it, in one transaction."""
    plan = make_plan(document)
    revision = save_plan(plan, reason)
    want_imports(plan.accounts_to_ask())
    reapply_rules(plan.projects_with_new_rules())
    apply_status_rules.wish_for(revision)
    want_updates(follow_senders(revision), BACKFILL)
    return plan
