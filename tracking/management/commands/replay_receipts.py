from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, QuerySet

from tracking.enums import ReceiptState, Source
from tracking.management.commands._arguments import moment
from tracking.models import Receipt
from tracking.services.receive import replay

AT_ONCE = 1_000
FILTERS = {
    "id": "pk__in",
    "state": "state__in",
    "source": "source",
    "endpoint": "endpoint",
    "event": "event",
    "since": "received_at__gte",
    "until": "received_at__lte",
}


class Command(BaseCommand):
    help = "Apply webhooks and messages once more, from the bytes that were kept. What was applied changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", nargs="*", type=int, help="Ids of receipts.")
        parser.add_argument("--state", action="append", choices=ReceiptState.values)
        parser.add_argument("--source", choices=Source.values)
        parser.add_argument("--endpoint", help="Key of the account or project that they were sent to.")
        parser.add_argument("--event", help="Such as tracking_update, or ParcelAddedToDelivery.")
        parser.add_argument("--since", type=moment, help="Received at or after.")
        parser.add_argument("--until", type=moment, help="Received at or before.")
        parser.add_argument("--dry-run", action="store_true", help="Count only; change nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        filters = {field: options[name] for name, field in FILTERS.items() if options[name]}
        if not filters:
            raise CommandError("Say which: by id, --state, --source, --endpoint, --event, --since or --until.")
        receipts = Receipt.objects.filter(**filters).exclude(state=ReceiptState.PENDING)
        groups = receipts.values("source", "endpoint", "state").annotate(n=Count("pk"))
        for group in groups.order_by("source", "endpoint", "state"):
            self.stdout.write(f"{group['n']:>8,}  {group['source']} {group['endpoint']}, {group['state']}")
        if options["dry_run"]:
            self.stdout.write(f"{receipts.count():,} receipts would be replayed.")
        else:
            self.stdout.write(f"{replay_all(receipts):,} receipts are pending again.")


def replay_all(receipts: QuerySet[Receipt]) -> int:
    """Make them pending, oldest first, some at a time; returns how many. Those that come meanwhile are left alone."""
    total, last = 0, 0
    keys = receipts.order_by("pk").values_list("pk", flat=True)
    newest = keys.last() or 0
    while ids := list(keys.filter(pk__gt=last, pk__lte=newest)[:AT_ONCE]):
        total += replay(ids)
        last = ids[-1]
    return total
