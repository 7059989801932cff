from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from analytics.history.rows import Year, places_of
from analytics.history.told import service_days
from analytics.history.world import FRONTS
from analytics.models import ServiceDay
from stores.models import AfterShipAccount, Brand, CarrierMapping, Courier, Project, Route, Store
from tracking.management.commands._arguments import Progress, bar
from tracking.models import Order, Promotion

MARK = "demo-year"  # the project that everything made up belongs to
NOWHERE = "http://127.0.0.1:9"  # it is never active: nothing is asked there
HERE = ("127.0.0.1", "localhost", "::1")


class Command(BaseCommand):
    help = (
        "Fill a demo with a believable year of two storefronts, and rebuild the figures. "
        "Refuses where a real project is connected. The same seed and day give the same year."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--parcels", type=int, default=30_000, help="About so many, returns included.")
        parser.add_argument("--seed", type=int, default=7, help="Another seed, another year.")
        parser.add_argument("--last", type=date.fromisoformat, help="The day after the year; today by default.")
        parser.add_argument("--without-figures", action="store_true", help="Write the rows; a worker counts them in.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < options["parcels"] <= 1_000_000:
            raise CommandError("--parcels: from 1 to 1,000,000")
        refuse_real_projects()
        last = options["last"] or timezone.localdate()
        began, progress = time.monotonic(), Progress(self.stderr)
        with transaction.atomic():
            ground = make_ground(last)
        places, leaves_marks = places_of(ground, options["seed"], last), options["without_figures"]
        year = Year(places, options["parcels"], options["seed"], last, leaves_marks=leaves_marks)
        for made in year.write():
            progress.show(f"{bar(made / options['parcels'])} {made:,} parcels", time.monotonic())
        accounts = [front.account for front in FRONTS]
        ServiceDay.objects.bulk_create(service_days(accounts, MARK, options["parcels"], last, options["seed"]))
        progress.end()
        orders = Order.objects.filter(project__key=MARK).count()
        seconds = time.monotonic() - began
        self.stdout.write(f"{orders:,} orders with {year.made:,} parcels of a year, in {seconds:.0f} s.")
        if not options["without_figures"]:
            call_command("rebuild_facts", stdout=self.stdout, stderr=self.stderr)


def refuse_real_projects() -> None:
    """Raises CommandError where a project leads to another machine, or the year is there already."""
    for project in Project.objects.all():
        if urlsplit(project.api_url).hostname not in HERE:
            raise CommandError(f"Project {project.key} is real ({project.api_url}): nothing is made up beside it.")
    if Project.objects.filter(key=MARK).exists():
        raise CommandError(f"There is a project {MARK} already: the year is loaded once, into a fresh database.")


def make_ground(last: date) -> dict[str, dict[str, Any]]:
    """The marked project with its stores, accounts, brands and routes, none of them active; rows by store key."""
    project = Project.objects.create(key=MARK, api_url=NOWHERE, auth_url=NOWHERE, client_id="none", is_active=False)
    found = {}
    for front in FRONTS:
        store = Store.objects.create(
            project=project, key=front.store, languages=[front.locale], countries=[front.locale[-2:]],
            imported_at=timezone.now(),
        )  # fmt: skip
        account = AfterShipAccount.objects.create(key=front.account, api_url=NOWHERE, api_key="none", is_active=False)
        brand, _ = Brand.objects.get_or_create(
            key=front.brand, defaults={"name": front.brand.title(), "locales": [front.locale[:2]]}
        )
        promise = front.promises[-1][1]
        route = Route.objects.create(project=project, store=store, account=account, brand=brand, promise_days=promise)
        for carrier in front.carriers:
            courier, _ = Courier.objects.get_or_create(slug=carrier.courier, defaults={"name": carrier.text})
            CarrierMapping.objects.create(carrier=carrier.text, courier=courier, project=project, store=store)
        promotion = make_promotion(brand, front.locale[:2], last)
        found[front.store] = {
            "project": project, "store": store, "account": account, "route": route, "brand": brand,
            "promotion": promotion,
        }  # fmt: skip
    return found


def make_promotion(brand: Brand, language: str, last: date) -> Promotion:
    """What the brand offered all through the year; it is over today."""
    return Promotion.objects.create(
        brand=brand, language=language, headline="Everything for the next tour", button="Have a look",
        link="https://shop.example/tours", starts_on=last - timedelta(days=365), ends_on=last - timedelta(days=1),
    )  # fmt: skip
