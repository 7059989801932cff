from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracking.services.erase import certificate_of, facts_of, plan_erasure, run_erasure, start_erasure


class Command(BaseCommand):
    help = (
        "Erase a customer: what tells who and where they are goes from here, and AfterShip is asked to delete it. "
        "commercetools is the merchant's own to erase, and has to be first: it could be read again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="Their address; - reads it from standard input, out of the shell's history.")
        parser.add_argument("--reason", default="", help="Kept on the certificate: of the request, without names.")
        parser.add_argument("--plan", action="store_true", help="Only say what would be erased.")

    def handle(self, *args: Any, **options: Any) -> None:
        email = sys.stdin.readline().strip() if options["email"] == "-" else options["email"]
        plan = plan_erasure(email)
        if not plan.orders:
            self.tell_earlier(email)
            return
        self.stdout.write(
            f"{plan.orders} orders with {plan.parcels} parcels; {plan.under_way} of them still on their way, which are "
            f"no longer tracked then. {plan.at_aftership} trackings are deleted at AfterShip, {plan.adopted} that it "
            f"had before us are left there, {plan.shared} are shared with other people and stay."
        )
        if options["plan"]:
            return
        if not options["reason"]:
            raise CommandError("Say why with --reason; it is kept on the certificate.")
        erasure = start_erasure(email, actor=None, reason=options["reason"])
        while erasure.finished_at is None:
            run_erasure(erasure.pk)
            erasure.refresh_from_db()
        self.show(erasure)

    def tell_earlier(self, email: str) -> None:
        earlier = certificate_of(email).first()
        if earlier is None:
            raise CommandError("No order belongs to this address.")
        self.stdout.write("Nothing is left to erase.")
        self.show(earlier)

    def show(self, erasure: Any) -> None:
        """The certificate."""
        self.stdout.write(f"{erasure}: made {erasure.made_at:%Y-%m-%d %H:%M} UTC.")
        for what, number in sorted(facts_of(erasure).items()):
            self.stdout.write(f"  {number:>6,} {what}")
        self.stdout.write("AfterShip is asked by jobs: run a worker, or manage.py work --once.")
