"""What a change costs at commercetools, against "GET then POST per webhook", at upstreams in a process of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from config.correlation import new_correlation_id
from tests.benchmarks.figures import Rates, interleave
from tests.benchmarks.naive import write_each
from tests.benchmarks.processes import sandbox
from tests.benchmarks.progress import heading
from tests.benchmarks.seed import clear
from tests.benchmarks.shop import KEY, Judgement, Shop
from tracking.enums import Source
from tracking.models import Tracking
from tracking.services.pump import drain_everything
from tracking.services.receive import store_receipts

LATENCIES_MS = (0, 40)
ORDERS_ONE_BY_ONE = 4
NAIVE, OURS = "GET and POST per webhook", "ours"


def run(*, rounds: int, orders: int) -> list[str]:
    """Measure; the lines of the summary. Raises RuntimeError where we left a parcel wrong or wrote nothing new."""
    heading(f"Write-back: {orders} orders of 3 parcels, 4 events each, shuffled, a tenth of them repeats")
    clear()
    lines = []
    with sandbox() as url:
        shop = Shop(url)
        for latency_ms in LATENCIES_MS:
            shop.control.set_dials(commercetools={"latency_ms": latency_ms})
            lines += against_naive(shop, rounds, orders, latency_ms)
        shop.control.set_dials(commercetools={"latency_ms": 0})
        lines += [*one_by_one(shop), per_new_tracking(shop)]
    return lines


def against_naive(shop: Shop, rounds: int, orders: int, latency_ms: int) -> list[str]:
    """Both ways with a backlog of everything at once."""
    judgements: dict[str, Judgement] = {}
    contestants: dict[str, Callable[[], float]] = {
        name: partial(rate, shop, orders, name, judgements) for name in (NAIVE, OURS)
    }
    rates: dict[str, Rates] = interleave(rounds, contestants, unit=f"orders at {latency_ms} ms")
    ours, naive = judgements[OURS], judgements[NAIVE]
    must_be_right(ours)
    return [
        f"orders written, {latency_ms:2} ms      {rates[OURS]}, {rates[OURS].times(rates[NAIVE])} of GET and POST",
        f"  calls per event          {ours.per_event()} (GET and POST {naive.per_event()})",
        f"  calls per changed parcel {ours.per_change()} (GET and POST {naive.per_change()})",
        f"  ours                     {ours.faults()}",
        f"  GET and POST             {naive.faults()}",
    ]


def rate(shop: Shop, orders: int, name: str, judgements: dict[str, Judgement]) -> float:
    """Orders per second of one way, on new orders; keeps what commercetools saw of it."""
    sold = shop.sell(orders)
    bodies = shop.news(sold)
    since = shop.mark()
    if name == OURS:
        receive(bodies)
    started_at = time.perf_counter()
    if name == OURS:
        drain_everything()
    else:
        write_each(shop.project, bodies)
    seconds = time.perf_counter() - started_at
    if name == OURS:
        shop.hear()
    judgements[name] = shop.judge(sold, len(bodies), since)
    shop.hear()
    return orders / seconds


def receive(bodies: list[bytes]) -> None:
    for body in bodies:
        store_receipts(Source.AFTERSHIP, KEY, [body], {}, new_correlation_id())


def one_by_one(shop: Shop) -> list[str]:
    """No burst to gain from: every webhook is worked off, and commercetools' own messages too, before the next."""
    sold = shop.sell(ORDERS_ONE_BY_ONE)
    bodies = shop.news(sold)
    since = shop.mark()
    for body in bodies:
        receive([body])
        drain_everything()
        shop.hear()
    judgement = shop.judge(sold, len(bodies), since)
    must_be_right(judgement)
    costs = f"{judgement.per_change()} calls per changed parcel, {judgement.per_event()} per event"
    return [f"webhooks one by one        {costs}"]


def must_be_right(judgement: Judgement) -> None:
    if judgement.wrong_parcels or judgement.repeated_writes:
        raise RuntimeError(f"our write-back went wrong: {judgement.faults()}")


def per_new_tracking(shop: Shop) -> str:
    """Calls to AfterShip since the shop began, for each tracking that it has."""
    calls, trackings = len(shop.control.journal("aftership")), Tracking.objects.count()
    return f"calls to AfterShip         {calls / trackings:.2f} per new tracking ({calls} for {trackings})"
