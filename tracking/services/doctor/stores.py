"""One store before it goes live: its newest orders in commercetools, tried on the rules as they stand; and its words.

    newest orders of the store ─> facts of each parcel ─> RuleSet.decide ─> no route · courier unknown · fine

Nothing is stored and nothing is opened: a store that ships for years is tried before it is connected. What others have
to say about a store (its brand, its languages) they register with ``@covers``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from stores.models import Brand, Route, Store
from stores.rule_set import RuleSet, load_rule_set
from tracking.enums import Area
from tracking.payloads.errors import PayloadError
from tracking.payloads.from_commercetools import OrderSnapshot, ParcelSnapshot, parse_order
from tracking.payloads.from_fields import source_of
from tracking.services import connections
from tracking.services.doctor.findings import Finding, Findings, broken, fine, tried, warning
from tracking.services.facts import channel_keys, facts_from
from tracking.words.languages import is_spoken

ORDERS_LOOKED_AT, MOST_NAMED = 1_000, 5
NEXT_TRY = "Check again with the first test order."

Coverage = Callable[[Store, list[Brand]], Iterator[Finding]]
_coverages: list[Coverage] = []


def covers(coverage: Coverage) -> Coverage:
    """Register what else has to be there before a store goes live. Asked with the brands its parcels would have."""
    _coverages.append(coverage)
    return coverage


@dataclass
class Trial:
    """The store's newest orders, tried on the rules."""

    orders: int = 0
    parcels: int = 0
    unreadable: int = 0
    unrouted: Counter[str] = field(default_factory=Counter)
    untracked: int = 0
    guessed: Counter[str] = field(default_factory=Counter)
    routes: Counter[int] = field(default_factory=Counter)


def examine_store(store: Store) -> Findings:
    """Everything about one store that its project and accounts do not tell. Reads orders from commercetools."""
    yield from tried(Area.STORE, lambda: known(store))
    trial = Trial()
    yield from tried(Area.ORDERS, lambda: read(store, trial))
    yield from tried(Area.ROUTES, lambda: routed(store, trial))
    yield from tried(Area.CARRIERS, lambda: couriers(trial))
    yield from tried(Area.BRAND, lambda: branded(store, trial))


def known(store: Store) -> Findings:
    if store.gone_at:
        yield broken(Area.STORE, "commercetools does not list it any more.", "Check its key, then import again.")
    elif not store.imported_at:
        step = f"Run: manage.py import_registry {store.project.key}"
        yield warning(Area.STORE, "It was named here, and never read from commercetools.", step)
    else:
        languages = ", ".join(store.languages) or "no language"
        yield fine(Area.STORE, f"commercetools lists it: {languages}; {', '.join(store.countries) or 'no country'}.")


def read(store: Store, trial: Trial) -> Findings:
    """Read the newest orders, and try each parcel with a number."""
    project = store.project
    rules, channels = load_rule_set([project]), channel_keys(project)
    source = source_of(project.tracking_source)
    for document in connections.commercetools(project).newest_orders(store.key, ORDERS_LOOKED_AT):
        trial.orders += 1
        try:
            order = parse_order(document, source)
        except PayloadError:
            trial.unreadable += 1
            continue
        for parcel in order.parcels:
            if parcel.tracking_number:
                try_parcel(trial, rules, store, order, parcel, channels)
    if trial.unreadable:
        words = f"{trial.unreadable:,} of {trial.orders:,} orders cannot be read."
        yield broken(Area.ORDERS, words, "Read one with manage.py sync_order: it says what is odd.")
    if not trial.parcels:
        step = "Make a test order with a parcel, its carrier and its number; then check again."
        yield warning(Area.ORDERS, f"Of its {trial.orders:,} newest orders, none has a parcel with a number.", step)
    else:
        yield fine(Area.ORDERS, f"Tried: {trial.parcels:,} parcels of its {trial.orders:,} newest orders.")


def try_parcel(
    trial: Trial,
    rules: RuleSet,
    store: Store,
    order: OrderSnapshot,
    parcel: ParcelSnapshot,
    channels: dict[str, str],
) -> None:
    """Decide one parcel by ``rules``, as if it came now, and count the outcome into ``trial``. Nothing is saved."""
    facts = facts_from(
        store.project.key,
        store.key,
        order.destination.country,
        parcel.carrier,
        parcel.is_return,
        parcel.items or parcel.delivery_items,
        order.item_channels,
        order.custom_fields,
        channels=channels,
    )
    decision = rules.decide(facts)
    trial.parcels += 1
    if decision.rule is None:
        trial.unrouted[f"{'return' if parcel.is_return else 'parcel'} to {order.destination.country or 'nowhere'}"] += 1
        return
    trial.routes[decision.rule.id] += 1
    if decision.courier is None:
        trial.untracked += 1
    elif not decision.courier.slug:
        trial.guessed[parcel.carrier or "none"] += 1


def most(counted: Counter[str]) -> str:
    return ", ".join(f"{words} ({number:,})" for words, number in counted.most_common(MOST_NAMED))


def routed(store: Store, trial: Trial) -> Findings:
    """Whether every parcel would find its account."""
    if trial.unrouted:
        words = f"No route takes {trial.unrouted.total():,} of {trial.parcels:,} parcels: {most(trial.unrouted)}."
        yield broken(Area.ROUTES, words, "Make a route that takes them, or a default route.")
        return
    if not trial.parcels:
        mine = Route.objects.filter(project=store.project, is_active=True)
        if mine.filter(store=store).exists() or mine.filter(store=None).exists():
            yield warning(Area.ROUTES, "There are routes that may take it; no parcel shows whether they do.", NEXT_TRY)
        else:
            yield broken(Area.ROUTES, "No route leads anywhere for this store.", "Make one under Routes.")
        return
    words = f"Every one of {trial.parcels:,} parcels finds a route, by {len(trial.routes)} of them."
    if trial.untracked:
        words = f"{words} {trial.untracked:,} are not tracked, as their routes say."
    yield fine(Area.ROUTES, words)


def couriers(trial: Trial) -> Findings:
    """Whether every carrier text names a courier."""
    tracked = trial.parcels - trial.unrouted.total() - trial.untracked
    if not tracked:
        yield warning(Area.CARRIERS, "No parcel shows which carriers it ships with.", NEXT_TRY)
    elif trial.guessed:
        words = f"{trial.guessed.total():,} of {tracked:,} parcels name a carrier that nothing maps"
        step = "Map these texts at the carrier workbench; until then AfterShip has to guess."
        yield warning(Area.CARRIERS, f"{words}: {most(trial.guessed)}.", step)
    else:
        yield fine(Area.CARRIERS, f"The carrier of each of {tracked:,} parcels is mapped.")


def branded(store: Store, trial: Trial) -> Findings:
    """Whose name its shoppers read, and in which languages."""
    routes = Route.objects.filter(pk__in=trial.routes).select_related("brand")
    rows = routes if trial.routes else Route.objects.filter(project=store.project, store=store).select_related("brand")
    tells = [route for route in rows if route.notify != Route.Notify.OFF]
    nameless = [route for route in tells if route.brand is None]
    brands = list({route.brand.pk: route.brand for route in rows if route.brand}.values())
    if nameless:
        step = "Give these routes a brand, or switch their messages off."
        yield broken(Area.BRAND, f"{len(nameless)} routes write to shoppers without a brand.", step)
    elif not tells:
        yield fine(Area.BRAND, "Nobody writes to its shoppers, as its routes say.")
    else:
        yield fine(Area.BRAND, f"It speaks as {', '.join(brand.name for brand in brands)}.")
    silent = [language for language in store.languages if not is_spoken(language)]
    if silent and tells:
        step = "Shoppers of these are written to in the brand's first language."
        yield warning(Area.BRAND, f"We have no words in {', '.join(silent)}.", step)
    for coverage in _coverages:
        yield from coverage(store, brands)
