"""The console at a million parcels: lists, search, order page, home and queues, each against a bare SELECT of one row.

Pages are asked for through all of Django but no web server, and every call asks about other rows; every answer is
checked, so none is fast because it failed. The rows are made by ``console_rows``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from stores.models import Store
from tests.benchmarks.console_rows import KINDS, SCANS, number_of, orders_of, seed
from tests.benchmarks.processor import Cost, cost_of, high, middle
from tests.benchmarks.progress import heading, note
from tracking.models import Order

MOST_MS = 300
BARE = "bare SELECT"
DEEP = 200  # the last page of fifty that a list counts; of fewer rows their last one
Question = Callable[[], None]


def run(*, parcels: int, rounds: int) -> list[str]:
    """Measure; the lines of the summary. Raises RuntimeError where a page does not show what it has to."""
    heading(f"Console: {parcels:,} parcels, {parcels * SCANS:,} checkpoints")
    seed(parcels)
    return measure(parcels, rounds)


def measure(parcels: int, rounds: int) -> list[str]:
    """Ask everything once per round, in turns: other work on the machine slows all of a round alike."""
    User.objects.filter(username="bench").delete()
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("bench"))
    questions = asked(client, parcels)
    costs: dict[str, list[Cost]] = {name: [] for name in questions}
    for number in range(rounds + 1):  # the first round warms caches and is thrown away
        for name, ask in questions.items():
            cost = cost_of(ask)
            if number:
                costs[name].append(cost)
        note(f"round {number} of {rounds}")
    bare = middle(costs[BARE])
    return [line_of(name, found, bare) for name, found in costs.items()]


def line_of(name: str, costs: list[Cost], bare: Cost) -> str:
    """``order page   84 ms (p95 120), 70x of a bare SELECT; 60 alone: 35 ours, 20 the database``"""
    cost = middle(costs)
    verdict = "" if cost.wall < MOST_MS else f"  OVER {MOST_MS} ms"
    return (
        f"console  {name:28} {cost.wall:6.0f} ms (p95 {high(costs):.0f}), {cost.wall / bare.wall:.0f}x of a bare"
        f" SELECT; {cost.alone:.0f} alone: {cost.ours:.0f} ours, {cost.theirs:.0f} the database{verdict}"
    )


def asked(client: Client, parcels: int) -> dict[str, Question]:
    """Each question by name."""
    chance, orders = random.Random(11), orders_of(parcels)

    def some() -> int:
        return 1 + chance.randrange(orders)

    def bare() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM tracking_order WHERE id = %s", [some()])
            cursor.fetchone()

    def page() -> None:
        must_show(client, reverse("admin:tracking_order_change", args=[some()]), "tb-card")

    return {
        BARE: bare,
        **lists(client, min(DEEP, orders // 50)),
        **searches(client, some),
        "order page": page,
        **rooms(client),
    }


# -- Lists


def lists(client: Client, far: int) -> dict[str, Question]:
    store = Store.objects.get(key="bench-de").pk

    def listed(model: str, **filters: Any) -> Question:
        return partial(must_show, client, reverse(f"admin:tracking_{model}_changelist"), "result_list", **filters)

    return {
        "orders": listed("order"),
        "orders, last page counted": listed("order", p=far),
        "orders, oldest first": listed("order", o="-8.1"),
        "orders, late": listed("order", late="yes"),
        "orders, with a problem": listed("order", problems="open"),
        "orders, without a problem": listed("order", problems="none"),
        "orders of a store": listed("order", store__id__exact=store),
        "orders to Poland by UPS": listed("order", country="PL", courier="ups"),
        "orders, exception": listed("order", status="exception"),
        "orders, delivered": listed("order", status="delivered"),
        "orders, with a return": listed("order", returns="yes"),
        "parcels": listed("parcel"),
        "parcels, late": listed("parcel", late="yes"),
        "parcels, last page counted": listed("parcel", p=far),
        "parcels, exception": listed("parcel", status="exception"),
        "parcels, with a problem": listed("parcel", problems="open"),
        "parcels without a number": listed("parcel", number="none"),
        "parcels of a store": listed("parcel", order__store__id__exact=store),
        "trackings": listed("tracking"),
        "trackings, in transit": listed("tracking", status__exact="in_transit", life="live"),
        "trackings, by number": listed("tracking", o="1"),
        "checkpoints": listed("checkpoint"),
        "problems": listed("problem"),
        "receipts": listed("receipt"),
        "calls": listed("attempt"),
        "jobs": listed("job"),
        "messages": listed("message"),
        "orders, found by number": listed("order", q="BENCH-123"),
        "parcels, found by a piece": listed("parcel", q=number_of(123)[7:15]),
    }


# -- Search


def searches(client: Client, some: Callable[[], int]) -> dict[str, Question]:
    """Asked as people do: what is typed is posted, and then comes the page that it leads to."""

    def found(text: Callable[[int], str]) -> Question:
        return lambda: must_answer(client.post(reverse("console-search"), {"text": text(some())}), 302)

    return {
        "search: order number": found(lambda n: f"BENCH-{n}"),
        "search: tracking number": found(number_of),
        "search: end of a number": found(lambda n: number_of(n)[-8:]),
        "search: beginning": found(lambda n: number_of(n)[:16]),
        "search: middle, 8 signs": found(lambda n: number_of(n)[7:15]),
        "search: middle, 5 signs": found(lambda n: number_of(n)[9:14]),
        "search: in every number": found(lambda n: "34043"),
        "search: e-mail address": found(lambda n: f"shopper{n % 100_000}@example.com"),
        "search: id": found(lambda n: Order.objects.values_list("commercetools_id", flat=True).get(pk=n)),
        "search: a whole e-mail": found(mail),
        "search: nothing there": found(lambda n: f"nothing-{n}-here"),
        "search: what it found": partial(must_show, client, reverse("console-search"), "tb-"),
    }


def mail(n: int) -> str:
    lines = [f"Line {one} of 3.11.2026, 14:30, with 49.90 EUR and ref {one}A{one}" for one in range(40)]
    return "\n".join([f"Hi, where is my order BENCH-{n}? shopper{n}@example.com", *lines])


# -- Home and queues


def rooms(client: Client) -> dict[str, Question]:
    """Home, all queues at a glance, each queue, and the pages that mend many problems at once."""
    names = ("queues", "team", "outages", "unrouted", "carriers", "courier-codes", "dead-letters")
    queues = {f"queue: {kind}": partial(must_show, client, reverse("queue", args=[kind]), "tb-") for kind in KINDS}
    return {
        "home": partial(must_show, client, reverse("admin:index"), "tb-"),
        **{f"page: {name}": partial(must_show, client, reverse(name), "tb-") for name in names},
        "queue: all": partial(must_show, client, reverse("queue", args=["all"]), "tb-"),
        **queues,
    }


def must_show(client: Client, address: str, word: str, **parameters: Any) -> None:
    """The page, and that it shows what it has to."""
    response = client.get(address, parameters)
    if response.status_code != 200 or word not in response.content.decode():
        raise RuntimeError(f"{address} {parameters} answered {response.status_code}, or without '{word}'")


def must_answer(response: Any, status: int) -> None:
    if response.status_code != status:
        raise RuntimeError(f"the console answered {response.status_code}")
