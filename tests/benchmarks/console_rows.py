"""A million parcels as the road leaves them, and what stands beside them: for measuring the console.

Two stores; two thirds as many orders as parcels, one every twenty seconds up to now; a tracking, five scans, a receipt
and a message for each parcel; a job and a call for each order; an open problem for every hundredth parcel. Nine in ten
arrived; of the rest some wait for their first scan, most are on their way, some late, some in trouble.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from django.db import connection

from stores.models import AfterShipAccount, Project, Route, Store
from tests.benchmarks.bulk import bare_tables, insert, settle
from tests.benchmarks.progress import note
from tests.benchmarks.seed import clear
from tracking.models import Attempt, Checkpoint, Job, KnownNumber, Message, Order, Parcel, Problem, Receipt, Tracking

SCANS = 5
COUNTRIES = ("DE", "AT", "CH", "FR", "NL", "PL")
KINDS = ("silent", "no_scan", "unmapped_carrier", "carrier_mismatch", "bad_number", "missing_field", "attempts_failed",
         "address", "awaiting_pickup", "returning", "lost", "refused", "number_reused")  # fmt: skip
STATUS = """case when n % 10 <> 0 then 'delivered' when n % 70 = 0 then 'pending' when n % 30 = 0 then 'exception'
            else 'in_transit' end"""
NUMBER = "'00340434' || lpad(((n::bigint * 7919) % 1000000000000)::text, 12, '0')"
COURIER = "case when n % 50 = 0 then 'ups' else 'dhl-germany' end"
ORDER = "((n * 2 + 2) / 3)::int"  # every third parcel shares the order of the one before
PROBLEM_EVERY, WAITING_EVERY = 100, 1_000
CLOCKS = ("announced", "first_scan", "out_for_delivery", "first_attempt", "delivered", "last_news")


def seed(parcels: int) -> None:
    """Empty the tables, and fill them."""
    clear()
    project, _ = Project.objects.get_or_create(key="bench", defaults={"client_id": "x", "client_secret": "x"})
    account, _ = AfterShipAccount.objects.get_or_create(key="bench", defaults={"api_key": "none"})
    stores = [Store.objects.get_or_create(project=project, key=key)[0].pk for key in ("bench-de", "bench-fr")]
    Route.objects.filter(project=project).delete()
    route = Route.objects.create(project=project, account=account, promise_days=4)
    orders = orders_of(parcels)
    with bare_tables(Order, Tracking, Parcel):
        seed_orders(orders, project, stores)
        seed_trackings(parcels, account, orders)
        seed_parcels(parcels, route, orders)
    with bare_tables(KnownNumber):
        seed_numbers()
    with bare_tables(Checkpoint):
        seed_scans(parcels, orders)
    with bare_tables(Job, Attempt, Receipt, Message, Problem):
        seed_work(orders)
        seed_news(parcels, orders)
        seed_problems(parcels, orders)
    settle()


def orders_of(parcels: int) -> int:
    return (parcels * 2 + 2) // 3


def number_of(n: int) -> str:
    """The tracking number of the n-th parcel."""
    return f"00340434{n * 7919 % 10**12:012d}"


def placed(order: str, orders: int) -> str:
    """SQL: when the n-th order was placed."""
    return f"(now() - ({orders} - {order}) * interval '20 seconds')"


def then(hours: str, orders: int, order: str = ORDER) -> str:
    """SQL: so many hours after the n-th parcel's order was placed, never later than now, and no two at one moment."""
    return f"least({placed(order, orders)} + {hours} * interval '1 hour', now() - n * interval '1 microsecond')"


def one_of(values: Iterable[object], n: str = "n") -> str:
    """SQL: one value after the other."""
    found = list(values)
    return f"(array[{', '.join(repr(value) for value in found)}])[1 + {n} % {len(found)}]"


def seed_orders(orders: int, project: Project, stores: list[int]) -> None:
    at = placed("n", orders)
    insert(Order, orders, {
        "id": "n", "project_id": str(project.pk), "commercetools_id": "md5('o' || n)", "order_number": "'BENCH-' || n",
        "correlation_id": "'C' || n", "store_id": one_of(stores), "locale": "'de-DE'",
        "customer_email": "'shopper' || n % 100000 || '@example.com'", "shopper_key": "md5('s' || n % 100000)",
        "destination_country": one_of(COUNTRIES), "destination_city": "'Berlin'",
        "destination_postal_code": "'10115'", "order_state": "'Open'", "shipment_state": "'Shipped'", "version": "3",
        "type_id": "'trackbridge-order'", "carried": """'{"tb_status": "in_transit", "tb_parcels": 2}'""",
        "items": """'{"a": 2}'""",
        "item_words": """'{"a": {"sku": "BOOT-42", "name": {"de": "Wanderschuh"}}}'""",
        "ordered_at": at, "created_at": at, "collected_at": at,
    })  # fmt: skip


def seed_trackings(parcels: int, account: AfterShipAccount, orders: int) -> None:
    moment = {"at": "2026-11-04T09:12:00+00:00", "local": "2026-11-04T10:12:00", "is_offset_known": True}
    insert(Tracking, parcels, {
        "id": "md5('t' || n)", "account_id": str(account.pk), "aftership_id": "md5('t' || n)",
        "correlation_id": f"'C' || {ORDER}", "tracking_number": NUMBER, "status": STATUS, "tag": "'InTransit'",
        "subtag": "'InTransit_003'", "subtag_message": "'Arrival scan'", "requested_courier": COURIER,
        "courier": COURIER, "eta": "current_date + 1 - ((n / 10) % 5)::int",
        "last_message": "'The shipment was processed in the parcel centre.'", "last_location": "'Berlin, DE'",
        "last_checkpoint_at": "'2026-11-04T10:12:00+01:00'", "clocks": f"'{json.dumps(dict.fromkeys(CLOCKS, moment))}'",
        "tallies": """'{"scans": 5, "attempts": 1, "longest_gap_hours": 20.5, "troubles": []}'""",
        "estimates": """'[["2026-11-03T09:12:00+00:00", "2026-11-05"]]'""",
        "tracking_url": "'https://bench.aftership.com/' || md5('t' || n)",
        "first_scan_at": then("9", orders), "last_news_at": then("40", orders), "status_changed_at": then("40", orders),
        "updated_at": then("40", orders), "received_at": then("40", orders), "opened_at": then("1", orders),
        "created_at": then("1", orders),
    })  # fmt: skip


def seed_parcels(parcels: int, route: Route, orders: int) -> None:
    """And some more behind them, which wait for their number."""
    columns = {
        "id": "n", "order_id": ORDER, "commercetools_id": "md5('p' || n)",
        "delivery_id": "md5('d' || n)", "carrier": "'DHL Paket'", "tracking_number": NUMBER,
        "tracking_id": "md5('t' || n)", "route_id": str(route.pk), "items": """'{"a": 1}'""",
        "route_trace": f"""'[[{route.pk}, true, "", 1]]'""",
        "decision": """'{"at": "2026-11-03T09:12:00+00:00", "promise_days": 4, "facts": {"store": "bench-de",
            "country": "DE", "supply_channels": ["hub"]}, "courier": {"slug": "dhl-germany", "because": "mapping"}}'""",
        "type_id": "'trackbridge-parcel'", "carried": """'{"tb_status": "in_transit", "tb_tag": "InTransit",
            "tb_subtag": "InTransit_003", "tb_message": "The shipment was processed in the parcel centre."}'""",
        "shipped_at": then("0", orders), "created_at": then("0", orders), "written_at": then("40", orders),
        "is_return": "n % 40 = 0",
    }  # fmt: skip
    insert(Parcel, parcels, columns)
    somewhere = f"(1 + n::bigint * 7919 % {orders})"
    nothing = {"order_id": somewhere, "tracking_number": "''", "tracking_id": "NULL", "carried": "'{}'"}
    insert(Parcel, max(parcels // WAITING_EVERY, 1), columns | nothing | {"written_at": "NULL"}, first=parcels + 1)


def seed_numbers() -> None:
    """What triggers would have noted, in the order in which orders and their parcels come."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tracking_knownnumber (text) SELECT text FROM (SELECT id * 3 AS at, order_number AS text"
            " FROM tracking_order UNION ALL SELECT order_id * 3 + 1, tracking_number FROM tracking_parcel"
            " WHERE tracking_number <> '') AS numbers ORDER BY at"
        )
        note(f"{cursor.rowcount:,} numbers")


def seed_scans(parcels: int, orders: int) -> None:
    at = then("s * 8", orders)
    insert(Checkpoint, parcels, {
        "tracking_id": "md5('t' || n)", "fingerprint": "md5(n || '-' || s)",
        "tag": "case when s = 1 then 'InfoReceived' else 'InTransit' end", "subtag": "'InTransit_003'",
        "subtag_message": "'Arrival scan'", "message": "'The shipment was processed in the parcel centre.'",
        "location": "'Berlin, DE'", "city": "'Berlin'", "country": "'DEU'", "courier": "'dhl-germany'",
        "time_text": "'2026-11-04T10:12:00+01:00'", "local_time": "'2026-11-04T10:12:00'", "sort_at": at,
        "happened_at": at, "created_at": at, "reported_at": at,
    }, beside=f"generate_series(1, {SCANS}) s")  # fmt: skip


def seed_work(orders: int) -> None:
    """What was done at commercetools: for every order one write that is done, with its call."""
    at = placed("n", orders)
    insert(Job, orders, {
        "kind": "'write_back'", "subject": "n::text", "upstream": "'commercetools:bench'", "want": "3", "done": "3",
        "correlation_id": "'C' || n", "next_attempt_at": at, "due_since": at, "created_at": at,
    })  # fmt: skip
    insert(Attempt, orders, {
        "upstream": "'commercetools:bench'", "correlation_id": "'C' || n", "endpoint": "'orders'", "method": "'POST'",
        "path": "'/bench/orders/' || md5('o' || n)", "status": "200", "outcome": "'ok'", "duration_ms": "40",
        "started_at": at,
    })  # fmt: skip


def seed_news(parcels: int, orders: int) -> None:
    """Webhooks about the parcels (their bodies only in name), and what shoppers were told."""
    at = then("40", orders)
    insert(Receipt, parcels, {
        "source": "'aftership'", "endpoint": "'bench'", "event_id": "md5('e' || n)", "body": "'{}'", "state": "'done'",
        "event": "'tracking_update'", "subject": "md5('t' || n)", "outcome": "'Applied.'", "effect": "'changed'",
        "correlation_id": f"'C' || {ORDER}", "request_id": "'R' || n", "next_attempt_at": at, "received_at": at,
        "processed_at": at, "event_at": at,
    })  # fmt: skip
    insert(Message, parcels, {
        "order_id": ORDER, "parcel_id": "n", "tracking_id": "md5('t' || n)", "kind": "'delivered'", "state": "'sent'",
        "correlation_id": f"'C' || {ORDER}", "language": "'de'", "recipient_hash": f"md5('s' || {ORDER} % 100000)",
        "news_at": at, "due_at": at, "created_at": at, "sending_at": at, "sent_at": at,
    })  # fmt: skip


def seed_problems(parcels: int, orders: int) -> None:
    """One for every hundredth parcel, of many kinds, in the order in which the parcels were sold."""
    n = f"(n * {PROBLEM_EVERY})"
    order = f"(({n} * 2 + 2) / 3)::int"
    at = then("40", orders, order)
    insert(Problem, parcels // PROBLEM_EVERY, {
        "kind": one_of(KINDS), "subject": f"'tracking:' || md5('t' || {n})", "cause": "'No news for 4 working days.'",
        "next_step": "'Ask the carrier.'", "order_id": order, "parcel_id": n, "tracking_id": f"md5('t' || {n})",
        "correlation_id": f"'C' || {order}", "opened_at": at, "seen_at": at, "since_at": at,
        "due_at": f"{at} + n % 9 * interval '1 day'",
    })  # fmt: skip
