"""The year as rows: orders, parcels, trackings with scans and clocks, tickets. Written many at a time.

    days, oldest first ─ orders of each ─> Batch ─ every 500 orders, in one transaction ─> the database

Keys are counted on from the highest there is, so that rows can be linked before they are written.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Max, Model

from analytics.history.seasons import demand
from analytics.history.told import Telling, told_before
from analytics.history.ways import DAY, WORDS, Maker, Step, Way
from analytics.history.world import FRONTS, Carrier, Storefront
from config.correlation import ALPHABET
from stores.models import AfterShipAccount, Project, Route, Store
from tracking.enums import FINISHED, ContactCause, ParcelStatus
from tracking.models import Change, Checkpoint, Contact, Message, Order, Parcel, Tracking
from tracking.payloads.from_aftership import status_of
from tracking.services.lives import scan_of, take_life
from tracking.services.rows import insert_rows, upsert_rows
from tracking.services.shoppers import shopper_key
from tracking.services.status_rules import StatusRules

DAYS = 365
PARCELS_PER_ORDER = 1.17  # boxes of split orders, and returns
ORDERS_AT_ONCE = 500
KEPT_BY_AFTERSHIP = 120 * DAY
ITEMS = {
    "boot": ("BOOT-42", {"de": "Wanderschuh", "en": "Hiking boot"}),
    "sock": ("SOCK-40", {"de": "Wandersocke", "en": "Walking sock"}),
    "coat": ("COAT-M", {"de": "Regenjacke", "en": "Rain coat"}),
    "pack": ("PACK-30", {"de": "Rucksack", "en": "Backpack"}),
    "tent": ("TENT-2", {"de": "Zelt", "en": "Tent"}),
}
NAMES = (
    "anna",
    "ben",
    "carla",
    "david",
    "emma",
    "finn",
    "greta",
    "hugo",
    "ida",
    "jonas",
    "klara",
    "leo",
    "mia",
    "noah",
)
AGAIN = {"on_time": 0.42, "late": 0.30, "problem": 0.17}
ASKS = {"on_time": 0.015, "late": 0.13, "problem": 0.40}


@dataclass
class Place:
    """A storefront with the rows that its orders stand on."""

    front: Storefront
    project: Project
    store: Store
    account: AfterShipAccount
    route: Route
    dice: random.Random
    maker: Maker
    telling: Telling
    returning: dict[date, list[str]] = field(default_factory=lambda: defaultdict(list))  # shoppers who order again


@dataclass
class Batch:
    """Rows that are not written yet."""

    orders: list[Order] = field(default_factory=list)
    trackings: list[Tracking] = field(default_factory=list)
    scans: list[Checkpoint] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)


class Year:
    """About so many parcels; ``last`` is the day after the year. With ``leaves_marks`` a worker counts them in."""

    def __init__(self, places: list[Place], parcels: int, seed: int, last: date, *, leaves_marks: bool = False) -> None:
        self.places, self.wanted, self.last = places, parcels, last
        self.now = datetime.combine(last, time(), UTC)
        self.dice = random.Random(seed)
        self.order_pk, self.parcel_pk = highest(Order), highest(Parcel)
        self.made, self.orders, self.shoppers, self.batch = 0, 0, 0, Batch()
        self.rules, self.leaves_marks = StatusRules(), leaves_marks

    def write(self) -> Iterator[int]:
        """Day by day; each batch is a transaction of its own."""
        days = [self.last - (DAYS - n) * DAY for n in range(DAYS)]
        total = sum(demand(day, self.last) for day in days)
        for day in days:
            for place in self.places:
                exact = self.wanted / PARCELS_PER_ORDER * place.front.share * demand(day, self.last) / total
                for _ in range(int(exact) + (self.dice.random() < exact % 1)):
                    self.add_order(place, day)
            if len(self.batch.orders) >= ORDERS_AT_ONCE:
                yield self.flush()
        insert_rows([one for place in self.places for one in place.telling.counts()])
        yield self.flush()
        follow_sequences()

    def flush(self) -> int:
        """Store what was gathered, in one transaction, and begin anew."""
        batch, self.batch = self.batch, Batch()
        with transaction.atomic():
            upsert_rows(batch.orders, ["id"])
            upsert_rows(batch.trackings, ["id"])
            insert_rows(batch.scans)
            upsert_rows(batch.parcels, ["id"])
            insert_rows(batch.contacts)
            insert_rows(batch.messages)
            if not self.leaves_marks:  # facts are made of the whole year at once: nobody need count these one by one
                rows = {Change.Kind.PARCEL: batch.parcels, Change.Kind.ORDER: batch.orders}
                for kind, made in rows.items():
                    Change.objects.filter(kind=kind, subject__in=[str(one.pk) for one in made]).delete()
        self.made += len(batch.parcels)
        return self.made

    # One order ----------------------------------------------------------------------------------------------------

    def add_order(self, place: Place, day: date) -> None:
        """An order with its boxes, perhaps a return, perhaps a ticket, perhaps another order later."""
        dice, front = self.dice, place.front
        again = place.returning[day]
        email = again.pop() if again else self.new_shopper()
        hour = dice.choices((8, 12, 16, 19, 21, 23), (1, 2, 2, 4, 4, 1))[0]
        moment = time(hour, dice.randrange(60), dice.randrange(60))
        ordered_at = datetime.combine(day, moment, place.maker.zone).astimezone(UTC)
        country = dice.choices(list(front.countries), list(front.countries.values()))[0]
        items = {name: dice.choice((1, 1, 1, 2)) for name in dice.sample(list(ITEMS), dice.choice((1, 1, 2, 3)))}
        order = self.order_row(place, email, ordered_at, country, items)
        if dice.random() < 0.02:
            order.order_state = "Cancelled"
            return
        boxes = min(len(items), dice.choices((1, 2, 3), (78, 18, 4))[0])
        shipped_at, ways = place.maker.shipped(ordered_at), []
        promise = front.promise(day, self.last)
        for box in range(boxes):
            part = dict(list(items.items())[box::boxes])
            left_at = shipped_at if box == 0 else place.maker.shipped(shipped_at)
            if left_at > self.now:
                continue
            carrier = dice.choices(front.carriers, [one.share for one in front.carriers])[0]
            way = place.maker.way(carrier, country, left_at, ordered_at + promise * DAY)
            parcel = self.add_parcel(place, order, carrier, way, part, promise)
            told = place.telling.messages(order, parcel, way)
            place.telling.look(order, way)
            self.batch.messages += told
            ways.append((way, parcel, told))
        self.what_follows(place, order, ways)

    def what_follows(self, place: Place, order: Order, ways: list[tuple[Way, Parcel, list[Message]]]) -> None:
        """A return, a ticket, another order."""
        arrived = [way.delivered_at for way, _parcel, _told in ways if way.delivered_at]
        if arrived and len(arrived) == len(ways) and self.dice.random() < 0.09:
            self.add_return(place, order, max(arrived))
        if not ways:
            return
        worst = max(ways, key=lambda one: ("on_time", "late", "problem").index(one[0].course))
        course = worst[0].course
        if self.dice.random() < ASKS[course]:
            self.add_contact(order, *worst)
        if arrived and self.dice.random() < AGAIN[course]:
            next_day = (max(arrived) + self.dice.randrange(6, 85) * DAY).date()
            place.returning[next_day].append(order.customer_email)

    def new_shopper(self) -> str:
        self.shoppers += 1
        return f"{self.dice.choice(NAMES)}.{self.shoppers}@example.com"

    def order_row(self, place: Place, email: str, ordered_at: datetime, country: str, items: dict[str, int]) -> Order:
        """The made-up order as a row, unsaved."""
        self.orders += 1
        self.order_pk += 1
        city, postcode = self.dice.choice(place.front.cities)
        order = Order(
            id=self.order_pk,
            project=place.project,
            commercetools_id=self.hex(32),
            order_number=f"{place.front.store[:2].upper()}Y-{100_000 + self.orders}",
            correlation_id=self.code(),
            store=place.store,
            customer_email=email,
            shopper_key=shopper_key(email),
            locale=place.front.locale,
            destination_country=country,
            destination_city=city,
            destination_postal_code=postcode,
            items=items,
            item_words={name: {"sku": ITEMS[name][0], "name": ITEMS[name][1]} for name in items},
            ordered_at=ordered_at,
            version=4,
            order_state="Complete",
            created_at=ordered_at,
            collected_at=ordered_at + timedelta(minutes=1),
        )
        self.batch.orders.append(order)
        return order

    # One parcel ---------------------------------------------------------------------------------------------------

    def add_parcel(
        self, place: Place, order: Order, carrier: Carrier, way: Way, items: dict[str, int], promise: int | None,
        *, is_return: bool = False,
    ) -> Parcel:  # fmt: skip
        """The parcel, its tracking, and the scans that have happened."""
        tracking = self.tracking_row(place, order, carrier, way, is_return=is_return)
        scans = [self.scan_row(tracking, carrier, place, way.steps, n) for n in range(len(way.steps))]
        take_life(tracking, [scan_of(scan) for scan in scans], self.rules)
        self.parcel_pk += 1
        facts = {"project": place.project.key, "store": place.store.key, "country": order.destination_country}
        channel = place.telling.dice.choices(list(place.front.channels), list(place.front.channels.values()))
        courier = {"slug": carrier.courier, "because": f"'{carrier.text}' is mapped to it", "mapping_id": None}
        decision = {"facts": facts | {"carrier": carrier.text, "supply_channels": channel}, "courier": courier}
        parcel = Parcel(
            id=self.parcel_pk,
            order=order,
            commercetools_id=self.hex(32),
            delivery_id="" if is_return else self.hex(32),
            carrier=carrier.text,
            tracking_number=tracking.tracking_number,
            is_return=is_return,
            items=items,
            tracking=tracking,
            route=place.route,
            decision=decision if is_return else decision | {"promise_days": promise},
            shipped_at=way.shipped_at,
            created_at=way.shipped_at,
            written_at=None if is_return else (tracking.received_at or tracking.opened_at),
        )
        self.batch.trackings.append(tracking)
        self.batch.scans += scans
        self.batch.parcels.append(parcel)
        return parcel

    def tracking_row(self, place: Place, order: Order, carrier: Carrier, way: Way, *, is_return: bool) -> Tracking:
        """The made-up tracking as its last news left it, unsaved."""
        tag, subtag, status = self.state_of(way)
        last = way.steps[-1].at if way.steps else None
        heard = last + timedelta(minutes=self.dice.randrange(4, 50)) if last else None
        is_over = last is not None and self.now - last > KEPT_BY_AFTERSHIP
        key, asked = self.hex(32), carrier.courier if self.dice.random() > 0.02 else ""
        return Tracking(
            id=key,
            account=place.account,
            aftership_id=key,
            correlation_id=order.correlation_id,
            tracking_number=carrier.number.format(self.dice.randrange(10**9)),
            requested_courier=asked,
            courier=carrier.courier,
            is_return=is_return,
            status=status,
            tag=tag,
            subtag=subtag,
            eta=way.estimates[-1][1].date() if way.estimates else None,
            estimates=[[said.astimezone(UTC).isoformat(), on.date().isoformat()] for said, on in way.estimates],
            delivered_at=way.delivered_at.isoformat() if way.delivered_at else "",
            last_message=WORDS[way.steps[-1].subtag] if way.steps else "",
            last_location=order.destination_city if way.steps else "",
            last_checkpoint_at=last.isoformat() if last else "",
            is_moving=False,
            updated_at=heard,
            status_changed_at=last,
            created_at=way.shipped_at,
            opened_at=way.shipped_at + timedelta(seconds=self.dice.randrange(2, 90)),
            received_at=heard,
            forgotten_at=last + KEPT_BY_AFTERSHIP if is_over and last else None,
        )

    def state_of(self, way: Way) -> tuple[str, str, ParcelStatus]:
        """Tag, subtag and status today: of the newest scan; expired after thirty days without one."""
        newest = way.steps[-1] if way.steps else None
        subtag = newest.subtag if newest else "Pending_001"
        tag = newest.tag if newest else "Pending"
        status = status_of(tag, subtag)
        if status not in FINISHED and self.now - (newest.at if newest else way.shipped_at) > 30 * DAY:
            return "Expired", "Expired_001", ParcelStatus.EXPIRED
        return tag, subtag, status

    def scan_row(self, tracking: Tracking, carrier: Carrier, place: Place, steps: list[Step], n: int) -> Checkpoint:
        """One made-up scan as a row, unsaved."""
        step = steps[n]
        here = step.at.astimezone(place.maker.zone)
        local = here.replace(tzinfo=None, microsecond=0).isoformat()
        happened_at = step.at.astimezone(UTC) if carrier.has_offset else None
        return Checkpoint(
            tracking=tracking,
            fingerprint=f"{tracking.id}-{n}",
            tag=step.tag,
            subtag=step.subtag,
            subtag_message=WORDS[step.subtag],
            message=WORDS[step.subtag],
            location=place.front.cities[n % len(place.front.cities)][0],
            courier=carrier.courier,
            source="carrier",
            time_text=here.isoformat(timespec="seconds") if carrier.has_offset else local,
            happened_at=happened_at,
            local_time=local,
            sort_at=happened_at or datetime.fromisoformat(local).replace(tzinfo=UTC),
            reported_at=step.at + timedelta(minutes=self.dice.randrange(2, 45)),
            created_at=step.at + timedelta(minutes=50),
        )

    def add_return(self, place: Place, order: Order, arrived_at: datetime) -> None:
        """Some days later a part of it comes back."""
        sent_at = arrived_at + self.dice.randrange(2, 14) * DAY
        if sent_at > self.now:
            return
        name = self.dice.choice(list(order.items))
        way = place.maker.way_back(sent_at)
        self.add_parcel(place, order, place.front.carriers[0], way, {name: 1}, None, is_return=True)

    def add_contact(self, order: Order, way: Way, parcel: Parcel, told: list[Message]) -> None:
        """The shopper asks, a few days after the parcel left; why, by where it was then."""
        asked_at = way.shipped_at + timedelta(hours=self.dice.randrange(50, 170))
        if asked_at > self.now:
            return
        seen = [step for step in way.steps if step.at <= asked_at]
        status = status_of(seen[-1].tag, seen[-1].subtag) if seen else ParcelStatus.PENDING
        cause = cause_of(status, way.course)
        answered_at = asked_at + timedelta(minutes=self.dice.randrange(10, 2_000))
        self.batch.contacts.append(
            Contact(
                source="helpdesk",
                ticket=f"Y-{self.parcel_pk}",
                project=order.project,
                order=order,
                parcel=parcel,
                cause=cause,
                status=status,
                warned_at=told_before(told, cause, asked_at),
                opened_at=asked_at,
                closed_at=answered_at if answered_at < self.now else None,
                created_at=asked_at,
            )
        )

    def hex(self, length: int) -> str:
        return f"{self.dice.getrandbits(4 * length):0{length}x}"

    def code(self) -> str:
        letters = "".join(self.dice.choices(ALPHABET, k=8))
        return f"{letters[:4]}-{letters[4:]}"


def cause_of(status: ParcelStatus, course: str) -> ContactCause:
    """What was the matter then."""
    causes = {
        ParcelStatus.DELIVERED: ContactCause.NOT_RECEIVED,
        ParcelStatus.PENDING: ContactCause.NOT_SCANNED,
        ParcelStatus.INFO_RECEIVED: ContactCause.NOT_SCANNED,
        ParcelStatus.ATTEMPT_FAILED: ContactCause.ATTEMPT,
        ParcelStatus.AVAILABLE_FOR_PICKUP: ContactCause.ATTEMPT,
        ParcelStatus.IN_TRANSIT: ContactCause.LATE if course != "on_time" else ContactCause.NONE,
        ParcelStatus.OUT_FOR_DELIVERY: ContactCause.NONE,
    }
    return causes.get(status, ContactCause.PROBLEM)


def highest(model: type[Model]) -> int:
    return model._default_manager.aggregate(pk=Max("pk"))["pk"] or 0


def follow_sequences() -> None:
    """Let the database count on from the keys that were given by hand."""
    statements = connection.ops.sequence_reset_sql(no_style(), [Order, Parcel])
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def places_of(ground: dict[str, Any], seed: int, last: date) -> list[Place]:
    """The storefronts with their rows, each with dice of its own. ``ground``: rows by the store's key."""
    now, found = datetime.combine(last, time(), UTC), []
    for front in FRONTS:
        dice = random.Random(f"{seed}:{front.store}")
        rows = dict(ground[front.store])
        telling = Telling(rows.pop("brand"), rows.pop("promotion"), f"{seed}:{front.store}", now)
        found.append(Place(front, **rows, dice=dice, maker=Maker(front, dice, now), telling=telling))
    return found
