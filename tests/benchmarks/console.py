"""The console at a million parcels: lists, search and order page, each against a bare SELECT of one row of this run.

Rows are made by the database itself (INSERT … SELECT over a series): five million checkpoints take minutes. Pages are
asked for through all of Django but no web server; every answer is checked, so none is fast because it failed.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import AutoField, Field, JSONField, Model
from django.db.models.fields import NOT_PROVIDED
from django.test import Client
from django.urls import reverse

from stores.models import AfterShipAccount, Project, Route, Store
from tests.benchmarks.progress import heading, note
from tests.benchmarks.seed import clear
from tracking.models import Checkpoint, Order, Parcel, Problem, Tracking

SCANS = 5
MOST_MS = 300
COUNTRIES = "array['DE','AT','CH','FR','NL','PL']"
# Nine in ten arrived; of the rest some wait for their first scan, most are on their way, some late, some troubled.
STATUS = """case when n % 10 <> 0 then 'delivered' when n % 70 = 0 then 'pending' when n % 30 = 0 then 'exception'
            else 'in_transit' end"""
NUMBER = "'00340434' || lpad(((n::bigint * 7919) % 1000000000000)::text, 12, '0')"


def run(*, parcels: int, rounds: int) -> list[str]:
    """Measure; the lines of the summary. Raises RuntimeError where a page does not show what it has to."""
    heading(f"Console: {parcels:,} parcels, {parcels * SCANS:,} checkpoints")
    clear()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")  # making millions of rows takes longer than a page may
        seed(parcels)
        cursor.execute("RESET statement_timeout")
    User.objects.filter(username="bench").delete()
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("bench"))
    chance = random.Random(11)
    orders = orders_of(parcels)
    questions = asked(client, chance, parcels, orders)
    times: dict[str, list[float]] = {name: [] for name in questions}
    processor: dict[str, list[float]] = {name: [] for name in questions}
    for number in range(rounds + 1):  # the first round warms caches and is thrown away
        for name, ask in questions.items():
            started, busy = time.perf_counter(), time.process_time()
            ask()
            if number:
                times[name].append((time.perf_counter() - started) * 1000)
                processor[name].append((time.process_time() - busy) * 1000)
    bare = median(times["bare SELECT"])
    return [line_of(name, values, bare, median(processor[name])) for name, values in times.items()]


def line_of(name: str, values: list[float], bare: float, processor: float) -> str:
    """``order page      84 ms (p95 120 ms), 140x of a bare SELECT, 60 ms of our processor``"""
    middle, high = median(values), quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
    note(f"{name}: {middle:.1f} ms at the median")
    verdict = "" if middle < MOST_MS else f"  OVER {MOST_MS} ms"
    return (
        f"console  {name:24} {middle:7.1f} ms (p95 {high:.1f} ms), {middle / bare:.0f}x of a bare SELECT,"
        f" {processor:.0f} ms of our processor{verdict}"
    )


def orders_of(parcels: int) -> int:
    return (parcels * 2 + 2) // 3


# -- What is asked


def asked(client: Client, chance: random.Random, parcels: int, orders: int) -> dict[str, Callable[[], None]]:
    """Each question by name; every call asks about other rows."""
    lists = {name: reverse(f"admin:tracking_{name}_changelist") for name in ("order", "parcel")}
    store = Store.objects.order_by("pk").first()

    def bare() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM tracking_order WHERE id = %s", [first + chance.randrange(orders)])
            cursor.fetchone()

    def listed(model: str, **filters: Any) -> Callable[[], None]:
        return lambda: must_be(client.get(lists[model], filters), 200, "result_list")

    def found(text: Callable[[int], str]) -> Callable[[], None]:
        return lambda: must_be(
            client.post(reverse("console-search"), {"text": text(chance.randrange(orders) + 1)}), 302
        )

    def page() -> None:
        address = reverse("admin:tracking_order_change", args=[first + chance.randrange(orders)])
        must_be(client.get(address), 200, "tb-card")

    first = Order.objects.order_by("pk").values_list("pk", flat=True)[0]
    return {
        "bare SELECT": bare,
        "orders": listed("order"),
        "orders, late": listed("order", late="yes"),
        "orders, with a problem": listed("order", problems="open"),
        "orders of a store": listed("order", store__id__exact=store.pk if store else 0),
        "orders to Poland by UPS": listed("order", country="PL", courier="ups"),
        "orders, exception": listed("order", status="exception"),
        "parcels": listed("parcel"),
        "parcels, late": listed("parcel", late="yes"),
        "search: order number": found(lambda n: f"BENCH-{n}"),
        "search: tracking number": found(lambda n: number_of(n)),
        "search: end of a number": found(lambda n: number_of(n)[-8:]),
        "search: beginning": found(lambda n: number_of(n)[:16]),
        "search: e-mail address": found(lambda n: f"shopper{n % 100_000}@example.com"),
        "search: a whole e-mail": found(lambda n: mail(n)),
        "search: nothing there": found(lambda n: f"nothing-{n}-here"),
        "order page": page,
    }


def must_be(response: Any, status: int, word: str = "") -> None:
    if response.status_code != status or (word and word not in response.content.decode()):
        raise RuntimeError(f"the console answered {response.status_code}, or without '{word}'")


def number_of(n: int) -> str:
    return f"00340434{n * 7919 % 10**12:012d}"


def mail(n: int) -> str:
    lines = [f"Line {one} of 3.11.2026, 14:30, with 49.90 EUR and ref {one}A{one}" for one in range(40)]
    return "\n".join([f"Hi, where is my order BENCH-{n}? shopper{n}@example.com", *lines])


# -- Rows


def seed(parcels: int) -> None:
    """Two stores, two thirds as many orders as parcels, a tracking and five scans for each parcel."""
    project, _ = Project.objects.get_or_create(key="bench", defaults={"client_id": "x", "client_secret": "x"})
    account, _ = AfterShipAccount.objects.get_or_create(key="bench", defaults={"api_key": "none"})
    stores = [Store.objects.get_or_create(project=project, key=key)[0].pk for key in ("bench-de", "bench-fr")]
    Route.objects.filter(project=project).delete()
    route = Route.objects.create(project=project, account=account, promise_days=4)
    orders = orders_of(parcels)
    insert(
        Order, f"generate_series(1, {orders}) n", id="n", project_id=str(project.pk), commercetools_id="md5('o' || n)",
        order_number="'BENCH-' || n", correlation_id="'C' || n", store_id=f"(array{stores})[1 + n % 2]",
        locale="'de-DE'",
        customer_email="'shopper' || n % 100000 || '@example.com'", destination_country=f"({COUNTRIES})[1 + n % 6]",
        destination_city="'Berlin'", destination_postal_code="'10115'", order_state="'Open'", version="3",
        items="'{\"a\": 2}'", item_words="'{\"a\": {\"sku\": \"BOOT-42\", \"name\": {\"de\": \"Wanderschuh\"}}}'",
        ordered_at=f"now() - ({orders} - n) * interval '20 seconds'",
        created_at=f"now() - ({orders} - n) * interval '20 seconds'", collected_at="now()",
    )  # fmt: skip
    insert(
        Tracking, f"generate_series(1, {parcels}) n", id="md5('t' || n)", account_id=str(account.pk),
        aftership_id="md5('t' || n)", correlation_id=f"'C' || {order_of('n')}", tracking_number=NUMBER, status=STATUS,
        requested_courier="case when n % 50 = 0 then 'ups' else 'dhl-germany' end", tag="'InTransit'",
        courier="case when n % 50 = 0 then 'ups' else 'dhl-germany' end", subtag="'InTransit_003'",
        eta="current_date + 1 - ((n / 10) % 5)::int", last_message="'Processed in the parcel centre.'",
        last_location="'Berlin, DE'", last_checkpoint_at="'2026-11-04T10:12:00+01:00'", updated_at="now()",
        opened_at="now()", received_at="now()", created_at="now()",
    )  # fmt: skip
    insert(
        Parcel, f"generate_series(1, {parcels}) n", id="n", order_id=order_of("n"), commercetools_id="md5('p' || n)",
        delivery_id="'d' || n", carrier="'DHL Paket'", tracking_number=NUMBER, tracking_id="md5('t' || n)",
        route_id=str(route.pk), items="'{\"a\": 1}'", shipped_at="now()", created_at="now()", written_at="now()",
        is_return="n % 40 = 0",
    )  # fmt: skip
    note("orders, trackings and parcels are there")
    seed_scans(parcels)
    insert(
        Problem, f"generate_series(100, {parcels}, 100) n", kind="'silent'", subject="'tracking:' || md5('t' || n)",
        cause="'No news for 4 working days.'", next_step="'Ask the carrier.'", tracking_id="md5('t' || n)",
        correlation_id=f"'C' || {order_of('n')}", opened_at="now()", seen_at="now()",
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    note("the database knows its tables")


def order_of(n: str) -> str:
    """Every third parcel shares the order of the one before."""
    return f"(({n} * 2 + 2) / 3)::int"


def seed_scans(parcels: int) -> None:
    """The scans, without the indexes: made after the rows, they cost a third."""
    moment = f"now() - ({SCANS} - s) * interval '7 hours'"
    indexes = indexes_of(Checkpoint)
    with connection.cursor() as cursor:
        for name, _definition in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
    insert(
        Checkpoint, f"generate_series(1, {parcels}) n, generate_series(1, {SCANS}) s", tracking_id="md5('t' || n)",
        fingerprint="md5(n || '-' || s)", tag="case when s = 1 then 'InfoReceived' else 'InTransit' end",
        subtag="'InTransit_003'", subtag_message="'Arrival scan'", message="'Processed in the parcel centre.'",
        location="'Berlin, DE'", city="'Berlin'", country="'DEU'", courier="'dhl-germany'",
        time_text="'2026-11-04T10:12:00+01:00'", local_time="'2026-11-04T10:12:00'",
        sort_at=moment, happened_at=moment, created_at=moment, reported_at="now()",
    )  # fmt: skip
    note("checkpoints are there")
    with connection.cursor() as cursor:
        for _name, definition in indexes:
            cursor.execute(definition)
    note("and their indexes")


def indexes_of(model: type[Model]) -> list[tuple[str, str]]:
    """Name and definition of the indexes that belong to no constraint."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT IN"
            " (SELECT conname FROM pg_constraint)",
            [model._meta.db_table],
        )
        return list(cursor.fetchall())


def insert(model: type[Model], series: str, **columns: str) -> None:
    """INSERT one row per element of the series: SQL per column, each other column with its default."""
    filled = dict(columns)
    for field in model._meta.concrete_fields:
        if field.column in filled or field.null or field.db_default is not NOT_PROVIDED or isinstance(field, AutoField):
            continue
        filled[field.column] = default_of(field)
    names = ", ".join(f'"{name}"' for name in filled)
    with connection.cursor() as cursor:
        table = model._meta.db_table
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {', '.join(filled.values())} FROM {series}")
        if columns.get("id") == "n":
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")


def default_of(field: Field[Any, Any]) -> str:
    """A column's default as SQL. Raises where it has none: whoever adds such a column says here what it holds."""
    if getattr(field, "auto_now_add", False):
        return "now()"
    value = field.get_default()
    if isinstance(field, JSONField):
        return f"'{json.dumps(value)}'"
    if value is None:
        raise RuntimeError(f"{field} has no default: give it a value")
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else f"'{value}'"
