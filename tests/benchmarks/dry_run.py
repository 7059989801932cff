"""A draft of the rules over many parcels, against deciding each parcel by itself through the ORM, before and after."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from functools import partial
from statistics import median

from django.db import transaction

from config.correlation import new_correlation_id
from stores.models import AfterShipAccount, CarrierMapping, Courier, Project, Route, Store
from stores.rule_set import RuleSet, load_rule_set
from tests.benchmarks.figures import Rates, interleave
from tests.benchmarks.progress import heading, note
from tests.benchmarks.seed import clear
from tracking.models import Order, Parcel
from tracking.services.dry_run import dry_run, newest_parcels
from tracking.services.link import Chooser

STORES, RULES, CARRIERS = 20, 100, 30
COUNTRIES = ["AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FR", "GB", "IT", "NL", "PL", "SE"]
ONE_BY_ONE = 50
PAGE = 5_000
NAIVE, OURS = "each parcel by the ORM", "ours"


def run(*, rounds: int, parcels: int) -> list[str]:
    """Measure; the lines of the summary. Raises RuntimeError where both ways disagree about who would move."""
    heading(f"Dry run: {parcels:,} parcels, {RULES} rules, {CARRIERS} mappings")
    clear()
    seed(parcels)
    answers: list[dict[str, float]] = []
    rates: dict[str, Rates] = interleave(
        rounds, {NAIVE: one_by_one, OURS: partial(in_own_process, parcels, answers)}, unit="parcels"
    )
    must_agree()
    peak = max(answer["peak_mb"] for answer in answers)
    seconds, processor = (median(answer[name] for answer in answers) for name in ("seconds", "processor"))
    return [
        f"dry run                    {rates[OURS]}, {rates[OURS].times(rates[NAIVE])} of each parcel by the ORM",
        f"  {parcels:,} parcels          {seconds:.1f} s ({processor:.1f} s of processor), {peak:.0f} MB at the most",
        f"  rules x parcels            {looks_per_second():,.0f}/s, one core, nothing remembered",
    ]


def seed(parcels: int) -> None:
    """One project with stores, rules that differ by store and country, mappings, and parcels without trackings."""

    project, _ = Project.objects.get_or_create(key="dry", defaults={"client_id": "none", "client_secret": "none"})
    account, _ = AfterShipAccount.objects.get_or_create(key="bench", defaults={"api_key": "none"})
    Route.objects.filter(project=project).delete()
    stores = [Store.objects.get_or_create(project=project, key=f"store-{n}")[0] for n in range(STORES)]
    for n in range(RULES - 1):
        pair = [COUNTRIES[n // STORES], COUNTRIES[-1 - n // STORES]]
        Route.objects.create(
            project=project, account=account, store=stores[n % STORES], countries=pair, position=n,
            field_name="vip" if n % 3 == 0 else "",
        )  # fmt: skip
    Route.objects.create(project=project, account=account, is_default=True)
    for n in range(CARRIERS):
        courier, _ = Courier.objects.get_or_create(slug=f"courier-{n}")
        CarrierMapping.objects.get_or_create(carrier_key=f"carrier{n}", carrier=f"Carrier {n}", courier=courier)
    for start in range(0, parcels, PAGE):
        numbers = range(start, min(start + PAGE, parcels))
        orders = Order.objects.bulk_create(
            Order(
                project=project, commercetools_id=f"o-{n}", correlation_id=new_correlation_id(),
                store=stores[n % STORES], destination_country=COUNTRIES[n * 7 % len(COUNTRIES)],
                item_channels={"a": [f"channel-{n % 5}", ""]},
                custom_fields={"vip": ["yes"], "note": [str(n)]} if n % 4 == 0 else {"note": [str(n)]},
            )
            for n in numbers
        )  # fmt: skip
        Parcel.objects.bulk_create(
            Parcel(
                order=order, commercetools_id="p-1", delivery_id="d-1", tracking_number=f"{n:012d}",
                carrier=f"Carrier {n % (CARRIERS + 5)}", items={"a": 1},
            )
            for n, order in zip(numbers, orders, strict=True)
        )  # fmt: skip
    note(f"{parcels:,} parcels are there")


def drafted() -> tuple[RuleSet, RuleSet]:
    """The rules as they stand, and without every tenth rule and mapping."""

    now = load_rule_set()
    routes = [("route", rule.id, None) for rule in now.routes[::10]]
    several = [mapping for mappings in now.mappings.values() for mapping in mappings]
    return now, now.with_changes([*routes, *(("carrier_mapping", mapping.id, None) for mapping in several[::10])])


def in_own_process(limit: int, answers: list[dict[str, float]]) -> float:
    """Parcels per second of a fresh process, so that its memory is its own."""
    command = [sys.executable, "-m", "tests.benchmarks.dry_run_worker", str(limit)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    answers.append(answer)
    return limit / answer["seconds"]


def one_by_one() -> float:
    """Parcels per second, each decided as the road does it: before, and after the draft was saved for a moment."""
    started = time.perf_counter()
    moving_one_by_one()
    return ONE_BY_ONE / (time.perf_counter() - started)


def moving_one_by_one() -> list[int]:
    """The newest parcels that go elsewhere, by id."""

    def decided() -> dict[int, object]:
        found: dict[int, object] = {}
        for pk in Parcel.objects.order_by("-pk").values_list("pk", flat=True)[:ONE_BY_ONE]:
            parcel = Parcel.objects.select_related("order__project", "order__store").get(pk=pk)
            choice = Chooser.of([parcel.order.project], [parcel.carrier]).choose(parcel.order, parcel)
            found[pk] = choice and (choice.route.pk, choice.account and choice.account.key, choice.courier.slug)
        return found

    before = decided()
    _now, then = drafted()
    with transaction.atomic():
        Route.objects.exclude(pk__in=[rule.id for rule in then.routes]).delete()
        kept = [one.id for several in then.mappings.values() for one in several]
        CarrierMapping.objects.exclude(pk__in=kept).delete()
        after = decided()
        transaction.set_rollback(True)
    return [pk for pk in before if before[pk] != after[pk]]


def must_agree() -> None:

    now, then = drafted()
    found = dry_run(now, then, limit=ONE_BY_ONE)
    if found.to_move != moving_one_by_one() or not found.to_move:
        raise RuntimeError("the dry run and the decisions one by one disagree")


def looks_per_second() -> float:
    """How many rules are looked at per second where no decision is remembered."""

    now, _ = drafted()
    facts = [row.facts for row in newest_parcels(2_000)]
    started = time.perf_counter()
    looks = sum(len(now.decide(one).route.trace) for one in facts)
    return looks / (time.perf_counter() - started)
