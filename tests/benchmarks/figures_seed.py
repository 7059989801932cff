"""Years of parcels for figures, made by the same pure functions as real ones, and copied into the tables day by day."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import DateField
from django.utils import timezone

from analytics.counted import Sums, counted_as
from analytics.facts import COLUMNS, fact_of, slice_of
from analytics.models import DayBucket, DayCount, MailDay, ParcelFact, RepeatDay, RepeatMonth, ServiceDay
from analytics.names import COUNTS, Course
from analytics.refresh import slice_ids
from analytics.repeat import add_up_month
from analytics.roll_ups import add
from analytics.service import COMPARED, DRIFT, LAG_TO_COMMERCETOOLS, LAG_TO_US, WRITES
from stores.models import Project
from stores.zones import zone
from tests.benchmarks.bulk import bar, bare_tables, insert, settle
from tests.benchmarks.console_rows import one_of
from tests.benchmarks.progress import note
from tracking.enums import ContactCause, ReceiptEffect
from tracking.models import Contact
from tracking.services.rows import upsert_rows

# Each store ships from one or two places, with some couriers, to its own country and some neighbours.
STORES = {
    1: (["hub-1", "hub-2"], ["dhl-germany", "dpd", "hermes-de", "gls"], ["DE", "DE", "DE", "AT", "CH"]),
    2: (["hub-1"], ["austrian-post", "dpd", "gls"], ["AT", "AT", "DE", "CZ"]),
    3: (["hub-2"], ["colissimo", "chronopost", "ups"], ["FR", "FR", "BE", "ES"]),
    4: (["hub-3"], ["postnl", "dpd", "ups"], ["NL", "NL", "BE", "DE"]),
    5: (["hub-1", "hub-3"], ["ups", "fedex"], ["GB", "SE", "PL", "IT", "DK", "US"]),
}
WEIGHTS = [50, 15, 15, 12, 8]
WEEK = 7
DAYS_BEFORE = 80  # of so many days are the orders before, of the orders of a day, a store and a course
MONTHS = """
INSERT INTO analytics_daybucket (cohort, spread, day, slice_id, bucket, number)
SELECT cohort + 2, spread, date_trunc('month', day)::date, slice_id, bucket, sum(number) FROM analytics_daybucket
GROUP BY 1, 2, 3, 4, 5 ORDER BY 3
"""
HERE = zone("Europe/Berlin")
SUMS = {"analytics_daycount": COUNTS, "analytics_daybucket": ("spread", "bucket", "number")}
# Days among the buckets move along: of parcels that are open since then, and of those that are due then.
BUCKET = (
    "CASE WHEN bucket < 0 THEN bucket + week * 7 WHEN spread BETWEEN 40 AND 43 THEN bucket - week * 7 ELSE bucket END"
)
LAST_DAY = date(2026, 11, 20)


def seed_facts(parcels: int, days: int = 364) -> None:
    """So many facts and their sums, spread over the days up to LAST_DAY.

    A week is made by the functions that make real facts; the others are that week over again, moved by SQL. Of these
    the ``counted`` texts stay those of the first week: nothing here changes them.
    """
    chance, each, made = random.Random(7), parcels // days, 0
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    for ago in range(WEEK):
        made += copy_day(chance, LAST_DAY - timedelta(days=ago), each, made)
        note(f"{made:,} facts of the first week")
    with bare_tables(ParcelFact), connection.cursor() as cursor:
        repeat_facts(cursor, made, days // WEEK)
    with bare_tables(DayCount, DayBucket), connection.cursor() as cursor:
        for table, numbers in SUMS.items():
            repeat_sums(cursor, table, numbers, days // WEEK)
            note(f"{table} is filled")
        cursor.execute(MONTHS)
    seed_days()
    settle()


def seed_days(days: int = 364) -> None:
    """What other pages sum up: a year of our own service, of orders that came again, of mails, and tickets."""
    day = f"date '{LAST_DAY}' - (n % {days})"
    project, _ = Project.objects.get_or_create(key="figures", defaults={"client_id": "none", "client_secret": "none"})
    with bare_tables(ServiceDay, RepeatDay, RepeatMonth, MailDay, Contact):
        for at, measure in enumerate((*ReceiptEffect.values, WRITES, DRIFT, COMPARED)):
            columns = {"upstream": "'aftership:main'", "measure": f"'{measure}'", "bucket": "0", "number": "2000"}
            insert(ServiceDay, days, columns | {"day": day}, first=at * days + 1)
        for at, measure in enumerate((LAG_TO_US, LAG_TO_COMMERCETOOLS)):
            columns = {"upstream": "'aftership:main'", "measure": f"'{measure}'", "bucket": f"n / {days}"}
            insert(ServiceDay, days * 12, columns | {"number": "900", "day": day}, first=at * 12 * days + days)
        numbers = {"orders": "11", "ripe_30": "10", "ripe_60": "9", "ripe_90": "8", "again_30": "1"}
        ago = f"n / {days * len(STORES)} * 4"  # days since the shopper's order before; 0: there is none
        before = f"CASE WHEN {ago} = 0 THEN 0 ELSE ({day}) - date '0001-01-01' + 1 - {ago} END"
        for course in Course.values:
            places = {"project_id": "1", "store_id": f"1 + n / {days} % 5", "course": f"'{course}'"}
            days_of_course = places | numbers | {"day": day, "previous": before}
            insert(RepeatDay, days * len(STORES) * DAYS_BEFORE, days_of_course, first=0)
        for first in RepeatDay.objects.dates("day", "month"):
            add_up_month(first)
        mails = {"store_id": f"1 + n / {days} % 5", "told": "900", "sent": "800", "reported": "700", "arrived": "690"}
        insert(MailDay, days * len(STORES), mails | {"day": day}, first=0)
        insert(Contact, days * 500, {
            "source": "'bench'", "ticket": "n::text", "project_id": str(project.pk), "status": "'in_transit'",
            "cause": one_of(ContactCause.values), "opened_at": f"({day})::timestamptz",
            "closed_at": f"({day})::timestamptz + interval '5 hours'",
        })  # fmt: skip


def repeat_facts(cursor: Any, made: int, weeks: int) -> None:
    """The first week's facts over again, each with a key of its own."""
    moved = [field.column for field in ParcelFact._meta.concrete_fields if isinstance(field, DateField)]
    same = [field.column for field in ParcelFact._meta.concrete_fields if field.column not in (*moved, "parcel_id")]
    cursor.execute("CREATE TEMPORARY TABLE first_facts AS SELECT * FROM analytics_parcelfact")
    for week in range(1, weeks):
        facts = ", ".join([*same, *(f"{name} - interval '{week * WEEK} days'" for name in moved)])
        cursor.execute(
            f"INSERT INTO analytics_parcelfact (parcel_id, {', '.join([*same, *moved])}) "
            f"SELECT parcel_id + {week * made}, {facts} FROM first_facts"
        )
        if week % 4 == 0:
            note(f"{bar(week / weeks)} {made * (week + 1):>9,} facts")


def repeat_sums(cursor: Any, table: str, numbers: Sequence[str], weeks: int) -> None:
    """The first week's sums by day over again; scans reach into the next week, so what meets is added up."""
    keys = [name for name in ("spread", "bucket") if "number" in numbers]
    values = [name for name in numbers if name not in keys]
    names = ", ".join(["cohort", "slice_id", "day", *keys, *values])
    cursor.execute(f"CREATE TEMPORARY TABLE first_week AS SELECT {names} FROM {table} WHERE cohort < 2")
    cursor.execute(f"TRUNCATE {table}")
    moved = ["day - 7 * week", *(BUCKET if name == "bucket" else name for name in keys)]
    sums, groups = [f"sum({name})" for name in values], [str(n) for n in range(1, 4 + len(keys))]
    cursor.execute(
        f"INSERT INTO {table} ({names}) SELECT cohort, slice_id, {', '.join([*moved, *sums])} "
        f"FROM first_week, generate_series(0, {weeks - 1}) AS week GROUP BY {', '.join(groups)}"
        " ORDER BY 3"  # as they come in life: day after day
    )
    cursor.execute("DROP TABLE first_week")


def copy_day(chance: random.Random, day: date, number: int, after: int) -> int:
    """The facts of one day of hand-over, and what they add to the sums."""
    now, sums, facts = timezone.now(), Sums(), []
    rows = [row(chance, day, after + n + 1) for n in range(number)]
    slices = slice_ids({slice_of(one) for one in rows})
    for one in rows:
        fact = fact_of(one, now)
        fact.slice_id = slices[slice_of(one)]
        fact.counted = counted_as(fact, HERE)
        sums.add(fact.counted)
        facts.append(fact)
    for start in range(0, number, 1_000):
        upsert_rows(facts[start : start + 1_000], ["parcel_id"])
    add(sums)
    return number


def row(chance: random.Random, day: date, number: int) -> dict[str, Any]:
    """One parcel as the query of ``refresh`` gives it: nine of ten arrive, one of ten has trouble."""
    ready = datetime(day.year, day.month, day.day, chance.randrange(6, 20), tzinfo=UTC)
    store = chance.choices(list(STORES), WEIGHTS)[0]
    channel, courier, country = (chance.choice(among) for among in STORES[store])
    clocks, status, troubles, estimates = life(chance, ready)
    return dict.fromkeys(COLUMNS) | {
        "pk": number, "order_id": number, "route_id": 1, "tracking_id": f"{number:032x}", "is_return": False,
        "tracking_number": str(number), "shipped_at": ready, "created_at": ready, "order__project_id": 1,
        "decision": {"facts": {"supply_channels": [channel]}, "promise_days": 3},
        "order__store_id": store, "order__store__time_zone": "Europe/Berlin", "order__store__countries": ["DE"],
        "order__destination_country": country, "order__ordered_at": ready - timedelta(hours=chance.randrange(4, 40)),
        "order__order_state": "Open", "tracking__account_id": 1, "tracking__courier": courier,
        "tracking__requested_courier": courier, "tracking__status": status, "tracking__subtag": "",
        "tracking__clocks": clocks, "tracking__estimates": estimates, "tracking__opened_at": ready,
        "tracking__received_at": ready,
        "tracking__tallies": {"scans": 5, "attempts": int("first_attempt" in clocks), "longest_gap_hours": 20.0,
                              "troubles": troubles},
    }  # fmt: skip


def life(chance: random.Random, ready: datetime) -> tuple[dict[str, Any], str, list[list[str]], list[list[str]]]:
    """Clocks, status, troubles and estimates."""
    if chance.random() < 0.02:
        return {}, "info_received", [], []
    scan = ready + timedelta(hours=chance.expovariate(1 / 9))
    done = scan + timedelta(hours=8 + chance.expovariate(1 / 40))
    estimates = [[clock(scan)["at"], (scan.date() + timedelta(days=chance.randrange(1, 4))).isoformat()]]
    clocks, troubles = {"announced": clock(ready), "first_scan": clock(scan), "last_news": clock(done)}, []
    if chance.random() < 0.1:
        subtag = f"Exception_{chance.randrange(1, 20):03d}"
        clocks["exception"], troubles = clock(scan + timedelta(hours=5)), [["exception", subtag]]
    if chance.random() < 0.03:
        return clocks, "in_transit", troubles, estimates
    if chance.random() < 0.01:
        return clocks, "lost", troubles, estimates
    clocks |= {"first_attempt": clock(done), "delivered": clock(done)}
    return clocks, "delivered", troubles, estimates


def clock(at: datetime) -> dict[str, Any]:
    local = at.astimezone(HERE).replace(tzinfo=None)
    return {"at": at.isoformat(), "local": local.isoformat(), "is_offset_known": True}
